"""What is said of a visitor belongs to whoever they were when it was said, however late it comes."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.times import SECOND, to_iso
from tests.support.world import World

PHONE = {"phone": "555"}


def at(world: World, seconds: int) -> str:
    """So long before now."""
    return to_iso(world.clock.now - seconds * SECOND)


def attributes(world: World, who: str) -> dict[str, Any]:
    world.settle()
    found: dict[str, Any] = world.customer(who)["attributes"]
    return found


@pytest.mark.parametrize("source", ["move", "split"])
@pytest.mark.parametrize("in_time", [True, False])
def test_what_was_said_of_the_first_customer_is_never_the_seconds(
    world: World, source: str, *, in_time: bool
) -> None:
    then = {"time": at(world, 20), "properties": PHONE}
    world.identify("tab", source, ids={"registered": "ann"}, time=at(world, 30))
    if in_time:
        world.update("tab", source, **then)
    world.identify("tab", source, ids={"registered": "bob"}, time=at(world, 10))
    for _ in range(2):
        world.update("tab", source, **then)
        assert attributes(world, "ann") == PHONE
        assert attributes(world, "bob") == {}


def test_what_was_said_before_anybody_was_known_comes_along_like_all_else(
    world: World,
) -> None:
    world.track("tab", source="split")
    then = {"time": at(world, 20), "properties": PHONE}
    world.identify("tab", "split", ids={"registered": "ann"}, time=at(world, 10))
    world.update("tab", "split", **then)
    assert attributes(world, "ann") == PHONE
    world.unlink("tab")
    assert attributes(world, "ann") == {}


def test_an_event_that_is_sent_again_says_nothing_of_the_next_customer(
    world: World,
) -> None:
    event = {"type": "profile-update", "id": "1", "time": at(world, 20)}
    world.identify("tab", "split", ids={"registered": "ann"}, time=at(world, 30))
    world.track("tab", event, source="split", traits={"size": 9})
    world.identify("tab", "split", ids={"registered": "bob"}, time=at(world, 10))
    world.track("tab", event, source="split", traits={"size": 9})
    world.settle()
    assert world.customer("ann")["traits"] == {"size": 9}
    assert world.customer("bob")["traits"] == {}


def test_a_soft_identifier_that_stays_is_of_who_was_logged_in_then(
    world: World,
) -> None:
    event = {"type": "conversion", "id": "1", "time": at(world, 20)}
    world.identify("tab", "split", ids={"registered": "ann"}, time=at(world, 30))
    world.identify("tab", "split", ids={"registered": "bob"}, time=at(world, 10))
    world.track(
        "tab",
        event,
        source="split",
        ids={"email": "ann@x.org"},
        only_current_customer=True,
    )
    world.settle()
    assert world.customer("ann@x.org", "email")["customer"]["value"] == "ann"


def test_what_was_said_of_an_address_stays_with_it_though_it_is_said_again(
    world: World,
) -> None:
    """A command that is sent again after a login copies nothing to the customer, so undoing it is exact."""
    ids = {"email": "ann@x.com"}
    then = at(world, 20)
    world.identify("tab", ids=ids, time=then, properties=PHONE)
    world.identify("tab", ids={"registered": "ann", **ids})
    world.identify("tab", ids=ids, time=then, properties=PHONE)
    assert attributes(world, "ann") == PHONE
    world.unlink("tab")
    assert attributes(world, "ann") == {}
