"""Log-ins as shops have them: newsletter first, account first, guest checkout, a shared device."""

from __future__ import annotations

import json

import pytest

from hardlink.domain.errors import NotFound
from hardlink.domain.times import HOUR
from tests.support.world import World


def view(id_: str) -> dict[str, str]:
    return {"type": "view", "id": id_}


def subscribe(world: World, session: str) -> None:
    """A visitor subscribes to the newsletter with an address alone."""
    world.track(session, view(f"{session} before"))
    world.identify(
        session,
        ids={"email": "g@x.com"},
        properties={"first_name": "Gordon"},
        traits={"cart": ["lamp"]},
        segments={"prospect": True},
        consents={"newsletter": True},
    )
    world.track(session, view(f"{session} subscribed"))
    world.clock.pass_(HOUR)


@pytest.mark.parametrize("policy", ["move", "split", "refuse"])
def test_w1_a_subscriber_who_logs_in_brings_everything_along(
    world: World, policy: str
) -> None:
    subscribe(world, "s1")
    world.identify("s1", policy, ids={"registered": "gordon"})
    world.track("s1", view("after"))
    world.settle()
    found = world.customer("gordon")
    assert found["attributes"] == {"first_name": "Gordon"}
    assert found["traits"] == {"cart": ["lamp"]}
    assert found["segments"] == ["prospect"]
    assert found["consents"]["newsletter"] is True
    assert found["identifiers"] == {"email": ["g@x.com"], "registered": ["gordon"]}
    assert world.timeline("gordon") == ["after", "s1 subscribed", "s1 before"]
    assert world.customer("g@x.com", "email")["customer"]["value"] == "gordon"


def test_w1_other_visitors_of_that_address_come_along(world: World) -> None:
    subscribe(world, "s1")
    subscribe(world, "s2")
    world.identify("s1", ids={"registered": "gordon"})
    world.settle()
    assert world.sessions("gordon") == {"s1", "s2"}
    assert "s2 before" in world.timeline("gordon")


def test_w1_the_log_in_is_undone_whole(world: World) -> None:
    subscribe(world, "s1")
    subscribe(world, "s2")
    world.settle()
    before = world.customer("g@x.com", "email")
    world.identify("s1", ids={"registered": "gordon"})
    world.settle()
    world.unlink("s1")
    world.settle()
    assert world.customer("g@x.com", "email") == before
    assert world.timeline("gordon") == []


@pytest.mark.parametrize("known_by", ["log-in alone", "both together"])
def test_w1_erasing_the_customer_leaves_nothing_of_the_subscriber(
    world: World, known_by: str
) -> None:
    subscribe(world, "s1")
    ids = {"registered": "gordon"}
    if known_by == "both together":
        ids["email"] = "g@x.com"
    world.identify("s1", ids=ids)
    world.track("s1", view("after"))
    world.settle()
    world.erase("gordon")
    world.swept()
    left = json.dumps([(str(key), str(item)) for key, item in world.dumped().items()])
    for trace in ("Gordon", "lamp", "s1 before", "s1 subscribed", "after"):
        assert trace not in left
    for type_, value in (("registered", "gordon"), ("email", "g@x.com")):
        with pytest.raises(NotFound):
            world.customer(value, type_)


@pytest.mark.parametrize("policy", ["move", "split", "refuse"])
def test_w2_an_address_that_a_customer_adds_is_theirs(
    world: World, policy: str
) -> None:
    world.track("s1", view("a"))
    world.identify("s1", policy, ids={"registered": "gordon"})
    answer = world.identify("s1", policy, ids={"email": "g@x.com"})
    world.track("s1", view("b"))
    world.settle()
    assert answer["warnings"] == []
    assert world.timeline("gordon") == ["b", "a"]
    assert world.customer("g@x.com", "email")["customer"]["value"] == "gordon"


def test_w2_an_address_of_another_customer_is_a_log_in_that_warns(
    world: World,
) -> None:
    world.identify("s2", ids={"registered": "alyx", "email": "a@x.com"})
    world.track("s1", view("a"))
    world.identify("s1", "split", ids={"registered": "gordon"})
    answer = world.identify("s1", "split", ids={"email": "a@x.com"})
    world.track("s1", view("b"))
    world.settle()
    assert "logs in somebody else" in answer["warnings"][0]
    assert world.timeline("gordon") == ["a"]
    assert world.timeline("alyx") == ["b"]


def test_w2_a_log_in_again_changes_nothing(world: World) -> None:
    world.identify("s1", ids={"registered": "gordon"})
    world.identify("s1", ids={"email": "g@x.com"})
    world.settle()
    before = world.dumped()
    world.identify("s1", ids={"email": "g@x.com"})
    world.identify("s1", ids={"registered": "gordon"})
    world.settle()
    assert world.dumped() == before


def test_w9_a_log_in_on_a_shared_device_leaves_each_their_own(world: World) -> None:
    """No policy is declared, and nobody logs out: B's order stays B's."""
    for customer, event in (("a", "first"), ("b", "order"), ("a", "third")):
        world.identify("s1", "undeclared", ids={"registered": customer})
        world.track("s1", view(event), source="undeclared")
        world.clock.pass_(HOUR)
    world.settle()
    assert world.timeline("a") == ["third", "first"]
    assert world.timeline("b") == ["order"]
