"""Read timelines: the events of all sessions of a customer, merged, newest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from hardlink.domain import derived_events, synthetic_ids
from hardlink.domain.errors import NotFound
from hardlink.domain.graph import NOTHING
from hardlink.domain.records import Session, SessionRow
from hardlink.queries import paging
from hardlink.queries.customer import Customer, SessionInterval
from hardlink.queries.paging import MOST_EVENTS, EventQuery, TimelineEvent
from hardlink.queries.session_events import SessionEvents
from hardlink.storage.store import Store

_PARALLEL_READS = 16
_EXACT_SESSIONS = 25
"""Sessions whose last event is read; older sessions have an estimate, right to half an hour."""
_VISIT_STARTS = EventQuery(limit=1, type=derived_events.START, derived=True)


class Timeline:
    """Reads timelines. `clock` returns microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._session_events = SessionEvents(store, clock)
        self._threads = ThreadPoolExecutor(
            _PARALLEL_READS, thread_name_prefix="timeline"
        )

    def read_customer_events(
        self, customer: Customer, query: EventQuery
    ) -> dict[str, Any]:
        """Read a page of a customer's events, newest first.

        Returns `{"events": [...], "cursor": <text or null>}`. It reads only the sessions that may
        hold one of these events, the latest first, sixteen at a time.
        """
        query = paging.with_lookahead(query)
        merges = paging.merge_events(customer, query)
        intervals = customer.session_intervals()
        found = self._read_newest(customer.project_id, intervals, query, merges)
        first = self._first_session(customer.project_id, intervals, query, found)
        if first and query.selects(first.event, first.position):
            found = paging.select_newest([*found, first], query.limit)
        return paging.make_page(found, query)

    def read_pages(
        self, project_id: str, intervals: Sequence[SessionInterval], since: int
    ) -> Iterator[Sequence[TimelineEvent]]:
        """Read the stored events of intervals, newest first, in pages. `since`: none earlier."""
        query = EventQuery(limit=MOST_EVENTS, since=since)
        while found := self._read_newest(project_id, intervals, query):
            yield found
            if len(found) < query.limit:
                return
            query = replace(query, before=found[-1].position)

    def read_session_events(
        self, project_id: str, session: Session, query: EventQuery
    ) -> dict[str, Any]:
        """Read a page of a session's events, newest first, whichever customers they belong to."""
        query = paging.with_lookahead(query)
        found = self._read_newest(project_id, [paging.whole_session(session)], query)
        return paging.make_page(found, query)

    def find_latest_session(self, customer: Customer) -> tuple[str, str]:
        """Find session and profile of a customer's most recent visit. Raises `NotFound`.

        Events that the shop's backend sent are no visit. Source: seed 003, newsletter content.
        """
        intervals = customer.session_intervals()
        visits = (
            one for one in intervals if not synthetic_ids.is_synthetic(one.session)
        )
        newest = self._read_newest(customer.project_id, visits, EventQuery(limit=1))
        if newest:
            return newest[0].interval.session, newest[0].interval.profile
        if not customer.visits:
            raise NotFound("this customer has no sessions")
        row = customer.visits[-1]
        return row.session, row.profile.value

    def list_sessions(
        self, customer: Customer, known: Mapping[str, int] = NOTHING
    ) -> list[tuple[SessionRow, int]]:
        """List sessions and the times of their last events, the latest first.

        The last event of the 25 latest sessions is read; of older ones it is known to half an hour.
        `known`: times of last events by session, 0 without any, which are not read.
        """
        rows = sorted(customer.sessions, key=_latest_order, reverse=True)
        # Each costs a read, and nobody looks at the last second of an old visit.
        sessions = [
            (row, known[row.session] or row.created)
            for row in rows
            if row.session in known
        ]
        rows = [row for row in rows if row.session not in known]
        recent, older = rows[:_EXACT_SESSIONS], rows[_EXACT_SESSIONS:]
        by_session = _group_by_session(customer.session_intervals())
        intervals = [by_session.get(row.session, []) for row in recent]
        read_last_seen = partial(self._last_event_time, customer.project_id)
        last_seen = self._threads.map(read_last_seen, intervals)
        for row, time in zip(recent, last_seen, strict=True):
            sessions.append((row, time or row.created))
        sessions += [(row, row.last_event_at) for row in older]
        return sorted(sessions, key=_last_seen_order, reverse=True)

    def _last_event_time(
        self, project_id: str, intervals: Sequence[SessionInterval]
    ) -> int | None:
        """Read the time of a session's newest event; `None` where no event is this customer's."""
        last = None
        for interval in intervals:
            newest = self._session_events.read_newest(
                project_id, EventQuery(limit=1), interval
            )
            if newest and (last is None or newest[0].event.time > last):
                last = newest[0].event.time
        return last

    def _first_session(
        self,
        project_id: str,
        intervals: Sequence[SessionInterval],
        query: EventQuery,
        found: Sequence[TimelineEvent],
    ) -> TimelineEvent | None:
        """Derive the customer's first session, if the first of all visits is among these events."""
        if not query.includes_derived(derived_events.FIRST):
            return None
        if query.type == derived_events.FIRST:
            start = self._first_visit_start(project_id, intervals)
        else:
            start = _oldest_visit_start(found)
            if start and self._has_earlier_visit(project_id, intervals, start):
                return None
        return start and replace(start, event=derived_events.first_session(start.event))

    def _first_visit_start(
        self, project_id: str, intervals: Sequence[SessionInterval]
    ) -> TimelineEvent | None:
        """Page through all visits to the first one."""
        first = None
        query = replace(_VISIT_STARTS, limit=MOST_EVENTS)
        while starts := self._read_newest(project_id, intervals, query):
            first = starts[-1]
            query = replace(query, before=first.position)
        return first

    def _has_earlier_visit(
        self,
        project_id: str,
        intervals: Sequence[SessionInterval],
        start: TimelineEvent,
    ) -> bool:
        """Tell whether a customer visited before a visit began."""
        earlier = replace(_VISIT_STARTS, before=start.position)
        return bool(self._read_newest(project_id, intervals, earlier))

    def _read_newest(
        self,
        project_id: str,
        intervals: Iterable[SessionInterval],
        query: EventQuery,
        derived: Sequence[TimelineEvent] = (),
    ) -> list[TimelineEvent]:
        """Read the newest events of all intervals, and of `derived`, which lie in none.

        Intervals are read in waves, by their `bound`, until no unread interval can hold a newer
        event.
        """
        unread = sorted(
            paging.clip_intervals(intervals, query), key=_bound, reverse=True
        )
        newest = paging.select_newest(derived, query.limit)
        total = len(unread)
        size = _first_wave_size(unread)
        read = partial(self._session_events.read_newest, project_id, query)
        while unread:
            wave = _worth_reading(unread[:size], newest, query.limit)
            # No session that is left can hold a newer event.
            if not wave:
                break
            unread = unread[len(wave) :]
            for events in self._threads.map(read, wave):
                newest += events
            newest = paging.select_newest(newest, query.limit)
            done = total - len(unread)
            size = paging.sessions_to_read(
                query.limit, len(newest), done, _PARALLEL_READS
            )
        return newest


