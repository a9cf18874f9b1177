"""Association: brings the rows under every root in line with the links.

Reads a node, plans what its rows should be, compares that with what they are, and writes the
difference. A stream record only says where to look; the tables say what is so. Work grows with a
profile's sessions and roots, never with its events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product

from hardlink.domain import identity
from hardlink.domain.changeset import ForestSnapshot
from hardlink.domain.errors import Busy
from hardlink.domain.graph import (
    PROFILE,
    Entry,
    Node,
    Span,
    fold_spans,
    merging_link,
    newest_root,
)
from hardlink.domain.records import (
    Contribution,
    Item,
    Key,
    MergeNotice,
    Record,
    Session,
    Table,
)
from hardlink.domain.values import json_size, values_set_within
from hardlink.storage import items, keys, nodes
from hardlink.storage.batches import split_batches
from hardlink.storage.retries import retry_conflicts
from hardlink.storage.sessions import consent_patch, find_living_session
from hardlink.storage.store import (
    MOST_ACTIONS,
    Action,
    AtMost,
    Check,
    Condition,
    Delete,
    Put,
    Rev,
    Same,
    Store,
)

_BYTES_AT_ONCE = 3_000_000
"""Of one transaction: DynamoDB takes 4 MB."""

MOST_LISTED_BYTES = 40_000
"""Bytes of the identifiers that a contribution lists: a customer's view reads all of them."""

PROFILES_AT_ONCE = 10
"""Profiles that one record re-homes: a batch of a hundred such records ends within a minute."""

_Intervals = list[tuple[int, int]]
_Actions = Iterator[Action]


class AssociationFailed(ExceptionGroup[Exception]):
    """Some nodes could not be re-homed, and why."""


@dataclass(frozen=True, slots=True)
class _Profile:
    """One node as it was read, a profile or a soft identifier.

    `spans`: their targets are roots. `checks`: that no node it was derived from changed since.
    `homes`: roots that may hold rows of it, `orphan_roots`: others that hold some of which it does
    not know.
    """

    project_id: str
    node: Node
    record: Record
    spans: Sequence[Span]
    checks: Sequence[Action]
    homes: frozenset[Node]
    orphan_roots: frozenset[Node]
    identifiers: tuple[Node, ...]
    merge_notice: MergeNotice | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rows that a node should have: the intervals of time that each root has of it."""

    profile: _Profile
    intervals: Mapping[Node, _Intervals]

    @property
    def customer(self) -> Node | None:
        """The customer to whom the next event belongs, if there is one."""
        return newest_root(self.profile.spans)

    @property
    def stale_roots(self) -> list[Node]:
        """Roots that may have rows of this node, and should have none."""
        return [root for root in self.roots if root not in self.intervals]

    @property
    def roots(self) -> list[Node]:
        """Every root that has rows of this node, may have some, or should."""
        return sorted(
            {*self.intervals, *self.profile.homes, *self.profile.orphan_roots}
        )

    def contribution_key(self, root: Node) -> Key:
        """The key of the node's contribution to a root."""
        return keys.node_contribution(self.profile.project_id, root, self.profile.node)

    def values_key(self, root: Node) -> Key:
        """The key of the values that the node contributes to a root."""
        return keys.contributed_values(self.profile.project_id, root, self.profile.node)

    def session_key(self, root: Node, session: Session) -> Key:
        """The key of a session's row under a root."""
        return keys.root_session(self.profile.project_id, root, session.id)


