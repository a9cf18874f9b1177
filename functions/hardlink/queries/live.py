"""`GET /live`: events and verdicts of a project as they arrive, at a bounded cost per call.

An event is found by its time, in a session whose bound allows it. A late event is found by the note
of its call. Bounds and notes are written before a call answers `stored`, so nothing is missed. A
call may still be writing what it received half a minute ago, so the last half minute is answered
again, with the same `key`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import filterfalse, islice
from typing import Any, NamedTuple

from hardlink.domain import events
from hardlink.domain.errors import NotFound
from hardlink.domain.records import Item, Key, stored_was_erased
from hardlink.domain.times import MINUTE
from hardlink.domain.values import json_size
from hardlink.queries.live_cursor import Cursor, parse_cursor
from hardlink.queries.visible_session import VisibleSession, read_visible_session
from hardlink.storage import activity, event_store, items, keys, nodes
from hardlink.storage.store import Store

MOST_SESSIONS = 128
"""Sessions that one call reads; the next call goes on with the others."""
MOST_ITEMS = 200
"""Items of one session that one call reads."""
_PARALLEL_READS = 16
_FIRST_WINDOW = 15 * MINUTE
"""Time before the first call that it answers."""


class _Entry(NamedTuple):
    """One entry of an answer. `item`, `number`: its place, `size`: bytes of its body."""

    item: str
    number: int
    shown: dict[str, Any]
    size: int


class _SessionPage(NamedTuple):
    """New entries of a session. `next_item`: where to go on, if there are more."""

    entries: Sequence[_Entry] = ()
    next_item: str | None = None


class LiveFeed:
    """Reads the live view. `clock` returns microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._threads = ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="live")

    def read_page(self, project_id: str, since: str | None) -> dict[str, Any]:
        """Read what arrived since a cursor, or in the last quarter of an hour. Raises `Invalid`.

        `more` in the answer: there is more already, so call again at once.
        """
        now = self._clock()
        cursor = parse_cursor(since) if since else Cursor(now - _FIRST_WINDOW, now)
        # A cursor without a bound ended a sweep: the next one begins now.
        if since and not cursor.bound:
            cursor = cursor._replace(beginning=now)
        found: list[_Entry] = []
        next_cursor = None
        if not cursor.is_at_refused_calls:
            next_cursor = self._collect(project_id, cursor, found)
        shown = [entry.shown for entry in found]
        if next_cursor is None:  # the sessions of this sweep are done
            refused, next_cursor = self._read_refused_calls(project_id, cursor)
            shown += refused
        has_more = next_cursor is not None
        if next_cursor is None:
            next_cursor = Cursor(cursor.beginning, cursor.beginning)
        shown.sort(key=_received)
        return {"events": shown, "cursor": next_cursor.text, "more": has_more}

    def _read_refused_calls(
        self, project_id: str, cursor: Cursor
    ) -> tuple[list[dict[str, Any]], Cursor | None]:
        """Read calls that were refused; also return where to go on, `None` after the last."""
        until = cursor.bound if cursor.is_at_refused_calls else ""
        refused, next_item = activity.list_refused_calls(
            self._store, project_id, cursor.received_from, until
        )
        if not next_item:
            return refused, None
        return refused, cursor._replace(bound=next_item, item="", number=0)

    def _collect(
        self, project_id: str, cursor: Cursor, found: list[_Entry]
    ) -> Cursor | None:
        """Append entries to `found`; return where to go on, or `None` at the end of a sweep."""
        bounds = list(
            islice(self._session_bounds(project_id, cursor), MOST_SESSIONS + 1)
        )
        room = events.MOST_ANSWERED_BYTES
        for bound, page in self._read_pages(project_id, cursor, bounds[:MOST_SESSIONS]):
            for entry in page.entries:
                # Counted here, because Lambda refuses an answer of more than 6 MB.
                room -= entry.size
                if room < 0 and found:
                    return _continue_at(cursor, bound, entry.item, entry.number)
                found.append(entry)
            if page.next_item:
                return _continue_at(cursor, bound, page.next_item)
        if len(bounds) > MOST_SESSIONS:
            return _continue_at(cursor, bounds[MOST_SESSIONS])
        return None

    def _read_pages(
        self, project_id: str, cursor: Cursor, bounds: Sequence[Key]
    ) -> Iterator[tuple[Key, _SessionPage]]:
        """Read sessions in waves, as they are asked for."""
        read = partial(self._read_session_page, project_id, cursor)
        # Not all at once: the answer may be full after the first wave.
        for start in range(0, len(bounds), _PARALLEL_READS):
            wave = bounds[start : start + _PARALLEL_READS]
            yield from zip(wave, self._threads.map(read, wave), strict=True)

    def _session_bounds(self, project_id: str, cursor: Cursor) -> Iterator[Key]:
        """Scan the bounds of sessions that may hold new entries, each session once."""
        first = keys.first_active_item(cursor.happened_from)
        last = cursor.bound or keys.end_of_prefix(keys.ACTIVE_SESSION)
        # The rest of the sweep expired since the cursor was given.
        if last < first:
            return
        seen: set[str] = set()
        scan = activity.scan_active_sessions(
            self._store, project_id, first, last, page=MOST_SESSIONS + 1
        )
        for key in scan:
            session = keys.active_session_id(key)
            # A session has a row for each time its bound was raised.
            if session not in seen:
                seen.add(session)
                yield key

    def _read_session_page(
        self, project_id: str, cursor: Cursor, bound: Key
    ) -> _SessionPage:
        """Read the new entries of a session: one query, and no more where nothing is new."""
        resumed_at = cursor.item if bound.item == cursor.bound else ""
        first = resumed_at or keys.first_event_item(cursor.happened_from)
        session_id = keys.active_session_id(bound)
        partition = keys.session_partition(project_id, session_id)
        last = keys.end_of_prefix(keys.CALL_NOTE)
        scan = self._store.scan("events", partition, first, last, page=MOST_ITEMS)
        # One row more than wanted tells whether there are more, and where to go on.
        rows = list(islice(scan, MOST_ITEMS + 1))
        next_item = rows[MOST_ITEMS][0].item if len(rows) > MOST_ITEMS else None
        new = list(filter(partial(_is_new, cursor), rows[:MOST_ITEMS]))
        entries = self._new_entries(project_id, session_id, new)
        if resumed_at:
            entries = list(filterfalse(partial(_was_answered, cursor), entries))
        return _SessionPage(entries, next_item)

    def _new_entries(
        self, project_id: str, session_id: str, rows: Sequence[tuple[Key, Item]]
    ) -> list[_Entry]:
        """List the entries of new items; none of a visitor who was erased meanwhile."""
        if not rows:
            return []
        try:
            session = read_visible_session(self._store, project_id, session_id)
        except NotFound:
            return []
        entries: list[_Entry] = []
        for key, item in rows:
            if _is_shown(session, key, item):
                entries += self._entries_of(session, key, item)
        return entries

    def _entries_of(
        self, session: VisibleSession, key: Key, item: Item
    ) -> Iterator[_Entry]:
        """List the entries of an item: an event, or a note's verdicts and late events."""
        if key.item.startswith(keys.CALL_NOTE):
            yield from self._note_entries(session, key, item)
        elif self._is_kept(item):
            yield self._event_entry(session, key.item, 0, key, item)

    def _note_entries(
        self, session: VisibleSession, key: Key, item: Item
    ) -> Iterator[_Entry]:
        """List the verdicts of a call, then the events that it stored far back in time.

        The numbers of entries stay the same in every answer, because cursors name them.
        """
        note = items.decode_note(item)
        verdicts = list(activity.list_verdicts(key, note, session.session))
        for number, verdict in enumerate(verdicts):
            shown = {**verdict, "customer": _customer_reference(session)}
            yield _Entry(key.item, number, shown, json_size(verdict))
        late_keys = [
            key._replace(item=keys.event_item(time, id_)) for time, id_ in note.late
        ]
        numbers = {late: n for n, late in enumerate(late_keys, len(verdicts))}
        for late, event in nodes.read_items(self._store, late_keys).items():
            if _is_shown(session, late, event) and self._is_kept(event):
                yield self._event_entry(session, key.item, numbers[late], late, event)

    def _is_kept(self, item: Item) -> bool:
        """Tell whether an event is within its retention."""
        return not event_store.is_expired(item, self._clock())

    def _event_entry(
        self, session: VisibleSession, found_in: str, number: int, key: Key, item: Item
    ) -> _Entry:
        """Make the entry of an event. `found_in`: the item that led to it, for the cursor."""
        event = event_store.read_event(self._store, key, item)
        id_, profile = session.session.id, session.session.profile
        shown = {
            "key": f"{id_}/{event.time}/{event.id}",
            "status": "stored",
            "customer": _customer_reference(session),
            **event.as_json(id_, profile.value),
        }
        return _Entry(found_in, number, shown, json_size(event.body))


