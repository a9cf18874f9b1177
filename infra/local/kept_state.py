"""The parts that the local service keeps between two runs: the items of its tables, and its keys.

Everything lies in one folder, which is of no use to any other program: `tables.jsonl`, one item a
line, behind a line that says whether every stream record was delivered; and `keys.json`, for this
user only.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hardlink.storage import keys as table_keys
from infra.local import moto_engine

_SAVE_INTERVAL = 5.0
"""Seconds between two saves while something changes: so much is lost if the program is killed."""
_SHARE = 30
"""Times of a save's own duration that lie between two of them."""
_FORMAT = 2
"""Of the saved tables: raised where stored items change their form."""
Keys = dict[str, str]
"""Name of a setting -> key."""
Erasure = tuple[str, str]
"""Project and ID of an erasure."""


class KeptState:
    """The folder of one service, which need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._changed = threading.Event()
        self._stopped = threading.Event()

    @property
    def _tables_file(self) -> Path:
        return self.folder / "tables.jsonl"

    @property
    def _keys_file(self) -> Path:
        return self.folder / "keys.json"

    def forget(self) -> None:
        """Delete what was kept, and no other files: somebody may have named a folder with some."""
        for path in (self._tables_file, self._keys_file):
            path.unlink(missing_ok=True)

    def read_keys(self) -> Keys:
        """Read the keys of the previous run."""
        try:
            keys: Keys = json.loads(self._keys_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return keys

    def keep_keys(self, keys: Mapping[str, str]) -> None:
        """Keep keys for the next run, readable for this user only."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace_file(self._keys_file, json.dumps(dict(keys)))

    def restore(self) -> Sequence[Erasure]:
        """Fill the empty tables, and return the erasures that are not done.

        Their messages went with the queue, which is not kept: they are to be sent again.

        The previous run may have been killed before it delivered all stream records: then the items
        count as changed, and what is derived from them is derived again.
        """
        try:
            head, *lines = self._tables_file.read_text(encoding="utf-8").splitlines()
            saved = json.loads(head)
        except (OSError, ValueError):
            return ()
        if saved.get("format") != _FORMAT:
            return ()
        unfinished: list[Erasure] = []
        for line in lines:
            table, attributes = json.loads(line)
            moto_engine.put_item(table, attributes)
            if _is_unfinished_erasure(attributes):
                unfinished.append(_erasure_of(attributes))
        if saved["delivered"]:
            for table in moto_engine.list_tables():
                moto_engine.take_records(table)
        return unfinished

    def save(self, *, delivered: bool) -> None:
        """Save all tables. `delivered`: no stream record waits."""
        head = {"format": _FORMAT, "delivered": delivered}
        lines = [json.dumps(head)]
        for table in moto_engine.list_tables():
            # Only ASCII: some other characters end a line.
            items = moto_engine.list_items(table)
            lines += [_write_line(table, attributes) for attributes in items]
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace_file(self._tables_file, "\n".join(lines))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Save in the background during a `with` block."""
        thread = threading.Thread(target=self._run, name="kept-state")
        with moto_engine.listen_for_records(self._changed.set):
            thread.start()
            try:
                yield
            finally:
                self._stopped.set()
                thread.join()

    def _run(self) -> None:
        interval = _SAVE_INTERVAL
        while not self._stopped.wait(interval):
            if self._changed.is_set():
                self._changed.clear()
                started = time.monotonic()
                self.save(delivered=False)
                interval = next_interval(time.monotonic() - started)


def _write_line(table: str, attributes: Mapping[str, Any]) -> str:
    return json.dumps([table, attributes], default=_base64_text)


def _base64_text(value: bytes) -> str:
    """The form in which DynamoDB's JSON has bytes, as of compressed events."""
    return base64.b64encode(value).decode()


def next_interval(duration: float) -> float:
    """Return the seconds until the next save, of the seconds that the last one took.

    A save writes all tables and holds up the calls: however many there are, it takes one part in
    thirty of the service's time at most.
    """
    return max(_SAVE_INTERVAL, _SHARE * duration)


def _is_unfinished_erasure(attributes: Mapping[str, Any]) -> bool:
    """Check whether an item is the receipt of an erasure that is not done."""
    is_receipt = attributes["item"]["S"] == table_keys.ERASURE
    return is_receipt and "done" not in attributes


def _erasure_of(attributes: Mapping[str, Any]) -> Erasure:
    names = (table_keys.PARTITION["customers"], table_keys.SORT)
    key = table_keys.parse_stored_key({name: attributes[name]["S"] for name in names})
    return table_keys.erasure_of_partition(key.partition)


def _replace_file(path: Path, text: str) -> None:
    """Write a file as a whole: one that is cut off halfway would lose everything."""
    scratch = path.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    scratch.replace(path)