class Association:
    """Re-homes profiles, their sessions and contributions. `hard_types`: by project."""

    def __init__(
        self,
        store: Store,
        hard_types: Mapping[str, frozenset[str]],
        *,
        profiles_at_once: int = PROFILES_AT_ONCE,
    ) -> None:
        self._store = store
        self._hard_types = hard_types
        self._profiles_at_once = profiles_at_once

    def handle_change(self, table: Table, partition: str) -> None:
        """Act on the change of a `#` item. Raises `Busy` when it must be tried again later.

        A node that fails keeps no other one from being re-homed: `AssociationFailed` is raised at
        the end.
        """
        project_id, name = keys.split_partition(partition)
        if table == "sessions":
            self._rehome_session(project_id, name)
        elif keys.is_rehoming_task(name):
            self._carry_out_task(Key(table, partition, keys.HEAD))
        else:
            self._follow_node(project_id, Node.parse(name))

    def dependent_nodes(self, project_id: str, name: str) -> Iterator[Node]:
        """List the nodes whose rows depend on a `#` item: a hard root's change moves nothing.

        `name`: of its partition, a node's or a task's. Of a soft identifier these are also the
        profiles that link to it, or once did.
        """
        if keys.is_rehoming_task(name):
            yield from self._read_task(
                Key("customers", f"{project_id}/{name}", keys.HEAD)
            )
            return
        node = Node.parse(name)
        if self._is_hard(project_id, node):
            return
        yield node
        if node.type != PROFILE:
            yield from nodes.read_linked_profiles(self._store, project_id, node)

    def end_task(self, key: Key) -> None:
        """Delete the task of re-homing some profiles, once it is carried out."""
        self._store.write([Delete(key)])

    @retry_conflicts
    def rehome(
        self,
        project_id: str,
        node: Node,
        *,
        only_session: str | None = None,
        orphan_roots: Iterable[Node] = (),
    ) -> None:
        """Bring the rows of one profile or soft identifier in line with its links. Raises `Busy`.

        `only_session`: the rows of this session alone. `orphan_roots`: roots that hold rows of
        which the node does not know.
        """
        profile = self._read_profile(project_id, node, frozenset(orphan_roots))
        if profile is None:
            return
        sessions, copies = self._read_sessions(profile, only_session)
        plan = _plan_rows(profile)
        rows = nodes.read_items(self._store, _row_keys(plan, sessions))
        existing = {**copies, **rows}
        actions = _diff_rows(plan, sessions, existing, whole=only_session is None)
        self._write_in_batches(profile.checks, actions)

    def _rehome_session(self, project_id: str, id_: str) -> None:
        """Bring the rows of one session in line with its profile's links."""
        session = find_living_session(self._store, project_id, id_)
        if session:
            self.rehome(project_id, session.profile, only_session=id_)

    def _follow_node(self, project_id: str, node: Node) -> None:
        """Re-home a node, and the profiles that link to it: at once, or by tasks if many do."""
        dependent = self.dependent_nodes(project_id, str(node))
        first = list(islice(dependent, self._profiles_at_once + 1))
        others = list(islice(dependent, 1))
        if not others:
            self._rehome_all(project_id, first)
            return
        # Each task is a stream record of its own: what fails is repeated alone, and what is done
        # is not done again.
        self._add_tasks(project_id, node, chain(first[1:], others, dependent))
        self._rehome_all(project_id, first[:1])

    def _add_tasks(self, project_id: str, node: Node, profiles: Iterator[Node]) -> None:
        """Add the tasks that re-home the profiles of a node that changed."""
        rev = nodes.read_record(self._store, project_id, node).state.rev

        def make_puts() -> Iterator[Action]:
            while portion := list(islice(profiles, self._profiles_at_once)):
                key = keys.rehoming_task(project_id, str(node), rev, portion)
                yield Put(key, items.encode_rehoming_task(portion))

        for batch in _batches(make_puts(), MOST_ACTIONS):
            self._store.write(batch)

    def _carry_out_task(self, key: Key) -> None:
        """Re-home the profiles of a task, and delete it: its stream record asks for no more."""
        project_id, _ = keys.split_partition(key.partition)
        profiles = self._read_task(key)
        if profiles:
            self._rehome_all(project_id, profiles)
            self.end_task(key)

    def _read_task(self, key: Key) -> list[Node]:
        """Read the profiles of a task, none where it is carried out."""
        item = self._store.get([key])[0]
        return items.decode_rehoming_task(item) if item else []

    def _rehome_all(self, project_id: str, dependent: Iterable[Node]) -> None:
        """Re-home nodes, each whatever becomes of the others.

        Raises `Busy`, and `AssociationFailed` at the end.
        """
        failed: list[Exception] = []
        for node in dependent:
            try:
                self.rehome(project_id, node)
            except Busy:
                raise
            except Exception as error:  # noqa: BLE001 - raised once all have had their turn
                failed.append(error)
        if failed:
            raise AssociationFailed(f"{len(failed)} nodes were not re-homed", failed)

    def _is_hard(self, project_id: str, node: Node) -> bool:
        return node.type in self._hard_types.get(project_id, frozenset())

    # Read.

    def _read_profile(
        self, project_id: str, node: Node, orphan_roots: frozenset[Node]
    ) -> _Profile | None:
        """Read a node, its history, the soft nodes between, and where its rows may be, in order.

        Nothing where it is being erased, or one between: then that node changes soon, or needs no
        rows any more.
        """
        record = nodes.read_record(self._store, project_id, node)
        if not record.exists:
            return None
        history = nodes.read_history(self._store, project_id, node)
        hard_types = self._hard_types.get(project_id, frozenset())
        spans = fold_spans(history)
        # Rows lie under roots, so what a span links to is followed on.
        between = {span.target for span in spans if span.target.type not in hard_types}
        soft = nodes.read_records(self._store, project_id, between)
        if not all(found.exists for found in soft.values()):
            return None
        states = {target: found.state for target, found in soft.items()}
        homes = nodes.read_named_nodes(
            self._store, project_id, node, keys.ROOT_REFERENCE
        )
        return _Profile(
            project_id=project_id,
            node=node,
            record=record,
            spans=identity.resolve_spans(spans, ForestSnapshot(states), hard_types),
            checks=_unchanged(project_id, {node: record, **soft}),
            homes=frozenset(homes),
            orphan_roots=orphan_roots,
            identifiers=tuple(self._read_identifiers(project_id, node)),
            merge_notice=_merge_notice(history),
        )

    def _read_identifiers(self, project_id: str, node: Node) -> list[Node]:
        """Read the identifiers that find a customer known by a soft one. A profile has none."""
        if node.type == PROFILE:
            return []
        return nodes.read_named_nodes(
            self._store, project_id, node, keys.CUSTOMER_IDENTIFIER
        )

    def _read_sessions(
        self, profile: _Profile, only_session: str | None
    ) -> tuple[list[Session], dict[Key, Item]]:
        """Read the sessions whose rows are compared, all of a profile or one, and their copies."""
        if profile.node.type != PROFILE:
            return [], {}
        project_id = profile.project_id
        if only_session:
            ids = [only_session]
        else:
            ids = nodes.read_session_ids(self._store, project_id, profile.node)
        heads = [keys.session_head(project_id, id_) for id_ in ids]
        copies = [keys.session_customer(project_id, id_) for id_ in ids]
        found = nodes.read_items(self._store, [*heads, *copies])
        sessions = [
            items.decode_session(key, found.pop(key)) for key in heads if key in found
        ]
        # An erased session may have been opened anew by another visitor.
        own = [session for session in sessions if session.profile == profile.node]
        return own, found

    # Write.

    def _write_in_batches(
        self, checks: Sequence[Action], actions: Iterable[Action]
    ) -> None:
        """Write actions in order, each batch with the checks. Raises `ConditionFailed`."""
        # The checks are part of every batch: a link may change between two of them.
        for batch in _batches(actions, MOST_ACTIONS - len(checks)):
            self._store.write([*checks, *batch])