def _is_shown(session: VisibleSession, key: Key, item: Item) -> bool:
    """Tell whether readers are shown an item: not one of a customer who was erased."""
    time = keys.event_time(key)
    received = event_store.received_at(key, item)
    return not stored_was_erased(session.session.erased, time, received)


def _customer_reference(session: VisibleSession) -> dict[str, str] | None:
    """Answer the session's customer; null for an anonymous one."""
    return session.customer._asdict() if session.customer else None


def _continue_at(cursor: Cursor, bound: Key, item: str = "", number: int = 0) -> Cursor:
    """Move a cursor to the entry from which the next call goes on."""
    return cursor._replace(bound=bound.item, item=item, number=number)


def _is_new(cursor: Cursor, row: tuple[Key, Item]) -> bool:
    """Check whether an item came in since the cursor, give or take half a minute."""
    return _receipt_time(*row) >= cursor.received_from


def _was_answered(cursor: Cursor, entry: _Entry) -> bool:
    """Check whether the previous call answered an entry of the item at which this one resumes.

    A note has several entries, each with its number; an event has one.
    """
    return entry.item == cursor.item and entry.number < cursor.number


def _receipt_time(key: Key, item: Item) -> int:
    """Read when an item was received: a note has the time of its call in its key."""
    if key.item.startswith(keys.CALL_NOTE):
        return keys.note_time(key)
    return event_store.received_at(key, item)


def _received(shown: dict[str, Any]) -> str:
    return str(shown["received"])
