"""The stream function that tells onward: every stored event and every link, as it is in the tables by now.

A record says only where to look. What is not there any more, or is of a session that was erased, is told to nobody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from forward import documents
from forward.firehose import Firehose
from hardlink import metrics
from hardlink.domain.records import Item, Key
from hardlink.log import flush_metrics, logger
from hardlink.storage import event_store, items, keys
from hardlink.storage.keys import PARTITION, SORT
from hardlink.storage.store import Store
from hardlink.web.wiring import tables

firehose = cache(Firehose)
Found = Mapping[Key, Item]


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Records whose line was not taken are answered, and come again."""
    numbers = _wanted(event["Records"])
    lines = list(_lines(tables(), list(numbers)))
    refused = firehose(os.environ["HARDLINK_FORWARD_STREAM"]).put([line for _, line in lines])
    failed = [numbers[lines[place][0]] for place in sorted(refused)]
    metrics.count("forwarded", len(lines) - len(failed))
    metrics.count("forward_failures", len(failed))
    if failed:
        logger.error("not forwarded", extra={"lines": len(failed)})
    flush_metrics()
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}


def _wanted(records: Sequence[Mapping[str, Any]]) -> dict[Key, str]:
    """Where to look, and the number of the first record that says so."""
    found: dict[Key, str] = {}
    for record in records:
        item_keys = record["dynamodb"]["Keys"]
        table = next(table for table, name in PARTITION.items() if name in item_keys)
        key = Key(table, item_keys[PARTITION[table]]["S"], item_keys[SORT]["S"])
        if record["eventName"] != "REMOVE" and key.item.startswith(("e/", "l/")):
            found.setdefault(key, record["dynamodb"]["SequenceNumber"])
    return found


def _lines(store: Store, item_keys: Sequence[Key]) -> Iterator[tuple[Key, bytes]]:
    """The line of each key, as far as there is something to tell."""
    found = _read(store, [*item_keys, *_heads(item_keys)])
    for key in item_keys:
        item = found.get(key)
        if item is None:
            continue
        if key.table == "customers":
            yield key, documents.line(documents.link(key, items.decode_entry(key, item)))
            continue
        head = key._replace(item=keys.HEAD)
        session = items.decode_session(head, found[head]) if head in found else None
        if session and not session.is_erased and not session.was_erased(keys.event_time(key)):
            document = documents.event(key, session, event_store.read_event(store, key, item))
            yield key, documents.line(document)


def _heads(item_keys: Sequence[Key]) -> list[Key]:
    """The sessions of events."""
    return list(
        dict.fromkeys(key._replace(item=keys.HEAD) for key in item_keys if key.table == "sessions")
    )


def _read(store: Store, item_keys: Sequence[Key]) -> Found:
    found_items = store.get(item_keys) if item_keys else []
    return {key: item for key, item in zip(item_keys, found_items, strict=True) if item is not None}
