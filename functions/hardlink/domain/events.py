"""Stored events, the limits on storing and answering them, and those that a visit begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from hardlink.domain import values
from hardlink.domain.call import Call
from hardlink.domain.records import Session
from hardlink.domain.times import DAY, END, SECOND, to_iso
from hardlink.domain.values import LeftOut, json_size

MOST_CONTEXT = 256 * 1024
"""Bytes of an event's context."""

MOST_ANSWERED_BYTES = 2_500_000
"""Bytes of the events of one answer: Lambda answers 6 MB, in which quotes may double in size."""

_PROFILE_EVENTS = ("profile-created",)
_SESSION_EVENTS = ("session-opened", "visit-started")
"""Tracardi's system events, of a new profile and of every new session."""


class StoredEvent(NamedTuple):
    """An event as it is stored under its session.

    `time`, `received`: microseconds on the server's clock; the events of one call are received a
    microsecond apart, in the order of the call. `body`: properties, context and tags as
    the client sent them. `expires`: seconds since 1970. `order`: number of the order that it is, by
    which an erasure finds the order's rows.
    """

    id: str
    type: str
    time: int
    received: int
    source: str
    body: Mapping[str, Any]
    expires: int | None = None
    order: str | None = None

    @property
    def order_in_session(self) -> tuple[int, int, str]:
        """Its order among the events of its session: by time, and then as they were received."""
        return self.time, self.received, self.id

    def as_json(self, session: str, profile: str) -> dict[str, Any]:
        """Format the event as the timeline answers it."""
        return {
            "id": self.id,
            "type": self.type,
            "time": to_iso(self.time),
            "received": to_iso(self.received),
            "session": session,
            "profile": profile,
            "source": self.source,
            "properties": {},
            "context": {},
            **self.body,
        }


def count_fitting(events: Iterable[StoredEvent]) -> int:
    """Count the leading events that fit into one answer."""
    count, size = 0, 0
    for event in events:
        # Only the body: what is around it is small beside the room that is left.
        size += json_size(event.body)
        if size > MOST_ANSWERED_BYTES:
            break
        count += 1
    return count


def find_storage_fault(event: StoredEvent, now: int) -> tuple[str, str] | None:
    """Return why an event cannot be stored, and the field at fault; `None` if it can."""
    if not 0 <= event.time < END:
        return "before 1970 or after 2286 once the device's clock is corrected", "time"
    if event.expires is not None and event.expires * SECOND <= now:
        return "older than the retention of this source", "time"
    if event.time > now + DAY:
        return f"more than a day in the future: it is {to_iso(now)}", "time"
    return None


def inherit_properties(
    own: Mapping[str, Any], shared: Mapping[str, Any]
) -> tuple[Mapping[str, Any], tuple[LeftOut, ...]]:
    """Lay an event's properties over those of its payload.

    Of more than 255 names the event's own are kept first; the others are left out and named.
    """
    merged = {**shared, **own}
    if len(merged) <= values.MOST_NAMES:
        return merged, ()
    kept = values.keep_storable({**own, **merged}, "properties")
    return kept.values, kept.left_out


def limit_context(
    context: Mapping[str, Any],
) -> tuple[Mapping[str, Any], tuple[LeftOut, ...]]:
    """Leave out a context that is too large, and name it."""
    if not context or json_size(context) <= MOST_CONTEXT:
        return context, ()
    reason = f"larger than {MOST_CONTEXT} bytes: shorten it, left out"
    return {}, (LeftOut("context", reason),)


def raise_bounds(session: Session) -> Session:
    """Return the session with bounds no earlier than the events of its opening."""
    return session._replace(
        latest=max(session.latest, session.created),
        last_event_at=max(session.last_event_at, session.created),
    )


def events_of_opening(
    call: Call, session: Session, *, new_profile: bool
) -> Iterator[StoredEvent]:
    """Make the events of a new session, at its creation, under the names of Tracardi's.

    They are written in the transaction that makes the session: once, however many calls open it at
    once, and at no cost to any later call. Their IDs are derived from the session's.
    """
    digest = hashlib.sha256(f"{call.project_id}/{session.id}".encode()).hexdigest()[:32]
    types = (*_PROFILE_EVENTS, *_SESSION_EVENTS) if new_profile else _SESSION_EVENTS
    for type_ in types:
        yield StoredEvent(
            id=f"{type_}-{digest}",
            type=type_,
            time=session.created,
            received=call.now,
            source=call.name,
            body={},
            expires=call.expires(session.created),
        )
