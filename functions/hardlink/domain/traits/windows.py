"""Windows of traits: ever, the last days, the latest visit. No job moves them. Pure.

A state is kept for each *bucket* of events: a day of the calendar, or a session. A window is a
choice of whole buckets, made when the value is read. So a window of days is exact without the
events: "within 30 days" are today and the 29 days before, in the project's time zone.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

from hardlink.domain.times import DAY
from hardlink.domain.traits.selection import SessionEvent

Bucket = int | str
"""A day, counted from the year 1, or a session's ID; 0 for all events."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = re.compile(r"([1-9][0-9]{0,4}) days?")
MOST_DAYS = 3660
"""The longest window: ten years."""
_VISIT = "visit"


class Window(NamedTuple):
    """The events that a trait is computed of. `days`: of the last days."""

    kind: Literal["ever", "days", "visit"] = "ever"
    days: int = 0

    def bucket(self, found: SessionEvent, zone: tzinfo) -> Bucket | None:
        """Return the bucket of an event; `None` for one that no such window ever holds.

        `zone`: in which days begin.
        """
        if self.kind == "days":
            return day_of(found.event.time, zone)
        # A session of the shop's backend is no visit.
        if self.kind == "visit":
            return found.session if found.is_of_visit else None
        return 0

    def first_day(self, now: int, zone: tzinfo) -> int:
        """Return the first bucket of the window. `now`: microseconds.

        Buckets of a window of days are days; the only one of a window without an end is 0.
        """
        return day_of(now, zone) - self.days + 1 if self.kind == "days" else 0

    def since(self, now: int) -> int:
        """Return a time before which no event lies in the window; 0 if there is none.

        A day more than its days: where clocks change, a day has up to 25 hours.
        """
        return max(0, now - (self.days + 1) * DAY) if self.kind == "days" else 0


EVER = Window()
"""All events."""


def day_of(time: int, zone: tzinfo) -> int:
    """Return the day of a time in microseconds, counted from the year 1."""
    # Integers to the end: a float of microseconds is off by some of them.
    moment = _EPOCH + timedelta(microseconds=time)
    return moment.astimezone(zone).toordinal()


def parse_window(text: str) -> Window:
    """Parse `visit`, `30 days` or `1 day`. Raises `ValueError`."""
    if text == _VISIT:
        return Window("visit")
    match = _DAYS.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is no window: write "30 days" or "visit"')
    return window_of_days(int(match[1]))


def window_of_days(days: int) -> Window:
    """Make the window of the last days. Raises `ValueError` where it is too short or too long."""
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"a window has 1 to {MOST_DAYS} days")
    return Window("days", days)
