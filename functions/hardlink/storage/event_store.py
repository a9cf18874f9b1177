"""Reads and writes events: one item each, never changed; a large one has pieces."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hardlink.domain.errors import TooLarge
from hardlink.domain.events import StoredEvent
from hardlink.domain.orders.completion import Completion
from hardlink.domain.records import Item, Key
from hardlink.domain.times import SECOND
from hardlink.domain.values import to_json
from hardlink.storage import event_bodies, keys, nodes
from hardlink.storage.keys import EXPIRES
from hardlink.storage.store import Absent, Put, Store

_PIECE = 90_000
"""Characters of one piece: at most four bytes each, and an item ends at 400 KB."""

_COMPLETION_BYTES = 350_000
"""An item has at most 400 KB, with its keys."""

_Keyed = tuple[Key, Item]


class _EncodedEvent(NamedTuple):
    """An event as items: its head, which makes it one, and the pieces of a large body."""

    head: _Keyed
    pieces: Sequence[_Keyed] = ()


def insert_events(
    store: Store, project_id: str, session: str, events: Sequence[StoredEvent]
) -> list[bool]:
    """Store events; `False` where one with this ID and time is stored already.

    `project_id`, `session`: where they belong. Raises `Busy`.
    """
    heads = [
        _write_pieces(store, _encode(project_id, session, event)) for event in events
    ]
    return store.insert(heads)


def find_or_add_receipts(
    store: Store,
    project_id: str,
    session: str,
    times: Mapping[str, int],
    expires: int | None,
) -> dict[str, int]:
    """Return the time of receipt of each event ID: when it came first, else the one given here.

    `times`: ID -> microseconds. `expires`: of those that are added, as of their events.
    """
    item_keys = [keys.event_receipt(project_id, session, id_) for id_ in times]
    lifetime: Item = {} if expires is None else {EXPIRES: expires}
    rows = [
        (key, {"time": time, **lifetime})
        for key, time in zip(item_keys, times.values(), strict=True)
    ]
    added = store.insert(rows)
    known_keys = [
        key for key, is_new in zip(item_keys, added, strict=True) if not is_new
    ]
    known = (
        dict(zip(known_keys, store.get(known_keys), strict=True)) if known_keys else {}
    )
    receipts: dict[str, int] = {}
    for (id_, time), key in zip(times.items(), item_keys, strict=True):
        # gone again where the session was erased meanwhile
        item = known.get(key)
        receipts[id_] = int(item["time"]) if item else time
    return receipts


def put_event(store: Store, project_id: str, session: str, event: StoredEvent) -> Put:
    """Make the action that stores an event, among others of one transaction."""
    return Put(*_write_pieces(store, _encode(project_id, session, event)), Absent())


def read_event(store: Store, key: Key, item: Item) -> StoredEvent:
    """Decode an event, and read its pieces where it has any."""
    text = (
        event_bodies.expand_body(item["body"])
        if "body" in item
        else _read_pieces(store, key, item)
    )
    return StoredEvent(
        id=keys.event_id(key),
        type=str(item["type"]),
        time=keys.event_time(key),
        received=received_at(key, item),
        source=str(item["source"]),
        body=json.loads(text),
        expires=int(item[EXPIRES]) if EXPIRES in item else None,
        order=str(item["order"]) if "order" in item else None,
    )


def received_at(key: Key, item: Item) -> int:
    """Return when an event came in, in microseconds. It is stored as the delay since its time."""
    return keys.event_time(key) + int(item.get("delay", 0))


def read_completions(
    store: Store, project_id: str, events: Sequence[tuple[str, StoredEvent]]
) -> dict[tuple[str, int, str], Completion]:
    """Read what later reports added to events that are orders, by session, time and ID.

    `events`: each with its session. One request for a hundred orders; none without an order.
    """
    places: dict[Key, tuple[str, int, str]] = {}
    for session, event in events:
        if event.order is not None:
            key = keys.session_event(project_id, session, event.time, event.id)
            places[keys.order_completion(key)] = (session, event.time, event.id)
    if not places:
        return {}
    found: dict[tuple[str, int, str], Completion] = {}
    for key, item in nodes.read_items(store, list(places)).items():
        found[places[key]] = decode_completion(item)
    return found


def encode_completion(event: Item, completion: Completion) -> Item:
    """Encode a completion; it is kept and erased with its event.

    Raises `TooLarge` where an item cannot hold it.
    """
    body = to_json([completion.order, completion.properties, completion.by_shop])
    if len(body.encode()) > _COMPLETION_BYTES:
        raise TooLarge(
            f"the order is there already, and at most {_COMPLETION_BYTES} bytes are added to it"
        )
    item: Item = {"body": body, "order": event["order"]}
    for name in ("delay", EXPIRES):
        if name in event:
            item[name] = event[name]
    return item


def decode_completion(item: Item | None) -> Completion:
    """Decode a completion; there is none as long as no report added anything."""
    return Completion(*json.loads(str(item["body"]))) if item else Completion()


def is_expired(item: Item, now: int) -> bool:
    """Tell whether an item is past its retention."""
    # DynamoDB deletes expired items up to two days late, and answers them until then.
    return EXPIRES in item and int(item[EXPIRES]) * SECOND <= now


def _write_pieces(store: Store, event: _EncodedEvent) -> _Keyed:
    """Write the pieces of a large event, before its head: so no reader ever finds half of one."""
    key, _ = event.head
    # An event that is stored already has its pieces: it is sent again.
    if event.pieces and store.get([key]) == [None]:
        for piece in event.pieces:
            store.write([Put(*piece)])
    return event.head


def _encode(project_id: str, session: str, event: StoredEvent) -> _EncodedEvent:
    """Encode an event. Its body is one text, or pieces of at most 90,000 characters.

    Pieces are named by a digest of the whole, so that two events of one ID and time share none.
    """
    key = keys.session_event(project_id, session, event.time, event.id)
    lifetime: Item = {} if event.expires is None else {EXPIRES: event.expires}
    item: Item = {
        "type": event.type,
        "source": event.source,
        **lifetime,
    }
    # An event without a time of its own has that of its receipt.
    if event.received != event.time:
        item["delay"] = event.received - event.time
    if event.order is not None:
        item["order"] = event.order
    text = to_json(event.body)
    if len(text) <= _PIECE:
        return _EncodedEvent((key, item | {"body": event_bodies.compress_body(text)}))
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    pieces = []
    for number, start in enumerate(range(0, len(text), _PIECE)):
        body = event_bodies.compress_body(text[start : start + _PIECE])
        piece: Item = {"body": body, **lifetime}
        pieces.append((keys.event_piece(key, digest, number), piece))
    return _EncodedEvent(
        (key, item | {"pieces": len(pieces), "digest": digest}), pieces
    )


def _read_pieces(store: Store, key: Key, item: Item) -> str:
    """Join the pieces of a large body."""
    digest = str(item["digest"])
    piece_keys = [
        keys.event_piece(key, digest, number) for number in range(int(item["pieces"]))
    ]
    pieces = nodes.read_items(store, piece_keys).values()
    return "".join(event_bodies.expand_body(piece["body"]) for piece in pieces)
