"""Visits, as a browser's session pings make them: against a plain count from the first event on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain import derived_events
from hardlink.domain.derived_events import END_DELAY, PING, SILENCE
from hardlink.domain.events import StoredEvent
from hardlink.domain.times import MINUTE, SECOND

Told = tuple[int, str]


def event(time: int, type_: str, id_: str) -> StoredEvent:
    body = {"properties": {"path": "/", "referrer": "there"}, "context": {}}
    return StoredEvent(id_, type_, time, time, "web", body)


def visits(events: Sequence[StoredEvent], now: int) -> list[StoredEvent]:
    newest_first = sorted(events, key=lambda e: (e.time, e.id), reverse=True)
    return list(derived_events.derive_visits(newest_first, now, lambda _: None))


def told(events: Sequence[StoredEvent]) -> list[Told]:
    return [(e.time, e.type) for e in events]


def test_one_visit() -> None:
    """EX-15: a start with the first ping, an end 30 s after the last and 20 silent minutes."""
    pings = [event(n * MINUTE, PING, f"p{n}") for n in (100, 102, 104)]
    done = told(visits(pings, 125 * MINUTE))
    assert done == [
        (104 * MINUTE + 30 * SECOND, "session_end"),
        (104 * MINUTE, PING),
        (102 * MINUTE, PING),
        (100 * MINUTE, PING),
        (100 * MINUTE, "session_start"),
    ]
    assert told(visits(pings, 124 * MINUTE)) == done[1:]  # it may go on still


def test_two_visits_with_other_events_between_them() -> None:
    found = visits(
        [
            event(100 * MINUTE, PING, "a"),
            event(100 * MINUTE + 10 * SECOND, "view", "v"),
            event(100 * MINUTE + 40 * SECOND, "late", "l"),
            event(121 * MINUTE, PING, "b"),
        ],
        122 * MINUTE,
    )
    assert told(found) == [
        (121 * MINUTE, PING),
        (121 * MINUTE, "session_start"),
        (100 * MINUTE + 40 * SECOND, "late"),
        (100 * MINUTE + 30 * SECOND, "session_end"),
        (100 * MINUTE + 10 * SECOND, "view"),
        (100 * MINUTE, PING),
        (100 * MINUTE, "session_start"),
    ]


def test_what_is_derived_says_where_the_visitor_came_from_and_from_which_event() -> (
    None
):
    """EX-16, seed 004: path and referrer on automatic events."""
    ping, start = visits([event(0, PING, "a")], 0)
    assert (
        start.body["properties"]
        == ping.body["properties"]
        == {"path": "/", "referrer": "there"}
    )
    assert start.body["derived_from"] == "a"
    first = derived_events.first_session(start)
    assert (first.type, first.time) == ("first_session", 0)
    assert ping.id > first.id > start.id


def test_events_without_pings_are_left_as_they_are() -> None:
    views = [event(n, "view", f"v{n}") for n in (1, 2, 3)]
    assert visits(views, 10**15) == views[::-1]


def test_a_visit_that_goes_on_beyond_what_is_read_has_no_end_here() -> None:
    ping = event(100 * MINUTE, PING, "a")
    for later, ends in ((120 * MINUTE, False), (120 * MINUTE + 1, True)):
        found = list(derived_events.derive_visits([ping], 10**15, lambda _, t=later: t))  # type: ignore[misc]
        assert ("session_end" in {e.type for e in found}) is ends


def counted(pings: Sequence[int], now: int) -> list[Told]:
    """The same, counted forward."""
    found: list[Told] = []
    times = sorted(pings)
    for n, time in enumerate(times):
        if n == 0 or time - times[n - 1] > SILENCE:
            found.append((time, "session_start"))
        if (times[n + 1] if n + 1 < len(times) else now) - time > SILENCE:
            found.append((time + END_DELAY, "session_end"))
    return sorted(found)


times = st.lists(st.integers(0, 90 * 60), max_size=25)


@given(times, times, st.integers(0, 60 * 60))
def test_any_pings(pings: list[int], views: list[int], more: int) -> None:
    events = [event(t * SECOND, PING, f"p{n}") for n, t in enumerate(pings)]
    events += [event(t * SECOND, "view", f"v{n}") for n, t in enumerate(views)]
    now = (max([*pings, *views, 0]) + more) * SECOND
    found = visits(events, now)
    places = [(e.time, e.id) for e in found]
    assert places == sorted(places, reverse=True)
    made = sorted(t for t in told(found) if t[1] in ("session_start", "session_end"))
    assert made == counted([t * SECOND for t in pings], now)
    assert sorted(e.id for e in found if not e.id.startswith("!")) == sorted(
        e.id for e in events
    )


def count_comparisons(
    monkeypatch: pytest.MonkeyPatch, events: Sequence[StoredEvent]
) -> int:
    """Count how often the place of an event in its session is asked for."""
    asked = 0
    whole: Callable[[StoredEvent], Any] = vars(StoredEvent)["order_in_session"].fget

    def count(one: StoredEvent) -> Any:
        nonlocal asked
        asked += 1
        return whole(one)

    with monkeypatch.context() as patch:
        patch.setattr(StoredEvent, "order_in_session", property(count))
        list(derived_events.derive_visits(events, 200 * MINUTE, lambda _: None))
    return asked


def test_a_burst_costs_in_proportion_to_its_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of its events are pending, as the end of a visit may still lie among them."""
    counts: list[int] = []
    for number in (100, 200, 400):
        burst = [event(100 * MINUTE - n, "view", f"{n}") for n in range(number)]
        ping = event(99 * MINUTE + 50 * SECOND, PING, "p")
        counts.append(count_comparisons(monkeypatch, [*burst, ping]))
    assert counts[1] <= 2 * counts[0] + 2
    assert counts[2] <= 4 * counts[0] + 6
