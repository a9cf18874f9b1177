"""Traits and segments as `sources.toml` declares them, checked and built. Pure.

Raised messages name the field and, within an expression, the character.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from hardlink.domain.sources.registry import ComputedSegment, ComputedTrait, Project
from hardlink.domain.traits import expressions
from hardlink.domain.traits.aggregates import (
    AVERAGE,
    COUNT,
    EXISTS,
    FIRST,
    LAST,
    MAXIMUM,
    MINIMUM,
    SUM,
    Aggregate,
    distinct,
    latest,
)
from hardlink.domain.traits.built_in import BUILT_IN
from hardlink.domain.traits.expressions import Condition, Name
from hardlink.domain.traits.orders import (
    AVERAGE_ORDER,
    FIRST_ORDER,
    LAST_ORDER,
    ORDER_COUNT,
    REVENUE,
    VISIT_COUNT,
)
from hardlink.domain.traits.selection import SessionEvent, find_value
from hardlink.domain.traits.trait import Trait
from hardlink.domain.traits.windows import EVER, Window, parse_window

STORED = ("attributes", "traits", "segments", "consents")
"""Values that calls set, by which an expression may name them: `consents.marketing`."""
MOST_DECLARED = 64
"""Traits of a project, and segments: all of them may be asked for in one call."""
MOST_LISTED = 100
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LISTED = 10
_OVER_EVENTS: Mapping[str, Aggregate] = {
    "count": COUNT,
    "exists": EXISTS,
    "sum": SUM,
    "average": AVERAGE,
    "min": MINIMUM,
    "max": MAXIMUM,
    "first": FIRST,
    "last": LAST,
}
_LISTS: Mapping[str, Callable[[int], Aggregate]] = {
    "latest": latest,
    "distinct": distinct,
}
_OVER_OTHERS: Mapping[str, Mapping[str, Aggregate]] = {
    "orders": {
        "count": ORDER_COUNT,
        "sum": REVENUE,
        "average": AVERAGE_ORDER,
        "first": FIRST_ORDER,
        "last": LAST_ORDER,
    },
    "visits": {"count": VISIT_COUNT},
}
_NEED_VALUE = frozenset(("sum", "average", "min", "max", "latest", "distinct"))


class DeclarationError(ValueError):
    """A trait or a segment is declared in a way that means nothing: the message says where."""


@dataclass(frozen=True)
class Segment:
    """A condition that a customer meets or not. `public`: as of a trait."""

    name: str
    condition: Condition
    public: bool = False


@dataclass(frozen=True)
class Catalogue:
    """The computed traits and segments of a project, by name."""

    traits: Mapping[str, Trait] = field(default_factory=dict)
    segments: Mapping[str, Segment] = field(default_factory=dict)

    @classmethod
    def of_project(cls, project: Project) -> Catalogue:
        """Build a project's catalogue. Raises `DeclarationError`."""
        _check_names("traits", project.traits)
        _check_names("segments", project.segments)
        traits = dict(BUILT_IN)
        for name, trait in project.traits.items():
            traits[name] = _build_trait(name, trait)
        catalogue = cls(traits)
        segments: dict[str, Segment] = {}
        for name, segment in project.segments.items():
            # An answer says of each name why its value is not complete.
            if name in traits:
                raise DeclarationError(f"segments.{name}: a trait has this name")
            segments[name] = catalogue._build_segment(name, segment)
        return replace(catalogue, segments=segments)

    def resolve_trait(self, name: Name) -> Trait | None:
        """Return the computed trait that an expression names; `None` for a value that calls set.

        Raises `DeclarationError` where there is none.
        """
        first = name.path[0]
        if first in STORED:
            _check_stored(name)
            return None
        trait = self.traits.get(first)
        if trait is None:
            raise DeclarationError(
                f"character {name.at + 1}: there is no trait {first!r}: declare it, or write "
                f"one of {', '.join(f'{kind}.<name>' for kind in STORED)}"
            )
        # Which of two windows would count is a riddle, so that the trait refuses it.
        try:
            return trait.within(name.days) if name.days else trait
        except ValueError as error:
            raise DeclarationError(f"character {name.at + 1}: {error}") from error

    def traits_of(self, segment: Segment) -> Iterator[Trait]:
        """List the computed traits that a segment's condition needs."""
        for name in segment.condition.names:
            trait = self.resolve_trait(name)
            if trait:
                yield trait

    def list_needed(
        self, traits: Iterable[str], segments: Iterable[str]
    ) -> dict[str, Trait]:
        """List the traits of these names and those that conditions of these segments use.

        Returned by the names under which they are computed.
        """
        needed = {name: self.traits[name] for name in traits}
        for name in segments:
            for trait in self.traits_of(self.segments[name]):
                needed[trait.name] = trait
        return needed

    def _build_segment(self, name: str, declared: ComputedSegment) -> Segment:
        """Build a segment. Raises `DeclarationError`."""
        try:
            condition = expressions.parse_expression(declared.when)
            segment = Segment(name, condition, declared.public)
            # Every name is resolved once here, so that no read call meets one that is unknown.
            list(self.traits_of(segment))
        except ValueError as error:
            raise DeclarationError(f"segments.{name}.when: {error}") from error
        return segment


