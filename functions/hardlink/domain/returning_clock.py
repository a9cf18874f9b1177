"""The clock of a device of which somebody was erased: what its visitor does now is never taken for what came before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hardlink.domain import clock_skew
from hardlink.domain.call import Call
from hardlink.domain.records import Session


class Statement(NamedTuple):
    """What a call says all at once. `told`: when that was, on the device's clock, if it says so."""

    told: int | None

    @property
    def happened(self) -> Sequence[int | None]:
        """When it was said."""
        return [self.told]

    def time(self, call: Call, offset: int) -> int | None:
        """When it was said on the server's clock, if it says so: never in the future, and never before all time."""
        if self.told is None:
            return None
        return max(0, min(clock_skew.corrected(self.told, offset), call.now))

    def drop_erased(self, call: Call, session: Session) -> bool:
        """Whether it was said when somebody was here who was erased."""
        time = self.time(call, session.offset)
        return session.was_erased(call.now if time is None else time)

    def drop(self, reason: str) -> None:
        """It is dropped as a whole, and whoever carries it out says why."""


def with_clock_offset(call: Call, session: Session, happened: Iterable[int | None]) -> Session:
    """The session with the clock by which a call is dated that says this happened.

    It is the session's own, but for a device that says when it sends: that says as well how long ago something
    happened, whatever its clock shows. Whoever comes back is new, and so is their clock; on a session that somebody
    else keeps, it is where the old one would date something before an erasure that the device says came after it.
    """
    if not session.erased:
        return session
    times = [time for time in happened if time is not None]
    if call.sent is not None:
        exact = call.now - call.sent
        if session.is_erased or any(_was_late(session, time, exact) for time in times):
            return session._replace(offset=exact)
    elif session.is_erased and (ahead := clock_skew.offset(call.now, None, times)):
        return session._replace(offset=min(ahead, session.offset))
    return session


def _was_late(session: Session, time: int, exact: int) -> bool:
    return session.was_erased(time + session.offset) and not session.was_erased(time + exact)
