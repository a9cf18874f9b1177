"""Orders as JSON: an array of objects, JSON lines, or objects one after the other.

Never is the whole of it in memory.

Written by hand, because ijson holds less than this does: README.md says what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

from dialects.order_feed.feed_errors import MOST_CHARACTERS, BrokenFeedError

_READ_CHARACTERS = 64 * 1024
_NOT_SPACE = re.compile(r"[^ \t\r\n]")
_BROKEN_LINE = "the line is not valid JSON: it alone was not read"
_ENDS_OF_ARRAY = ("]", "")
"""Characters at which an array has no member: its own end, and the end of the text."""
_LONGEST_INTEGER = 18
"""Digits. Longer ones take quadratic time to convert, and are no amounts."""


def read_orders(text: TextIO) -> Iterator[dict[str, Any] | str]:
    """Read each order, or a message why it is not one. Raises `BrokenFeedError`.

    A text that begins with `[` is one array; any other is a value for each order.
    """
    window = _Window(text)
    if window.next_character() == "[":
        yield from map(_check_order, _read_array(window))
    elif window.has_line_of_its_own():
        yield from _read_lines(window)
    else:
        yield from map(_check_order, _read_sequence(window))


def _check_order(value: object) -> dict[str, Any] | str:
    """Return an order as it is, or a message in the place of any other value."""
    if isinstance(value, dict):
        return value
    return "an order must be an object"


class _Window:
    """The part of a text that is being parsed: `_held`, of which `_position` is the next one.

    More is read when it is needed, and what was parsed is let go.
    """

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._held = ""
        self._position = 0
        self._ended = False

    def next_character(self) -> str:
        """Find the next character that is not white space; empty at the end."""
        while True:
            found = _NOT_SPACE.search(self._held, self._position)
            if found:
                self._position = found.start()
                return found[0]
            # What is skipped need not be held on to.
            self._position = len(self._held)
            if not self._read_more():
                return ""

    def skip_character(self) -> None:
        """Go on behind the next character."""
        self._position += 1

    def read_value(self) -> object:
        """Parse the next value, and read on as far as it needs.

        Raises `BrokenFeedError` for a value that is broken, cut off, too deep or too long.
        """
        self.next_character()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._position)
            except RecursionError as error:
                raise BrokenFeedError("the JSON is nested too deeply") from error
            except ValueError as error:
                # A value that is cut off cannot be told from a broken one before more is read.
                if not self._read_more_of_value(self._position):
                    raise BrokenFeedError(
                        "the JSON is broken, or an order too long"
                    ) from error
                continue
            # At the end of what is held a number may go on.
            if end < len(self._held) or not self._read_more():
                self._position = end
                return value

    def has_line_of_its_own(self) -> bool:
        """Tell whether the first value ends with its line, as in JSON lines.

        Objects may share the line. A first line that is broken begins JSON lines if the second
        one begins with an object. Nothing is taken: the position stays at the first value.
        """
        self.next_character()
        line = self._look_at_line(self._position)
        try:
            _, end = _DECODER.raw_decode(line)
        except (ValueError, RecursionError):
            start = self._position + len(line)
            return _begins_object(self._look_at_line(start + 1))
        rest = line[end:]
        return not rest.strip() or _begins_object(rest)

    def next_line(self) -> str | None:
        """Take the next line that is not blank, without its end; `None` at the end of the text.

        Raises `BrokenFeedError` for one that is too long to be an order.
        """
        if not self.next_character():
            return None
        line = self._look_at_line(self._position)
        if len(line) > MOST_CHARACTERS:
            raise BrokenFeedError(f"a line has more than {MOST_CHARACTERS} characters")
        self._position += len(line)
        return line

    def _look_at_line(self, start: int) -> str:
        """Find the text from `start` (a place in what is held) to the end of its line.

        The end of a line that is too long to be an order is not looked for.
        """
        start -= self._position
        while True:
            at = self._position + start
            end = self._held.find("\n", at)
            if end >= 0:
                return self._held[at:end]
            if not self._read_more_of_value(at):
                return self._held[self._position + start :]

    def _read_more_of_value(self, start: int) -> bool:
        """Read on, unless the text has ended or holds more than an order from `start`."""
        if len(self._held) - start > MOST_CHARACTERS:
            return False
        return self._read_more()

    def _read_more(self) -> bool:
        """Read on; return false where the text has ended.

        What lies before the position is let go, so that the memory holds one value at a time.
        """
        if self._ended:
            return False
        # As much again as is held, so that a long value is not parsed too often.
        size = max(_READ_CHARACTERS, len(self._held) - self._position)
        read = self._text.read(size)
        self._held, self._position = self._held[self._position :] + read, 0
        self._ended = not read
        return not self._ended


def _read_array(window: _Window) -> Iterator[object]:
    """Read the members of an array one by one. Raises `BrokenFeedError` behind the last good one.

    `window`: at the array's first bracket.
    """
    window.skip_character()
    if window.next_character() not in _ENDS_OF_ARRAY:
        yield window.read_value()
    while window.next_character() == ",":
        window.skip_character()
        yield window.read_value()
    _check_end_of_array(window)


def _check_end_of_array(window: _Window) -> None:
    """Raise `BrokenFeedError` unless the array ends here, and the text with it."""
    character = window.next_character()
    if character == "":
        raise BrokenFeedError("the JSON ends too early")
    if character != "]":
        raise BrokenFeedError(
            "the JSON is broken: a comma between two orders is missing"
        )
    window.skip_character()
    if window.next_character():
        raise BrokenFeedError("the JSON is broken: something follows its end")


def _read_lines(window: _Window) -> Iterator[dict[str, Any] | str]:
    """Read the orders of each line. A line that is broken costs no other one.

    Raises `BrokenFeedError` where the last line is broken: the file may have been cut off there.
    """
    while (line := window.next_line()) is not None:
        for order in _read_line(line):
            if order == _BROKEN_LINE and not window.next_character():
                raise BrokenFeedError("the last line is not valid JSON")
            yield order


def _read_line(line: str) -> Iterator[dict[str, Any] | str]:
    """Read the orders of a line, and a message for what is no JSON behind them."""
    rest = line.strip()
    while rest:
        try:
            value, end = _DECODER.raw_decode(rest)
        except (ValueError, RecursionError):
            yield _BROKEN_LINE
            return
        yield _check_order(value)
        rest = rest[end:].lstrip()


def _read_sequence(window: _Window) -> Iterator[object]:
    """Read objects one after the other, each on as many lines as it takes.

    Raises `BrokenFeedError`: where one is broken, the beginning of the next cannot be found.
    """
    while character := window.next_character():
        if character == "]":
            raise BrokenFeedError("the JSON is broken: something follows its end")
        yield window.read_value()


def _begins_object(text: str) -> bool:
    """Tell whether the first character that is not white space opens an object."""
    return text.lstrip().startswith("{")


def _parse_integer(text: str) -> float:
    """Parse an integer; one that is too long to be an amount becomes a float."""
    if len(text) > _LONGEST_INTEGER:
        return float(text)
    return int(text)


_DECODER = json.JSONDecoder(parse_int=_parse_integer)
