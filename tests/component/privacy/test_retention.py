"""Events are kept for as long as their source says, by their own time: readers never see what expired (TTL is late)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hardlink.domain.graph import Node
from hardlink.domain.sources.registry import Source
from hardlink.domain.times import DAY, HOUR, MINUTE, to_iso
from hardlink.queries.customer import Customer
from hardlink.queries.export_reader import ExportReader, ExportRequest
from tests.support.memory_store import MemoryStore
from tests.support.world import SOURCES, SPACE, World

pytestmark = pytest.mark.memory


MONTH = Source("month", SPACE, retention_days=30)
KEEPS_A_MONTH = replace(SOURCES, sources={**SOURCES.sources, "month": MONTH})


@pytest.fixture
def world() -> World:
    """A shop in memory, which deletes nothing by itself."""
    memory = MemoryStore()
    return World(memory, memory.taken, memory.dump, sources=KEEPS_A_MONTH)


def _old_and_new(world: World) -> None:
    """Gordon was here twice, 20 days apart; the first visit expires, the second does not."""
    for id_ in ("old", "new"):
        now = world.clock.now
        world.track(
            "S1",
            {"type": "view", "id": id_},
            {"type": "session_ping", "id": f"ping-{id_}", "time": to_iso(now)},
            source="month",
        )
        world.clock.pass_(20 * DAY)
    world.identify("S1", "month", ids={"registered": "gordon"})
    world.drain()


def _timeline(world: World) -> list[dict[str, Any]]:
    return world.events("gordon")


def _by_type(world: World) -> list[dict[str, Any]]:
    return [
        e
        for type_ in ("view", "session_ping")
        for e in world.events("gordon", type=type_)
    ]


def _session(world: World) -> list[dict[str, Any]]:
    return world.session_events("S1")


def _export(world: World) -> list[dict[str, Any]]:
    exports = ExportReader(world.store, world.clock)
    customer: Customer = exports.find_customer(SPACE, [Node("registered", "gordon")])
    budget = exports.open_budget(10**6, "ask for less")
    return [
        dict(event) for event in exports.read_events(customer, ExportRequest(), budget)
    ]


@pytest.mark.parametrize("read", [_timeline, _by_type, _session, _export])
def test_readers_see_no_event_that_expired(
    world: World, read: Callable[[World], list[dict[str, Any]]]
) -> None:
    _old_and_new(world)
    found = {e["id"] for e in read(world) if not e["id"].startswith("!")}
    assert found == {"new", "ping-new"}
    stored = {
        key.item.rpartition("/")[2]
        for key in world.dumped()
        if key.item.startswith("e/")
    }
    assert stored == {"old", "ping-old", "new", "ping-new"}, "nothing was deleted yet"


def test_visits_that_expired_are_not_derived(world: World) -> None:
    _old_and_new(world)
    derived = [
        e["id"] for e in world.events("gordon") if e["id"].startswith("!session")
    ]
    assert derived
    assert all("ping-new" in id_ for id_ in derived), derived


def test_a_customer_was_last_seen_by_what_is_kept(world: World) -> None:
    _old_and_new(world)
    world.clock.pass_(15 * DAY)
    assert world.events("gordon") == []
    (session,) = world.customer("gordon")["sessions"]
    assert session["last_seen"] == to_iso(min(s.created for s in _sessions(world)))


def _sessions(world: World) -> list[Any]:
    exports = ExportReader(world.store, world.clock)
    return list(exports.find_customer(SPACE, [Node("registered", "gordon")]).sessions)


def test_who_looks_on_sees_no_event_that_expired_since_it_came_late(
    world: World,
) -> None:
    cursor = world.queries.read_live(SPACE, lambda _: None)["cursor"]
    time = to_iso(world.clock.now - 30 * DAY + HOUR)
    world.track("S1", {"type": "view", "id": "late", "time": time}, source="month")
    world.track("S1", {"type": "view", "id": "now"}, source="month")
    assert _live(world, cursor) == {"late", "now"}
    world.clock.pass_(HOUR + MINUTE)
    assert _live(world, cursor) == {"now"}


def test_who_looks_on_after_a_long_time_sees_no_event_that_expired_meanwhile(
    world: World,
) -> None:
    cursor = world.queries.read_live(SPACE, lambda _: None)["cursor"]
    world.track("S1", {"type": "view", "id": "old"}, source="month")
    assert _live(world, cursor) == {"old"}
    world.clock.pass_(31 * DAY)
    assert _live(world, cursor) == set()


def _live(world: World, cursor: str) -> set[str]:
    return {
        e["id"] for e in world.queries.read_live(SPACE, {"since": cursor}.get)["events"]
    }


def test_an_order_is_known_for_as_long_as_its_event_is_kept(world: World) -> None:
    order = {"type": "conversion", "order": {"number": "7", "total": 10}}
    assert _statuses(world, order) == ["stored"]
    assert _statuses(world, order) == ["duplicate"]
    world.clock.pass_(31 * DAY)
    assert _statuses(world, order) == ["stored"]
    assert [e["type"] for e in world.session_events("S1")] == ["conversion"]


def test_what_the_order_feed_tells_is_of_no_source_and_kept(world: World) -> None:
    world.order("7", ids={"registered": "gordon"}, total=10, time=world.clock.now)
    world.drain()
    world.clock.pass_(4000 * DAY)
    assert [e["type"] for e in world.events("gordon")] == ["conversion"]


def _statuses(world: World, *events: dict[str, Any]) -> list[str]:
    return [r["status"] for r in world.track("S1", *events, source="month")["results"]]
