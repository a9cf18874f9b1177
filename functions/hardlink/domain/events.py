"""A stored event, and the limits that it has to keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any, NamedTuple

from hardlink.domain import values
from hardlink.domain.times import DAY, END, SECOND, to_iso
from hardlink.domain.values import json_size

MOST_CONTEXT = 256 * 1024
"""Bytes of an event's context."""

MOST_ANSWERED_BYTES = 2_500_000
"""Bytes of the events of one answer: Lambda answers 6 MB, in which quotes may take twice their room."""


class StoredEvent(NamedTuple):
    """An event as it is kept. `time`, `received`: microseconds on the server's clock; `body`: what the client said.

    `order`: the number of the order that it is, so that whoever erases it finds that.
    """

    id: str
    type: str
    time: int
    received: int
    source: str
    body: Mapping[str, Any]
    expires: int | None = None
    order: str | None = None

    def as_json(self, session: str, profile: str) -> dict[str, Any]:
        """The event as the timeline answers it."""
        return {
            "id": self.id,
            "type": self.type,
            "time": to_iso(self.time),
            "received": to_iso(self.received),
            "session": session,
            "profile": profile,
            "source": self.source,
            "properties": {},
            "context": {},
            **self.body,
        }


def count_fitting(found: Iterable[StoredEvent]) -> int:
    """How many of these events one answer holds."""
    bytes_so_far = accumulate(json_size(event.body) for event in found)
    return sum(1 for so_far in bytes_so_far if so_far <= MOST_ANSWERED_BYTES)


def find_storage_fault(event: StoredEvent, now: int) -> tuple[str, str] | None:
    """Why an event can't be stored, and which part of it is at fault."""
    if not 0 <= event.time < END:
        return "with the device's clock corrected, before 1970 or after 2286", "time"
    if event.expires is not None and event.expires * SECOND <= now:
        return "older than this source keeps events", "time"
    if event.time > now + DAY:
        return f"more than a day in the future: it is {to_iso(now)}", "time"
    if len(event.body["properties"]) > values.MOST_NAMES:
        return f"with the payload's, more than {values.MOST_NAMES} names", "properties"
    if json_size(event.body["context"]) > MOST_CONTEXT:
        return f"larger than {MOST_CONTEXT} bytes: shorten it", "context"
    return None
