"""Points in time: integers, microseconds since 1970-01-01T00:00Z, which every store keeps exact."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hardlink.domain.errors import Invalid
from hardlink.domain.json_types import is_number

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
END = 10**16 - 1
"""Later than any event: the largest time with the 16 digits of a sort key (year 2286)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNITS = ((10**11, SECOND), (10**14, 1000), (10**18, 1))
"""Numbers below are in seconds, milliseconds and microseconds, with the microseconds of one.

In the unit before, a number of the next one would be in the year 5138. Beyond are nanoseconds.
"""
_UNIX_TIME = re.compile(r"\d{9,19}(\.\d+)?")
"""A UNIX time as text. Fewer digits may also be a date without hyphens, such as `20261129`."""
_MONTHS = [
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
]
_MONTH = "|".join(_MONTHS)
_SCRIPT_DATE = re.compile(
    rf"[A-Z]{{3}},? (?:(?P<month_first>{_MONTH}) (?P<day_second>\d\d?)"
    rf"|(?P<day>\d\d?) (?P<month>{_MONTH})) (?P<year>\d{{4}}) "
    r"(?P<clock>\d\d:\d\d:\d\d) (?:GMT|UTC)?(?P<zone>[+-]\d{4})?(?: \(.*\))?$"
)
"""What `String(new Date())` and `toUTCString()` give in JavaScript."""
_ZONE_NAME = re.compile(r"\s*(UTC|GMT)$")
_SPACED_ZONE = re.compile(r"\s+(Z$|[+-]\d\d)")
_NOT_A_TIME = (
    'not a valid time: send ISO 8601 ("2026-11-22T10:00:00Z") '
    "or a UNIX time in seconds or milliseconds"
)


def lies_within(time: int, intervals: Iterable[tuple[int, int]]) -> bool:
    """Tell whether a time lies in one of some intervals, each without its end.

    Times and intervals are in microseconds. Intervals may overlap.
    """
    return any(start <= time < end for start, end in intervals)


def parse_time(value: object, field: str) -> int:
    """Parse ISO 8601 (UTC without a zone), or a UNIX time, to microseconds.

    Also what is unambiguous though it is neither: a UNIX time as text, "2026-11-29 10:00:00 UTC",
    and the texts of JavaScript's `Date` ("Sun Nov 29 2026 10:00:00 GMT+0100 (CET)", "Sun, 29 Nov
    2026 10:00:00 GMT"). A UNIX time is in seconds, milliseconds, microseconds or nanoseconds, by
    its size. Raises `Invalid` naming `field` for anything else, and for times before 1970 or after
    2286.
    """
    try:
        micros = _parse_value(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise Invalid(_NOT_A_TIME, field) from error
    if not 0 <= micros < END:
        raise Invalid("not a valid time: it is before 1970 or after 2286", field)
    return micros


def _parse_value(value: object) -> int:
    """Parse a text or a number to microseconds.

    Raises `ValueError` or `OverflowError` for one that is no time, and `TypeError` for a value of
    another type.
    """
    if isinstance(value, str):
        return _parse_text(value)
    if is_number(value):
        return _from_number(value)
    raise TypeError(_NOT_A_TIME)


def to_iso(micros: int) -> str:
    """Format a time as `2026-11-22T10:00:00.000001Z`.

    Always UTC with six decimals, so that the order of the texts is the order of the times.
    """
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _parse_text(text: str) -> int:
    """Parse a text to microseconds. Raises `ValueError` or `OverflowError`."""
    written = text.strip().upper()
    if _UNIX_TIME.fullmatch(written):
        # A fraction needs a float; without one, every digit of an integer counts.
        return _from_number(float(written) if "." in written else int(written))
    of_script = _SCRIPT_DATE.match(written)
    if of_script:
        return _parse_iso(_iso_of_script(of_script))
    return _parse_iso(_ZONE_NAME.sub("Z", written))


def _iso_of_script(date: re.Match[str]) -> str:
    """Write a date of JavaScript as ISO 8601. `date`: a match of `_SCRIPT_DATE`."""
    parts = date.groupdict("")
    month = _MONTHS.index(parts["month"] + parts["month_first"]) + 1
    day = int(parts["day"] + parts["day_second"])
    zone = parts["zone"] or "Z"
    return f"{parts['year']}-{month:02}-{day:02}T{parts['clock']}{zone}"


def _parse_iso(text: str) -> int:
    """Parse ISO 8601 to microseconds; without a zone it is UTC. Raises `ValueError`.

    Some put a space before the zone, and a space is no part of it.
    """
    moment = datetime.fromisoformat(_SPACED_ZONE.sub(r"\1", text))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def _from_number(number: float) -> int:
    """Convert a UNIX time to microseconds: its size tells its unit.

    Raises `ValueError` for NaN, and `OverflowError` for infinity.
    """
    for beyond, micros in _UNITS:
        if number < beyond:
            return round(number * micros)
    return round(number) // 1000
