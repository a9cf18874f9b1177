"""Make the events that a visit begins with, under the names that Tracardi gives them.

They are written in the transaction that makes the session: once, however many calls open it at
once, and at no cost to any later call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from hardlink.domain.call import Call
from hardlink.domain.events import StoredEvent
from hardlink.domain.records import Session

_PROFILE_EVENTS = ("profile-created",)
_SESSION_EVENTS = ("session-opened", "visit-started")


def raise_bounds(session: Session) -> Session:
    """Return the session with bounds no earlier than the events of its opening."""
    return session._replace(
        latest=max(session.latest, session.created),
        last_event_at=max(session.last_event_at, session.created),
    )


def events_of_opening(
    call: Call, session: Session, *, new_profile: bool
) -> Iterator[StoredEvent]:
    """Make the events of a new session, at its creation, with IDs derived from its own."""
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
