"""Limit the calls per second of a source: a token bucket each, in the memory of one instance.

It costs no write and is approximate: three running instances of a function accept three times as
many calls.
"""

from __future__ import annotations

from math import ceil

from hardlink.domain.errors import Throttled
from hardlink.domain.times import SECOND


class TokenBucket:
    """Holds the tokens of one second. `rate`: calls per second, `now`: microseconds."""

    def __init__(self, rate: int, now: int) -> None:
        self._rate = rate
        self._tokens = float(rate)
        self._filled_at = now

    def take(self, now: int) -> int:
        """Take a token. Return 0, or the seconds after which there is one."""
        # Calls of several threads may come in another order than they were received.
        elapsed = max(0, now - self._filled_at) / SECOND
        self._tokens = min(float(self._rate), self._tokens + elapsed * self._rate)
        self._filled_at = max(now, self._filled_at)
        if self._tokens < 1:
            return ceil((1 - self._tokens) / self._rate)
        self._tokens -= 1
        return 0


class RateLimiter:
    """The token buckets of all sources."""

    def __init__(self) -> None:
        self._buckets: dict[str, TokenBucket] = {}

    def check(self, source: str, rate: int | None, now: int) -> None:
        """Count a call of a source; without a rate there is no limit. Raises `Throttled`."""
        if rate is None:
            return
        bucket = self._buckets.get(source)
        if bucket is None:
            # two threads may come here at once: both then use the bucket that was set first
            bucket = self._buckets.setdefault(source, TokenBucket(rate, now))
        wait = bucket.take(now)
        if wait:
            raise Throttled(
                f"source {source!r} sends more than {rate} calls a second: "
                f"send it again in {wait} s",
                wait,
            )
