"""The tasks of one erasure, rows beside its receipt (see `domain.erasure.states`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from hardlink.domain.erasure.states import Requester, requester_of
from hardlink.domain.graph import NOTHING
from hardlink.domain.records import Attribute, Item, Key
from hardlink.storage import keys
from hardlink.storage.store import Delete, Put, Store

_PAGE = 25
"""Tasks that one step reads: the others are read when these are done."""


COUNTS = ("identifiers", "profiles", "sessions", "events")
"""What a receipt says was removed, by the names of its attributes."""


class Tasks:
    """Reads an erasure's tasks, and makes actions that change them. `kind`: of `keys.TASKS`.

    A task that is done is deleted, or becomes one of another kind. So a step reads what is left of
    a kind, and never what others did before it.
    """

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

    def put(
        self, kind: str, name: object, item: Mapping[str, Attribute] = NOTHING
    ) -> Put:
        """Make the action that adds a task, or replaces it. `item`: its attributes."""
        return Put(self.key(kind, name), dict(item))

    def delete(self, kind: str, name: object) -> Delete:
        """Make the action that removes a task."""
        return Delete(self.key(kind, name))

    def read_some(self, kind: str) -> list[tuple[str, Item]]:
        """Read the first tasks of a kind that are left: the name of each, and its item."""
        last = keys.end_of_prefix(kind)
        partition = self.receipt_key.partition
        rows = self._store.scan("customers", partition, kind, last, page=_PAGE)
        return [
            (key.item.removeprefix(kind), item) for key, item in islice(rows, _PAGE)
        ]

    def read_names(self, kind: str) -> list[str]:
        """Read the names of all tasks of a kind that are left."""
        partition, last = self.receipt_key.partition, keys.end_of_prefix(kind)
        rows = self._store.scan("customers", partition, kind, last)
        return [key.item.removeprefix(kind) for key, _ in rows]

    def portions(self, kind: str) -> Iterator[list[str]]:
        """Read the names of the tasks of a kind, until none is left.

        Each portion is to be carried out before the next one is asked for.
        """
        while found := self.read_some(kind):
            yield [name for name, _ in found]

    def read_last(self, kind: str) -> str | None:
        """Read the name of the last task of a kind, if there is one."""
        last = keys.end_of_prefix(kind)
        partition = self.receipt_key.partition
        rows = self._store.scan(
            "customers", partition, kind, last, newest_first=True, page=1
        )
        return next((key.item.removeprefix(kind) for key, _ in rows), None)

    def find(self, kind: str, name: object) -> Item | None:
        """Read one task, if it is there."""
        return self._store.get([self.key(kind, name)])[0]


def read_requester(store: Store, project_id: str, id_: str) -> Requester:
    """Read who asked for an erasure that began; the shop, where its receipt is not there."""
    receipt = store.get([keys.erasure_item(project_id, id_)])[0]
    return requester_of(receipt or {})


def dated_name(at: int, name: object) -> str:
    """Name a task that waits for calls that were under way: the last to wait comes last."""
    return f"{at:016d}/{name}"


def parse_dated_name(text: str) -> tuple[int, str]:
    """Parse the name that `dated_name` made."""
    at, _, name = text.partition("/")
    return int(at), name
