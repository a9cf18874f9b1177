"""Compute traits and segments of a customer's events, as they are at the moment of the call.

Nothing is kept of a value: it follows every link, undo, merge and erasure, because the timeline
does. What is kept of a session's events is used only where it is of the events that a reader would
read (`domain/traits/session_summary.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import END
from hardlink.domain.traits import summaries
from hardlink.domain.traits.declaration import STORED, Catalogue, Segment
from hardlink.domain.traits.expressions import Name, find_member
from hardlink.domain.traits.session_summary import version_of
from hardlink.domain.traits.summaries import Computed, Summary
from hardlink.domain.traits.trait import Trait
from hardlink.domain.values import json_size
from hardlink.queries.customer import Customer
from hardlink.queries.paging import TimelineEvent
from hardlink.queries.session_summaries import (
    Gathering,
    Rules,
    SessionPart,
    SessionSummaries,
)
from hardlink.queries.timeline import Timeline
from hardlink.storage.store import Store

MOST_READ_EVENTS = 10_000
"""Events that one call reads beside summaries, the newest of a customer: about two seconds."""
MOST_READ_BYTES = 24 * 1024 * 1024
"""Bytes of these: events are large where clients send whole pages."""
_ALL = "*"
_NOT_ALL_READ = "older events were not read: the value is of the newest {} alone"
_NO_ROOM = "more values than the trait has room for"
_DEPENDS = "depends on a trait that is not complete"


class Wanted(NamedTuple):
    """Names of traits and segments to compute."""

    traits: Sequence[str]
    segments: Sequence[str]


class Reading(NamedTuple):
    """A summary of a customer's events, how many these are, and whether they are all.

    `last_seen`: the time of the last event of each session, 0 without any, as far as it is known.
    """

    summary: Summary
    events: int
    has_all: bool
    last_seen: Mapping[str, int] = NOTHING


class ComputedValues:
    """Computes traits and segments. `clock` returns microseconds since 1970."""

    def __init__(
        self,
        store: Store,
        sources: Sources,
        timeline: Timeline,
        clock: Callable[[], int],
    ) -> None:
        self._summaries = SessionSummaries(store, clock)
        self._sources = sources
        self._sessions_name = store.sessions_name
        self._timeline = timeline
        self._clock = clock
        self._catalogues: dict[str, Catalogue] = {}
        self._rules_of: dict[str, Rules] = {}

    def parse(
        self, project_id: str, traits: str | None, segments: str | None
    ) -> Wanted | None:
        """Parse what a call asks for, names with commas in between, or `*`; `None` for nothing.

        Raises `Invalid` for a name that the project does not have.
        """
        if traits is None and segments is None:
            return None
        catalogue = self.catalogue(project_id)
        return Wanted(
            _parse_names(traits, catalogue.traits, "traits"),
            _parse_names(segments, catalogue.segments, "segments"),
        )

    def catalogue(self, project_id: str) -> Catalogue:
        """Return the traits and segments of a project, which are built once a process."""
        if project_id not in self._catalogues:
            project = self._sources.projects[project_id]
            self._catalogues[project_id] = Catalogue.of_project(project)
        return self._catalogues[project_id]

    def read(
        self, project_id: str, customer: Customer | None, wanted: Wanted
    ) -> Reading:
        """Read what values are computed of; without a customer, of no event."""
        # Conditions on what calls set need no events at all.
        if customer is None:
            return Reading(Summary(), 0, has_all=True)
        needed = self._list_needed(project_id, wanted).values()
        now = self._clock()
        since = min((one.window.since(now) for one in needed), default=END)
        rules = self._rules(project_id)
        intervals = [one for one in customer.session_intervals() if one.bound >= since]
        parts, read_at = self._summaries.find(project_id, intervals, rules.version)
        reading = self._read_all(project_id, parts, rules, (since, read_at))
        if reading is None:
            reading = self._read_newest(project_id, parts, rules, since)
        return reading

    def compute(
        self,
        project_id: str,
        reading: Reading,
        stored: Mapping[str, Any],
        wanted: Wanted,
    ) -> dict[str, Any]:
        """Compute values of what was read.

        `stored`: attributes, segments, traits and consents, as `describe_customer` answers them.
        Returns `traits` and `segments` by name, of how many `events` they are, and `incomplete`:
        name -> why the value is not exact.
        """
        now = self._clock()
        catalogue = self.catalogue(project_id)
        zone = self._rules(project_id).zone
        segments = [catalogue.segments[name] for name in wanted.segments]
        computed: dict[str, Computed] = {}
        for name, trait in self._list_needed(project_id, wanted).items():
            computed[name] = summaries.compute(
                trait, reading.summary, now, zone, has_all=reading.has_all
            )
        judge = _SegmentJudge(catalogue, computed, stored)
        incomplete = _explain_incomplete(wanted.traits, computed, reading)
        for segment in segments:
            if not judge.is_complete(segment):
                incomplete[segment.name] = _DEPENDS
        return {
            "traits": {name: computed[name].value for name in wanted.traits},
            "segments": {one.name: judge.includes(one) for one in segments},
            "events": reading.events,
            "incomplete": incomplete,
        }

    def _rules(self, project_id: str) -> Rules:
        """Return how a project's events are summarised, which is built once a process."""
        if project_id not in self._rules_of:
            project = self._sources.projects[project_id]
            catalogue = self.catalogue(project_id)
            self._rules_of[project_id] = Rules(
                catalogue.list_needed(catalogue.traits, catalogue.segments),
                version_of(project, self._sessions_name),
                ZoneInfo(project.time_zone),
            )
        return self._rules_of[project_id]

    def _list_needed(self, project_id: str, wanted: Wanted) -> dict[str, Trait]:
        """List the traits that are wanted, and those of the wanted segments' conditions."""
        return self.catalogue(project_id).list_needed(wanted.traits, wanted.segments)

    def _read_all(
        self,
        project_id: str,
        parts: Sequence[SessionPart],
        rules: Rules,
        times: tuple[int, int],
    ) -> Reading | None:
        """Read every event that the summaries of a customer's sessions do not hold.

        `times`: of the first event that counts, and before the summaries were read. Returns `None`
        where these events are too many; what was read of them is kept.
        """
        since, read_at = times
        gathering = Gathering(rules, read_at)
        unread = [part.unread for part in parts if part.unread]
        pages = _Pages(self._timeline.read_pages(project_id, unread, since))
        for page in pages:
            gathering.add(page)
        # Behind the last event that was read others may be left.
        complete_since = since if pages.are_all else pages.oldest + 1
        read = complete_since, read_at
        self._summaries.keep(project_id, rules, parts, gathering, read)
        if not pages.are_all:
            self._extend_oldest(project_id, rules, parts, read)
            return None
        return _join(rules, parts, gathering, is_whole=since == 0)

    def _extend_oldest(
        self,
        project_id: str,
        rules: Rules,
        parts: Iterable[SessionPart],
        read: tuple[int, int],
    ) -> None:
        """Bring the session forward that has the oldest events which were not read.

        `read`: as of `SessionSummaries.keep`.
        """
        since, read_at = read
        left = [
            part
            for part in parts
            if part.unread and part.unread.start <= since and part.is_whole(0, read_at)
        ]
        for part in sorted(left, key=_begin)[:1]:
            self._summaries.extend(project_id, rules, part, read_at)

    def _read_newest(
        self,
        project_id: str,
        parts: Sequence[SessionPart],
        rules: Rules,
        since: int,
    ) -> Reading:
        """Read a customer's newest events, page by page, so that only a page is held at once."""
        intervals = [part.interval for part in parts]
        gathering = Gathering(rules, 0)
        pages = _Pages(self._timeline.read_pages(project_id, intervals, since))
        for page in pages:
            gathering.add(page)
        reading = _join(rules, (), gathering, is_whole=False)
        return reading._replace(has_all=pages.are_all)


