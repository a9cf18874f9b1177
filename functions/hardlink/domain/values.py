"""Attributes, segments, traits and consents: of each name, the value that was set last wins."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

from hardlink.domain.errors import Invalid
from hardlink.domain.times import lies_within

Kind = Literal["attributes", "segments", "traits", "consents", "lists"]
SHOWN_KINDS: tuple[Kind, ...] = ("attributes", "segments", "traits", "consents")
LISTS: Kind = "lists"
"""Segments or traits that a source sets as a whole, under `segments/<source>`, `traits/<source>`.

One value each, so that a later list replaces an earlier one of the same source, and no other.
"""
KINDS: tuple[Kind, ...] = (*SHOWN_KINDS, LISTS)
MOST_NAMES = 255
"""Seed 004: "up to 255 customer attributes", "255 event attributes"."""
MOST_BYTES = 392 * 1024
"""Bytes of a value of an event: what fits an item of DynamoDB (400 KB) beside its keys.

Seed 004's 16 KB ("maximum value size of 128Kbits") is what must fit: an order of 150 lines has 60.
"""
MOST_CUSTOMER_BYTES = 64 * 1024
"""Bytes of a value of a customer: a look-up answers all of them at once."""
LONGEST_NAME = 128
NULL = "null"
"""The JSON of a value that was removed."""
MOST_NAME_BYTES = 200
"""Bytes of a name as JSON: a node holds up to 255 names of each kind, in an item of 400 KB."""
_MOST_NAMED = 50
"""Parts that are named one by one where many are left out, so that the answer stays small."""
Part = TypeVar("Part")
_INLINE_VALUE = 1024
_INLINE_TOTAL = 64 * 1024
_REMOVED_TOTAL = 32 * 1024
_OVERHEAD = 24
"""Bytes around a name and a value in an item."""
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters, and halves of characters, which UTF-8 has no bytes for."""


class LeftOut(NamedTuple):
    """A part of a call that cannot be kept, and so costs no other part.

    `field`: its path in the command or event; `reason`: why it was left out.
    """

    field: str
    reason: str

    @property
    def warning(self) -> str:
        """The warning that names it."""
        return f"{self.field}: {self.reason}"

    def as_json(self) -> dict[str, str]:
        """Format it for the answer of an event."""
        return {"field": self.field, "reason": self.reason}


class Kept(NamedTuple):
    """The values that can be stored, and those that were left out."""

    values: dict[str, Any]
    left_out: tuple[LeftOut, ...]


class Value(NamedTuple):
    """A value as JSON, and the time when it was set, in microseconds.

    `spilled`: it is stored in an item of its own, and `json` is empty. `once`: any value that is
    set without it is newer, and of several the earliest one is the newest.
    """

    time: int
    json: str
    spilled: bool = False
    once: bool = False

    def newer_than(self, other: Value | None) -> bool:
        """Compare times. Of two values set at one time, the same one wins in any order.

        A value without an `other` is newer.
        """
        if other is None:
            return True
        return self._rank() > other._rank()

    def _rank(self) -> tuple[bool, int, bool, str]:
        time = -self.time if self.once else self.time
        return (not self.once, time, self.spilled, self.json)


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


def keep_storable(
    names: Mapping[str, object], field: str, most_bytes: int = MOST_BYTES
) -> Kept:
    """Divide values into those that can be stored, and those that are left out and named.

    `field`: path of `names`; `most_bytes`: of one value.
    """
    kept: dict[str, Any] = {}
    rejected: list[str] = []
    for name, value in names.items():
        # a body of 5 MiB may have half a million names: beyond the limit none is looked at
        if len(kept) < MOST_NAMES and not _find_fault(name, value, field, most_bytes):
            kept[name] = value
        else:
            rejected.append(name)

    def describe(name: str) -> LeftOut:
        fault = _find_fault(name, names[name], field, most_bytes)
        if fault is None:
            fault = Invalid(f"more than {MOST_NAMES} names", name_path(field, name))
        return LeftOut(fault.field or field, f"{fault.message}, left out")

    return Kept(kept, describe_first(rejected, describe, field))


