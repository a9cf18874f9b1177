"""Erases customers and anonymous profiles: at once what they are known by, for good.

What they did is deleted afterwards, by `erasure_sweep`. `domain.erasure.states` lists the states
and the steps between them; each step is a method of its name here or there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from hardlink.domain import synthetic_ids
from hardlink.domain.erasure import redaction
from hardlink.domain.erasure.redaction import Redaction, names_any
from hardlink.domain.erasure.states import belongs_to_erased
from hardlink.domain.errors import UNKNOWN_IDENTIFIER, NotFound
from hardlink.domain.graph import (
    NOBODY,
    PROFILE,
    Entry,
    Node,
    State,
    is_own_customer,
    next_node,
    profile_node,
)
from hardlink.domain.records import Item, Key, Record, Session, erased_before
from hardlink.domain.times import to_iso
from hardlink.domain.values import to_json
from hardlink.services.erasure_tasks import Tasks
from hardlink.storage import items, keys, nodes
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.sessions import find_session
from hardlink.storage.store import (
    MOST_ACTIONS,
    Absent,
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

_MOST_SPILLED = 30
"""Large values that one redaction deletes: `_drop_spilled_values` deletes the others."""
_DEEPEST = 3
"""Nodes from an identifier to its customer."""
_Path = Sequence[tuple[Node, Record]]
"""Nodes as they were read, from the one that was named to the customer that it finds."""
_COUNTS = ("identifiers", "profiles", "sessions", "events")


class Erasure:
    """Erases nodes. `clock` answers microseconds since 1970."""

    def __init__(
        self, store: Store, clock: Callable[[], int], new_id: Callable[[], str]
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    def erase_customer(self, project_id: str, identifier: Node) -> str:
        """Erase the customer that an identifier finds, or an anonymous profile. Raises `NotFound`.

        Answers the receipt's ID, and the same one when it is called again. From the answer on, no
        late call brings anything of the customer back.
        """
        for _ in optimistic_retries():
            path = self._read_path(project_id, identifier)
            if not path:
                return self._read_note(project_id, str(identifier))
            with suppress(ConditionFailed):
                return self._begin(project_id, str(identifier), path)
        raise AssertionError("attempts end in an answer or an error")

    def erase_session(self, project_id: str, session_id: str) -> str:
        """Erase the visitor of a session, with all of their sessions. Raises `NotFound`.

        Answers the receipt's ID, and the same one when it is called again.
        """
        named = _session_name(session_id)
        for _ in optimistic_retries():
            session = find_session(self._store, project_id, session_id)
            if session is None or session.is_erased:
                return self._read_note(project_id, named)
            record = nodes.read_record(self._store, project_id, session.profile)
            # Without the profile, its erasure goes on: the session is ended in a moment.
            if record.state.rev:
                with suppress(ConditionFailed):
                    return self._begin(project_id, named, [(session.profile, record)])
        raise AssertionError("attempts end in an answer or an error")

    def find_erasure(self, project_id: str, session_id: str) -> str | None:
        """Find the erasure that the erasing of a session led to."""
        with suppress(NotFound):
            return self._read_note(project_id, _session_name(session_id))
        return None

    def read_receipt(self, project_id: str, id_: str) -> dict[str, Any]:
        """Read an erasure's receipt: its state, times and what was removed. Raises `NotFound`."""
        item = self._store.get([keys.erasure_item(project_id, id_)])[0]
        if item is None:
            raise NotFound("there is no such erasure")
        return {
            "erasure": {"id": id_},
            "state": item["state"],
            "at": to_iso(int(item["at"])),
            "done": to_iso(int(item["done"])) if "done" in item else None,
            "removed": {kind: int(item[kind]) for kind in _COUNTS if kind in item},
        }

    def propagate(self, project_id: str, id_: str) -> None:
        """Carry out the tasks about nodes, until none is left.

        Nodes owned only by erased ones are erased too; nodes with another owner are kept, and
        references to erased nodes become `NOBODY`.
        """
        tasks = Tasks(self._store, project_id, id_)
        while self._propagate_once(tasks):
            pass
        for name in tasks.read_names(keys.REDACTED_NODE):
            self._mark_sessions(tasks, Node.parse(name))

    def _read_path(self, project_id: str, identifier: Node) -> _Path:
        """Read the nodes from an identifier to the customer that it finds; empty without one."""
        path: list[tuple[Node, Record]] = []
        node = identifier
        for _ in range(_DEEPEST):
            record = nodes.read_record(self._store, project_id, node)
            path.append((node, record))
            target = next_node(record.state, is_named=len(path) == 1)
            if target is None or record.erasing_since:
                return path if _can_be_erased(node, record) else ()
            if target == NOBODY:
                return ()
            node = target
        return ()

    def _begin(self, project_id: str, named: str, path: _Path) -> str:
        """Begin to erase the last node of a path, or join its erasure. Raises `ConditionFailed`.

        The note of it is written in the same transaction, while the path is what was read: so a
        call that is sent again finds this erasure, whoever its identifier finds by then.
        """
        node, record = path[-1]
        now = self._clock()
        tasks = Tasks(self._store, project_id, record.erasure or self._new_id())
        note = Put(keys.erasure_note(project_id, named), {"erasure": tasks.erasure})
        held = _hold_path(tasks, path[:-1], now)
        if record.erasing_since:
            erasing = Same("erasing_since", record.erasing_since)
            self._store.write(
                [note, Check(keys.node_head(project_id, node), erasing), *held]
            )
        else:
            receipt = Put(tasks.receipt_key, {"at": now, "state": "running"}, Absent())
            begin = _begin_erasure(tasks, node, record, now)
            self._store.write([receipt, note, *begin, *held])
        self.propagate(project_id, tasks.erasure)
        return tasks.erasure

    def _read_note(self, project_id: str, named: str) -> str:
        """Read the ID of the erasure that a name led to. Raises `NotFound`."""
        item = self._store.get([keys.erasure_note(project_id, named)])[0]
        if item is None:
            raise NotFound(UNKNOWN_IDENTIFIER)
        return str(item["erasure"])

    def _propagate_once(self, tasks: Tasks) -> bool:
        """Carry out the tasks of now, which may add others; `False` where there was none."""
        erasing = [
            name for name, task in tasks.read(keys.ERASED_NODE) if "done" not in task
        ]
        for name in erasing:
            self._erase_node(tasks, Node.parse(name))
        freed = tasks.read_names(keys.FREED_IDENTIFIER)
        for name in freed:
            self._free_identifier(tasks, Node.parse(name))
        return bool(erasing or freed)

    # The steps of a node that is erased.

    def _erase_node(self, tasks: Tasks, node: Node) -> None:
        """Delete a node whose erasure began, its rows here and elsewhere, and end its sessions."""
        done = tasks.put(keys.ERASED_NODE, node, {"done": True})
        partition = self._read_partition(tasks.project_id, node)
        record = partition.record
        if record is None:
            self._store.write([done])
            return
        for neighbour in partition.find_neighbours():
            self._erase_or_redact(tasks, neighbour)
        self._erase_own_session(tasks, node)
        for session_id in partition.list_names(keys.PROFILE_SESSION):
            self._end_session(tasks, node, session_id, denied=record.denied)
        still_erasing = Same("erasing_since", record.erasing_since)
        held = Check(partition.head, still_erasing)
        self._delete_stale_rows(held, node, _stale_rows(tasks.project_id, partition))
        numbers = partition.list_names(keys.SHOP_ORDER)
        orders = [tasks.put(keys.ORDER_TASK, number) for number in numbers]
        rows = [Delete(key) for key, _ in partition.rows]
        # The head goes last: as long as it is there, whichever run comes next finds what is left to
        # delete.
        with suppress(
            ConditionFailed
        ):  # another run of this erasure did all of it meanwhile
            self._write_in_portions(held, [*orders, *rows])
            self._store.write([Delete(partition.head, still_erasing), done])

    def _erase_own_session(self, tasks: Tasks, node: Node) -> None:
        """Begin to erase the profile of a customer's own session, whoever it is linked to.

        The session is named after the identifier that goes, so it cannot stay with anybody.
        """
        own_id = synthetic_ids.customer_session(node)
        for _ in optimistic_retries():
            session = find_session(self._store, tasks.project_id, own_id)
            if node.type == PROFILE or session is None or session.is_erased:
                return
            profile = session.profile
            record = nodes.read_record(self._store, tasks.project_id, profile)
            if not record.exists:
                return
            begin = _begin_erasure(tasks, profile, record, self._clock())
            with suppress(ConditionFailed):
                self._store.write(begin)

    def _delete_stale_rows(self, held: Check, node: Node, stale: Iterable[Key]) -> None:
        """Delete a node's rows under others, each by itself: one that changed hands fails alone."""
        for key in stale:
            is_session_row = key.item.startswith(keys.ROOT_SESSION)
            # A visitor who returned meanwhile has a row of their own there.
            delete = Delete(
                key, Same("profile", node.value) if is_session_row else None
            )
            with suppress(ConditionFailed):
                self._store.write([held, delete])

    def _end_session(
        self, tasks: Tasks, node: Node, session_id: str, *, denied: bool
    ) -> None:
        """End a session with its profile: what is kept says until when it was erased."""
        for _ in optimistic_retries():
            session = find_session(self._store, tasks.project_id, session_id)
            if session is None or session.profile != node:
                return
            now = self._clock()
            task: Item = {"at": now, "erased_until": now, "events": 0}
            actions = [
                _end_session_action(tasks.project_id, session, now, denied=denied),
                tasks.put(keys.ERASED_SESSION, session_id, task),
            ]
            try:
                self._store.write(actions)
            except ConditionFailed:
                continue
            return

    # The steps of a node that an erased one leads to.

    def _free_identifier(self, tasks: Tasks, soft: Node) -> None:
        """Erase or redact nodes known by an identifier alone: they were the erased customer's."""
        profiles = nodes.read_linked_profiles(self._store, tasks.project_id, soft)
        named = nodes.read_named_nodes(
            self._store, tasks.project_id, soft, keys.BACK_REFERENCE
        )
        for node in (*profiles, *named):
            self._erase_or_redact(tasks, node, through=soft)
        self._store.write([tasks.delete(keys.FREED_IDENTIFIER, soft)])

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
                return
            history = nodes.read_history(self._store, project_id, node)
            named = redaction.find_named_nodes(node, history)
            erased = self._select_erased(project_id, named, through)
            if not any(names_any(entry, erased, through) for entry in history):
                return
            owners = redaction.find_owners(node, record, history)
            was_owned = self._was_owned(tasks, node, owners)
            now = self._clock()
            if belongs_to_erased(owners, erased, was_owned=was_owned):
                actions = _begin_erasure(tasks, node, record, now)
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

    def _select_erased(
        self, project_id: str, named: Iterable[Node], through: Node | None
    ) -> set[Node]:
        erased: set[Node] = set()
        for node, record in nodes.read_records(self._store, project_id, named).items():
            if node == through or not record.exists:
                erased.add(node)
        return erased

    def _was_owned(self, tasks: Tasks, node: Node, owners: set[Node]) -> bool:
        """Tell whether all of a node belonged to customers before this erasure redacted it."""
        task = tasks.find(keys.REDACTED_NODE, node)
        return NOBODY not in owners if task is None else bool(task["was_owned"])

    def _mark_sessions(self, tasks: Tasks, node: Node) -> None:
        """Copy to a redacted node's sessions what of them was erased; drop its large values."""
        for _ in optimistic_retries():
            record = nodes.read_record(self._store, tasks.project_id, node)
            try:
                if record.exists:
                    for session_id in nodes.read_session_ids(
                        self._store, tasks.project_id, node
                    ):
                        self._mark_session(tasks, session_id, node, record)
                    self._drop_spilled_values(tasks.project_id, node, record)
            except ConditionFailed:
                continue
            self._store.write([tasks.delete(keys.REDACTED_NODE, node)])
            return

    def _mark_session(
        self, tasks: Tasks, session_id: str, profile: Node, record: Record
    ) -> None:
        """Record in a session what of it was erased. Raises `ConditionFailed`."""
        key = keys.session_head(tasks.project_id, session_id)
        item, task = self._store.get([key, tasks.key(keys.ERASED_SESSION, session_id)])
        session = items.decode_session(key, item) if item else None
        if session is None or session.profile != profile:
            return
        erased = redaction.join_parts(session.erased, record.erased)
        if task and erased == session.erased:
            return
        self._store.write(
            [
                Check(keys.node_head(tasks.project_id, profile), Rev(record.state.rev)),
                Patch(key, {"erased": to_json(erased)}, Same("profile", profile.value)),
                tasks.put(
                    keys.ERASED_SESSION, session_id, {"at": self._clock(), "events": 0}
                ),
            ]
        )

    def _drop_spilled_values(self, project_id: str, node: Node, record: Record) -> None:
        """Delete the large values that a node does not name any more. Raises `ConditionFailed`."""
        named = {keys.spilled_value(project_id, node, name) for name in record.values}
        head = keys.node_head(project_id, node)
        stale: list[Action] = []
        for name, _ in nodes.read_rows(
            self._store, project_id, node, keys.SPILLED_VALUE
        ):
            key = head._replace(item=name)
            if key not in named:
                stale.append(Delete(key))
        self._write_in_portions(Check(head, Rev(record.state.rev)), stale)

    def _read_partition(self, project_id: str, node: Node) -> _Partition:
        head = keys.node_head(project_id, node)
        first, last = keys.FIRST_ITEM, keys.LAST_ITEM
        record: Record | None = None
        rows: list[tuple[Key, Item]] = []
        for key, item in self._store.scan("customers", head.partition, first, last):
            if key == head:
                record = items.decode_record(item)
            else:
                rows.append((key, item))
        return _Partition(node, head, record, rows)

    def _write_in_portions(self, held: Check, actions: Sequence[Action]) -> None:
        """Write actions in order, each key once, while `held` holds. Raises `ConditionFailed`."""
        once = list({action.key: action for action in actions}.values())
        portion = MOST_ACTIONS - 1
        for start in range(0, len(once), portion):
            self._store.write([held, *once[start : start + portion]])


