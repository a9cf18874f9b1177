"""Derived events: visits from a browser's session pings, and merges of visitors into customers.

Source: Exponea's system events (`session_start`, `session_end`, `first_session`, `merge`). They are
derived whenever a timeline is read, so late pings and undone links need no correction, and the end
of a visit needs no timer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from hardlink.domain.events import StoredEvent
from hardlink.domain.times import MINUTE, SECOND

PING = "session_ping"
START, END_OF, FIRST, MERGE = "session_start", "session_end", "first_session", "merge"
VISITS = frozenset({START, END_OF, FIRST})
SILENCE = 20 * MINUTE
"""A visit ends when no ping arrives for longer than this."""
END_DELAY = 30 * SECOND
"""Time from the last ping of a visit to its end."""

NextPing = Callable[[int], int | None]
"""Finds the time of the first ping after a time."""


def derive_visits(
    stored: Iterable[StoredEvent], now: int, next_ping: NextPing
) -> Iterator[StoredEvent]:
    """Yield the events of one session with the visits derived from its pings, newest first.

    `stored`: newest first, with the pings up to 20 minutes before the oldest event that matters.
    `next_ping`: is asked for the ping after the newest one in `stored`.
    """
    visits = _Visits(now, next_ping)
    for event in stored:
        yield from visits.add(event)
    yield from visits.close()


class _Visits:
    """Merges derived events into a session's events, from the newest back to the oldest.

    - `_stored`, `_derived`: events before which a derived event may still be inserted, each the
      newest first.
    - `_start_candidate`: the oldest ping so far, unless its visit is known to start with it.
    - `_newer_ping_at`: time of the ping after the next one to come.
    """

    def __init__(self, now: int, next_ping: NextPing) -> None:
        self._now = now
        self._next_ping = next_ping
        self._stored: deque[StoredEvent] = deque()
        self._derived: deque[StoredEvent] = deque()
        self._start_candidate: StoredEvent | None = None
        self._newer_ping_at: int | None = None

    def add(self, event: StoredEvent) -> list[StoredEvent]:
        """Add the next older event; return the events whose positions are final."""
        candidate = self._start_candidate
        if candidate and candidate.time - event.time > SILENCE:
            self._insert(_start(candidate))
            self._start_candidate = None
        if event.type == PING:
            self._add_ping(event)
        self._stored.append(event)
        return self._take_final(event.time)

    def close(self) -> list[StoredEvent]:
        """Return the remaining events, after the oldest was added."""
        if self._start_candidate:
            self._insert(_start(self._start_candidate))
        return self._take_newer(-1)

    def _add_ping(self, ping: StoredEvent) -> None:
        if self._newer_ping_at is None:
            self._newer_ping_at = self._next_ping(ping.time)
        # A visit whose last ping was a moment ago may go on: it has no end yet.
        silent_until = self._now if self._newer_ping_at is None else self._newer_ping_at
        if silent_until - ping.time > SILENCE:
            self._insert(_end(ping))
        self._start_candidate = ping
        self._newer_ping_at = ping.time

    def _take_final(self, time: int) -> list[StoredEvent]:
        """Take the pending events that are newer than any that may still be derived.

        `time`: of the event added last. Older pings derive events up to `END_DELAY` after it.
        """
        newest_derived = time + END_DELAY
        if self._start_candidate:
            newest_derived = max(newest_derived, self._start_candidate.time)
        return self._take_newer(newest_derived)

    def _insert(self, event: StoredEvent) -> None:
        """Insert a derived event among the others: two or three, however many are stored."""
        others = sorted((*self._derived, event), key=_order_in_session, reverse=True)
        self._derived = deque(others)

    def _take_newer(self, time: int) -> list[StoredEvent]:
        """Take the pending events that are newer than a time, the newest first.

        Stored events come in order, so that each is looked at once: also in a burst of thousands,
        in which all are pending.
        """
        taken: list[StoredEvent] = []
        while queue := self._next_queue():
            if queue[0].time <= time:
                break
            taken.append(queue.popleft())
        return taken

    def _next_queue(self) -> deque[StoredEvent]:
        """Return the pending events of which the first is the newest; empty if none is pending."""
        if not self._stored or not self._derived:
            return self._stored or self._derived
        stored, derived = self._stored[0], self._derived[0]
        is_stored_newer = stored.order_in_session > derived.order_in_session
        return self._stored if is_stored_newer else self._derived


def first_session(start: StoredEvent) -> StoredEvent:
    """Derive the first visit of a customer from its `session_start`.

    Its ID sorts between those of the `session_start` and of the ping.
    """
    ping = start.id.partition(":")[2]
    return start._replace(id=f"!{START}_first:{ping}", type=FIRST)


def merge_event(time: int, profile: str, source: str) -> StoredEvent:
    """Derive the `merge` of a visitor into a customer known before (Exponea: destination)."""
    body = {"properties": {"profile": profile}, "context": {}}
    return StoredEvent(f"!{MERGE}:{profile}", MERGE, time, time, source, body)


def _start(ping: StoredEvent) -> StoredEvent:
    """Derive the start of a visit from its first ping."""
    return _derive(ping, START, ping.time)


def _end(ping: StoredEvent) -> StoredEvent:
    """Derive the end of a visit from its last ping."""
    return _derive(ping, END_OF, ping.time + END_DELAY)


def _derive(ping: StoredEvent, type_: str, time: int) -> StoredEvent:
    """Derive an event; `!` sorts its ID before that of the ping, which has the same times."""
    body = {
        "properties": ping.body["properties"],
        "context": ping.body["context"],
        "derived_from": ping.id,
    }
    return ping._replace(id=f"!{type_}:{ping.id}", type=type_, time=time, body=body)


def _order_in_session(event: StoredEvent) -> tuple[int, int, str]:
    """Order events as readers see them: see `StoredEvent.order_in_session`."""
    return event.order_in_session
