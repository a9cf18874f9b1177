"""The rest of an erasure: spreads it, and deletes the events, notes and orders of ended sessions.

Calls that were under way when a session ended may still write an event. They end within a minute,
or fail: what they wrote is found by a second sweep, after which the receipt is done and names no
customer.

Each row is read once and deleted once. A task says how far its session is swept, so that a run may
end after any step, and the next one goes on there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from hardlink.domain import synthetic_ids
from hardlink.domain.erasure.states import receipt_state
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.orders.matching import Order, ShopOrder
from hardlink.domain.records import (
    UNDER_WAY,
    Erased,
    Item,
    Key,
    stored_was_erased,
)
from hardlink.domain.times import DAY, END
from hardlink.services.erasure.begin import delete_own_session
from hardlink.services.erasure.spread import ErasureSpread, Row, Steps, erased_parts
from hardlink.services.erasure.tasks import (
    COUNTS,
    Tasks,
    dated_name,
    parse_dated_name,
)
from hardlink.storage import activity, event_store, items, keys, nodes
from hardlink.storage.node_reader import NodeReader
from hardlink.storage.retries import optimistic_retries, retry_conflicts
from hardlink.storage.sessions import find_living_session
from hardlink.storage.store import (
    Absent,
    Action,
    Check,
    ConditionFailed,
    Delete,
    Patch,
    Present,
    Put,
    Rev,
    Same,
    Store,
)

MOST_STEPS = 500
"""Steps of one run, each of at most about fifty requests or one transaction."""
AT_ONCE = 1
"""Microseconds to wait for the next run, where there is more to do already."""
_MOST_WAITING = 200
"""Erasures that one run looks after while they wait for calls that were under way."""
_MOST_DELETED = 90
"""Actions of one transaction that delete: `_weight` counts those of a row."""
_MOST_READ = 200
"""Rows of a session that one step reads: most of a shared one may be others'."""
_KINDS = (
    keys.ORDER_COMPLETION,
    keys.EVENT,
    keys.CALL_NOTE,
    keys.SESSION_SUMMARY,
    keys.EVENT_RECEIPT,
    keys.EVENT_PIECE,
)
"""Rows of a session in `events`, in the order of their sort keys, by which a task counts."""


