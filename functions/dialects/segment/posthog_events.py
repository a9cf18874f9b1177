"""PostHog's events -> commands, as its server libraries send them to /batch.

A `distinct_id` is a customer, unless its event says that it is not (`$process_person_profile`,
`$is_identified`, `$device_id`): then it is a session.
Source: what posthog-python 7.91 and posthog-node send.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def translate_event(
    batch: Batch, number: int, project: Project, faults: list[Fault]
) -> list[CommandGroup]:
    """Translate one event of a batch. Raises `Invalid`, `NoVisitorError`."""
    message = validate_message(_EVENT, batch.messages[number])
    translator = MessageTranslator(number, project, _FIELDS, faults)
    name = message.get("event")
    if name == "$create_alias":
        return _translate_alias(translator, message)
    set_values = _read_set_values(message)
    if name == "$identify":
        return [_translate_identify(translator, message, set_values)]
    visitor = _read_visitor(translator, message)
    if name == "$set_once":
        raise Invalid(
            "$set_once is not offered: send $set, whose latest value counts", "event"
        )
    if name == "$groupidentify":
        return [_translate_group(translator, message)]
    update = translator.build_update(visitor, set_values, message.get("timestamp"))
    if name == "$set":
        return [update]
    track = translator.build_track(visitor, _build_event(message))
    return [track, update] if set_values else [track]


def _read_visitor(translator: MessageTranslator, message: Message) -> Visitor:
    """A customer, a session, or a customer on a device."""
    properties = message.get("properties", {})
    distinct_id = message.get("distinct_id", properties.get("distinct_id"))
    device = properties.get("$device_id")
    is_anonymous = any(properties.get(flag) is False for flag in _IDENTIFIED_FLAGS)
    if is_anonymous or (is_given(device) and device == distinct_id):
        return translator.read_visitor(distinct_id, None)
    return translator.read_visitor(device, distinct_id)


def _translate_identify(
    translator: MessageTranslator, message: Message, set_values: Message
) -> CommandGroup:
    """The ID that the client made up before belongs to this customer."""
    anonymous_id = message.get("properties", {}).get("$anon_distinct_id")
    distinct_id = message.get("distinct_id")
    session = None if anonymous_id == distinct_id else anonymous_id
    visitor = translator.read_visitor(session, distinct_id)
    return translator.build_update(visitor, set_values, message.get("timestamp"))


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
    """Clients make up an ID for a group's traits, so the event stays in that session."""
    visitor = translator.read_visitor(message.get("distinct_id"), None)
    properties = {
        _GROUP_FIELDS.get(name, name): value
        for name, value in message.get("properties", {}).items()
    }
    event = {**_build_event(message), "type": "group", "properties": properties}
    return translator.build_track(visitor, event)


def _build_event(message: Message) -> dict[str, Any]:
    return {
        "type": message.get("event"),
        "id": message.get("uuid"),
        "time": message.get("timestamp"),
        "properties": message.get("properties", {}),
    }


def _read_set_values(message: Message) -> Message:
    """Values of the customer, which clients send beside the properties or among them."""
    properties: Message = message.get("properties", {})
    set_values = message.get("$set") or properties.get("$set") or {}
    if not isinstance(set_values, Mapping):
        raise Invalid("must be a JSON object", "$set")
    return set_values


_ANY = core_schema.typed_dict_field(ANY, required=False)
_EVENT = object_validator(
    {
        "event": _ANY,
        "distinct_id": _ANY,
        "timestamp": _ANY,
        "uuid": _ANY,
        "$set": _ANY,
        "properties": optional(OBJECT),
    }
)
