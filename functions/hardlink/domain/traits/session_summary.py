"""Summaries of whole sessions: which events they hold, and when they may be used. Pure.

A summary is no second truth. It says which events it is of, and is used only where these are
exactly the events that a reader would read: otherwise the reader reads them.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from hardlink.domain.records import LATE, UNDER_WAY, Session
from hardlink.domain.sources.registry import Project
from hardlink.domain.times import END, SECOND
from hardlink.domain.traits.packing import FORMAT
from hardlink.domain.traits.summaries import Summary

NEVER = END // SECOND
"""When events of a source without a retention expire."""
GROWN = 100
"""New events by which a summary is made anew while its session goes on."""


class SessionSummary(NamedTuple):
    """A summary of all events of a session before a time. Times are microseconds.

    - `created`: when the session was; another one of its ID may follow an erased one.
    - `version`: of the traits, see `version_of`.
    - `read_at`: before the session and the events were read.
    - `until`: every event before it is held, and no other.
    - `events`: how many these are. `newest`: the time of the last one.
    - `expires`: when the first of them expires, in seconds.
    """

    created: int
    version: str
    read_at: int
    until: int
    summary: Summary = Summary()
    events: int = 0
    newest: int = 0
    expires: int = NEVER

    def is_usable(self, session: Session, now: int) -> bool:
        """Tell whether it is still of all events of a session before `until`.

        Not after a late event or an erasure in the session, or where an event has expired since.
        """
        is_same_session = session.created == self.created and not session.erased
        has_expired = self.expires * SECOND <= now
        has_late = session.late_until >= self.read_at
        return is_same_session and not has_expired and not has_late

    def lies_within(self, start: int, end: int) -> bool:
        """Tell whether all events that it holds lie in a half-open interval of time."""
        if not self.events:
            return True
        return start <= self.summary.oldest[0] and self.newest < end


def settled_before(now: int) -> int:
    """Return the time before which no event comes in any more that is not announced as late.

    A call may be under way that was received a minute ago, with an event that is not late for it.
    """
    return now - LATE - UNDER_WAY


def version_of(project: Project, sessions_name: str) -> str:
    """Return a digest of all by which a project's traits make states of events.

    And of the real name of `sessions`: a table that was restored to a time does not know of late
    events that were announced since, so no summary of before counts beside it.
    """
    declared = project.traits.items(), project.segments.items()
    about = FORMAT, sessions_name, project.time_zone, *map(sorted, declared)
    return hashlib.sha256(repr(about).encode()).hexdigest()[:12]


def is_worth_keeping(session: Session, until: int, new_events: int) -> bool:
    """Tell whether a summary up to a time saves later readers a request, or many events.

    It does once the session is quiet: no event lies behind its bound.
    """
    return session.latest < until or new_events >= GROWN
