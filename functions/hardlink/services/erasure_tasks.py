"""The tasks of one erasure, rows beside its receipt (see `domain.erasure.states`)."""

from __future__ import annotations

from hardlink.domain.records import Item, Key
from hardlink.storage import keys
from hardlink.storage.store import Delete, Put, Store


class Tasks:
    """Reads an erasure's tasks, and makes actions that change them. `kind`: of `keys.TASKS`."""

    def __init__(self, store: Store, project_id: str, id_: str) -> None:
        self._store = store
        self.project_id = project_id
        self.erasure = id_

    @property
    def receipt_key(self) -> Key:
        """The key of the erasure's receipt."""
        return keys.erasure_item(self.project_id, self.erasure)

    def key(self, kind: str, name: object) -> Key:
        """The key of a task. `name`: the node, session or order that it is about."""
        return keys.erasure_item(self.project_id, self.erasure, f"{kind}{name}")

    def put(self, kind: str, name: object, item: Item | None = None) -> Put:
        """Make the action that adds a task."""
        return Put(self.key(kind, name), item or {})

    def delete(self, kind: str, name: object) -> Delete:
        """Make the action that removes a task."""
        return Delete(self.key(kind, name))

    def read(self, kind: str) -> list[tuple[str, Item]]:
        """Read all tasks of a kind: the name of each, and its item."""
        last = keys.end_of_prefix(kind)
        rows = self._store.scan("customers", self.receipt_key.partition, kind, last)
        return [(key.item.removeprefix(kind), item) for key, item in rows]

    def read_names(self, kind: str) -> list[str]:
        """Read the names of all tasks of a kind."""
        return [name for name, _ in self.read(kind)]

    def find(self, kind: str, name: object) -> Item | None:
        """Read one task, if it is there."""
        return self._store.get([self.key(kind, name)])[0]
