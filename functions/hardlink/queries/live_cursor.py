"""The cursor of the live view: where a sweep over a project's active sessions goes on."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import NamedTuple

from hardlink.domain.errors import Invalid
from hardlink.domain.records import LATE
from hardlink.domain.times import END, SECOND
from hardlink.storage import keys

WRITE_TIMEOUT = 30 * SECOND
"""A write call ends within this time, or fails."""
_PLACE = re.compile(r"(s/[^\n]{1,600}(\n|\n[en]/[^\n]{1,600})|r/[^\n]{1,600}\n|\n)")
"""A session's bound and one of its items, a refused call, or neither."""


class Cursor(NamedTuple):
    """Position of a sweep over everything received since `since`, and surely before `beginning`.

    `bound`: the next session, by its bound, or behind all sessions the next refused call. `item`,
    `number`: the next item of a session, and the entry of that item. Times are microseconds.
    """

    since: int
    beginning: int
    bound: str = ""
    item: str = ""
    number: int = 0

    @property
    def text(self) -> str:
        """The cursor as opaque text."""
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode().rstrip("=")

    @property
    def is_at_refused_calls(self) -> bool:
        """True where the sweep is behind all sessions, among the calls that were refused."""
        return self.bound.startswith(keys.REFUSED_CALL)

    @property
    def received_from(self) -> int:
        """Earliest time of receipt to answer; earlier entries were answered before."""
        return max(0, self.since - WRITE_TIMEOUT)

    @property
    def happened_from(self) -> int:
        """Earliest time of events to scan; what is received later than that has a note."""
        return max(0, self.received_from - LATE)


def parse_cursor(text: str) -> Cursor:
    """Parse the text of a cursor. Raises `Invalid` for any other text."""
    padding = "=" * (-len(text) % 4)
    try:
        return _checked_cursor(json.loads(base64.urlsafe_b64decode(text + padding)))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise Invalid(
            "not a cursor of this API: send the one from the last answer", "since"
        ) from error


def _checked_cursor(fields: list[object]) -> Cursor:
    """Check a cursor that anybody may have made up. Raises `ValueError`, `TypeError`."""
    since, beginning, bound, item, number = fields
    if not _PLACE.fullmatch(f"{bound}\n{item}"):
        raise ValueError(fields)
    return Cursor(
        _checked_int(since),
        _checked_int(beginning),
        str(bound),
        str(item),
        _checked_int(number),
    )


def _checked_int(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < END:
        raise ValueError(value)
    return value
