"""A store that counts what is written, for reports and dry runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from hardlink.domain.records import Item, Key, Table
from hardlink.storage import keys
from hardlink.storage.store import WHOLE, Action, Check, Delete, Part, Store

_ROW_NAMES = {
    keys.SESSION_CUSTOMER: "customer of a session",
    keys.ROOT_REFERENCE: "home",
    keys.CONTRIBUTION: "contribution",
    keys.CONTRIBUTED_VALUES: "contributed values",
    keys.ROOT_SESSION: "session row",
}


class RecordingStore:
    """A store that counts written rows by kind. `dry_run`: it writes nothing."""

    def __init__(self, store: Store, *, dry_run: bool) -> None:
        self._store = store
        self._dry_run = dry_run
        self.written: Counter[str] = Counter()

    @property
    def sessions_name(self) -> str:
        """The name of the store's table."""
        return self._store.sessions_name

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read items from the store."""
        return self._store.get(keys)

    def scan(
        self, table: Table, partition: str, first: str, last: str, **options: Any
    ) -> Iterator[tuple[Key, Item]]:
        """Read a range from the store."""
        return self._store.scan(table, partition, first, last, **options)

    def scan_all(
        self, table: Table, partitions: str, kinds: Sequence[str], part: Part = WHOLE
    ) -> Iterator[list[tuple[Key, Item]]]:
        """Read all items of some kinds from the store."""
        return self._store.scan_all(table, partitions, kinds, part)

    def write(self, actions: Sequence[Action]) -> None:
        """Count the writes, and carry them out unless this is a dry run."""
        if not self._dry_run:
            self._store.write(actions)
        # After the write, because a transaction that DynamoDB refused has written nothing.
        for action in actions:
            if not isinstance(action, Check):
                self.written[_describe_write(action)] += 1

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        """Refuse: association inserts nothing."""
        raise NotImplementedError("association inserts nothing")


def _describe_write(action: Action) -> str:
    """A text such as `session row deleted`."""
    name = _ROW_NAMES[action.key.item[:2]]
    return f"{name} deleted" if isinstance(action, Delete) else f"{name} written"
