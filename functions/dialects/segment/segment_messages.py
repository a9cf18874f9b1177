"""Segment's and RudderStack's messages -> commands.

The anonymous ID is the session; the user ID is the project's first hard identifier.
Source: Segment's spec (common fields, identify, track, page, screen, group, alias), and its
clients' messages.
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
from dialects.segment.requests import KINDS, Batch, is_given
from hardlink.domain.errors import Invalid
from hardlink.domain.identifiers import parse_id
from hardlink.domain.json_types import as_object
from hardlink.domain.schema import ANY, OBJECT, object_validator, optional
from hardlink.domain.sources.registry import Project

Message = Mapping[str, Any]


def translate_message(
    batch: Batch, number: int, project: Project, faults: list[Fault]
) -> list[CommandGroup]:
    """Translate one message of a batch. Raises `Invalid`, `NoVisitorError`."""
    message = validate_message(_MESSAGE, batch.messages[number])
    # What a message says itself wins over what its batch says of all.
    message["context"] = {**batch.context, **message.get("context", {})}
    kind = batch.kind or message.get("type")
    if kind not in KINDS:
        raise Invalid(f"send one of {', '.join(KINDS)}", "type")
    # The device's own time comes first.
    time_field = "originalTimestamp" if "originalTimestamp" in message else "timestamp"
    time = message.get(time_field)
    fields = FieldNames("anonymousId", "userId", time_field)
    translator = MessageTranslator(number, project, fields, faults)
    if kind == "alias":
        return _translate_alias(translator, message, time)
    visitor = translator.read_visitor(message.get("anonymousId"), message.get("userId"))
    if kind == "identify":
        return [translator.build_update(visitor, _read_traits(message), time)]
    if kind == "group":
        return [_translate_group(translator, visitor, message, time)]
    return [translator.build_track(visitor, _read_event(kind, message, time))]


def _read_traits(message: Message) -> dict[str, Any]:
    """Read the traits; RudderStack's clients send them in the context."""
    in_context = as_object(message["context"].get("traits"))
    return {**in_context, **message.get("traits", {})}


def _read_event(kind: str, message: Message, time: object) -> dict[str, Any]:
    """Make the event of a message: pages and screens have their kind as its type."""
    type_: object = kind
    if kind == "track":
        type_ = message.get("event")
    properties = dict(message.get("properties", {}))
    if kind in ("page", "screen"):
        for name in ("name", "category"):
            if is_given(message.get(name)):
                properties[name] = message[name]
    return {
        "type": type_,
        "id": message.get("messageId"),
        "time": time,
        "properties": properties,
        "context": message["context"],
    }


def _translate_group(
    translator: MessageTranslator, visitor: Visitor, message: Message, time: object
) -> CommandGroup:
    """An event with the group's own traits; the group's ID is also a trait of the customer."""
    if not is_given(message.get("groupId")):
        raise Invalid("send the ID of the group", "groupId")
    group = parse_id(message["groupId"], "groupId")
    event = _read_event("group", message, time)
    event["properties"] |= {"groupId": group, "traits": message.get("traits", {})}
    wire = {"properties.traits": "traits", "traits.groupId": "groupId"}
    return translator.build_track(visitor, event, traits={"groupId": group}, wire=wire)


def _translate_alias(
    translator: MessageTranslator, message: Message, time: object
) -> list[CommandGroup]:
    """Join a previous ID with the user's; without a previous ID it is the anonymous one.

    Raises `Invalid` where one of the two is missing.
    """
    previous = "previousId"
    if not is_given(message.get("previousId")) and is_given(message.get("anonymousId")):
        previous = "anonymousId"
    return translator.build_alias(
        FieldValue(previous, message.get(previous)),
        FieldValue("userId", message.get("userId")),
        time,
    )


_OBJECT = optional(OBJECT)
_ANY = core_schema.typed_dict_field(ANY, required=False)
_MESSAGE = object_validator(
    {
        "type": _ANY,
        "messageId": _ANY,
        "originalTimestamp": _ANY,
        "timestamp": _ANY,
        "anonymousId": _ANY,
        "userId": _ANY,
        "previousId": _ANY,
        "groupId": _ANY,
        "event": _ANY,
        "name": _ANY,
        "category": _ANY,
        "context": _OBJECT,
        "properties": _OBJECT,
        "traits": _OBJECT,
    }
)
