"""The fields of another system's rows -> those of this one: which rows, and under which names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from infra.operations.event_import.calls import known_fields
from infra.operations.event_import.rows import Refusal, Row, put_field

Json = Any
_ABSENT = object()


class Rename(NamedTuple):
    """A field that is called otherwise in the file. Paths are dotted: `customer_ids.cookie`."""

    old: str
    new: str


class Only(NamedTuple):
    """A condition of rows: the field at this path has this value, as text."""

    path: str
    value: str


@dataclass
class FieldMap:
    """Chooses rows, and moves their fields.

    `drops`: paths that are left out before anything is renamed. `drops_unknown`: so is what has no
    place after it; `left_out` counts these fields.
    """

    only: Sequence[Only] = ()
    drops: Sequence[str] = ()
    renames: Sequence[Rename] = ()
    drops_unknown: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    def apply(self, rows: Iterable[Row | Refusal]) -> Iterator[Row | Refusal]:
        """Yield the chosen rows with their fields moved. Refusals are passed on."""
        for row in rows:
            if isinstance(row, Refusal):
                yield row
            elif self._chooses(row.fields):
                yield row._replace(fields=self._move_fields(row.fields))

    def _chooses(self, fields: Mapping[str, Json]) -> bool:
        return all(str(_find(fields, path)) == value for path, value in self.only)

    def _move_fields(self, given: Mapping[str, Json]) -> dict[str, Json]:
        fields = _copy_nested(given)
        for path in self.drops:
            _take(fields, path)
        for old, new in self.renames:
            value = _take(fields, old)
            # Exports write anonymous visitors as an empty or null customer, which names nobody.
            if value not in (_ABSENT, None, ""):
                put_field(fields, new, value)
        if self.drops_unknown:
            for name in fields.keys() - known_fields(fields):
                del fields[name]
                self.left_out[name] += 1
        return fields


def _find(fields: Mapping[str, Json], path: str) -> Json:
    found: Json = fields
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return _ABSENT
        found = found.get(name, _ABSENT)
    return found


def _take(fields: dict[str, Json], path: str) -> Json:
    """Remove a value and the objects that are empty without it; `_ABSENT` if it is not there."""
    name, _, rest = path.partition(".")
    if not rest:
        return fields.pop(name, _ABSENT)
    nested = fields.get(name)
    if not isinstance(nested, dict):
        return _ABSENT
    value = _take(nested, rest)
    if not nested:
        del fields[name]
    return value


def _copy_nested(fields: Mapping[str, Json]) -> dict[str, Json]:
    copied: dict[str, Json] = {}
    for name, value in fields.items():
        copied[name] = _copy_nested(value) if isinstance(value, dict) else value
    return copied
