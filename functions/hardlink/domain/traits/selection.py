"""Events as traits see them, and how their values are read: paths, elements, numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from hardlink.domain import synthetic_ids
from hardlink.domain.events import StoredEvent
from hardlink.domain.graph import NOTHING
from hardlink.domain.json_types import as_object

Position = tuple[int, int, str, str]
"""Position of an event in a timeline: time, time of receipt, ID, session."""
# Python would compute a gigabyte for 1e999999999, and a float has no larger power than 308.
_NUMBER = re.compile(
    r"\s*(-?(?:[0-9]{1,64}(?:\.[0-9]{1,64})?)(?:e[+-]?[0-9]{1,3})?)\s*", re.I
)


class SessionEvent(NamedTuple):
    """An event and the session in which it lies."""

    session: str
    event: StoredEvent

    @property
    def position(self) -> Position:
        """Its position in a timeline: no two events of a customer have the same one."""
        return (*self.event.order_in_session, self.session)

    @property
    def properties(self) -> Mapping[str, Any]:
        """What the client sent as the event's properties."""
        return as_object(self.event.body.get("properties"))

    @property
    def order(self) -> Mapping[str, Any]:
        """The order that it is, as `describe_order` formats it; empty where it is none."""
        if self.event.order is None:
            return NOTHING
        return as_object(self.event.body.get("order"))

    @property
    def is_of_visit(self) -> bool:
        """True if a visitor's device sent it, and not the shop's backend."""
        return not synthetic_ids.is_synthetic(self.session)


def find_value(value: object, path: str) -> object:
    """Find the value at a dotted path, `None` if there is none.

    Where the path meets a list it goes on in each of its elements, and the result is a list. A
    property whose own name has dots is found by that name.
    """
    # A purchase has a list of products, and each of them a price.
    if isinstance(value, list):
        found = [find_value(element, path) for element in value]
        return [one for one in found if one is not None] or None
    if not isinstance(value, Mapping):
        return None
    # Tag managers send flat properties such as `metadata.price`.
    if path in value:
        return value[path]
    name, _, rest = path.partition(".")
    return find_value(value.get(name), rest) if rest else None


def list_elements(value: object) -> Iterator[object]:
    """List the values that a property stands for: each element of a list, else the value itself.

    Lists within lists are taken apart as well.

    Nulls and blank texts, which clients send for what they do not have, are left out.
    """
    if isinstance(value, list):
        for element in value:
            yield from list_elements(element)
    elif value is not None and value != "":
        yield value


def parse_number(value: object) -> Fraction | None:
    """Parse a number exactly as it was written, `None` for what is none.

    Tag managers send numbers as text. Sums of fractions do not depend on their order, unlike sums
    of floats, and 0.1 and 0.2 are 0.3.
    """
    match = _NUMBER.fullmatch(str(value))
    return Fraction(match[1]) if match else None


def format_number(number: Fraction) -> int | float | None:
    """Format a number for an answer: an integer where it is whole.

    A sum beyond the largest float is `None`, as JSON has no infinity.
    """
    try:
        rounded = float(number)
    except OverflowError:
        return None
    return int(number) if number.denominator == 1 else rounded
