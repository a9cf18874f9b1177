"""Begins to erase customers and visitors: at once nobody is found by what they are known by.

The call is one transaction, however much there is. `spread` and `sweep` do the rest, from the queue
of erasures. `domain.erasure.states` lists the states and the steps between them; each step is a
function of its name here or there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from hardlink.domain.erasure.states import Requester, requester_of
from hardlink.domain.errors import UNKNOWN_IDENTIFIER, NotFound
from hardlink.domain.graph import (
    NOBODY,
    PROFILE,
    Node,
    State,
    is_own_customer,
    next_node,
)
from hardlink.domain.records import Item, Record, Session, erased_before
from hardlink.domain.times import to_iso
from hardlink.domain.values import to_json
from hardlink.services.erasure.tasks import COUNTS, Tasks
from hardlink.storage import items, keys, nodes
from hardlink.storage.retries import retry_conflicts
from hardlink.storage.sessions import find_living_session, find_session
from hardlink.storage.store import (
    Absent,
    Action,
    Check,
    ConditionFailed,
    Delete,
    Put,
    Rev,
    Same,
    Store,
)

_DEEPEST = 3
"""Nodes from an identifier to its customer."""
_MOST_ROOTS = 40
"""Roots from which one transaction takes a profile: the latest ones; `spread` does the others."""
_Path = Sequence[tuple[Node, Record]]
"""Nodes as they were read, from the one that was named to the customer that it finds."""


class Erasure:
    """Erases nodes. `clock` answers microseconds since 1970.

    `requester`: who asks, which decides in which queue the rest waits.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], int],
        new_id: Callable[[], str],
        requester: Requester,
    ) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._requester = requester

    @retry_conflicts
    def erase_customer(self, project_id: str, identifier: Node) -> str:
        """Erase the customer that an identifier finds, or an anonymous profile. Raises `NotFound`.

        Answers the receipt's ID, and the same one when it is called again. From the answer on, no
        late call brings anything of the customer back.
        """
        path = self._read_path(project_id, identifier)
        if not path:
            return self._repeat(project_id, str(identifier))
        return self._begin(project_id, str(identifier), path)

    @retry_conflicts
    def erase_session(self, project_id: str, session_id: str) -> str:
        """Erase the visitor of a session, with all of their sessions. Raises `NotFound`.

        Answers the receipt's ID, and the same one when it is called again.
        """
        named = _session_name(session_id)
        session = find_living_session(self._store, project_id, session_id)
        if session is None:
            return self._repeat(project_id, named)
        record = nodes.read_record(self._store, project_id, session.profile)
        if not record.state.rev:
            # The erasure of the profile goes on: the session is ended in a moment.
            raise ConditionFailed
        return self._begin(project_id, named, [(session.profile, record)], session)

    @retry_conflicts
    def erase_node(
        self, project_id: str, node: Node, before: int, *, denied: bool
    ) -> bool:
        """Erase one node, whomever it finds by now, and tell whether it began.

        It does not begin where the node was created later than `before`, is not there, or is being
        erased. `denied`: its visitor had opted out, and stays so.
        """
        record = nodes.read_record(self._store, project_id, node)
        if not record.exists or record.created > before:
            return False
        record = record._replace(denied=record.denied or denied)
        self._begin(project_id, str(node), [(node, record)])
        return True

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
            "removed": {kind: int(item[kind]) for kind in COUNTS if "done" in item},
        }

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

    def _begin(
        self,
        project_id: str,
        named: str,
        path: _Path,
        session: Session | None = None,
    ) -> str:
        """Begin to erase the last node of a path, or join its erasure. Raises `ConditionFailed`.

        The note of it is written in the same transaction, while the path is what was read: so a
        call that is sent again finds this erasure, whoever its identifier finds by then. A
        `session` that was named ends in it as well: whoever goes on with it is somebody new.
        """
        node, record = path[-1]
        now = self._clock()
        tasks = Tasks(self._store, project_id, record.erasure or self._new_id())
        note = Put(keys.erasure_note(project_id, named), {"erasure": tasks.erasure})
        held = _hold_path(tasks, path[:-1], now)
        if session:
            denied = record.denied or session.denied
            held += end_session(tasks, session._replace(denied=denied), now)
        if record.erasing_since:
            erasing = Same("erasing_since", record.erasing_since)
            head = Check(keys.node_head(project_id, node), erasing)
            self._store.write([note, head, *held, *self._hasten(tasks)])
        else:
            begin = begin_erasure(tasks, node, record, now)
            receipt = _new_receipt(tasks, now, self._requester)
            hidden = self._hide_visitor(project_id, node)
            self._store.write([receipt, note, *begin, *held, *hidden])
        return tasks.erasure

    def _hide_visitor(self, project_id: str, node: Node) -> list[Action]:
        """Make the actions that take what a profile contributes away from its customers.

        So no reader of these is shown anything of it, nor of the next visitor of its sessions. Of a
        customer there is nothing to take away: it is found by nobody.
        """
        if node.type != PROFILE:
            return []
        roots = nodes.read_named_nodes(
            self._store, project_id, node, keys.ROOT_REFERENCE
        )
        # The reference to the latest root may be under way.
        for entry in nodes.read_history(self._store, project_id, node):
            roots += entry.targets
        actions: list[Action] = []
        for root in list(dict.fromkeys(reversed(roots)))[:_MOST_ROOTS]:
            actions.append(Delete(keys.node_contribution(project_id, root, node)))
            actions.append(Delete(keys.contributed_values(project_id, root, node)))
        return actions

    def _repeat(self, project_id: str, named: str) -> str:
        """Answer the erasure that a name led to before. Raises `NotFound`."""
        tasks = Tasks(self._store, project_id, self._read_note(project_id, named))
        if hasten := self._hasten(tasks):
            running = Check(tasks.receipt_key, Same("state", "running"))
            with suppress(ConditionFailed):  # it is done
                self._store.write([running, *hasten])
        return tasks.erasure

    def _hasten(self, tasks: Tasks) -> Sequence[Action]:
        """Make the action that sends a visitor's erasure to the shop's queue, if the shop asks."""
        if self._requester == "visitor":
            return ()
        receipt = self._store.get([tasks.receipt_key])[0]
        if receipt is None or requester_of(receipt) == "shop":
            return ()
        return [tasks.put(keys.ERASURE_BY_SHOP, "")]

    def _read_note(self, project_id: str, named: str) -> str:
        """Read the ID of the erasure that a name led to. Raises `NotFound`."""
        item = self._store.get([keys.erasure_note(project_id, named)])[0]
        if item is None:
            raise NotFound(UNKNOWN_IDENTIFIER)
        return str(item["erasure"])