class ErasureSweep:
    """Carries out erasures that began. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._spread = ErasureSpread(store, clock)

    def sweep(self, project_id: str, id_: str) -> int:
        """Carry an erasure out as far as possible now, in a bounded number of steps.

        With it those that hold nodes to which it spread: they may wait in another queue. It may be
        called again, and by several callers at once. Answers after how many microseconds to call
        again; 0: it is done.
        """
        waits: list[int] = []
        found = {id_: Tasks(self._store, project_id, id_)}
        unread = list(found)
        while unread and len(waits) < _MOST_WAITING:
            tasks = found[unread.pop()]
            receipt = self._running_receipt(tasks)
            if receipt is None:
                continue
            wait = self._carry_out(tasks, receipt)
            if wait == AT_ONCE:
                return AT_ONCE
            joined = self._await_joined(tasks)
            if wait:
                waits.append(wait)
            elif not joined:
                self._close_receipt(tasks)
            # Two that each hold a node of the other one wait for each other: each is read once.
            unread += [other for other in joined if other not in found]
            found = joined | found
        if waits:
            return min(waits)
        self._close_receipt(found[id_])
        return 0

    def _running_receipt(self, tasks: Tasks) -> Item | None:
        """Read the receipt of an erasure, if it is not done."""
        receipt = self._store.get([tasks.receipt_key])[0]
        if receipt is None or receipt_state(receipt) == "done":
            return None
        return receipt

    def _carry_out(self, tasks: Tasks, receipt: Item) -> int:
        """Carry out the tasks of one erasure; 0 where none of its own is left."""
        if not _finish_steps(self._sweep_once(tasks)):
            return AT_ONCE
        wait = self._last_write(tasks, receipt) + UNDER_WAY - self._clock()
        if wait >= 0:
            return wait + 1
        return 0 if _finish_steps(self._close(tasks)) else AT_ONCE

    def _await_joined(self, tasks: Tasks) -> dict[str, Tasks]:
        """Find the erasures that one waits for, by ID; for those that are done it waits no more."""
        joined: dict[str, Tasks] = {}
        for id_ in tasks.read_names(keys.JOINED_ERASURE):
            other = Tasks(self._store, tasks.project_id, id_)
            if self._running_receipt(other):
                joined[id_] = other
            else:
                self._store.write([tasks.delete(keys.JOINED_ERASURE, id_)])
        return joined

    def _sweep_once(self, tasks: Tasks) -> Steps:
        """Erase all that is there now, and leave tasks to look once more."""
        yield from self._spread.spread(tasks)
        for session_ids in tasks.portions(keys.ERASED_SESSION):
            for session_id in session_ids:
                yield from self._sweep_session(tasks, keys.ERASED_SESSION, session_id)
        yield from self._forget_orders(tasks)

    def _last_write(self, tasks: Tasks, receipt: Item) -> int:
        """Find the time up to which calls were not refused yet that may still be under way."""
        last = int(receipt["at"])
        for kind in (keys.ERASED_NODE, keys.SWEPT_SESSION):
            name = tasks.read_last(kind)
            if name is not None:
                last = max(last, parse_dated_name(name)[0])
        return last

    def _close(self, tasks: Tasks) -> Steps:
        """Look once more for what calls wrote that were under way, and count what was erased."""
        for names in tasks.portions(keys.SWEPT_SESSION):
            for name in names:
                yield from self._sweep_session(tasks, keys.SWEPT_SESSION, name)
            self._close_sessions(tasks, names)
            yield
        for names in tasks.portions(keys.ERASED_NODE):
            self._close_nodes(tasks, names)
            yield
        yield from self._forget_orders(tasks)

    # The steps of a session.

    def _sweep_session(self, tasks: Tasks, kind: str, name: str) -> Steps:
        """Delete what is left of a session, in portions that its task counts.

        `kind`, `name`: of its task. At the first time it becomes the task to look once more.
        """
        for _ in optimistic_retries():
            with suppress(ConditionFailed):  # it began anew, or another run was quicker
                yield from self._sweep_portions(tasks, kind, name)
                return

    def _sweep_portions(self, tasks: Tasks, kind: str, name: str) -> Steps:
        """Delete portion by portion, until the task is done. Raises `ConditionFailed`."""
        is_first = kind == keys.ERASED_SESSION
        session_id = name if is_first else parse_dated_name(name)[1]
        head = keys.session_head(tasks.project_id, session_id)
        while True:
            item, task = self._store.get([head, tasks.key(kind, name)])
            if task is None or "swept" in task:
                return  # done, by this run or another one
            session = SweptSession(head, item, task)
            portion = self._read_portion(session)
            self._store.write(
                [
                    *session.still_ended(),
                    *_deletions(tasks, portion),
                    *_further_task(tasks, kind, name, task, portion),
                ]
            )
            yield

    def _read_portion(self, session: SweptSession) -> _Portion:
        """Read the next rows of a session, from where its task says that it has come."""
        after = session.after
        erased: list[Row] = []
        room = _MOST_DELETED
        for seen, row in enumerate(self._scan_session(session), 1):
            if session.loses(row):
                room -= _weight(row)
                if room < 0 and erased:
                    return _Portion(erased, after)
                erased.append(row)
            after = row[0].item
            if seen == _MOST_READ:
                return _Portion(erased, after)
        return _Portion(erased, None)

    def _scan_session(self, session: SweptSession) -> Iterator[Row]:
        """Scan the rows that a session may lose, behind the last one that its task has read."""
        after = session.after
        for first, last in session.ranges():
            if last < after:
                continue
            partition, start = session.head.partition, max(first, after)
            scan = self._store.scan("events", partition, start, last, page=_MOST_READ)
            for row in scan:
                if row[0].item != after:
                    yield row

    def _close_sessions(self, tasks: Tasks, names: Sequence[str]) -> None:
        """Count sessions that are swept, and delete what names their customers."""
        session_ids = {parse_dated_name(name)[1] for name in names}
        own_ids = [
            session_id
            for session_id in filter(synthetic_ids.is_synthetic, session_ids)
            if self._names_erased_customer(tasks.project_id, session_id)
        ]
        for session_id in own_ids:
            delete_own_session(self._store, tasks.project_id, session_id)
        self._close_tasks(tasks, keys.SWEPT_SESSION, names)

    def _names_erased_customer(self, project_id: str, session_id: str) -> bool:
        """Tell whether a customer's own session names one who is erased.

        A soft identifier may stay when the customer whose it was is erased: then its own session
        stays as well, as sessions of devices do, and refuses what comes late.
        """
        customer = synthetic_ids.session_customer(session_id)
        return not nodes.read_record(self._store, project_id, customer).exists

    def _forget_active_session(self, project_id: str, session_id: str) -> None:
        """Take a customer's own session out of the live view: it is named after them.

        Also where there is none: a call that was refused had listed it before. One that begins anew
        from here on adds a row of its own.
        """
        rows = activity.find_rows_of_session(self._store, project_id, session_id)
        if find_living_session(self._store, project_id, session_id) is None:
            for key in rows:
                self._store.write([Delete(key)])

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

    def _forget_orders(self, tasks: Tasks) -> Steps:
        """Carry out the tasks about orders, until none is left."""
        for numbers in tasks.portions(keys.ORDER_TASK):
            for number in numbers:
                self._forget_order(tasks.project_id, number)
                self._store.write([tasks.delete(keys.ORDER_TASK, number)])
                yield

    @retry_conflicts
    def _forget_order(self, project_id: str, number: str) -> None:
        """Take out of an order the events that were deleted and the customer who was erased."""
        self._forget_order_visitors(project_id, number)
        key = keys.order_head(project_id, number)
        item = self._store.get([key])[0]
        if item is None:
            return
        before = items.decode_order(key, item)
        after = self._remaining_order(project_id, before)
        if after != before:
            self._store.write([_replace_order(key, before, after)])

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
        remaining = tuple(map(places.__getitem__, there))
        shop_order = order.shop_order and self._remaining_shop_order(
            project_id, order.shop_order
        )
        return order._replace(tracked=remaining, shop_order=shop_order)

    def _remaining_shop_order(
        self, project_id: str, order: ShopOrder
    ) -> ShopOrder | None:
        """Return the shop's report without erased visitors; `None` if its customer was erased."""
        reader = NodeReader(self._store, project_id)
        reader.load(order.ids)
        for record in reader.records.values():
            if not record.exists or record.last_erased_at >= order.claim.time:
                return None
        return order._replace(
            visitor=self._living_node(project_id, order.visitor),
            place=self._living_node(project_id, order.place),
        )

    def _living_node(self, project_id: str, node: Node | None) -> Node | None:
        """Return a node that an order names; `None` where it was erased, or it names none."""
        if node is None:
            return None
        record = nodes.read_record(self._store, project_id, node)
        return node if record.exists else None

    # The steps of the receipt.

    def _close_nodes(self, tasks: Tasks, names: Sequence[str]) -> None:
        """Count erased nodes, after a look at what calls wrote that were under way."""
        for name in names:
            node = Node.parse(parse_dated_name(name)[1])
            self._find_orders(tasks, node)
            # Sessions of devices are named by their ID alone, and expire within a day.
            if node.type != PROFILE:
                own_id = synthetic_ids.customer_session(node)
                self._forget_active_session(tasks.project_id, own_id)
        self._close_tasks(tasks, keys.ERASED_NODE, names)

    @retry_conflicts
    def _close_tasks(self, tasks: Tasks, kind: str, names: Sequence[str]) -> None:
        """Delete tasks, and count them in the receipt in the same transaction: each once."""
        task_keys = [tasks.key(kind, name) for name in names]
        left = nodes.read_items(self._store, [tasks.receipt_key, *task_keys])
        receipt = left.pop(tasks.receipt_key, None)
        if receipt is None or not left:
            return
        closed = int(receipt["closed"])
        counted = _count_tasks({**receipt, "closed": closed + len(left)}, kind, left)
        deletions = [Delete(key, Present()) for key in left]
        self._store.write(
            [Put(tasks.receipt_key, counted, Same("closed", closed)), *deletions]
        )

    def _close_receipt(self, tasks: Tasks) -> None:
        """Close the receipt: no task is left, and so nothing that names the customer.

        Only of the erasures that wait for this one as well, it still has the IDs.
        """
        for ids in tasks.portions(keys.JOINED_ERASURE):
            self._store.write([tasks.delete(keys.JOINED_ERASURE, id_) for id_ in ids])
        done: Item = {"state": "done", "done": self._clock()}
        with suppress(ConditionFailed):  # another run closed it meanwhile
            close = Patch(tasks.receipt_key, done, Same("state", "running"))
            self._store.write([close, tasks.delete(keys.ERASURE_BY_SHOP, "")])


