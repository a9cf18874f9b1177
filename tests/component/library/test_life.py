"""A visitor's life on real tables: from the first anonymous call to the customer's timeline, and back."""

from __future__ import annotations

import pytest

from hardlink.domain.errors import NotFound, Refused
from hardlink.domain.times import DAY, HOUR, MINUTE, to_iso
from tests.support.world import START, World


def view(id_: str) -> dict[str, str]:
    return {"type": "view", "id": id_}


def test_what_an_anonymous_visitor_did_is_the_customers_once_known(
    world: World,
) -> None:
    first = world.track("s1", view("a"))
    world.track("s1", {"type": "cart", "id": "b"}, view("c"))
    world.update("s1", properties={"color": "red"})
    answer = world.identify("s1", ids={"registered": "gordon", "email": " G@X.com "})
    assert answer["customer"] == {"type": "registered", "value": "gordon"}
    world.settle()
    assert world.timeline("gordon") == ["c", "b", "a"]
    assert world.timeline("g@x.com", "email") == ["c", "b", "a"]
    assert world.timeline(first["profile"]["id"], "profile") == ["c", "b", "a"]
    found = world.customer("gordon")
    assert found["identifiers"] == {"email": ["g@x.com"], "registered": ["gordon"]}
    assert found["attributes"] == {"color": "red"}


def test_before_anybody_is_known_the_profile_has_the_timeline(world: World) -> None:
    profile = world.track("s1", view("a"))["profile"]["id"]
    world.track("s2", view("b"), profile={"id": profile})
    world.settle()
    assert world.timeline(profile, "profile") == ["b", "a"]
    assert world.sessions(profile, "profile") == {"s1", "s2"}
    with pytest.raises(NotFound):
        world.customer("gordon")


def test_an_event_is_in_its_sessions_timeline_at_once(world: World) -> None:
    world.track("s1", view("a"))
    assert [event["id"] for event in world.session_events("s1")] == ["a"]


def test_an_event_sent_twice_is_stored_once(world: World) -> None:
    event = {"type": "view", "id": "a", "time": to_iso(START - HOUR)}
    assert world.track("s1", event)["results"][0]["status"] == "stored"
    assert world.track("s1", event)["results"][0]["status"] == "duplicate"
    again = world.track("s1", event, view("b"), event)["results"]
    assert [verdict["status"] for verdict in again] == [
        "duplicate",
        "stored",
        "duplicate",
    ]
    world.settle()
    assert [event["id"] for event in world.session_events("s1")] == ["b", "a"]


def test_move_takes_this_visitors_history_along_and_nobody_elses(world: World) -> None:
    for session in ("s1", "s2"):
        world.track(session, view(f"{session} before"))
        world.identify(session, ids={"registered": "gordon"})
    world.settle()
    world.identify("s1", "move", ids={"registered": "alyx"})
    world.track("s1", view("s1 after"))
    world.settle()
    assert world.timeline("gordon") == ["s2 before"]
    assert world.timeline("alyx") == ["s1 after", "s1 before"]


def test_split_leaves_what_was_before_where_it_was(world: World) -> None:
    world.track("s1", view("first"))
    world.identify("s1", "split", ids={"registered": "gordon"})
    world.track("s1", view("second"))
    world.identify("s1", "split", ids={"registered": "alyx"})
    world.track("s1", view("third"))
    world.settle()
    assert world.timeline("gordon") == ["second", "first"]
    assert world.timeline("alyx") == ["third"]
    assert world.sessions("gordon") == world.sessions("alyx") == {"s1"}


def test_split_there_and_back_gives_each_their_own_stretches(world: World) -> None:
    for event, customer in (("a", "gordon"), ("b", "alyx"), ("c", "gordon")):
        world.identify("s1", "split", ids={"registered": customer})
        world.track("s1", view(event))
        world.clock.pass_(MINUTE)
    world.settle()
    assert world.timeline("gordon") == ["c", "a"]
    assert world.timeline("alyx") == ["b"]


