"""Reads the nodes of the identity forest and their histories."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from hardlink import layout
from hardlink.layout import Record
from hardlink.nodes import PROFILE, Entry, Node
from hardlink.port import Store


def records(store: Store, space: str, nodes: Iterable[Node]) -> dict[Node, Record]:
    """These nodes, as they are."""
    wanted = list(dict.fromkeys(nodes))
    items = store.get([layout.head(space, node) for node in wanted]) if wanted else []
    return {node: layout.read_record(item) for node, item in zip(wanted, items, strict=True)}


def claimed(store: Store, space: str, nodes: Iterable[Node]) -> dict[Node, Record]:
    """These nodes, as they are, and when each was erased last; profiles never come back, and are not asked."""
    wanted = list(dict.fromkeys(nodes))
    named = [node for node in wanted if node.type != PROFILE]
    keys = [layout.head(space, node) for node in wanted]
    items = store.get([*keys, *(layout.tombstone(space, node) for node in named)]) if keys else []
    stones = dict(zip(named, items[len(wanted) :], strict=True))
    return {
        node: layout.read_record(item)._replace(before=erased_at(stones.get(node)))
        for node, item in zip(wanted, items, strict=False)
    }


def erased_at(item: layout.Item | None) -> int:
    """When the node of a tombstone was erased; 0 is never."""
    return int(item["at"]) if item else 0


def history(store: Store, space: str, node: Node) -> list[Entry]:
    """The link history of a node, oldest first."""
    return [
        layout.read_entry(layout.Key("customers", "", name), item)
        for name, item in rows(store, space, node, "l/")
    ]


def profiles(store: Store, space: str, root: Node, most: int) -> int:
    """How many profiles are associated with a customer; nobody counts further than `most`."""
    first, last = layout.of_profiles(space, root)
    found = store.scan(first.table, first.partition, first.item, last)
    return sum(1 for _ in islice(found, most))


def rows(store: Store, space: str, node: Node, prefix: str) -> list[tuple[str, layout.Item]]:
    """The items of one kind under a node: sort key and item."""
    found = store.scan(
        "customers", layout.head(space, node).partition, prefix, layout.after(prefix)
    )
    return [(key.item, item) for key, item in found]
