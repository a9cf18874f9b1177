"""How much one visitor, and one customer, may be linked: what is beyond is refused, counted, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hardlink import metrics
from hardlink.domain.errors import Refused
from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import DAY
from tests.support.engines.tables import Engine
from tests.support.world import SOURCES, SPACE, World, in_memory

MOST = 3


def capped(world: World, *, links: int = 100, profiles: int = 10_000) -> World:
    """The same world with these caps."""
    project = replace(SOURCES.projects[SPACE], profiles_a_customer=profiles)
    of = {
        name: replace(one, links_a_day=links) for name, one in SOURCES.sources.items()
    }
    return replace(world, sources=Sources({SPACE: project}, of))


@pytest.fixture(autouse=True)
def _counted() -> None:
    metrics.take_metrics()


def refused(call: Callable[[], Any]) -> str:
    """With which code a call is refused; it changes nothing."""
    with pytest.raises(Refused) as error:
        call()
    assert error.value.status == 409
    return error.value.code


def test_a_visitor_is_linked_so_many_times_a_day() -> None:
    world = capped(in_memory(), links=MOST)
    for number in range(MOST):
        world.identify("s1", ids={"registered": f"c{number}"})
    before = world.dumped()
    assert refused(lambda: world.identify("s1", ids={"registered": "one more"})) == (
        "too_many_links_a_day"
    )
    assert world.dumped() == before
    assert metrics.take_metrics().counts["links_capped"] == 1
    world.identify("s1", ids={"registered": f"c{MOST - 1}"})  # that is so already
    world.identify("s2", ids={"registered": "one more"})  # another visitor
    world.clock.pass_(DAY)
    world.identify("s1", ids={"registered": "one more"})
    world.settle()


def test_what_an_event_says_counts_as_well() -> None:
    world = capped(in_memory(), links=MOST)
    for number in range(MOST):
        world.track("s1", ids={"registered": f"c{number}"})
    assert (
        refused(lambda: world.track("s1", ids={"registered": "x"}))
        == "too_many_links_a_day"
    )
    assert len(world.session_events("s1")) == MOST


def test_a_link_that_is_taken_back_is_counted_all_the_same() -> None:
    world = capped(in_memory(), links=MOST)
    for number in range(MOST):
        world.identify("s1", ids={"registered": f"c{number}"})
        world.unlink("s1")
    assert (
        refused(lambda: world.identify("s1", ids={"registered": "x"}))
        == "too_many_links_a_day"
    )


def test_the_orders_of_the_shop_itself_are_not_counted() -> None:
    world = capped(in_memory(), links=1)
    for number in range(MOST):
        world.order(f"n{number}", ids={"registered": "gordon"})
    world.settle()


def crowded(world: World) -> World:
    """A customer with as many profiles as there may be."""
    for number in range(MOST):
        world.identify(f"s{number}", ids={"registered": "gordon"})
    world.drain()
    return world


def test_a_customer_has_so_many_profiles(engine: Engine) -> None:
    world = crowded(capped(engine.world(), profiles=MOST))
    before = world.dumped()
    for call in (
        lambda: world.identify("new", ids={"registered": "gordon"}),
        lambda: world.track("new", ids={"registered": "gordon"}),
        lambda: world.update("new", ids={"registered": "gordon"}, properties={"a": 1}),
    ):
        assert refused(call) == "too_many_profiles"
        assert world.dumped() == before  # no session is left behind either
    assert metrics.take_metrics().counts["profiles_capped"] == MOST
    world.identify(
        "s1", ids={"registered": "gordon"}, properties={"a": 1}
    )  # one of them
    world.update(None, ids={"registered": "gordon"}, properties={"b": 1})
    world.identify("new", ids={"registered": "barney"})
    assert refused(lambda: world.identify("new", ids={"registered": "gordon"})) == (
        "too_many_profiles"
    )
    world.settle()


def test_a_customer_known_by_an_address_alone_has_so_many_too() -> None:
    world = capped(in_memory(), profiles=MOST)
    for number in range(MOST):
        world.identify(f"s{number}", ids={"email": "g@x.com"})
    world.drain()
    assert (
        refused(lambda: world.identify("new", ids={"email": "g@x.com"}))
        == "too_many_profiles"
    )


def test_a_profile_that_goes_leaves_room_for_another() -> None:
    world = crowded(capped(in_memory(), profiles=MOST))
    world.unlink("s1")
    world.drain()
    world.identify("new", ids={"registered": "gordon"})
    world.settle()


def test_what_the_shop_itself_tells_of_a_full_customer_is_kept() -> None:
    world = crowded(capped(in_memory(), profiles=MOST))
    world.order("n1", ids={"registered": "gordon"})
    world.settle()
    assert [event["type"] for event in world.events("gordon")][:1] == ["conversion"]


def test_only_who_joins_a_customer_that_is_there_counts_its_profiles(
    engine: Engine,
) -> None:
    """A steady call, a first customer and a call that says what is so cost what they cost."""
    world = engine.world()
    with engine.counted() as found:
        world.track("s1")
        world.identify("s1", ids={"registered": "gordon"})
        world.identify("s1", ids={"registered": "gordon"})
        world.track("s1")
    assert "ConsistentQuery" not in found
    world.drain()
    world.track("s2")
    with engine.counted() as found:
        world.identify("s2", ids={"registered": "gordon"})
    assert found["ConsistentQuery"] == 1
