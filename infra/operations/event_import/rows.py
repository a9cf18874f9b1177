"""Rows of a file of history: JSON lines or CSV, also with gzip, one at a time."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, TextIO, cast

Format = Literal["jsonl", "csv"]
Json = Any
MOST_LINE_BYTES = 1024 * 1024
"""Bytes of one line. An event has less than half of that."""
_GZIP = b"\x1f\x8b"


class Row(NamedTuple):
    """One row. `line`: its number in the file, from 1. `fields`: by name, nested. `size`: bytes."""

    line: int
    fields: Mapping[str, Json]
    size: int


class Refusal(NamedTuple):
    """A line that is not imported, or not as a whole, and why.

    `status`: `unreadable` and `invalid`, which were not sent; else the service's verdict.
    """

    line: int
    status: str
    reason: str
    field: str | None = None


class UnusableFile(Exception):
    """A file that cannot be read at all. The message says what to do."""


def guess_format(path: Path) -> Format:
    """Tell the format by a file's name, which may end with `.gz`. Raises `UnusableFile`."""
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return "jsonl"
    if name.endswith(".csv"):
        return "csv"
    raise UnusableFile(
        f"{path}: the name does not say what it is; add --format jsonl or --format csv"
    )


def open_file(path: Path) -> tuple[BinaryIO, BinaryIO]:
    """Open a file. Return it as it lies there, for the progress, and decompressed."""
    raw = path.open("rb")
    is_zipped = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    if is_zipped:
        return raw, cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    return raw, raw


def read_rows(stream: BinaryIO, file_format: Format) -> Iterator[Row | Refusal]:
    """Read rows one at a time, so that a file of any size takes the memory of a line.

    Raises `UnusableFile` where nothing after this can be read.
    """
    reader = _read_json_lines if file_format == "jsonl" else _read_csv
    try:
        yield from reader(stream)
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableFile(
            f"the file ends too early, or is damaged: {error}"
        ) from error


def _read_json_lines(stream: BinaryIO) -> Iterator[Row | Refusal]:
    number = 0
    while line := stream.readline(MOST_LINE_BYTES + 1):
        number += 1
        if len(line) > MOST_LINE_BYTES:
            _skip_line(stream, line)
            yield Refusal(number, "unreadable", f"more than {MOST_LINE_BYTES} bytes")
        elif line.strip():
            yield _parse_json_line(number, line)


def _skip_line(stream: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(MOST_LINE_BYTES)


def _parse_json_line(number: int, line: bytes) -> Row | Refusal:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Refusal(number, "unreadable", f"not JSON: {error}")
    if not isinstance(fields, dict):
        return Refusal(number, "unreadable", "not a JSON object: write one a line")
    return Row(number, fields, len(line))


def _read_csv(stream: BinaryIO) -> Iterator[Row | Refusal]:
    # Bytes that are no UTF-8 refuse their row, and not the whole file.
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _read_csv_text(text)
    finally:
        # Else it closes the stream, whose position the progress still reads.
        text.detach()


def _read_csv_text(text: TextIO) -> Iterator[Row | Refusal]:
    reader = csv.reader(text, strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = _next_row(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Refusal(line, "unreadable", f"not CSV: {error}")
            if header is None:  # without it, no cell has a name
                return
            continue
        if header is None:
            header = cells
        elif cells:
            yield _parse_cells(line, header, cells)


def _next_row(reader: Iterator[list[str]]) -> list[str]:
    # The limit is the whole process's: readers of other files keep theirs.
    limit = csv.field_size_limit(MOST_LINE_BYTES)
    try:
        return next(reader)
    finally:
        csv.field_size_limit(limit)


def _parse_cells(line: int, header: list[str], cells: list[str]) -> Row | Refusal:
    if len(cells) != len(header):
        reason = f"{len(cells)} cells, and {len(header)} in the header"
        return Refusal(line, "unreadable", reason)
    fields: dict[str, Json] = {}
    size = 0
    for name, cell in zip(header, cells, strict=True):
        size += len(name) + len(cell)
        if not cell:
            continue
        path, _, kind = name.strip().partition(":")
        try:
            cell.encode()
            put_field(fields, path, _parse_cell(cell, kind))
        except ValueError as error:
            return Refusal(line, "unreadable", f"not a {kind or 'text'}: {error}", path)
    return Row(line, fields, size)


def _parse_cell(cell: str, kind: str) -> Json:
    """Parse a cell as its column says, `price:number`: else numbers of orders lose their zeros."""
    if kind == "number":
        return int(cell) if cell.lstrip("-").isdecimal() else float(cell)
    if kind == "json":
        return json.loads(cell)
    if kind:
        raise ValueError("columns end with :number or :json, or with neither")
    return cell


def put_field(fields: dict[str, Json], path: str, value: Json) -> None:
    """Set a field by its dotted path."""
    *parents, last = path.split(".")
    for name in parents:
        nested = fields.get(name)
        if not isinstance(nested, dict):
            nested = fields[name] = {}
        fields = nested
    fields[last] = value
