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
_KINDS_OF_LISTS: Mapping[str, Kind] = {"segments": "segments", "traits": "traits"}
_MOST_NAMED = 50
"""Parts that are named one by one where many are left out, so that the answer stays small."""
Part = TypeVar("Part")
_INLINE_VALUE = 1024
_INLINE_TOTAL = 64 * 1024
_REMOVED_TOTAL = 32 * 1024
_OVERHEAD = 24
"""Bytes around a name and a value in an item."""
_REMOVED_AS: Mapping[Kind, Sequence[str]] = {"segments": (NULL, "false")}
"""The JSON of values that mean a removal, where null is not the only one."""
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

    def newer_than(self, other: Value) -> bool:
        """Compare times. Of two values set at one time, the same one wins in any order."""
        return self._rank() > other._rank()

    def _rank(self) -> tuple[bool, int, bool, str]:
        """Order values: any is newer than one set `once`, of which the earliest is the newest.

        Of values set at one time, the text decides, so that every order of arrival ends alike.
        """
        time = -self.time if self.once else self.time
        return (not self.once, time, self.spilled, self.json)


_BYTES_A_CHARACTER = 6
"""Of a character in JSON, at most: an escaped one."""

Name: TypeAlias = tuple[Kind, str]
Values: TypeAlias = Mapping[Name, Value]
Dated: TypeAlias = tuple[int, str]
"""When a value was set, microseconds, and the value as JSON."""


# Made once: `json.dumps` makes an encoder for every call that wants another form than its own.
_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ESCAPED = json.JSONEncoder(separators=(",", ":"))


def to_json(value: object) -> str:
    """Format compact JSON. Lone surrogates, which UTF-8 cannot encode, stay escaped.

    Raises `Invalid` for NaN and Infinity: once stored, they would make an item unreadable.
    """
    try:
        text = _COMPACT.encode(value)
    except ValueError as error:
        raise Invalid("a number must be finite: leave NaN and Infinity out") from error
    # Most texts are ASCII, which is told without looking at each character.
    if text.isascii() or _is_encodable(text):
        return text
    return _ESCAPED.encode(value)


def _is_encodable(text: str) -> bool:
    """Tell whether UTF-8 can encode a text: a lone surrogate, half of an emoji, it cannot.

    A client can send one, because JSON may escape it.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def json_size(value: object) -> int:
    """Count the bytes of a value as seed 004 does: UTF-8 of a string, compact JSON otherwise.

    A string counts without quotes and escapes. Raises `Invalid` for numbers that are not finite.
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
    """Describe the first of many parts that are left out, and count the others.

    `describe`: is called for those that are named. `field`: the path of all parts, for the others.
    """
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
    """Check a name and its value against the limits. Raises `Invalid` naming the value.

    `field`: path of the object that has both. `most_bytes`: of the value.
    """
    try:
        check_name(name, field)
        size = json_size(value)
    except Invalid as error:
        # the path is made for the few that need it
        raise Invalid(error.message, name_path(field, name)) from error
    if size > most_bytes:
        reason = f"larger than {most_bytes} bytes: shorten it"
        raise Invalid(reason, name_path(field, name))


def check_name(name: str, field: str) -> None:
    """Check the name of an event or a value. Raises `Invalid` naming `field`.

    Seed 004 asks for ASCII; names in other alphabets are stored as they are sent all the same.
    """
    if not name.strip():
        raise Invalid("a name must not be empty", field)
    if _UNSTORABLE.search(name):
        raise Invalid("a name must have no control characters", field)
    # Few names are so long that their bytes have to be counted.
    may_be_large = len(name) * _BYTES_A_CHARACTER > MOST_NAME_BYTES
    is_large = may_be_large and _name_bytes(name) > MOST_NAME_BYTES
    if len(name) > LONGEST_NAME or is_large:
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
    """Escape a character that cannot be shown, as JSON does."""
    return f"\\u{ord(match[0]):04x}"


