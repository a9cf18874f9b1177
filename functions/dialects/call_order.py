"""Times of the commands of one call."""

from __future__ import annotations

from hardlink.domain.call import Call


def call_at(call: Call, number: int) -> Call:
    """The call as if its command with this number came alone, so many microseconds later.

    Links and values are ordered by time, so commands at the same time would have no order.
    """
    return call._replace(now=call.now + number)
