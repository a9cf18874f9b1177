"""Events: one item each, written once, never touched again; a large one lies in several pieces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from hardlink import layout, values
from hardlink.instants import DAY, END, SECOND, iso
from hardlink.layout import EXPIRES, Item, Key
from hardlink.port import Absent, Put, Store
from hardlink.values import dump, size

_PIECE = 90_000
"""Characters of one piece: at most four bytes each, and an item ends at 400 KB."""

MOST_CONTEXT = 256 * 1024
"""Bytes of an event's context."""
ANSWERED = 2_500_000
"""Bytes of the events of one answer: Lambda answers 6 MB, in which quotes may take twice their room."""


class StoredEvent(NamedTuple):
    """An event as it is kept. `time`, `received`: microseconds on the server's clock; `body`: what the client said.

    `order`: the number of the order that it is, so that whoever erases it finds that.
    """

    id: str
    type: str
    time: int
    received: int
    source: str
    body: Mapping[str, Any]
    expires: int | None = None
    order: str | None = None

    def shown(self, session: str, profile: str) -> dict[str, Any]:
        """The event as the timeline answers it."""
        return {
            "id": self.id,
            "type": self.type,
            "time": iso(self.time),
            "received": iso(self.received),
            "session": session,
            "profile": profile,
            "source": self.source,
            "properties": {},
            "context": {},
            **self.body,
        }


class _Written(NamedTuple):
    head: tuple[Key, Item]
    pieces: Sequence[tuple[Key, Item]] = ()


def insert(store: Store, space: str, session: str, found: Sequence[StoredEvent]) -> list[bool]:
    """Store events; `False` where one with this ID and time is stored already.

    The pieces of a large event are written before it, so that nobody ever reads half of one.
    """
    return store.insert([_in_pieces(store, _write(space, session, event)) for event in found])


def put(store: Store, space: str, session: str, event: StoredEvent) -> Put:
    """The action that stores an event, among others of one transaction."""
    return Put(*_in_pieces(store, _write(space, session, event)), Absent())


def read(store: Store, key: Key, item: Item) -> StoredEvent:
    """What `insert` wrote."""
    _, time, id_ = key.item.split("/", 2)
    text = str(item["body"]) if "body" in item else "".join(_pieces(store, key, item))
    return StoredEvent(
        id=id_,
        type=str(item["type"]),
        time=int(time),
        received=int(item["received"]),
        source=str(item["source"]),
        body=json.loads(text),
        expires=int(item[EXPIRES]) if EXPIRES in item else None,
    )


def fitting(found: Iterable[StoredEvent]) -> int:
    """How many of these events one answer holds."""
    bytes_so_far = accumulate(size(event.body) for event in found)
    return sum(1 for so_far in bytes_so_far if so_far <= ANSWERED)


def unstorable(event: StoredEvent, now: int) -> tuple[str, str] | None:
    """Why an event can't be stored, and which part of it is at fault."""
    if not 0 <= event.time < END:
        return "with the device's clock corrected, before 1970 or after 2286", "time"
    if event.expires is not None and event.expires * SECOND <= now:
        return "older than this source keeps events", "time"
    if event.time > now + DAY:
        return f"more than a day in the future: it is {iso(now)}", "time"
    if len(event.body["properties"]) > values.MOST_NAMES:
        return f"with the payload's, more than {values.MOST_NAMES} names", "properties"
    if size(event.body["context"]) > MOST_CONTEXT:
        return f"larger than {MOST_CONTEXT} bytes: shorten it", "context"
    return None


def expired(item: Item, now: int) -> bool:
    """Whether an event is past its retention, though DynamoDB did not delete it yet."""
    return EXPIRES in item and int(item[EXPIRES]) * SECOND <= now


def _in_pieces(store: Store, event: _Written) -> tuple[Key, Item]:
    """Write the pieces of a large event; answers what makes it one."""
    if event.pieces and store.get([event.head[0]]) == [None]:
        for key, item in event.pieces:
            store.write([Put(key, item)])
    return event.head


def _write(space: str, session: str, event: StoredEvent) -> _Written:
    key = layout.event(space, session, event.time, event.id)
    item: Item = {"type": event.type, "received": event.received, "source": event.source}
    lifetime: Item = {EXPIRES: event.expires} if event.expires is not None else {}
    if event.order is not None:
        item["order"] = event.order
    text = dump(event.body)
    if len(text) <= _PIECE:
        return _Written((key, item | lifetime | {"body": text}))
    parts = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    pieces = [
        (layout.piece(key, digest, number), {"body": part, **lifetime})
        for number, part in enumerate(parts)
    ]
    return _Written((key, item | lifetime | {"pieces": len(parts), "digest": digest}), pieces)


def _pieces(store: Store, key: Key, item: Item) -> Iterator[str]:
    numbers = range(int(item["pieces"]))
    keys = [layout.piece(key, str(item["digest"]), number) for number in numbers]
    return (str(found["body"]) for found in store.get(keys) if found)
