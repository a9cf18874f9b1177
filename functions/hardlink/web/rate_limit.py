"""How many calls of a source are taken: a bucket of tokens for each, in the memory of one running instance.

So it costs no write, and is approximate: where Lambda runs three instances of a function, they take three times as
much.
"""

from __future__ import annotations

from math import ceil

from hardlink.domain.errors import Throttled
from hardlink.domain.times import SECOND


class TokenBucket:
    """Holds a second's worth of calls, and fills as time goes by. `rate`: calls a second."""

    def __init__(self, rate: int, now: int) -> None:
        self._rate = rate
        self._left = float(rate)
        self._at = now

    def take(self, now: int) -> int:
        """Take a call; answers 0, or after how many seconds there is one to take."""
        gone = max(0, now - self._at) / SECOND
        self._left = min(float(self._rate), self._left + gone * self._rate)
        self._at = max(now, self._at)
        if self._left < 1:
            return ceil((1 - self._left) / self._rate)
        self._left -= 1
        return 0


class RateLimiter:
    """The buckets of all sources."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def check(self, source: str, rate: int | None, now: int) -> None:
        """Take one call of a source with this rate, if it has one. Raises `Throttled`."""
        if rate is None:
            return
        bucket = self._buckets.get(source) or self._buckets.setdefault(
            source, TokenBucket(rate, now)
        )
        if wait := bucket.take(now):
            raise Throttled(
                f"source {source!r} sends more than {rate} calls a second: send it again in {wait} s",
                wait,
            )