def _unchanged(project_id: str, records: Mapping[Node, Record]) -> list[Action]:
    """Make the checks on the `rev` of each node that rows are derived from: so a late writer fails.

    Hard roots are none of them, so visitors of a popular customer never wait for each other.
    """
    return [
        Check(keys.node_head(project_id, node), Rev(record.state.rev))
        for node, record in records.items()
    ]


def _merge_notice(history: Sequence[Entry]) -> MergeNotice | None:
    """Make the notice of the link that joined a visitor's history with a known customer's."""
    link = merging_link(history)
    if link is None:
        return None
    return MergeNotice(link.effective_at, link.at, link.source)


# Plan.


def _plan_rows(profile: _Profile) -> _Plan:
    """Group a node's spans by the root that each resolves to."""
    intervals: dict[Node, _Intervals] = {}
    for span in profile.spans:
        intervals.setdefault(span.target, []).append((span.start, span.end))
    return _Plan(profile, intervals)


def _row_keys(plan: _Plan, sessions: Sequence[Session]) -> list[Key]:
    """List where rows of a node may be."""
    roots = plan.roots
    row_keys = list(map(plan.contribution_key, roots))
    row_keys += map(plan.values_key, roots)
    for root, session in product(roots, sessions):
        row_keys.append(plan.session_key(root, session))
    return row_keys


# Diff.


def _diff_rows(
    plan: _Plan,
    sessions: Sequence[Session],
    existing: Mapping[Key, Item],
    *,
    whole: bool,
) -> _Actions:
    """Compare rows with a plan, and make the actions that differ: they may stop anywhere.

    References to roots come first and go last: they lead to the rows, whoever comes next. `whole`:
    else the sessions' rows alone.
    """
    yield from _missing_references(plan)
    if whole:
        yield from _changed_contributions(plan, existing)
    for session in sessions:
        yield from _session_rows(plan, session, existing)
    if whole:
        yield from _stale_row_deletions(plan, existing)


def _missing_references(plan: _Plan) -> _Actions:
    """Refer from the node to each root that gets rows of it, before it gets any."""
    profile = plan.profile
    # In one order, so that a run that was interrupted is repeated alike.
    for root in sorted(plan.intervals.keys() - profile.homes):
        yield Put(keys.root_reference(profile.project_id, profile.node, root), {})


def _changed_contributions(plan: _Plan, existing: Mapping[Key, Item]) -> _Actions:
    """Write the contributions that differ from what is stored."""
    for root, intervals in plan.intervals.items():
        contribution = _contribution(plan.profile, intervals)
        key = plan.contribution_key(root)
        item = items.encode_contribution(contribution)
        if existing.get(key) != item:
            yield Put(key, item)
        yield from _changed_values(plan.values_key(root), contribution, existing)


