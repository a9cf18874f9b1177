"""Spreads an erasure: erases the nodes that belonged to erased ones alone, and redacts the others.

It works in steps, each a few requests: a run may end after any of them, and the next one goes on.
What is left to do stands in tasks and in the rows of erased nodes, which are deleted as they are
handled. So the work is as much as there are rows, however often it stops.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple, TypeAlias

from hardlink.domain import synthetic_ids
from hardlink.domain.erasure import redaction
from hardlink.domain.erasure.redaction import Redaction, names_any
from hardlink.domain.erasure.states import belongs_to_erased
from hardlink.domain.graph import NOBODY, PROFILE, Node, profile_node
from hardlink.domain.records import Erased, Item, Key, Record
from hardlink.domain.values import to_json
from hardlink.services.erasure.begin import (
    begin_erasure,
    delete_own_session,
    end_session,
)
from hardlink.services.erasure.tasks import Tasks, dated_name
from hardlink.storage import items, keys, nodes
from hardlink.storage.retries import optimistic_retries, retry_conflicts
from hardlink.storage.sessions import find_session
from hardlink.storage.store import (
    Action,
    Check,
    ConditionFailed,
    Delete,
    Patch,
    Put,
    Rev,
    Same,
    Store,
)

_ROWS = 25
"""Rows that one step handles, each with requests of its own."""
_ENTRIES = 13
"""Entries of a history that one step follows: each has up to six rows elsewhere."""
_DELETIONS = 45
"""Rows that one step only deletes: each may add a task, and a transaction has 100 actions."""
_MOST_SPILLED = 30
"""Large values that one redaction deletes: `_drop_spilled_values` deletes the others."""

Row = tuple[Key, Item]
Steps = Iterator[None]
"""Pauses after each step, at which a run may end."""


class ErasureSpread:
    """Carries out the tasks about nodes. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock

    def spread(self, tasks: Tasks) -> Steps:
        """Carry out the tasks about nodes, until none is left.

        Nodes owned only by erased ones are erased too; nodes with another owner are kept, and
        references to erased nodes become `NOBODY`.
        """
        while True:
            while erasing := tasks.read_some(keys.ERASING_NODE):
                for name, task in erasing:
                    node, at = Node.parse(name), int(task["at"])
                    yield from self._erase_node(tasks, node, at)
            freed = tasks.read_some(keys.FREED_IDENTIFIER)
            if not freed:
                break
            for name, task in freed:
                yield from self._free_identifier(tasks, Node.parse(name), task)
        # Only now: while it spreads, these tasks tell what this very erasure redacted.
        for names in tasks.portions(keys.REDACTED_NODE):
            for name in names:
                yield from self._mark_sessions(tasks, Node.parse(name))

    # The steps of a node that is erased.

    def _erase_node(self, tasks: Tasks, node: Node, at: int) -> Steps:
        """Delete a node whose erasure began, its rows here and elsewhere, and end its sessions.

        `at`: when its erasure began. Rows that lead to other nodes go first, and its head last: as
        long as it is there, whichever run comes next finds what is left.
        """
        record = nodes.read_record(self._store, tasks.project_id, node)
        if not record.erasing_since:  # another run of this erasure finished it
            self._store.write([tasks.delete(keys.ERASING_NODE, node)])
            return
        head = keys.node_head(tasks.project_id, node)
        erasing = Same("erasing_since", record.erasing_since)
        with suppress(ConditionFailed):  # another run of this erasure did it meanwhile
            hard_identifiers = set(map(Node._make, record.state.ids.items()))
            for other in sorted(hard_identifiers - {node}):
                self._erase_or_redact(tasks, other)
            self._erase_own_session(tasks, node)
            yield
            roots = nodes.read_named_nodes(
                self._store, tasks.project_id, node, keys.ROOT_REFERENCE
            )
            erased = _ErasedNode(tasks, node, record, Check(head, erasing), roots)
            for prefix, most, handle in self._row_handlers():
                yield from self._delete_rows(erased, prefix, most, handle)
            done = tasks.put(keys.ERASED_NODE, dated_name(at, node))
            task = tasks.delete(keys.ERASING_NODE, node)
            self._store.write([Delete(head, erasing), task, done])
        yield

    def _row_handlers(self) -> Sequence[tuple[str, int, _RowHandler]]:
        """List how rows of an erased node are handled, in order: prefix, rows of a step, handler.

        A handler does what a row leads to, and returns what goes in one transaction with it.
        """
        return (
            (keys.LINKED_PROFILE, _ROWS, self._follow_reference),
            (keys.CUSTOMER_IDENTIFIER, _ROWS, self._follow_reference),
            (keys.CONTRIBUTION, _ROWS, self._follow_reference),
            (keys.BACK_REFERENCE, _ROWS, self._follow_reference),
            (keys.LINK_ENTRY, _ENTRIES, self._follow_entry),
            (keys.PROFILE_SESSION, _ROWS, self._end_profile_session),
            (keys.ROOT_REFERENCE, _ROWS, _delete_contribution),
            # All that is left leads nowhere.
            ("", _DELETIONS, _keep_shop_order),
        )

    def _delete_rows(
        self, erased: _ErasedNode, prefix: str, most: int, handle: _RowHandler
    ) -> Steps:
        """Delete the rows of an erased node with a prefix, in portions, once they are handled."""
        while rows := self._read_rows(erased.tasks, erased.node, prefix, most):
            actions: dict[Key, Action] = {}
            for row in rows:
                actions.update((action.key, action) for action in handle(erased, row))
            actions.update((key, Delete(key)) for key, _ in rows)
            self._store.write([erased.held, *actions.values()])
            yield

    def _follow_reference(self, erased: _ErasedNode, row: Row) -> Sequence[Action]:
        """Erase or redact a node whose history may name the erased one."""
        self._erase_or_redact(erased.tasks, _named_node(row[0]))
        return ()

    def _follow_entry(self, erased: _ErasedNode, row: Row) -> Sequence[Action]:
        """Erase or redact the nodes of a command; delete the rows that led here from others."""
        entry = items.decode_entry(*row)
        for other in sorted({*entry.nodes} - {erased.node}):
            self._erase_or_redact(erased.tasks, other)
        leading: list[Action] = []
        for target in entry.targets:
            found = _leading_rows(erased.tasks.project_id, target, erased.node)
            leading += map(Delete, found)
        return leading

    def _end_profile_session(self, erased: _ErasedNode, row: Row) -> Sequence[Action]:
        """End a session of an erased profile, and delete its rows under roots.

        Not those that changed hands: a visitor who returned meanwhile has a row of their own.
        """
        tasks, node = erased.tasks, erased.node
        session_id = row[0].item.removeprefix(keys.PROFILE_SESSION)
        self._end_session(tasks, node, session_id, denied=erased.record.denied)
        row_keys = [
            keys.root_session(tasks.project_id, root, session_id)
            for root in erased.roots
        ]
        for key, item in nodes.read_items(self._store, row_keys).items():
            if item["profile"] == node.value:
                with suppress(ConditionFailed):
                    delete = Delete(key, Same("profile", node.value))
                    self._store.write([erased.held, delete])
        return ()

    def _erase_own_session(self, tasks: Tasks, node: Node) -> None:
        """Begin to erase the profile of a customer's own session, whoever it is linked to.

        The session is named after the identifier that goes, so it cannot stay with anybody.
        """
        own_id = synthetic_ids.customer_session(node)
        for _ in optimistic_retries():
            session = find_session(self._store, tasks.project_id, own_id)
            if node.type == PROFILE or session is None:
                return
            if (
                session.is_erased
            ):  # by an earlier erasure, which the identifier outlived
                delete_own_session(self._store, tasks.project_id, own_id)
                return
            profile = session.profile
            record = nodes.read_record(self._store, tasks.project_id, profile)
            if not record.exists:
                self._join_erasure(tasks, record)
                return
            begin = begin_erasure(tasks, profile, record, self._clock())
            with suppress(ConditionFailed):
                self._store.write(begin)

    @retry_conflicts
    def _end_session(
        self, tasks: Tasks, node: Node, session_id: str, *, denied: bool
    ) -> None:
        """End a session with its profile: what is kept says until when it was erased."""
        session = find_session(self._store, tasks.project_id, session_id)
        if session is None or session.profile != node:
            return
        session = session._replace(denied=denied or session.denied)
        self._store.write(end_session(tasks, session, self._clock()))

    # The steps of a node that an erased one leads to.

    def _free_identifier(self, tasks: Tasks, soft: Node, task: Item) -> Steps:
        """Erase or redact nodes known by an identifier alone: they were the erased customer's.

        Its rows stay, as it stays. So the task says how far it has come.
        """
        after = str(task.get("after", ""))
        for prefix in (keys.LINKED_PROFILE, keys.BACK_REFERENCE):
            while rows := self._read_rows(tasks, soft, prefix, _ROWS, after):
                for key, _ in rows:
                    self._erase_or_redact(tasks, _named_node(key), through=soft)
                after = rows[-1][0].item
                self._store.write(
                    [tasks.put(keys.FREED_IDENTIFIER, soft, {"after": after})]
                )
                yield
        self._store.write([tasks.delete(keys.FREED_IDENTIFIER, soft)])
        yield

    def _erase_or_redact(
        self, tasks: Tasks, node: Node, through: Node | None = None
    ) -> None:
        """Begin to erase a node whose history names erased ones, or redact it, until it names none.

        `through`: a node that is kept, but counts as an erased one, as it led here on behalf of its
        erased customer.
        """
        project_id = tasks.project_id
        for _ in optimistic_retries():
            record = nodes.read_record(self._store, project_id, node)
            if not record.exists:
                self._join_erasure(tasks, record)
                return
            history = nodes.read_history(self._store, project_id, node)
            named = redaction.find_named_nodes(node, history)
            erased = nodes.find_erased(self._store, project_id, named)
            if through in named:
                erased.add(through)
            if not any(names_any(entry, erased, through) for entry in history):
                return
            owners = redaction.find_owners(node, record, history)
            was_owned = self._was_owned(tasks, node, owners)
            now = self._clock()
            if belongs_to_erased(owners, erased, was_owned=was_owned):
                actions = begin_erasure(tasks, node, record, now)
            else:
                change = redaction.redact_node(
                    node, record, history, erased, now, through
                )
                actions = _redact_node(
                    tasks, node, record, change, through, was_owned=was_owned
                )
            # Read again in either case: a long history is redacted in several portions.
            with suppress(ConditionFailed):
                self._store.write(actions)

    def _join_erasure(self, tasks: Tasks, record: Record) -> None:
        """Add a task to wait for the erasure that holds a node, if another one does.

        It may have waited for long, in the queue of visitors.
        """
        if record.erasing_since and record.erasure != tasks.erasure:
            self._store.write([tasks.put(keys.JOINED_ERASURE, record.erasure)])

    def _was_owned(self, tasks: Tasks, node: Node, owners: set[Node]) -> bool:
        """Tell whether all of a node belonged to customers before this erasure redacted it."""
        task = tasks.find(keys.REDACTED_NODE, node)
        return NOBODY not in owners if task is None else bool(task["was_owned"])

    def _mark_sessions(self, tasks: Tasks, node: Node) -> Steps:
        """Copy to a redacted node's sessions what of them was erased; drop its large values."""
        for _ in optimistic_retries():
            try:
                yield from self._mark_some(tasks, node)
                record = nodes.read_record(self._store, tasks.project_id, node)
                if record.exists:
                    self._drop_spilled_values(tasks.project_id, node, record)
            except ConditionFailed:
                continue
            self._store.write([tasks.delete(keys.REDACTED_NODE, node)])
            yield
            return

    def _mark_some(self, tasks: Tasks, node: Node) -> Steps:
        """Mark sessions from where the task says that it has come. Raises `ConditionFailed`."""
        while task := tasks.find(keys.REDACTED_NODE, node):
            after = str(task.get("after", ""))
            record = nodes.read_record(self._store, tasks.project_id, node)
            prefix = keys.PROFILE_SESSION
            rows = self._read_rows(tasks, node, prefix, _ROWS, after)
            if not rows or not record.exists:
                return
            for key, _ in rows:
                session_id = key.item.removeprefix(prefix)
                self._mark_session(tasks, session_id, node, record)
            further: Item = {**task, "after": rows[-1][0].item}
            self._store.write([tasks.put(keys.REDACTED_NODE, node, further)])
            yield

    def _mark_session(
        self, tasks: Tasks, session_id: str, profile: Node, record: Record
    ) -> None:
        """Record in a session what of it was erased. Raises `ConditionFailed`."""
        key = keys.session_head(tasks.project_id, session_id)
        item, task = self._store.get([key, tasks.key(keys.ERASED_SESSION, session_id)])
        if item is None:
            return
        session = items.decode_session(key, item)
        erased = redaction.join_parts(session.erased, record.erased)
        if session.profile != profile or erased == session.erased:
            return
        new = tuple(part for part in record.erased if part not in session.erased)
        parts = redaction.join_parts(erased_parts(task), new) if task else new
        self._store.write(
            [
                Check(keys.node_head(tasks.project_id, profile), Rev(record.state.rev)),
                Patch(key, {"erased": to_json(erased)}, Same("profile", profile.value)),
                tasks.put(
                    keys.ERASED_SESSION,
                    session_id,
                    {"at": self._clock(), "events": 0, "erased": to_json(parts)},
                ),
            ]
        )

    def _drop_spilled_values(self, project_id: str, node: Node, record: Record) -> None:
        """Delete the large values that a node does not name any more. Raises `ConditionFailed`."""
        named = {keys.spilled_value(project_id, node, name) for name in record.values}
        head = keys.node_head(project_id, node)
        rows = nodes.read_rows(self._store, project_id, node, keys.SPILLED_VALUE)
        stored = {head._replace(item=name) for name, _ in rows}
        stale = list(map(Delete, sorted(stored - named)))
        held = Check(head, Rev(record.state.rev))
        for start in range(0, len(stale), _DELETIONS):
            self._store.write([held, *stale[start : start + _DELETIONS]])

    def _read_rows(
        self, tasks: Tasks, node: Node, prefix: str, most: int, after: str = ""
    ) -> list[Row]:
        """Read the first rows of a node with a prefix, behind a sort key; without its head."""
        head = keys.node_head(tasks.project_id, node)
        first, last = _range_of_rows(prefix)
        if after > last:
            return []
        first = max(first, after)
        scan = self._store.scan("customers", head.partition, first, last, page=most + 1)
        rows = (row for row in scan if row[0].item not in (keys.HEAD, after))
        return list(islice(rows, most))


