"""Who keeps sending the ID of a profile that was erased is one new visitor, on all their sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from hardlink.domain.errors import Busy
from hardlink.domain.graph import Node
from hardlink.domain.records import Key
from hardlink.domain.sources.registry import Source
from hardlink.domain.times import HOUR, to_iso
from hardlink.services.administration import Administration
from hardlink.storage import keys
from hardlink.storage.store import Put
from tests.component.privacy.test_erasure import gone, statuses
from tests.support.memory_store import MemoryStore
from tests.support.world import SOURCES, SPACE, World

pytestmark = pytest.mark.memory


STATIC = Source("static", SPACE, static_profile_id=True)
OWN_IDS = replace(SOURCES, sources={**SOURCES.sources, "static": STATIC})
NAMED = "till-7"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def world(store: MemoryStore) -> World:
    """A shop in memory, of which one source makes its profiles' IDs up; a profile was erased."""
    world = World(store, store.taken, store.dump, sources=OWN_IDS)
    assert visit(world, "S1", "before") == NAMED
    erase(world, "S1")
    world.clock.pass_(HOUR)
    return world


def visit(world: World, session: str, id_: str, source: str = "static") -> str | None:
    """The profile that answers who names the erased one."""
    event = {"type": "view", "id": id_}
    answer = world.track(session, event, source=source, profile={"id": NAMED})
    found: str | None = answer["profile"]["id"]
    return found


def erase(world: World, session: str) -> None:
    world.settle()
    world.erase_session(session)
    world.swept()
    world.check()
    gone(world, NAMED)


@pytest.mark.parametrize("source", ["static", "move"])
def test_who_sends_the_erased_id_is_one_new_visitor(world: World, source: str) -> None:
    found = {visit(world, session, session, source) for session in ("S2", "S3", "S1")}
    assert found.isdisjoint({NAMED, None})
    assert len(found) == 1
    world.identify("S2", ids={"registered": "gordon"})
    world.settle()
    assert world.sessions("gordon") == {"S1", "S2", "S3"}
    gone(world, NAMED, "before")


def test_nobody_can_tell_by_the_next_id_whose_it_was() -> None:
    """Not even who knows the old one and when it was erased."""
    found: set[str | None] = set()
    for secret in ("a", "b"):
        memory = MemoryStore()
        world = World(memory, memory.taken, memory.dump, sources=OWN_IDS)
        world.administration = Administration(
            memory, OWN_IDS, world.clock, partial(str, secret)
        )
        visit(world, "S1", "before")
        world.erase_session("S1")
        found.add(visit(world, "S2", "after"))
    assert len(found) == 2


@pytest.mark.parametrize("source", ["static", "move"])
def test_who_is_being_erased_just_now_is_told_to_come_again(
    world: World, source: str
) -> None:
    head = keys.node_head(SPACE, Node("profile", "till-8"))
    world.store.write(
        [Put(head, {"rev": 2, "created": 1, "erasing_since": 1, "erasure": "e"})]
    )
    with pytest.raises(Busy):
        world.track("S9", source=source, profile={"id": "till-8"})


def test_of_one_that_was_erased_again_too(world: World) -> None:
    first = visit(world, "S2", "second")
    erase(world, "S2")
    found = {visit(world, session, session) for session in ("S3", "S4")}
    assert len(found) == 1
    assert found.isdisjoint({NAMED, first})
    world.settle()
    assert first
    gone(world, NAMED, first, "second")


def test_two_who_come_back_at_once_are_one(world: World, store: MemoryStore) -> None:
    found: list[str | None] = []

    def before(request: str, _: Sequence[Key]) -> None:
        if request == "write" and not found:
            found.append(None)
            found[0] = visit(world, "S2", "a")

    store.before = before
    found.append(visit(world, "S3", "b"))
    assert found[0] == found[1] is not None
    world.settle()


def test_nothing_from_before_is_stored_under_the_next_one(world: World) -> None:
    late = {"type": "view", "id": "late", "time": to_iso(world.clock.now - 2 * HOUR)}
    for session in ("S2", "S3"):
        answer = world.track(session, late, source="static", profile={"id": NAMED})
        assert statuses(answer) == ["dropped"]
        visit(world, session, "now")
        answer = world.track(session, late, source="static", profile={"id": NAMED})
        assert statuses(answer) == ["dropped"]
    world.settle()


@pytest.mark.parametrize("source", ["static", "move"])
def test_who_had_opted_out_is_not_tracked_on_another_session(
    world: World, source: str
) -> None:
    named = {"id": NAMED}
    profile = visit(world, "S2", "second")
    world.consent("S2", "denied", "static")
    erase(world, "S2")
    for session in ("S2", "S3"):
        answer = world.track(session, source=source, profile=named)
        assert (statuses(answer), answer["profile"]["id"]) == (["dropped"], None)
        answer = world.consent(session, "denied", source, profile=named, erase=True)
        assert (answer["tracking"], answer["profile"]["id"]) == ("denied", None)
        assert ("erasure" in answer) == (session == "S2"), "what S2 asked for before"
    world.settle()
    assert profile
    gone(world, NAMED, profile)
    world.consent("S3", "granted", source, profile=named)
    assert visit(world, "S3", "third") == visit(world, "S4", "third") is not None
    world.settle()
    assert statuses(world.track("S2", source=source, profile=named)) == ["dropped"]