class _Portion(NamedTuple):
    """Rows that one step deletes. `after`: the last sort key that was read, `None` at the end."""

    rows: Sequence[Row]
    after: str | None


class SweptSession(NamedTuple):
    """A session as one step read it. `item`: at `head`, if it is there; `task`: what is left to do.

    Others may go on with it: then only the parts in its task were erased.
    """

    head: Key
    item: Item | None
    task: Item

    @property
    def has_ended(self) -> bool:
        """True if no visitor has it, so that all of its rows go."""
        return self.item is None or "erased_at" in self.item

    @property
    def after(self) -> str:
        """The last sort key that an earlier step has read."""
        return str(self.task.get("after", ""))

    @property
    def parts(self) -> list[Erased]:
        """The parts that this erasure erased, in order of event time."""
        return sorted(erased_parts(self.task))

    @property
    def whole_parts(self) -> list[Erased]:
        """Those of its parts that are all of its history up to an erasure."""
        return [part for part in self.parts if (part.start, part.end) == (0, END)]

    def ranges(self) -> Iterator[tuple[str, str]]:
        """List the ranges of sort keys in which it may hold erased rows, in order.

        All of it, or the times of its erased parts.
        """
        for kind in _KINDS:
            if self.has_ended or kind == keys.SESSION_SUMMARY:
                yield kind, keys.end_of_prefix(kind)
            elif kind == keys.EVENT_RECEIPT:  # their keys say no time
                yield from self._receipt_ranges()
            else:
                yield from _ranges_of_parts(kind, self.parts)

    def _receipt_ranges(self) -> Iterator[tuple[str, str]]:
        # where only a part is erased they stay: by them, what is sent again is recognized
        if self.whole_parts:
            yield keys.EVENT_RECEIPT, keys.end_of_prefix(keys.EVENT_RECEIPT)

    def loses(self, row: Row) -> bool:
        """Tell whether a row of it is an erased visitor's: all are, unless it began anew."""
        key, item = row
        # A summary has no part that could stay; the next reader makes another one.
        if self.has_ended or key.item == keys.SESSION_SUMMARY:
            return True
        if key.item.startswith(keys.EVENT_RECEIPT):
            received = int(item["time"])
            return any(received < part.until for part in self.whole_parts)
        time = keys.event_time(key)
        received = event_store.received_at(key, item)
        return stored_was_erased(self.parts, time, received)

    def still_ended(self) -> list[Action]:
        """Make the check that it did not begin anew, as then its new events would be deleted."""
        if self.item is None:
            return [Check(self.head, Absent())]
        if self.has_ended:
            erased_at = int(self.item["erased_at"])
            return [Check(self.head, Same("erased_at", erased_at))]
        return []