def describe_first(
    parts: Sequence[Part], describe: Callable[[Part], LeftOut], field: str
) -> tuple[LeftOut, ...]:
    """Describe the first of many parts that are left out, and count the others."""
    if not parts:
        return ()
    named = [describe(part) for part in parts[:_MOST_NAMED]]
    more = len(parts) - len(named)
    if more:
        reason = f"{more} more values cannot be stored, left out"
        named.append(LeftOut(field, reason))
    return tuple(named)


def _find_fault(
    name: str, value: object, field: str, most_bytes: int
) -> Invalid | None:
    """Return why a value cannot be stored; `None` if it can."""
    try:
        check_value(name, value, field, most_bytes)
    except Invalid as fault:
        return fault
    return None


def check_value(
    name: str, value: object, field: str, most_bytes: int = MOST_CUSTOMER_BYTES
) -> None:
    """Check a name and its value against the limits. Raises `Invalid` naming the value."""
    path = name_path(field, name)
    check_name(name, path)
    try:
        size = json_size(value)
    except Invalid as error:
        raise Invalid(error.message, path) from error
    if size > most_bytes:
        raise Invalid(f"larger than {most_bytes} bytes: shorten it", path)


def check_name(name: str, field: str) -> None:
    """Check the name of an event or a value. Raises `Invalid` naming `field`.

    Seed 004 asks for ASCII; names in other alphabets are stored as they are sent all the same.
    """
    if not name.strip():
        raise Invalid("a name must not be empty", field)
    if _UNSTORABLE.search(name):
        raise Invalid("a name must have no control characters", field)
    if len(name) > LONGEST_NAME or _name_bytes(name) > MOST_NAME_BYTES:
        raise Invalid(
            f"a name must have at most {LONGEST_NAME} characters"
            f" and {MOST_NAME_BYTES} bytes",
            field,
        )


def name_path(field: str, name: str) -> str:
    """Return the path of a name for a message: control characters escaped, and not too long."""
    shown = _UNSTORABLE.sub(_escape, name[:LONGEST_NAME])
    return f"{field}.{shown}"


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _name_bytes(name: str) -> int:
    return len(to_json(name).encode()) - 2  # without the quotes


def with_timestamp(
    kind: Kind, names: Mapping[str, object], time: int, *, once: bool = False
) -> dict[Name, Value]:
    """Convert a command's values of one kind, all set at `time`."""
    return {
        (kind, name): Value(time, to_json(value), once=once)
        for name, value in names.items()
    }


def replacing_lists(
    source: str, segments: Mapping[str, bool], traits: Mapping[str, Any], time: int
) -> dict[Name, Value]:
    """Convert segments and traits that replace those which the same source set before.

    Empty ones say nothing, because a page that was loaded anew has none yet.
    """
    held = {label: True for label, holds in segments.items() if holds}
    lists = {f"segments/{source}": held, f"traits/{source}": traits}
    given = {name: content for name, content in lists.items() if content}
    return with_timestamp(LISTS, given, time)


def with_lists(newest: Mapping[Name, tuple[int, str]]) -> dict[Name, str]:
    """Resolve the lists of all sources to values by name: of each name, the one set last wins.

    `newest`: of each name the time when its value was set, and the value as JSON.
    """
    resolved = {name: found for name, found in newest.items() if name[0] != LISTS}
    for (kind, label), (time, text) in newest.items():
        if kind != LISTS:
            continue
        of: Kind = "segments" if label.startswith("segments/") else "traits"
        for name, value in json.loads(text).items():
            before = resolved.get((of, name))
            candidate = (time, to_json(value))
            if before is None or candidate > before:
                resolved[of, name] = candidate
    return {name: text for name, (_, text) in resolved.items()}


def is_removed(name: Name, value: Value) -> bool:
    """Tell whether a name was removed: set to null, or, of a segment, to false.

    The removal is kept, because an earlier value may come later, and visitors have their own.
    """
    if value.spilled:
        return False
    return value.json == NULL or (name[0] == "segments" and value.json == "false")


def changed(old: Values, new: Values) -> dict[Name, Value]:
    """Return the values of `new` that change `old`."""
    changes: dict[Name, Value] = {}
    for name, said in new.items():
        before = old.get(name)
        # what was removed may be set once again, and is an ordinary value then
        is_set_again = said.once and before and is_removed(name, before)
        value = said._replace(once=False) if is_set_again else said
        if _is_change(before, value):
            changes[name] = value
    return changes


