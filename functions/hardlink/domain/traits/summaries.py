"""Summaries of events, of which traits are computed. Pure.

A summary is mergeable: `merge(summarise(a), summarise(b))` is `summarise(a + b)`, whatever the
order, as long as no event is in both. So each part of a history is summarised by itself, and a
customer's value is that of the parts that belong to them at that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import tzinfo
from functools import reduce
from typing import Any, NamedTuple

from hardlink.domain.graph import NOTHING
from hardlink.domain.times import END
from hardlink.domain.traits.aggregates import Aggregate, State
from hardlink.domain.traits.selection import Position, SessionEvent
from hardlink.domain.traits.trait import Trait
from hardlink.domain.traits.windows import Bucket, Window, day_of

Buckets = Mapping[Bucket, State]
_NO_VISIT = ((-1, 0, "", ""), "")
"""Before any visit."""
_NO_EVENT = (END, 0, "", "")
"""After any event."""


class Summary(NamedTuple):
    """What is kept of events: for each trait, by its name, the state of each bucket.

    `latest_visit`: position and session of the newest event of a visit. `oldest`: position of the
    oldest event.
    """

    states: Mapping[str, Buckets] = NOTHING
    latest_visit: tuple[Position, str] = _NO_VISIT
    oldest: Position = _NO_EVENT


class Computed(NamedTuple):
    """The value of a trait. `is_complete`: no event is missing, and none found no room."""

    value: Any
    is_complete: bool = True


def summarise(
    traits: Mapping[str, Trait], events: Iterable[SessionEvent], zone: tzinfo
) -> Summary:
    """Summarise events for some traits.

    `traits`: by name. `events`: in any order. `zone`: in which days begin.
    """
    states: dict[str, dict[Bucket, State]] = {name: {} for name in traits}
    oldest, latest_visit = _NO_EVENT, _NO_VISIT
    for found in events:
        oldest = min(oldest, found.position)
        # What the shop's backend sends is no visit.
        if found.is_of_visit:
            latest_visit = max(latest_visit, (found.position, found.session))
        for name, trait in traits.items():
            _add_event(states[name], trait, found, zone)
    return Summary(states, latest_visit, oldest)


def merge(traits: Mapping[str, Trait], one: Summary, other: Summary) -> Summary:
    """Merge the summaries of two sets of events that have none in common.

    Neither summary is changed. Traits that one of them does not have are those of the other.
    """
    states: dict[str, Buckets] = {}
    for name, trait in traits.items():
        buckets = dict(one.states.get(name, NOTHING))
        for bucket, state in other.states.get(name, NOTHING).items():
            _add_state(buckets, trait.aggregate, bucket, state)
        states[name] = buckets
    latest_visit = max(one.latest_visit, other.latest_visit)
    return Summary(states, latest_visit, min(one.oldest, other.oldest))


def compute(
    trait: Trait, summary: Summary, now: int, zone: tzinfo, *, has_all: bool = True
) -> Computed:
    """Compute a trait of a summary. `now`: microseconds.

    `has_all`: the summary is of all events; else of the newest ones.
    """
    aggregate = trait.aggregate
    states = _states_in_window(trait, summary, now, zone)
    reaches_back = has_all or _reaches_back(trait.window, summary, now, zone)
    if not states:
        return Computed(aggregate.empty, reaches_back)
    # Whatever their order: the days of a window need not be sorted.
    state = reduce(aggregate.combine, states)
    has_every_event = reaches_back or aggregate.is_settled(state)
    return Computed(
        aggregate.value(state), has_every_event and not aggregate.is_cut(state)
    )


def _add_event(
    buckets: dict[Bucket, State], trait: Trait, found: SessionEvent, zone: tzinfo
) -> None:
    """Add an event to the buckets of a trait, where it counts.

    An event does not count if the trait reads nothing of it, if it lies in no bucket (the shop's
    backend makes no visits), or if it adds nothing.
    """
    value = trait.read(found)
    if value is None:
        return
    bucket = trait.window.bucket(found, zone)
    state = trait.aggregate.of(found, value)
    if bucket is not None and state is not None:
        _add_state(buckets, trait.aggregate, bucket, state)


def _add_state(
    buckets: dict[Bucket, State], aggregate: Aggregate, bucket: Bucket, state: State
) -> None:
    """Combine a state with the one that a bucket has so far."""
    before = buckets.get(bucket)
    buckets[bucket] = state if before is None else aggregate.combine(before, state)


def _states_in_window(
    trait: Trait, summary: Summary, now: int, zone: tzinfo
) -> list[State]:
    """List the states of the buckets that lie in a trait's window."""
    buckets = summary.states.get(trait.name, NOTHING)
    if trait.window.kind == "visit":
        session = summary.latest_visit[1]
        return [buckets[session]] if session in buckets else []
    first_day = trait.window.first_day(now, zone)
    return [state for bucket, state in buckets.items() if int(bucket) >= first_day]


def _reaches_back(window: Window, summary: Summary, now: int, zone: tzinfo) -> bool:
    """Tell whether the newest events, of which a summary is, are all of a window.

    The visit's first event may be older than all of them, so that is never certain.
    """
    is_of_days = window.kind == "days"
    return is_of_days and day_of(summary.oldest[0], zone) < window.first_day(now, zone)
