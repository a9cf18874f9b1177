"""`GET /live`: what a project's sources send, as it comes: every event and verdict, at a bounded cost a call.

An event is found by its time in a session whose bound allows it; one that came late is found by the note of its call.
Bounds and notes lie there before an answer says that its events are stored, so nothing is missed. A call may still be
writing what it received half a minute ago, so that much is answered again, under the same `key`.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, NamedTuple

from hardlink.domain import events
from hardlink.domain.errors import Invalid
from hardlink.domain.records import Item, Key, Session
from hardlink.domain.times import END, MINUTE, SECOND
from hardlink.domain.values import json_size
from hardlink.storage import activity, event_store, items, keys
from hardlink.storage.store import Store

_AT_ONCE = 16
SESSIONS = 128
"""Sessions that one call looks at; the next call goes on with the others."""
ITEMS = 200
"""Items of one session that one call looks at."""
_BEFORE = 15 * MINUTE
"""How far back the first call looks."""
_PLACE = re.compile(r"(s/[^\n]{1,600}(\n|\n[en]/[^\n]{1,600})|\n)")
"""A session's bound and an item of it, or neither."""
UNDER_WAY = 30 * SECOND
"""A write call ends within this time, or fails."""


class Cursor(NamedTuple):
    """Where to go on with a sweep: over all that was received since `since`, and before `beginning` for certain.

    `bound`: the session that is next, by its bound; `item`, `number`: the item of it that is next, and the entry.
    """

    since: int
    beginning: int
    bound: str = ""
    item: str = ""
    number: int = 0

    @property
    def text(self) -> str:
        """Opaque to callers."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")

    @property
    def received(self) -> int:
        """What was received before was answered before."""
        return max(0, self.since - UNDER_WAY)

    @property
    def happened(self) -> int:
        """What happened before, and was received since, is noted."""
        return max(0, self.received - activity.LATE)


class _Entry(NamedTuple):
    """One entry of an answer. `item`, `number`: where it was found; `weight`: its bytes, about."""

    item: str
    number: int
    shown: dict[str, Any]
    weight: int


class _Looked(NamedTuple):
    """What is new of a session, and the item to go on with where there is more."""

    entries: Sequence[_Entry] = ()
    onward: str | None = None


class Live:
    """Looks on. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="live")

    def answer(self, project_id: str, since: str | None) -> dict[str, Any]:
        """What came since a cursor was given; without one, in the last quarter of an hour. Raises `Invalid`.

        `more`: there is more already, so call again at once.
        """
        now = self._clock()
        at = _read(since) if since else Cursor(now - _BEFORE, now)
        if since and not at.bound:
            at = at._replace(beginning=now)
        found: list[_Entry] = []
        onward = self._fill(project_id, at, found)
        shown = sorted((entry.shown for entry in found), key=lambda one: str(one["received"]))
        after = onward or Cursor(at.beginning, at.beginning)
        return {"events": shown, "cursor": after.text, "more": onward is not None}

    def _fill(self, project_id: str, at: Cursor, found: list[_Entry]) -> Cursor | None:
        """Gather entries; answers where to go on, if the sweep did not end."""
        bounds = list(islice(self._bounds(project_id, at), SESSIONS + 1))
        room = events.MOST_ANSWERED_BYTES
        for start in range(0, SESSIONS, _AT_ONCE):
            wave = bounds[start : min(start + _AT_ONCE, SESSIONS)]
            looks = self._threads.map(lambda bound: self._look(project_id, bound, at), wave)
            for bound, looked in zip(wave, looks, strict=True):
                for entry in looked.entries:
                    room -= entry.weight
                    if room < 0 and found:
                        return _onward(at, bound, entry.item, entry.number)
                    found.append(entry)
                if looked.onward:
                    return _onward(at, bound, looked.onward)
        return _onward(at, bounds[SESSIONS]) if len(bounds) > SESSIONS else None

    def _bounds(self, project_id: str, at: Cursor) -> Iterator[Key]:
        """The bounds of the sessions that may hold what is wanted, each session once."""
        first = keys.active_session(project_id, at.happened, "")
        last = at.bound or keys.end_of_prefix("s/")
        seen: set[str] = set()
        if last < first.item:  # all of them have gone by since
            return
        for key, _ in self._store.scan(
            "sessions", first.partition, first.item, last, newest_first=True, page=SESSIONS + 1
        ):
            session = keys.active_session_id(key)
            if session not in seen:
                seen.add(session)
                yield key

    def _look(self, project_id: str, bound: Key, at: Cursor) -> _Looked:
        """What is new of a session: one query, and no more where nothing is."""
        id_ = keys.active_session_id(bound)
        resumed = bound.item == at.bound and at.item
        first = at.item if resumed else f"e/{at.happened:016d}/"
        key = keys.session_head(project_id, id_)
        scan = self._store.scan(
            "sessions", key.partition, first, keys.end_of_prefix("n/"), page=ITEMS
        )
        found_items = list(islice(scan, ITEMS + 1))
        new = [one for one in found_items[:ITEMS] if _received(*one) >= at.received]
        session = self._session(key) if new else None
        entries = [
            entry
            for place, item in new
            if session
            for entry in self._entries(session, place, item)
            if not (resumed and entry.item == at.item and entry.number < at.number)
        ]
        return _Looked(entries, found_items[ITEMS][0].item if len(found_items) > ITEMS else None)

    def _session(self, key: Key) -> Session | None:
        item = self._store.get([key])[0]
        found = items.decode_session(key, item) if item else None
        return found if found and not found.is_erased else None

    def _entries(self, session: Session, place: Key, item: Item) -> Iterator[_Entry]:
        """The entries of one item: an event, or a note's verdicts and the events that came late."""
        if not place.item.startswith("n/"):
            if not event_store.is_expired(item, self._clock()):
                yield self._event(session, place.item, 0, place, item)
            return
        note = items.decode_note(item)
        verdicts = list(activity.list_verdicts(place, note, session))
        for number, verdict in enumerate(verdicts):
            shown = {**verdict, "customer": _customer(session)}
            yield _Entry(place.item, number, shown, json_size(verdict))
        item_keys = [place._replace(item=f"e/{time:016d}/{id_}") for time, id_ in note.late]
        late = self._store.get(item_keys) if item_keys else []
        for number, (key, stored) in enumerate(zip(item_keys, late, strict=True), len(verdicts)):
            if stored and not event_store.is_expired(stored, self._clock()):
                yield self._event(session, place.item, number, key, stored)

    def _event(self, session: Session, found_in: str, number: int, key: Key, item: Item) -> _Entry:
        event = event_store.read_event(self._store, key, item)
        shown = {
            "key": f"{session.id}/{event.time}/{event.id}",
            "status": "stored",
            "customer": _customer(session),
            **event.shown(session.id, session.profile.value),
        }
        return _Entry(found_in, number, shown, json_size(event.body))


def _customer(session: Session) -> dict[str, str] | None:
    """Whose the session is, as far as association came."""
    customer = session.customer
    return {"type": customer.type, "value": customer.value} if customer else None


def _onward(at: Cursor, bound: Key, item: str = "", number: int = 0) -> Cursor:
    return at._replace(bound=bound.item, item=item, number=number)


def _received(place: Key, item: Item) -> int:
    return keys.note_time(place) if place.item.startswith("n/") else int(item["received"])


def _read(text: str) -> Cursor:
    """What `Cursor.text` wrote, or somebody made up."""
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        since, beginning, bound, item, number = found
        if not all(isinstance(n, int) and 0 <= n < END for n in (since, beginning, number)):
            raise ValueError(found)
        if not _PLACE.fullmatch(f"{bound}\n{item}"):
            raise ValueError(found)
        return Cursor(since, beginning, bound, item, number)
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        message = "this is no cursor of ours: send the one that the last answer gave"
        raise Invalid(message, "since") from error
