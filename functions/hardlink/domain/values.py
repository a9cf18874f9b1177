"""Attributes, segments, traits and consents: of each name, the value that was set last wins."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from hardlink.domain.errors import Invalid, TooManyNames
from hardlink.domain.times import lies_within

Kind = Literal["attributes", "segments", "traits", "consents"]
KINDS: tuple[Kind, ...] = ("attributes", "segments", "traits", "consents")
MOST_NAMES = 255
"""Seed 004: "up to 255 customer attributes", "255 event attributes"."""
MOST_BYTES = 16 * 1024
"""Seed 004: "maximum value size of 128Kbits (or 16KBytes) per attribute"."""
LONGEST_NAME = 128
_INLINE_VALUE = 1024
_INLINE_TOTAL = 96 * 1024
_OVERHEAD = 24
"""Bytes around a name and a value in an item."""


class Value(NamedTuple):
    """A value as JSON, and the time when it was set, in microseconds.

    `spilled`: it is stored in an item of its own, and `json` is empty.
    """

    time: int
    json: str
    spilled: bool = False

    def newer_than(self, other: Value | None) -> bool:
        """Compare times. Of two values set at one time, the same one wins in any order.

        A value without an `other` is newer.
        """
        if other is None:
            return True
        return (self.time, self.spilled, self.json) > (
            other.time,
            other.spilled,
            other.json,
        )


Name: TypeAlias = tuple[Kind, str]
Values: TypeAlias = Mapping[Name, Value]


def to_json(value: object) -> str:
    """Format compact JSON. Lone surrogates, which UTF-8 cannot encode, stay escaped.

    Raises `Invalid` for NaN and Infinity: once stored, they would make an item unreadable.
    """
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
    except ValueError as error:
        raise Invalid("a number must be finite: leave NaN and Infinity out") from error
    # Most texts are ASCII, which is told without looking at each character.
    if text.isascii() or _is_encodable(text):
        return text
    return json.dumps(value, separators=(",", ":"))


def _is_encodable(text: str) -> bool:
    """Tell whether UTF-8 can encode a text: a lone surrogate, half of an emoji, it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def json_size(value: object) -> int:
    """Count the bytes of a value as seed 004 does: UTF-8 of a string, compact JSON otherwise.

    A string counts without quotes and escapes.
    """
    text = value if isinstance(value, str) else to_json(value)
    return len(text.encode(errors="surrogatepass"))


def split_valid(
    properties: Mapping[str, Any], field: str
) -> tuple[dict[str, Any], list[Invalid]]:
    """Separate the properties that can be stored from the errors of the others.

    For dialects whose clients cannot mend a call: they store what they can and name the rest.
    `field`: the name of the properties in the errors.
    """
    valid: dict[str, Any] = {}
    errors: list[Invalid] = []
    for name, value in properties.items():
        try:
            check_values({name: value}, field)
        except Invalid as error:
            errors.append(error)
        else:
            valid[name] = value
    return valid, errors


def check_values(names: Mapping[str, object], field: str) -> None:
    """Check properties against the limits of seed 004. Raises `Invalid` naming the property.

    `field`: where the properties stand in the call, such as `events[0].properties`.
    """
    if len(names) > MOST_NAMES:
        raise Invalid(f"has {len(names)} names: send at most {MOST_NAMES}", field)
    for name, value in names.items():
        check_name(name, f"{field}.{_printable(name)}")
        _check_size(value, f"{field}.{name}")


def _check_size(value: object, field: str) -> None:
    """Hold one value to its size. Raises `Invalid` naming `field`, also for NaN and Infinity."""
    try:
        size = json_size(value)
    except Invalid as error:
        raise Invalid(error.message, field) from error
    if size > MOST_BYTES:
        raise Invalid(f"larger than {MOST_BYTES} bytes: shorten it", field)


def check_name(name: str, field: str) -> None:
    """Check the name of an event or attribute. Raises `Invalid` naming `field`.

    Seed 004: "Only use ASCII characters for events and attributes naming."
    """
    if not name or not name.isascii() or not name.isprintable():
        raise Invalid("a name must consist of printable ASCII characters", field)
    if len(name) > LONGEST_NAME:
        raise Invalid(f"a name must have at most {LONGEST_NAME} characters", field)


