"""Summaries of sessions: reads need few requests, and answer what the events say at that moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import DAY, HOUR, MINUTE, to_iso
from hardlink.queries import computed, session_summaries
from hardlink.queries.api import ReadApi
from hardlink.services.service import Service
from hardlink.storage import keys
from tests.support.memory_store import MemoryStore
from tests.support.world import SOURCES, SPACE, World, in_memory

GORDON = {"registered": "gordon"}
PAGES = {"pages": {"compute": "latest", "of": "page"}, "spent": {"compute": "sum"}}


class CountingStore(MemoryStore):
    """Counts the requests that DynamoDB would get. A query of these tests has one page."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: Counter[str] = Counter()

    def get(self, keys: Any) -> Any:
        self.requests["read"] += -(-len(set(keys)) // 100)
        return super().get(keys)

    def scan(self, *of: Any, **more: Any) -> Any:
        self.requests["read"] += 1
        return super().scan(*of, **more)

    def write(self, actions: Any) -> None:
        self.requests["write"] += 1
        super().write(actions)


@pytest.fixture
def shop() -> World:
    """A shop in memory, which declares a list of pages."""
    world = in_memory(CountingStore())
    declare(world, PAGES["pages"])
    return world


def declare(world: World, trait: dict[str, Any], retention: int | None = None) -> None:
    """Declare the trait `pages`, and how many days the events of a source are kept."""
    types = SOURCES.projects[SPACE].identifiers.items()
    project = {
        "identifiers": {name: vars(type_) for name, type_ in types},
        "traits": {"pages": trait},
    }
    source: dict[str, Any] = {
        "write_key": "move",
        "project": SPACE,
        "policy": "move",
        "retention_days": retention,
    }
    split = {"write_key": "split", "project": SPACE, "policy": "split"}
    declared = {
        "projects": {SPACE: project},
        "sources": {"move": source, "split": split},
    }
    world.sources = Sources.from_declaration(declared)
    world.queries = ReadApi(world.store, world.sources, world.clock)
    world.service = Service(
        world.store, world.sources, world.clock, lambda: f"made-{world.clock()}"
    )


def view(page: str, **more: Any) -> dict[str, Any]:
    return {"type": "view", "id": page, "properties": {"page": page}, **more}


def visit(world: World, sessions: int, **more: Any) -> None:
    """Let gordon have sessions of one page, two hours apart, the last one two hours ago."""
    for number in range(sessions):
        world.track(f"s{number}", view(f"p{number}"), ids=GORDON, **more)
        world.clock.pass_(2 * HOUR)
    world.drain()


def read(world: World, value: str = "gordon") -> dict[str, Any]:
    found: dict[str, Any] = world.customer(value, traits="*")["computed"]
    return found


def pages(world: World, value: str = "gordon") -> list[str]:
    found: list[str] = read(world, value)["traits"]["pages"]
    return found


@contextmanager
def counted(world: World) -> Iterator[Counter[str]]:
    store = world.store
    assert isinstance(store, CountingStore)
    store.requests.clear()
    yield store.requests


def kept(world: World) -> list[str]:
    """The sessions that have a summary."""
    return [
        keys.split_partition(key.partition)[1]
        for key in world.dumped()
        if key.item == keys.SESSION_SUMMARY
    ]


@pytest.mark.parametrize(
    ("sessions", "requests"), [(1, 2), (10, 2), (100, 3), (1000, 21)]
)
def test_a_customer_of_quiet_sessions_is_read_without_a_query_of_any(
    shop: World, sessions: int, requests: int
) -> None:
    visit(shop, sessions)
    for _ in range(0, sessions, session_summaries.MOST_KEPT):
        read(shop)
    assert len(kept(shop)) == sessions
    with counted(shop) as found:
        answer = read(shop)
    assert found == {"read": requests}
    newest = [f"p{number}" for number in reversed(range(sessions))]
    assert answer["traits"]["pages"] == newest[:10]
    assert (answer["events"], answer["incomplete"]) == (sessions, {})


def test_a_customer_in_a_visit_costs_one_request_more(shop: World) -> None:
    visit(shop, 10)
    read(shop)
    shop.track("s3", view("now"), ids=GORDON)
    shop.drain()
    with counted(shop) as found:
        assert pages(shop)[:2] == ["now", "p9"]
    assert found == {"read": 3}


def test_a_visit_costs_one_write_once_it_is_read_and_none_until_then(
    shop: World,
) -> None:
    shop.track("s1", view("p1"), ids=GORDON)
    with counted(shop) as found:
        shop.track("s1", view("p2"))
    assert found["read"] == 1
    assert kept(shop) == []
    shop.drain()
    with counted(shop) as found:
        assert pages(shop) == ["p2", "p1"]
    assert found["write"] == 0, "more may come soon"
    shop.clock.pass_(HOUR)
    with counted(shop) as found:
        assert pages(shop) == ["p2", "p1"]
    assert found["write"] == 1
    assert kept(shop) == ["s1"]


def test_a_visit_that_goes_on_is_summarised_by_every_hundred_events(
    shop: World,
) -> None:
    views = [view(f"p{number}") for number in range(100)]
    shop.track("s1", *views[:99], ids=GORDON)
    shop.clock.pass_(10 * MINUTE)
    shop.track("s1", views[99])
    shop.drain()
    assert read(shop)["events"] == 100
    assert kept(shop) == []
    shop.clock.pass_(7 * MINUTE)
    assert read(shop)["events"] == 100
    assert kept(shop) == ["s1"]
    shop.track("s1", view("last"))
    assert pages(shop)[:2] == ["last", "p99"]
    assert read(shop)["events"] == 101


def late(world: World) -> None:
    """An event of long ago comes in."""
    world.track("s0", view("late", time=to_iso(world.clock.now - 9 * DAY)))


def moderately_late(world: World) -> None:
    """An event comes in that is just so far behind that a summary could hold its time."""
    time = to_iso(world.clock.now - 2 * HOUR - 5 * MINUTE)
    world.track("s0", view("late", time=time))


def early(world: World) -> None:
    """An event comes in that is dated ahead."""
    world.track("s0", view("late", time=to_iso(world.clock.now + HOUR)))


@pytest.mark.parametrize("come", [late, moderately_late, early])
@pytest.mark.parametrize("times", [1, 2])
def test_what_comes_late_counts_at_once(
    shop: World, come: Callable[[World], None], times: int
) -> None:
    visit(shop, 1)
    for _ in range(times):
        assert pages(shop) == ["p0"]
        assert pages(shop) == ["p0"]
        shop.clock.pass_(HOUR)
    assert kept(shop) == ["s0"]
    come(shop)
    assert sorted(pages(shop)) == ["late", "p0"], "before the streams are drained"
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    for _ in range(2):
        assert sorted(pages(shop)) == ["late", "p0"]
    with counted(shop) as found:
        read(shop)
    assert found == {"read": 2}, "the summary was made anew"


def test_what_a_later_report_adds_to_an_order_counts_at_once(shop: World) -> None:
    shop.track("s0", {"type": "purchase", "order": {"number": "o1"}}, ids=GORDON)
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    assert read(shop)["traits"]["revenue"] == {}
    assert kept(shop) == ["s0"]
    shop.order("o1", ids=GORDON, total=20, currency="EUR")
    assert read(shop)["traits"]["revenue"] == {"EUR": 20}
    shop.clock.pass_(HOUR)
    shop.order("o1", ids=GORDON, total=20, currency="EUR", status="cancelled")
    assert read(shop)["traits"]["revenue"] == {}


def test_a_changed_declaration_is_computed_of_the_events_and_kept_again(
    shop: World,
) -> None:
    visit(shop, 3)
    assert pages(shop) == ["p2", "p1", "p0"]
    declare(shop, {"compute": "count", "where": "page != 'p1'"})
    assert read(shop)["traits"]["pages"] == 2
    with counted(shop) as found:
        assert read(shop)["traits"]["pages"] == 2
    assert found == {"read": 2}
    declare(shop, PAGES["pages"])
    assert pages(shop) == ["p2", "p1", "p0"]


def test_a_session_in_which_the_customer_changed_is_read_by_its_events(
    shop: World,
) -> None:
    for customer in ("gordon", "alyx"):
        ids = {"registered": customer}
        shop.track("s0", view(customer), source="split", ids=ids)
        shop.clock.pass_(2 * HOUR)
        shop.drain()
        # Before the log-in the whole session was the first one's.
        assert pages(shop, customer) == [customer]
    for customer in ("gordon", "alyx", "gordon"):
        assert pages(shop, customer) == [customer]


def test_a_summary_follows_a_link_its_undo_and_a_merge(shop: World) -> None:
    visit(shop, 2)
    assert pages(shop) == ["p1", "p0"]
    shop.identify("s0", ids={"registered": "alyx"})
    shop.drain()
    assert (pages(shop), pages(shop, "alyx")) == (["p1"], ["p0"])
    shop.merge("alyx", "gordon")
    shop.drain()
    assert pages(shop) == ["p1", "p0"]
    shop.administration.undo_link(SPACE, "s0")
    shop.settle()
    assert pages(shop) == ["p1", "p0"]


def test_an_event_that_expires_is_in_no_summary_any_more(shop: World) -> None:
    declare(shop, PAGES["pages"], retention=10)
    shop.track("s0", view("old", time=to_iso(shop.clock.now - DAY)), ids=GORDON)
    shop.track("s0", view("new"))
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    assert pages(shop) == ["new", "old"]
    assert kept(shop) == ["s0"]
    shop.clock.pass_(9 * DAY)
    assert pages(shop) == ["new"]
    shop.clock.pass_(DAY)
    assert pages(shop) == []


def test_an_erasure_takes_the_summaries_away(shop: World) -> None:
    visit(shop, 2)
    shop.track("other", view("other"), ids={"registered": "alyx"})
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    read(shop)
    read(shop, "alyx")
    assert sorted(kept(shop)) == ["other", "s0", "s1"]
    shop.erase("gordon")
    shop.swept()
    assert kept(shop) == ["other"]


def test_an_erasure_of_a_part_takes_the_summary_away_and_leaves_none(
    shop: World,
) -> None:
    shop.track("s0", view("p0"), source="split", ids=GORDON)
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    assert pages(shop) == ["p0"]
    shop.track("s0", view("p1"), source="split", ids={"registered": "alyx"})
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    assert kept(shop) == ["s0"]
    shop.erase("gordon")
    assert pages(shop, "alyx") == ["p1"]
    shop.swept()
    assert pages(shop, "alyx") == ["p1"]
    assert kept(shop) == []


def test_a_visitor_who_returns_after_an_erasure_is_new(shop: World) -> None:
    visit(shop, 1)
    assert pages(shop) == ["p0"]
    shop.erase("gordon")
    shop.drain()
    shop.spread()
    assert kept(shop) == ["s0"], "it is not swept yet"
    shop.track("s0", view("new"), ids=GORDON)
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    assert pages(shop) == ["new"]
    shop.swept()
    assert pages(shop) == ["new"]


def test_of_very_many_events_each_call_keeps_what_it_read(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computed, "MOST_READ_EVENTS", 4)
    monkeypatch.setattr("hardlink.queries.timeline.MOST_EVENTS", 2)
    visit(shop, 10)
    found = read(shop)
    assert found["incomplete"]["pages"].startswith("older events were not read")
    for _ in range(3):
        found = read(shop)
    assert found["incomplete"] == {}
    assert found["events"] == 10
    assert found["traits"]["visits"] == 10


def test_a_summary_that_is_too_large_is_not_kept(shop: World) -> None:
    large = {"page": "".join(map(chr, range(256, 20_000)))}
    shop.track("s0", view("large", properties=large), ids=GORDON)
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    assert pages(shop) == [large["page"]]
    assert kept(shop) == []


def test_an_old_event_that_is_sent_again_changes_nothing(shop: World) -> None:
    old = view("old", time=to_iso(shop.clock.now - DAY))
    shop.track("s0", old, ids=GORDON)
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    assert pages(shop) == ["old"]
    before = dict(shop.dumped())
    again = shop.track("s0", old)
    assert [result["status"] for result in again["results"]] == ["duplicate"]
    assert dict(shop.dumped()) == before
    another = view("older", time=to_iso(shop.clock.now - 2 * DAY))
    answer = shop.track("s0", old, another)
    statuses = [result["status"] for result in answer["results"]]
    assert statuses == ["duplicate", "stored"]
    assert pages(shop) == ["old", "older"]


def test_a_session_of_very_many_events_is_summarised_by_and_by(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computed, "MOST_READ_EVENTS", 50)
    monkeypatch.setattr("hardlink.queries.timeline.MOST_EVENTS", 50)
    monkeypatch.setattr(session_summaries, "MOST_EXTENDED", 1_000)
    for start in range(0, 5_000, 500):
        views = [view(f"p{n % 7}", id=f"v{start + n}") for n in range(500)]
        shop.track("s0", *views, ids=GORDON)
        shop.clock.pass_(MINUTE)
    shop.drain()
    shop.clock.pass_(2 * HOUR)
    for _ in range(5):
        found = read(shop)
        assert found["incomplete"]["orders"].startswith("older events were not read")
    found = read(shop)
    assert (found["events"], found["incomplete"]) == (5_000, {})
    with counted(shop) as requests:
        assert read(shop) == found
    assert requests == {"read": 2}


def test_while_more_may_come_late_no_summary_is_kept(shop: World) -> None:
    visit(shop, 1)
    late(shop)
    shop.drain()
    for _ in range(2):
        with counted(shop) as found:
            assert pages(shop) == ["p0", "late"]
        assert found["write"] == 0, "it could not be used"
    shop.clock.pass_(HOUR)
    assert pages(shop) == ["p0", "late"]
    assert kept(shop) == ["s0"]
