"""Rows of history -> calls of the service: what a row may have, and which rows share a call."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardlink.domain import times
from hardlink.domain.errors import Invalid
from infra.operations.event_import.rows import Refusal, Row

Json = Any
_VISITOR_FIELDS = ("session", "profile", "ids")
_EVENT_FIELDS = ("type", "id", "time", "properties", "context", "order", "tags")
_VALUE_FIELDS = (
    "time",
    "properties",
    "set_once",
    "segments",
    "traits",
    "consents",
)
_ID_PREFIX = "import-"
_ID_DIGITS = 32


@dataclass(frozen=True)
class ImportCall:
    """One call. `lines`: of its rows, in the order of its events. `path`: its route."""

    path: str
    body: dict[str, Json]
    lines: list[int] = field(default_factory=list)

    @property
    def visitor(self) -> str:
        """The visitor or customer it is about: calls about the same one are sent in order."""
        session = self.body.get("session")
        return _canonical(session if session else self.body.get("ids"))


def known_fields(fields: Mapping[str, Json]) -> set[str]:
    """Return the names of fields that a row may have: an event if it has a type, else values."""
    own = _EVENT_FIELDS if "type" in fields else _VALUE_FIELDS
    return {*_VISITOR_FIELDS, *own}


def plan_calls(
    rows: Sequence[Row], write_key: str
) -> tuple[list[ImportCall], list[Refusal]]:
    """Make calls of rows; rows that follow each other under one session share a call.

    `rows`: few enough for one call.
    """
    calls: list[ImportCall] = []
    refused: list[Refusal] = []
    latest: dict[str, ImportCall] = {}
    for row in rows:
        try:
            call = plan_call(row, write_key)
        except Invalid as error:
            refused.append(Refusal(row.line, "invalid", error.message, error.field))
            continue
        previous = latest.get(call.visitor)
        if previous is not None and _can_join(previous, call):
            previous.body["events"] += call.body["events"]
            previous.lines.extend(call.lines)
            continue
        calls.append(call)
        latest[call.visitor] = call
    return calls, refused


def plan_call(row: Row, write_key: str) -> ImportCall:
    """Make the call of one row. Raises `Invalid`, which says what is wrong with the row.

    A row with a `type` is an event. One without says who somebody is, or what is known of them.
    """
    fields = dict(row.fields)
    body: dict[str, Json] = {"source": {"id": write_key}}
    for name in _VISITOR_FIELDS:
        value = fields.pop(name, None)
        if value is not None:
            body[name] = value if name == "ids" else _as_object(value)
    if not ("session" in body or body.get("ids")):
        raise Invalid("send a session or ids: else it is nobody's", "session")
    _check_time(fields)
    if "type" not in fields:
        return _plan_values(row, body, fields)
    _refuse_unknown(fields, _EVENT_FIELDS)
    # The ID makes the import idempotent: a row that is sent again is the same event.
    event = {"id": _make_id(row.fields), **fields}
    return ImportCall("/track", {**body, "events": [event]}, [row.line])


def _plan_values(
    row: Row, body: dict[str, Json], fields: dict[str, Json]
) -> ImportCall:
    _refuse_unknown(fields, _VALUE_FIELDS)
    is_login = "session" in body and body.get("ids")
    fields.setdefault("properties", {})
    return ImportCall(
        "/identify" if is_login else "/update", {**body, **fields}, [row.line]
    )


def _can_join(previous: ImportCall, call: ImportCall) -> bool:
    """Tell whether the events of a call can be sent with those of the one before.

    A call has one set of identifiers, and its earliest event dates the link that they make.
    """
    if previous.path != "/track" or call.path != "/track":
        return False
    return all(
        previous.body.get(name) == call.body.get(name) for name in _VISITOR_FIELDS
    )


def _check_time(fields: Mapping[str, Json]) -> None:
    """Refuse a row without a time: it would be dated by the import. Raises `Invalid`."""
    if fields.get("time") is None:
        raise Invalid("send the time at which it happened", "time")
    times.parse_time(fields["time"], "time")


def _refuse_unknown(fields: Mapping[str, Json], known: Sequence[str]) -> None:
    for name in _find_unknown(fields, known):
        raise Invalid(
            f"not a field of such a row: --rename {name}=properties.{name} keeps it, "
            f"--drop {name} leaves it out",
            name,
        )


def _find_unknown(fields: Mapping[str, Json], known: Sequence[str]) -> Iterator[str]:
    for name in fields:
        if name not in known:
            yield name


def _as_object(value: Json) -> Json:
    """Return `{"id": ...}` for an ID, and an object as it is."""
    return value if isinstance(value, Mapping) else {"id": value}


def _make_id(fields: Mapping[str, Json]) -> str:
    digest = hashlib.sha256(_canonical(fields).encode()).hexdigest()
    return _ID_PREFIX + digest[:_ID_DIGITS]


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
