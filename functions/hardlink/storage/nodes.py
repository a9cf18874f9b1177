"""Reads the nodes of the identity forest, their histories and the rows under them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, starmap

from hardlink.domain import records
from hardlink.domain.graph import Entry, Node, profile_node
from hardlink.domain.records import Item, Key, Record
from hardlink.domain.values import Values
from hardlink.storage import items, keys
from hardlink.storage.store import Store


def read_records(
    store: Store, project_id: str, nodes: Iterable[Node]
) -> dict[Node, Record]:
    """Read nodes, each once; `Record()` for a node that does not exist.

    Tombstones are not read: `last_erased_at` is 0 (see `NodeReader.load`).
    """
    wanted = list(dict.fromkeys(nodes))
    if not wanted:
        return {}
    found_items = store.get([keys.node_head(project_id, node) for node in wanted])
    return dict(zip(wanted, map(items.decode_record, found_items), strict=True))


def read_record(store: Store, project_id: str, node: Node) -> Record:
    """Read one node; `Record()` if it does not exist."""
    return items.decode_record(store.get([keys.node_head(project_id, node)])[0])


def find_erased(store: Store, project_id: str, nodes: Iterable[Node]) -> set[Node]:
    """Find those of these nodes that do not exist, or that are being erased.

    Nodes that a history names exist until they are erased.
    """
    found = read_records(store, project_id, nodes)
    return {node for node, record in found.items() if not record.exists}


def erasure_time(tombstone: Item | None) -> int:
    """Read from a tombstone when its node was erased, microseconds; 0 is never."""
    if tombstone is None:
        return 0
    return int(tombstone["at"])


def read_history(store: Store, project_id: str, node: Node) -> list[Entry]:
    """Read the link history of a node, oldest first, with entries that were undone."""
    rows = read_rows(store, project_id, node, keys.LINK_ENTRY)
    return [
        items.decode_entry(records.Key("customers", "", name), item)
        for name, item in rows
    ]


def read_contributed_values(
    store: Store, project_id: str, root: Node
) -> list[tuple[Node, Values]]:
    """Read the values that nodes contribute to a root, with the node of each."""
    prefix = keys.CONTRIBUTED_VALUES
    partition = keys.node_head(project_id, root).partition
    rows = store.scan("customers", partition, prefix, keys.end_of_prefix(prefix))
    return list(starmap(items.decode_contributed_values, rows))


def count_profiles(store: Store, project_id: str, root: Node, most: int) -> int:
    """Count the profiles that are associated with a customer, up to `most`.

    It reads one row a profile, without the profile's values, and stops at `most`.
    """
    first, last = keys.profile_contributions(project_id, root)
    # A query counts no rows without reading them, so it stops at the cap.
    found = store.scan(first.table, first.partition, first.item, last)
    return len(list(islice(found, most)))


def read_rows(
    store: Store, project_id: str, node: Node, prefix: str
) -> list[tuple[str, Item]]:
    """Read the items under a node with a prefix of `keys`: sort key and item."""
    partition = keys.node_head(project_id, node).partition
    found = store.scan("customers", partition, prefix, keys.end_of_prefix(prefix))
    return [(key.item, item) for key, item in found]


def read_row_names(store: Store, project_id: str, node: Node, prefix: str) -> list[str]:
    """Read what stands behind a prefix in the sort keys of the items under a node.

    `prefix`: one of `keys`, such as `PROFILE_SESSION`.
    """
    rows = read_rows(store, project_id, node, prefix)
    return [name.removeprefix(prefix) for name, _ in rows]


def read_named_nodes(
    store: Store, project_id: str, node: Node, prefix: str
) -> list[Node]:
    """Read the nodes that the items under a node name in their sort keys, behind a prefix."""
    return list(map(Node.parse, read_row_names(store, project_id, node, prefix)))


def read_linked_profiles(store: Store, project_id: str, soft: Node) -> Iterator[Node]:
    """Read the profiles that link to a soft identifier, or once did, as they are asked for."""
    prefix = keys.LINKED_PROFILE
    partition = keys.node_head(project_id, soft).partition
    rows = store.scan("customers", partition, prefix, keys.end_of_prefix(prefix))
    for key, _ in rows:
        yield profile_node(key.item.removeprefix(prefix))


def read_session_ids(store: Store, project_id: str, profile: Node) -> list[str]:
    """Read the IDs of a profile's sessions."""
    return read_row_names(store, project_id, profile, keys.PROFILE_SESSION)


def read_items(store: Store, item_keys: Sequence[Key]) -> dict[Key, Item]:
    """Read those of these items that exist, in the keys' order.

    No keys cost no request: DynamoDB refuses an empty batch.
    """
    if not item_keys:
        return {}
    pairs = zip(item_keys, store.get(item_keys), strict=True)
    return {key: item for key, item in pairs if item is not None}
