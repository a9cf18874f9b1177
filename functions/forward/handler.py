"""The stream function that forwards every stored event and link, as the tables have it.

A record only says where to look. An event that was deleted since, or whose session was erased, is
not forwarded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from forward import documents
from forward.firehose import Firehose
from hardlink import metrics
from hardlink.domain.records import Item, Key, Session, stored_was_erased
from hardlink.log import flush_metrics, logger
from hardlink.storage import event_store, items, keys, nodes
from hardlink.storage.store import Store
from hardlink.web.wiring import tables

firehose = cache(Firehose)
_FORWARDED = (keys.EVENT, keys.LINK_ENTRY)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Forward the records of a stream, and name those that Firehose refused.

    Lambda delivers these again, so that a line may come twice, but none is lost.
    """
    numbers = _sequence_numbers(event["Records"])
    lines = dict(_write_lines(tables(), list(numbers)))
    failed = [numbers[key] for key in _send_lines(lines)]
    metrics.count("forwarded", len(lines) - len(failed))
    metrics.count("forward_failures", len(failed))
    if failed:
        logger.error("not forwarded", extra={"lines": len(failed)})
    flush_metrics()
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def _send_lines(lines: Mapping[Key, bytes]) -> list[Key]:
    """Send lines to Firehose; return the keys of those that it refused, in their order."""
    stream = firehose(os.environ["HARDLINK_FORWARD_STREAM"])
    refused = stream.put(list(lines.values()))
    line_keys = list(lines)
    return [line_keys[place] for place in sorted(refused)]


def _sequence_numbers(records: Sequence[Mapping[str, Any]]) -> dict[Key, str]:
    """Read the keys of events and links, each with the number of the first record that names it.

    Lambda delivers again from a reported number on, so the first one covers all records of a key.
    """
    numbers: dict[Key, str] = {}
    for record in records:
        key = _parse_key(record["dynamodb"]["Keys"])
        # An expired or erased item has left the table: there is nothing to forward.
        if record["eventName"] != "REMOVE" and key.item.startswith(_FORWARDED):
            numbers.setdefault(key, record["dynamodb"]["SequenceNumber"])
    return numbers


def _parse_key(item_keys: Mapping[str, Mapping[str, str]]) -> Key:
    """Read the key of a stream record. Raises `ValueError` for another table's."""
    return keys.parse_stored_key({name: raw["S"] for name, raw in item_keys.items()})


def _write_lines(store: Store, item_keys: Sequence[Key]) -> Iterator[tuple[Key, bytes]]:
    """Write the line of each key whose item exists.

    All items, and the sessions of all events with their customers, are read in one request for
    every hundred.
    """
    events = [key for key in item_keys if key.table == "events"]
    heads = list(map(_session_head, events))
    copies = list(map(_session_customer, events))
    wanted = dict.fromkeys([*item_keys, *heads, *copies])
    found = nodes.read_items(store, list(wanted))
    for key in item_keys:
        document = _write_document(store, key, found)
        if document is not None:
            yield key, documents.write_line(document)


def _write_document(
    store: Store, key: Key, found: Mapping[Key, Item]
) -> dict[str, Any] | None:
    """Write an event or a link as it is stored now; `None` where it was deleted or erased.

    `found`: the items of all keys, and the sessions of the events among them.
    """
    item = found.get(key)
    if item is None:
        return None
    if key.table == "customers":
        return documents.write_link(key, items.decode_entry(key, item))
    session = _find_session(found, key, event_store.received_at(key, item))
    if session is None:
        return None
    event = event_store.read_event(store, key, item)
    customer = items.decode_session_customer(found.get(_session_customer(key)))
    return documents.write_event(key, session, customer, event)


def _find_session(
    found: Mapping[Key, Item], event: Key, received: int
) -> Session | None:
    """Find the session of an event, unless the event was erased with it, or in part of it.

    `received`: time at which the event came, in microseconds: later ones outlast an erasure.
    """
    head = _session_head(event)
    if head not in found:
        return None
    session = items.decode_session(head, found[head])
    was_erased = stored_was_erased(session.erased, keys.event_time(event), received)
    if session.is_erased or was_erased:
        return None
    return session


def _session_head(event: Key) -> Key:
    """The key of the session of an event."""
    return keys.session_of_event(event)


def _session_customer(event: Key) -> Key:
    return _session_head(event)._replace(item=keys.SESSION_CUSTOMER)
