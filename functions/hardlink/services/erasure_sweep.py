"""The rest of an erasure: deletes the events, notes and orders of ended sessions.

Calls that were under way when the erasure began may still write an event. They end within a minute,
or fail: what they wrote is found by a second sweep, after which the receipt is done and names no
customer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress

from hardlink.domain import synthetic_ids
from hardlink.domain.erasure.states import receipt_state
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.order_matching import Order, ShopOrder
from hardlink.domain.records import Item, Key, Session, stored_was_erased
from hardlink.domain.times import MINUTE
from hardlink.services.erasure import Erasure
from hardlink.services.erasure_tasks import Tasks
from hardlink.storage import items, keys, nodes
from hardlink.storage.node_reader import NodeReader
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.sessions import find_session
from hardlink.storage.store import (
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

UNDER_WAY = MINUTE
"""A write call ends within this time, or fails."""
_AT_ONCE = 40
"""Rows of one transaction of 100 actions: each may name an order, one more action."""
_KINDS = (
    keys.EVENT,
    keys.CALL_NOTE,
    keys.EVENT_PIECE,
    keys.ORDER_COMPLETION,
    keys.EVENT_RECEIPT,
)


class ErasureSweep:
    """Sweeps erasures. `clock` answers microseconds since 1970."""

    def __init__(
        self, store: Store, clock: Callable[[], int], erasure: Erasure
    ) -> None:
        self._store = store
        self._clock = clock
        self._erasure = erasure

    def sweep(self, project_id: str, id_: str) -> int:
        """Carry an erasure out as far as possible now, from whichever state it is in.

        It may be called again, and by several callers at once. Answers after how many microseconds
        to call again; 0: it is done.
        """
        tasks = Tasks(self._store, project_id, id_)
        receipt = self._store.get([tasks.receipt_key])[0]
        if receipt is None:
            return 0
        match receipt_state(receipt):
            case "running":
                return self._sweep_running(tasks, receipt)
            case "counted":  # the run before ended while it deleted the tasks
                self._close_receipt(tasks)
        return 0

    def _sweep_running(self, tasks: Tasks, receipt: Item) -> int:
        self._erasure.propagate(tasks.project_id, tasks.erasure)
        began = self._clock()
        sessions = tasks.read(keys.ERASED_SESSION)
        for session_id, task in sessions:
            self._sweep_session(tasks, session_id, task)
        self._forget_active_sessions(
            tasks.project_id, {session_id for session_id, _ in sessions}
        )
        for name in tasks.read_names(keys.ERASED_NODE):
            self._find_orders(tasks, Node.parse(name))
        for number in tasks.read_names(keys.ORDER_TASK):
            self._forget_order(tasks.project_id, number)
        last = max([int(receipt["at"]), *(int(task["at"]) for _, task in sessions)])
        wait = last + UNDER_WAY - began
        if wait >= 0:
            return wait + 1
        for session_id, _ in sessions:
            self._delete_own_session(tasks.project_id, session_id)
        self._count_removed(tasks, receipt)
        self._close_receipt(tasks)
        return 0

    # The steps of a session.

    def _sweep_session(self, tasks: Tasks, session_id: str, task: Item) -> None:
        """Delete what is left of a session, in portions that count in its task what they delete."""
        for _ in optimistic_retries():
            try:
                while self._sweep_portion(tasks, session_id, task):
                    pass
            except ConditionFailed:
                task = tasks.find(keys.ERASED_SESSION, session_id) or task
                continue
            return

    def _sweep_portion(self, tasks: Tasks, session_id: str, task: Item) -> bool:
        """Delete some rows of a session; `False` where none is left. Raises `ConditionFailed`."""
        key = keys.session_head(tasks.project_id, session_id)
        item = self._store.get([key])[0]
        session = items.decode_session(key, item) if item else None
        portion = self._find_erased_rows(key, session, task)
        if not portion:
            return False
        before = int(task["events"])
        task["events"] = before + sum(
            row.item.startswith(keys.EVENT) for row, _ in portion
        )
        count = Put(
            tasks.key(keys.ERASED_SESSION, session_id), {**task}, Same("events", before)
        )
        orders = {str(row["order"]) for _, row in portion if "order" in row}
        self._store.write(
            [
                *_still_ended(key, session, item),
                count,
                *(tasks.put(keys.ORDER_TASK, number) for number in orders),
                *(Delete(row) for row, _ in portion),
            ]
        )
        return True

    def _delete_own_session(self, project_id: str, session_id: str) -> None:
        """Delete what is kept of a customer's own session: it is named after them.

        One that began anew stays, and so do sessions of devices, which refuse what comes late.
        """
        key = keys.session_head(project_id, session_id)
        item = self._store.get([key])[0]
        if item and "erased_at" in item and synthetic_ids.is_synthetic(session_id):
            with suppress(ConditionFailed):
                ended = Same("erased_at", int(item["erased_at"]))
                self._store.write([Delete(key, ended)])

    def _find_erased_rows(
        self, key: Key, session: Session | None, task: Item
    ) -> list[tuple[Key, Item]]:
        """Find the next rows of a session that are to be deleted: all, unless it began anew."""
        found: list[tuple[Key, Item]] = []
        for row, item in self._scan_session(key):
            is_ended = session is None or session.is_erased
            if is_ended or (session and _is_erased(session, task, row, item)):
                found.append((row, item))
            if len(found) == _AT_ONCE:
                break
        return found

    def _scan_session(self, key: Key) -> Iterator[tuple[Key, Item]]:
        for kind in _KINDS:
            last = keys.end_of_prefix(kind)
            yield from self._store.scan("sessions", key.partition, kind, last)

    def _forget_active_sessions(
        self, project_id: str, session_ids: Collection[str]
    ) -> None:
        """Take ended sessions out of the live view: a customer's own is named after them."""
        kind = keys.ACTIVE_SESSION
        partition = keys.active_session(project_id, 0, "").partition
        rows = self._store.scan("sessions", partition, kind, keys.end_of_prefix(kind))
        stale = [key for key, _ in rows if keys.active_session_id(key) in session_ids]
        for row in stale:
            session = find_session(self._store, project_id, keys.active_session_id(row))
            if (
                session is None or session.is_erased
            ):  # one that begins anew from here on adds a row of its own
                self._store.write([Delete(row)])

    # The steps of an order.

    def _find_orders(self, tasks: Tasks, node: Node) -> None:
        """Add tasks for orders that the shop reported with an identifier during its erasure."""
        gone = Check(keys.node_head(tasks.project_id, node), Absent())
        for number in nodes.read_row_names(
            self._store, tasks.project_id, node, keys.SHOP_ORDER
        ):
            row = keys.shop_order(tasks.project_id, node, number)
            with suppress(
                ConditionFailed
            ):  # a new customer has this identifier, and the order is theirs
                self._store.write(
                    [gone, tasks.put(keys.ORDER_TASK, number), Delete(row)]
                )

    def _forget_order(self, project_id: str, number: str) -> None:
        """Take out of an order the events that were deleted and the customer who was erased."""
        self._forget_order_visitors(project_id, number)
        key = keys.order_head(project_id, number)
        for _ in optimistic_retries():
            item = self._store.get([key])[0]
            if item is None:
                return
            before = items.decode_order(key, item)
            after = self._remaining_order(project_id, before)
            if after == before:
                return
            try:
                self._store.write([_replace_order(key, before, after)])
            except ConditionFailed:
                continue
            return

    def _forget_order_visitors(self, project_id: str, number: str) -> None:
        """Delete the rows of erased profiles that tracked an order beside its item."""
        partition = keys.order_head(project_id, number).partition
        kind = keys.ORDER_VISITOR
        for key, _ in self._store.scan(
            "sessions", partition, kind, keys.end_of_prefix(kind)
        ):
            visitor = keys.order_visitor_profile(key)
            if not nodes.read_record(self._store, project_id, visitor).exists:
                self._store.write([Delete(key)])

    def _remaining_order(self, project_id: str, order: Order) -> Order:
        """An order without what was erased of it."""
        places = {}
        for tracked in order.tracked:
            place = keys.session_event(
                project_id, tracked.session, tracked.claim.time, tracked.event
            )
            places[place] = tracked
        there = nodes.read_items(self._store, list(places))
        remaining = tuple(
            tracked for place, tracked in places.items() if place in there
        )
        shop_order = order.shop_order and self._remaining_shop_order(
            project_id, order.shop_order
        )
        return order._replace(tracked=remaining, shop_order=shop_order)

    def _remaining_shop_order(
        self, project_id: str, order: ShopOrder
    ) -> ShopOrder | None:
        reader = NodeReader(self._store, project_id)
        reader.load(order.ids)
        for record in reader.records.values():
            if not record.exists or record.last_erased_at >= order.claim.time:
                return None
        visitor, place = order.visitor, order.place
        if visitor and not nodes.read_record(self._store, project_id, visitor).exists:
            visitor = None
        if place and not nodes.read_record(self._store, project_id, place).exists:
            place = None
        return order._replace(visitor=visitor, place=place)

    # The steps of the receipt.

    def _count_removed(self, tasks: Tasks, receipt: Item) -> None:
        """Write into the receipt how much was removed."""
        types = [Node.parse(name).type for name in tasks.read_names(keys.ERASED_NODE)]
        sessions = [task for _, task in tasks.read(keys.ERASED_SESSION)]
        profiles = types.count(PROFILE)
        counts: Item = {
            "identifiers": len(types) - profiles,
            "profiles": profiles,
            "sessions": sum("erased_until" in task for task in sessions),
            "events": sum(int(task["events"]) for task in sessions),
        }
        with suppress(ConditionFailed):  # another run counted meanwhile
            counted = Put(
                tasks.receipt_key, {**receipt, **counts}, Same("state", "running")
            )
            self._store.write([counted])

    def _close_receipt(self, tasks: Tasks) -> None:
        """Delete the tasks, which name the customer, and then close the receipt."""
        for kind in keys.TASKS:
            for name in tasks.read_names(kind):
                self._store.write([tasks.delete(kind, name)])
        done: Item = {"state": "done", "done": self._clock()}
        with suppress(ConditionFailed):  # another run closed it meanwhile
            self._store.write(
                [Patch(tasks.receipt_key, done, Same("state", "running"))]
            )


