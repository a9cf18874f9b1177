"""What a visit begins with, as events of its own: `profile-created`, `session-opened`, `visit-started` (Tracardi's).

They are written in the transaction that makes the session: once, whoever else opens it and however often, and at no
cost to any later call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from hardlink.domain.call import Call
from hardlink.domain.events import StoredEvent
from hardlink.domain.records import Session

_OF_A_PROFILE = ("profile-created",)
_OF_A_SESSION = ("session-opened", "visit-started")


def raised(session: Session) -> Session:
    """The session, its bounds no earlier than its beginning."""
    return session._replace(
        latest=max(session.latest, session.created),
        last_event_at=max(session.last_event_at, session.created),
    )


def of(call: Call, session: Session, *, new_profile: bool) -> Iterator[StoredEvent]:
    """The events that a new session begins with. Their IDs are made of the session's, their time is its beginning."""
    digest = hashlib.sha256(f"{call.project_id}/{session.id}".encode()).hexdigest()[:32]
    for type_ in (*(_OF_A_PROFILE if new_profile else ()), *_OF_A_SESSION):
        yield StoredEvent(
            id=f"{type_}-{digest}",
            type=type_,
            time=session.created,
            received=call.now,
            source=call.name,
            body={},
            expires=call.expires(session.created),
        )
