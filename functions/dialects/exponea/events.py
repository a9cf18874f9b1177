"""Events of Exponea's commands: type, time, ID and consents.

Events carry no ID. One that is sent again is recognized by its content and its time.
Source: Exponea's tracking API v2, and its web SDK 3.15.0, which sends ages instead of times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dialects.content_ids import ContentIds
from hardlink.domain import times
from hardlink.domain.commands import unreadable_time
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.json_types import as_object
from hardlink.domain.times import SECOND, to_iso

_RESENT_FROM = 4.0
"""Seconds. The web SDK repeats a bulk after five at the earliest, with ages grown by as much."""
_JITTER = SECOND
"""An age counts back from the receipt of the call, so it is as exact as a sending is fast.

With a wider one, the second of two equal events that came late would be taken for the first.
"""
_DATED_JITTER = SECOND // 10
"""With the time of sending beside the age, both are by one clock."""

Data = Mapping[str, Any]


class EventTime(NamedTuple):
    """Time of an event, in microseconds, `None` if its client names none.

    `jitter`: by how much a repetition of it may be off; `warnings`: about a timestamp that cannot
    be read, and so counts as none.
    """

    time: int | None
    jitter: int
    warnings: tuple[str, ...] = ()


def read_event_type(data: Data) -> str:
    """Read the type of an event, by the name of either family. Raises `Invalid` if it has none."""
    type_ = data.get("event_type") or data.get("type")
    if not type_:
        raise Invalid("send the type of the event", "event_type")
    return str(type_)


def read_event_time(data: Data, now: int) -> EventTime:
    """Read the time of an event: `timestamp`, or `age` seconds before it was sent.

    It was sent at `timestamp`, or else at `now`, when it was received (microseconds).
    """
    age: float | None = data.get("age")
    sent, warnings = _read_timestamp(data)
    if age is None:
        return EventTime(sent, 0, warnings)
    until, jitter = now, _JITTER
    if sent is not None:
        until, jitter = sent, _DATED_JITTER
    if age < _RESENT_FROM:
        jitter = 0  # sent for the first time
    return EventTime(_time_before(until, age), jitter, warnings)


def _read_timestamp(data: Data) -> tuple[int | None, tuple[str, ...]]:
    """Read `timestamp` in microseconds, `None` if there is none; a warning if it is not valid."""
    timestamp: object = data.get("timestamp")
    if timestamp is None:
        return None, ()
    try:
        return times.parse_time(timestamp, "timestamp"), ()
    except Invalid as error:
        return None, (unreadable_time(error).warning,)


def _time_before(until: int, age: float) -> int:
    """The time so many seconds before another one, in microseconds, not before 1970."""
    # A clock that jumped gives negative or absurd ages.
    oldest = float(times.END // SECOND)
    elapsed = round(min(max(age, 0.0), oldest) * SECOND)
    return max(0, until - elapsed)


def build_event(
    data: Data, time: int | None, owner: tuple[object, object], content_ids: ContentIds
) -> dict[str, Any]:
    """Make the event of a `Track` command.

    `owner`: project token, and whom the event is about. Only an event with a time has an ID: any
    other one is another event each time that it is sent. Raises `Invalid`.
    """
    properties = as_object(data.get("properties"))
    event: dict[str, Any] = {"type": read_event_type(data), "properties": properties}
    if time is not None:
        stamp = data.get("timestamp")
        if data.get("age") is not None:
            stamp = None  # ages differ from one sending to the next, timestamps do not
        content = [*owner, event["type"], properties, stamp]
        event |= {"time": to_iso(time), "id": content_ids.make_id(content)}
    return event


def build_click(data: Data) -> dict[str, Any]:
    """Make the data of a campaign click those of an event, whose own properties win."""
    properties = {"status": "clicked"}
    if data.get("url"):
        properties["url"] = data["url"]
    properties |= as_object(data.get("properties"))
    return {**data, "type": "campaign", "properties": properties}


def read_consents(event: Mapping[str, Any], time: int) -> Mapping[str, Any]:
    """Read the consent that a `consent` event sets; none for any other event. Raises `Invalid`.

    Returns `{category: {"action", "valid_until", "timestamp"}}`. `time`: of the event, in
    microseconds; times of the consent are in seconds, as Exponea has them.
    """
    if event["type"] != "consent":
        return NOTHING
    properties = event["properties"]
    category, action = properties.get("category"), properties.get("action")
    if not isinstance(category, str) or action not in ("accept", "reject"):
        message = 'a consent event needs a category, and an action "accept" or "reject"'
        raise Invalid(message, "properties")
    consent = {
        "action": action,
        "valid_until": properties.get("valid_until"),
        "timestamp": time / SECOND,
    }
    return {category: consent}