def _replace_order(key: Key, before: Order, after: Order) -> Action:
    """Make the action that writes what is left of an order; one without any event is deleted."""
    if not after.tracked:
        return Delete(key, Same("rev", before.rev))
    fresh = after._replace(rev=before.rev + 1)
    return Put(key, items.encode_order(fresh), Rev(before.rev))


def _still_ended(
    key: Key, session: Session | None, item: Item | None
) -> Sequence[Action]:
    """Make the check that a session did not begin anew, as then its new events would be deleted."""
    if item is None:
        return [Check(key, Absent())]
    if session and session.is_erased:
        return [Check(key, Same("erased_at", int(item["erased_at"])))]
    return []


def _is_erased(session: Session, task: Item, row: Key, item: Item) -> bool:
    """Tell whether a row of a session that exists is of an erased visitor.

    By its own time, or, where the session ended and began anew, by the time at which it came in: a
    device's clock may be ahead.
    """
    erased_until = int(task.get("erased_until", -1))
    if row.item.startswith(keys.EVENT_RECEIPT):
        # where a part of the session is erased it stays: by it, what is sent again is recognized
        return int(item["time"]) <= erased_until
    time = keys.event_time(row)
    received = int(item.get("received", time))
    if min(time, received) <= erased_until:
        return True
    return stored_was_erased(session.erased, time, received)
