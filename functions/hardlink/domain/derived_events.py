"""Events that nobody sends: what a browser's session pings say of its visits, and when a visitor joined a customer.

Source: Exponea's system events (`session_start`, `session_end`, `first_session`, `merge`). They are derived whenever a
timeline is read, so that late pings, undone links and clocks that run on need no timer and no correction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from hardlink.domain.events import StoredEvent
from hardlink.domain.times import MINUTE, SECOND

PING = "session_ping"
START, END_OF, FIRST, MERGE = "session_start", "session_end", "first_session", "merge"
VISITS = frozenset({START, END_OF, FIRST})
SILENCE = 20 * MINUTE
"""A visit ends when no ping comes for longer than this."""
END_DELAY = 30 * SECOND
"""A visit is said to end so long after its last ping."""


def derive_visits(
    stored: Iterable[StoredEvent], now: int, next_ping: Callable[[int], int | None]
) -> Iterator[StoredEvent]:
    """One session's events and the visits that its pings make, all of them newest first.

    `stored`: newest first; pings up to 20 minutes before the last event that matters should be among them.
    `next_ping`: the time of the first ping after a time, for the newest ping here.
    """
    held: list[StoredEvent] = []
    undecided: StoredEvent | None = None
    newer: int | None = None
    for event in stored:
        if undecided and undecided.time - event.time > SILENCE:
            held.append(_start(undecided))
            undecided = None
        if event.type == PING:
            newer = next_ping(event.time) if newer is None else newer
            if (now if newer is None else newer) - event.time > SILENCE:
                held.append(_end(event))
            undecided, newer = event, event.time
        held.append(event)
        settled = max(event.time + END_DELAY, undecided.time if undecided else 0)
        held.sort(key=_place, reverse=True)
        ready = next((n for n, one in enumerate(held) if one.time <= settled), len(held))
        yield from held[:ready]
        del held[:ready]
    if undecided:
        held.append(_start(undecided))
    yield from sorted(held, key=_place, reverse=True)


def first_session(start: StoredEvent) -> StoredEvent:
    """The first visit of a customer, from its `session_start`; it stands between that and its ping."""
    ping = start.id.partition(":")[2]
    return start._replace(id=f"!{START}_first:{ping}", type=FIRST)


def merge_event(time: int, profile: str, source: str) -> StoredEvent:
    """A visitor joined a customer who was known before (Exponea: the event `merge` on the destination)."""
    body = {"properties": {"profile": profile}, "context": {}}
    return StoredEvent(f"!{MERGE}:{profile}", MERGE, time, time, source, body)


def _start(ping: StoredEvent) -> StoredEvent:
    """IDs are chosen so that an event which another one gives rise to stands before it."""
    return _of(ping, START, ping.time)


def _end(ping: StoredEvent) -> StoredEvent:
    return _of(ping, END_OF, ping.time + END_DELAY)


def _of(ping: StoredEvent, type_: str, time: int) -> StoredEvent:
    body = {"properties": ping.body["properties"], "context": ping.body["context"]}
    told = {**body, "derived_from": ping.id}
    return ping._replace(id=f"!{type_}:{ping.id}", type=type_, time=time, body=told)


def _place(event: StoredEvent) -> tuple[int, str]:
    return event.time, event.id
