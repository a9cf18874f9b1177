"""Carries out a stream record: brings the rows under every root in line with the links, however often it is told to.

A record only says at what to look; the tables say what is so. Work grows with a profile's sessions and roots, never
with its events. Every write holds the revisions of the nodes it was derived from still, so a late writer fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hardlink.domain import identity
from hardlink.domain.changeset import ForestSnapshot
from hardlink.domain.errors import Busy
from hardlink.domain.graph import PROFILE, Node, fold_spans, merging_link
from hardlink.domain.records import Contribution, Item, Key, MergeNotice, Record, Session, Table
from hardlink.domain.times import END
from hardlink.storage import items, keys, nodes
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.store import (
    MOST_ACTIONS,
    Action,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Patch,
    Present,
    Put,
    Rev,
    Same,
    Store,
)

_BYTES_AT_ONCE = 3_000_000


class AssociationFailed(ExceptionGroup[Exception]):
    """Some nodes could not be re-homed, and why."""


Intervals = Mapping[Node, list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was read about one node (a profile or a soft identifier): where it belongs, and what must hold still."""

    project_id: str
    node: Node
    record: Record
    checks: list[Action]
    wanted: Intervals
    homes: frozenset[Node]
    strays: frozenset[Node]
    identifiers: tuple[Node, ...]
    joined: MergeNotice | None

    @property
    def current(self) -> Node | None:
        """The customer of now."""
        return next(
            (root for root, intervals in self.wanted.items() if intervals[-1][1] == END), None
        )

    @property
    def roots(self) -> list[Node]:
        """Every root that has rows of this node, may have, or shall have."""
        return sorted({*self.wanted, *self.homes, *self.strays})


class Association:
    """Re-homes profiles, their sessions and contributions. `hard_types`: by project."""

    def __init__(self, store: Store, hard_types: Mapping[str, frozenset[str]]) -> None:
        self._store = store
        self._hard_types = hard_types

    def handle_change(self, table: Table, partition: str) -> None:
        """Act on the change of a `#` item. Raises `Busy` when it must be tried again later.

        A profile that can't be re-homed keeps none that comes after it from being so: then `Unhomed` is raised.
        """
        project_id, rest = keys.split_partition(partition)
        if table == "sessions":
            self._session(project_id, rest)
            return
        failed: list[Exception] = []
        for node in self._nodes(project_id, Node.parse(rest)):
            try:
                self.rehome(project_id, node)
            except Busy:
                raise
            except Exception as error:  # noqa: BLE001 - told once all have had their turn
                failed.append(error)
        if failed:
            raise AssociationFailed(
                f"{len(failed)} of the nodes that {rest.partition('=')[0]!r} leads to", failed
            )

    def rehome(
        self, project_id: str, node: Node, *, only: str | None = None, strays: Iterable[Node] = ()
    ) -> None:
        """Bring the rows of one profile or soft identifier in line with its links. Raises `Busy`.

        `only`: those of this session. `strays`: roots where rows of it lie of which it doesn't know.
        """
        for _ in optimistic_retries():
            plan = self._plan(project_id, node, frozenset(strays))
            if plan is None:
                return
            actions = list(self._differences(plan, only))
            try:
                for some in _batches(actions, MOST_ACTIONS - len(plan.checks)):
                    self._store.write([*plan.checks, *some])
            except ConditionFailed:
                continue
            return

    def _nodes(self, project_id: str, node: Node) -> Iterator[Node]:
        """The nodes whose rows depend on this one."""
        if node.type in self._hard_types.get(project_id, frozenset()):
            return
        yield node
        if node.type != PROFILE:
            for name, _ in nodes.read_rows(self._store, project_id, node, "c/"):
                yield Node(PROFILE, name.removeprefix("c/"))

    def _session(self, project_id: str, id_: str) -> None:
        key = keys.session_head(project_id, id_)
        item = self._store.get([key])[0]
        session = items.decode_session(key, item) if item else None
        if session and not session.is_erased:
            self.rehome(project_id, session.profile, only=id_)

    def _plan(self, project_id: str, node: Node, strays: frozenset[Node]) -> _Plan | None:
        """Reads in this order: the node, its history, the soft nodes between, then where it is at home."""
        record = nodes.read_records(self._store, project_id, [node])[node]
        if not record.exists:
            return None
        history = nodes.read_history(self._store, project_id, node)
        found, first = fold_spans(history), merging_link(history)
        hard = self._hard_types.get(project_id, frozenset())
        between = nodes.read_records(
            self._store, project_id, {s.target for s in found if s.target.type not in hard}
        )
        if not all(read.exists for read in between.values()):
            return None  # it is being erased, and so this node changes soon, or does not need it any more
        facts = {soft: read.state for soft, read in between.items()}
        wanted: dict[Node, list[tuple[int, int]]] = {}
        for span in identity.resolve_spans(found, ForestSnapshot(facts), hard):
            wanted.setdefault(span.target, []).append((span.start, span.end))
        revs = {node: record.state.rev, **{soft: state.rev for soft, state in facts.items()}}
        homes = nodes.read_rows(self._store, project_id, node, "h/")
        owned = [] if node.type == PROFILE else nodes.read_rows(self._store, project_id, node, "i/")
        return _Plan(
            project_id=project_id,
            node=node,
            record=record,
            checks=[Check(keys.node_head(project_id, n), Rev(rev)) for n, rev in revs.items()],
            wanted=wanted,
            homes=frozenset(Node.parse(name.removeprefix("h/")) for name, _ in homes),
            strays=strays,
            identifiers=tuple(Node.parse(name.removeprefix("i/")) for name, _ in owned),
            joined=MergeNotice(first.effective_at, first.at, first.source) if first else None,
        )

    def _differences(self, plan: _Plan, only: str | None) -> Iterator[Action]:
        """What to write, in an order in which it may stop anywhere: `h/` first and last."""
        sessions = self._sessions(plan, only)
        existing = self._existing(plan, sessions)
        for root in sorted(plan.wanted.keys() - plan.homes):
            yield Put(keys.root_reference(plan.project_id, plan.node, root), {})
        if only is None:
            yield from _contributions(plan, existing)
        for session in sessions:
            yield from _session_rows(plan, session, existing)
        if only is None:
            yield from _farewells(plan, existing)

    def _sessions(self, plan: _Plan, only: str | None) -> list[Session]:
        if plan.node.type != PROFILE:
            return []
        ids = (
            [only]
            if only
            else [
                n.removeprefix("m/")
                for n, _ in nodes.read_rows(self._store, plan.project_id, plan.node, "m/")
            ]
        )
        item_keys = [keys.session_head(plan.project_id, id_) for id_ in ids]
        found_items = self._store.get(item_keys) if item_keys else []
        found = (
            items.decode_session(key, item)
            for key, item in zip(item_keys, found_items, strict=True)
            if item
        )
        return [session for session in found if session.profile == plan.node]

    def _existing(self, plan: _Plan, sessions: list[Session]) -> Mapping[Key, Item]:
        item_keys = [
            keys.node_contribution(plan.project_id, root, plan.node) for root in plan.roots
        ]
        item_keys += [
            keys.root_session(plan.project_id, root, session.id)
            for root in plan.roots
            for session in sessions
        ]
        found_items = self._store.get(item_keys) if item_keys else []
        return {
            key: item for key, item in zip(item_keys, found_items, strict=True) if item is not None
        }


