"""Correct a device's clock by one offset a session (rule 10), which keeps its events in order."""

from __future__ import annotations

from collections.abc import Iterable

from hardlink.domain.records import Session
from hardlink.domain.times import DAY, SECOND

_LATENCY = 5 * SECOND
"""A request takes a moment: a device whose clock seems off by less than this has the right time."""


def estimate_offset(received: int, sent: int | None, happened: Iterable[int]) -> int:
    """Estimate the microseconds to add to a device's times.

    `received`: when the call came in, on the server's clock. `sent`: when the device sent it, on
    the device's clock, if it says so. Without it only a clock that runs ahead is noticed: no event
    happened (`happened`, device's clock) after it was received. A time more than a day ahead,
    beside others that are not, is a mistake of its own and says nothing about the clock.
    """
    if sent is not None:
        return 0 if abs(received - sent) <= _LATENCY else received - sent
    times = list(happened)
    # if all are that far ahead it is the clock, and no mistake of one event
    plausible = [time for time in times if time <= received + DAY] or times
    return min(0, received - max(plausible, default=received))


def correct_time(device_time: int, offset: int) -> int:
    """Return a device's time on the server's clock; it may lie outside of what can be stored."""
    return device_time + offset


def with_clock_offset(
    session: Session, happened: Iterable[int | None], *, now: int, sent: int | None
) -> Session:
    """Return the session with the clock offset by which this call is dated.

    It is the session's own offset, unless something of the session was erased: then what its
    visitor does now must not be taken for what came before. A device that says when it sends the
    call says as well how long ago something happened, whatever its clock shows. A session that was
    erased as a whole begins anew, and so does its clock; a session of which a part was erased
    changes its offset only where the old one would date something before an erasure that the device
    says came after it.

    `happened`: times on the device's clock, `None` for those that the server dates.
    """
    if not session.erased:
        return session
    times = [time for time in happened if time is not None]
    if sent is not None:
        exact = now - sent
        if session.is_erased or any(
            _is_misdated(session, time, exact) for time in times
        ):
            return session._replace(offset=exact)
        return session
    if session.is_erased:
        ahead = estimate_offset(now, None, times)
        if ahead:
            return session._replace(offset=min(ahead, session.offset))
    return session


def _is_misdated(session: Session, time: int, exact_offset: int) -> bool:
    """Tell whether the session's offset dates a time as erased, and the exact one does not."""
    dated, exact = time + session.offset, time + exact_offset
    return session.was_erased(dated) and not session.was_erased(exact)
