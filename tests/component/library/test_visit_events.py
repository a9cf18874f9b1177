"""What a visit begins with, where the source wants it told; and events that are nobody's."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid
from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import DAY, SECOND, to_iso
from tests.support.engines.tables import Engine
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, START, World

BEGINNING = ["profile-created", "session-opened", "visit-started"]
VISIT = BEGINNING[1:]
VIEW = {"type": "view"}
SOURCES = Sources.from_declaration(
    {
        "projects": {
            SPACE: {
                "identifiers": {
                    "registered": {"kind": "hard"},
                    "email": {"kind": "soft"},
                },
            }
        },
        "sources": {
            "move": {
                "write_key": "move",
                "project": SPACE,
                "policy": "move",
                "tracardi": True,
            },
            "split": {
                "write_key": "split",
                "project": SPACE,
                "policy": "split",
                "tracardi": True,
            },
            "quiet": {"write_key": "quiet", "project": SPACE},
            "month": {
                "write_key": "month",
                "project": SPACE,
                "tracardi": True,
                "retention_days": 30,
            },
        },
    }
)


def on(engine: Engine) -> World:
    return World(engine.store, engine.taken, engine.dump, sources=SOURCES)


@pytest.fixture
def world() -> World:
    memory = MemoryStore()
    return World(memory, memory.taken, memory.dump, sources=SOURCES)


def types(world: World, session: str) -> list[str]:
    """The types of a session's events, oldest first."""
    return [event["type"] for event in reversed(world.session_events(session))]


def begun(world: World, session: str) -> list[str]:
    return sorted(type_ for type_ in types(world, session) if type_ in BEGINNING)


def test_a_first_visit_begins_with_a_profile_a_session_and_a_visit(
    world: World,
) -> None:
    world.track("s1", VIEW)
    assert sorted(types(world, "s1")) == sorted([*BEGINNING, "view"])
    world.settle()


def test_they_happen_when_the_session_is_made_whatever_the_time_of_its_events(
    world: World,
) -> None:
    past = {"type": "view", "time": to_iso(START - DAY)}
    world.track("s1", past)
    found = {event["type"]: event for event in world.session_events("s1")}
    assert {found[type_]["time"] for type_ in BEGINNING} == {found["view"]["received"]}
    assert types(world, "s1") == ["view", *BEGINNING]
    world.settle()


def test_a_later_visit_of_a_known_profile_creates_none(world: World) -> None:
    profile = world.track("s1", VIEW)["profile"]
    world.track("s2", VIEW, profile=profile)
    assert begun(world, "s2") == VISIT
    ids = {event["id"] for s in ("s1", "s2") for event in world.session_events(s)}
    assert len(ids) == 7


def test_a_call_that_is_sent_again_begins_nothing(world: World) -> None:
    event = {"type": "view", "id": "e", "time": to_iso(START - SECOND)}
    for _ in range(3):
        world.track("s1", event)
    assert sorted(types(world, "s1")) == sorted([*BEGINNING, "view"])


def test_many_first_calls_at_once_begin_one_visit(local: Engine) -> None:
    world = on(local)
    barrier = threading.Barrier(8)

    def first(_: int) -> None:
        barrier.wait()
        world.track("s1", VIEW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(first, range(8)))
    assert Counter(types(world, "s1")) == {**dict.fromkeys(BEGINNING, 1), "view": 8}
    world.settle()


def test_they_cost_no_request(engine: Engine) -> None:
    world = on(engine)
    with engine.counted() as found:
        world.track("s1", VIEW)
    with engine.counted() as quiet:
        world.track("s2", VIEW, source="quiet")
    assert found == quiet
    with engine.counted() as steady:
        world.track("s1", VIEW)
    assert steady == {"ConsistentGetItem": 1, "PutItem": 1}


