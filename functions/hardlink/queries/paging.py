"""Queries for events, positions in a timeline, and pages of it. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hardlink.domain import derived_events, events
from hardlink.domain.errors import Invalid
from hardlink.domain.events import StoredEvent
from hardlink.domain.records import MergeNotice, Session
from hardlink.domain.times import END
from hardlink.queries.customer import Customer, SessionInterval, session_interval
from hardlink.storage import items

MOST_EVENTS = 1000
"""Events of one page."""
DEFAULT_LIMIT = 50

Position = tuple[int, int, str, str]
"""Position of an event in a timeline: time, time of receipt, ID, session.

Events of one call are received a microsecond apart, so equal times keep the order of the call.
"""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A query for events. Times in microseconds, `until` excluded; `before`: where a page begins.

    `source`: the name of the source that sent them. `derived`: include events that no client
    sent, see `derived_events`.
    """

    limit: int = DEFAULT_LIMIT
    type: str | None = None
    source: str | None = None
    since: int = 0
    until: int = END
    before: Position | None = None
    derived: bool = False

    @property
    def includes_visits(self) -> bool:
        """True if it may select events that are derived from session pings."""
        return self.derived and self.type in (None, *derived_events.VISITS)

    def includes_derived(self, type_: str) -> bool:
        """Tell whether it may select derived events of a type."""
        return self.derived and self.type in (None, type_)

    def after(self, cursor: str | None) -> EventQuery | None:
        """Return the query for the next page, from the cursor of this one; `None` at the end."""
        if cursor is None:
            return None
        return replace(self, before=parse_cursor(cursor))

    @property
    def is_filtered(self) -> bool:
        """True if it may leave out most events that lie in its interval."""
        return self.type is not None or self.source is not None

    def accepts(self, type_: str, source: str) -> bool:
        """Check type and source of an event."""
        return self.type in (None, type_) and self.source in (None, source)

    def selects(self, event: StoredEvent, position: Position) -> bool:
        """Check an event and its position; the interval it lies in is clipped already.

        A cursor is the position of the last event of the page before, which is not selected again.
        """
        is_after_cursor = self.before is None or position < self.before
        return is_after_cursor and self.accepts(event.type, event.source)


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """An event, and the interval in which it lies."""

    event: StoredEvent
    interval: SessionInterval

    @property
    def position(self) -> Position:
        """Its position in the timeline."""
        return (*self.event.order_in_session, self.interval.session)

    def as_json(self) -> dict[str, Any]:
        """Format the event as the timeline answers it."""
        return self.event.as_json(self.interval.session, self.interval.profile)


def select_newest(found: Iterable[TimelineEvent], limit: int) -> list[TimelineEvent]:
    """Sort events, newest first, and keep at most `limit`.

    Events of one time are in order of their receipt, so that pages never overlap.
    """
    ordered = sorted(found, key=lambda one: one.position, reverse=True)
    return ordered[:limit]


def with_lookahead(query: EventQuery) -> EventQuery:
    """Widen a query by one event, which shows `make_page` whether there is another page."""
    return replace(query, limit=query.limit + 1)


def make_page(found: Sequence[TimelineEvent], query: EventQuery) -> dict[str, Any]:
    """Make a page of the events that a query `with_lookahead` found.

    It has fewer events than were found where one answer cannot hold them.
    """
    page = found[: query.limit - 1]
    # At least one event, however large, or pages would never come to an end.
    fitting = max(1, events.count_fitting([one.event for one in page]))
    page = page[:fitting]
    has_more = len(found) > len(page)
    return {
        "events": [one.as_json() for one in page],
        "cursor": format_cursor(page[-1].position) if has_more else None,
    }


def merge_events(customer: Customer, query: EventQuery) -> list[TimelineEvent]:
    """Derive a `merge` event for each visitor who joined a customer known before."""
    if not query.includes_derived(derived_events.MERGE):
        return []
    first_sessions = customer.first_sessions()
    # a visitor known by the shop's backend alone made no visit: nothing to show
    found = [
        _merge_event(first_sessions[profile], profile.value, notice)
        for profile, notice in customer.list_merges()
        if profile in first_sessions
    ]
    return [one for one in found if _includes_merge(query, one)]


def _merge_event(session: str, profile: str, notice: MergeNotice) -> TimelineEvent:
    """Make a `merge` event, which lies in no stored session."""
    event = derived_events.merge_event(notice.effective_at, profile, notice.source)
    return TimelineEvent(event, SessionInterval(session, profile, 0, END, END, END))


def _includes_merge(query: EventQuery, merged: TimelineEvent) -> bool:
    """Check time and position of a merge: it lies in no interval that would be clipped."""
    is_in_time = query.since <= merged.event.time < query.until
    return is_in_time and query.selects(merged.event, merged.position)


def sessions_to_read(limit: int, found: int, read: int, most: int) -> int:
    """Estimate how many intervals to read next, at most `most`, from the yield of those read.

    `limit`: events that are wanted, `found`: those that `read` intervals held.
    """
    if found >= limit:
        return most
    missing = limit - found
    # The first one often holds nothing but what the page before answered: then nothing is known of
    # the others, and twice as many are read.
    estimate = -(-missing * read // found) if found else 2 * read  # rounded up
    return min(estimate, most)


def format_cursor(position: Position) -> str:
    """Format a position as text that is safe in a URL, and that clients need not understand."""
    text = "\n".join(map(str, position))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_cursor(text: str) -> Position:
    """Parse the cursor that an answer gave. Raises `Invalid`."""
    # It was taken off, because `=` has a meaning in a query.
    padding = "=" * (-len(text) % 4)
    try:
        decoded = base64.urlsafe_b64decode(text + padding).decode()
        time, received, id_, session = decoded.split("\n")
        return int(time), int(received), id_, session
    except (ValueError, binascii.Error) as error:
        raise Invalid(
            "not a cursor of this API: send the one from the last answer", "cursor"
        ) from error


def whole_session(session: Session) -> SessionInterval:
    """Return all of a session as one interval, whichever customers it belongs to."""
    return session_interval(items.session_row(session), 0, END, session.erased)


def clip_intervals(
    intervals: Iterable[SessionInterval], query: EventQuery
) -> Iterator[SessionInterval]:
    """Clip intervals to the times in which a query may select events; drop those without any.

    A session whose events are all later than the query's end is dropped by its `first`: else each
    page of a timeline would ask again every session that earlier pages have answered. Its row may
    be a moment behind (see Association), so nothing else is clipped by that.
    """
    # the end of a visit is derived later than the last event that is stored
    delay = derived_events.END_DELAY if query.derived else 0
    until = min(query.until, query.before[0] + 1) if query.before else query.until
    for interval in intervals:
        start, end = max(interval.start, query.since), min(interval.end, until)
        bound = interval.bound + delay
        if max(start, interval.first) < end and start <= bound:
            yield replace(
                interval,
                start=start,
                end=end,
                bound=min(bound, end - 1),
                seen=min(interval.seen, end - 1),
            )
