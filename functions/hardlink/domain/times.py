"""Points in time: whole microseconds since 1970-01-01T00:00Z, so that order survives every round trip."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hardlink.domain.errors import Invalid

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
END = 10**16 - 1
"""Later than any event: the largest instant that fits the 16 digits of a sort key (year 2286)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MILLISECONDS_FROM = 10**11
"""Numbers from here on are JavaScript's milliseconds; below, UNIX seconds (year 5138 in seconds)."""
_EXAMPLE = 'send ISO 8601 ("2026-11-22T10:00:00Z") or a UNIX time in seconds or milliseconds'


def parse_time(value: object, field: str) -> int:
    """The instant that a client wrote: ISO 8601 (UTC where it names no zone), or UNIX seconds, or milliseconds.

    Raises `Invalid` naming `field` for anything else, and for times before 1970 or after 2286.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Invalid(f"this is no time: {_EXAMPLE}", field)
    try:
        micros = _of_text(value) if isinstance(value, str) else _of_number(value)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"this is no time: {_EXAMPLE}", field) from error
    if not 0 <= micros < END:
        raise Invalid("this time lies before 1970 or after 2286", field)
    return micros


def to_iso(micros: int) -> str:
    """`2026-11-22T10:00:00.000001Z`: always UTC, always six decimals, so that text order is time order."""
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _of_text(text: str) -> int:
    moment = datetime.fromisoformat(text.strip())
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // _MICROSECOND


def _of_number(number: float) -> int:
    return round(number * (1000 if number >= _MILLISECONDS_FROM else SECOND))
