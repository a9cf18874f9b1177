"""Carries out again, in restored tables, the erasures that came after the time of the backup.

The table that was restored from knows whom: its tombstones hold when a node was erased and the
digest of its name, and outlive the erasure. Each node of the restored table is looked up there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hardlink.domain.graph import Node
from hardlink.services.erasure.begin import Erasure
from hardlink.storage import keys
from hardlink.storage.store import Store


def read_erased(store: Store, since: int) -> dict[str, int]:
    """Read when nodes were erased from a time on, by the partition of each one's tombstone.

    Times are in microseconds since 1970.
    """
    erased: dict[str, int] = {}
    for page in store.scan_all("customers", "", [keys.TOMBSTONE]):
        for key, item in page:
            at = int(item["at"]) if key.item == keys.TOMBSTONE else 0
            if at >= since:
                erased[key.partition] = at
    return erased


def erase_again(
    restored: Store, erasure: Erasure, erased: Mapping[str, int], since: int
) -> int:
    """Begin to erase every node that was erased, and return how many were begun.

    From then on nobody is found by them. Their streams bring the rest to `erase`. Nothing is begun
    twice, and who came anew after their erasure stays.
    """
    done = read_erased(restored, since)
    begun = 0
    for project_id, node in _read_nodes(restored):
        tombstone = keys.tombstone(project_id, node).partition
        if tombstone in erased and tombstone not in done:
            begun += erasure.erase_node(project_id, node, erased[tombstone])
    return begun


def _read_nodes(store: Store) -> Iterator[tuple[str, Node]]:
    """Read every node of every project."""
    for page in store.scan_all("customers", "", [keys.HEAD]):
        for key, _ in page:
            project_id, name = keys.split_partition(key.partition)
            # What begins so is an erasure, or a task of association.
            if key.item == keys.HEAD and not name.startswith(keys.ERASURE):
                yield project_id, Node.parse(name)
