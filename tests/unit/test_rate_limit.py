"""How many calls of a source are taken, row by row."""

from __future__ import annotations

import pytest

from hardlink.domain.errors import Throttled
from hardlink.domain.times import HOUR, SECOND
from hardlink.web.rate_limit import RateLimiter, TokenBucket

NOW = 1_900_000_000 * SECOND
HALF = SECOND // 2


@pytest.mark.parametrize(
    ("rate", "times", "waits"),
    [
        pytest.param(2, [0, 0, 0], [0, 0, 1], id="two at once, not three"),
        pytest.param(
            2, [0, 0, HALF, HALF], [0, 0, 0, 1], id="half a second brings one"
        ),
        pytest.param(1, [0, SECOND, 2 * SECOND], [0, 0, 0], id="one a second"),
        pytest.param(1, [0, HALF, SECOND], [0, 1, 0], id="one too early takes nothing"),
        pytest.param(
            2, [0, HOUR, HOUR, HOUR], [0, 0, 0, 1], id="an hour brings no more than two"
        ),
        pytest.param(
            1, [0, -HOUR, -HOUR], [0, 1, 1], id="a clock that goes back brings nothing"
        ),
        pytest.param(
            1, [0, -HOUR, SECOND], [0, 1, 0], id="nor does it take what was there"
        ),
    ],
)
def test_a_bucket(rate: int, times: list[int], waits: list[int]) -> None:
    bucket = TokenBucket(rate, NOW)
    assert [bucket.take(NOW + time) for time in times] == waits


def test_each_source_has_its_own() -> None:
    throttle = RateLimiter()
    throttle.check("a", 1, NOW)
    throttle.check("b", 1, NOW)
    with pytest.raises(Throttled, match="'a' sends more than 1 calls a second") as held:
        throttle.check("a", 1, NOW)
    assert (held.value.status, held.value.retry_after) == (429, 1)


def test_a_source_without_a_rate_is_never_held_back() -> None:
    throttle = RateLimiter()
    for _ in range(10_000):
        throttle.check("a", None, NOW)
