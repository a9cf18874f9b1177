"""Orders as XML, Hello Retail's older form. A document type is refused: nothing is ever expanded or fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from dialects.order_feed.faults import MOST_CHARACTERS, Broken

_AT_ONCE = 64 * 1024
_DEEPEST = 16
_AROUND = 8
"""What an element weighs that holds nothing."""
_NAMES = {
    name.lower(): name
    for name in (
        *("orderNumber", "date", "total", "email", "customerId", "products"),
        *("productNumber", "url", "quantity", "lineTotal"),
    )
}


def orders(stream: BinaryIO) -> Iterator[dict[str, Any] | str]:
    """Each `<order>`, whatever its names' case. Raises `Broken`."""
    reader = _Reader()
    fed = 0
    while True:
        chunk = stream.read(_AT_ONCE)
        fed += len(chunk)
        try:
            reader.parser.Parse(chunk, not chunk)
            if fed - reader.parser.CurrentByteIndex > MOST_CHARACTERS:
                raise Broken(f"a tag has more than {MOST_CHARACTERS} bytes")
        except (expat.ExpatError, ValueError, LookupError) as error:
            yield from reader.taken()
            raise Broken(f"the XML is broken: {error}") from error
        except Broken:
            yield from reader.taken()
            raise
        yield from reader.taken()
        if not chunk:
            return


class _Reader:
    """Gathers one order at a time."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self._path: list[str] = []
        self._order: dict[str, Any] = {}
        self._said = ""
        self._weight = 0
        self._done: list[dict[str, Any] | str] = []

    def taken(self) -> list[dict[str, Any] | str]:
        """The orders that are complete, once."""
        done, self._done = self._done, []
        return done

    def _refuse(self, *_: object) -> None:
        raise Broken("a document type is not taken: leave <!DOCTYPE> out")

    def _start(self, tag: str, _: object) -> None:
        name = tag.rpartition(":")[2].lower()
        self._path.append(name)
        self._said = ""
        self._weigh(len(tag) + _AROUND)
        if len(self._path) > _DEEPEST:
            raise Broken(f"nested deeper than {_DEEPEST} elements")
        if len(self._path) == 2:  # noqa: PLR2004 - below the root
            self._order, self._weight = {"products": []}, 0
        elif name == "product" and self._path[-2:-1] == ["products"]:
            self._order["products"].append({})

    def _end(self, _: str) -> None:
        *above, name = self._path
        said = self._said.strip()
        if len(above) == 1:
            self._done.append(self._order if name == "order" else f"<{name[:64]}> is no order")
        elif name in _NAMES and said and len(above) > 1:
            self._put(above[2:], _NAMES[name], said)
        self._path.pop()
        self._said = ""

    def _put(self, above: list[str], name: str, said: str) -> None:
        if not above:
            self._order[name] = said
        elif above == ["products"]:
            self._order["products"].append({name: said})
        elif above == ["products", "product"]:
            self._order["products"][-1][name] = said

    def _text(self, text: str) -> None:
        self._said += text
        self._weigh(len(text))

    def _weigh(self, characters: int) -> None:
        self._weight += characters
        if self._weight > MOST_CHARACTERS:
            raise Broken(f"an order has more than {MOST_CHARACTERS} characters")