class _ErasedNode(NamedTuple):
    """A node that is being erased, as it was read.

    `held`: that its erasure is still to be done. `roots`: those that may hold rows of it.
    """

    tasks: Tasks
    node: Node
    record: Record
    held: Check
    roots: Sequence[Node]


_RowHandler: TypeAlias = Callable[[_ErasedNode, Row], Sequence[Action]]


def _range_of_rows(prefix: str) -> tuple[str, str]:
    """Return the sort keys between which the rows with a prefix lie; without one, all rows."""
    if not prefix:
        return keys.FIRST_ITEM, keys.LAST_ITEM
    return prefix, keys.end_of_prefix(prefix)


def _named_node(key: Key) -> Node:
    """Parse the node that a row names in its sort key, behind its prefix."""
    prefix, _, name = key.item.partition("/")
    is_profile = f"{prefix}/" == keys.LINKED_PROFILE
    return profile_node(name) if is_profile else Node.parse(name)


def _delete_contribution(erased: _ErasedNode, row: Row) -> Sequence[Action]:
    """Delete what an erased node contributed to a root that it refers to."""
    project_id, root = erased.tasks.project_id, _named_node(row[0])
    return [
        Delete(keys.node_contribution(project_id, root, erased.node)),
        Delete(keys.contributed_values(project_id, root, erased.node)),
    ]