def _can_be_erased(node: Node, record: Record) -> bool:
    """Tell whether a node is a customer, an anonymous profile, or is being erased."""
    is_profile = node.type == PROFILE and bool(record.state.rev)
    return record.state.known or is_profile or bool(record.erasing_since)


def _session_name(session_id: str) -> str:
    """Name a session in notes: types of identifiers hold no `/`, so no identifier is named so."""
    return f"session/{session_id}"


class _Partition(NamedTuple):
    """All items of a node. `record`: none where the node is erased already; `rows`: the others."""

    node: Node
    head: Key
    record: Record | None
    rows: Sequence[tuple[Key, Item]]

    def list_names(self, prefix: str) -> list[str]:
        """List what stands behind a prefix in the rows' sort keys."""
        sort_keys = [key.item for key, _ in self.rows if key.item.startswith(prefix)]
        return [item.removeprefix(prefix) for item in sort_keys]

    def list_entries(self) -> list[Entry]:
        """List the entries of the node's link history."""
        rows = [
            (key, item)
            for key, item in self.rows
            if key.item.startswith(keys.LINK_ENTRY)
        ]
        return [items.decode_entry(key, item) for key, item in rows]

    def find_neighbours(self) -> list[Node]:
        """Find every other node whose history may name this one."""
        ids = self.record.state.ids if self.record else {}
        found = [Node(type_, value) for type_, value in ids.items()]
        for prefix in (
            keys.BACK_REFERENCE,
            keys.CUSTOMER_IDENTIFIER,
            keys.CONTRIBUTION,
        ):
            found += map(Node.parse, self.list_names(prefix))
        found += map(profile_node, self.list_names(keys.LINKED_PROFILE))
        for entry in self.list_entries():
            found += entry.nodes
        return [
            node for node in dict.fromkeys(found) if node not in (self.node, NOBODY)
        ]


