"""The live view's rows: sessions that may have new events, and events that were refused.

A project's active sessions lie in an index by their `latest`, written before that time comes:
before a session is made, and about every half hour of a visit. Most calls write nothing here. The
index has several partitions, as one takes a thousand writes a second. Its rows are written outside
of transactions: one that leads to no session is one look in vain, and expires within a day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import islice
from typing import Any

from hardlink.domain import synthetic_ids
from hardlink.domain.call import Call
from hardlink.domain.errors import Forbidden, explain_code, explain_origin
from hardlink.domain.records import (
    Item,
    Key,
    Note,
    RefusedCall,
    Session,
    stored_was_erased,
)
from hardlink.domain.times import DAY, SECOND, to_iso
from hardlink.storage import items, keys
from hardlink.storage.keys import EXPIRES
from hardlink.storage.store import Put, Store

_LIFETIME = DAY
_MARGIN = 8
"""Rows that a partition of the index is asked for beyond its share, as shares are never even."""
_MOST_VERDICTS = 25
"""Verdicts of one note: of the others only how many there are."""
_MOST_NOTES = 100
"""Notes of one answer."""


def put_active_session(project_id: str, session: str, latest: int) -> Put:
    """Make the action that records until when a session may have events."""
    return Put(keys.active_session(project_id, latest, session), _expiry(latest))


def list_active_sessions(
    store: Store, project_id: str, now: int, most: int
) -> tuple[list[str], bool]:
    """List the sessions that were active in the last day, those with the latest bound first.

    `most`: rows that count. A session has one for each time that its bound was raised, so there
    may be fewer sessions. Also returns whether there are more rows.
    """
    # DynamoDB deletes expired rows when it pleases.
    first = keys.first_active_item(now - _LIFETIME)
    last = keys.end_of_prefix(keys.ACTIVE_SESSION)
    # One row more than counts tells whether there are more.
    rows = scan_active_sessions(store, project_id, first, last, page=most + 1)
    found = [keys.active_session_id(key) for key in islice(rows, most + 1)]
    return list(dict.fromkeys(found[:most])), len(found) > most


def scan_active_sessions(
    store: Store, project_id: str, first: str, last: str, *, page: int
) -> Iterator[Key]:
    """Scan the index of active sessions between two sort keys, those with the latest bound first.

    `page`: rows that are wanted at once; each partition of the index is one request at least.
    """
    share = page // keys.ACTIVE_SHARDS + _MARGIN
    shards: list[Iterator[Key]] = []
    for partition in keys.active_partitions(project_id):
        rows = store.scan(
            "sessions", partition, first, last, newest_first=True, page=share
        )
        shards.append(key for key, _ in rows)
    return merge(*shards, key=_sort_key, reverse=True)


def find_rows_of_session(store: Store, project_id: str, session_id: str) -> list[Key]:
    """Find the rows of a session in the index, of which it reads one partition."""
    partition = keys.active_session(project_id, 0, session_id).partition
    last = keys.end_of_prefix(keys.ACTIVE_SESSION)
    rows = store.scan("sessions", partition, keys.ACTIVE_SESSION, last)
    return [key for key, _ in rows if keys.active_session_id(key) == session_id]


def _sort_key(key: Key) -> str:
    return key.item


def record_note(
    store: Store,
    call: Call,
    session: Session,
    refused: Sequence[Mapping[str, Any]],
    late: Sequence[tuple[int, str]],
) -> None:
    """Record rejected and late events for the live view. Calls without any write nothing.

    `refused`: verdicts, never with an event's properties. `late`: time and ID of events that were
    stored, but too far back to be found among the new ones.
    """
    if session.latest < call.now:  # else the live view reads this session already
        store.write([put_active_session(call.project_id, session.id, call.now)])
    note = Note(call.name, tuple(refused[:_MOST_VERDICTS]), len(refused), tuple(late))
    key = keys.call_note(call.project_id, session.id, call.now, call.evidence)
    store.write([Put(key, items.encode_note(note) | _expiry(call.now))])


def record_refused_call(
    store: Store, project_id: str, call: RefusedCall, request: str, now: int
) -> None:
    """Record a call that was refused as a whole, for the live view. `request`: its ID."""
    key = keys.refused_call(project_id, now, request)
    store.write([Put(key, items.encode_refused_call(call) | _expiry(now))])


def list_refused_calls(
    store: Store, project_id: str, since: int, until: str = ""
) -> tuple[list[dict[str, Any]], str]:
    """List calls that were refused since a time, newest first, as they are answered.

    `until`: sort key from which to go on. Also returns the one from which the next call goes on,
    empty where there are no more.
    """
    first = keys.refused_call(project_id, since, "")
    last = until or keys.end_of_prefix(keys.REFUSED_CALL)
    # The rest expired since the cursor was given.
    if last < first.item:
        return [], ""
    rows = store.scan(
        "sessions",
        first.partition,
        first.item,
        last,
        newest_first=True,
        page=_MOST_NOTES + 1,
    )
    # One row more than answered tells whether there are more, and where to go on.
    found = list(islice(rows, _MOST_NOTES + 1))
    shown = [_show_refused_call(key, item) for key, item in found[:_MOST_NOTES]]
    return shown, found[_MOST_NOTES][0].item if len(found) > _MOST_NOTES else ""


def _show_refused_call(key: Key, item: Item) -> dict[str, Any]:
    """Format a refused call as it is answered."""
    call = items.decode_refused_call(item)
    shown = {name: value or None for name, value in call._asdict().items()}
    return {
        "key": f"{synthetic_ids.REFUSED_CALLS}/{key.item}",
        "status": "refused",
        "type": shown.pop("route"),
        "id": None,
        "received": to_iso(keys.note_time(key)),
        "session": None,
        "customer": None,
        "reason": _explain_refusal(call),
        **shown,
    }


def _explain_refusal(call: RefusedCall) -> str:
    """Say why a call was refused, in words that hold nothing of the caller but its origin."""
    if call.code == Forbidden.code and call.origin:
        return explain_origin(call.source, call.origin)
    return explain_code(call.code)


def read_verdicts(
    store: Store, project_id: str, session: Session, now: int
) -> list[dict[str, Any]]:
    """Read the verdicts on events of the last day that were not stored, newest first."""
    partition = keys.session_partition(project_id, session.id)
    first = keys.first_note_item(now - _LIFETIME)
    last = keys.end_of_prefix(keys.CALL_NOTE)
    notes = store.scan(
        "events", partition, first, last, newest_first=True, page=_MOST_NOTES
    )
    verdicts: list[dict[str, Any]] = []
    for key, item in islice(notes, _MOST_NOTES):
        time = keys.note_time(key)
        if stored_was_erased(session.erased, time, time):
            continue
        verdicts += list_verdicts(key, items.decode_note(item), session)
    return verdicts


def list_verdicts(key: Key, note: Note, session: Session) -> Iterator[dict[str, Any]]:
    """List the verdicts of a note as they are answered."""
    about = {
        "received": to_iso(keys.note_time(key)),
        "session": session.id,
        "profile": session.profile.value,
        "source": note.source,
    }
    name = f"{session.id}/{key.item}"
    for number, verdict in enumerate(note.verdicts):
        yield {"key": f"{name}/{number}", **about, **verdict}
    if others := note.refused - len(note.verdicts):
        reason = f"and {others} more events of this call, which were not stored either"
        more = {"type": None, "id": None, "status": "rejected", "reason": reason}
        yield {"key": f"{name}/more", **about, **more}


def _expiry(time: int) -> Item:
    return {EXPIRES: (time + _LIFETIME) // SECOND}
