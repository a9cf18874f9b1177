"""Aggregates over the values of events, as mergeable states. Pure.

A state is made of one event, and two are combined in any order and grouping: the state of all
events is the same however they were divided. `None` stands for the state of no event.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

from hardlink.domain.traits.selection import (
    Position,
    SessionEvent,
    format_number,
    list_elements,
    parse_number,
)
from hardlink.domain.values import to_json

State = Any
"""Each aggregate has its own; none is ever changed once it was made."""


def _never(_: State) -> bool:
    """Answer for aggregates of which this is never so."""
    return False


class Aggregate(NamedTuple):
    """How events become one value.

    - `of`: makes the state of one event and of what the trait reads of it, which is never null;
      `None` where the event adds nothing.
    - `combine`: makes one state of those of two sets of events that have none in common.
    - `value`: formats a state as JSON. `empty`: the value without any event.
    - `is_settled`: events older than all of these could not change the value.
    - `is_cut`: the state had no room for all values.
    """

    of: Callable[[SessionEvent, Any], State | None]
    combine: Callable[[State, State], State]
    value: Callable[[State], Any]
    empty: Any = None
    is_settled: Callable[[State], bool] = _never
    is_cut: Callable[[State], bool] = _never


class Total(NamedTuple):
    """A sum, and of how many numbers it is."""

    sum: Fraction
    number: int


Found = tuple[Position, str]
"""A value as JSON text, and the position of its event."""

Places = Mapping[str, tuple[Position, int]]
"""Values as JSON texts, each with the position of its newest event, and its place in that."""


class DistinctValues(NamedTuple):
    """Values as JSON texts, and whether there were more than there is room for."""

    texts: frozenset[str]
    is_cut: bool = False


def latest(most: int) -> Aggregate:
    """Make the aggregate of the `most` values that occurred last, newest first, each once.

    It is exact: a value that is left out of a part has `most` others before it there, and so in
    the whole.
    """
    return Aggregate(
        partial(_places_of, most),
        partial(_combine_places, most),
        _format_places,
        empty=[],
        is_settled=partial(_is_full, most),
    )


def distinct(most: int) -> Aggregate:
    """Make the aggregate of every value that occurred, each once, sorted; at most `most`.

    Of more values the first ones in the order of their JSON texts are kept: which these are does
    not depend on how the events were divided.
    """
    return Aggregate(
        partial(_distinct_of, most),
        partial(_combine_distinct, most),
        _format_distinct,
        empty=[],
        is_cut=_is_distinct_cut,
    )


def _one_of(_found: SessionEvent, _value: object) -> int:
    """Count one event, whatever was read of it."""
    return 1


def _always(_: State) -> bool:
    """Answer for aggregates whose value is certain once there is an event."""
    return True


def _total_of(_: SessionEvent, value: object) -> Total | None:
    """Add the numbers of one event.

    An event without any adds nothing, so that it does not lower an average.
    """
    numbers = _list_numbers(value)
    return Total(sum(numbers, Fraction(0)), len(numbers)) if numbers else None


def _combine_totals(one: Total, other: Total) -> Total:
    """Add two totals."""
    return Total(one.sum + other.sum, one.number + other.number)


def _format_sum(state: Total) -> int | float | None:
    """Format a sum."""
    return format_number(state.sum)


def _format_average(state: Total) -> int | float | None:
    """Format an average; a state is of at least one number."""
    return format_number(state.sum / state.number)


def _smallest_of(_: SessionEvent, value: object) -> Fraction | None:
    """Find the smallest number of one event."""
    return min(_list_numbers(value), default=None)


def _largest_of(_: SessionEvent, value: object) -> Fraction | None:
    """Find the largest number of one event."""
    return max(_list_numbers(value), default=None)


def _place_value(found: SessionEvent, value: object) -> Found:
    """Return a value as JSON text, with its event's position."""
    return found.position, to_json(value)


