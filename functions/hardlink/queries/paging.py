"""What a reader of a timeline asks for, and which of the events that were found make a page of it. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hardlink.domain import derived_events, events, synthetic_ids
from hardlink.domain.errors import Invalid
from hardlink.domain.events import StoredEvent
from hardlink.domain.records import Session
from hardlink.domain.times import END
from hardlink.queries.customer import Customer, SessionInterval
from hardlink.storage import items

MOST = 1000
"""Events of one page."""

Place = tuple[int, str, str]
"""Where an event stands in a timeline: time, ID, session."""


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events a reader asks for. Times in microseconds; `until` is not included; `before`: where to go on.

    `derived`: with those that nobody sent (see `derived`).
    """

    limit: int = 50
    type: str | None = None
    since: int = 0
    until: int = END
    before: Place | None = None
    derived: bool = False

    def takes(self, type_: str, parse_cursor: Place) -> bool:
        """Whether an event is one of them, where its session may hold it."""
        return self.type in (None, type_) and (self.before is None or parse_cursor < self.before)


@dataclass(frozen=True, slots=True)
class Found:
    """An event, and the stretch that it lies in."""

    event: StoredEvent
    stretch: SessionInterval

    @property
    def place(self) -> Place:
        """Its place in the timeline."""
        return (self.event.time, self.event.id, self.stretch.session)

    def shown(self) -> dict[str, Any]:
        """As it is answered."""
        return self.event.shown(self.stretch.session, self.stretch.profile)


def make_page(found: Sequence[Found], wanted: EventQuery) -> dict[str, Any]:
    """One page; `wanted` asks for one event more than it holds, to see whether there is another."""
    make_page = found[: wanted.limit - 1]
    make_page = make_page[: max(1, events.count_fitting([one.event for one in make_page]))]
    more = len(found) > len(make_page)
    return {
        "events": [one.shown() for one in make_page],
        "cursor": format_cursor(make_page[-1].place) if more else None,
    }


def merge_events(customer: Customer, wanted: EventQuery) -> list[Found]:
    """When visitors joined, whom this customer was known to before."""
    if not wanted.derived or wanted.type not in (None, derived_events.MERGE):
        return []
    found = []
    for profile, joined in customer.joined():
        own = (row for row in customer.sessions if not synthetic_ids.is_synthetic(row.session))
        sessions = [row for row in own if row.profile == profile]
        if sessions and wanted.since <= joined.effective_at < wanted.until:
            row = min(sessions, key=lambda row: (row.created, row.session))
            stretch = SessionInterval(row.session, profile.value, 0, END, END, END)
            found.append(
                Found(
                    derived_events.merge(joined.effective_at, profile.value, joined.source), stretch
                )
            )
    return [one for one in found if wanted.takes(derived_events.MERGE, one.place)]


def sessions_to_read(limit: int, found: int, read: int, most: int) -> int:
    """How many stretches to read at once: as many as should hold what is missing, if they hold what others held."""
    if found >= limit:
        return most
    return min(-(-(limit - found) * read // max(found, 1)), most)


def format_cursor(place_: Place) -> str:
    """Where to go on, as an opaque text."""
    return base64.urlsafe_b64encode("\n".join(map(str, place_)).encode()).decode().rstrip("=")


def parse_cursor(text: str) -> Place:
    """What `cursor` wrote. Raises `Invalid`."""
    try:
        time, id_, session = (
            base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("\n")
        )
        return int(time), id_, session
    except (ValueError, binascii.Error) as error:
        raise Invalid(
            "this is no cursor of ours: send the one that the last answer gave", "cursor"
        ) from error


def whole_session(session: Session) -> SessionInterval:
    """All of a session, whoever it belongs to."""
    row = items.session_row(session)
    return SessionInterval(
        session.id, session.profile.value, row.since, END, session.latest, session.last_event_at
    )


def clip_intervals(
    stretches: Sequence[SessionInterval], wanted: EventQuery
) -> Iterator[SessionInterval]:
    """The parts of stretches in which wanted events may lie."""
    later = derived_events.AFTERWARDS if wanted.derived else 0
    until = min(wanted.until, wanted.before[0] + 1) if wanted.before else wanted.until
    for s in stretches:
        start, end = max(s.start, wanted.since), min(s.end, until)
        bound = s.bound + later
        if start < end and bound >= start:
            yield replace(
                s, start=start, end=end, bound=min(bound, end - 1), seen=min(s.seen, end - 1)
            )