def _finish_steps(steps: Steps) -> bool:
    """Take a bounded number of steps. Returns whether these were all."""
    taken = sum(1 for _ in islice(steps, MOST_STEPS))
    return taken < MOST_STEPS


def _ranges_of_parts(kind: str, parts: Sequence[Erased]) -> Iterator[tuple[str, str]]:
    """List the ranges of sort keys of a kind that lie in erased parts, in order.

    No event was stored that is dated more than a day ahead.
    """
    for part in parts:
        end = min(part.end, part.until + DAY + 1)
        if part.start < end:
            yield keys.first_item_at(kind, part.start), keys.first_item_at(kind, end)


def _keys_of_row(row: Row) -> list[Key]:
    """List the keys of a row and of all that goes with it.

    These are the pieces of an event, and what later reports of its order added: their keys say when
    it happened, but not when it came in.
    """
    key, item = row
    numbers = range(int(item.get("pieces", 0)))
    found = [key]
    found += [keys.event_piece(key, str(item["digest"]), n) for n in numbers]
    if "order" in item:
        found.append(keys.order_completion(key))
    return found


def _weight(row: Row) -> int:
    """Count the actions that delete a row: one a key, and a task for the order that it names."""
    _, item = row
    return len(_keys_of_row(row)) + int("order" in item)


