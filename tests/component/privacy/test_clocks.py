"""Which clock tells what came before an erasure: a device that says when it sends is believed about now (rule 10)."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain import commands, times
from hardlink.domain.commands import Identify, Track
from hardlink.domain.times import HOUR, MINUTE, SECOND, to_iso
from hardlink.services.answers import ERASED
from tests.component.privacy.test_coming_back import meanwhile
from tests.component.privacy.test_erasure import statuses
from tests.support.memory_store import MemoryStore
from tests.support.world import World, in_memory

pytestmark = pytest.mark.memory


AHEAD, BEHIND = 2 * HOUR, -2 * HOUR
"""How far a device's clock is off."""


@pytest.fixture
def world() -> World:
    return in_memory()


def track(
    world: World,
    session: str,
    *ids: str,
    off: int = 0,
    age: int = 0,
    says: bool = True,
    source: str = "move",
    **more: Any,
) -> list[str]:
    """A device sends views; it made them `age` ago, and says when it sends them. `off`: its clock's error."""
    call = world.service.call(source)
    here = call.now + off
    events = [{"type": "view", "id": id_, "time": to_iso(here - age)} for id_ in ids]
    body = {
        "source": {"id": source},
        "session": {"id": session},
        "events": events,
        **more,
    }
    sent = call._replace(sent=here if says else None)
    return statuses(world.service.track(sent, commands.read(Track, body)))


def identify(world: World, session: str, off: int, age: int = 0, **more: Any) -> Any:
    call = world.service.call("move")
    here = call.now + off
    body = {
        "source": {"id": "move"},
        "session": {"id": session},
        "time": to_iso(here - age),
        **more,
    }
    return world.service.identify(
        call._replace(sent=here), commands.read(Identify, body)
    )


def erased(world: World, session: str) -> None:
    world.settle()
    world.clock.pass_(MINUTE)
    world.erase_session(session)
    world.swept()


@pytest.mark.parametrize("then", [0, AHEAD, BEHIND])
@pytest.mark.parametrize("now", [0, AHEAD, BEHIND])
def test_who_comes_back_is_dated_by_the_clock_they_have_now(
    world: World, then: int, now: int
) -> None:
    assert track(world, "S1", "old", off=then) == ["stored"]
    erased(world, "S1")
    assert track(world, "S1", "new", off=now) == ["stored"]
    world.clock.pass_(HOUR)
    assert track(world, "S1", "late", off=now, age=3 * HOUR) == ["dropped"]
    world.settle()
    (event,) = world.session_events("S1")
    assert event["id"] == "new"
    assert abs(world.clock.now - HOUR - _micros(event)) < SECOND


def test_a_clock_that_is_a_little_behind_loses_nothing_right_after(
    world: World,
) -> None:
    track(world, "S1", "old", off=-3 * SECOND)
    world.settle()
    world.erase_session("S1")
    assert track(world, "S1", "new", off=-3 * SECOND) == ["stored"]
    assert track(world, "S1", "late", off=-3 * SECOND, age=SECOND) == ["dropped"]
    world.swept()
    world.check()
    assert [event["id"] for event in world.session_events("S1")] == ["new"]


def test_who_came_back_without_saying_when_is_dated_anew_as_soon_as_they_do(
    world: World,
) -> None:
    track(world, "S1", "old", off=AHEAD)
    erased(world, "S1")
    assert track(world, "S1", "unsaid", says=False) == ["dropped"]
    assert statuses(world.track("S1", {"type": "view", "id": "timeless"})) == ["stored"]
    assert track(world, "S1", "first") == ["stored"]
    assert track(world, "S1", "second", says=False) == ["stored"]
    world.settle()


def test_a_device_that_never_says_when_it_sends_keeps_its_old_clock(
    world: World,
) -> None:
    """What it dates after the erasure may have happened before, and be late: its clock was ahead."""
    assert track(world, "S1", "old", off=AHEAD, says=False) == ["stored"]
    erased(world, "S1")
    world.clock.pass_(10 * MINUTE)
    late = track(world, "S1", "late", off=AHEAD, age=30 * MINUTE, says=False)
    assert late == ["dropped"]
    assert track(world, "S1", "new", off=AHEAD, says=False) == ["stored"]
    world.settle()


def test_a_clock_that_ran_ahead_since_is_seen(world: World) -> None:
    assert track(world, "S1", "old", says=False) == ["stored"]
    erased(world, "S1")
    assert track(world, "S1", "new", off=HOUR, says=False) == ["stored"]
    (event,) = world.session_events("S1")
    assert _micros(event) <= world.clock.now


def test_on_a_shared_device_too(world: World) -> None:
    """Who stays keeps their clock, until it says that what happens now came before."""
    track(world, "S1", "first", off=AHEAD, source="split")
    for name in ("gordon", "alyx"):
        world.identify("S1", "split", ids={"registered": name})
        world.clock.pass_(HOUR)
    world.settle()
    world.erase("gordon")
    world.spread()
    world.swept()
    assert track(world, "S1", "gordons", source="split", age=90 * MINUTE) == ["dropped"]
    assert track(world, "S1", "now", source="split") == ["stored"]
    assert track(world, "S1", "later", says=False, source="split") == ["stored"]
    world.settle()
    assert world.timeline("alyx")[:2] == ["later", "now"]
    assert statuses(world.track("S1", {"type": "view", "id": "x"}, source="split")) == [
        "stored"
    ]