def _printable(name: str) -> str:
    """Escape a name for an error message."""
    return name.encode("ascii", "backslashreplace").decode()[:LONGEST_NAME]


def with_timestamp(
    kind: Kind, names: Mapping[str, object], time: int
) -> dict[Name, Value]:
    """Convert a command's values of one kind, all set at `time`."""
    return {(kind, name): Value(time, to_json(value)) for name, value in names.items()}


def changed(old: Values, new: Values) -> dict[Name, Value]:
    """Return the values of `new` that change `old`."""
    return {
        name: value for name, value in new.items() if _is_change(old.get(name), value)
    }


def _is_change(old: Value | None, new: Value) -> bool:
    """Tell whether a value replaces the one that is set."""
    if old is not None and old.spilled and old.time == new.time:
        return False  # a repeated command: comparing would take a read of the spilled value
    return new.newer_than(old)


def values_set_within(
    values: Values, intervals: Sequence[tuple[int, int]]
) -> dict[Name, Value]:
    """Choose the values that were set in one of some intervals of time."""
    return {
        name: value
        for name, value in values.items()
        if lies_within(value.time, intervals)
    }


def check_name_count(values: Iterable[Name]) -> None:
    """Check that a customer has at most 255 names of a kind. Raises `TooManyNames`.

    `values`: the names that are set already first, so that new ones are those beyond the limit.
    """
    names: dict[Kind, list[str]] = {}
    for kind, name in values:
        names.setdefault(kind, []).append(name)
    for kind, found in names.items():
        # All at once, so that a caller can leave them out in one go.
        excess = found[MOST_NAMES:]
        if excess:
            field = "properties" if kind == "attributes" else kind
            fields = [f"{field}.{name}" for name in excess]
            raise TooManyNames(f"the customer has {MOST_NAMES} {kind} already", fields)


def spilled_names(old: Values, new: Values) -> frozenset[Name]:
    """Choose the new values that are stored in items of their own, so that the node stays small.

    A name that was spilled once stays spilled, because contributions refer to its item.
    """
    spilled = {name for name, value in new.items() if _must_spill(old.get(name), value)}
    merged = {**old, **new}
    inline = sum(
        _item_bytes(*pair) for pair in merged.items() if pair[0] not in spilled
    )
    # The largest first, so that as few values as possible become items of their own.
    for name, value in sorted(new.items(), key=_json_length, reverse=True):
        if inline <= _INLINE_TOTAL:
            break
        if name not in spilled:
            spilled.add(name)
            inline -= len(value.json)
    return frozenset(spilled)


def _must_spill(old: Value | None, new: Value) -> bool:
    """Tell whether a value has to be an item of its own: it is large, or the one before it was."""
    was_spilled = old is not None and old.spilled
    return was_spilled or len(new.json) > _INLINE_VALUE


def _item_bytes(name: Name, value: Value) -> int:
    return len(name[1]) + len(value.json) + _OVERHEAD


def _json_length(pair: tuple[Name, Value]) -> int:
    return len(pair[1].json)


def pack_values(values: Values) -> str:
    """Pack values into one text attribute of an item: kind -> name -> [time, JSON or null]."""
    packed: dict[str, dict[str, Any]] = {}
    for (kind, name), value in values.items():
        packed.setdefault(kind, {})[name] = [
            value.time,
            None if value.spilled else value.json,
        ]
    return to_json(packed)


def unpack_values(text: str | None) -> dict[Name, Value]:
    """Unpack the text that `pack_values` wrote; `None` has no values."""
    if not text:
        return {}
    packed = json.loads(text)
    values: dict[Name, Value] = {}
    # In a fixed order of kinds, so that equal values make equal items.
    for kind in KINDS:
        for name, (time, value) in packed.get(kind, {}).items():
            values[kind, name] = Value(time, value or "", spilled=value is None)
    return values