def _is_change(old: Value | None, new: Value) -> bool:
    """Tell whether a value replaces the one that is set."""
    if old is not None and old.spilled and (old.time, old.once) == (new.time, new.once):
        return False  # a repeated command: comparing would take a read of the spilled value
    return new.newer_than(old)


def without_old_removals(values: Values) -> dict[Name, Value]:
    """Forget the oldest removals, where all take more room in their node than there is for them."""
    removed = [name for name, value in values.items() if is_removed(name, value)]
    removed.sort(key=lambda name: values[name].time, reverse=True)
    kept = dict(values)
    room = _REMOVED_TOTAL
    for name in removed:
        room -= len(to_json(name[1]).encode()) + _OVERHEAD
        if room < 0:
            del kept[name]
    return kept


def values_set_within(
    values: Values, intervals: Sequence[tuple[int, int]]
) -> dict[Name, Value]:
    """Choose the values that were set in one of some intervals of time."""
    return {
        name: value
        for name, value in values.items()
        if lies_within(value.time, intervals)
    }


def keep_with_room(
    old: Values, new: Values
) -> tuple[dict[Name, Value], tuple[LeftOut, ...]]:
    """Divide new values into those that a customer has room for, and those left out.

    A customer has at most 255 names of a kind. A name that is there takes no more room, and one
    that is removed gives its room back.
    """
    changes = changed(old, new)
    taken = frozenset(
        name
        for name, value in old.items()
        if not (is_removed(name, value) or is_removed(name, changes.get(name, value)))
    )
    counts = Counter(kind for kind, _ in taken)
    kept: dict[Name, Value] = {}
    left_out: list[LeftOut] = []
    for name, value in new.items():
        kind = name[0]
        is_new = name in changes and name not in taken
        if is_new and not is_removed(name, value):
            if counts[kind] >= MOST_NAMES:
                left_out.append(_without_room(name))
                continue
            counts[kind] += 1
        kept[name] = value
    return kept, tuple(left_out)


def _without_room(name: Name) -> LeftOut:
    kind, label = name
    field = "properties" if kind == "attributes" else kind
    reason = f"the customer has {MOST_NAMES} {kind} already, left out"
    return LeftOut(name_path(field, label), reason)


def spilled_names(old: Values, new: Values) -> frozenset[Name]:
    """Choose the new values that are stored in items of their own, so that the node stays small.

    Bytes count as the item holds them: packed as JSON once more, in UTF-8. A name that was spilled
    once stays spilled, because contributions refer to its item.
    """
    sizes = {name: _packed_bytes(value) for name, value in {**old, **new}.items()}
    spilled = {
        name
        for name in new
        if _was_spilled(old.get(name)) or sizes[name] > _INLINE_VALUE + _OVERHEAD
    }
    inline = sum(size for name, size in sizes.items() if name not in spilled)
    # The largest first, so that as few values as possible become items of their own.
    for name in sorted(new, key=sizes.__getitem__, reverse=True):
        if inline <= _INLINE_TOTAL:
            break
        if name not in spilled:
            spilled.add(name)
            inline -= sizes[name]
    return frozenset(spilled)


def _was_spilled(old: Value | None) -> bool:
    return old is not None and old.spilled


def _packed_bytes(value: Value) -> int:
    """Count the bytes of a value in its item, with those around it."""
    return json_size([value.json]) + _OVERHEAD


def pack_values(values: Values) -> str:
    """Pack values into one text attribute of an item: kind -> name -> [time, JSON or null, once?].

    A value that is set `once` has a third part.
    """
    packed: dict[str, dict[str, Any]] = {}
    for (kind, name), value in values.items():
        text = None if value.spilled else value.json
        parts = [value.time, text, 1] if value.once else [value.time, text]
        packed.setdefault(kind, {})[name] = parts
    return to_json(packed)


def unpack_values(text: str | None) -> dict[Name, Value]:
    """Unpack the text that `pack_values` wrote; `None` has no values."""
    if not text:
        return {}
    packed = json.loads(text)
    values: dict[Name, Value] = {}
    # In a fixed order of kinds, so that equal values make equal items.
    for kind in KINDS:
        for name, (time, value, *once) in packed.get(kind, {}).items():
            values[kind, name] = Value(
                time, value or "", spilled=value is None, once=bool(once)
            )
    return values
