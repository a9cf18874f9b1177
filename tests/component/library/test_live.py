"""Looking on: everything that is stored or refused is told, from whatever page of whatever sweep, and costs little."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid, explain_code
from hardlink.domain.records import LATE, RefusedCall
from hardlink.domain.times import DAY, HOUR, MINUTE, SECOND, to_iso
from hardlink.queries import live
from hardlink.queries.live_cursor import Cursor
from hardlink.storage import activity
from hardlink.storage.keys import ACTIVE_SHARDS
from tests.support.engines.tables import Engine
from tests.support.world import SPACE, World, in_memory


class Onlooker:
    """Somebody who looks on. `told`: how often each key was answered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cursor: str | None = None
        self.told: Counter[str] = Counter()
        self.entries: dict[str, dict[str, Any]] = {}
        self.calls = 0

    def look(self) -> list[dict[str, Any]]:
        """One sweep; answers what is new."""
        new = []
        while True:
            self.calls += 1
            query = {"since": self.cursor} if self.cursor else {}
            page = self.world.queries.read_live(SPACE, query.get)
            self.cursor = page["cursor"]
            for entry in page["events"]:
                if not self.told[entry["key"]]:
                    new.append(entry)
                self.told[entry["key"]] += 1
                self.entries[entry["key"]] = entry
            if not page["more"]:
                return sorted(new, key=lambda one: one["received"])

    def ids(self) -> list[str | None]:
        return [entry["id"] for entry in self.look()]


@pytest.fixture
def world() -> World:
    return in_memory()


@pytest.fixture
def onlooker(world: World) -> Onlooker:
    return Onlooker(world)


def event(id_: str, **more: Any) -> dict[str, Any]:
    return {"type": "view", "id": id_, **more}


def test_each_event_is_told_as_it_comes(world: World, onlooker: Onlooker) -> None:
    for number in range(5):
        world.track("s1", event(f"a{number}"))
        world.track(f"other-{number}", event(f"b{number}"))
        assert onlooker.ids() == [f"a{number}", f"b{number}"]
        world.clock.pass_(20 * MINUTE)
    assert onlooker.ids() == []


def test_it_says_whose_it_is(engine: Engine) -> None:
    world = engine.world()
    world.track("s1", event("a"), ids={"registered": "gordon"})
    world.drain()
    (told,) = Onlooker(world).look()
    assert told["customer"] == {"type": "registered", "value": "gordon"}
    assert told["status"] == "stored"
    assert (told["id"], told["session"]) == ("a", "s1")
    assert told["profile"] == world.session("s1")["profile"]["id"]


def test_what_was_not_stored_is_told_without_what_it_said(engine: Engine) -> None:
    world = engine.world()
    onlooker = Onlooker(world)
    world.track(
        "s1",
        {
            "type": "bad",
            "id": "1",
            "tags": "none",
            "properties": {"secret": "secret"},
        },
        {"type": "unwanted", "id": "2", "options": {"save": False}},
        event("3"),
        cast("Any", "no object"),
    )
    told = {entry["id"]: entry for entry in onlooker.look()}
    assert {id_: entry["status"] for id_, entry in told.items()} == {
        "1": "rejected",
        "2": "dropped",
        "3": "stored",
        None: "rejected",
    }
    assert told["1"]["field"] == "events[0].tags"
    assert told["1"]["type"] == "bad"
    assert "secret" not in str(told["1"])
    assert onlooker.look() == []
    verdicts = world.queries.read_verdicts(SPACE, "s1")["verdicts"]
    assert [one["id"] for one in verdicts] == ["1", "2", None]
    world.clock.pass_(DAY + SECOND)
    assert world.queries.read_verdicts(SPACE, "s1")["verdicts"] == []


def test_a_session_that_only_sends_what_is_refused_is_told_too(
    world: World, onlooker: Onlooker
) -> None:
    for _ in range(3):
        world.track("s1", {"type": "bad", "tags": "none"})
        assert [one["type"] for one in onlooker.look()] == ["bad"]
        world.clock.pass_(2 * HOUR)


def test_who_opted_out_leaves_no_word(world: World, onlooker: Onlooker) -> None:
    world.track("s1")
    world.consent("s1", "denied")
    onlooker.look()
    before = world.dumped()
    world.track("s1", event("a"), {"type": "bad", "tags": "none"})
    assert onlooker.look() == []
    assert world.dumped() == before


def test_what_happened_long_ago_is_told_when_it_comes(
    world: World, onlooker: Onlooker
) -> None:
    world.track("s1", event("now"))
    onlooker.look()
    for number, ago in enumerate((30 * SECOND, LATE - SECOND, LATE + SECOND, 9 * DAY)):
        world.clock.pass_(7 * MINUTE)
        world.track("s1", event(f"late{number}", time=to_iso(world.clock.now - ago)))
        assert onlooker.ids() == [f"late{number}"]


def test_and_what_happens_soon(world: World, onlooker: Onlooker) -> None:
    world.track(
        "s1", event("soon", time=to_iso(world.clock.now + 20 * HOUR)), source="split"
    )
    assert onlooker.ids() == ["soon"]
    world.clock.pass_(HOUR)
    assert onlooker.ids() == []
    world.track("s1", event("now"))
    assert onlooker.ids() == ["now"]


