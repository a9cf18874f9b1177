"""Read nodes of the identity forest for one decision: each once, in batches where possible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hardlink.domain.errors import Busy
from hardlink.domain.graph import PROFILE, Entry, Node, State
from hardlink.domain.records import Item, Record
from hardlink.storage import items, keys, nodes
from hardlink.storage.store import Store

BEING_ERASED = "a customer or visitor of this call is being erased: send the call again"


class NodeReader:
    """A `ForestReader` on the tables: a decision sees one state of each node, read once."""

    def __init__(self, store: Store, project_id: str) -> None:
        self._store = store
        self._project_id = project_id
        self._records: dict[Node, Record] = {}
        self._tombstones: dict[Node, Item | None] = {}
        self._histories: dict[Node, Sequence[Entry]] = {}

    @property
    def records(self) -> dict[Node, Record]:
        """All nodes that were read so far."""
        return dict(self._records)

    def load(
        self, wanted_nodes: Iterable[Node], *, profiles: Iterable[Node] = ()
    ) -> None:
        """Read nodes in one batch, with the tombstones of identifiers.

        `profiles`: profiles that are read with their tombstones as well. A profile that was erased
        never comes back under its ID, so that only callers who follow it to its successor ask for
        that. Nodes and tombstones that were read before are not read again.
        """
        followed = dict.fromkeys(profiles)
        named = dict.fromkeys((*wanted_nodes, *followed))
        wanted = [node for node in named if node not in self._records]
        buried = [node for node in wanted if node.type != PROFILE]
        buried += [node for node in followed if node not in self._tombstones]
        if wanted or buried:
            self._read(wanted, buried)

    def _read(self, wanted: Sequence[Node], buried: Sequence[Node]) -> None:
        """Read nodes, and tombstones of these or others, in one request."""
        item_keys = [keys.node_head(self._project_id, node) for node in wanted]
        item_keys += [keys.tombstone(self._project_id, node) for node in buried]
        found = self._store.get(item_keys)
        heads, tombstones = found[: len(wanted)], found[len(wanted) :]
        # Tombstones first: a node is decoded together with its own.
        self._tombstones.update(zip(buried, tombstones, strict=True))
        for node, item in zip(wanted, heads, strict=True):
            self._records[node] = self._decode(node, item)

    def _decode(self, node: Node, item: Item | None) -> Record:
        """Decode a node, with the time of its last erasure, which stands in its tombstone."""
        record = items.decode_record(item)
        if node.type == PROFILE:
            return record
        erased_at = nodes.erasure_time(self._tombstones[node])
        return record._replace(last_erased_at=erased_at)

    def record(self, node: Node) -> Record:
        """Read a node; `Record()` for a node that does not exist.

        Of an identifier, `last_erased_at` is that of its tombstone. It costs a request unless it
        was loaded before.
        """
        if node not in self._records:
            self.load([node])
        return self._records[node]

    def tombstone(self, profile: Node) -> Item | None:
        """Read the tombstone of a profile, if it was erased.

        It holds `at` (microseconds), `successor_seed`, and `denied` if the visitor had opted out.
        """
        self.load([], profiles=[profile])
        return self._tombstones[profile]

    def state(self, node: Node) -> State:
        """Read the state of a node."""
        return self.record(node).state

    def history(self, node: Node) -> Sequence[Entry]:
        """Read the link history of a node, oldest first."""
        # the node first: a write holds the node as it was read, and so no older history than it
        self.record(node)
        if node not in self._histories:
            self._histories[node] = nodes.read_history(
                self._store, self._project_id, node
            )
        return self._histories[node]

    def count_profiles(self, customer: Node, most: int) -> int:
        """Count the profiles that are associated with a customer, up to `most`."""
        return nodes.count_profiles(self._store, self._project_id, customer, most)


class LivingNodeReader(NodeReader):
    """A `NodeReader` for writes: decisions never use a node whose erasure is in progress.

    Profiles exist before anything links to them, but for `created`: the profile that this call
    makes.
    """

    def __init__(self, store: Store, project_id: str) -> None:
        super().__init__(store, project_id)
        self._created: Node | None = None

    def create(self, profile: Node, record: Record) -> None:
        """Take a profile as read that does not exist, and is made together with what is decided.

        Without it `check` would take the profile for one that was erased.
        """
        self._records[profile] = record
        self._created = profile

    def state(self, node: Node) -> State:
        """Read the state of a node. Raises `Busy`."""
        self.check(node)
        return super().state(node)

    def check(self, *checked: Node) -> None:
        """Hold nodes to exist as far as they have to. Raises `Busy`.

        A moment later the erasure is through, and the call finds what comes after it.
        """
        self.load(checked)
        for node in checked:
            if self._is_being_erased(node):
                raise Busy(BEING_ERASED)

    def _is_being_erased(self, node: Node) -> bool:
        """Tell whether a node's erasure is in progress.

        A profile that does not exist was erased between the reads of this call, unless the call
        makes it.
        """
        record = self._records[node]
        if record.erasing_since:
            return True
        if node.type != PROFILE or node == self._created:
            return False
        return not record.state.rev
