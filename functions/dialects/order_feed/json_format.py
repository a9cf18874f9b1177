"""Orders as JSON: an array of objects, or one object after the other (JSON lines), never all of it in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from dialects.order_feed.faults import MOST_CHARACTERS, Broken

_AT_ONCE = 64 * 1024
_SPACE = " \t\r\n"
_LONGEST_NUMBER = 18


def orders(text: TextIO) -> Iterator[dict[str, Any] | str]:
    """Each order, or why it is none. Raises `Broken`."""
    window = _Window(text)
    is_array = window.next() == "["
    if is_array:
        window.skip()
    first = True
    while (char := window.next()) not in ("", "]"):
        if is_array and not first:
            if char != ",":
                raise Broken("the JSON is broken: a comma between two orders is missing")
            window.skip()
        first = False
        found = window.value()
        yield found if isinstance(found, dict) else "an order is an object"
    if is_array and char != "]":
        raise Broken("the JSON ends too early")
    if char == "]":
        window.skip()
        if not is_array or window.next():
            raise Broken("the JSON is broken: something follows its end")


class _Window:
    """The part of a text that is looked at."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._held = ""
        self._at = 0
        self._ended = False

    def next(self) -> str:
        """The next character that is no space; none at the end."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _SPACE:
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go on behind this character."""
        self._at += 1

    def value(self) -> object:
        """The next value. Raises `Broken`."""
        self.next()
        while True:
            try:
                found, end = _DECODER.raw_decode(self._held, self._at)
            except RecursionError as error:
                raise Broken("the JSON is nested too deeply") from error
            except ValueError as error:
                if len(self._held) - self._at > MOST_CHARACTERS or not self._more():
                    raise Broken("the JSON is broken, or an order too long") from error
                continue
            if end < len(self._held) or not self._more():  # else a number may go on
                self._at = end
                return found

    def _more(self) -> bool:
        if self._ended:
            return False
        # twice as much as is held, so that a long value is not looked at too often
        read = self._text.read(max(_AT_ONCE, len(self._held) - self._at))
        self._held, self._at = self._held[self._at :] + read, 0
        self._ended = not read
        return not self._ended


def _whole(text: str) -> float:
    return int(text) if len(text) <= _LONGEST_NUMBER else float(text)


_DECODER = json.JSONDecoder(parse_int=_whole)