def _bound(interval: SessionInterval) -> int:
    return interval.bound


def _latest_order(row: SessionRow) -> tuple[int, str]:
    return row.latest, row.session


def _last_seen_order(session: tuple[SessionRow, int]) -> tuple[int, str]:
    row, last_seen = session
    return last_seen, row.session


def _first_wave_size(intervals: Sequence[SessionInterval]) -> int:
    """Count the intervals that may hold a newer event than the first is expected to hold."""
    candidates = intervals[:_PARALLEL_READS]
    return sum(1 for one in candidates if one.bound >= intervals[0].seen)


def _worth_reading(
    intervals: Sequence[SessionInterval], newest: Sequence[TimelineEvent], limit: int
) -> list[SessionInterval]:
    """Keep the intervals that may hold an event newer than the last one of a full page."""
    oldest_wanted = newest[limit - 1].event.time if len(newest) >= limit else -1
    return [one for one in intervals if one.bound >= oldest_wanted]


def _oldest_visit_start(found: Iterable[TimelineEvent]) -> TimelineEvent | None:
    oldest = None
    for one in found:  # newest first
        if one.event.type == derived_events.START:
            oldest = one
    return oldest


def _group_by_session(
    intervals: Iterable[SessionInterval],
) -> Mapping[str, list[SessionInterval]]:
    """Group intervals by their session."""
    grouped: dict[str, list[SessionInterval]] = {}
    for interval in intervals:
        grouped.setdefault(interval.session, []).append(interval)
    return grouped
