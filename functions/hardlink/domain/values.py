"""Attributes, segments, traits and consents: last writer wins by the time a value was set, value by value."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from hardlink.domain.errors import Invalid, TooManyNames

Kind = Literal["attributes", "segments", "traits", "consents"]
KINDS: tuple[Kind, ...] = ("attributes", "segments", "traits", "consents")
MOST_NAMES = 255
"""Seed 004: "up to 255 customer attributes", "255 event attributes"."""
MOST_BYTES = 16 * 1024
"""Seed 004: "maximum value size of 128Kbits (or 16KBytes) per attribute"."""
LONGEST_NAME = 128
_INLINE_VALUE = 1024
_INLINE_TOTAL = 96 * 1024


class Value(NamedTuple):
    """One value and when it was set (microseconds). `spilled`: it stands in an item of its own, `json` is empty."""

    time: int
    json: str
    spilled: bool = False

    def newer_than(self, other: Value | None) -> bool:
        """Later wins; of two set at one time the same one wins in whatever order they come."""
        return other is None or (self.time, self.spilled, self.json) > (
            other.time,
            other.spilled,
            other.json,
        )


Name: TypeAlias = tuple[Kind, str]
Values: TypeAlias = Mapping[Name, Value]


def to_json(value: object) -> str:
    """Compact JSON; lone surrogates, which UTF-8 can't hold, stay as escapes.

    Raises `Invalid` for a number that JSON has no word for: stored, it would make whatever holds it unreadable.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError as error:
        raise Invalid("a number is finite: leave NaN and Infinity out") from error
    return text if text.isascii() or _encodable(text) else json.dumps(value, separators=(",", ":"))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def json_size(value: object) -> int:
    """Bytes of a value as seed 004 counts them: a text's own UTF-8, anything else as compact JSON."""
    return len((value if isinstance(value, str) else to_json(value)).encode(errors="surrogatepass"))


def check_values(names: Mapping[str, object], field: str) -> None:
    """Hold properties to the limits of seed 004. Raises `Invalid` naming the field at fault."""
    if len(names) > MOST_NAMES:
        raise Invalid(f"{len(names)} names: at most {MOST_NAMES} are taken", field)
    for name, value in names.items():
        check_name(name, f"{field}.{_shown(name)}")
        try:
            is_large = json_size(value) > MOST_BYTES
        except Invalid as error:
            raise Invalid(error.message, f"{field}.{name}") from error
        if is_large:
            raise Invalid(f"larger than {MOST_BYTES} bytes: shorten it", f"{field}.{name}")


def check_name(name: str, field: str) -> None:
    """Seed 004: "Only use ASCII characters for events and attributes naming." Raises `Invalid` naming `field`."""
    if not name or not name.isascii() or not name.isprintable():
        raise Invalid("a name has printable ASCII characters only, and at least one", field)
    if len(name) > LONGEST_NAME:
        raise Invalid(f"a name has at most {LONGEST_NAME} characters", field)


def _shown(name: str) -> str:
    return name.encode("ascii", "backslashreplace").decode()[:LONGEST_NAME]


def with_timestamp(kind: Kind, names: Mapping[str, object], time: int) -> dict[Name, Value]:
    """Values as a command says them at one time."""
    return {(kind, name): Value(time, to_json(value)) for name, value in names.items()}


def changed(old: Values, new: Values) -> dict[Name, Value]:
    """What of `new` changes `old`."""
    return {name: v for name, v in new.items() if _changes(old.get(name), v)}


def _changes(old: Value | None, new: Value) -> bool:
    if old is not None and old.spilled and old.time == new.time:
        return False  # the same command, sent again: its spilled value is not read to find that out
    return new.newer_than(old)


def check_name_count(values: Iterable[Name]) -> None:
    """One customer keeps at most 255 names of a kind. Raises `NoRoom` naming every one too many of a kind."""
    names: dict[Kind, list[str]] = {}
    for kind, name in values:
        names.setdefault(kind, []).append(name)
    for kind, found in names.items():
        if more := found[MOST_NAMES:]:
            field = {"attributes": "properties"}.get(kind, kind)
            fields = [f"{field}.{name}" for name in more]
            raise TooManyNames(f"the customer has {MOST_NAMES} {kind} already", fields)


def spilled_names(old: Values, new_values: Values) -> frozenset[Name]:
    """Which of the changed values go to items of their own, so that the node itself stays small and cheap to write.

    A name that was spilled once stays so: copies elsewhere refer to its item.
    """
    large = {
        n for n, v in new_values.items() if len(v.json) > _INLINE_VALUE or _was_spilled(old, n)
    }
    inline = sum(_bytes(n, v) for n, v in {**old, **new_values}.items() if n not in large)
    for name, value in sorted(new_values.items(), key=lambda item: -len(item[1].json)):
        if inline <= _INLINE_TOTAL:
            break
        if name not in large:
            large.add(name)
            inline -= len(value.json)
    return frozenset(large)


def _was_spilled(values: Values, name: Name) -> bool:
    return name in values and values[name].spilled


def _bytes(name: Name, value: Value) -> int:
    return len(name[1]) + len(value.json) + 24


def pack_values(values: Values) -> str:
    """Values as one text attribute of an item."""
    nested: dict[str, dict[str, Any]] = {}
    for (kind, name), value in values.items():
        nested.setdefault(kind, {})[name] = [value.time, None if value.spilled else value.json]
    return to_json(nested)


def unpack_values(text: str | None) -> dict[Name, Value]:
    """What `pack` wrote."""
    return dict(_unpacked(text)) if text else {}


def _unpacked(text: str) -> Iterator[tuple[Name, Value]]:
    nested = json.loads(text)
    for kind in KINDS:
        for name, (time, value) in nested.get(kind, {}).items():
            yield (kind, name), Value(time, value or "", spilled=value is None)
