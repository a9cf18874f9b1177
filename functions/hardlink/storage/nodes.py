"""Reads the nodes of the identity forest and their histories."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from hardlink.domain import records
from hardlink.domain.graph import PROFILE, Entry, Node
from hardlink.domain.records import Record
from hardlink.storage import items, keys
from hardlink.storage.store import Store


def read_records(store: Store, project_id: str, nodes: Iterable[Node]) -> dict[Node, Record]:
    """These nodes, as they are."""
    wanted = list(dict.fromkeys(nodes))
    found_items = store.get([keys.node_head(project_id, node) for node in wanted]) if wanted else []
    return {node: items.decode_record(item) for node, item in zip(wanted, found_items, strict=True)}


def read_claimed_records(
    store: Store, project_id: str, nodes: Iterable[Node]
) -> dict[Node, Record]:
    """These nodes, as they are, and when each was erased last; profiles never come back, and are not asked."""
    wanted = list(dict.fromkeys(nodes))
    named = [node for node in wanted if node.type != PROFILE]
    item_keys = [keys.node_head(project_id, node) for node in wanted]
    found_items = (
        store.get([*item_keys, *(keys.tombstone(project_id, node) for node in named)])
        if item_keys
        else []
    )
    stones = dict(zip(named, found_items[len(wanted) :], strict=True))
    return {
        node: items.decode_record(item)._replace(last_erased_at=erasure_time(stones.get(node)))
        for node, item in zip(wanted, found_items, strict=False)
    }


def erasure_time(item: records.Item | None) -> int:
    """When the node of a tombstone was erased; 0 is never."""
    return int(item["at"]) if item else 0


def read_history(store: Store, project_id: str, node: Node) -> list[Entry]:
    """The link history of a node, oldest first."""
    return [
        items.decode_entry(records.Key("customers", "", name), item)
        for name, item in read_rows(store, project_id, node, "l/")
    ]


def count_profiles(store: Store, project_id: str, root: Node, most: int) -> int:
    """How many profiles are associated with a customer; nobody counts further than `most`."""
    first, last = keys.profile_contributions(project_id, root)
    found = store.scan(first.table, first.partition, first.item, last)
    return sum(1 for _ in islice(found, most))


def read_rows(
    store: Store, project_id: str, node: Node, prefix: str
) -> list[tuple[str, records.Item]]:
    """The items of one kind under a node: sort key and item."""
    found = store.scan(
        "customers", keys.node_head(project_id, node).partition, prefix, keys.end_of_prefix(prefix)
    )
    return [(key.item, item) for key, item in found]
