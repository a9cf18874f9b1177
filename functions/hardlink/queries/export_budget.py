"""Limits on what one export call reads and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from hardlink.domain import values
from hardlink.domain.errors import TooLarge
from hardlink.domain.times import SECOND

MOST_READ = 48 * 1024 * 1024
"""Bytes that one call reads and holds in a function's memory."""
LONGEST_READ = 20 * SECOND
"""Time that one call reads: API Gateway waits at most 30 seconds for its answer."""

_T = TypeVar("_T")


class Budget:
    """Bytes and time that one call may use. `hint`: how a caller asks for less."""

    def __init__(self, most: int, clock: Callable[[], int], hint: str) -> None:
        self._left = most
        self._clock = clock
        self._until = clock() + LONGEST_READ
        self.hint = hint

    def spend(self, size: int) -> None:
        """Take `size` bytes; a negative size gives them back. Raises `TooLarge`."""
        self._left -= size
        if self._left < 0:
            raise TooLarge(f"more than one answer can hold: {self.hint}")
        if self._clock() > self._until:
            raise TooLarge(f"more than can be read for one answer: {self.hint}")

    def check_time(self) -> None:
        """Check the time alone. Raises `TooLarge`."""
        self.spend(0)

    def charge(self, rows: Iterable[_T]) -> Iterator[_T]:
        """Yield rows, each charged with its size as JSON. Raises `TooLarge`."""
        for row in rows:
            self.spend(values.json_size(row))
            yield row
