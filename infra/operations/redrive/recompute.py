"""Recompute from the tables what stream records should have written, and report it.

It runs the code of `associate` for every node and that of `erase` for every erasure that is not
done. So it writes what a lost or failed record left undone and nothing else, and a second run
writes nothing. It holds one page of a table in memory and may be interrupted at any time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from hardlink.domain.graph import Node, existing, next_node
from hardlink.domain.records import Item, Key
from hardlink.domain.times import SECOND
from hardlink.services.association import Association
from hardlink.services.erasure.sweep import ErasureSweep
from hardlink.storage import items, keys, nodes
from hardlink.storage.keys import ERASURE, HEAD
from hardlink.storage.store import WHOLE, Part, Store
from hardlink.web.wiring import read_clock
from infra.operations.redrive.recording_store import RecordingStore

_CONTRIBUTIONS = (keys.CONTRIBUTION, keys.CONTRIBUTED_VALUES)
_DERIVED_ROWS = (*_CONTRIBUTIONS, keys.ROOT_SESSION)
_KINDS = (HEAD, ERASURE, *_DERIVED_ROWS)
HardTypes = Mapping[str, frozenset[str]]
"""The hard identifier types of each project."""
Rows = Sequence[tuple[Key, Item]]


class Outcome(NamedTuple):
    """The result for one node or erasure.

    `key`: hashed, as in the logs. `written`: number of rows, by kind and whether they were deleted.
    """

    key: str
    written: Counter[str]
    error: Exception | None = None


class NotFound(Exception):
    """There is no such session, customer or erasure."""


def pause(microseconds: int) -> None:
    """Wait for a number of microseconds."""
    time.sleep(microseconds / SECOND)


class Redrive:
    """Recomputes nodes and erasures of a store.

    `dry_run`: nothing is written, and outcomes say what would be. `pause` waits for a number of
    microseconds.
    """

    def __init__(
        self,
        store: Store,
        hard_types: HardTypes,
        *,
        dry_run: bool = False,
        clock: Callable[[], int] = read_clock,
        pause: Callable[[int], object] = pause,
    ) -> None:
        self._store = store
        self._hard_types = hard_types
        self._dry_run = dry_run
        self._sweep = ErasureSweep(store, clock)
        self._pause = pause

    def run_all(
        self, projects: Sequence[str] = (), part: Part = WHOLE
    ) -> Iterator[Outcome]:
        """Recompute every node and erasure in one part of the tables.

        `projects`: only these. All if there is none.
        """
        for project in projects or ("",):
            partitions = f"{project}/" if project else ""
            for page in self._store.scan_all("customers", partitions, _KINDS, part):
                yield from self._run_heads(page)
                yield from self._run_orphans(page)
                yield from self._run_erasures(page)

    def run_erasure(self, project: str, id_: str) -> Iterator[Outcome]:
        """Carry out an erasure unless it is done. Raises `NotFound`."""
        key = keys.erasure_item(project, id_)
        item = self._store.get([key])[0]
        if item is None:
            raise NotFound(f"there is no erasure {id_!r} in project {project!r}")
        yield from self._run_erasures([(key, item)])

    def run_session(self, project: str, id_: str) -> Iterator[Outcome]:
        """Recompute a session's profile and the soft identifiers it links to. Raises `NotFound`."""
        profile = self._read_profile(project, id_)
        if profile is None:
            raise NotFound(f"there is no session {id_!r} in project {project!r}")
        history = nodes.read_history(self._store, project, profile)
        linked = [entry.link for entry in history if entry.link]
        yield from self._run_nodes(project, [profile, *linked])

    def run_customer(self, project: str, node: Node) -> Iterator[Outcome]:
        """Recompute every visitor that rows of a customer lead to. Raises `NotFound`."""
        record = nodes.read_records(self._store, project, [node])[node]
        if not record.state.rev:
            raise NotFound(
                f"no customer has the identifier {node} in project {project!r}"
            )
        root = existing(next_node(record.state, is_named=True)) or node
        yield from self._run_nodes(project, self._related_nodes(project, root))

    def run_change(self, key: Key) -> Iterator[Outcome]:
        """Carry out what the stream record of a changed item asked for.

        `key`: of a session, a node or an erasure. What does not exist any more asks for nothing.
        """
        if key.item == ERASURE:
            yield from self._run_erasures(self._read_rows(key))
            return
        project, name = keys.split_partition(key.partition)
        if key.table == "sessions":
            profile = self._read_profile(project, name)
            yield from self._run_nodes(project, [profile] if profile else ())
            return
        if keys.is_rehoming_task(name):
            yield from self._run_task(key)
            return
        association = Association(self._store, self._hard_types)
        dependent = association.dependent_nodes(project, name)
        yield from self._run_nodes(project, dependent)

    def _run_task(self, key: Key) -> Iterator[Outcome]:
        """Carry out a task of association that is left, and end it if nothing of it failed."""
        project, name = keys.split_partition(key.partition)
        association = Association(self._store, self._hard_types)
        outcomes = list(
            self._run_nodes(project, association.dependent_nodes(project, name))
        )
        yield from outcomes
        if not self._dry_run and not any(outcome.error for outcome in outcomes):
            association.end_task(key)

    def _read_rows(self, key: Key) -> Rows:
        item = self._store.get([key])[0]
        return [] if item is None else [(key, item)]

    def _related_nodes(self, project: str, root: Node) -> Iterator[Node]:
        """Soft identifiers and profiles of a customer, with repetitions."""
        soft = [
            root,
            *nodes.read_named_nodes(
                self._store, project, root, keys.CUSTOMER_IDENTIFIER
            ),
        ]
        yield from soft
        yield from nodes.read_named_nodes(self._store, project, root, keys.CONTRIBUTION)
        for node in soft:
            yield from nodes.read_linked_profiles(self._store, project, node)
        for session in nodes.read_row_names(
            self._store, project, root, keys.ROOT_SESSION
        ):
            profile = self._read_profile(project, session)
            if profile:
                yield profile

    def _run_nodes(self, project: str, related: Iterable[Node]) -> Iterator[Outcome]:
        for node in dict.fromkeys(related):
            if not self._is_hard(project, node):
                yield self._run_node(project, node)

    def _run_heads(self, page: Rows) -> Iterator[Outcome]:
        for key, _ in page:
            project, rest = keys.split_partition(key.partition)
            if key.item == HEAD and keys.is_rehoming_task(rest):
                yield from self._run_task(key)
            elif key.item == HEAD and not self._is_hard(project, Node.parse(rest)):
                yield self._run_node(project, Node.parse(rest))

    def _run_orphans(self, page: Rows) -> Iterator[Outcome]:
        """Recompute nodes with a row under a customer that the node itself does not know.

        Association finds a node's old rows by its `h/` items, so it would not delete these.
        """
        owners = self._row_owners(page)
        references: list[Key] = []
        for row, node in owners.items():
            project, _ = keys.split_partition(row.partition)
            references.append(keys.root_reference(project, node, _row_root(row)))
        known = self._store.get(references) if references else []
        for (row, node), reference in zip(owners.items(), known, strict=True):
            if reference is not None:
                continue
            project, _ = keys.split_partition(row.partition)
            outcome = self._run_node(project, node, [_row_root(row)])
            # Without a write, association has put the reference in the meantime.
            if outcome.written or outcome.error:
                yield outcome

    def _row_owners(self, page: Rows) -> dict[Key, Node]:
        """The node of each derived row, except rows of sessions that do not exist."""
        owners: dict[Key, Node] = {}
        for key, _ in page:
            node = self._row_owner(key) if key.item.startswith(_DERIVED_ROWS) else None
            if node:
                owners[key] = node
        return owners

    def _row_owner(self, row: Key) -> Node | None:
        if row.item.startswith(_CONTRIBUTIONS):
            return Node.parse(row.item.partition("/")[2])
        project, _ = keys.split_partition(row.partition)
        return self._read_profile(project, row.item.removeprefix(keys.ROOT_SESSION))

    def _read_profile(self, project: str, session: str) -> Node | None:
        key = keys.session_head(project, session)
        item = self._store.get([key])[0]
        return items.decode_session(key, item).profile if item else None

    def _run_node(
        self, project: str, node: Node, strays: Sequence[Node] = ()
    ) -> Outcome:
        store = RecordingStore(self._store, dry_run=self._dry_run)
        key = keys.hashed_partition(keys.node_head(project, node).partition)
        try:
            Association(store, self._hard_types).rehome(
                project, node, orphan_roots=strays
            )
        except Exception as error:  # noqa: BLE001 - one node that fails must not end the run
            return Outcome(key, store.written, error)
        return Outcome(key, store.written)

    def _run_erasures(self, page: Rows) -> Iterator[Outcome]:
        for key, item in page:
            if key.item == ERASURE and "done" not in item:
                yield self._finish_erasure(key)

    def _finish_erasure(self, key: Key) -> Outcome:
        """Carry out an erasure to its end, which may take a minute: it waits for older calls."""
        hashed = keys.hashed_partition(key.partition)
        project, id_ = keys.erasure_of_partition(key.partition)
        try:
            while not self._dry_run:
                # Calls that began before the erasure may still write: it waits until they have
                # ended.
                wait = self._sweep.sweep(project, id_)
                if not wait:
                    break
                self._pause(wait)
        except Exception as error:  # noqa: BLE001 - one erasure that fails must not end the run
            return Outcome(hashed, Counter(), error)
        return Outcome(hashed, Counter({"erasure carried out": 1}))

    def _is_hard(self, project: str, node: Node) -> bool:
        return node.type in self._hard_types.get(project, frozenset())


def _row_root(row: Key) -> Node:
    return Node.parse(keys.split_partition(row.partition)[1])
