"""From the answer on, whether its queue has come to it or not: readers are shown nothing of an erased visitor."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardlink.domain.times import HOUR, MINUTE
from tests.support.world import World, in_memory

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