def test_the_clock_of_who_opted_out_is_not_kept(world: World) -> None:
    track(world, "S1", "first", off=AHEAD, source="split")
    for name in ("gordon", "alyx"):
        world.identify("S1", "split", ids={"registered": name})
        world.clock.pass_(HOUR)
    world.consent("S1", "denied", "split")
    world.settle()
    world.erase("gordon")
    world.spread()
    world.swept()
    before = dict(world.dumped())
    assert track(world, "S1", "now", source="split") == ["dropped"]
    assert world.dumped() == before


def test_what_comes_late_says_nothing_about_the_clock_of_who_stays(
    world: World,
) -> None:
    """What they send again is known again, to the microsecond."""
    for name in ("gordon", "alyx"):
        world.identify("S1", "split", ids={"registered": name})
        world.clock.pass_(HOUR)
    again = to_iso(world.clock.now)
    events = [{"type": "view", "id": "again", "time": again}]
    assert statuses(world.track("S1", *events, source="split")) == ["stored"]
    world.settle()
    world.erase("gordon")
    world.spread()
    world.swept()
    late = {"type": "view", "id": "gordons", "time": to_iso(world.clock.now - 2 * HOUR)}
    call = world.service.call("split")
    body = {
        "source": {"id": "split"},
        "session": {"id": "S1"},
        "events": [late, *events],
    }
    sent = call._replace(sent=call.now - SECOND)
    answer = world.service.track(sent, commands.read(Track, body))
    assert statuses(answer) == ["dropped", "duplicate"]


@pytest.mark.parametrize("off", [0, -3 * SECOND, AHEAD])
def test_who_comes_back_by_a_profile_is_dated_so(world: World, off: int) -> None:
    track(world, "S1", "old")
    named = world.session("S1")["profile"]
    world.settle()
    world.erase_session("S1")
    assert track(world, "new", "late", off=off, age=MINUTE, profile=named) == [
        "dropped"
    ]
    assert track(world, "new", "now", off=off, profile=named) == ["stored"]
    world.swept()
    world.check()


@pytest.mark.parametrize("session", ["S1", "S2", "new"])
@pytest.mark.parametrize("off", [0, BEHIND, -3 * SECOND])
def test_who_comes_back_by_name_is_dated_so_on_any_session(
    world: World, session: str, off: int
) -> None:
    """S1 went with the customer, S2 is somebody's whose clock was ahead."""
    world.identify("S1", ids={"registered": "gordon"})
    track(world, "S2", "other", off=AHEAD)
    world.settle()
    world.erase("gordon")
    world.spread()
    ids = {"registered": "gordon"}
    assert track(world, session, "late", off=off, age=HOUR, ids=ids) == ["dropped"]
    assert track(world, session, "new", off=off, ids=ids) == ["stored"]
    answer = identify(world, session, off, ids=ids, properties={"city": "Rome"})
    assert answer["customer"] == {"type": "registered", "value": "gordon"}
    world.swept()
    world.check()
    newest = world.events("gordon")[0]
    assert newest["id"] == "new"
    assert abs(world.clock.now - _micros(newest)) < 2 * MINUTE


@pytest.mark.parametrize("session", ["S1", "S2", "new"])
@pytest.mark.parametrize("off", [0, BEHIND, -3 * SECOND])
def test_what_is_said_now_is_said_now(world: World, session: str, off: int) -> None:
    world.identify("S1", ids={"registered": "gordon"})
    track(world, "S2", "other", off=AHEAD)
    world.settle()
    world.erase("gordon")
    world.spread()
    said: dict[str, Any] = {
        "ids": {"registered": "gordon"},
        "properties": {"city": "Rome"},
    }
    answer = identify(world, session, off, age=HOUR, **said)
    assert (answer["customer"], answer["warnings"]) == (None, [ERASED])
    answer = identify(world, session, off, **said)
    assert answer["customer"] == {"type": "registered", "value": "gordon"}
    world.swept()
    world.check()
    assert world.customer("gordon")["attributes"] == {"city": "Rome"}


def test_nobodys_events_are_dated_so_as_well(world: World) -> None:
    track(world, "S1", "old", off=AHEAD)
    erased(world, "S1")
    assert track(world, "S1", "late", age=HOUR, profile_less=True) == ["dropped"]
    assert track(world, "S1", "new", profile_less=True) == ["stored"]
    world.settle()


def test_who_loses_the_race_to_come_back_stores_nothing_late(world: World) -> None:
    store = world.store
    assert isinstance(store, MemoryStore)
    track(world, "S1", "old")
    erased(world, "S1")

    def opens_the_session(request: str, _: object) -> bool:
        return request == "write"

    done = meanwhile(store, opens_the_session, lambda: track(world, "S1", "first"))
    call = world.service.call("move")
    times_ = {"late": to_iso(call.now - HOUR), "fresh": to_iso(call.now)}
    events = [{"type": "view", "id": id_, "time": time} for id_, time in times_.items()]
    body = {"source": {"id": "move"}, "session": {"id": "S1"}, "events": events}
    answer = world.service.track(
        call._replace(sent=call.now), commands.read(Track, body)
    )
    assert done
    assert statuses(answer) == ["dropped", "stored"]
    world.settle()
    assert {event["id"] for event in world.session_events("S1")} == {"first", "fresh"}


def _micros(event: dict[str, Any]) -> int:
    return times.parse_time(event["time"], "time")
