"""Find what summaries say of a customer's sessions, read the rest, and keep what that came to.

A reader that summarised a session keeps the summary for the next one: so a session is read once,
whoever asks, and one that nobody asks for costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import NamedTuple

from hardlink.domain.records import Item, Key, Session
from hardlink.domain.traits import summaries
from hardlink.domain.traits.selection import SessionEvent
from hardlink.domain.traits.session_summary import (
    NEVER,
    SessionSummary,
    is_worth_keeping,
    settled_before,
)
from hardlink.domain.traits.summaries import Summary
from hardlink.domain.traits.trait import Trait
from hardlink.queries.customer import SessionInterval
from hardlink.queries.paging import TimelineEvent
from hardlink.storage import event_store, keys, session_summaries
from hardlink.storage.store import Store

_PARALLEL_WRITES = 8
_NO_EVENTS = Summary()
MOST_EXTENDED = 5_000
"""Events by which a call moves the summary of a session forward that has too many."""
MOST_KEPT = 100
"""Summaries that one call writes; the next call writes the others."""


class Rules(NamedTuple):
    """How events of a project are summarised: all its traits by name, their version, its zone."""

    traits: Mapping[str, Trait]
    version: str
    zone: tzinfo


class SessionPart(NamedTuple):
    """An interval of a session: what a summary says of it, and what is left to read of it.

    `interval`: as far as the session itself reaches by now, its row may be behind.

    `session`: as it was read with the summary; `None` where it must not have one.
    """

    interval: SessionInterval
    unread: SessionInterval | None
    summary: SessionSummary | None = None
    session: Session | None = None

    def is_whole(self, since: int, settled: int) -> bool:
        """Tell whether the summary and the unread events are all of the session before `settled`.

        `since`: events before it are not read.
        """
        if self.session is None or self.unread is None:
            return False
        begin = self.summary.until if self.summary else self.session.earliest
        reaches_back = max(since, self.unread.start) <= begin
        return reaches_back and settled <= self.interval.end


@dataclass
class GatheredEvents:
    """The summary of some events of a session, how many they are, and of what times.

    `expires`: when the first of them does, in seconds.
    """

    summary: Summary = _NO_EVENTS
    events: int = 0
    newest: int = 0
    expires: int = NEVER

    def add(self, rules: Rules, found: Sequence[SessionEvent]) -> None:
        """Add events, none of which was added before."""
        part = summaries.summarise(rules.traits, found, rules.zone)
        self.summary = summaries.merge(rules.traits, self.summary, part)
        self.events += len(found)
        self.newest = max(self.newest, *(one.event.time for one in found))
        expiries = (one.event.expires or NEVER for one in found)
        self.expires = min(self.expires, *expiries)

    def extend(
        self,
        rules: Rules,
        before: SessionSummary | None,
        session: Session,
        read_at: int,
    ) -> SessionSummary:
        """Return the summary of a session: of these events and of those before them."""
        summary, events, newest = self.summary, self.events, self.newest
        expires = self.expires
        if before:
            summary = summaries.merge(rules.traits, before.summary, summary)
            events, newest = events + before.events, max(newest, before.newest)
            expires = min(expires, before.expires)
        return SessionSummary(
            session.created,
            rules.version,
            read_at,
            settled_before(read_at),
            summary,
            events,
            newest,
            expires,
        )


_NONE = GatheredEvents()


class Gathering:
    """The events of a call, by session: those that later calls need not read again, and others."""

    def __init__(self, rules: Rules, read_at: int) -> None:
        self._rules = rules
        self._settled_before = settled_before(read_at)
        self.settled: dict[str, GatheredEvents] = {}
        self.recent: dict[str, GatheredEvents] = {}

    def add(self, page: Iterable[TimelineEvent]) -> None:
        """Add a page of events."""
        groups: dict[tuple[str, bool], list[SessionEvent]] = {}
        for one in page:
            session, event = one.interval.session, one.event
            key = session, event.time < self._settled_before
            groups.setdefault(key, []).append(SessionEvent(session, event))
        for (session, is_settled), found in groups.items():
            events = self.settled if is_settled else self.recent
            events.setdefault(session, GatheredEvents()).add(self._rules, found)

    def newest_of(self, session: str) -> int:
        """Return the time of the last event that was gathered of a session, 0 without any."""
        settled = self.settled.get(session, _NONE)
        return max(settled.newest, self.recent.get(session, _NONE).newest)

    @property
    def all(self) -> list[GatheredEvents]:
        """What was gathered of all sessions."""
        return [*self.settled.values(), *self.recent.values()]


class SessionSummaries:
    """Reads and keeps summaries. `clock` returns microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._threads = ThreadPoolExecutor(
            _PARALLEL_WRITES, thread_name_prefix="summaries"
        )

    def find(
        self, project_id: str, intervals: Sequence[SessionInterval], version: str
    ) -> tuple[list[SessionPart], int]:
        """Find what summaries say of intervals. Also returns the time before they were read.

        Costs a request for every fifty sessions.
        """
        read_at = self._clock()
        ids = list(dict.fromkeys(interval.session for interval in intervals))
        found = session_summaries.read_with_sessions(
            self._store, project_id, ids, version
        )
        parts = [_divide(one, found.get(one.session), read_at) for one in intervals]
        return parts, read_at

    def keep(
        self,
        project_id: str,
        rules: Rules,
        parts: Iterable[SessionPart],
        gathering: Gathering,
        read: tuple[int, int],
    ) -> None:
        """Keep summaries of sessions that were read as a whole, for the next call.

        `read`: the time from which on all events were gathered, and the time before that was done.
        """
        since, read_at = read
        until = settled_before(read_at)
        fresh: list[tuple[str, SessionSummary]] = []
        for part in parts:
            id_ = part.interval.session
            events = gathering.settled.get(id_, _NONE)
            session = part.session
            if session is None or not part.is_whole(since, until):
                continue
            # A late event may be under way, of which nothing here knows.
            is_certain = session.late_until < read_at
            if is_certain and is_worth_keeping(session, until, events.events):
                summary = events.extend(rules, part.summary, session, read_at)
                fresh.append((id_, summary))

        def put(one: tuple[str, SessionSummary]) -> None:
            """Store the summary of one session."""
            session_summaries.put_summary(self._store, project_id, *one)

        list(self._threads.map(put, fresh[:MOST_KEPT]))

    def extend(
        self, project_id: str, rules: Rules, part: SessionPart, read_at: int
    ) -> None:
        """Move a summary forward by the oldest events that it does not hold.

        For a session of more events than one call reads: some calls later it has a summary of all.
        """
        session, before = part.session, part.summary
        if session is None or session.late_until >= read_at:
            return
        until = settled_before(read_at)
        begin = before.until if before else session.earliest
        if begin >= until:
            return
        rows, next_time = self._read_oldest(project_id, session.id, begin, until)
        found = self._decode(project_id, session.id, rows)
        if found:
            events = GatheredEvents()
            events.add(rules, found)
            summary = events.extend(rules, before, session, read_at)
            session_summaries.put_summary(
                self._store, project_id, session.id, summary._replace(until=next_time)
            )

    def _read_oldest(
        self, project_id: str, session_id: str, start: int, end: int
    ) -> tuple[list[tuple[Key, Item]], int]:
        """Read the oldest events of a session from a time on. Also returns where they end."""
        partition = keys.session_partition(project_id, session_id)
        first, last = keys.first_event_item(start), keys.first_event_item(end)
        rows: list[tuple[Key, Item]] = []
        for row in self._store.scan("events", partition, first, last):
            rows.append(row)
            if len(rows) > MOST_EXTENDED:
                # Events of one time are held by a summary together, or not at all.
                end = keys.event_time(row[0])
                rows = [one for one in rows if keys.event_time(one[0]) < end]
                break
        return rows, end

    def _decode(
        self, project_id: str, session_id: str, rows: Iterable[tuple[Key, Item]]
    ) -> list[SessionEvent]:
        """Decode events, with what later reports added to orders, without expired ones."""
        now = self._clock()
        found = [
            (session_id, event_store.read_event(self._store, *row))
            for row in rows
            if not event_store.is_expired(row[1], now)
        ]
        completions = event_store.read_completions(self._store, project_id, found)
        events: list[SessionEvent] = []
        for id_, event in found:
            added = completions.get((id_, event.time, event.id))
            body = added.overlay(event.body) if added else event.body
            events.append(SessionEvent(id_, event._replace(body=body)))
        return events


def _divide(
    interval: SessionInterval,
    found: tuple[Session, SessionSummary | None] | None,
    now: int,
) -> SessionPart:
    """Divide an interval into what its session's summary holds and what is left to read."""
    # An erased session may have been opened anew by another visitor.
    if found is None or found[0].profile.value != interval.profile:
        return SessionPart(interval, interval)
    session, summary = found
    # The customer's row of the session may be a moment behind.
    bound = max(interval.bound, min(session.latest, interval.end - 1))
    interval = replace(interval, bound=bound)
    if interval.erased or session.erased:
        return SessionPart(interval, interval)
    if summary is None or not summary.is_usable(session, now):
        return SessionPart(interval, interval, session=session)
    if not summary.lies_within(interval.start, interval.end):
        return SessionPart(interval, interval, session=session)
    start = max(interval.start, summary.until)
    # No event lies behind the bound: a session that is quiet is not read at all.
    if session.latest < start or interval.end <= start:
        return SessionPart(interval, None, summary, session)
    return SessionPart(interval, replace(interval, start=start), summary, session)