def _name_bytes(name: str) -> int:
    """Count the bytes of a name as JSON, without its quotes: control characters take six each."""
    return len(to_json(name).encode()) - 2


def with_timestamp(
    kind: Kind, names: Mapping[str, object], time: int, *, once: bool = False
) -> dict[Name, Value]:
    """Convert a command's values of one kind, all set at `time`.

    `names`: name -> value as it was parsed from JSON. `once`: they count only where no value is
    set. Raises `Invalid` for numbers that are not finite.
    """
    converted: dict[Name, Value] = {}
    for name, value in names.items():
        converted[kind, name] = Value(time, to_json(value), once=once)
    return converted


def replacing_lists(
    source: str, segments: Mapping[str, bool], traits: Mapping[str, Any], time: int
) -> dict[Name, Value]:
    """Convert segments and traits that replace those which the same source set before.

    Empty ones say nothing, because a page that was loaded anew has none yet. Returns at most two
    values of the kind `lists`, all set at `time`.
    """
    held = [label for label, holds in segments.items() if holds]
    lists: dict[str, object] = {}
    if held:
        lists[f"segments/{source}"] = dict.fromkeys(held, True)
    if traits:
        lists[f"traits/{source}"] = traits
    return with_timestamp(LISTS, lists, time)


def with_lists(newest: Mapping[Name, Dated]) -> dict[Name, str]:
    """Resolve the lists of all sources to values by name: of each name, the one set last wins.

    `newest`: of each name the time when its value was set, and the value as JSON. Returns the
    value of each name as JSON: those that were set by themselves first, then those of lists.
    """
    resolved = {name: dated for name, dated in newest.items() if name[0] != LISTS}
    for (kind, label), dated in newest.items():
        if kind == LISTS:
            _lay_list_over(resolved, label, dated)
    return {name: text for name, (_, text) in resolved.items()}


def _lay_list_over(resolved: dict[Name, Dated], label: str, dated: Dated) -> None:
    """Set the values of a source's list, where no later value of their names is set.

    `label`: `segments/<source>` or `traits/<source>`. `dated`: when the list was set, and the list
    as JSON. Of two values of one time, the same one wins in any order.
    """
    kind = _KINDS_OF_LISTS[label.partition("/")[0]]
    time, text = dated
    for name, value in json.loads(text).items():
        candidate = (time, to_json(value))
        before = resolved.get((kind, name), candidate)
        resolved[kind, name] = max(before, candidate)


def is_removed(name: Name, value: Value) -> bool:
    """Tell whether a name was removed: set to null, or, of a segment, to false.

    The removal is kept, because an earlier value may come later, and visitors have their own. A
    spilled value is none: its `json` is empty.
    """
    return value.json in _REMOVED_AS.get(name[0], (NULL,))


def changed(old: Values, new: Values) -> dict[Name, Value]:
    """Return the values of `new` that change `old`, as they are to be stored.

    A value that says what is set already, or that is older, changes nothing.
    """
    changes: dict[Name, Value] = {}
    for name, said in new.items():
        before = old.get(name)
        value = _set_again(name, before, said)
        if _is_change(before, value):
            changes[name] = value
    return changes


def _set_again(name: Name, before: Value | None, said: Value) -> Value:
    """Let a name that was removed be set once again: its value is an ordinary one then.

    `before`: the value that is set, if one is; `said`: the new one, as its command has it. Without
    this, a removal would keep out for ever what is set only where nothing is.
    """
    if before is None or not is_removed(name, before):
        return said
    return said._replace(once=False)


def _is_change(old: Value | None, new: Value) -> bool:
    """Tell whether a value replaces the one that is set, if one is.

    `old`: as it stands in its node. A spilled value of the same time is the same command again:
    comparing it would take a read.
    """
    if old is None:
        return True
    is_same_time = (old.time, old.once) == (new.time, new.once)
    if old.spilled and is_same_time:
        return False
    return new.newer_than(old)


