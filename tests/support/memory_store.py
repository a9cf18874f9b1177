"""A store in memory with DynamoDB's semantics and limits, for thousands of histories in seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias
from zlib import crc32

from hardlink.domain.records import Attribute, Item, Key, Table
from hardlink.storage.event_bodies import expand_body
from hardlink.storage.keys import HEAD, PARTITION, SORT
from hardlink.storage.store import (
    MOST_ACTIONS,
    WHOLE,
    Absent,
    Action,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
    Lacks,
    Part,
    Patch,
    Present,
    Put,
    Rev,
    Same,
)

LARGEST_ITEM = 400 * 1024
LARGEST_TRANSACTION = 4 * 1024 * 1024
LARGEST_PAGE = 1024 * 1024
LONGEST_PARTITION_KEY = 2048
LONGEST_SORT_KEY = 1024
MOST_DIGITS = 38
INSERT_AT_ONCE = 25

Dump: TypeAlias = dict[Key, Item]
Change: TypeAlias = tuple[Table, str]
Before: TypeAlias = Callable[[str, Sequence[Key]], None]
_Place: TypeAlias = tuple[Table, str]


class Rejected(Exception):
    """DynamoDB's ValidationException: the request is invalid, whatever the tables hold."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The tables and the stream as they were at one moment."""

    partitions: Mapping[_Place, dict[str, Item]]
    changes: tuple[Change, ...]


def readable(item: Item) -> Item:
    """An item whose compressed body is a text, so that tests find what it tells of somebody."""
    return {
        name: expand_body(value) if isinstance(value, bytes) else value
        for name, value in item.items()
    }