def _keep_shop_order(erased: _ErasedNode, row: Row) -> Sequence[Action]:
    """Add a task for an order that the shop reported with an erased identifier."""
    kind, _, number = row[0].item.partition("/")
    if f"{kind}/" != keys.SHOP_ORDER:
        return ()
    return [erased.tasks.put(keys.ORDER_TASK, number)]


def erased_parts(task: Item) -> tuple[Erased, ...]:
    """Read from the task of a session what of it this erasure erased."""
    return tuple(map(Erased._make, json.loads(str(task["erased"]))))


def _redact_node(
    tasks: Tasks,
    node: Node,
    before: Record,
    change: Redaction,
    through: Node | None,
    *,
    was_owned: bool,
) -> list[Action]:
    """Make the actions that redact a node, and the tasks that follow from that."""
    project_id = tasks.project_id
    head = keys.node_head(project_id, node)
    actions: list[Action] = [
        Put(head, items.encode_record(change.record), Rev(before.state.rev))
    ]
    for entry in change.entries:
        key = keys.link_entry(project_id, node, entry.rev)
        actions.append(Put(key, items.encode_entry(entry)))
    spilled = change.spilled[:_MOST_SPILLED]
    actions += [Delete(keys.spilled_value(project_id, node, name)) for name in spilled]
    if through and change.is_complete:  # from there nothing leads here any more
        actions += map(Delete, _leading_rows(project_id, through, node))
    if change.lost:
        actions.append(tasks.put(keys.REDACTED_NODE, node, {"was_owned": was_owned}))
        if node.type != PROFILE:
            actions.append(tasks.put(keys.FREED_IDENTIFIER, node))
    return actions


def _leading_rows(project_id: str, target: Node, node: Node) -> Iterator[Key]:
    """List the rows under a node that lead to one whose history names it."""
    yield keys.back_reference(project_id, target, node)
    yield keys.customer_identifier(project_id, target, node)
    if node.type == PROFILE:  # an identifier may have the same value
        yield keys.linked_profile(project_id, target, node)