def without_old_removals(values: Values) -> dict[Name, Value]:
    """Forget the oldest removals, where all take more room in their node than there is for them.

    Returns all other values, in their order. Room is counted in bytes of the node's item.
    """
    removed = [name for name, value in values.items() if is_removed(name, value)]
    # The newest first: an old removal keeps out only what comes very late.
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
    """Choose the values that were set in one of some intervals of time.

    `intervals`: half-open, in microseconds.
    """
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
    that is removed gives its room back. Returns the values to set, and those that are named in
    warnings.
    """
    changes = changed(old, new)
    taken = _names_that_stay(old, changes)
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


def _names_that_stay(old: Values, changes: Values) -> frozenset[Name]:
    """List the names that have a value before some changes, and still have one after them.

    They take a place each among those that a customer has; a removal takes none.
    """
    names: set[Name] = set()
    for name, value in old.items():
        after = changes.get(name, value)
        if not is_removed(name, value) and not is_removed(name, after):
            names.add(name)
    return frozenset(names)


def _without_room(name: Name) -> LeftOut:
    """Name a value for which a customer has no room, by its field in the command."""
    kind, label = name
    field = "properties" if kind == "attributes" else kind
    reason = f"the customer has {MOST_NAMES} {kind} already, left out"
    return LeftOut(name_path(field, label), reason)


def spilled_names(old: Values, new: Values) -> frozenset[Name]:
    """Choose the new values that are stored in items of their own, so that the node stays small.

    Bytes count as the item holds them: packed as JSON once more, in UTF-8. Beside the values that
    are apart anyway, the largest ones are, until the others fit into the node.
    """
    sizes = {name: _packed_bytes(value) for name, value in {**old, **new}.items()}
    apart = {name for name in new if _is_apart(old.get(name), sizes[name])}
    inline = sum(sizes.values()) - sum(map(sizes.__getitem__, apart))
    candidates = [name for name in new if name not in apart]
    return frozenset(apart.union(_largest_beyond(candidates, sizes, inline)))


def _largest_beyond(
    candidates: list[Name], sizes: Mapping[Name, int], inline: int
) -> list[Name]:
    """Choose the values without which all others fit into their node.

    `sizes`: bytes by name; `inline`: of all values in the node. The largest come first, so that as
    few values as possible become items of their own.
    """
    candidates.sort(key=sizes.__getitem__, reverse=True)
    chosen: list[Name] = []
    for name in candidates:
        if inline <= _INLINE_TOTAL:
            break
        chosen.append(name)
        inline -= sizes[name]
    return chosen


def _is_apart(before: Value | None, size: int) -> bool:
    """Tell whether a value has an item of its own, whatever its node holds beside it.

    `size`: its bytes in the item. A name that was spilled once stays spilled, because
    contributions refer to its item.
    """
    was_spilled = before is not None and before.spilled
    return was_spilled or size > _INLINE_VALUE + _OVERHEAD


def _packed_bytes(value: Value) -> int:
    """Count the bytes of a value in its item, with those around it.

    It is JSON within JSON there: quotes and backslashes take two bytes.
    """
    return json_size([value.json]) + _OVERHEAD


def pack_values(values: Values) -> str:
    """Pack values into one text attribute of an item: kind -> name -> [time, JSON or null, once?].

    `null` stands for a spilled value, which has an item of its own. A value that is set `once` has
    a third part.
    """
    packed: dict[str, dict[str, list[Any]]] = {}
    for (kind, name), value in values.items():
        parts: list[Any] = [value.time, None if value.spilled else value.json]
        if value.once:
            parts.append(1)
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
        for name, parts in packed.get(kind, {}).items():
            values[kind, name] = _unpack_value(*parts)
    return values


def _unpack_value(time: int, text: str | None, once: int = 0) -> Value:
    """Make a value of the parts that `pack_values` wrote; without a text it was spilled."""
    if text is None:
        return Value(time, "", spilled=True, once=bool(once))
    return Value(time, text, once=bool(once))
