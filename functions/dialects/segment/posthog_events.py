"""PostHog's events -> commands, as its server libraries send them to /batch.

A `distinct_id` is a customer, unless its event says that it is not (`$process_person_profile`,
`$is_identified`, `$device_id`): then it is a session.
Source: what posthog-python 7.91 and posthog-node 5.70 send.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic_core import core_schema

from dialects.partial_failure import Fault
from dialects.segment.commands import CommandGroup
from dialects.segment.message_translator import (
    FieldNames,
    FieldValue,
    MessageTranslator,
    Visitor,
    validate_message,
)
from dialects.segment.requests import Batch, is_given
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.schema import ANY, OBJECT, object_validator, optional
from hardlink.domain.sources.registry import Project

_IDENTIFIED_FLAGS = ("$process_person_profile", "$is_identified")
_GROUP_FIELDS = {
    "$group_type": "groupType",
    "$group_key": "groupId",
    "$group_set": "traits",
}
_FIELDS = FieldNames(
    "distinct_id", "distinct_id", "timestamp", values="$set", id="uuid"
)

Message = Mapping[str, Any]
_UPDATES = ("$set", "$set_once", "$unset")
"""Events that only change values of their customer, and are not stored."""


class _Changes(NamedTuple):
    """Values of a customer: those that are set or, as null, removed; and those set only once."""

    set: Message
    set_once: Message


def translate_event(
    batch: Batch, number: int, project: Project, faults: list[Fault]
) -> list[CommandGroup]:
    """Translate one event of a batch. Raises `Invalid`, `NoVisitorError`."""
    message = validate_message(_EVENT, batch.messages[number])
    translator = MessageTranslator(number, project, _FIELDS, faults)
    name = message.get("event")
    if name == "$create_alias":
        return _translate_alias(translator, message)
    changes = _read_changes(message)
    if name == "$identify":
        return [_translate_identify(translator, message, changes)]
    visitor = _read_visitor(translator, message)
    if name == "$groupidentify":
        return [_translate_group(translator, message)]
    update = translator.build_update(
        visitor, changes.set, message.get("timestamp"), set_once=changes.set_once
    )
    if name in _UPDATES:
        return [update]
    track = translator.build_track(visitor, _build_event(message))
    if any(changes):
        return [track, update]
    return [track]


def _read_visitor(translator: MessageTranslator, message: Message) -> Visitor:
    """Read whom an event is about: a customer, a session, or a customer on a device.

    Raises `NoVisitorError`, and `Invalid` for an ID of another type.
    """
    properties = message.get("properties", {})
    distinct_id = message.get("distinct_id", properties.get("distinct_id"))
    if _is_anonymous(properties, distinct_id):
        return translator.read_visitor(distinct_id, None)
    return translator.read_visitor(properties.get("$device_id"), distinct_id)


def _is_anonymous(properties: Message, distinct_id: object) -> bool:
    """Tell whether an event says that its `distinct_id` is no customer's.

    Clients say it by a flag, or by the same ID for the device.
    """
    for flag in _IDENTIFIED_FLAGS:
        if properties.get(flag) is False:
            return True
    device = properties.get("$device_id")
    return is_given(device) and device == distinct_id


def _translate_identify(
    translator: MessageTranslator, message: Message, changes: _Changes
) -> CommandGroup:
    """Give the ID that the client made up before, if there is one, to this customer.

    The event is not stored: it only sets values and links.
    """
    session = message.get("properties", {}).get("$anon_distinct_id")
    distinct_id = message.get("distinct_id")
    if session == distinct_id:
        session = None  # nothing was made up before
    visitor = translator.read_visitor(session, distinct_id)
    return translator.build_update(
        visitor, changes.set, message.get("timestamp"), set_once=changes.set_once
    )


def _translate_alias(
    translator: MessageTranslator, message: Message
) -> list[CommandGroup]:
    """Join two IDs: `alias` is the later one for posthog-python, the earlier for posthog-node."""
    properties = message.get("properties", {})
    return translator.build_alias(
        FieldValue("properties.distinct_id", properties.get("distinct_id")),
        FieldValue("properties.alias", properties.get("alias")),
        message.get("timestamp"),
        either_way=True,
    )


def _translate_group(translator: MessageTranslator, message: Message) -> CommandGroup:
    """Make a `group` event of a group's traits, with the properties in Segment's spelling.

    Clients make up an ID for a group's traits, so the event stays in that session.
    """
    visitor = translator.read_visitor(message.get("distinct_id"), None)
    properties: dict[str, Any] = {}
    for name, value in message.get("properties", {}).items():
        properties[_GROUP_FIELDS.get(name, name)] = value
    event = {**_build_event(message), "type": "group", "properties": properties}
    return translator.build_track(visitor, event)


def _build_event(message: Message) -> dict[str, Any]:
    """Make the event of a `Track` command; its ID makes it count once."""
    return {
        "type": message.get("event"),
        "id": message.get("uuid"),
        "time": message.get("timestamp"),
        "properties": message.get("properties", {}),
    }


def _read_changes(message: Message) -> _Changes:
    """Values of the customer, which clients send beside the properties or among them."""
    removed = dict.fromkeys(_read_unset_names(message))
    return _Changes(
        {**removed, **_read_values(message, "$set")}, _read_values(message, "$set_once")
    )


def _find_field(message: Message, field: str) -> Any:
    """Find a field beside the properties, else among them; `None` if it is in neither."""
    beside = message.get(field)
    if beside:
        return beside
    return message.get("properties", {}).get(field)


def _read_values(message: Message, field: str) -> Message:
    """Read the values of a customer in this field, none if it is missing. Raises `Invalid`."""
    values = _find_field(message, field)
    if not values:
        return NOTHING
    if not isinstance(values, Mapping):
        raise Invalid("must be a JSON object", field)
    return values


def _read_unset_names(message: Message) -> list[str]:
    """Read the names of the values to remove, none if they are missing. Raises `Invalid`."""
    names = _find_field(message, "$unset")
    if not names:
        return []
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise Invalid("must be a list of names", "$unset")
    return names


# Each is parsed by whatever uses it, which names its own field where it is odd.
_ANY = core_schema.typed_dict_field(ANY, required=False)
_EVENT = object_validator(
    {
        "event": _ANY,
        "distinct_id": _ANY,
        "timestamp": _ANY,
        "uuid": _ANY,
        "$set": _ANY,
        "$set_once": _ANY,
        "$unset": _ANY,
        "properties": optional(OBJECT),
    }
)
