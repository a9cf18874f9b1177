"""Read the events of one session, newest first, with the visits that its pings stand for."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import groupby, islice

from hardlink.domain import derived_events
from hardlink.domain.events import StoredEvent
from hardlink.domain.records import Item, Key
from hardlink.queries.customer import SessionInterval
from hardlink.queries.paging import EventQuery, TimelineEvent
from hardlink.storage import event_store, keys
from hardlink.storage.store import Store

_CONTEXT_ITEMS = 25
"""Items read beyond the wanted ones: earlier pings decide whether a visit began or ended."""
_FILTERED_ITEMS = 200
"""Items of one request when a filter drops most of them."""


_Row = tuple[Key, Item]


class SessionEvents:
    """Reads session intervals. `clock` returns microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def read_newest(
        self, project_id: str, query: EventQuery, interval: SessionInterval
    ) -> list[TimelineEvent]:
        """Read the newest events of an interval that a query selects, at most its `limit`."""
        selected = self._selected(project_id, query, interval)
        found = list(islice(selected, query.limit))
        return self._complete_orders(project_id, found)

    def _complete_orders(
        self, project_id: str, found: list[TimelineEvent]
    ) -> list[TimelineEvent]:
        """Lay over the events that are orders what later reports of these orders added."""
        events = [(one.interval.session, one.event) for one in found]
        completions = event_store.read_completions(self._store, project_id, events)
        if not completions:
            return found
        completed: list[TimelineEvent] = []
        for one in found:
            event = one.event
            added = completions.get((one.interval.session, event.time, event.id))
            if added:
                event = event._replace(body=added.overlay(event.body))
            completed.append(TimelineEvent(event, one.interval))
        return completed

    def _selected(
        self, project_id: str, query: EventQuery, interval: SessionInterval
    ) -> Iterator[TimelineEvent]:
        """Read an interval's events that a query selects, newest first, one by one."""
        read = self._with_visits if query.includes_visits else self._stored
        for event in read(project_id, query, interval):
            found = TimelineEvent(event, interval)
            if query.selects(event, found.position):
                yield found

    def _stored(
        self, project_id: str, query: EventQuery, interval: SessionInterval
    ) -> Iterator[StoredEvent]:
        """Read the stored events of an interval."""
        page = _page_size(query, query.limit)
        scan = self._scan(project_id, interval, interval.start, interval.end, page)
        rows = (
            row
            for row in scan
            if query.accepts(str(row[1]["type"]), str(row[1]["source"]))
        )
        before = query.before[:3] if query.before else None
        for key, item in _newest_first(rows, query.limit + 1, before):
            yield event_store.read_event(self._store, key, item)

    def _with_visits(
        self, project_id: str, query: EventQuery, interval: SessionInterval
    ) -> Iterator[StoredEvent]:
        """Read stored events and derive visits from them.

        Pings before the interval are read as well: they decide whether a visit began within it.
        """
        next_ping = partial(self._read_next_ping, project_id, interval)
        stored = self._stored_with_earlier_pings(project_id, query, interval)
        events = derived_events.derive_visits(stored, self._clock(), next_ping)
        for event in events:
            if event.time < interval.start:
                return
            if event.time < interval.end:
                yield event

    def _stored_with_earlier_pings(
        self, project_id: str, query: EventQuery, interval: SessionInterval
    ) -> Iterator[StoredEvent]:
        """Read an interval's events, and the pings of the twenty minutes before it."""
        page = _page_size(query, query.limit + _CONTEXT_ITEMS)
        start = max(0, interval.start - derived_events.SILENCE)
        scan = self._scan(project_id, interval, start, interval.end, page)
        for key, item in _newest_first(scan):
            is_inside = keys.event_time(key) >= interval.start
            if is_inside or item["type"] == derived_events.PING:
                yield event_store.read_event(self._store, key, item)

    def _read_next_ping(
        self, project_id: str, interval: SessionInterval, ping: int
    ) -> int | None:
        """Find the time of the first ping after the interval, if it belongs to the same visit."""
        start, end = interval.end, ping + derived_events.SILENCE + 1
        earliest = None
        for key, item in self._scan(project_id, interval, start, end, _FILTERED_ITEMS):
            if item["type"] == derived_events.PING:
                earliest = keys.event_time(key)  # the scan goes back in time
        return earliest

    def _scan(
        self, project_id: str, of: SessionInterval, start: int, end: int, page: int
    ) -> Iterator[_Row]:
        """Read the events from `start` up to, not including, `end`, newest first.

        Without those that were erased and are not deleted yet.
        """
        if start >= end:
            return
        now = self._clock()
        partition = keys.session_partition(project_id, of.session)
        first, last = keys.first_event_item(start), keys.first_event_item(end)
        scan = self._store.scan(
            "events", partition, first, last, newest_first=True, page=page
        )
        for key, item in scan:
            time, received = keys.event_time(key), event_store.received_at(key, item)
            if not event_store.is_expired(item, now) and of.shows(time, received):
                yield key, item


def _page_size(query: EventQuery, wanted: int) -> int:
    """Choose how many items a request reads: more where a filter drops most of them."""
    # one more than is wanted: the next event shows that no other one has the time of the last
    return max(query.limit, _FILTERED_ITEMS) if query.is_filtered else wanted + 1


def _newest_first(
    rows: Iterable[_Row],
    most: int | None = None,
    before: tuple[int, int, str] | None = None,
) -> Iterator[_Row]:
    """Order events of equal times as they were received; their keys order them by ID.

    `rows`: newest first. `most`: of each time, hold no more than so many of those up to `before`,
    so that a session whose events all have one time costs no more memory than any other.
    """
    for _, run in groupby(rows, key=_time_of_row):
        if most is None:
            yield from sorted(run, key=_order_of_row, reverse=True)
        else:
            wanted = (
                row for row in run if before is None or _order_of_row(row) <= before
            )
            yield from heapq.nlargest(most, wanted, key=_order_of_row)


def _time_of_row(row: _Row) -> int:
    return keys.event_time(row[0])


def _order_of_row(row: _Row) -> tuple[int, int, str]:
    key, item = row
    received = event_store.received_at(key, item)
    return keys.event_time(key), received, keys.event_id(key)