def _contributions(plan: _Plan, existing: Mapping[Key, Item]) -> Iterator[Action]:
    for root, intervals in plan.wanted.items():
        key = keys.node_contribution(plan.project_id, root, plan.node)
        values = {
            n: v
            for n, v in plan.record.values.items()
            if any(a <= v.time < b for a, b in intervals)
        }
        item = items.encode_contribution(
            Contribution(
                plan.node,
                tuple(intervals),
                values,
                plan.identifiers,
                plan.joined if intervals[0][0] == 0 else None,
            )
        )
        if existing.get(key) != item:
            yield Put(key, item)


def _session_rows(plan: _Plan, session: Session, existing: Mapping[Key, Item]) -> Iterator[Action]:
    item = items.encode_session_row(items.session_row(session))
    for root in plan.roots:
        key = keys.root_session(plan.project_id, root, session.id)
        if root not in plan.wanted:
            if key in existing:
                yield Delete(key)
        elif existing.get(key) != item:
            yield Put(key, item, _replaced(session, existing.get(key)))
    if session.customer != plan.current:
        yield _copy(keys.session_head(plan.project_id, session.id), plan.current)


def _replaced(session: Session, row: Item | None) -> Condition:
    """Over what it is written: not what a later reader wrote, but what is left of a visitor who was erased."""
    before = row["profile"] if row else session.profile.value
    if before != session.profile.value:
        return Same("profile", before)
    return AtMost("latest", session.latest)


def _copy(key: Key, customer: Node | None) -> Action:
    if customer:
        return Patch(key, {"customer": str(customer)}, Present())
    return Patch(key, {}, Present(), remove=("customer",))


def _farewells(plan: _Plan, existing: Mapping[Key, Item]) -> Iterator[Action]:
    for root in sorted((plan.homes | plan.strays) - plan.wanted.keys()):
        key = keys.node_contribution(plan.project_id, root, plan.node)
        if key in existing:
            yield Delete(key)
    for root in sorted(plan.homes - plan.wanted.keys()):
        yield Delete(keys.root_reference(plan.project_id, plan.node, root))


def _batches(actions: Iterable[Action], most: int) -> Iterator[list[Action]]:
    """Actions in order, in transactions that DynamoDB takes: 100 actions, 4 MB."""
    batch: list[Action] = []
    room = _BYTES_AT_ONCE
    for action in actions:
        weight = (
            sum(len(str(value)) for value in action.item.values()) if isinstance(action, Put) else 0
        )
        if batch and (len(batch) == most or weight > room):
            yield batch
            batch, room = [], _BYTES_AT_ONCE
        batch.append(action)
        room -= weight
    if batch:
        yield batch