def _hold_path(tasks: Tasks, path: _Path, now: int) -> list[Action]:
    """Make the actions that hold still what led from the named identifier to its customer.

    An identifier that is a customer of its own as well is erased too, as it was named itself.
    """
    actions: list[Action] = []
    for node, record in path:
        if node.type != PROFILE and is_own_customer(record.state):
            actions += _begin_erasure(tasks, node, record, now)
        else:
            head = keys.node_head(tasks.project_id, node)
            actions.append(Check(head, Rev(record.state.rev)))
    return actions


def _begin_erasure(tasks: Tasks, node: Node, record: Record, now: int) -> list[Action]:
    """Make the actions that begin to erase a node: no call links to it any more."""
    # Without `created`: who links to a hard root counts on that attribute, see
    # `Decision.stable_roots`.
    erasing = Record(
        State(rev=record.state.rev + 1, ids=record.state.ids),
        denied=record.denied,
        erasing_since=now,
        erasure=tasks.erasure,
    )
    head = keys.node_head(tasks.project_id, node)
    return [
        Put(head, items.encode_record(erasing), Rev(record.state.rev)),
        _tombstone(tasks, node, record, now),
        tasks.put(keys.ERASED_NODE, node, {"at": now}),
    ]


def _tombstone(tasks: Tasks, node: Node, record: Record, now: int) -> Put:
    """Make the action that records when a node was erased.

    Of a profile also its opt-out, and the seed of its successor's ID: random, so that only the
    tables know whose successor a profile is.
    """
    item: Item = {"at": now}
    if node.type == PROFILE:
        item["successor_seed"] = hashlib.sha256(
            f"{tasks.erasure}/{node}".encode()
        ).hexdigest()
        if record.denied:
            item["denied"] = True
    return Put(keys.tombstone(tasks.project_id, node), item)


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
    actions += [
        Put(keys.link_entry(project_id, node, entry.rev), items.encode_entry(entry))
        for entry in change.entries
    ]
    spilled = change.spilled[:_MOST_SPILLED]
    actions += [Delete(keys.spilled_value(project_id, node, name)) for name in spilled]
    if through and change.is_complete:  # from there nothing leads here any more
        actions += [Delete(key) for key in _leading_rows(project_id, through, node)]
    if change.lost:
        actions.append(tasks.put(keys.REDACTED_NODE, node, {"was_owned": was_owned}))
        if node.type != PROFILE:
            actions.append(tasks.put(keys.FREED_IDENTIFIER, node))
    return actions


