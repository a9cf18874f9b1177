"""The rest of an erasure: the events, notes and orders of what `erasing` ended, and then what it had to remember.

Calls that were under way when somebody was erased may still write an event. They end within a minute, or fail: what
they wrote is found by a second sweep, after which the receipt says `done` and no name is left in it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress

from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.order_matching import Order
from hardlink.domain.records import Item, Key, Session
from hardlink.domain.times import MINUTE
from hardlink.services.erasure import Erasure, read_tasks
from hardlink.storage import items, keys, nodes
from hardlink.storage.retries import optimistic_retries
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
"""Rows that one transaction deletes: each may name an order."""
_KINDS = ("e/", "n/", "x/")


class ErasureSweep:
    """Sweeps. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int], erasing: Erasure) -> None:
        self._store = store
        self._clock = clock
        self._erasing = erasing

    def sweep(self, project_id: str, id_: str) -> int:
        """Carry an erasure on as far as it goes now; answers after how many microseconds to call again, 0: it is done.

        However often it is called, by however many at once.
        """
        key = keys.erasure_item(project_id, id_)
        item = self._store.get([key])[0]
        if item is None or "done" in item:
            return 0
        if "events" in item:  # it died as it forgot what it had done
            self._finish(project_id, id_)
            return 0
        self._erasing.propagate(project_id, id_)
        began = self._clock()
        sessions = read_tasks(self._store, project_id, id_, "s/")
        for name, row in sessions:
            self._sweep_session(project_id, id_, name, row)
        self._forget_bounds(project_id, {name for name, _ in sessions})
        for name, _ in read_tasks(self._store, project_id, id_, "n/"):
            self._find_orders(project_id, id_, Node.parse(name))
        for name, _ in read_tasks(self._store, project_id, id_, "o/"):
            self._forget_order(project_id, name)
        until = max(int(row["at"]) for row in (item, *(row for _, row in sessions))) + UNDER_WAY
        if began <= until:
            return until - began + 1
        counted = Put(key, {**item, **self._counted(project_id, id_)}, Same("state", "running"))
        with suppress(ConditionFailed):  # somebody else was here
            self._store.write([counted])
        self._finish(project_id, id_)
        return 0

    def _sweep_session(self, project_id: str, id_: str, session_id: str, row: Item) -> None:
        for _ in optimistic_retries():
            try:
                while self._swept_some(project_id, id_, session_id, row):
                    pass
            except ConditionFailed:
                row = (
                    self._store.get([keys.erasure_item(project_id, id_, f"s/{session_id}")])[0]
                    or row
                )
                continue
            return

    def _swept_some(self, project_id: str, id_: str, session_id: str, row: Item) -> bool:
        """Delete some of what is left; `False` where nothing is. Raises `ConditionFailed`."""
        key = keys.session_head(project_id, session_id)
        item = self._store.get([key])[0]
        session = items.decode_session(key, item) if item else None
        found = list(self._doomed(key, session, row))[:_AT_ONCE]
        if not found:
            return False
        count = sum(place.item.startswith("e/") for place, _ in found)
        mark = keys.erasure_item(project_id, id_, f"s/{session_id}")
        before = int(row["events"])
        row["events"] = before + count
        orders = {str(one["order"]) for _, one in found if "order" in one}
        self._store.write(
            [
                *_still(key, session, item),
                Put(mark, dict(row), Same("events", before)),
                *(Put(keys.erasure_item(project_id, id_, f"o/{number}"), {}) for number in orders),
                *(Delete(place) for place, _ in found),
            ]
        )
        return True

    def _doomed(self, key: Key, session: Session | None, row: Item) -> Iterator[tuple[Key, Item]]:
        """What is to go of a session: all, where nobody came back to it."""
        for kind in _KINDS:
            for place, item in self._store.scan(
                "sessions", key.partition, kind, keys.end_of_prefix(kind)
            ):
                if session is None or session.is_erased or _is_erased(session, row, place, item):
                    yield place, item

    def _forget_bounds(self, project_id: str, names: Collection[str]) -> None:
        """Nobody looks for new events of sessions that are not there; a customer's own is named after them."""
        partition = keys.active_session(project_id, 0, "").partition
        places = [
            place
            for place, _ in self._store.scan("sessions", partition, "s/", keys.end_of_prefix("s/"))
            if keys.active_session_id(place) in names
        ]
        for place in places:  # who comes back from here on writes a bound of their own
            key = keys.session_head(project_id, keys.active_session_id(place))
            item = self._store.get([key])[0]
            if item is None or "erased_at" in item:
                self._store.write([Delete(place)])

    def _find_orders(self, project_id: str, id_: str, node: Node) -> None:
        """Orders that were told of a node while it was erased."""
        head = keys.node_head(project_id, node)
        for name, _ in nodes.read_rows(self._store, project_id, node, "t/"):
            number = name.removeprefix("t/")
            left = Put(keys.erasure_item(project_id, id_, f"o/{number}"), {})
            with suppress(ConditionFailed):  # who has this identifier now is told of it
                self._store.write([Check(head, Absent()), left, Delete(head._replace(item=name))])

    def _forget_order(self, project_id: str, number: str) -> None:
        """An order keeps nothing of events that are not there, and is told of nobody who was erased."""
        key = keys.order_head(project_id, number)
        for place, _ in self._store.scan("sessions", key.partition, "p/", keys.end_of_prefix("p/")):
            visitor = Node(PROFILE, place.item.removeprefix("p/"))
            if not nodes.read_records(self._store, project_id, [visitor])[visitor].exists:
                self._store.write([Delete(place)])
        for _ in optimistic_retries():
            item = self._store.get([key])[0]
            if item is None:
                return
            before = items.decode_order(key, item)
            after = self._remaining(project_id, before)
            if after == before:
                return
            fresh = after._replace(rev=before.rev + 1)
            put = Put(key, items.encode_order(fresh), Rev(before.rev))
            try:
                self._store.write([put if after.tracked else Delete(key, Same("rev", before.rev))])
            except ConditionFailed:
                continue
            return

    def _remaining(self, project_id: str, order: Order) -> Order:
        places = [
            keys.session_event(project_id, k.session, k.claim.time, k.event) for k in order.tracked
        ]
        found_items = self._store.get(places) if places else []
        kept = tuple(k for k, item in zip(order.tracked, found_items, strict=True) if item)
        told = order.shop_order
        if told:
            ids = nodes.read_claimed_records(self._store, project_id, told.ids).values()
            visitor = told.visitor
            if any(not r.exists or r.last_erased_at >= told.claim.time for r in ids):
                told = None
            elif (
                visitor
                and not nodes.read_records(self._store, project_id, [visitor])[visitor].exists
            ):
                told = told._replace(visitor=None)
        return order._replace(tracked=kept, shop_order=told)

    def _counted(self, project_id: str, id_: str) -> Item:
        """How much was removed."""
        sessions = read_tasks(self._store, project_id, id_, "s/")
        types = [
            Node.parse(name).type for name, _ in read_tasks(self._store, project_id, id_, "n/")
        ]
        profiles = types.count(PROFILE)
        return {
            "identifiers": len(types) - profiles,
            "profiles": profiles,
            "sessions": sum("floor" in row for _, row in sessions),
            "events": sum(int(row["events"]) for _, row in sessions),
        }

    def _finish(self, project_id: str, id_: str) -> None:
        """The receipt says how much was removed; now whose it was is forgotten, and then it is done."""
        key = keys.erasure_item(project_id, id_)
        for kind in ("n/", "o/", "r/", "s/", "u/"):
            for name, _ in read_tasks(self._store, project_id, id_, kind):
                self._store.write([Delete(keys.erasure_item(project_id, id_, f"{kind}{name}"))])
        done: Item = {"state": "done", "done": self._clock()}
        with suppress(ConditionFailed):
            self._store.write([Patch(key, done, Same("state", "running"))])


def _still(key: Key, session: Session | None, item: Item | None) -> list[Action]:
    """That nobody came back meanwhile whose events would be deleted."""
    if item is None:
        return [Check(key, Absent())]
    if session and session.is_erased:
        return [Check(key, Same("erased_at", int(item["erased_at"])))]
    return []


def _is_erased(session: Session, row: Item, place: Key, item: Item) -> bool:
    """Whether a row of a session that is there is of somebody who was erased."""
    time = int(place.item.split("/", 2)[1])
    floor = int(row.get("floor", -1))
    received = int(item["received"]) if "received" in item else time
    return session.was_erased(time) or time <= floor or received <= floor
