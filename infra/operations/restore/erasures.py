"""Carries out again, in restored tables, the erasures that came after the time of the backup.

The table that was restored from knows whom: its tombstones hold when a node was erased and the
digest of its name, and outlive the erasure. Each node of the restored table is looked up there.
An erasure that has not spread yet has too few tombstones, so it is finished there first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple, TypeAlias

from hardlink.domain.graph import Node
from hardlink.domain.times import MINUTE
from hardlink.services.erasure.begin import Erasure
from hardlink.services.erasure.sweep import ErasureSweep
from hardlink.storage import keys
from hardlink.storage.store import Absent, ConditionFailed, Put, Store

MARGIN = 5 * MINUTE
"""Time by which a tombstone may seem older than its write: a call reads the clock first, and then
takes up to a minute; clocks of two machines differ as well."""
_Running: TypeAlias = tuple[str, str]
"""Project and ID of an erasure."""


class Tombstone(NamedTuple):
    """The erasure of a node. `at`: microseconds. `denied`: a visitor who had opted out."""

    at: int
    denied: bool


def read_erased(store: Store, since: int) -> dict[str, Tombstone]:
    """Read which nodes were erased from a time on, by the partition of each one's tombstone.

    Times are in microseconds since 1970. Those of the last minutes before are read as well.
    """
    erased: dict[str, Tombstone] = {}
    for page in store.scan_all("customers", "", [keys.TOMBSTONE]):
        for key, item in page:
            at = int(item["at"]) if key.item == keys.TOMBSTONE else 0
            if at >= since - MARGIN:
                erased[key.partition] = Tombstone(at, "denied" in item)
    return erased


def erase_again(
    restored: Store, erasure: Erasure, erased: Mapping[str, Tombstone]
) -> int:
    """Begin to erase every node that was erased, and return how many were begun.

    From then on nobody is found by them. Their streams bring the rest to `erase`. Nothing is begun
    twice, and who came anew after their erasure stays: a node is newer than its tombstone then.
    """
    begun = 0
    for project_id, node in _read_nodes(restored):
        tombstone = erased.get(keys.tombstone(project_id, node).partition)
        if tombstone:
            begun += erasure.erase_node(
                project_id, node, tombstone.at, denied=tombstone.denied
            )
    return begun


def finish_erasures(
    store: Store, sweep: ErasureSweep, pause: Callable[[int], object]
) -> dict[str, Exception]:
    """Carry out the erasures that are not done, in the tables that were restored from.

    Nobody else does once the functions use other tables, whose queue does not know them. `pause`
    waits for a number of microseconds. Returns why some failed, by their hashed partitions.
    """
    failed: dict[str, Exception] = {}
    running = list(_read_running(store))
    while running:
        waits: dict[_Running, int] = {}
        for one in running:
            try:
                waits[one] = sweep.sweep(*one)
            except Exception as error:  # noqa: BLE001 - one that fails must keep back no other
                failed[_hashed_name(one)] = error
        # All of them wait at once for the calls that were under way.
        running = [one for one, wait in waits.items() if wait]
        if running:
            pause(min(map(waits.__getitem__, running)))
    return failed


def keep_receipts(old: Store, restored: Store, since: int) -> None:
    """Keep the receipts of erasures that were done from a time on: the shop may ask for them.

    They name nobody. `since`: microseconds since 1970.
    """
    for page in old.scan_all("customers", "", [keys.ERASURE]):
        for key, item in page:
            if key.item == keys.ERASURE and int(item.get("done", 0)) >= since - MARGIN:
                with suppress(ConditionFailed):  # it is there, or is under way there
                    restored.write([Put(key, item, Absent())])


def _hashed_name(running: _Running) -> str:
    return keys.hashed_partition(keys.erasure_item(*running).partition)


def _read_running(store: Store) -> Iterator[_Running]:
    """Read the erasures that are not done, whenever they began."""
    for page in store.scan_all("customers", "", [keys.ERASURE]):
        for key, item in page:
            if key.item == keys.ERASURE and "done" not in item:
                yield keys.erasure_of_partition(key.partition)


def _read_nodes(store: Store) -> Iterator[tuple[str, Node]]:
    """Read every node of every project."""
    for page in store.scan_all("customers", "", [keys.HEAD]):
        for key, _ in page:
            project_id, name = keys.split_partition(key.partition)
            # What begins so is an erasure, or a task of association.
            if key.item == keys.HEAD and not name.startswith(keys.ERASURE):
                yield project_id, Node.parse(name)