def test_refuse_refuses_and_changes_nothing(world: World) -> None:
    world.track("s1", view("a"))
    world.identify("s1", "refuse", ids={"registered": "gordon"})
    world.settle()
    before = world.dumped()
    with pytest.raises(Refused):
        world.identify("s1", "refuse", ids={"registered": "alyx"})
    assert world.dumped() == before


@pytest.mark.parametrize("policy", ["move", "split"])
def test_undo_puts_both_customers_back_as_they_were(world: World, policy: str) -> None:
    world.track("s1", view("a"))
    world.update("s1", properties={"color": "red"})
    world.identify("s1", policy, ids={"registered": "gordon"})
    world.identify("s2", policy, ids={"registered": "alyx"})
    world.track("s1", view("b"))
    world.settle()
    before = [world.customer(name) for name in ("gordon", "alyx")]
    world.identify("s1", policy, ids={"registered": "alyx"})
    world.settle()
    assert "s1" in world.sessions("alyx")
    world.unlink("s1")
    world.settle()
    assert [world.customer(name) for name in ("gordon", "alyx")] == before
    assert world.timeline("gordon") == ["b", "a"]


def test_undo_to_the_beginning_leaves_an_anonymous_visitor(world: World) -> None:
    profile = world.track("s1", view("a"))["profile"]["id"]
    world.identify("s1", ids={"registered": "gordon"})
    world.settle()
    world.unlink("s1")
    world.settle()
    assert world.session("s1")["customer"] is None
    assert world.sessions("gordon") == set()
    assert world.timeline(profile, "profile") == ["a"]
    with pytest.raises(Refused):
        world.unlink("s1")


def test_who_was_known_by_email_alone_becomes_the_customer_with_the_hard_id(
    world: World,
) -> None:
    world.track("s1", view("a"))
    world.identify("s1", ids={"email": "g@x.com"})
    world.settle()
    assert world.timeline("g@x.com", "email") == ["a"]
    world.identify("s2", ids={"registered": "gordon", "email": "g@x.com"})
    world.settle()
    assert world.timeline("gordon") == ["a"]
    assert world.sessions("gordon") == {"s1", "s2"}


def test_the_steps_between_are_undone_with_the_command_that_made_them(
    world: World,
) -> None:
    world.track("s1", view("a"))
    world.identify("s1", ids={"email": "g@x.com"})
    world.settle()
    before = world.customer("g@x.com", "email")
    world.identify("s2", ids={"registered": "gordon", "email": "g@x.com"})
    world.settle()
    world.unlink("s2")
    world.settle()
    assert world.customer("g@x.com", "email") == before
    assert world.sessions("gordon") == set()


def test_anonymize_begins_somebody_new_and_leaves_the_old(world: World) -> None:
    world.identify("s1", ids={"registered": "gordon"})
    world.track("s1", view("a"))
    fresh = world.anonymize("s1")["session"]["id"]
    world.track(fresh, view("b"))
    world.settle()
    assert world.timeline("gordon") == ["a"]
    assert world.session(fresh)["customer"] is None


def test_who_opts_out_is_not_tracked_until_they_opt_in(world: World) -> None:
    profile = world.track("s1", view("a"))["profile"]["id"]
    world.track("s2", view("b"), profile={"id": profile})
    world.consent("s1", "denied")
    for session in ("s1", "s2"):
        assert (
            world.track(session, view("dropped"))["results"][0]["status"] == "dropped"
        )
    late = world.track("s3", view("dropped"), profile={"id": profile})
    assert late["results"][0]["status"] == "dropped"
    assert world.identify("s1", ids={"registered": "gordon"})["customer"] is None
    world.settle()
    assert world.timeline(profile, "profile") == ["b", "a"]
    world.consent("s2", "granted")
    assert world.track("s1", view("c"))["results"][0]["status"] == "stored"
    world.settle()
    assert world.timeline(profile, "profile") == ["c", "b", "a"]


