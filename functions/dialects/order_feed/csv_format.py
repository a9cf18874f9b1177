"""Orders as CSV: a header, then a row for every line of an order.

The rows of one order follow each other.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from dialects.order_feed.feed_errors import MOST_CHARACTERS, BrokenFeedError

_ORDER_FIELDS = (
    *("orderNumber", "date", "total", "currency", "status"),
    *("email", "customerId"),
)
_LINE_FIELDS = ("productNumber", "url", "quantity", "lineTotal")
_FIELDS = {name.lower(): name for name in (*_ORDER_FIELDS, *_LINE_FIELDS)}
_DELIMITERS = (",", ";", "\t")
_SEPARATOR = re.compile("sep=([,;\t|])", re.IGNORECASE)
MOST_LINES = 5000
"""Rows of one order."""

CsvRow = dict[str, str]
Columns = Sequence[str | None]
"""The field of each column, `None` for one that is not read."""


def read_orders(text: TextIO) -> Iterator[dict[str, Any] | str]:
    """Read each order, or a message why it is not one.

    The first row names the columns, in any order and spelling. Raises `BrokenFeedError` where it
    does not, and where a row or an order is too long to be one.
    """
    lines = _read_lines(text)
    header = _read_header(lines)
    declared = _SEPARATOR.fullmatch(header.strip(' \r\n"'))
    if declared:
        # Excel's own first line, which is no row of the file.
        delimiter, header = declared[1], _read_header(lines)
    else:
        # Spreadsheets of half of Europe separate with `;`, because the comma is in the numbers.
        delimiter = max(_DELIMITERS, key=header.count)
    columns = _read_columns(header, delimiter)
    for rows in _group_rows(_read_rows(lines, delimiter, columns)):
        yield rows if isinstance(rows, str) else _join_rows(rows)


def _read_lines(text: TextIO) -> Iterator[str]:
    """Read line by line. Raises `BrokenFeedError` for one that would not end."""
    while line := text.readline(MOST_CHARACTERS):
        # `readline` stops there, so that a file without any line end is not held in memory.
        if len(line) == MOST_CHARACTERS:
            raise BrokenFeedError(f"a row has more than {MOST_CHARACTERS} characters")
        yield line


def _read_header(lines: Iterator[str]) -> str:
    """The first line that is not blank: exports begin with empty ones."""
    for line in lines:
        if line.strip():
            return line
    return ""


def _read_columns(header: str, delimiter: str) -> Columns:
    """Read the fields of the columns from the first row; unknown columns are not read."""
    try:
        names = next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error as error:
        raise BrokenFeedError(f"the first row is not valid CSV: {error}") from error
    columns = [_FIELDS.get(_normalize(name)) for name in names]
    if "orderNumber" not in columns:
        raise BrokenFeedError("the first row names no column orderNumber")
    return columns


def _normalize(name: str) -> str:
    """A column's name without case and separators: `Order Number` and `order_number` are one."""
    return "".join(character for character in name.lower() if character.isalnum())


def _read_rows(
    lines: Iterator[str], delimiter: str, columns: Columns
) -> Iterator[CsvRow | str]:
    """Read the rows that are not blank, or messages in the places of invalid ones.

    A row may span lines, within quotes, so the messages name the line on which it ends.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield f"line {reader.line_num + 1} is not valid CSV: {error}"
            continue
        if cells is None:
            return
        # Some exports end each row, but not the first one, with a separator.
        while len(cells) > len(columns) and not cells[-1].strip():
            cells.pop()
        if len(cells) > len(columns):
            counts = f"{len(cells)} columns, the first row names {len(columns)}"
            yield f"line {reader.line_num + 1} has {counts}"
        else:
            row = _read_cells(columns, cells)
            if row is not None:
                yield row


def _read_cells(columns: Columns, cells: Sequence[str]) -> CsvRow | None:
    """The fields of a row, `None` for a blank one."""
    row: CsvRow = {}
    is_blank = True
    for name, cell in zip(columns, cells, strict=False):
        value = cell.strip()
        if value:
            is_blank = False
            if name:
                row[name] = value
    return None if is_blank else row


def _group_rows(rows: Iterator[CsvRow | str]) -> Iterator[list[CsvRow] | str]:
    """Group the rows of each order: those that follow each other with one number."""
    order: list[CsvRow] = []
    for row in rows:
        if isinstance(row, str):
            if order:
                yield order
            order = []
            yield row
            continue
        if order and row.get("orderNumber") != order[0].get("orderNumber"):
            yield order
            order = []
        if len(order) >= MOST_LINES:
            raise BrokenFeedError(f"more than {MOST_LINES} rows of one order")
        order.append(row)
    if order:
        yield order


def _join_rows(rows: Sequence[CsvRow]) -> dict[str, Any] | str:
    """The rows of one order as one, or a message if they contradict each other."""
    order: dict[str, Any] = {}
    products: list[CsvRow] = []
    for row in rows:
        for name in _ORDER_FIELDS:
            # An export repeats the order in each of its rows, or only in the first.
            if name in row and order.setdefault(name, row[name]) != row[name]:
                return f"the rows of this order differ in {name}"
        line = {name: row[name] for name in _LINE_FIELDS if name in row}
        if line:
            products.append(line)
    return {**order, "products": products}