@pytest.mark.parametrize(
    "sent",
    [
        {"options": {"saveSession": False}},
        {"options": {"saveEvents": False}},
        {"events": [{"type": "view", "options": {"saveSession": False}}]},
    ],
)
def test_the_options_may_say_no(world: World, sent: dict[str, Any]) -> None:
    world.track("s1", **{"events": [VIEW], **sent})
    assert begun(world, "s1") == []


def test_a_source_that_does_not_ask_for_them_has_none(world: World) -> None:
    world.track("s1", VIEW, source="quiet")
    assert types(world, "s1") == ["view"]


@pytest.mark.parametrize("call", ["identify", "update", "anonymize"])
def test_other_calls_open_a_visit_too(world: World, call: str) -> None:
    made = {
        "identify": lambda: world.identify("s1", ids={"registered": "gordon"}),
        "update": lambda: world.update("s1", properties={"a": 1}),
        "anonymize": lambda: world.anonymize("s1"),
    }[call]()
    assert types(world, made["session"]["id"]) == BEGINNING
    world.settle()


def test_who_opted_out_begins_nothing(world: World) -> None:
    """I9."""
    profile = world.consent("s1", "denied")["profile"]
    world.track("s1", VIEW)
    assert types(world, "s1") == []
    before = world.dumped()
    world.track("s2", VIEW, profile=profile)
    assert world.dumped() == before
    assert types(world, world.anonymize("s1")["session"]["id"]) == []


def test_what_a_backend_says_on_no_device_begins_no_visit(world: World) -> None:
    world.track(None, VIEW, ids={"registered": "gordon"}, server_side=True)
    assert types(world, "@registered=gordon") == ["view"]


def test_they_are_kept_as_long_as_any_event(world: World) -> None:
    world.track("s1", VIEW, source="month")
    assert len(types(world, "s1")) == 4
    world.clock.pass_(31 * DAY)
    assert types(world, "s1") == []


def test_they_join_the_customer_who_logs_in_with_the_first_event(world: World) -> None:
    profile = world.track("s1", VIEW, source="split", ids={"registered": "gordon"})[
        "profile"
    ]
    world.track("s2", VIEW, source="split", ids={"registered": "alyx"}, profile=profile)
    world.settle()
    found = Counter(event["type"] for event in world.events("gordon"))
    assert found == dict.fromkeys([*BEGINNING, "view"], 1)
    found = Counter(event["type"] for event in world.events("alyx"))
    assert found == dict.fromkeys([*VISIT, "view"], 1)


def test_visits_are_counted_once_however_often_they_are_told(world: World) -> None:
    """TR-17: sessions are counted, nothing is counted up."""
    profile = world.track("s1", VIEW)["profile"]
    for _ in range(2):
        world.track("s2", VIEW, profile=profile)
    assert world.customer(profile["id"], "profile")["visits"] == 2
    world.identify("s1", ids={"registered": "gordon"})
    world.track(None, VIEW, ids={"registered": "gordon"}, server_side=True)
    world.settle()
    assert world.customer("gordon")["visits"] == 2
    world.unlink("s1")
    world.settle()
    assert world.customer(profile["id"], "profile")["visits"] == 2


# -- events that are nobody's -------------------------------------------------------------------------------------


def test_nobodys_events_are_kept_under_the_sources_own_session(world: World) -> None:
    """TR-13."""
    answer = world.track(None, VIEW, {"type": "other"}, profile_less=True)
    assert (answer["session"], answer["profile"]) == ({"id": "@move"}, {"id": None})
    assert [result["status"] for result in answer["results"]] == ["stored"] * 2
    assert types(world, "@move") == ["view", "other"]
    world.track(None, VIEW, source="quiet", profile_less=True)
    assert types(world, "@quiet") == ["view"]
    world.settle()


def test_nobodys_event_that_is_sent_again_is_stored_once(world: World) -> None:
    event = {"type": "view", "id": "e", "time": to_iso(START - SECOND)}
    found = [
        world.track(None, event, profile_less=True)["results"][0] for _ in range(2)
    ]
    assert [result["status"] for result in found] == ["stored", "duplicate"]
    assert len(world.session_events("@move")) == 1


