"""The rest of an erasure: spreads it, and deletes the events, notes and orders of ended sessions.

Calls that were under way when a session ended may still write an event. They end within a minute,
or fail: what they wrote is found by a second sweep, after which the receipt is done and names no
customer.

Each row is read once and deleted once. A task says how far its session is swept, so that a run may
end after any step, and the next one goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from hardlink.domain import synthetic_ids
from hardlink.domain.erasure.states import receipt_state
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.orders.matching import Order, ShopOrder
from hardlink.domain.records import Erased, Item, Key, Session, stored_was_erased
from hardlink.domain.times import DAY, END, MINUTE
from hardlink.services.erasure.spread import ErasureSpread, Row, Steps, erased_parts
from hardlink.services.erasure.tasks import (
    COUNTS,
    Tasks,
    dated_name,
    parse_dated_name,
)
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
    Present,
    Put,
    Rev,
    Same,
    Store,
)

UNDER_WAY = MINUTE
"""A write call ends within this time, or fails."""
MOST_STEPS = 500
"""Steps of one run, each of at most about fifty requests or one transaction."""
AT_ONCE = 1
"""Microseconds to wait for the next run, where there is more to do already."""
_MOST_DELETED = 90
"""Actions of one transaction that delete: `_weight` counts those of a row."""
_MOST_READ = 200
"""Rows of a session that one step reads: most of a shared one may be others'."""
_KINDS = (
    keys.ORDER_COMPLETION,
    keys.EVENT,
    keys.CALL_NOTE,
    keys.EVENT_RECEIPT,
    keys.EVENT_PIECE,
)
"""Rows of a session, in the order of their sort keys: a task says how far it has come."""


