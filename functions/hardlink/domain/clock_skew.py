"""A device's clock and ours (rule 10): one offset a session, so that a device's events never change their order."""

from __future__ import annotations

from collections.abc import Iterable

from hardlink.domain.times import DAY, SECOND

_LATENCY = 5 * SECOND
"""A request takes a moment: a device whose clock seems off by less than this has the right time."""


def offset(received: int, sent: int | None, happened: Iterable[int]) -> int:
    """Microseconds to add to a device's times.

    `sent`: the device's clock when it sent the call, if it says so. Else only a clock that runs ahead can be told:
    no event happened (`happened`, device's clock) after it was received. One time that lies more than a day beside
    the others says nothing about the clock.
    """
    if sent is not None:
        return 0 if abs(received - sent) <= _LATENCY else received - sent
    times = list(happened)
    plausible = [time for time in times if time <= received + DAY] or times
    return min(0, received - max(plausible, default=received))


def corrected(device_time: int, offset_: int) -> int:
    """A device's time on the server's clock; it may lie outside of what can be stored."""
    return device_time + offset_