def _end_session_action(
    project_id: str, session: Session, now: int, *, denied: bool
) -> Action:
    key = keys.session_head(project_id, session.id)
    unchanged = Same("profile", session.profile.value)
    whole = (erased_before(now + 1),)
    ended = session._replace(erased=whole, denied=denied or session.denied)
    return Put(key, items.encode_erased_session(ended), unchanged)


def _stale_rows(project_id: str, partition: _Partition) -> Iterator[Key]:
    """List where rows of a node may lie under others."""
    node = partition.node
    session_ids = partition.list_names(keys.PROFILE_SESSION)
    for root in map(Node.parse, partition.list_names(keys.ROOT_REFERENCE)):
        yield keys.node_contribution(project_id, root, node)
        for session_id in session_ids:
            yield keys.root_session(project_id, root, session_id)
    for entry in partition.list_entries():
        for target in {entry.link, entry.owner}:
            if target and target != NOBODY:
                yield from _leading_rows(project_id, target, node)


def _leading_rows(project_id: str, target: Node, node: Node) -> Iterator[Key]:
    """List the rows under a node that lead to one whose history names it."""
    yield keys.back_reference(project_id, target, node)
    yield keys.customer_identifier(project_id, target, node)
    if node.type == PROFILE:  # an identifier may have the same value
        yield keys.linked_profile(project_id, target, node)
