"""Derived events on the timeline: right whenever it is read, on every page, for whoever the visit belongs to."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.times import MINUTE, SECOND, to_iso
from hardlink.queries.paging import MOST_EVENTS
from tests.support.memory_store import MemoryStore
from tests.support.world import World, in_memory

pytestmark = pytest.mark.memory


START = 1_790_000_000 * SECOND


@pytest.fixture
def shop() -> World:
    """The timeline asks nothing of a store that the contract does not hold: memory will do."""
    return in_memory(MemoryStore())


def ping(
    world: World, session: str, *minutes: float, source: str = "split", **more: Any
) -> None:
    for at in minutes:
        time = to_iso(START + round(at * MINUTE))
        one = {"type": "session_ping", "id": f"{session}-{at}", "time": time}
        world.track(session, one, source=source, **more)


def test_a_source_selects_what_it_sent_and_what_is_derived_of_that(
    shop: World,
) -> None:
    now(shop, 1)
    for source, session in (("split", "web"), ("move", "app")):
        shop.identify(session, source, ids={"registered": "gordon"})
    now(shop, 1000)
    ping(shop, "web", 10, 12)
    for minute in (11, 11, 13):
        time = to_iso(START + minute * MINUTE)
        shop.track("app", {"type": "view", "time": time}, source="move")
    shop.settle()
    for limit in ("1", "2", "50"):
        query = {"limit": limit, "source": "move"}
        assert types(shop, "gordon", **query) == ["view"] * 3
    ended = ["session_end", "session_ping", "session_ping", "session_start"]
    assert set(ended) <= set(types(shop, "gordon", limit="1", source="split"))
    assert types(shop, "gordon", source="split", type="view") == []
    assert types(shop, "gordon", source="none") == []


def now(world: World, minutes: float) -> None:
    world.clock.now = START + round(minutes * MINUTE)


def types(
    world: World, value: str, type_: str = "registered", **query: str
) -> list[str]:
    return [event["type"] for event in world.events(value, type_, **query)]


def pages(world: World, value: str, limit: int, **query: str) -> list[tuple[str, str]]:
    return [
        (e["time"], e["type"]) for e in world.events(value, limit=str(limit), **query)
    ]


@pytest.fixture
def visits(shop: World) -> World:
    """Two visits on a phone, one on a laptop, other events between."""
    now(shop, 1)
    ids = {"registered": "gordon"}
    shop.identify("phone", "split", ids=ids)
    shop.identify("laptop", "split", ids=ids)
    now(shop, 1000)
    ping(shop, "phone", 10, 12, 40, 42)
    ping(shop, "laptop", 11, 13)
    for at in (10.1, 12.2, 41, 300):
        time = to_iso(START + round(at * MINUTE))
        shop.track(
            "phone", {"type": "view", "id": f"v{at}", "time": time}, source="split"
        )
    shop.settle()
    return shop


WHOLE = [
    "view",
    "session_end",
    "session_ping",
    "view",
    "session_ping",
    "session_start",
    "session_end",
    "session_ping",
    "session_end",
    "view",
    "session_ping",
    "session_ping",
    "session_start",
    "view",
    "session_ping",
    "first_session",
    "session_start",
    "merge",
]


def test_the_whole_timeline(visits: World) -> None:
    """EX-15."""
    assert types(visits, "gordon") == WHOLE


@pytest.mark.parametrize("limit", range(1, 20))
def test_pages_of_any_size_hold_the_same(visits: World, limit: int) -> None:
    assert pages(visits, "gordon", limit) == pages(visits, "gordon", MOST_EVENTS)


@pytest.mark.parametrize(
    "type_", ["session_start", "session_end", "first_session", "merge", "view"]
)
@pytest.mark.parametrize("limit", [1, 2, MOST_EVENTS])
def test_one_type_alone(visits: World, type_: str, limit: int) -> None:
    whole = [one for one in pages(visits, "gordon", MOST_EVENTS) if one[1] == type_]
    assert whole
    assert pages(visits, "gordon", limit, type=type_) == whole


@pytest.mark.parametrize(
    "since", [0, 9.9, 10, 10.2, 12.4, 12.6, 13.5, 39, 40, 42.4, 42.6]
)
def test_any_stretch_of_time_holds_what_lies_in_it(visits: World, since: float) -> None:
    first = to_iso(START + round(since * MINUTE))
    whole = pages(visits, "gordon", MOST_EVENTS)
    assert pages(visits, "gordon", 3, since=first) == [
        one for one in whole if one[0] >= first
    ]
    assert pages(visits, "gordon", 3, until=first) == [
        one for one in whole if one[0] < first
    ]


def test_a_visit_ends_when_it_has_been_silent_and_not_before(shop: World) -> None:
    now(shop, 0)
    ping(shop, "phone", 0, ids={"registered": "gordon"})
    shop.settle()
    seen = ["session_ping", "first_session", "session_start"]
    for minutes, ended in (
        (5, []),
        (19.9, []),
        (20.1, ["session_end"]),
        (9999, ["session_end"]),
    ):
        now(shop, minutes)
        assert types(shop, "gordon") == ended + seen
    ping(shop, "phone", 15)  # a late one: the visit went on
    now(shop, 30)
    assert types(shop, "gordon") == ["session_ping", *seen]


def test_a_login_in_the_middle_of_a_visit_begins_none(shop: World) -> None:
    now(shop, 0)
    shop.identify("phone", "split", ids={"registered": "gordon"})
    ping(shop, "phone", 0)
    now(shop, 3)
    shop.identify("phone", "split", ids={"registered": "alyx"})
    now(shop, 60)
    ping(shop, "phone", 5)
    shop.settle()
    assert types(shop, "gordon") == ["session_ping", "first_session", "session_start"]
    assert types(shop, "alyx") == ["session_end", "session_ping"]


def test_a_session_shows_its_visits_too(visits: World) -> None:
    seen = [e["type"] for e in visits.session_events("laptop")]
    assert seen == ["session_end", "session_ping", "session_ping", "session_start"]


def test_last_seen_is_what_was_sent(visits: World) -> None:
    seen = visits.customer("gordon")["sessions"]
    assert {s["id"]: s["last_seen"] for s in seen}["laptop"] == to_iso(
        START + 13 * MINUTE
    )


# -- merge ------------------------------------------------------------------------------------------------------------


def merges(world: World, value: str) -> list[dict[str, Any]]:
    return world.events(value, type="merge")


def test_a_visitor_who_joins_a_customer_that_was_known_is_merged(shop: World) -> None:
    """EX-09."""
    now(shop, 0)
    shop.track("phone", source="split")
    shop.identify("phone", "split", ids={"registered": "gordon"})
    now(shop, 10)
    shop.track("laptop", source="split")
    shop.identify("laptop", "split", ids={"registered": "gordon"})
    shop.settle()
    [merge] = merges(shop, "gordon")
    profile = shop.session("laptop")["profile"]["id"]
    assert merge["properties"] == {"profile": profile}
    assert merge["session"] == "laptop"
    assert types(shop, "gordon").count("merge") == 1
    shop.unlink("laptop")
    shop.settle()
    assert merges(shop, "gordon") == []


def test_who_takes_a_device_over_is_not_merged_with_who_had_it(shop: World) -> None:
    """EX-07: nothing was brought along."""
    now(shop, 0)
    shop.identify("phone", "split", ids={"registered": "gordon"})
    shop.update(None, "split", ids={"registered": "alyx"}, properties={"a": 1})
    now(shop, 10)
    shop.identify("phone", "split", ids={"registered": "alyx"})
    shop.settle()
    assert merges(shop, "alyx") == merges(shop, "gordon") == []


def test_where_history_always_moves_no_merge_is_told(shop: World) -> None:
    now(shop, 0)
    shop.update(None, ids={"registered": "gordon"}, properties={"a": 1})
    now(shop, 10)
    shop.identify("phone", ids={"registered": "gordon"})
    shop.settle()
    assert merges(shop, "gordon") == []


def test_a_backend_is_no_visitor(shop: World) -> None:
    now(shop, 0)
    shop.identify("phone", "split", ids={"registered": "gordon"})
    now(shop, 10)
    shop.track(
        None,
        {"type": "order"},
        source="split",
        ids={"registered": "gordon"},
        server_side=True,
    )
    shop.settle()
    assert types(shop, "gordon") == ["order"]
    assert merges(shop, "gordon") == []