def test_what_is_stored_late_by_a_slow_call_is_told(
    world: World, onlooker: Onlooker
) -> None:
    """A call that was received before the sweep, and wrote after it."""
    world.track("s1", event("a"))
    call = world.service.call("move")
    world.clock.pass_(20 * SECOND)
    assert onlooker.ids() == ["a"]
    sent = {
        "source": {"id": "move"},
        "session": {"id": "s1"},
        "events": [event("slow")],
    }
    world.service.track(call, commands.read(Track, sent))
    assert onlooker.ids() == ["slow"]


def test_many_sessions_and_many_events_come_in_parts(
    world: World, onlooker: Onlooker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_SESSIONS", 20)
    monkeypatch.setattr(live, "MOST_ITEMS", 7)
    sent = set()
    for number in range(50):
        names = [f"{number}-{n}" for n in range(number % 19)]
        late = [f"{number}-late-{n}" for n in range(number % 3)]
        events = [event(name) for name in names]
        events += [event(name, time=to_iso(world.clock.now - DAY)) for name in late]
        events += [{"type": "bad", "id": f"{number}-bad", "tags": "none"}]
        world.track(f"s{number}", *events)
        sent |= {*names, *late, f"{number}-bad"}
    assert set(onlooker.ids()) == sent
    assert onlooker.calls > 3
    assert max(onlooker.told.values()) == 1
    assert onlooker.ids() == []


def test_large_events_come_in_parts(world: World, onlooker: Onlooker) -> None:
    large = {f"p{n}": "x" * 16_000 for n in range(60)}
    for number in range(4):
        world.track("s1", event(f"now{number}", properties=large))
        late = [
            event(f"{number}-{n}", time=to_iso(world.clock.now - DAY), properties=large)
            for n in (1, 2)
        ]
        world.track("s1", *late)
    assert len(onlooker.ids()) == 12
    assert onlooker.calls > 3


def test_only_the_first_verdicts_of_a_call_are_kept(
    world: World, onlooker: Onlooker
) -> None:
    world.track("s1", *({"type": "bad", "tags": "none"} for _ in range(40)))
    told = onlooker.look()
    assert len(told) == 26
    assert "15 more events" in told[-1]["reason"]


def refuse(world: World, request: str, **more: str) -> None:
    refused = RefusedCall("POST /identify", "invalid", **more)
    activity.record_refused_call(world.store, SPACE, refused, request, world.clock.now)


def test_many_calls_that_are_refused_hide_none(
    world: World, onlooker: Onlooker
) -> None:
    for number in range(250):
        refuse(world, f"r{number}", field="ids")
        world.clock.pass_(SECOND // 10)
    world.track("s1", event("a"))
    assert len(onlooker.look()) == 251
    assert onlooker.calls == 3
    refuse(world, "new")
    (told,) = onlooker.look()
    assert told["key"].endswith("/new")
    assert told["reason"] == explain_code("invalid")
    assert set(onlooker.told.values()) <= {1, 2}


def test_a_refused_call_has_its_time(world: World) -> None:
    now = world.clock.now  # each look at this clock is a microsecond later
    refuse(world, "r1", field="ids")
    (told,) = Onlooker(world).look()
    assert told["received"] == to_iso(now)


def test_looking_on_costs_a_query_for_a_session_that_may_have_news(
    engine: Engine,
) -> None:
    world = engine.world()
    onlooker = Onlooker(world)
    for number in range(3):
        world.track(f"s{number}", event("a"))
    onlooker.look()
    world.clock.pass_(2 * MINUTE)
    onlooker.look()
    with engine.counted() as found:
        assert onlooker.look() == []
    # one lists the sessions of each part of the index, one the calls that were refused as a whole
    assert found == {"ConsistentQuery": 3 + ACTIVE_SHARDS + 1}
    world.clock.pass_(HOUR)
    onlooker.look()
    with engine.counted() as found:
        assert onlooker.look() == []
    assert found == {"ConsistentQuery": ACTIVE_SHARDS + 1}


def test_a_call_that_refuses_an_event_is_one_write_more(engine: Engine) -> None:
    world = engine.world()
    world.track("s1", event("a"))
    world.track("s1", event("b"))
    with engine.counted() as found:
        world.track("s1", {"type": "view"}, {"type": "bad", "tags": "none"})
    assert found == {"ConsistentGetItem": 1, "PutItem": 2}


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "e30",
        "W10",
        Cursor(-1, 0).text,
        Cursor(0, 10**17).text,
        Cursor(0, 0, "#").text,
        Cursor(0, 0, "", "e/1").text,
        Cursor(0, 0, "s/1/s1", "#").text,
        Cursor(0, 0, "r/1/r1", "n/1").text,
        Cursor(0, 0, number=-1).text,
    ],
)
def test_a_cursor_that_somebody_made_up_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(Invalid) as raised:
        world.queries.read_live(SPACE, {"since": cursor}.get)
    assert raised.value.field == "since"


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor(0, 0, "s/0", "n/zzz", 7),
        Cursor(10**16 - 2, 0, "s/0"),
        Cursor(0, 0, "s/zzz/zzz"),
        Cursor(0, 0, "r/zzz/zzz"),
        Cursor(10**16 - 2, 0, "r/0"),
    ],
)
def test_one_that_could_be_ours_is_answered(engine: Engine, cursor: Cursor) -> None:
    world = engine.world()
    world.track("s1")
    assert "cursor" in world.queries.read_live(SPACE, {"since": cursor.text}.get)
