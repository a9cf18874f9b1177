"""Measure order feeds: a file of each form, its CPU time and the memory that it takes.

`python -m tests.bench.feed` writes the files of 100,000 rows into a temporary folder. Each is read
twice, as an import does: once for the decimal sign, and once to translate every order.

With `--import` each is imported whole instead, as the function does with a file in the bucket: by
its own importer, with all its threads, on a store in memory. The store is in another process, so
that the memory is the importer's alone; it takes minutes for each form.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, TextIO
from xml.etree import ElementTree as Xml

from dialects.order_feed.answers import STATUSES
from dialects.order_feed.bucket import Bucket
from dialects.order_feed.commands import build_command
from dialects.order_feed.executor import FeedImporter
from dialects.order_feed.feed_reader import learn_format, read_rows
from dialects.order_feed.file_import import FEEDS, RESULTS, import_file
from hardlink.domain.records import Item, Key
from hardlink.domain.sources.registry import IdentifierType, Project, Sources
from hardlink.services.service import Service
from hardlink.storage.store import Action, Store
from tests.support.memory_store import MemoryStore

ROWS = 100_000
_PROJECT = Project(
    {
        "registered": IdentifierType("hard"),
        "email": IdentifierType("soft", email=True),
    }
)


def make_orders(count: int) -> Iterator[dict[str, Any]]:
    """Make orders of one line each, with amounts as half of Europe writes them."""
    for number in range(count):
        customer = f"c{number % 40_000}"
        line = {"productNumber": f"p{number % 999}", "quantity": "1"}
        yield {
            "orderNumber": f"A{number:06d}",
            "date": "2026-11-01 10:00:00",
            "total": "1.234,50",
            "currency": "EUR",
            "status": "paid",
            "email": f"{customer}@shop.example",
            "customerId": customer,
            "products": [{**line, "lineTotal": "1.234,50"}],
        }


def write_json(file: TextIO, count: int) -> None:
    """Write an array."""
    for number, order in enumerate(make_orders(count)):
        file.write("," if number else "[")
        json.dump(order, file)
    file.write("]")


def write_json_lines(file: TextIO, count: int) -> None:
    """Write an order a line."""
    for order in make_orders(count):
        file.write(f"{json.dumps(order)}\n")


def write_csv(file: TextIO, count: int) -> None:
    """Write a row for each order, as each has one line."""
    writer = csv.writer(file, delimiter=";")
    for number, order in enumerate(make_orders(count)):
        row = {**order, **order["products"][0]}
        del row["products"]
        if number == 0:
            writer.writerow(row)
        writer.writerow(row.values())


def write_xml(file: TextIO, count: int) -> None:
    """Write Hello Retail's older form."""
    file.write("<orders>")
    for order in make_orders(count):
        element = Xml.Element("order")
        for name, value in order.items():
            if name != "products":
                Xml.SubElement(element, name).text = value
        line = Xml.SubElement(Xml.SubElement(element, "products"), "product")
        for name, value in order["products"][0].items():
            Xml.SubElement(line, name).text = value
        file.write(Xml.tostring(element, encoding="unicode"))
    file.write("</orders>")


FORMS: dict[str, Callable[[TextIO, int], None]] = {
    "json": write_json,
    "json lines": write_json_lines,
    "csv": write_csv,
    "xml": write_xml,
}


def read_feed(path: Path) -> int:
    """Read a file as an import does, but record nothing; return the number of its orders."""
    with path.open("rb", buffering=0) as stream:
        file_format = learn_format(read_rows(stream))
    orders = 0
    with path.open("rb", buffering=0) as stream:
        for row in read_rows(stream):
            if row.order is not None:
                build_command(row.order, _PROJECT, file_format)
                orders += 1
    return orders