class ErasureSweep:
    """Carries out erasures that began. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._spread = ErasureSpread(store, clock)

    def sweep(self, project_id: str, id_: str) -> int:
        """Carry an erasure out as far as possible now, in a bounded number of steps.

        It may be called again, and by several callers at once. Answers after how many microseconds
        to call again; 0: it is done.
        """
        tasks = Tasks(self._store, project_id, id_)
        receipt = self._store.get([tasks.receipt_key])[0]
        if receipt is None or receipt_state(receipt) == "done":
            return 0
        for number, _ in enumerate(self._sweep_once(tasks), 1):
            if number == MOST_STEPS:
                return AT_ONCE
        wait = self._last_write(tasks, receipt) + UNDER_WAY - self._clock()
        if wait >= 0:
            return wait + 1
        for number, _ in enumerate(self._close(tasks), 1):
            if number == MOST_STEPS:
                return AT_ONCE
        self._close_receipt(tasks)
        return 0

    def _sweep_once(self, tasks: Tasks) -> Steps:
        """Erase all that is there now, and leave tasks to look once more."""
        yield from self._spread.spread(tasks)
        while sessions := tasks.read_some(keys.ERASED_SESSION):
            for session_id, _ in sessions:
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
        while found := tasks.read_some(keys.SWEPT_SESSION):
            for name, _ in found:
                yield from self._sweep_session(tasks, keys.SWEPT_SESSION, name)
            self._close_sessions(tasks, [name for name, _ in found])
            yield
        while names := [name for name, _ in tasks.read_some(keys.ERASED_NODE)]:
            self._close_nodes(tasks, names)
            yield
        yield from self._forget_orders(tasks)

    # The steps of a session.

    def _sweep_session(self, tasks: Tasks, kind: str, name: str) -> Steps:
        """Delete what is left of a session, in portions that its task counts.

        `kind`, `name`: of its task. At the first time it becomes the task to look once more.
        """
        is_first = kind == keys.ERASED_SESSION
        session_id = name if is_first else parse_dated_name(name)[1]
        head = keys.session_head(tasks.project_id, session_id)
        for _ in optimistic_retries():
            try:
                while True:
                    item, task = self._store.get([head, tasks.key(kind, name)])
                    if task is None or "swept" in task:
                        return  # done, by this run or another one
                    session = items.decode_session(head, item) if item else None
                    portion = self._read_portion(head, session, task)
                    self._store.write(
                        [
                            *_still_ended(head, session, item),
                            *_deletions(tasks, portion),
                            *_further_task(tasks, kind, name, task, portion),
                        ]
                    )
                    yield
            except ConditionFailed:
                continue

    def _read_portion(self, head: Key, session: Session | None, task: Item) -> _Portion:
        """Read the next rows of a session, from where its task says that it has come."""
        after = str(task.get("after", ""))
        erased: list[Row] = []
        room = _MOST_DELETED
        scan = self._scan_session(head, _ranges(session, task), after)
        for seen, row in enumerate(scan, 1):
            if _is_erased(session, task, row):
                room -= _weight(row)
                if room < 0 and erased:
                    return _Portion(erased, after)
                erased.append(row)
            after = row[0].item
            if seen == _MOST_READ:
                return _Portion(erased, after)
        return _Portion(erased, None)

    def _scan_session(
        self, head: Key, ranges: Iterable[tuple[str, str]], after: str
    ) -> Iterator[Row]:
        for first, last in ranges:
            if after > last:
                continue
            scan = self._store.scan(
                "sessions", head.partition, max(first, after), last, page=_MOST_READ
            )
            for row in scan:
                if row[0].item != after:
                    yield row

    def _close_sessions(self, tasks: Tasks, names: Sequence[str]) -> None:
        """Count sessions that are swept, and delete what names their customers."""
        session_ids = {parse_dated_name(name)[1] for name in names}
        own_ids = {id_ for id_ in session_ids if synthetic_ids.is_synthetic(id_)}
        for session_id in own_ids:
            self._delete_own_session(tasks.project_id, session_id)
        if own_ids:  # all others are named by their ID alone, and expire within a day
            self._forget_active_sessions(tasks.project_id, session_ids)
        self._close_tasks(tasks, keys.SWEPT_SESSION, names)

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

    def _forget_orders(self, tasks: Tasks) -> Steps:
        while names := [name for name, _ in tasks.read_some(keys.ORDER_TASK)]:
            for number in names:
                self._forget_order(tasks.project_id, number)
                self._store.write([tasks.delete(keys.ORDER_TASK, number)])
                yield

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

    def _close_nodes(self, tasks: Tasks, names: Sequence[str]) -> None:
        """Count erased nodes, after a look at orders that the shop reported meanwhile."""
        for name in names:
            self._find_orders(tasks, Node.parse(parse_dated_name(name)[1]))
        self._close_tasks(tasks, keys.ERASED_NODE, names)

    def _close_tasks(self, tasks: Tasks, kind: str, names: Sequence[str]) -> None:
        """Delete tasks, and count them in the receipt in the same transaction: each once."""
        for _ in optimistic_retries():
            task_keys = [tasks.key(kind, name) for name in names]
            receipt, *found = self._store.get([tasks.receipt_key, *task_keys])
            left = [
                (key, item)
                for key, item in zip(task_keys, found, strict=True)
                if item is not None
            ]
            if receipt is None or not left:
                return
            closed = int(receipt["closed"])
            counted = _count_tasks(
                {**receipt, "closed": closed + len(left)}, kind, left
            )
            with suppress(ConditionFailed):
                self._store.write(
                    [
                        Put(tasks.receipt_key, counted, Same("closed", closed)),
                        *(Delete(key, Present()) for key, _ in left),
                    ]
                )
                return

    def _close_receipt(self, tasks: Tasks) -> None:
        """Close the receipt: no task is left, and so nothing that names the customer."""
        done: Item = {"state": "done", "done": self._clock()}
        with suppress(ConditionFailed):  # another run closed it meanwhile
            self._store.write(
                [Patch(tasks.receipt_key, done, Same("state", "running"))]
            )


class _Portion(NamedTuple):
    """Rows that one step deletes. `after`: the last sort key that was read, `None` at the end."""

    rows: Sequence[Row]
    after: str | None


def _ranges(session: Session | None, task: Item) -> list[tuple[str, str]]:
    """List the ranges of sort keys in which a session may hold erased rows, in order.

    All of it, or, where others go on with the session, the times of what was erased: no event was
    stored that is dated more than a day ahead.
    """
    if session is None or session.is_erased:
        return [(kind, keys.end_of_prefix(kind)) for kind in _KINDS]
    ranges: list[tuple[str, str]] = []
    parts = sorted(erased_parts(task))
    for kind in _KINDS:
        if kind == keys.EVENT_RECEIPT:  # their keys say no time
            if any(map(_is_whole, parts)):
                ranges.append((kind, keys.end_of_prefix(kind)))
            continue
        for part in parts:
            end = min(part.end, part.until + DAY + 1)
            if part.start < end:
                ranges.append((f"{kind}{part.start:016d}/", f"{kind}{end:016d}/"))
    return ranges


def _is_erased(session: Session | None, task: Item, row: Row) -> bool:
    """Tell whether a row of a session is of an erased visitor: all are, unless it began anew."""
    if session is None or session.is_erased:
        return True
    key, item = row
    if key.item.startswith(keys.EVENT_RECEIPT):
        # where a part of the session is erased it stays: by it, what is sent again is recognized
        whole = filter(_is_whole, erased_parts(task))
        return any(int(item["time"]) < part.until for part in whole)
    time = keys.event_time(key)
    received = int(item.get("received", time))
    return stored_was_erased(erased_parts(task), time, received)


def _is_whole(part: Erased) -> bool:
    """Tell whether a session was erased as a whole."""
    return (part.start, part.end) == (0, END)


def _weight(row: Row) -> int:
    """Count the actions that delete a row: it may name an order, and have pieces."""
    _, item = row
    for_order = 2 if "order" in item else 0
    return 1 + for_order + int(item.get("pieces", 0))


def _deletions(tasks: Tasks, portion: _Portion) -> list[Action]:
    """Make the actions that delete rows, and the tasks for orders that their events are.

    The pieces of an event, and what later reports of its order added, go with it: their keys say
    when it happened, but not when it came in.
    """
    actions: dict[Key, Action] = {}
    for key, item in portion.rows:
        count = int(item.get("pieces", 0))
        pieces = [keys.event_piece(key, str(item["digest"]), n) for n in range(count)]
        if "order" in item:
            put = tasks.put(keys.ORDER_TASK, item["order"])
            actions[put.key] = put
            pieces.append(keys.order_completion(key))
        actions.update((one, Delete(one)) for one in (key, *pieces))
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


def _count_tasks(receipt: Item, kind: str, closed: Sequence[tuple[Key, Item]]) -> Item:
    """Add what tasks erased to a receipt."""
    counts = dict.fromkeys(COUNTS, 0)
    for key, item in closed:
        if kind == keys.SWEPT_SESSION:
            counts["events"] += int(item["events"])
            counts["sessions"] += "ended" in item
        else:
            node = Node.parse(parse_dated_name(key.item.removeprefix(kind))[1])
            counts["profiles" if node.type == PROFILE else "identifiers"] += 1
    return {**receipt, **{name: int(receipt[name]) + n for name, n in counts.items()}}


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
