"""Recomputes from the tables what every node's stream record would have done, and tells what that was.

It is `associate`'s own code, node by node, so whatever a lost or failed record left undone is done, and nothing else:
a second run finds nothing to do. So it is with `erase`'s, erasure by erasure, for those that are not done. It holds one
page of a table at a time, and may be broken off at any moment.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hardlink.domain.call import new_id
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.records import Item, Key, Table
from hardlink.domain.times import SECOND
from hardlink.services.association import Association
from hardlink.services.erasure import Erasure
from hardlink.services.erasure_sweep import ErasureSweep
from hardlink.storage import items, keys, nodes
from hardlink.storage.keys import ERASURE, HEAD
from hardlink.storage.store import WHOLE, Action, Check, Delete, Part, Store
from hardlink.web.wiring import read_clock

_ROWS = ("p/", "s/")
_KINDS = (HEAD, ERASURE, *_ROWS)
_NAMES = {
    HEAD: "customer of a session",
    "h/": "home",
    "p/": "contribution",
    "s/": "session row",
}
HardTypes = Mapping[str, frozenset[str]]


class Outcome(NamedTuple):
    """What became of a node or an erasure. `key`: as the logs have it; `wrote`: rows by kind and what was done."""

    key: str
    wrote: Counter[str]
    error: Exception | None = None


class NotFound(Exception):
    """There is no such session, customer or erasure."""


class Redrive:
    """`dry`: nothing is written, and what is told is what would be. `pause`: waits for so many microseconds."""

    def __init__(
        self,
        store: Store,
        hard_types: HardTypes,
        *,
        dry: bool = False,
        clock: Callable[[], int] = read_clock,
        pause: Callable[[int], object] = lambda microseconds: time.sleep(microseconds / SECOND),
    ) -> None:
        self._store = store
        self._hard_types = hard_types
        self._dry = dry
        self._sweeping = ErasureSweep(store, clock, Erasure(store, clock, new_id))
        self._pause = pause

    def everything(self, projects: Sequence[str] = (), part: Part = WHOLE) -> Iterator[Outcome]:
        """Look at every node and every erasure of the tables, or of some projects; at one part of them."""
        for project in projects or ("",):
            partitions = f"{project}/" if project else ""
            for page in self._store.scan_all("customers", partitions, _KINDS, part):
                yield from self._heads(page)
                yield from self._strays(page)
                yield from self._erasures(page)

    def erasure(self, project: str, id_: str) -> Iterator[Outcome]:
        """Carry out an erasure that is not done. Raises `Unknown`."""
        key = keys.erasure_item(project, id_)
        item = self._store.get([key])[0]
        if item is None:
            raise NotFound(f"there is no erasure {id_!r} in project {project!r}")
        yield from self._erasures([(key, item)])

    def session(self, project: str, id_: str) -> Iterator[Outcome]:
        """Look at the profile of a session, and at the soft identifiers between. Raises `Unknown`."""
        profile = self._profile(project, id_)
        if profile is None:
            raise NotFound(f"there is no session {id_!r} in project {project!r}")
        yield from self._profile_and_between(project, profile)

    def customer(self, project: str, node: Node) -> Iterator[Outcome]:
        """Look at every visitor that a customer's rows, or its identifiers', lead to. Raises `Unknown`."""
        record = nodes.read_records(self._store, project, [node])[node]
        if not record.state.rev:
            raise NotFound(f"nobody is known by {node} in project {project!r}")
        root = record.state.owner or record.state.link or node
        yield from self._all(project, self._around(project, root))

    def _around(self, project: str, root: Node) -> Iterator[Node]:
        soft = [root, *self._named(project, root, "i/")]
        yield from soft
        yield from self._named(project, root, "p/")
        for between in soft:
            for child in nodes.read_rows(self._store, project, between, "c/"):
                yield Node(PROFILE, child[0].removeprefix("c/"))
        for name, _ in nodes.read_rows(self._store, project, root, "s/"):
            if profile := self._profile(project, name.removeprefix("s/")):
                yield profile

    def _named(self, project: str, root: Node, kind: str) -> list[Node]:
        found = nodes.read_rows(self._store, project, root, kind)
        return [Node.parse(name.removeprefix(kind)) for name, _ in found]

    def _profile_and_between(self, project: str, profile: Node) -> Iterator[Outcome]:
        links = [entry.link for entry in nodes.read_history(self._store, project, profile)]
        yield from self._all(project, [profile, *(link for link in links if link)])

    def _all(self, project: str, node_list: Iterable[Node]) -> Iterator[Outcome]:
        for node in dict.fromkeys(node_list):
            if not self._is_hard(project, node):
                yield self._look(project, node)

    def _heads(self, page: Sequence[tuple[Key, Item]]) -> Iterator[Outcome]:
        for key, _ in page:
            project, rest = keys.split_partition(key.partition)
            node = Node.parse(rest)
            if key.item == HEAD and not self._is_hard(project, node):
                yield self._look(project, node)

    def _strays(self, page: Sequence[tuple[Key, Item]]) -> Iterator[Outcome]:
        """Rows under a customer whose node has no home there: nobody would come and take them away."""
        rows = {key: self._of(key) for key, _ in page if key.item.startswith(_ROWS)}
        homes = {
            key: keys.root_reference(keys.split_partition(key.partition)[0], node, _root(key))
            for key, node in rows.items()
            if node
        }
        there = self._store.get(list(homes.values())) if homes else []
        for key, home in zip(homes, there, strict=True):
            node = rows[key]
            if home is None and node:
                project, _ = keys.split_partition(key.partition)
                looked = self._look(project, node, [_root(key)])
                if looked.wrote or looked.error:  # else its home is there by now
                    yield looked

    def _erasures(self, page: Sequence[tuple[Key, Item]]) -> Iterator[Outcome]:
        for key, item in page:
            if key.item == ERASURE and "done" not in item:
                yield self._erase(key)

    def _erase(self, key: Key) -> Outcome:
        """Carry one out to its end, which may take a minute: until nothing older is under way."""
        hidden, wrote = keys.hashed_partition(key.partition), Counter({"erasure carried out": 1})
        try:
            while not self._dry and (wait := self._sweep(key)):
                self._pause(wait)
        except Exception as error:  # noqa: BLE001 - one erasure that fails must not end the run
            return Outcome(hidden, Counter(), error)
        return Outcome(hidden, wrote)

    def _sweep(self, key: Key) -> int:
        return self._sweeping.sweep(*keys.erasure_of_partition(key.partition))

    def _of(self, row: Key) -> Node | None:
        """The node whose row it is; none where its session isn't there."""
        if row.item.startswith("p/"):
            return Node.parse(row.item.removeprefix("p/"))
        project, _ = keys.split_partition(row.partition)
        return self._profile(project, row.item.removeprefix("s/"))

    def _profile(self, project: str, session: str) -> Node | None:
        key = keys.session_head(project, session)
        item = self._store.get([key])[0]
        return items.decode_session(key, item).profile if item else None

    def _look(self, project: str, node: Node, strays: Sequence[Node] = ()) -> Outcome:
        witness = RecordingStore(self._store, dry=self._dry)
        key = keys.hashed_partition(keys.node_head(project, node).partition)
        try:
            Association(witness, self._hard_types).rehome(project, node, strays=strays)
        except Exception as error:  # noqa: BLE001 - one node that fails must not end the run
            return Outcome(key, witness.wrote, error)
        return Outcome(key, witness.wrote)

    def _is_hard(self, project: str, node: Node) -> bool:
        return node.type in self._hard_types.get(project, frozenset())


