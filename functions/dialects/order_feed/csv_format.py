"""Orders as CSV: a header, then a row for every line of an order.

The rows of one order follow each other.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
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
    header, delimiter = _read_header(lines)
    columns = _read_columns(header, delimiter)
    rows = _read_rows(lines, delimiter, columns)
    for _, neighbours in groupby(rows, key=_order_key):
        yield _join_rows(_hold_order(neighbours))


class _Lines:
    """The lines of a file. `number`: of the last one that was read, from 1."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        """Go on behind the last line that was read, whoever read it."""
        return self

    def __next__(self) -> str:
        """Read the next line with its end.

        Raises `BrokenFeedError` for one that is too long to be a row.
        """
        # Bounded: a file without any ends of lines would fill the memory.
        line = self._text.readline(MOST_CHARACTERS)
        if not line:
            raise StopIteration
        if len(line) == MOST_CHARACTERS:
            raise BrokenFeedError(f"a row has more than {MOST_CHARACTERS} characters")
        self.number += 1
        return line


def _read_header(lines: Iterator[str]) -> tuple[str, str]:
    """Read the row that names the columns, and find the delimiter of the file.

    Excel may declare the delimiter in a line of its own before that row (`sep=;`).
    """
    header = _read_first_line(lines)
    declared = _declared_delimiter(header)
    if declared is not None:
        return _read_first_line(lines), declared
    # Spreadsheets of half of Europe separate with `;`, because the comma is in the numbers.
    return header, max(_DELIMITERS, key=header.count)


def _read_first_line(lines: Iterator[str]) -> str:
    """Read on to a line that is not blank: exports begin with empty ones.

    Returns an empty text at the end of the file.
    """
    for line in lines:
        if line.strip():
            return line
    return ""


def _declared_delimiter(line: str) -> str | None:
    """Read the delimiter in Excel's own first line (`sep=;`), which is no row.

    Returns `None` for any other line.
    """
    declared = _SEPARATOR.fullmatch(line.strip(' \r\n"'))
    if declared is None:
        return None
    return declared[1]


def _read_columns(header: str, delimiter: str) -> Columns:
    """Read the fields of the columns from the first row; unknown columns are not read.

    Raises `BrokenFeedError` where no column has the order number, because such a file is no feed.
    """
    try:
        names = next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error as error:
        raise BrokenFeedError(f"the first row is not valid CSV: {error}") from error
    columns = [_FIELDS.get(_normalize(name)) for name in names]
    if "orderNumber" not in columns:
        raise BrokenFeedError("the first row names no column orderNumber")
    return columns


def _normalize(name: str) -> str:
    """Reduce a column's name to what tells it from others: no case, no separators.

    `Order Number` and `order_number` are one.
    """
    return _SEPARATORS.sub("", name.lower())


def _read_rows(
    lines: _Lines, delimiter: str, columns: Columns
) -> Iterator[CsvRow | str]:
    """Read the rows that are not blank, or messages in the places of invalid ones.

    A row may span lines, within quotes, so the messages name the line on which it ends. Raises
    `BrokenFeedError`.
    """
    # Strict: what a broken quote means is reported, and not guessed.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield f"line {lines.number} is not valid CSV: {error}"
            continue
        if cells is None:
            return
        if any(map(str.strip, cells)):
            yield _read_cells(columns, cells, lines.number)


def _drop_blank_end(cells: list[str], count: int) -> None:
    """Drop blank cells behind the last column, in place: some exports end a row with a separator.

    `count`: of the columns. A cell with content stays, so that the row is rejected and named.
    """
    while len(cells) > count and not cells[-1].strip():
        cells.pop()


def _read_cells(columns: Columns, cells: list[str], line: int) -> CsvRow | str:
    """Name the cells of a row, or say how many too many there are. `line`: its number.

    A blank cell and a cell of an unknown column are no field, so a row may have none.
    """
    _drop_blank_end(cells, len(columns))
    if len(cells) > len(columns):
        counts = f"{len(cells)} columns, the first row names {len(columns)}"
        return f"line {line} has {counts}"
    row: CsvRow = {}
    # A row may be shorter than the first one: spreadsheets leave blank cells at its end out.
    for name, cell in zip(columns, cells, strict=False):
        value = cell.strip()
        if name and value:
            row[name] = value
    return row


def _order_key(row: CsvRow | str) -> tuple[str, str | None]:
    """Make a key that neighbouring rows of one order share.

    A message about an invalid row ends the order before it, and has a key of its own: it names
    its line.
    """
    if isinstance(row, str):
        return "message", row
    return "order", row.get("orderNumber")


def _hold_order(rows: Iterable[CsvRow | str]) -> list[CsvRow | str]:
    """Read the rows of one order. Raises `BrokenFeedError` for more than `MOST_LINES`."""
    # One more than allowed tells too many without reading them all.
    held = list(islice(rows, MOST_LINES + 1))
    if len(held) > MOST_LINES:
        raise BrokenFeedError(f"more than {MOST_LINES} rows of one order")
    return held


def _join_rows(rows: Sequence[CsvRow | str]) -> dict[str, Any] | str:
    """Make one order of its rows.

    Returns a message instead where the rows contradict each other, and where one is invalid.
    """
    order: dict[str, Any] = {}
    products: list[CsvRow] = []
    for row in rows:
        if isinstance(row, str):
            return row
        for name, value in _pick_fields(row, _ORDER_FIELDS).items():
            # An export repeats the order in each of its rows, or only in the first.
            if order.setdefault(name, value) != value:
                return f"the rows of this order differ in {name}"
        line = _pick_fields(row, _LINE_FIELDS)
        if line:
            products.append(line)
    return {**order, "products": products}


def _pick_fields(row: CsvRow, names: Sequence[str]) -> CsvRow:
    """Take these fields of a row, as far as it has them, in the order of `names`."""
    return {name: row[name] for name in names if name in row}
