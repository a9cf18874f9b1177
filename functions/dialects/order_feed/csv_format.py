"""Orders as CSV: a header, then a row for every line of an order; the rows of one order follow each other."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, TextIO

from dialects.order_feed.faults import MOST_CHARACTERS, Broken

_ORDER = ("orderNumber", "date", "total", "email", "customerId")
_LINE = ("productNumber", "url", "quantity", "lineTotal")
_NAMES = {name.lower(): name for name in (*_ORDER, *_LINE)}
_DELIMITERS = (",", ";", "\t")
MOST_LINES = 5000
"""Rows of one order."""
Found = dict[str, str]


def orders(text: TextIO) -> Iterator[dict[str, Any] | str]:
    """Each order, or why it is none. Raises `Broken`."""
    lines = _lines(text)
    header = next(lines, "")
    delimiter = max(_DELIMITERS, key=header.count)
    columns = [_NAMES.get(_spelled(name)) for name in _named(header, delimiter)]
    if "orderNumber" not in columns:
        raise Broken("the first row names no column orderNumber")
    order: list[Found] = []
    for row in _rows(lines, delimiter, columns):
        if isinstance(row, str):
            yield from _together(order)
            yield row
            order = []
        elif order and (row.get("orderNumber") != order[0].get("orderNumber")):
            yield from _together(order)
            order = [row]
        elif len(order) >= MOST_LINES:
            raise Broken(f"more than {MOST_LINES} rows of one order")
        else:
            order.append(row)
    yield from _together(order)


def _named(header: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error as error:
        raise Broken(f"the first row is no CSV: {error}") from error


def _rows(lines: Iterator[str], delimiter: str, columns: list[str | None]) -> Iterator[Found | str]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield f"line {reader.line_num + 1} is no CSV: {error}"
            continue
        if cells is None:
            return
        if len(cells) > len(columns):
            yield f"line {reader.line_num + 1} has {len(cells)} columns, the first row names {len(columns)}"
        elif any(cell.strip() for cell in cells):
            named = zip(columns, cells, strict=False)
            yield {name: cell.strip() for name, cell in named if name and cell.strip()}


def _together(rows: list[Found]) -> Iterator[dict[str, Any] | str]:
    """The rows of one order as one."""
    if not rows:
        return
    order: dict[str, Any] = {}
    for row in rows:
        for name in _ORDER:
            if name in row and order.setdefault(name, row[name]) != row[name]:
                yield f"the rows of this order differ about {name}"
                return
    lines = [{name: row[name] for name in _LINE if name in row} for row in rows]
    yield {**order, "products": [line for line in lines if line]}


def _lines(text: TextIO) -> Iterator[str]:
    while line := text.readline(MOST_CHARACTERS):
        if len(line) == MOST_CHARACTERS:
            raise Broken(f"a row has more than {MOST_CHARACTERS} characters")
        yield line


def _spelled(name: str) -> str:
    """A column's name, in any case and with any separator: `Order Number`, `order_number`."""
    return "".join(c for c in name.lower() if c.isalnum())
