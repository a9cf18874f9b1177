"""Attraqt XO's activities: wire -> commands, results -> wire. What a command means is the library's.

Source: Attraqt's "Working with identities", its REST reference, and what @attraqt/activity 1.7.1 sends.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from hardlink.domain.commands import MOST_EVENTS
from hardlink.domain.errors import (
    HardlinkError,
    Invalid,
    TooLarge,
    TooManyIdentifiers,
    UnknownSource,
)
from hardlink.domain.sources import Project
from hardlink.domain.values import to_json
from hardlink.web.response import Answer

_SESSION = "sessionid"
"""The repository of session IDs as the SDK writes it; REST callers write `sessionId`."""
_SESSIONS = {
    "session.id": "user.identities.sessionId",
    "linked_session.id": "user.identities.sessionid",
}
_KEY = re.compile(r"[\x21-\x2e\x30-\x7e]{4,256}")
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    409: "Conflict",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


class Fault(NamedTuple):
    """What is wrong with one activity of a call: its number in the array, the field, and what to do."""

    number: int
    field: str
    message: str


class Visit(NamedTuple):
    """Neighbouring activities of one user, as the body of a `Track` command. `numbers`: theirs in the array."""

    numbers: Sequence[int]
    body: Mapping[str, Any]


class _Activity(NamedTuple):
    number: int
    user: Mapping[str, Any]
    event: Mapping[str, Any]


def tracker_key(text: str) -> str:
    """The write key of the path. Raises `Invalid` where it can't be one."""
    if not _KEY.fullmatch(text):
        raise Invalid("Tracker key not valid", code="tracker_key")
    return text


def visits(body: object) -> tuple[list[Visit], list[Fault]]:
    """What a call says: its activities by user in their order, and those that can't be understood.

    One activity is taken as well as an array of them. Raises `Invalid` for any other body, `TooLarge` for too many.
    """
    listed = body if isinstance(body, list) else [body]
    if len(listed) > MOST_EVENTS:  # whose they are: each user's would be a visit of its own
        raise TooLarge(f"{len(listed)} activities: send at most {MOST_EVENTS} a call")
    if not all(isinstance(one, Mapping) for one in listed):
        raise Invalid("send an activity, or an array of activities")
    faults: list[Fault] = []
    read: list[_Activity] = []
    copies: dict[str, int] = {}
    for number, one in enumerate(listed):
        try:
            read.append(_read(number, one, copies))
        except Invalid as error:
            faults.append(Fault(number, error.field or "", error.message))
    return [
        _visit(list(some)) for _, some in groupby(read, key=lambda one: to_json(one.user))
    ], faults


def answer(faults: Sequence[Fault], dropped: str | None) -> Answer:
    """200 where everything was taken; 422 names what was not, and the rest was taken all the same."""
    body: dict[str, Any] = {"profiles": {}}
    if dropped:
        body["message"] = dropped
    if not faults:
        return Answer(body)
    named = [{"activity": f.number, "field": f.field, "message": f.message} for f in faults]
    first = faults[0]
    message = f"activity {first.number}: {first.field}: {first.message}"
    return Answer({**body, **_error(422, message), "errors": named}, 422)