class _Pages:
    """Pages of events, newest first, until they are too many for one call.

    `are_all`: no event is left. `oldest`: time of the last one.
    """

    def __init__(self, pages: Iterable[Sequence[TimelineEvent]]) -> None:
        self._pages = pages
        self.are_all = True
        self.oldest = END

    def __iter__(self) -> Iterator[Sequence[TimelineEvent]]:
        events = size = 0
        for page in self._pages:
            # Only the page beyond the limit shows that there is one.
            if events >= MOST_READ_EVENTS or size >= MOST_READ_BYTES:
                self.are_all = False
                return
            yield page
            events += len(page)
            size += sum(json_size(one.event.body) for one in page)
            self.oldest = page[-1].event.time


class _SegmentJudge:
    """Tells whether a customer is in segments. `stored`: the values that calls set."""

    def __init__(
        self,
        catalogue: Catalogue,
        computed: Mapping[str, Computed],
        stored: Mapping[str, Any],
    ) -> None:
        self._catalogue = catalogue
        self._computed = computed
        # Labels that calls set are a list; an expression asks for one of them by its name.
        labels = dict.fromkeys(stored["segments"], True)
        self._stored = {**stored, "segments": labels}

    def includes(self, segment: Segment) -> bool:
        """Tell whether the customer meets a segment's condition."""
        return segment.condition.holds(self._find_value)

    def is_complete(self, segment: Segment) -> bool:
        """Tell whether every trait of a segment's condition is complete."""
        needed = self._catalogue.traits_of(segment)
        return all(self._computed[trait.name].is_complete for trait in needed)

    def _find_value(self, name: Name) -> Any:
        first, *rest = name.path
        if first in STORED:
            return find_member(self._stored, name.path)
        trait = self._catalogue.resolve_trait(name)
        value = self._computed[trait.name].value if trait else None
        return find_member(value, rest)


