"""Files -> rows: JSON, CSV and XML become rows of one shape, read piece by piece.

A row is the fields of one order in Hello Retail's spelling; CSV and XML have strings for numbers.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TextIO, cast

from dialects.order_feed import csv_format, json_format, xml_format
from dialects.order_feed.amounts import AmountFormat, FormatLearner, amount_texts
from dialects.order_feed.feed_errors import BrokenFeedError

GZIP = b"\x1f\x8b"
"""The first bytes of a gzip file."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""Only XML may be UTF-16, because it declares its encoding."""
_TEXT_FORMATS = {b"[": json_format.read_orders, b"{": json_format.read_orders}
"""First byte of a file -> its reader. Any other byte begins the header of a CSV file."""
_PEEKED_BYTES = 1024
_BUFFER_BYTES = 64 * 1024

ByteStream = io.RawIOBase | io.BytesIO


class Row(NamedTuple):
    """One order of a feed.

    `number`: of the row, from 1; `order`: its fields, or `None` and the `fault`; `goes_on`: false
    if the rest of the file cannot be read.
    """

    number: int
    order: dict[str, Any] | None
    fault: str | None = None
    goes_on: bool = True


def read_rows(stream: ByteStream) -> Iterator[Row]:
    """Read the orders of a feed. A row that is not valid has a fault and holds up no other.

    The last row is no order where the file is broken: then its fault says so. Raises what the
    stream raises.
    """
    number = 0
    try:
        for number, order in enumerate(_read_orders(stream), 1):
            if isinstance(order, str):
                yield Row(number, None, order)
            else:
                yield Row(number, order)
    except BrokenFeedError as error:
        message = f"{error}: the rest of the file was not read"
        yield Row(number + 1, None, message, goes_on=False)


def learn_format(rows: Iterable[Row]) -> AmountFormat:
    """Learn how a feed writes its amounts. Holds no row, so it may be a file of any size.

    A row that is not valid teaches nothing.
    """
    learner = FormatLearner()
    for row in rows:
        if row.order is not None:
            learner.add_amounts(amount_texts(row.order))
    return learner.format


def _read_orders(stream: ByteStream) -> Iterator[dict[str, Any] | str]:
    """Read the orders, and messages in the places of invalid ones. Raises `BrokenFeedError`."""
    with _describe_broken_bytes():
        plain = _decompress(_buffer(stream))
        start = plain.peek(_PEEKED_BYTES)[:_PEEKED_BYTES]
        # By its content, because a file may have any name.
        if _is_xml(start):
            yield from xml_format.read_orders(plain)
        else:
            read_orders = _TEXT_FORMATS.get(_first_byte(start), csv_format.read_orders)
            yield from read_orders(_decode(plain))


def _is_xml(start: bytes) -> bool:
    """Tell whether a file that begins with these bytes is XML, in UTF-8 or UTF-16."""
    return start.startswith(_UTF_16) or _first_byte(start) == b"<"


def _first_byte(start: bytes) -> bytes:
    """Find the first byte that is neither a byte-order mark nor white space; empty if none is."""
    return start.removeprefix(codecs.BOM_UTF8).lstrip()[:1]


def _decode(stream: io.BufferedReader) -> TextIO:
    """Read bytes as UTF-8, with a byte-order mark or without; ends of lines stay as they are."""
    # `newline=""` because a quoted cell of CSV may hold ends of lines.
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _buffer(stream: object) -> io.BufferedReader:
    """Read a stream block by block, so that its first bytes can be looked at."""
    return io.BufferedReader(cast("io.RawIOBase", stream), _BUFFER_BYTES)


def _decompress(stream: io.BufferedReader) -> io.BufferedReader:
    """Decompress gzip, which its first two bytes tell; anything else is read as it is.

    Once: a file that is zipped twice is no feed. Nothing is decompressed before it is read.
    """
    if stream.peek(2)[:2] != GZIP:
        return stream
    return _buffer(gzip.GzipFile(fileobj=stream))


@contextmanager
def _describe_broken_bytes() -> Iterator[None]:
    """Raise `BrokenFeedError` for bytes that are no UTF-8 or no gzip.

    Both show only when the bytes are read, so the whole of the reading stands within.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise BrokenFeedError("the file is not UTF-8: save it as UTF-8") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BrokenFeedError("the gzip file is broken or ends too early") from error