def _deletions(tasks: Tasks, portion: _Portion) -> list[Action]:
    """Make the actions that delete rows, and the tasks for orders that their events are."""
    actions: dict[Key, Action] = {}
    for row in portion.rows:
        _, item = row
        if "order" in item:
            put = tasks.put(keys.ORDER_TASK, item["order"])
            actions[put.key] = put
        for key in _keys_of_row(row):
            actions[key] = Delete(key)
    return list(actions.values())


def _further_task(
    tasks: Tasks, kind: str, name: str, task: Item, portion: _Portion
) -> list[Action]:
    """Make the actions that note in a session's task how far it is, and how much it deleted."""
    before = int(task["events"])
    deleted = sum(key.item.startswith(keys.EVENT) for key, _ in portion.rows)
    further: Item = {**task, "events": before + deleted}
    further.pop("after", None)
    key, unchanged = tasks.key(kind, name), Same("events", before)
    if portion.after is not None:
        return [Put(key, {**further, "after": portion.after}, unchanged)]
    if kind == keys.SWEPT_SESSION:
        return [Put(key, {**further, "swept": True}, unchanged)]
    once_more = dated_name(int(task["at"]), name)
    return [Delete(key, unchanged), tasks.put(keys.SWEPT_SESSION, once_more, further)]


def _count_tasks(receipt: Item, kind: str, closed: Mapping[Key, Item]) -> Item:
    """Add what tasks of a kind erased to a receipt."""
    counts: Counter[str] = Counter()
    for key, task in closed.items():
        if kind == keys.SWEPT_SESSION:
            counts["events"] += int(task["events"])
            counts["sessions"] += int("ended" in task)
        else:
            node = Node.parse(parse_dated_name(key.item.removeprefix(kind))[1])
            counts[_count_name(node)] += 1
    counted = {name: int(receipt[name]) + counts[name] for name in COUNTS}
    return {**receipt, **counted}


def _count_name(node: Node) -> str:
    """Return the name in `COUNTS` under which a node is counted."""
    return "profiles" if node.type == PROFILE else "identifiers"


def _replace_order(key: Key, before: Order, after: Order) -> Action:
    """Make the action that writes what is left of an order; one without any event is deleted."""
    if not after.tracked:
        return Delete(key, Same("rev", before.rev))
    fresh = after._replace(rev=before.rev + 1)
    return Put(key, items.encode_order(fresh), Rev(before.rev))