def _format_found(state: Found) -> Any:
    """Format the value of the first or of the last event."""
    return json.loads(state[1])


COUNT = Aggregate(_one_of, operator.add, int, empty=0)
"""Number of events."""
EXISTS = Aggregate(_one_of, operator.add, bool, empty=False, is_settled=_always)
"""True if there is an event."""
SUM = Aggregate(_total_of, _combine_totals, _format_sum, empty=0)
"""Sum of numbers, 0 without any."""
AVERAGE = Aggregate(_total_of, _combine_totals, _format_average)
"""Average of numbers, null without any."""
MINIMUM = Aggregate(_smallest_of, min, format_number)
"""The smallest number, null without any."""
MAXIMUM = Aggregate(_largest_of, max, format_number)
"""The largest number, null without any."""
FIRST = Aggregate(_place_value, min, _format_found)
"""Value of the first event, null without any."""
LAST = Aggregate(_place_value, max, _format_found, is_settled=_always)
"""Value of the last event, null without any."""


def _places_of(most: int, found: SessionEvent, value: object) -> Places | None:
    """Place the values of one event.

    `most`: how many are kept.
    """
    places: dict[str, tuple[Position, int]] = {}
    # Of one event the first value counts as the newest, so that lists keep their order.
    for number, element in enumerate(list_elements(value)):
        # Those behind are older; a list may be as long as a call lets in.
        if len(places) == most:
            break
        places.setdefault(to_json(element), (found.position, -number))
    return places or None


def _combine_places(most: int, one: Places, other: Places) -> Places:
    """Keep the newest place of each value, and of all values the newest ones.

    `most`: how many are kept.
    """
    newest = dict(one)
    for text, place in other.items():
        newest[text] = max(place, newest.get(text, place))
    return _keep_newest(most, newest)


def _keep_newest(most: int, places: Places) -> Places:
    """Keep the `most` newest values."""
    kept = _newest_first(places)[:most]
    return {text: places[text] for text in kept}


def _newest_first(places: Places) -> list[str]:
    """List values as JSON texts, newest first."""
    return sorted(places, key=places.__getitem__, reverse=True)


def _format_places(state: Places) -> list[Any]:
    """Format a list of the latest values."""
    return list(map(json.loads, _newest_first(state)))


def _is_full(most: int, state: Places) -> bool:
    """Tell whether a list is full: an older value would have no place in it."""
    return len(state) >= most


def _distinct_of(most: int, _: SessionEvent, value: object) -> DistinctValues | None:
    """Collect the values of one event.

    `most`: how many there is room for.
    """
    texts = frozenset(map(to_json, list_elements(value)))
    return _cut_distinct(most, DistinctValues(texts)) if texts else None


def _combine_distinct(
    most: int, one: DistinctValues, other: DistinctValues
) -> DistinctValues:
    """Collect the values of two states; one that was cut stays so."""
    is_cut = one.is_cut or other.is_cut
    return _cut_distinct(most, DistinctValues(one.texts | other.texts, is_cut))


def _cut_distinct(most: int, state: DistinctValues) -> DistinctValues:
    """Drop the values for which there is no room, and note that there were some.

    Sorting decides which, and not the order of events: so two halves agree on what is kept.
    """
    if len(state.texts) <= most:
        return state
    return DistinctValues(frozenset(sorted(state.texts)[:most]), is_cut=True)


def _format_distinct(state: DistinctValues) -> list[Any]:
    """Format values, sorted by their JSON texts."""
    return list(map(json.loads, sorted(state.texts)))


def _is_distinct_cut(state: DistinctValues) -> bool:
    """Tell whether values were dropped."""
    return state.is_cut


def _list_numbers(value: object) -> list[Fraction]:
    """List the numbers that a property stands for; what is no number is left out."""
    numbers: list[Fraction] = []
    for element in list_elements(value):
        number = parse_number(element)
        if number is not None:
            numbers.append(number)
    return numbers
