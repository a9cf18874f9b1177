"""An erasure takes all that was the customer's and nothing else: own sessions, shared addresses, undone links."""

from __future__ import annotations

import pytest

from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Node, profile_node
from hardlink.domain.records import Contribution, Erased, Record, SessionRow
from hardlink.queries.customer import Customer
from tests.component.privacy.test_erasure import gone
from tests.support.world import SPACE, World

EMAIL = "e@x.com"


# -- a customer's own session --------------------------------------------------------------------------------------


def _told_by_the_backend(world: World) -> None:
    """A visitor known by an address, which the backend then names with the customer in an event of no device."""
    world.identify("S1", ids={"email": EMAIL})
    event = {"type": "refund", "id": "of-the-backend"}
    world.track(
        None, event, server_side=True, ids={"registered": "gordon", "email": EMAIL}
    )
    world.settle()


def test_a4_undoing_a_log_in_leaves_a_customers_own_session(world: World) -> None:
    _told_by_the_backend(world)
    world.unlink("S1")
    world.settle()
    assert world.session("@registered=gordon")["customer"]["value"] == "gordon"
    assert world.timeline("gordon") == ["of-the-backend"]
    assert world.session("S1")["customer"] == {"type": "email", "value": EMAIL}


@pytest.mark.parametrize(
    "unlinked", [["S1"], ["@registered=gordon"], ["S1", "@registered=gordon"], []]
)
def test_a4_an_erasure_ends_a_customers_own_session_whatever_was_undone(
    world: World, unlinked: list[str]
) -> None:
    _told_by_the_backend(world)
    for session in unlinked:
        world.unlink(session)
    world.settle()
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "gordon", "of-the-backend")
    with pytest.raises(NotFound):
        world.session("@registered=gordon")


def test_a4_an_order_leaves_a_customers_own_session_to_the_undo_of_no_other(
    world: World,
) -> None:
    world.identify("S1", ids={"email": EMAIL})
    world.order("77", ids={"registered": "gordon", "email": EMAIL})
    world.settle()
    world.unlink("S1")
    world.settle()
    assert world.timeline("gordon") == ["order=77"]
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "gordon")


def test_a4_an_own_session_that_begins_anew_shows_nothing_of_before(
    world: World,
) -> None:
    _told_by_the_backend(world)
    world.erase("gordon")
    world.spread()
    new = {"type": "refund", "id": "new"}
    world.track(None, new, server_side=True, ids={"registered": "gordon"})
    world.drain()
    assert world.timeline("gordon") == ["new"]
    world.swept()
    world.check()
    gone(world, "of-the-backend")
    assert world.timeline("gordon") == ["new"]


# -- histories of those who stay -----------------------------------------------------------------------------------


def _kept_beside_an_erased_one(world: World) -> None:
    """S1 was known by an address that turned out to be gordon's, and is alyx's by the last word of S1."""
    world.identify("S1", "split", ids={"email": EMAIL})
    world.identify("S2", "split", ids={"registered": "gordon", "email": EMAIL})
    world.identify("S1", "split", ids={"registered": "alyx", "email": EMAIL})
    world.track("S1", {"type": "view", "id": "v-alyx"}, source="split")
    world.settle()
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "gordon")


def test_a10_an_undo_after_an_erasure_takes_back_a_whole_command(world: World) -> None:
    _kept_beside_an_erased_one(world)
    assert world.timeline(EMAIL, "email") == ["v-alyx"]
    world.unlink("S1")
    world.settle()
    assert world.session("S1")["customer"] is None
    with pytest.raises(NotFound):
        world.customer(EMAIL, "email")


def test_a10_no_history_names_a_visitor_who_was_erased_after_another(
    world: World,
) -> None:
    _kept_beside_an_erased_one(world)
    profile = world.session("S1")["profile"]["id"]
    world.erase_session("S1")
    world.swept()
    world.check()
    gone(world, profile)
    assert world.customer(EMAIL, "email")["customer"]["value"] == "alyx"


# -- who is known by an address that is another's ------------------------------------------------------------------


def _known_by_an_address_of_another(world: World) -> str:
    """S1 is known by an address alone, which finds alyx by now. Answers the profile of S1."""
    world.identify("S1", ids={"email": EMAIL}, properties={"city": "Xen"})
    world.identify("S2", ids={"registered": "gordon", "email": EMAIL})
    world.identify("S3", ids={"registered": "alyx", "email": EMAIL})
    world.unlink("S1")
    world.track("S1", {"type": "view", "id": "v-S1"})
    world.settle()
    return str(world.session("S1")["profile"]["id"])


def test_a9_who_is_known_by_an_address_of_another_can_be_read(world: World) -> None:
    profile = _known_by_an_address_of_another(world)
    assert world.session("S1")["customer"] == {"type": "email", "value": EMAIL}
    assert world.timeline(profile, "profile") == ["v-S1"]
    assert world.customer(profile, "profile")["attributes"] == {"city": "Xen"}
    assert world.customer(EMAIL, "email")["customer"]["value"] == "alyx"


def test_a9_erasing_the_owner_of_an_address_takes_nobody_along_who_is_known_by_it(
    world: World,
) -> None:
    profile = _known_by_an_address_of_another(world)
    world.erase("alyx")
    world.swept()
    world.check()
    gone(world, "alyx")
    for name, type_ in ((profile, "profile"), (EMAIL, "email")):
        assert world.timeline(name, type_) == ["v-S1"]
        assert world.customer(name, type_)["attributes"] == {"city": "Xen"}
    world.erase(profile, "profile")
    world.swept()
    world.check()
    gone(world, EMAIL, "v-S1", "Xen", profile)


def test_a9_erasing_an_address_erases_its_owner_and_who_is_known_by_it(
    world: World,
) -> None:
    profile = _known_by_an_address_of_another(world)
    first = world.erase(EMAIL, "email")
    world.swept()
    world.check()
    gone(world, "alyx", EMAIL, "v-S1", "Xen", profile)
    assert world.customer("gordon")["customer"]["value"] == "gordon"
    assert world.erase(EMAIL, "email") == first


def test_a_merged_customer_shows_nothing_that_was_erased_of_a_visitor_of_both() -> None:
    """What an erasure has yet to delete is named by either customer's contribution."""
    visitor = profile_node("p")
    gone_of = {"a": Erased(0, 5, 100), "b": Erased(20, 30, 100)}
    parts = {"a": ((0, 10),), "b": ((10, 40),)}
    customers = [
        Customer(
            SPACE,
            Node("registered", name),
            Record(),
            (Contribution(visitor, parts[name], {}, erased=(gone_of[name],)),),
            (SessionRow("s", visitor, 0, 40, 40),),
            (),
        )
        for name in ("a", "b")
    ]
    merged = customers[0].absorb(customers[1])
    shown = {
        time
        for interval in merged.session_intervals()
        for time in range(interval.start, interval.end)
        if interval.shows(time, received=50)
    }
    assert shown == {*range(5, 20), *range(30, 40)}
