"""Correct a device's clock (rule 10): one offset a call, so that its events keep their order.

`sent - now` tells how far a clock is off, and how long the call was under way: an estimate of the
offset (server minus device) is never smaller than the offset. So the smallest of recent ones is
the best, and a smaller one shows a clock that was set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hardlink.domain.records import Clock, Session
from hardlink.domain.times import DAY, HOUR, SECOND

_LATENCY = 5 * SECOND
"""A request takes a moment: estimates that differ by no more than this are of one offset."""
_APART = 2 * _LATENCY
"""Two calls that were sent so far apart, and arrived so far apart, were both sent in time.

Calls that waited in a queue arrive all at once.
"""
_MOST_USED = 10
"""Offsets that are remembered: an event that is sent again may have been dated by any of them."""


_SAME_CLOCK = HOUR
"""How long events may wait on a device that does not say when it sends them, and be dated alike."""


class Dating(NamedTuple):
    """The offset by which a call is dated, microseconds, and the session's clock from now on."""

    offset: int
    clock: Clock


def date_first_call(
    happened: Sequence[int | None], *, now: int, sent: int | None
) -> Dating:
    """Choose the offset of the call that opens a session. Arguments as of `date_call`.

    There is no clock yet that the first estimate could be doubted by.
    """
    if sent is None:
        return _date_without_sending_time(Clock(), happened, now)
    offset = _estimate(now, sent)
    return Dating(offset, Clock(offset))


def date_call(
    clock: Clock,
    created: int,
    happened: Sequence[int | None],
    *,
    now: int,
    sent: int | None,
) -> Dating:
    """Choose the offset of a call.

    `created`: when the session began, on the server's clock. `happened`: when its events happened
    (`None`: now), `sent`: when it was sent, if the device says so, both on the device's clock.
    `now`: when it was received. All in microseconds.
    """
    if sent is not None:
        followed = _follow_estimate(clock, created, _estimate(now, sent), now)
        return Dating(followed.offset, followed)
    return _date_without_sending_time(clock, happened, now)


def correct_time(device_time: int, offset: int) -> int:
    """Return a device's time on the server's clock; it may lie outside of what can be stored."""
    return device_time + offset


def other_times(session: Session, device_time: int) -> list[int]:
    """List the times at which an event may be stored that was dated by another offset.

    The clock's own offset is another one where this call is dated by an offset that counts for it
    alone. It dated no event later than the session's `latest`. Any other offset dated no event
    later than a day after its last use, which is as far ahead as events are stored: so events of
    today are looked for nowhere, where a clock was set long ago.
    """
    latest_by_offset = [(session.clock.offset, session.latest)]
    for offset, last_used in session.clock.used:
        latest_by_offset.append((offset, last_used + DAY))
    found: list[int] = []
    for offset, latest in latest_by_offset:
        time = correct_time(device_time, offset)
        if offset != session.offset and 0 <= time <= latest:
            found.append(time)
    return found


def with_clock_offset(
    session: Session, happened: Iterable[int | None], *, now: int, sent: int | None
) -> Session:
    """Return the session with its clock, and the offset by which this call is dated.

    Where something of the session was erased, what its visitor does now must not be taken for what
    came before. A device that says when it sends the call says as well how long ago something
    happened, whatever its clock shows. A session that was erased as a whole begins anew, and so
    does its clock; a session of which a part was erased changes its offset only where the old one
    would date something before an erasure that the device says came after it.

    `happened`: times on the device's clock, `None` for those that the server dates.
    """
    device_times = list(happened)
    offset, clock = date_call(
        session.clock, session.created, device_times, now=now, sent=sent
    )
    dated = session._replace(offset=offset, clock=clock)
    if not session.erased or sent is None:
        return dated
    exact = now - sent
    if session.is_erased or _misdates_any(dated, device_times, exact):
        return session._replace(offset=exact, clock=_begin(session.clock, exact, now))
    return dated


def _estimate(now: int, sent: int) -> int:
    """Estimate a clock's offset by when a call was sent and received.

    No delay makes a wrong clock look right, so that a clock which looks right is.
    """
    if abs(now - sent) <= _LATENCY:
        return 0
    return now - sent


def _follow_estimate(clock: Clock, created: int, estimate: int, now: int) -> Clock:
    """Follow an estimate of the offset: the clock as it was, set ahead, or set back.

    A smaller estimate is always the better one, and the offset 0 no delay brings about.
    """
    if abs(estimate - clock.offset) <= _LATENCY:
        return clock._replace(doubted=None)
    if estimate < clock.offset or estimate == 0:
        return _begin(clock, estimate, now)
    return _follow_larger(clock, created, estimate, now)


def _follow_larger(clock: Clock, created: int, estimate: int, now: int) -> Clock:
    """Follow an estimate above the offset: the clock was set back, or the call was delayed.

    It is doubted until another call confirms it, one that did not wait in the same queue.
    """
    sent_at = now - estimate + clock.offset
    if sent_at < created - DAY:
        # a call cannot have waited since long before its session
        return _begin(clock, estimate, now)
    if clock.doubted is None:
        return clock._replace(doubted=(estimate, now))
    doubted, since = clock.doubted
    if abs(estimate - doubted) > _LATENCY:
        return clock._replace(doubted=(estimate, now))
    if now - since < _APART:
        return clock
    return _begin(clock, min(estimate, doubted), now)


def _date_without_sending_time(
    clock: Clock, happened: Sequence[int | None], now: int
) -> Dating:
    """Date a call that does not say when it was sent.

    Only a clock that runs ahead shows: by a call all of whose events have yet to happen. One such
    event among others is a mistake of its own. The offset counts for this call alone, so that a
    mistake moves no event of another call.
    """
    # an event without a time happens now, and so has happened
    times = [now - clock.offset if time is None else time for time in happened]
    if not times or min(times) + clock.offset <= now + _LATENCY:
        return Dating(clock.offset, clock)
    largest = now - max(times)
    for offset, last_used in clock.used:
        if largest - _SAME_CLOCK <= offset <= largest:
            return Dating(offset, _use_again(clock, offset, last_used, now))
    return Dating(largest, _remember(clock, largest, now))


def _use_again(clock: Clock, offset: int, last_used: int, now: int) -> Clock:
    """Note that an offset dated events again: once an hour.

    With every call it would cost a write each.
    """
    if now - last_used <= HOUR:
        return clock
    return _remember(clock, offset, now)


def _begin(clock: Clock, offset: int, now: int) -> Clock:
    """Begin a new offset, and remember the one that dated events until now."""
    return _remember(clock, clock.offset, now)._replace(offset=offset, doubted=None)


def _remember(clock: Clock, offset: int, now: int) -> Clock:
    """Remember that an offset dated events: the latest first, and only so many.

    An offset that was remembered before moves to the front.
    """
    others = [one for one in clock.used if one[0] != offset]
    return clock._replace(used=((offset, now), *others)[:_MOST_USED])


def _misdates_any(
    session: Session, device_times: Sequence[int | None], exact_offset: int
) -> bool:
    """Tell whether the session's offset dates a time as erased, and the exact one does not.

    `device_times`: on the device's clock; `None` is dated by the server.
    """
    for time in device_times:
        if time is None or not session.was_erased(time + session.offset):
            continue
        if not session.was_erased(time + exact_offset):
            return True
    return False
