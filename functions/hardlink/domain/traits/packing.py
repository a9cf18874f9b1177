"""Packs the states of aggregates as JSON, and unpacks them again exactly. Pure.

Texts, numbers, flags and null stand for themselves, and an array for a tuple. Everything else is an
object with one name, which says what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from hardlink.domain.graph import NOTHING
from hardlink.domain.traits.aggregates import DistinctValues, State, Total
from hardlink.domain.traits.cart import CartHistory
from hardlink.domain.traits.orders import OrderFacts
from hardlink.domain.traits.shop_events import CartChange, CartLine
from hardlink.domain.traits.summaries import Buckets, Summary

FORMAT = 1
"""Summaries of another number are made anew.

Raise it where the same events make other states: where a built-in trait, a system's events or an
aggregate changes.
"""
_TUPLES: tuple[type[Any], ...] = (
    Total,
    DistinctValues,
    CartHistory,
    CartChange,
    CartLine,
    OrderFacts,
)
_FRACTION, _MAPPING, _SET = "fraction", "mapping", "set"


class PackedSummary(NamedTuple):
    """A summary as JSON: the states of each trait by bucket, the latest visit, the oldest event."""

    states: Mapping[str, Any]
    latest_visit: Any
    oldest: Any


def pack_summary(summary: Summary) -> PackedSummary:
    """Pack a summary. What it holds is shared with the summary."""
    states = {name: pack(buckets) for name, buckets in summary.states.items()}
    return PackedSummary(states, pack(summary.latest_visit), pack(summary.oldest))


def unpack_summary(packed: PackedSummary) -> Summary:
    """Unpack what `pack_summary` returned."""
    states: dict[str, Buckets] = {}
    for name, buckets in packed.states.items():
        states[name] = unpack(buckets)
    return Summary(states, unpack(packed.latest_visit), unpack(packed.oldest))


def pack(value: State) -> Any:
    """Pack a state as JSON."""
    packer = _PACK.get(type(value))
    return packer(value) if packer else value


def unpack(packed: Any) -> State:
    """Unpack what `pack` returned."""
    if isinstance(packed, list):
        return tuple(map(unpack, packed))
    if not isinstance(packed, dict):
        return packed
    ((name, content),) = packed.items()
    return _UNPACK[name](content)


def _unpack_mapping(pairs: list[list[Any]]) -> dict[Any, Any]:
    """Unpack a mapping from pairs of keys and values."""
    return {unpack(key): unpack(value) for key, value in pairs}


def _pack_fraction(value: Fraction) -> dict[str, str]:
    """Pack a number exactly."""
    return {_FRACTION: str(value)}


def _pack_set(values: frozenset[str]) -> dict[str, list[str]]:
    """Pack a set in an order of its own, so that equal ones are packed alike."""
    return {_SET: sorted(values)}


def _pack_mapping(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """Pack a mapping as pairs: its keys may be positions, which are no names of an object."""
    return {_MAPPING: [list(map(pack, pair)) for pair in mapping.items()]}


def _pack_tuple(values: tuple[Any, ...]) -> list[Any]:
    """Pack a tuple without names."""
    return list(map(pack, values))


def _pack_named(values: tuple[Any, ...]) -> dict[str, Any]:
    """Pack a named tuple with the name of its type."""
    return {type(values).__name__: _pack_tuple(values)}


def _unpacker_of(kind: type[Any]) -> Callable[[list[Any]], Any]:
    """Return what unpacks a named tuple of a kind."""

    def unpack_tuple(fields: list[Any]) -> Any:
        """Unpack a named tuple from its fields."""
        return kind(*map(unpack, fields))

    return unpack_tuple


_PACK: Mapping[type[Any], Callable[[Any], Any]] = {
    Fraction: _pack_fraction,
    frozenset: _pack_set,
    dict: _pack_mapping,
    # An empty mapping may be the shared one that nothing changes.
    type(NOTHING): _pack_mapping,
    tuple: _pack_tuple,
    **dict.fromkeys(_TUPLES, _pack_named),
}
_UNPACK: Mapping[str, Callable[[Any], Any]] = {
    _FRACTION: Fraction,
    _MAPPING: _unpack_mapping,
    _SET: frozenset,
    **{kind.__name__: _unpacker_of(kind) for kind in _TUPLES},
}
