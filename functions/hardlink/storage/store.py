"""The protocol of a store: consistent reads, ranges, and conditional writes, all or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from hardlink.domain.records import Item, Key, Table

MOST_ACTIONS = 100
"""DynamoDB: actions of one transaction."""


class Part(NamedTuple):
    """One part of a table, `number` from 0 on, of as many as `of` says."""

    number: int
    of: int


WHOLE = Part(0, 1)


class ConditionFailed(Exception):
    """An item changed since it was read: read again, decide again. Nothing was written."""


class Absent(NamedTuple):
    """Condition: there is no such item."""


class Present(NamedTuple):
    """Condition: there is such an item."""


class Rev(NamedTuple):
    """Condition: the item was not written since it was read at this `rev` (0: it was absent)."""

    rev: int


class AtMost(NamedTuple):
    """Condition: the item is absent, or its attribute is no larger than `value`."""

    attribute: str
    value: int


class Same(NamedTuple):
    """Condition: the item is there, and its attribute is still `value`."""

    attribute: str
    value: str | int


class Lacks(NamedTuple):
    """Condition: the item is absent, or it has no such attribute."""

    attribute: str


Condition: TypeAlias = Absent | Present | Rev | AtMost | Same | Lacks


class Put(NamedTuple):
    """Write an item whole, where `when` holds."""

    key: Key
    item: Item
    when: Condition | None = None


class Patch(NamedTuple):
    """Set some attributes of an item and remove others, where `when` holds."""

    key: Key
    put: Item
    when: Condition
    remove: tuple[str, ...] = ()


class Delete(NamedTuple):
    """Delete an item, where `when` holds; one that is not there is deleted already."""

    key: Key
    when: Condition | None = None


class Check(NamedTuple):
    """Let the other actions of a transaction be written only where `when` holds."""

    key: Key
    when: Condition


Action: TypeAlias = Put | Patch | Delete | Check


def merged_actions(first: Sequence[Action], second: Sequence[Action]) -> list[Action]:
    """Merge two plans into one transaction, in which every key stands once, as DynamoDB wants it.

    Where both name a key, the write stays, or the check if both only check. Raises
    `ConditionFailed` where the two were planned upon different revisions of an item: one of them is
    outdated.
    """
    merged = {action.key: action for action in first}
    for action in second:
        other = merged.get(action.key)
        if other is None:
            merged[action.key] = action
            continue
        if _expected_rev(other) != _expected_rev(action):
            # The transaction could not hold. The caller reads again and plans both anew, as it does
            # where DynamoDB cancels one.
            raise ConditionFailed
        if not isinstance(action, Check):
            merged[action.key] = action
    return list(merged.values())


def _expected_rev(action: Action) -> int | Condition | None:
    """The revision that an action expects of its item; 0 is an item that is not there."""
    if isinstance(action.when, Absent):
        return 0
    return action.when.rev if isinstance(action.when, Rev) else action.when


class Store(Protocol):
    """The tables. Every call may raise `Busy` when the tables do not answer."""

    @property
    def sessions_name(self) -> str:
        """The real name of `sessions`: one that was restored to a time has another."""

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read the items at these keys consistently, in order; `None` where there is none."""

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
        """Read the items of a partition with sort keys from `first` to `last`, both included.

        Read consistently. Pages are fetched as they are asked for; `page`: how many items one of
        them should hold.
        """

    def scan_all(
        self, table: Table, partitions: str, kinds: Sequence[str], part: Part = WHOLE
    ) -> Iterator[list[tuple[Key, Item]]]:
        """Read all items whose partition and sort key begin with `partitions` and one of `kinds`.

        In no order. `partitions`: empty for all. `part`: one part of the table; every partition
        stays in one.

        It reads the whole table, whatever it answers: a page a request, many of them empty, as they
        are asked for. Each page is read consistently, but not all at one moment: what is written
        meanwhile may be seen or not.
        """

    def write(self, actions: Sequence[Action]) -> None:
        """Write all or none, at most 100, each on a key of its own. Raises `ConditionFailed`."""

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        """Add items, each on a key of its own; `False` where one was there, which is kept."""
