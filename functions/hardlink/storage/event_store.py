"""Read and write events: one item each, written once, never touched again; a large one lies in several pieces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hardlink.domain.events import StoredEvent
from hardlink.domain.records import Item, Key
from hardlink.domain.times import SECOND
from hardlink.domain.values import to_json
from hardlink.storage import keys
from hardlink.storage.keys import EXPIRES
from hardlink.storage.store import Absent, Put, Store

_PIECE = 90_000
"""Characters of one piece: at most four bytes each, and an item ends at 400 KB."""


class _Written(NamedTuple):
    head: tuple[Key, Item]
    pieces: Sequence[tuple[Key, Item]] = ()


def insert_events(
    store: Store, project_id: str, session: str, found: Sequence[StoredEvent]
) -> list[bool]:
    """Store events; `False` where one with this ID and time is stored already.

    The pieces of a large event are written before it, so that nobody ever reads half of one.
    """
    return store.insert([_in_pieces(store, _write(project_id, session, event)) for event in found])


def put_event(store: Store, project_id: str, session: str, event: StoredEvent) -> Put:
    """The action that stores an event, among others of one transaction."""
    return Put(*_in_pieces(store, _write(project_id, session, event)), Absent())


def read_event(store: Store, key: Key, item: Item) -> StoredEvent:
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


def is_expired(item: Item, now: int) -> bool:
    """Whether an event is past its retention, though DynamoDB did not delete it yet."""
    return EXPIRES in item and int(item[EXPIRES]) * SECOND <= now


def _in_pieces(store: Store, event: _Written) -> tuple[Key, Item]:
    """Write the pieces of a large event; answers what makes it one."""
    if event.pieces and store.get([event.head[0]]) == [None]:
        for key, item in event.pieces:
            store.write([Put(key, item)])
    return event.head


def _write(project_id: str, session: str, event: StoredEvent) -> _Written:
    key = keys.session_event(project_id, session, event.time, event.id)
    item: Item = {"type": event.type, "received": event.received, "source": event.source}
    lifetime: Item = {EXPIRES: event.expires} if event.expires is not None else {}
    if event.order is not None:
        item["order"] = event.order
    text = to_json(event.body)
    if len(text) <= _PIECE:
        return _Written((key, item | lifetime | {"body": text}))
    parts = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    pieces = [
        (keys.event_piece(key, digest, number), {"body": part, **lifetime})
        for number, part in enumerate(parts)
    ]
    return _Written((key, item | lifetime | {"pieces": len(parts), "digest": digest}), pieces)


def _pieces(store: Store, key: Key, item: Item) -> Iterator[str]:
    numbers = range(int(item["pieces"]))
    item_keys = [keys.event_piece(key, str(item["digest"]), number) for number in numbers]
    return (str(found["body"]) for found in store.get(item_keys) if found)