class MemoryStore:
    """`hardlink.port.Store` in memory.

    `changes`: the streams of both tables, in order: a record per write that changed a `#` item.
    `before`: called before every request with its name (`get`, `scan`, `scan_all`, `write`,
    `insert`) and its keys. It may raise (a crash) or use the store itself (another client was
    quicker), for which it is not called again.
    A scan is one request a page, an insert is one request for every 25 items, as on DynamoDB.
    """

    def __init__(self, before: Before | None = None) -> None:
        self.before = before
        self.sessions_name = "sessions"
        self.changes: list[Change] = []
        self._partitions: dict[_Place, dict[str, Item]] = {}
        self._own: set[_Place] = set()  # partitions that no snapshot shares
        self._lock = threading.RLock()
        self._inside = threading.local()

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        for key in keys:
            _check_key(key)
        if keys:
            self._announce("get", keys)
        with self._lock:
            return [_copied(self._find(key)) for key in keys]

    def scan(
        self,
        table: Table,
        partition: str,
        first: str,
        last: str,
        *,
        newest_first: bool = False,
        page: int | None = None,
    ) -> Iterator[tuple[Key, Item]]:
        low, high = Key(table, partition, first), Key(table, partition, last)
        _check_key(low)
        _check_key(high)
        if first.encode() > last.encode():
            raise Rejected("the upper bound of BETWEEN is below the lower one")
        return self._pages(low, high, page, newest_first=newest_first)

    def scan_all(
        self, table: Table, partitions: str, kinds: Sequence[str], part: Part = WHOLE
    ) -> Iterator[list[tuple[Key, Item]]]:
        if not kinds or not all(kinds):
            raise Rejected("a filter that begins with nothing")
        after: Key | None = None
        while True:
            self._announce("scan_all", [])
            with self._lock:
                rest = [
                    row
                    for row in self._everything(table)
                    if (after is None or row[0] > after)
                    and crc32(row[0].partition.encode()) % part.of == part.number
                ]
                page = list(_one_page(rest, None))
            yield [
                (key, dict(item))
                for key, item in page
                if key.partition.startswith(partitions)
                and key.item.startswith(tuple(kinds))
            ]
            if len(page) == len(rest):
                return
            after = page[-1][0]

    def write(self, actions: Sequence[Action]) -> None:
        _check_actions(actions)
        self._announce("write", [action.key for action in actions])
        with self._lock:
            if not all(
                _holds(self._find(action.key), _condition(action)) for action in actions
            ):
                raise ConditionFailed
            after = [
                (action.key, _after(self._find(action.key), action))
                for action in actions
            ]
            for (key, item), action in zip(after, actions, strict=True):
                if not isinstance(action, Check):
                    _check_item(key, item)
            for (key, item), action in zip(after, actions, strict=True):
                if not isinstance(action, Check):
                    self._set(key, item)

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        for key, item in items:
            _check_key(key)
            _check_item(key, item)
        added: list[bool] = []
        for start in range(0, len(items), INSERT_AT_ONCE):
            some = items[start : start + INSERT_AT_ONCE]
            if len({key for key, _ in some}) < len(some):
                raise Rejected("two inserts of one batch are on one item")
            self._announce("insert", [key for key, _ in some])
            with self._lock:
                added += [self._insert(key, item) for key, item in some]
        return added

    def snapshot(self) -> Snapshot:
        """Everything as it is now; costs nothing until partitions are written again."""
        with self._lock:
            self._own.clear()
            return Snapshot(dict(self._partitions), tuple(self.changes))

    def restore(self, snapshot: Snapshot) -> None:
        """Everything as it was."""
        with self._lock:
            self._own.clear()
            self._partitions = dict(snapshot.partitions)
            self.changes[:] = snapshot.changes

    def dump(self) -> Dump:
        """Every item of all tables, with bodies of events as they are read."""
        with self._lock:
            return {
                Key(table, partition, name): readable(item)
                for (table, partition), rows in self._partitions.items()
                for name, item in rows.items()
            }

    def taken(self) -> list[Change]:
        """The stream's records so far; the stream is empty afterwards."""
        with self._lock:
            records, self.changes[:] = list(self.changes), []
            return records

    def _announce(self, request: str, keys: Sequence[Key]) -> None:
        if self.before is None or getattr(self._inside, "before", False):
            return
        self._inside.before = True
        try:
            self.before(request, keys)
        finally:
            self._inside.before = False

    def _pages(
        self, low: Key, high: Key, page: int | None, *, newest_first: bool
    ) -> Iterator[tuple[Key, Item]]:
        after: str | None = None
        while True:
            self._announce("scan", [low, high])
            with self._lock:
                rest = self._between(low, high, after, newest_first=newest_first)
                found = list(_one_page(rest, page))
            yield from found
            if len(found) == len(rest) and not (page and len(found) == page):
                return  # after a full page, DynamoDB too needs one more request to find the end
            after = found[-1][0].item

    def _between(
        self, low: Key, high: Key, after: str | None, *, newest_first: bool
    ) -> list[tuple[Key, Item]]:
        rows = self._partitions.get((low.table, low.partition), {})
        first, last = low.item.encode(), high.item.encode()
        if after is not None:  # a page begins behind the one before
            first, last = (
                (first, after.encode()) if newest_first else (after.encode(), last)
            )
        chosen = (n for n in rows if first <= n.encode() <= last and n != after)
        names = sorted(chosen, key=str.encode, reverse=newest_first)
        return [(low._replace(item=name), dict(rows[name])) for name in names]

    def _everything(self, table: Table) -> list[tuple[Key, Item]]:
        """A whole table, in an order that stays."""
        return sorted(
            (
                (Key(table, partition, name), item)
                for (where, partition), rows in self._partitions.items()
                for name, item in rows.items()
                if where == table
            ),
            key=lambda row: row[0],
        )

    def _insert(self, key: Key, item: Item) -> bool:
        if self._find(key) is not None:
            return False
        self._set(key, item)
        return True

    def _find(self, key: Key) -> Item | None:
        return self._partitions.get((key.table, key.partition), {}).get(key.item)

    def _set(self, key: Key, item: Item | None) -> None:
        if _same(self._find(key), item):
            return
        place = (key.table, key.partition)
        rows = self._partitions.get(place, {})
        if place not in self._own:
            rows = dict(rows)
            self._own.add(place)
        if item is None:
            del rows[key.item]
        else:
            rows[key.item] = dict(item)
        self._partitions[place] = rows
        if key.item == HEAD:
            self.changes.append(place)


