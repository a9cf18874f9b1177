"""An erasure is known by what was named: the same call again answers the same erasure, and erases no other customer."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Node
from hardlink.services.erasure import begin
from hardlink.storage import keys
from tests.component.privacy.test_erasure import gone
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, World, in_memory

EMAIL = "e@x.com"


def _handed_over(world: World) -> None:
    """An address that was cyd's, and then bob's; a visitor known by it alone is cyd's."""
    world.identify("S1", ids={"email": EMAIL})
    world.identify("S2", ids={"registered": "cyd", "email": EMAIL})
    world.track("S2", {"type": "view", "id": "v-cyd"})
    world.identify("S3", ids={"registered": "bob", "email": EMAIL})
    world.track("S3", {"type": "view", "id": "v-bob"})
    world.settle()


def test_a1_the_same_call_again_erases_no_earlier_owner(world: World) -> None:
    _handed_over(world)
    cyd = world.timeline("cyd")
    first = world.erase(EMAIL, "email")
    again = world.erase(EMAIL, "email")
    world.swept()
    later = world.erase(EMAIL, "email")
    assert (again, later) == (first, first)
    world.swept()
    world.check()
    gone(world, "bob")
    assert world.timeline("cyd") == cyd
    assert world.receipt(first)["state"] == "done"


def test_a1_an_owner_who_was_erased_does_not_fall_back_to_an_earlier_one(
    world: World,
) -> None:
    _handed_over(world)
    world.erase("bob")
    world.swept()
    with pytest.raises(NotFound):
        world.customer(EMAIL, "email")
    with pytest.raises(NotFound):
        world.erase(EMAIL, "email")
    assert world.timeline("cyd") == ["v-cyd"]


def test_a1_whoever_gives_the_address_next_is_found_by_it_and_erased_by_it(
    world: World,
) -> None:
    _handed_over(world)
    first = world.erase(EMAIL, "email")
    world.swept()
    world.identify("S4", ids={"registered": "eli", "email": EMAIL})
    world.track("S4", {"type": "view", "id": "v-eli"})
    world.settle()
    assert world.timeline(EMAIL, "email") == ["v-eli"]
    second = world.erase(EMAIL, "email")
    world.swept()
    world.check()
    assert second != first
    gone(world, "eli")
    assert world.timeline("cyd") == ["v-cyd"]


def test_a1_a_visitor_who_gives_the_address_alone_next_can_be_found_by_it(
    world: World,
) -> None:
    _handed_over(world)
    world.erase(EMAIL, "email")
    world.swept()
    world.identify("later", ids={"email": EMAIL})
    world.track("later", {"type": "view", "id": "v-later"})
    world.settle()
    assert "v-later" in world.timeline(EMAIL, "email")


@pytest.mark.parametrize(
    ("type_", "value"),
    [("registered", "bob"), ("loyalty", "L-bob"), ("email", "b@x.com")],
)
def test_a1_every_name_of_an_erased_customer_answers_its_erasure_again(
    world: World, type_: str, value: str
) -> None:
    ids = {"registered": "bob", "loyalty": "L-bob", "email": "b@x.com"}
    world.identify("S1", ids=ids)
    world.settle()
    first = world.erase(value, type_)
    assert world.erase(value, type_) == first
    world.swept()
    assert world.erase(value, type_) == first
    world.check()
    gone(world, "bob", "b@x.com")


def test_a1_a_name_that_joins_an_erasure_in_progress_is_known_by_it(
    world: World,
) -> None:
    world.identify("S1", ids={"registered": "bob", "loyalty": "L-bob"})
    world.settle()
    first = world.erase("bob")
    joined = world.erase("L-bob", "loyalty")
    world.swept()
    assert (joined, world.erase("L-bob", "loyalty")) == (first, first)


def test_a1_a_session_that_is_erased_again_answers_the_same_erasure(
    world: World,
) -> None:
    world.track("S1")
    world.settle()
    first = world.erase_session("S1")
    assert world.erase_session("S1") == first
    world.swept()
    assert world.erase_session("S1") == first
    world.track("S1")
    world.settle()
    assert world.erase_session("S1") != first, "the visitor who came back is another"


def test_a1_a_visitor_who_asks_again_gets_the_same_erasure(world: World) -> None:
    world.track("S1")
    first = world.consent("S1", "denied", erase=True)["erasure"]
    assert world.consent("S1", "denied", erase=True)["erasure"] == first
    world.swept()
    assert world.consent("S1", "denied", erase=True)["erasure"] == first


class _Died(Exception):
    pass


@pytest.mark.parametrize("survives", range(12))
def test_a1_a_call_that_died_and_is_sent_again_goes_on_with_its_own_erasure(
    survives: int,
) -> None:
    memory = MemoryStore()
    world = World(memory, memory.taken, memory.dump)
    _handed_over(world)
    left = [survives]

    def die(request: str, _: object) -> None:
        if request == "write":
            left[0] -= 1
            if left[0] == -1:
                raise _Died

    memory.before = die
    try:
        world.erase(EMAIL, "email")
    except _Died:
        memory.before = None
        world.erase(EMAIL, "email")
    memory.before = None
    world.swept()
    world.check()
    gone(world, "bob")
    assert world.timeline("cyd") == ["v-cyd"]


def test_a1_an_address_that_changes_hands_meanwhile_is_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is erased is who the address finds when the erasure begins, and not a moment before."""
    world = in_memory()
    _handed_over(world)
    meanwhile = [True]
    whole = begin.Erasure._read_path

    def handing_over(*args: Any) -> object:
        path = whole(*args)
        if meanwhile.pop() if meanwhile else False:
            world.identify("S4", ids={"registered": "eli", "email": EMAIL})
        return path

    monkeypatch.setattr(begin.Erasure, "_read_path", handing_over)
    world.erase(EMAIL, "email")
    world.swept()
    gone(world, "eli")
    assert world.timeline("bob") == ["v-bob"]


def test_a1_a_note_names_nobody(world: World) -> None:
    _handed_over(world)
    world.erase(EMAIL, "email")
    note = keys.erasure_note(SPACE, str(Node("email", EMAIL)))
    assert EMAIL not in note.partition
    assert set(world.store.get([note])[0] or {}) == {"erasure"}