def test_nobodys_event_makes_no_profile_and_keeps_its_session_in_its_context(
    world: World,
) -> None:
    answer = world.track("s1", VIEW, context={"a": 1}, profile_less=True)
    assert answer["session"] == {"id": "s1"}
    (event,) = world.session_events("@move")
    assert event["context"] == {"session": {"id": "s1"}, "a": 1}
    profile = world.track("s1", VIEW)["profile"]["id"]
    assert profile not in {None, event["profile"]}
    assert "view" in types(world, "s1")


def test_a_session_that_opted_out_is_not_recorded_as_nobody_either(
    world: World,
) -> None:
    """I9."""
    world.consent("s1", "denied")
    before = world.dumped()
    answer = world.track("s1", VIEW, profile_less=True)
    assert [result["status"] for result in answer["results"]] == ["dropped"]
    assert world.dumped() == before


def test_nobodys_events_have_the_clock_of_the_service(world: World) -> None:
    """Many devices send them: the first one's clock says nothing of the others'."""
    ahead = START + 3600 * SECOND
    body = {"source": "move", "events": [VIEW], "profile_less": True}
    call = world.service.call("move", sent=ahead)
    world.service.track(call, commands.read(Track, body))
    happened = to_iso(START - SECOND)
    world.track(None, {"type": "late", "time": happened}, profile_less=True)
    found = {event["type"]: event["time"] for event in world.session_events("@move")}
    assert found["late"] == happened


def test_whose_profile_it_is_nobody_learns(world: World) -> None:
    answer = world.track(None, VIEW, profile_less=True, options={"debugger": True})
    profile = world.session("@move")["profile"]["id"]
    assert profile not in repr(answer)
    assert "debug" in answer


@pytest.mark.parametrize(
    "said",
    [{"ids": {"registered": "g"}}, {"traits": {"a": 1}}, {"server_side": True}],
)
def test_nobodys_events_say_nothing_about_anybody(
    world: World, said: dict[str, Any]
) -> None:
    with pytest.raises(Invalid) as caught:
        world.track(None, VIEW, profile_less=True, **said)
    assert caught.value.field == "profile_less"


def test_nobodys_events_that_are_not_saved_leave_nothing(world: World) -> None:
    before = world.dumped()
    world.track(None, VIEW, profile_less=True, options={"save": False})
    assert world.dumped() == before


# -- a profile that is passed on -----------------------------------------------------------------------------------


def test_a_new_session_joins_the_profile_that_is_passed_on(world: World) -> None:
    """TR-18."""
    first = world.track("s1", VIEW)["profile"]
    other = world.track("s2", VIEW)["profile"]
    assert world.track("s3", VIEW, forwarded_profile=first)["profile"] == first
    assert (
        world.track("s4", VIEW, profile=other, forwarded_profile=first)["profile"]
        == first
    )
    assert (
        world.track("s5", VIEW, profile=other, forwarded_profile="unknown")["profile"]
        == other
    )
    assert world.track("s2", VIEW, forwarded_profile=first)["profile"] == other


def test_an_order_of_nobody_stays_nobodys(world: World) -> None:
    """Neither with the right address nor with the right total does it make somebody of nobody."""
    known = {"registered": "kate", "email": "k@x.com"}
    world.order("1", ids=known, total=50.0)
    for number in ("1", "2"):
        order = {"number": number, "email": "k@x.com", "total": 50.0}
        told = world.track(
            None, {"type": "conversion", "order": order}, profile_less=True
        )
        assert [result["status"] for result in told["results"]] == ["stored"]
    world.order("2", ids=known, total=50.0)
    world.settle()
    assert world.sessions("kate") == {"@registered=kate"}
    assert len(world.timeline("kate")) == 2
