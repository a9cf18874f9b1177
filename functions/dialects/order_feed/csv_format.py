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
_SEPARATORS = re.compile(r"[\W_]+")
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
    lines = _Lines(text)
    header = _read_header(lines)
    delimiter = _declared_delimiter(header)
    if delimiter is None:
        # Spreadsheets of half of Europe separate with `;`, because the comma is in the numbers.
        delimiter = max(_DELIMITERS, key=header.count)
    else:
        header = _read_header(lines)
    columns = _read_columns(header, delimiter)
    for rows in _group_rows(_read_rows(lines, delimiter, columns)):
        if isinstance(rows, str):
            yield rows
        else:
            yield _join_rows(rows)


class _Lines:
    """The lines of a file. `number`: of the last one that was read, from 1."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The next line with its end. Raises `BrokenFeedError` for one that is too long."""
        line = self._text.readline(MOST_CHARACTERS)
        if not line:
            raise StopIteration
        if len(line) == MOST_CHARACTERS:
            raise BrokenFeedError(f"a row has more than {MOST_CHARACTERS} characters")
        self.number += 1
        return line


def _read_header(lines: Iterator[str]) -> str:
    """The first line that is not blank: exports begin with empty ones."""
    for line in lines:
        if line.strip():
            return line
    return ""


def _declared_delimiter(line: str) -> str | None:
    """The delimiter in Excel's own first line, which is no row; `None` in any other line."""
    declared = _SEPARATOR.fullmatch(line.strip(' \r\n"'))
    if declared is None:
        return None
    return declared[1]


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
    return _SEPARATORS.sub("", name.lower())


def _read_rows(
    lines: _Lines, delimiter: str, columns: Columns
) -> Iterator[CsvRow | str]:
    """Read the rows that are not blank, or messages in the places of invalid ones.

    A row may span lines, within quotes, so the messages name the line on which it ends.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield f"line {lines.number} is not valid CSV: {error}"
            continue
        if cells is None:
            return
        _drop_blank_end(cells, len(columns))
        if len(cells) > len(columns):
            counts = f"{len(cells)} columns, the first row names {len(columns)}"
            yield f"line {lines.number} has {counts}"
            continue
        row = _read_cells(columns, cells)
        if row is not None:
            yield row


def _drop_blank_end(cells: list[str], count: int) -> None:
    """Drop blank cells behind the last column: some exports end a row with a separator."""
    while len(cells) > count and not cells[-1].strip():
        cells.pop()


def _read_cells(columns: Columns, cells: Sequence[str]) -> CsvRow | None:
    """The fields of a row, `None` for a blank one. A blank cell is no field."""
    values = [cell.strip() for cell in cells]
    if not any(values):
        return None
    row: CsvRow = {}
    for name, value in zip(columns, values, strict=False):
        if name and value:
            row[name] = value
    return row


def _group_rows(rows: Iterator[CsvRow | str]) -> Iterator[list[CsvRow] | str]:
    """Group the rows of each order: those that follow each other with one number."""
    order: list[CsvRow] = []
    for row in rows:
        if order and not _continues_order(row, order):
            yield order
            order = []
        if isinstance(row, str):
            yield row
            continue
        if len(order) >= MOST_LINES:
            raise BrokenFeedError(f"more than {MOST_LINES} rows of one order")
        order.append(row)
    if order:
        yield order


def _continues_order(row: CsvRow | str, order: Sequence[CsvRow]) -> bool:
    """Tell whether a row is another line of an order; an invalid row ends it."""
    if isinstance(row, str):
        return False
    return row.get("orderNumber") == order[0].get("orderNumber")


def _join_rows(rows: Sequence[CsvRow]) -> dict[str, Any] | str:
    """The rows of one order as one, or a message if they contradict each other."""
    order: dict[str, Any] = {}
    products: list[CsvRow] = []
    for row in rows:
        for name in _ORDER_FIELDS:
            # An export repeats the order in each of its rows, or only in the first.
            if name in row and order.setdefault(name, row[name]) != row[name]:
                return f"the rows of this order differ in {name}"
        line = _pick_fields(row, _LINE_FIELDS)
        if line:
            products.append(line)
    return {**order, "products": products}


def _pick_fields(row: CsvRow, names: Sequence[str]) -> CsvRow:
    return {name: row[name] for name in names if name in row}