def _parse_names(text: str | None, known: Mapping[str, Any], field: str) -> list[str]:
    """Parse names with commas in between, or `*` for all. Raises `Invalid` naming `field`.

    `known`: by name. Names that are sent twice count once.
    """
    if text == _ALL:
        return list(known)
    names = [name.strip() for name in (text or "").split(",")]
    wanted = list(dict.fromkeys(filter(None, names)))
    for name in wanted:
        if name not in known:
            listed = ", ".join(known) or "none is declared"
            raise Invalid(f"there is no {name[:64]!r}: use {_ALL}, or {listed}", field)
    return wanted


def _explain_incomplete(
    names: Iterable[str], computed: Mapping[str, Computed], reading: Reading
) -> dict[str, str]:
    """Say for each trait that is not complete why: too many values, or too many events.

    `names`: those that were asked for.
    """
    reasons: dict[str, str] = {}
    why = _NO_ROOM if reading.has_all else _NOT_ALL_READ.format(reading.events)
    for name in names:
        if not computed[name].is_complete:
            reasons[name] = why
    return reasons


def _begin(part: SessionPart) -> int:
    """Return the time from which on events of a session have no summary."""
    return part.unread.start if part.unread else END


def _join(
    rules: Rules, parts: Sequence[SessionPart], gathering: Gathering, *, is_whole: bool
) -> Reading:
    """Merge summaries and the events that none of them holds.

    `is_whole`: these are all events of the sessions, so that the last one of each is known.
    """
    summary, events = Summary(), 0
    for part in parts:
        if part.summary:
            summary = summaries.merge(rules.traits, summary, part.summary.summary)
            events += part.summary.events
    for one in gathering.all:
        summary = summaries.merge(rules.traits, summary, one.summary)
        events += one.events
    last_seen = _last_events(parts, gathering) if is_whole else NOTHING
    return Reading(summary, events, has_all=True, last_seen=last_seen)


def _last_events(
    parts: Iterable[SessionPart], gathering: Gathering
) -> Mapping[str, int]:
    """Return the time of the last event of each session, 0 without any."""
    last_seen: dict[str, int] = {}
    for part in parts:
        id_ = part.interval.session
        held = part.summary.newest if part.summary else 0
        last_seen[id_] = max(last_seen.get(id_, 0), held, gathering.newest_of(id_))
    return last_seen