def _can_be_erased(node: Node, record: Record) -> bool:
    """Tell whether a node is a customer, an anonymous profile, or is being erased."""
    is_profile = node.type == PROFILE and bool(record.state.rev)
    return record.state.known or is_profile or bool(record.erasing_since)


def _session_name(session_id: str) -> str:
    """Name a session in notes: types of identifiers hold no `/`, so no identifier is named so."""
    return f"session/{session_id}"


def _new_receipt(tasks: Tasks, now: int, requester: Requester) -> Put:
    """Make the action that adds a receipt. `closed`: how many tasks it counts already."""
    receipt: Item = {
        "at": now,
        "state": "running",
        "closed": 0,
        "requester": requester,
    }
    return Put(tasks.receipt_key, receipt | dict.fromkeys(COUNTS, 0), Absent())


def _hold_path(tasks: Tasks, path: _Path, now: int) -> list[Action]:
    """Make the actions that hold still what led from the named identifier to its customer.

    An identifier that is a customer of its own as well is erased too, as it was named itself.
    """
    actions: list[Action] = []
    for node, record in path:
        if node.type != PROFILE and is_own_customer(record.state):
            actions += begin_erasure(tasks, node, record, now)
        else:
            head = keys.node_head(tasks.project_id, node)
            actions.append(Check(head, Rev(record.state.rev)))
    return actions


def begin_erasure(tasks: Tasks, node: Node, record: Record, now: int) -> list[Action]:
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
        tasks.put(keys.ERASING_NODE, node, {"at": now}),
    ]


def end_session(tasks: Tasks, session: Session, now: int) -> list[Action]:
    """Make the actions that end a session: what is kept says until when it was erased."""
    key = keys.session_head(tasks.project_id, session.id)
    ended = session._replace(erased=(erased_before(now + 1),))
    active = keys.active_session(tasks.project_id, session.latest, session.id)
    task: Item = {"at": now, "ended": True, "events": 0}
    task["erased"] = to_json(ended.erased)
    return [
        Put(
            key,
            items.encode_erased_session(ended),
            Same("profile", session.profile.value),
        ),
        Delete(keys.session_customer(tasks.project_id, session.id)),
        Delete(active),
        tasks.put(keys.ERASED_SESSION, session.id, task),
    ]


def delete_own_session(store: Store, project_id: str, session_id: str) -> None:
    """Delete what is kept of a customer's own session that was erased: it names the customer.

    One that began anew meanwhile stays.
    """
    session = find_session(store, project_id, session_id)
    if session and session.is_erased:
        key = keys.session_head(project_id, session_id)
        with suppress(ConditionFailed):
            store.write([Delete(key, Same("erased_at", session.erased_at))])


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
