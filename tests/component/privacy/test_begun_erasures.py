"""From the answer on, whether its queue has come to it or not: readers are shown nothing of an erased visitor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count

import pytest

from hardlink.domain.errors import Refused
from hardlink.domain.times import HOUR, MINUTE
from hardlink.queries import computed
from hardlink.services.erasure.sweep import AT_ONCE
from hardlink.storage.activity import find_rows_of_session
from tests.component.privacy.test_erasure import gone
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, World, in_memory

GORDON = {"registered": "gordon"}


def _by_session(world: World) -> None:
    world.erase_session("s0")


def _by_consent(world: World) -> None:
    world.consent("s0", "denied", erase=True)
    world.drain()
    world.consent("s0", "granted")


ways = pytest.mark.parametrize("erase", [_by_session, _by_consent])


def begun(erase: Callable[[World], None]) -> World:
    """Gordon was here on two devices; the first one is erased, and its queue has not come to it."""
    world = in_memory()
    # before the log-in: so the device contributes it to the customer
    world.update("s0", properties={"city": "Xen"})
    world.track("s0", {"type": "view", "id": "g0"}, ids=GORDON)
    world.track("s1", {"type": "view", "id": "g1"}, ids=GORDON)
    world.settle()
    world.clock.pass_(HOUR)
    erase(world)
    world.drain()
    world.clock.pass_(MINUTE)
    return world


@ways
def test_h3_a_customer_is_shown_nothing_of_a_device_whose_erasure_began(
    erase: Callable[[World], None],
) -> None:
    world = begun(erase)
    assert world.timeline("gordon") == ["g1"]
    view = world.customer("gordon", traits="*")
    assert [session["id"] for session in view["sessions"]] == ["s1"]
    assert view["computed"]["events"] == 1
    assert view["attributes"] == {}


@ways
@pytest.mark.parametrize("source", ["move", "split"])
def test_h3_the_next_visitor_of_an_erased_session_has_one_customer(
    erase: Callable[[World], None], source: str
) -> None:
    world = begun(erase)
    alyx = {"registered": "alyx"}
    event = {"type": "view", "id": "alyx-private"}
    world.track("s0", event, source=source, ids=alyx)
    world.drain()
    assert world.timeline("gordon") == ["g1"]
    assert world.timeline("alyx") == ["alyx-private"]
    assert world.customer("gordon", traits="*")["computed"]["events"] == 1
    world.swept()
    world.check()
    assert world.timeline("gordon") == ["g1"]
    assert world.timeline("alyx") == ["alyx-private"]


def test_h11_of_many_events_none_of_the_next_visitors_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(computed, "MOST_READ_EVENTS", 4)
    monkeypatch.setattr("hardlink.queries.timeline.MOST_EVENTS", 2)
    world = begun(_by_session)
    for number in range(3):
        event = {"type": "view", "id": f"more{number}"}
        world.track("s1", event, ids=GORDON)
        events = [{"type": "view", "id": f"next{number}-{n}"} for n in range(3)]
        world.track("s0", *events, source="split", ids={"registered": "alyx"})
    world.drain()
    found = world.customer("gordon", traits="*")["computed"]
    assert (found["events"], found["incomplete"]) == (4, {})


def test_h3_a_visitor_who_was_known_by_an_address_is_shown_under_it_no_more() -> None:
    world = in_memory()
    world.track("s0", {"type": "view", "id": "e0"}, ids={"email": "e@x.org"})
    world.settle()
    world.clock.pass_(HOUR)
    _by_session(world)
    world.track("s0", {"type": "view", "id": "next"})
    world.drain()
    assert world.timeline("e@x.org", "email") == []
    world.swept()
    world.check()
    assert world.timeline("e@x.org", "email") == []


Call = Callable[[World], object]


def _order(world: World) -> None:
    with suppress(Refused):
        world.order("o1", ids=GORDON, total=5, currency="EUR")


def _server_side(world: World) -> None:
    world.track(None, {"type": "bought"}, ids=GORDON, server_side=True)


@pytest.mark.parametrize("call", [_order, _server_side])
@pytest.mark.parametrize("writes_before", range(3))
def test_h10_a_call_that_an_erasure_overtakes_leaves_no_row_that_names_the_customer(
    call: Call, writes_before: int
) -> None:
    """The row of the live view is written before the transaction, which is refused then."""
    memory = MemoryStore()
    world = in_memory(memory)
    world.track("s0", {"type": "view"}, ids=GORDON)
    world.settle()
    writes = count()

    def erase_meanwhile(request: str, _: object) -> None:
        if request == "write" and next(writes) == writes_before:
            world.erase("gordon")

    memory.before = erase_meanwhile
    call(world)
    memory.before = None
    world.swept()
    if next(writes) <= writes_before:  # the call was done with fewer
        world.erase("gordon")
        world.swept()
    gone(world, "gordon")


def test_h10_the_row_of_a_customer_who_is_back_stays() -> None:
    world = in_memory()
    _server_side(world)
    world.settle()
    world.clock.pass_(HOUR)
    erasure = world.erase("gordon")
    world.drain()
    while wait := world.sweep.sweep(SPACE, erasure):
        world.clock.pass_(wait)
        if wait > AT_ONCE:
            _server_side(world)
    assert find_rows_of_session(world.store, SPACE, "@registered=gordon")