class RecordingStore:
    """A store that remembers what was written; `dry`: and writes nothing."""

    def __init__(self, store: Store, *, dry: bool) -> None:
        self._store = store
        self._dry = dry
        self.wrote: Counter[str] = Counter()

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read items from the store."""
        return self._store.get(keys)

    def scan(
        self, table: Table, partition: str, first: str, last: str, **options: Any
    ) -> Iterator[tuple[Key, Item]]:
        """Read a range from the store."""
        return self._store.scan(table, partition, first, last, **options)

    def scan_all(
        self, table: Table, partitions: str, kinds: Sequence[str], part: Part = WHOLE
    ) -> Iterator[list[tuple[Key, Item]]]:
        """Read all items of some kinds from the store."""
        return self._store.scan_all(table, partitions, kinds, part)

    def write(self, actions: Sequence[Action]) -> None:
        """Count the writes, and carry them out unless this is a dry run."""
        if not self._dry:
            self._store.write(actions)
        self.wrote.update(_said(action) for action in actions if not isinstance(action, Check))

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        """Refuse: association inserts nothing."""
        raise NotImplementedError("association inserts nothing")


def _said(action: Action) -> str:
    """`session row deleted`."""
    kind = action.key.item[:2]
    return f"{_NAMES[kind]} {'deleted' if isinstance(action, Delete) else 'written'}"


def _root(row: Key) -> Node:
    return Node.parse(keys.split_partition(row.partition)[1])