def rejected(visit: Visit, results: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """The activities of a visit that the library did not take."""
    for number, result in zip(visit.numbers, results, strict=True):
        if result["status"] == "rejected":
            field = str(result.get("field", "")).partition(".")[2]
            yield Fault(number, _wire_field(field), str(result["reason"]))


def faults(visit: Visit, error: HardlinkError) -> Iterator[Fault]:
    """What is wrong with every activity of a visit."""
    field = (error.field or "").replace("ids.", "user.identities.")
    field = _SESSIONS.get(field, field)
    return (Fault(number, field, error.message) for number in visit.numbers)


def without(visit: Visit, error: HardlinkError, project: Project) -> Visit | None:
    """The visit without the identity at fault, if it is one."""
    if not isinstance(error, Invalid | TooManyIdentifiers):
        return None
    ids: Mapping[str, str] = visit.body["ids"]
    name = (error.field or "").removeprefix("ids.")
    rest = {name_: id_ for name_, id_ in ids.items() if not project.means(name_, name)}
    return visit._replace(body={**visit.body, "ids": rest}) if len(rest) < len(ids) else None


def error_answer(error: HardlinkError) -> Answer:
    """An error as XO's API answers it: an unknown key in its own words, what is malformed as 422."""
    if isinstance(error, UnknownSource):
        return Answer(_error(error.status, "Unknown tracker key"), error.status)
    status = 422 if isinstance(error, Invalid) else error.status
    message = f"{error.field}: {error.message}" if error.field else error.message
    return Answer(_error(status, message), status)


def _error(status: int, message: str) -> dict[str, str]:
    return {"error": _TITLES.get(status, "Error"), "message": message}


def _read(number: int, body: Mapping[str, Any], copies: dict[str, int]) -> _Activity:
    try:
        found: dict[str, Any] = _ACTIVITY.validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Invalid(_lower(first["msg"]), ".".join(map(str, first["loc"]))) from error
    user = found.pop("user")
    if not any(name.lower() == _SESSION for name in user["identities"]):
        raise Invalid("send the session ID with every activity", "user.identities.sessionId")
    event: dict[str, Any] = {"type": found.pop("action"), "properties": found}
    timestamp = found.pop("timestamp", None)
    if timestamp is not None:
        event |= {"time": timestamp, "id": _id(user, timestamp, event, copies)}
    return _Activity(number, user, event)


def _id(
    user: Mapping[str, Any], timestamp: str, event: Mapping[str, Any], copies: dict[str, int]
) -> str:
    """Activities have no ID: an activity that is sent again is known by its time and content.

    Of two that are alike in one call (two copies of one product) both count.
    """
    content = to_json([user["identities"], timestamp, event])
    digest = hashlib.sha256(content.encode()).hexdigest()[:32]
    copies[digest] = copies.get(digest, 0) + 1
    return digest if copies[digest] == 1 else f"{digest}-{copies[digest]}"


def _visit(activities: Sequence[_Activity]) -> Visit:
    user = activities[0].user
    identities = user["identities"]
    sessions = [value for name, value in identities.items() if name.lower() == _SESSION]
    chosen = [
        value for name, value in identities.items() if name != name.lower() and value in sessions
    ]
    current = (chosen or sessions)[0]
    others = [value for value in sessions if value != current]
    body = {
        "session": {"id": current},
        "linked_session": {"id": others[0]} if others else None,
        "ids": {name: value for name, value in identities.items() if name.lower() != _SESSION},
        "segments": user.get("segments"),
        "traits": user.get("traits"),
        "events": [activity.event for activity in activities],
    }
    return Visit([activity.number for activity in activities], body)


def _wire_field(field: str) -> str:
    return {"type": "action", "time": "timestamp"}.get(field, field.removeprefix("properties."))


def _lower(message: str) -> str:
    return f"{message[:1].lower()}{message[1:]}"


def _optional(of: schema.CoreSchema) -> schema.TypedDictField:
    return schema.typed_dict_field(of, required=False)


_TEXT = schema.str_schema(strict=True)
_TEXTS = schema.dict_schema(_TEXT, _TEXT)
_VALUE = schema.union_schema(
    [
        _TEXT,
        schema.bool_schema(strict=True),
        schema.int_schema(strict=True),
        schema.float_schema(strict=True, allow_inf_nan=False),
        schema.list_schema(schema.any_schema()),
    ],
    custom_error_type="metadata_value",
    custom_error_message="Input should be a text, a number, true, false or an array",
)
_USER = schema.typed_dict_schema(
    {
        "identities": schema.typed_dict_field(_TEXTS),
        "segments": _optional(schema.list_schema(_TEXT)),
        "traits": _optional(schema.dict_schema(_TEXT, schema.any_schema())),
    }
)
_ACTIVITY = SchemaValidator(
    schema.typed_dict_schema(
        {
            "action": schema.typed_dict_field(_TEXT),
            "target": schema.typed_dict_field(_TEXTS),
            "user": schema.typed_dict_field(_USER),
            "opposite": _optional(schema.bool_schema(strict=True)),
            "sourceId": _optional(_TEXT),
            "metadata": _optional(schema.dict_schema(_TEXT, _VALUE)),
            "segments": _optional(schema.list_schema(_TEXT)),
            "timestamp": _optional(_TEXT),
        }
    )
)
