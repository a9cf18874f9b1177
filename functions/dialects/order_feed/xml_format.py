"""Orders as XML, Hello Retail's older form.

A document type is refused, so nothing is ever expanded or fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from io import BufferedReader
from typing import Any
from xml.parsers import expat

from dialects.order_feed.feed_errors import MOST_CHARACTERS, BrokenFeedError

_READ_BYTES = 64 * 1024
_DEEPEST = 16
_ORDER_DEPTH = 2
"""An order stands below the root."""
_TAG_CHARACTERS = 8
"""What an empty element counts toward the characters of an order."""
_FIELDS = {
    name.lower(): name
    for name in (
        *("orderNumber", "date", "total", "currency", "status"),
        *("email", "customerId", "products"),
        *("productNumber", "url", "quantity", "lineTotal"),
    )
}


def read_orders(stream: BufferedReader) -> Iterator[dict[str, Any] | str]:
    """Read each `<order>`, or a message why it is not one. Raises `BrokenFeedError`.

    Names of elements count in any case. The orders before a fault are read all the same.
    """
    reader = _OrderReader()
    _skip_white_space(stream)
    for chunk in _read_chunks(stream):
        try:
            reader.parse(chunk)
        except BrokenFeedError:
            yield from reader.take_orders()
            raise
        yield from reader.take_orders()


def _read_chunks(stream: BufferedReader) -> Iterator[bytes]:
    """Read a stream piece by piece; the last piece is empty, which ends the document."""
    yield from iter(partial(stream.read, _READ_BYTES), b"")
    yield b""


def _skip_white_space(stream: BufferedReader) -> None:
    """Skip blank lines at the beginning: XML allows none before its declaration."""
    while stream.peek(1)[:1].isspace():
        stream.read(1)


class _OrderReader:
    """Collects the orders of a document, one at a time."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        # Else expat hands a text over in a piece for each of its lines.
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start_element
        self._parser.EndElementHandler = self._end_element
        self._parser.CharacterDataHandler = self._add_text
        self._parsed_bytes = 0
        self._path: list[str] = []
        self._order: dict[str, Any] = {}
        self._text = ""
        self._characters = 0
        self._done: list[dict[str, Any] | str] = []

    def parse(self, chunk: bytes) -> None:
        """Parse the next bytes, or end the document if there are none.

        Raises `BrokenFeedError`; the orders before the fault can be taken all the same.
        """
        self._parsed_bytes += len(chunk)
        try:
            self._parser.Parse(chunk, not chunk)
        except (expat.ExpatError, ValueError, LookupError) as error:
            raise BrokenFeedError(f"the XML is broken: {error}") from error
        # expat holds an unfinished tag in its own buffer.
        if self._parsed_bytes - self._parser.CurrentByteIndex > MOST_CHARACTERS:
            raise BrokenFeedError(f"a tag has more than {MOST_CHARACTERS} bytes")

    def take_orders(self) -> list[dict[str, Any] | str]:
        """Hand out the orders that are complete, and messages in the places of others, once."""
        done, self._done = self._done, []
        return done

    def _refuse_doctype(self, *_: object) -> None:
        """Refuse entities, which could expand without end, or name files and addresses."""
        raise BrokenFeedError("a document type is refused: leave <!DOCTYPE> out")

    def _start_element(self, tag: str, _: object) -> None:
        """Begin an order, a product or a field. Names count without namespace and case."""
        name = tag.rpartition(":")[2].lower()
        self._path.append(name)
        self._text = ""
        # Tags count as well: a million empty elements have no text.
        self._count_characters(len(tag) + _TAG_CHARACTERS)
        if len(self._path) > _DEEPEST:
            raise BrokenFeedError(f"nested deeper than {_DEEPEST} elements")
        if len(self._path) == _ORDER_DEPTH:
            self._order, self._characters = {"products": []}, 0
        elif name == "product" and self._path[-2:-1] == ["products"]:
            self._order["products"].append({})

    def _end_element(self, _: str) -> None:
        """Take the text of a field, or the whole order. A blank field and an unknown one are none.

        expat has checked that the end belongs to the element that began last.
        """
        *parents, name = self._path
        text = self._text.strip()
        if len(self._path) == _ORDER_DEPTH:
            self._end_order(name)
        elif len(self._path) > _ORDER_DEPTH and name in _FIELDS and text:
            self._set_field(parents[_ORDER_DEPTH:], _FIELDS[name], text)
        self._path.pop()
        self._text = ""

    def _end_order(self, name: str) -> None:
        """Hand out what the element `name` below the root held: an order, or a message."""
        if name == "order":
            self._done.append(self._order)
        else:
            self._done.append(f"<{name[:64]}> is not an order")

    def _set_field(self, parents: list[str], name: str, text: str) -> None:
        """Set a field of the order or of its product; elsewhere a name is no field.

        `parents`: the elements between the order and the field, the outer one first.
        """
        if not parents:
            self._order[name] = text
        elif parents == ["products"]:
            # The older form lists product numbers without a <product> around them.
            self._order["products"].append({name: text})
        elif parents == ["products", "product"]:
            self._order["products"][-1][name] = text

    def _add_text(self, text: str) -> None:
        """Add to the text of the present element, which expat hands over in pieces."""
        self._text += text
        self._count_characters(len(text))

    def _count_characters(self, count: int) -> None:
        """Hold one order to its size, tags included. Raises `BrokenFeedError`."""
        self._characters += count
        if self._characters > MOST_CHARACTERS:
            raise BrokenFeedError(
                f"an order has more than {MOST_CHARACTERS} characters"
            )
