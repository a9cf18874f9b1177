"""Wire -> activities: the body of an Attraqt XO call.

Source: Attraqt's REST reference, and the requests of @attraqt/activity 1.7.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import core_schema
from pydantic_core.core_schema import CoreSchema, TypedDictField

from dialects.content_ids import ContentIds
from dialects.partial_failure import Fault, fault_of
from hardlink.domain.commands import MOST_EVENTS
from hardlink.domain.errors import Invalid, TooLarge
from hardlink.domain.schema import OBJECT, TEXT, object_validator, required, validate

_TRACKER_KEY = re.compile(r"[\x21-\x2e\x30-\x7e]{4,256}")
_SESSION = "sessionid"
"""The repository of session IDs in the SDK's spelling; REST callers send `sessionId`."""


class Activity(NamedTuple):
    """One activity. `number`: its place in the call; `user`: as sent; `event`: of a `Track`."""

    number: int
    user: Mapping[str, Any]
    event: Mapping[str, Any]


def is_session(repository: str) -> bool:
    """Tell the repository of session IDs from those of identities."""
    return repository.lower() == _SESSION


def read_tracker_key(text: str) -> str:
    """Read the write key in the path, which Attraqt calls tracker key.

    Raises `Invalid` for a text that cannot be one, with the code that `answers` knows it by.
    """
    if not _TRACKER_KEY.fullmatch(text):
        raise Invalid("Tracker key not valid", code="tracker_key")
    return text


def read_activities(body: object) -> tuple[list[Activity], list[Fault]]:
    """The valid activities of a call in their order, and the faults of the others.

    `body`: an activity, or an array of them. Raises `Invalid` for any other body, `TooLarge`.
    """
    listed = _list_activities(body)
    # The limit of one command: activities of different users become a command each.
    if len(listed) > MOST_EVENTS:
        raise TooLarge(f"{len(listed)} activities: send at most {MOST_EVENTS} a call")
    for activity in listed:
        if not isinstance(activity, Mapping):
            raise Invalid("send an activity, or an array of activities")
    return _read_each(listed)


def _list_activities(body: object) -> list[object]:
    """List the activities of a body: the REST reference has single ones, the SDK sends arrays."""
    if isinstance(body, list):
        return body
    return [body]


def _read_each(bodies: Sequence[object]) -> tuple[list[Activity], list[Fault]]:
    """Read activities one by one; an invalid one becomes a fault and holds up no other."""
    activities: list[Activity] = []
    faults: list[Fault] = []
    # One for the whole call: of two equal activities in it both count.
    content_ids = ContentIds()
    for number, body in enumerate(bodies):
        try:
            activities.append(_read_activity(number, body, content_ids))
        except Invalid as error:
            faults.append(fault_of(number, error))
    return activities, faults


def _read_activity(number: int, body: object, content_ids: ContentIds) -> Activity:
    """Validate an activity and make its event. Raises `Invalid` naming the field."""
    fields = validate(_ACTIVITY, body)
    user = fields.pop("user")
    if not any(map(is_session, user["identities"])):
        raise Invalid(
            "send the session ID with every activity", "user.identities.sessionId"
        )
    timestamp = fields.pop("timestamp", None)
    event: dict[str, Any] = {"type": fields.pop("action"), "properties": fields}
    if timestamp is not None:
        # Activities have no ID. One without a timestamp counts each time it is sent.
        event_id = content_ids.make_id([user["identities"], timestamp, event])
        event |= {"time": timestamp, "id": event_id}
    return Activity(number, user, event)


def _may_be_missing(of: CoreSchema) -> TypedDictField:
    """Make a field that a call may leave out. Unlike `optional`, it refuses null."""
    return core_schema.typed_dict_field(of, required=False)


_TEXTS = core_schema.dict_schema(TEXT, TEXT)
_METADATA_VALUE = core_schema.union_schema(
    [
        TEXT,
        core_schema.bool_schema(strict=True),
        core_schema.int_schema(strict=True),
        core_schema.float_schema(strict=True, allow_inf_nan=False),
        core_schema.list_schema(core_schema.any_schema()),
    ],
    custom_error_type="metadata_value",
    custom_error_message="must be a string, a number, true, false or an array",
)
_USER = core_schema.typed_dict_schema(
    {
        "identities": required(_TEXTS),
        "segments": _may_be_missing(core_schema.list_schema(TEXT)),
        "traits": _may_be_missing(OBJECT),
    }
)
_ACTIVITY = object_validator(
    {
        "action": required(TEXT),
        "target": required(_TEXTS),
        "user": required(_USER),
        "opposite": _may_be_missing(core_schema.bool_schema(strict=True)),
        "sourceId": _may_be_missing(TEXT),
        "metadata": _may_be_missing(core_schema.dict_schema(TEXT, _METADATA_VALUE)),
        "segments": _may_be_missing(core_schema.list_schema(TEXT)),
        "timestamp": _may_be_missing(TEXT),
    }
)