def _check_stored(name: Name) -> None:
    """Check the name of a value that calls set. Raises `DeclarationError`."""
    at = f"character {name.at + 1}: {name}"
    if not name.path[1:]:
        raise DeclarationError(f"{at}: write {name}.<name>")
    if name.days:
        raise DeclarationError(f"{at}: only a computed trait has a window")


def _check_names(kind: str, names: Collection[str]) -> None:
    """Refuse too many names, and such as cannot be used. Raises `DeclarationError`."""
    if len(names) > MOST_DECLARED:
        raise DeclarationError(f"{kind}: declare at most {MOST_DECLARED}")
    for name in names:
        _check_name(kind, name)


def _check_name(kind: str, name: str) -> None:
    """Refuse a name that an expression or a query string could not hold. Raises `DeclarationError`.

    A name that calls set values under, such as `attributes`, would hide these.
    """
    is_reserved = name in expressions.RESERVED or name in STORED
    if is_reserved or not _NAME.fullmatch(name):
        raise DeclarationError(
            f"{kind}.{name}: a name begins with a letter, has lower-case letters, digits and _, "
            f"and is no word of the language: rename it"
        )


def _build_trait(name: str, declared: ComputedTrait) -> Trait:
    """Build a trait. Raises `DeclarationError`."""
    place = f"traits.{name}"
    if declared.compute is None:
        return _publish_built_in(name, declared)
    paths = (declared.of,) if declared.of else ()
    listed = dict.fromkeys(declared.events, paths)
    return Trait(
        name,
        _build_aggregate(place, declared),
        _build_window(f"{place}.within", declared.within),
        paths=listed,
        any_paths=None if listed else paths,
        accepts=_build_filter(f"{place}.where", declared.where or "true"),
        public=declared.public,
    )


def _publish_built_in(name: str, declared: ComputedTrait) -> Trait:
    """Return a trait that every project has, as public or not as it is declared.

    Raises `DeclarationError` where there is none of that name, or a field would change it.
    """
    if name not in BUILT_IN or declared != ComputedTrait(public=declared.public):
        raise DeclarationError(f"traits.{name}.compute: say how it is computed")
    return BUILT_IN[name]._replace(public=declared.public)


def _build_aggregate(place: str, declared: ComputedTrait) -> Aggregate:
    """Choose how a trait is computed. Raises `DeclarationError`.

    `place`: of the trait, for messages. A field that would change nothing is refused, as it was
    meant to do something.
    """
    compute = declared.compute or ""
    if declared.over != "events":
        return _build_aggregate_over(place, declared)
    if compute in _NEED_VALUE and not declared.of:
        raise DeclarationError(f"{place}: {compute} needs `of`, the property to use")
    if compute in _LISTS:
        return _LISTS[compute](_read_most(place, declared.most))
    if declared.most is not None:
        raise DeclarationError(f"{place}.most: only latest and distinct have it")
    return _OVER_EVENTS[compute]


def _build_aggregate_over(place: str, declared: ComputedTrait) -> Aggregate:
    """Choose how a trait over orders or visits is computed. Raises `DeclarationError`."""
    choices, compute = _OVER_OTHERS[declared.over], declared.compute or ""
    if compute not in choices:
        raise DeclarationError(
            f"{place}.compute: {declared.compute} cannot be computed over {declared.over}: "
            f"use one of {', '.join(choices)}"
        )
    if declared.of is not None or declared.most is not None:
        raise DeclarationError(
            f"{place}: only traits over events have `of` and `most`: remove them"
        )
    return choices[compute]


def _read_most(place: str, most: int | None) -> int:
    """Read how many values a list has. Raises `DeclarationError`."""
    if most is None:
        return _LISTED
    if not 1 <= most <= MOST_LISTED:
        raise DeclarationError(f"{place}.most: must be from 1 to {MOST_LISTED}")
    return most


def _build_window(place: str, text: str | None) -> Window:
    """Build a window; without a text it is ever. Raises `DeclarationError`.

    `place`: of the field, for messages.
    """
    if text is None:
        return EVER
    try:
        return parse_window(text)
    except ValueError as error:
        raise DeclarationError(f"{place}: {error}") from error


def _build_filter(place: str, text: str) -> Callable[[SessionEvent], bool]:
    """Build a filter on properties. Raises `DeclarationError`.

    `place`: of the field, for messages. `text`: a condition whose names are dotted paths.
    """
    try:
        condition = expressions.parse_expression(text)
    except ValueError as error:
        raise DeclarationError(f"{place}: {error}") from error
    for name in condition.names:
        if name.days:
            raise DeclarationError(
                f"{place}: character {name.at + 1}: `within` is a field of the trait"
            )
    return partial(_matches_properties, condition)


def _matches_properties(condition: Condition, found: SessionEvent) -> bool:
    """Tell whether an event's properties meet a condition."""
    properties = found.properties

    def find_property(name: Name) -> Any:
        """Find a property by the name in the condition."""
        return find_value(properties, str(name))

    return condition.holds(find_property)
