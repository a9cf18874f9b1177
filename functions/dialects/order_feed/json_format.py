"""Orders as JSON: an array of objects, JSON lines, or objects one after the other.

Never is the whole of it in memory.

Written by hand, because ijson holds less than this does: README.md says what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, TextIO

from dialects.order_feed.feed_errors import MOST_CHARACTERS, BrokenFeedError

_READ_CHARACTERS = 64 * 1024
_WHITE_SPACE = " \t\r\n"
_LONGEST_INTEGER = 18
"""Digits. Longer ones take quadratic time to convert, and are no amounts."""


def read_orders(text: TextIO) -> Iterator[dict[str, Any] | str]:
    """Read each order, or a message why it is not one. Raises `BrokenFeedError`.

    A text that begins with `[` is one array; any other is a value for each order.
    """
    window = _Window(text)
    if window.next_character() == "[":
        values = _read_array(window)
    elif window.has_line_of_its_own():
        values = _read_lines(window)
    else:
        values = _read_sequence(window)
    for value in values:
        if isinstance(value, _BrokenLine):
            yield value.message
        elif isinstance(value, dict):
            yield value
        else:
            yield "an order must be an object"


class _BrokenLine(NamedTuple):
    """A line that is no JSON, in the place of its order."""

    message: str


class _Window:
    """The part of a text that is being parsed."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._held = ""
        self._position = 0
        self._ended = False

    def next_character(self) -> str:
        """Find the next character that is not white space; empty at the end."""
        while True:
            while self._position < len(self._held):
                character = self._held[self._position]
                if character not in _WHITE_SPACE:
                    return character
                self._position += 1
            if not self._read_more():
                return ""

    def skip_character(self) -> None:
        """Go on behind the next character."""
        self._position += 1

    def read_value(self) -> object:
        """Parse the next value, and read on as far as it needs. Raises `BrokenFeedError`."""
        self.next_character()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._position)
            except RecursionError as error:
                raise BrokenFeedError("the JSON is nested too deeply") from error
            except ValueError as error:
                is_too_long = len(self._held) - self._position > MOST_CHARACTERS
                if is_too_long or not self._read_more():
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

        A first line that is broken begins JSON lines if the second one begins with an object.
        """
        self.next_character()
        line = self._look_at_line(self._position)
        try:
            _, end = _DECODER.raw_decode(line)
        except (ValueError, RecursionError):
            start = self._position + len(line)
            return self._look_at_line(start + 1).lstrip().startswith("{")
        return not line[end:].strip() or line[end:].lstrip().startswith("{")

    def next_line(self) -> str | None:
        """The next line without its end; `None` at the end. Raises `BrokenFeedError`."""
        if not self.next_character():
            return None
        line = self._look_at_line(self._position)
        if len(line) > MOST_CHARACTERS:
            raise BrokenFeedError(f"a line has more than {MOST_CHARACTERS} characters")
        self._position += len(line)
        return line

    def _look_at_line(self, start: int) -> str:
        """The text from `start` (of what is held) to the end of its line; not read too far."""
        start -= self._position
        while True:
            at = self._position + start
            end = self._held.find("\n", at)
            if end >= 0:
                return self._held[at:end]
            is_too_long = len(self._held) - at > MOST_CHARACTERS
            if is_too_long or not self._read_more():
                return self._held[self._position + start :]

    def _read_more(self) -> bool:
        """Read on, unless the text has ended."""
        if self._ended:
            return False
        # As much again as is held, so that a long value is not parsed too often.
        size = max(_READ_CHARACTERS, len(self._held) - self._position)
        read = self._text.read(size)
        self._held, self._position = self._held[self._position :] + read, 0
        self._ended = not read
        return not self._ended


def _read_array(window: _Window) -> Iterator[object]:
    """Read the members of an array one by one."""
    window.skip_character()
    character = window.next_character()
    is_first = True
    while character != "]":
        if character == "":
            raise BrokenFeedError("the JSON ends too early")
        if not is_first:
            if character != ",":
                raise BrokenFeedError(
                    "the JSON is broken: a comma between two orders is missing"
                )
            window.skip_character()
        is_first = False
        yield window.read_value()
        character = window.next_character()
    window.skip_character()
    if window.next_character():
        raise BrokenFeedError("the JSON is broken: something follows its end")


def _read_lines(window: _Window) -> Iterator[object]:
    """The values of each line. One that is broken costs no other line."""
    while (line := window.next_line()) is not None:
        for value in _read_line(line):
            if isinstance(value, _BrokenLine) and not window.next_character():
                raise BrokenFeedError("the last line is not valid JSON")
            yield value


def _read_line(line: str) -> Iterator[object]:
    """The values of a line, and what is broken behind them."""
    rest = line.strip()
    while rest:
        try:
            value, end = _DECODER.raw_decode(rest)
        except (ValueError, RecursionError):
            yield _BrokenLine("the line is not valid JSON: it alone was not read")
            return
        yield value
        rest = rest[end:].lstrip()


def _read_sequence(window: _Window) -> Iterator[object]:
    """Objects one after the other, each on as many lines as it takes."""
    while character := window.next_character():
        if character == "]":
            raise BrokenFeedError("the JSON is broken: something follows its end")
        yield window.read_value()


def _parse_integer(text: str) -> float:
    """Parse an integer; one that is too long to be an amount becomes a float."""
    return int(text) if len(text) <= _LONGEST_INTEGER else float(text)


_DECODER = json.JSONDecoder(parse_int=_parse_integer)
