"""The forms of an order feed, read piece by piece: JSON, CSV and XML become rows of one shape, however large the file.

A row is what one order says, its names as Hello Retail writes them; texts where the form has no numbers.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TextIO, cast

from dialects.order_feed import csv_format, json_format, xml_format
from dialects.order_feed.faults import Broken

GZIP = b"\x1f\x8b"
"""How such a file begins."""
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""XML says itself how it is encoded."""
_PEEKED = 1024
_BUFFER = 64 * 1024


class Row(NamedTuple):
    """One order of a feed. `number`: of the row, from 1; `fault`: why it can't be read, if so."""

    number: int
    order: dict[str, Any] | None
    fault: str | None = None
    goes_on: bool = True


def rows(stream: io.RawIOBase | io.BytesIO) -> Iterator[Row]:
    """The orders of a feed, in its order. A fault is a row too; after one that does not go on there are no more."""
    number = 0
    try:
        for number, found in enumerate(_orders(stream), 1):
            yield Row(number, None, found) if isinstance(found, str) else Row(number, found)
    except Broken as error:
        yield Row(number + 1, None, f"{error}: nothing behind it was read", goes_on=False)


def _orders(stream: io.RawIOBase | io.BytesIO) -> Iterator[dict[str, Any] | str]:
    """Orders, and in the place of one the fault why it is none. Raises `Broken`."""
    with _read():
        plain = _unzipped(_buffered(stream))
        start = plain.peek(_PEEKED)[:_PEEKED]
        first = start.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
        if first == b"<" or start[:2] in _UTF_16:
            yield from xml_format.orders(plain)
        elif first in (b"[", b"{"):
            yield from json_format.orders(_text(plain))
        else:
            yield from csv_format.orders(_text(plain))


def _text(stream: io.BufferedReader) -> TextIO:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _buffered(stream: object) -> io.BufferedReader:
    return io.BufferedReader(cast("io.RawIOBase", stream), _BUFFER)


def _unzipped(stream: io.BufferedReader) -> io.BufferedReader:
    if stream.peek(2)[:2] != GZIP:
        return stream
    return _buffered(gzip.GzipFile(fileobj=stream))


@contextmanager
def _read() -> Iterator[None]:
    """What is wrong with the bytes of a file, in words."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise Broken("this is not UTF-8: save the file as UTF-8") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Broken("the gzip file is broken or ends too early") from error
