"""Points in time: integers, microseconds since 1970-01-01T00:00Z, which every store keeps exact."""

from __future__ import annotations

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
_FIRST_MILLISECONDS = 10**11
"""Numbers from here on are milliseconds, smaller ones UNIX seconds (year 5138 in seconds)."""
_NOT_A_TIME = (
    'not a valid time: send ISO 8601 ("2026-11-22T10:00:00Z") '
    "or a UNIX time in seconds or milliseconds"
)


def lies_within(time: int, intervals: Iterable[tuple[int, int]]) -> bool:
    """Tell whether a time lies in one of some intervals, each without its end."""
    return any(start <= time < end for start, end in intervals)


def parse_time(value: object, field: str) -> int:
    """Parse ISO 8601 (UTC without a zone), UNIX seconds, or milliseconds, to microseconds.

    Raises `Invalid` naming `field` for anything else, and for times before 1970 or after 2286.
    """
    if not (isinstance(value, str) or is_number(value)):
        raise Invalid(_NOT_A_TIME, field)
    try:
        micros = _parse_iso(value) if isinstance(value, str) else _from_number(value)
    except (ValueError, OverflowError) as error:
        raise Invalid(_NOT_A_TIME, field) from error
    if not 0 <= micros < END:
        raise Invalid("not a valid time: it is before 1970 or after 2286", field)
    return micros


def to_iso(micros: int) -> str:
    """Format a time as `2026-11-22T10:00:00.000001Z`.

    Always UTC with six decimals, so that the order of the texts is the order of the times.
    """
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _parse_iso(text: str) -> int:
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND


def _from_number(number: float) -> int:
    microseconds_per_unit = 1000 if number >= _FIRST_MILLISECONDS else SECOND
    return round(number * microseconds_per_unit)
