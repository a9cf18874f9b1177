"""What lets somebody look on: which sessions may have newer events, and what became of events that were not stored.

A project's sessions lie in one partition by their `latest`, written before that is: when a session is made, and about
every half hour of a visit. One partition takes a thousand writes a second, which is all that the API lets in. A steady
call writes nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from hardlink.domain.call import Call
from hardlink.domain.records import Item, Key, Note, Session
from hardlink.domain.times import DAY, MINUTE, SECOND, to_iso
from hardlink.storage import items, keys
from hardlink.storage.keys import EXPIRES
from hardlink.storage.store import Put, Store

LATE = 5 * MINUTE
"""How far behind its call an event may lie and be found by its time; one that lies further behind is noted."""
_KEPT = DAY
_MOST = 25
"""Verdicts of one note: of the others only how many there are."""
_NOTES = 100
"""Notes of one answer."""


def put_active_session(project_id: str, session: str, latest: int) -> Put:
    """The action that says until when a session may have events."""
    return Put(keys.active_session(project_id, latest, session), _expiring(latest))


def record_note(
    store: Store,
    call: Call,
    session: Session,
    refused: Sequence[Mapping[str, Any]],
    late: Sequence[tuple[int, str]],
) -> None:
    """Keep for a day which events of a call were not stored, and why; never what they said.

    `late`: time and ID of those that were stored, too far back for somebody who looks at what is new.
    """
    if session.latest < call.now:  # nobody would look here
        store.write([put_active_session(call.project_id, session.id, call.now)])
    found = Note(call.name, tuple(refused[:_MOST]), len(refused), tuple(late))
    key = keys.call_note(call.project_id, session.id, call.now, call.evidence)
    store.write([Put(key, items.encode_note(found) | _expiring(call.now))])


def read_verdicts(
    store: Store, project_id: str, session: Session, now: int
) -> list[dict[str, Any]]:
    """What became of a session's events of the last day that were not stored, newest first."""
    partition = keys.session_head(project_id, session.id).partition
    first, last = f"n/{now - _KEPT:016d}", keys.end_of_prefix("n/")
    notes = store.scan("sessions", partition, first, last, newest_first=True, page=_NOTES)
    return [
        one
        for key, item in islice(notes, _NOTES)
        for one in list_verdicts(key, items.decode_note(item), session)
    ]


def list_verdicts(key: Key, found: Note, session: Session) -> Iterator[dict[str, Any]]:
    """The verdicts of a note as they are answered."""
    about = {
        "received": to_iso(keys.note_time(key)),
        "session": session.id,
        "profile": session.profile.value,
        "source": found.source,
    }
    name = f"{session.id}/{key.item}"
    for number, verdict in enumerate(found.verdicts):
        yield {"key": f"{name}/{number}", **about, **verdict}
    if others := found.refused - len(found.verdicts):
        reason = f"and {others} more events of this call, which were not stored either"
        more = {"type": None, "id": None, "status": "rejected", "reason": reason}
        yield {"key": f"{name}/more", **about, **more}


def _expiring(time: int) -> Item:
    return {EXPIRES: (time + _KEPT) // SECOND}