def _holds(item: Item | None, when: Condition | None) -> bool:
    has = item or {}
    match when:
        case None:
            return True
        case Absent():
            return item is None
        case Present():
            return item is not None
        case Rev(0):
            return "rev" not in has
        case Rev(rev):
            return has.get("rev") == rev
        case AtMost(attribute, value):
            return attribute not in has or _number(has[attribute]) <= value
        case Lacks(attribute):
            return attribute not in has
        case Same(attribute, same):
            return has.get(attribute) == same


def _condition(action: Action) -> Condition | None:
    return action.when


def _after(item: Item | None, action: Action) -> Item | None:
    match action:
        case Put():
            return action.item
        case Patch():
            kept = {
                name: v for name, v in (item or {}).items() if name not in action.remove
            }
            return kept | action.put
        case _:
            return None


def _number(value: Attribute) -> int:
    """A number to compare with; a text or a truth compares with none."""
    return (
        value
        if isinstance(value, int) and not isinstance(value, bool)
        else 10**MOST_DIGITS
    )


def _one_page(
    rest: Sequence[tuple[Key, Item]], page: int | None
) -> Iterator[tuple[Key, Item]]:
    room = LARGEST_PAGE
    for key, item in islice(rest, page):
        yield key, item
        room -= size(key, item)
        if room <= 0:
            return


def size(key: Key, item: Item) -> int:
    """The bytes of an item as DynamoDB counts them: names and values."""
    keys = {PARTITION[key.table]: key.partition, SORT: key.item}
    return sum(
        len(name.encode()) + _bytes(value) for name, value in {**item, **keys}.items()
    )


def _bytes(value: Attribute) -> int:
    if isinstance(value, bool):
        return 1
    if isinstance(value, bytes):
        return len(value)
    return len(value.encode()) if isinstance(value, str) else len(str(value)) // 2 + 2


def _check_actions(actions: Sequence[Action]) -> None:
    if not 1 <= len(actions) <= MOST_ACTIONS:
        raise Rejected(f"{len(actions)} actions: a transaction has 1 to {MOST_ACTIONS}")
    if len({action.key for action in actions}) < len(actions):
        raise Rejected("two actions of one transaction are on one item")
    for action in actions:
        _check_key(action.key)
        if isinstance(action, Patch):
            _check_patch(action)
    weight = sum(size(a.key, _written(a)) for a in actions)
    if len(actions) > 1 and weight > LARGEST_TRANSACTION:
        raise Rejected(
            f"{weight} bytes: a transaction has at most {LARGEST_TRANSACTION}"
        )


def _check_patch(patch: Patch) -> None:
    if not patch.put and not patch.remove:
        raise Rejected("an update without an expression")
    if patch.put.keys() & set(patch.remove):
        raise Rejected("an attribute is set and removed at once")
    if {PARTITION[patch.key.table], SORT} & {*patch.put, *patch.remove}:
        raise Rejected("an update can't change a key")


def _written(action: Action) -> Item:
    match action:
        case Put():
            return action.item
        case Patch():
            return action.put
        case _:
            return {}


def _check_key(key: Key) -> None:
    limits = ((key.partition, LONGEST_PARTITION_KEY), (key.item, LONGEST_SORT_KEY))
    for text, longest in limits:
        if not 1 <= len(text.encode()) <= longest:
            raise Rejected(f"a key of {len(text.encode())} bytes: 1 to {longest}")


def _check_item(key: Key, item: Item | None) -> None:
    if item is None:
        return
    if {PARTITION[key.table], SORT} & item.keys():
        raise Rejected("an attribute is named like a key")
    for name, value in item.items():
        if not name:
            raise Rejected("an attribute has no name")
        if (
            not isinstance(value, str | bytes)
            and len(str(abs(value)).rstrip("0")) > MOST_DIGITS
        ):
            raise Rejected(f"{name}: a number has at most {MOST_DIGITS} digits")
    if size(key, item) > LARGEST_ITEM:
        raise Rejected(f"an item of {size(key, item)} bytes: at most {LARGEST_ITEM}")


def _same(one: Item | None, other: Item | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other and all(type(one[name]) is type(other[name]) for name in one)


def _copied(item: Item | None) -> Item | None:
    return None if item is None else dict(item)
