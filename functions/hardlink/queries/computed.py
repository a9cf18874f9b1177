"""Compute traits and segments of a customer's events, as they are at the moment of the call.

Nothing is kept of a value: it follows every link, undo, merge and erasure, because the timeline
does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from hardlink.domain.errors import Invalid
from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import END
from hardlink.domain.traits import summaries
from hardlink.domain.traits.declaration import STORED, Catalogue, Segment
from hardlink.domain.traits.expressions import Name, find_member
from hardlink.domain.traits.selection import SessionEvent
from hardlink.domain.traits.summaries import Computed, Summary
from hardlink.domain.traits.trait import Trait
from hardlink.domain.values import json_size
from hardlink.queries.customer import Customer
from hardlink.queries.paging import TimelineEvent
from hardlink.queries.timeline import Timeline

MOST_READ_EVENTS = 10_000
"""Events that one call reads, the newest of a customer: about two seconds."""
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


class _Reading(NamedTuple):
    """A summary of the events that were read, how many these are, and whether they are all."""

    summary: Summary
    events: int
    has_all: bool


class ComputedValues:
    """Computes traits and segments. `clock` returns microseconds since 1970."""

    def __init__(
        self, sources: Sources, timeline: Timeline, clock: Callable[[], int]
    ) -> None:
        self._sources = sources
        self._timeline = timeline
        self._clock = clock
        self._catalogues: dict[str, Catalogue] = {}

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
        self, customer: Customer, stored: Mapping[str, Any], wanted: Wanted
    ) -> dict[str, Any]:
        """Read a customer's events and compute values of them.

        `stored`: attributes, segments, traits and consents, as `describe_customer` answers them.
        Returns `traits` and `segments` by name, how many `events` were read, and `incomplete`:
        name -> why the value is not exact.
        """
        return self.read_of(customer.project_id, customer, stored, wanted)

    def read_of(
        self,
        project_id: str,
        customer: Customer | None,
        stored: Mapping[str, Any],
        wanted: Wanted,
    ) -> dict[str, Any]:
        """Compute values as `read` does; without a customer, of no event."""
        now = self._clock()
        catalogue = self.catalogue(project_id)
        zone = ZoneInfo(self._sources.projects[project_id].time_zone)
        traits = [catalogue.traits[name] for name in wanted.traits]
        segments = [catalogue.segments[name] for name in wanted.segments]
        needed = _list_needed(catalogue, traits, segments)
        reading = self._read_summary(customer, needed, now, zone)
        computed: dict[str, Computed] = {}
        for name, trait in needed.items():
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

    def _read_summary(
        self,
        customer: Customer | None,
        needed: Mapping[str, Trait],
        now: int,
        zone: tzinfo,
    ) -> _Reading:
        """Read a customer's newest events, page by page, so that only a page is held at once."""
        summary = Summary()
        events = size = 0
        if customer is None:
            return _Reading(summary, events, has_all=True)
        # Conditions on what calls set need no events at all.
        since = min((one.window.since(now) for one in needed.values()), default=END)
        for page in self._timeline.read_pages(customer, since):
            # Only the page beyond the limit shows that there is one.
            if events >= MOST_READ_EVENTS or size >= MOST_READ_BYTES:
                return _Reading(summary, events, has_all=False)
            part = summaries.summarise(needed, map(_session_event, page), zone)
            summary = summaries.merge(needed, summary, part)
            events += len(page)
            size += sum(json_size(one.event.body) for one in page)
        return _Reading(summary, events, has_all=True)


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


def _list_needed(
    catalogue: Catalogue, traits: Iterable[Trait], segments: Iterable[Segment]
) -> dict[str, Trait]:
    """List the traits that are wanted or that a wanted segment's condition uses, by name."""
    needed = {trait.name: trait for trait in traits}
    for segment in segments:
        for trait in catalogue.traits_of(segment):
            needed[trait.name] = trait
    return needed


def _explain_incomplete(
    names: Iterable[str], computed: Mapping[str, Computed], reading: _Reading
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


def _session_event(one: TimelineEvent) -> SessionEvent:
    return SessionEvent(one.interval.session, one.event)
