"""What a shop's backend says of a customer who is on no device: kept under the customer's own session."""

from __future__ import annotations

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid
from hardlink.domain.times import HOUR
from tests.support.world import SPACE, World

WHEN = {"id": "order-1", "time": "2026-09-01T12:00:00Z", "type": "purchase"}


def types(world: World, type_: str, value: str) -> list[str]:
    world.settle()
    return [event["type"] for event in world.events(value, type_)]


def test_it_is_the_customers_at_once_and_needs_no_session(world: World) -> None:
    world.track("phone", {"type": "view"}, ids={"registered": "gordon"})
    answer = world.track(None, WHEN, ids={"registered": "gordon"}, server_side=True)
    assert [result["status"] for result in answer["results"]] == ["stored"]
    assert sorted(types(world, "registered", "gordon")) == ["purchase", "view"]


def test_sent_again_it_is_a_duplicate_and_all_of_it_is_one_session(
    world: World,
) -> None:
    for _ in range(2):
        answer = world.track(None, WHEN, ids={"registered": "gordon"}, server_side=True)
    assert [result["status"] for result in answer["results"]] == ["duplicate"]
    world.track(
        None, {"type": "refund"}, ids={"registered": "gordon"}, server_side=True
    )
    assert types(world, "registered", "gordon") == ["refund", "purchase"]
    assert world.sessions("gordon") == {"@registered=gordon"}


@pytest.mark.parametrize("source", ["move", "split", "refuse"])
def test_an_address_that_changes_hands_takes_no_history_along(
    world: World, source: str
) -> None:
    world.identify(
        "laptop", source, ids={"registered": "gordon", "email": "family@x.org"}
    )
    world.track(
        None,
        {"type": "opened"},
        source=source,
        ids={"email": "family@x.org"},
        server_side=True,
    )
    world.identify("phone", source, ids={"registered": "alyx", "email": "family@x.org"})
    world.track(
        None,
        {"type": "clicked"},
        source=source,
        ids={"email": "family@x.org"},
        server_side=True,
    )
    assert types(world, "registered", "gordon") == ["opened"]
    assert types(world, "registered", "alyx") == ["clicked"]


def test_it_says_whose_events_they_are(world: World) -> None:
    with pytest.raises(Invalid, match="at least one identifier") as raised:
        world.track(None, server_side=True)
    assert raised.value.field == "ids"


@pytest.mark.parametrize("call", ["track", "identify", "update", "anonymize"])
def test_nobody_may_send_a_customers_own_session(world: World, call: str) -> None:
    world.track(None, WHEN, ids={"registered": "gordon"}, server_side=True)
    more = {} if call in ("track", "anonymize") else {"ids": {"registered": "mallory"}}
    with pytest.raises(Invalid, match="begin with @") as raised:
        getattr(world, call)("@registered=gordon", **more)
    assert raised.value.field == "session.id"


def test_with_a_session_it_is_an_event_like_any_other(world: World) -> None:
    answer = world.track("phone", WHEN, ids={"registered": "gordon"}, server_side=True)
    assert answer["session"] == {"id": "phone"}


def test_the_clock_of_one_backend_moves_no_events_of_another(world: World) -> None:
    """The first to call is an hour behind, and says so: its device would be believed, a backend is not."""
    body = {"ids": {"registered": "gordon"}, "server_side": True, "events": [WHEN]}
    call = world.service.call("move")
    wrong = call._replace(sent=call.now - HOUR)
    world.service.track(wrong, commands.read(Track, body))
    world.settle()
    (event,) = world.events("gordon")
    assert event["time"] == "2026-09-01T12:00:00.000000Z"


def test_whose_profile_it_is_nobody_learns_and_nobody_can_join_it(world: World) -> None:
    """With a public write key nobody takes over what the shop itself said of a customer."""
    ids = {"registered": "gordon"}
    world.track(None, WHEN, ids=ids, server_side=True)
    answer = world.track(None, events=[], ids=ids, server_side=True)
    assert answer["session"] == answer["profile"] == {"id": None}
    profile = world.session("@registered=gordon")["profile"]["id"]
    joined = world.identify(
        "evil", profile={"id": profile}, ids={"registered": "mallory"}
    )
    assert joined["profile"]["id"] != profile
    world.consent("evil2", "denied", profile={"id": profile})
    again = world.track(None, {"type": "refund"}, ids=ids, server_side=True)
    assert [result["status"] for result in again["results"]] == ["stored"]
    assert types(world, "registered", "gordon") == ["refund", "purchase"]


def test_nobody_makes_it_of_a_profile_of_theirs(world: World) -> None:
    evil = world.track("evil")["profile"]
    sent = {"profile": evil, "ids": {"registered": "gordon"}, "server_side": True}
    world.track(None, {"type": "x"}, **sent)
    world.identify("evil", ids={"registered": "mallory"})
    world.track(None, WHEN, ids={"registered": "gordon"}, server_side=True)
    assert types(world, "registered", "gordon") == ["x", "purchase"]
    assert types(world, "registered", "mallory") == ["view"]


def test_w5_it_is_no_visit_and_no_tracking_user(world: World) -> None:
    world.track("phone", {"type": "view"}, ids={"registered": "gordon"})
    world.clock.pass_(HOUR)
    for type_ in ("shipped", "delivered"):
        world.track(
            None, {"type": type_}, ids={"registered": "gordon"}, server_side=True
        )
    assert types(world, "registered", "gordon")[:2] == ["delivered", "shipped"]
    assert world.customer("gordon")["visits"] == 1
    found = world.queries.find_tracking_user(SPACE, {"customer_id": "gordon"}.get)
    assert found["session"] == {"id": "phone"}
