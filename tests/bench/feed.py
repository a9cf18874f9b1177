"""Measure reading order feeds: a file of each form, its CPU time and the memory that it takes.

`python -m tests.bench.feed` writes the files of 100,000 rows into a temporary folder. Each is read
twice, as an import does: once for the decimal sign, and once to translate every order.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO
from xml.etree import ElementTree as Xml

from dialects.order_feed.commands import build_command
from dialects.order_feed.feed_reader import learn_format, read_rows
from hardlink.domain.sources.registry import IdentifierType, Project

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


def main(count: int = ROWS) -> None:
    """Print a line for each form. Memory is measured apart, because measuring it takes time."""
    with tempfile.TemporaryDirectory() as folder:
        for form, write in FORMS.items():
            path = Path(folder) / form
            with path.open("w", encoding="utf-8", newline="") as file:
                write(file, count)
            began = time.process_time()
            orders = read_feed(path)
            seconds = time.process_time() - began
            peak = measure_memory(path) / 1_000_000
            size = path.stat().st_size / 1_000_000
            print(
                f"{form}: {orders} orders, {size:.0f} MB, "
                f"{seconds:.1f} s of CPU, {peak:.1f} MB of memory"
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