def measure_memory(path: Path) -> int:
    """Measure the bytes that reading a file takes at most."""
    tracemalloc.start()
    try:
        read_feed(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class FolderBucket(Bucket):
    """A folder in the place of a bucket, with the file of a feed under the key `feeds/shop/file`."""

    def __init__(self, feed: Path, results: Path) -> None:
        self._feed = feed
        self._results = results

    def open(self, key: str) -> io.RawIOBase:
        """Open the file."""
        return io.FileIO(self._feed)

    def read_json(self, key: str) -> dict[str, Any] | None:
        """Read a result."""
        path = self._path(key)
        if not path.exists():
            return None
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content

    def write_text(self, key: str, text: str) -> None:
        """Write a result."""
        self._path(key).write_text(text, encoding="utf-8")

    def _path(self, key: str) -> Path:
        return self._results / key.replace("/", "-")


class StoreServer:
    """A store in memory, in a process of its own. Scans are lists, which can be sent."""

    def __init__(self) -> None:
        self._store = MemoryStore()

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read items."""
        return self._store.get(keys)

    def scan(self, place: tuple[Any, ...], more: Any) -> list[tuple[Key, Item]]:
        """Read a part of a partition."""
        return list(self._store.scan(*place, **more))

    def write(self, actions: Sequence[Action]) -> None:
        """Write a transaction."""
        self._store.write(actions)

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        """Put items that are not there yet."""
        return self._store.insert(items)


class StoreProcess(BaseManager):
    """The process of a store."""


StoreProcess.register("open", StoreServer)


class RemoteStore:
    """The store of another process, as far as orders need one."""

    def __init__(self, process: Any) -> None:
        self._server: StoreServer = process.open()
        self.sessions_name = "sessions"

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        """Read items."""
        return self._server.get(keys)

    def scan(self, *place: Any, **more: Any) -> Iterator[tuple[Key, Item]]:
        """Read a part of a partition."""
        return iter(self._server.scan(place, more))

    def scan_all(self, *_: Any, **__: Any) -> Iterator[list[tuple[Key, Item]]]:
        """Read a table: no order needs it."""
        raise NotImplementedError

    def write(self, actions: Sequence[Action]) -> None:
        """Write a transaction."""
        self._server.write(actions)

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        """Put items that are not there yet."""
        return self._server.insert(items)


def import_feed(path: Path, store: Store, results: Path) -> dict[str, Any]:
    """Import a file as the function does; return its summary."""
    service = Service(store, Sources({"shop": _PROJECT}), _read_clock)
    importer = FeedImporter(service, _read_clock, "shop", _PROJECT, "measured")
    bucket = FolderBucket(path, results)
    import_file(bucket, f"{FEEDS}shop/file", "1", importer, lambda: False)
    return bucket.read_json(f"{RESULTS}shop/file/summary.json") or {}


def measure_import(path: Path, folder: Path) -> str:
    """Import a file; describe how many orders have which status, and the memory at most."""
    folder.mkdir()
    with StoreProcess() as process:
        tracemalloc.start()
        try:
            summary = import_feed(path, RemoteStore(process), folder)
            peak = tracemalloc.get_traced_memory()[1] / 1_000_000
        finally:
            tracemalloc.stop()
    counts = ", ".join(f"{summary[status]} {status}" for status in STATUSES)
    return f"{summary['rows']} rows: {counts}, {peak:.1f} MB of memory"


def measure_reading(path: Path) -> str:
    """Read a file; describe its orders, CPU and memory, which is measured apart, as it is slow."""
    began = time.process_time()
    orders = read_feed(path)
    seconds = time.process_time() - began
    peak = measure_memory(path) / 1_000_000
    return f"{orders} orders, {seconds:.1f} s of CPU, {peak:.1f} MB of memory"


def _read_clock() -> int:
    return time.time_ns() // 1000


def main() -> None:
    """Print a line for each form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=ROWS, help="rows")
    parser.add_argument("--import", dest="imports", action="store_true")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for form in options.forms:
            path = Path(folder) / form
            with path.open("w", encoding="utf-8", newline="") as file:
                FORMS[form](file, options.count)
            size = path.stat().st_size / 1_000_000
            if options.imports:
                measured = measure_import(path, Path(folder) / f"{form} results")
            else:
                measured = measure_reading(path)
            print(f"{form}: {size:.0f} MB, {measured}", flush=True)


if __name__ == "__main__":
    main()