def _changed_values(
    key: Key, contribution: Contribution, existing: Mapping[Key, Item]
) -> _Actions:
    """Write the values of a contribution if they differ from what is stored; none is no row."""
    item = None
    if contribution.values:
        item = items.encode_contributed_values(contribution.values)
    if existing.get(key) == item:
        return
    yield Put(key, item) if item else Delete(key)


def _contribution(profile: _Profile, intervals: _Intervals) -> Contribution:
    """A node's contribution to a root: its values of the time in which it belongs there."""
    # A visitor who joined later brought only what came after, which is no merge.
    brings_all = intervals[0][0] == 0
    listed = _listed_identifiers(profile.identifiers)
    return Contribution(
        profile.node,
        tuple(intervals),
        values_set_within(profile.record.values, intervals),
        listed,
        profile.merge_notice if brings_all else None,
        profile.record.erased if profile.node.type == PROFILE else (),
        lists_all=len(listed) == len(profile.identifiers),
    )


def _listed_identifiers(identifiers: Sequence[Node]) -> tuple[Node, ...]:
    """Choose the identifiers that a contribution lists: as many as it has room for.

    An item that never fits would hold up all that its customer has. Readers find the others in the
    node's own rows.
    """
    listed: list[Node] = []
    room = MOST_LISTED_BYTES
    for node in identifiers:
        room -= json_size(str(node)) + 3  # quotes and a comma
        if room < 0:
            break
        listed.append(node)
    return tuple(listed)


def _session_rows(
    plan: _Plan, session: Session, existing: Mapping[Key, Item]
) -> _Actions:
    """Write a session's row where it belongs, delete it elsewhere; copy customer and consent."""
    item = items.encode_session_row(items.session_row(session))
    for root in plan.roots:
        key = plan.session_key(root, session)
        row = existing.get(key)
        if root in plan.intervals:
            yield from _changed_row(key, item, row, session)
        elif row is not None:
            yield Delete(key)
    yield from _changed_copy(plan, session, existing)
    denied = plan.profile.record.denied
    if session.denied != denied:
        yield consent_patch(plan.profile.project_id, session, denied=denied)


def _changed_copy(
    plan: _Plan, session: Session, existing: Mapping[Key, Item]
) -> _Actions:
    """Write a session's copy of its customer, if it differs from what is stored."""
    key = _copy_key(plan, session)
    customer, row = plan.customer, existing.get(key)
    if customer != items.decode_session_customer(row):
        yield _copy_customer(key, customer)


def _copy_key(plan: _Plan, session: Session) -> Key:
    """The key of a session's copy of its customer, which is no part of the session itself."""
    return keys.session_customer(plan.profile.project_id, session.id)


def _copy_customer(key: Key, customer: Node | None) -> Action:
    """Make the action that stores a session's copy of its customer, or that there is none."""
    if customer is None:
        return Delete(key)
    return Put(key, items.encode_session_customer(customer))


def _changed_row(key: Key, item: Item, row: Item | None, session: Session) -> _Actions:
    """Write a session's row under a root, if it differs from what is stored."""
    if row != item:
        yield Put(key, item, _replaceable(session, row))


def _replaceable(session: Session, row: Item | None) -> Condition:
    """The condition on which a session's row is written: a later reader's row is kept.

    Its `latest` may be higher. A row of an erased visitor, who had this session before, is
    replaced.
    """
    profile_before = str(row["profile"]) if row else session.profile.value
    if profile_before != session.profile.value:
        return Same("profile", profile_before)
    return AtMost("latest", session.latest)


def _stale_row_deletions(plan: _Plan, existing: Mapping[Key, Item]) -> _Actions:
    """Delete rows under roots that are none any more: contributions first, references last."""
    profile = plan.profile
    stale = plan.stale_roots
    for key in (*map(plan.values_key, stale), *map(plan.contribution_key, stale)):
        if key in existing:
            yield Delete(key)
    # No reference leads to an orphan root: that is what makes it one.
    for root in sorted(profile.homes - plan.intervals.keys()):
        yield Delete(keys.root_reference(profile.project_id, profile.node, root))


def _batches(actions: Iterable[Action], most: int) -> Iterator[list[Action]]:
    """Split actions, in order, into transactions that DynamoDB takes: 100 actions and 4 MB each."""
    return split_batches(actions, _weigh, most=most, most_weight=_BYTES_AT_ONCE)


def _weigh(action: Action) -> int:
    """Count the bytes that an action writes, about as DynamoDB counts them."""
    written = action.item if isinstance(action, Put) else {}
    return sum(len(str(value).encode()) for value in written.values())