LARGE = {
    f"attribute-{number:03d}": f"{number:03d}" + "x" * (16 * 1024 - 3)
    for number in range(255)
}
"""The most that one call may say of a customer, or of an event: 255 values of 16 KB."""


def test_a_customer_keeps_255_values_of_16_kb(world: World) -> None:
    world.identify("s1", ids={"registered": "gordon"}, properties=LARGE)
    world.settle()
    assert world.customer("gordon")["attributes"] == LARGE


def test_a_visitor_brings_255_values_of_16_kb_along(world: World) -> None:
    world.update("s1", properties=LARGE)
    world.identify("s1", ids={"registered": "gordon"})
    world.settle()
    assert world.customer("gordon")["attributes"] == LARGE
    world.unlink("s1")
    world.settle()
    assert world.customer("gordon")["attributes"] == {}


def test_an_event_keeps_255_values_of_16_kb_exactly_once(world: World) -> None:
    event = {
        "type": "view",
        "id": "big",
        "time": to_iso(START - HOUR),
        "properties": LARGE,
    }
    assert world.track("s1", event)["results"][0]["status"] == "stored"
    assert world.track("s1", event)["results"][0]["status"] == "duplicate"
    world.identify("s1", ids={"registered": "gordon"})
    world.settle()
    (found,) = world.events("gordon")
    assert found["properties"] == LARGE


def test_a_duplicate_of_a_large_event_changes_nothing(world: World) -> None:
    event = {"type": "view", "id": "big", "time": to_iso(START - HOUR)}
    other = {name: text.replace("x", "y") for name, text in LARGE.items()}
    assert (
        world.track("s1", {**event, "properties": LARGE})["results"][0]["status"]
        == "stored"
    )
    again = world.track("s1", {**event, "properties": other})
    assert again["results"][0]["status"] == "duplicate"
    (found,) = world.session_events("s1")
    assert found["properties"] == LARGE


def test_a_profile_with_120_sessions_comes_along_whole(world: World) -> None:
    profile = world.track("s0", view("e0"))["profile"]["id"]
    for number in range(1, 120):
        world.track(f"s{number}", view(f"e{number}"), profile={"id": profile})
    list(world.taken())  # nothing is to be done about a visitor whom nobody knows
    world.identify("s0", ids={"registered": "gordon"})
    world.settle()
    assert world.timeline("gordon", limit="50") == [
        f"e{number}" for number in reversed(range(120))
    ]
    world.identify("s7", ids={"registered": "alyx"})
    world.settle()
    assert world.sessions("gordon") == set()
    assert len(world.sessions("alyx")) == 120


def test_the_timeline_of_a_hundred_sessions_is_in_exact_order_on_every_page(
    world: World,
) -> None:
    hours = {f"e{number}": (number * 7919) % 500 for number in range(400)}
    for number in range(
        100
    ):  # ten profiles, and every session's events lie all over the days
        some = [f"e{number + step}" for step in (0, 100, 200, 300)]
        events = [{"type": "view", "id": id_, "time": at(hours[id_])} for id_ in some]
        opened_by = (
            world.session(f"s{number % 10}")["profile"] if number >= 10 else None
        )
        world.track(f"s{number}", *events, profile=opened_by)
    list(world.taken())  # nothing is to be done about visitors whom nobody knows
    for number in range(10):
        world.identify(f"s{number}", ids={"registered": "gordon"})
    world.settle()
    newest_first = sorted(hours, key=lambda id_: (hours[id_], id_), reverse=True)
    for limit in ("150", "400"):
        assert world.timeline("gordon", limit=limit) == newest_first
    between = [id_ for id_ in newest_first if 200 <= hours[id_] < 250]
    assert world.timeline("gordon", limit="7", since=at(200), until=at(250)) == between


def at(hour: int) -> str:
    """An hour of the month before now."""
    return to_iso(START - 30 * DAY + hour * HOUR)
