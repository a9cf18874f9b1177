"""Segment's and RudderStack's messages: what each says, as commands.

Source: Segment's spec (common fields, identify, track, page, screen, group, alias) and what its clients send.
The anonymous ID is the session; the user ID is the project's first hard identifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import SchemaValidator
from pydantic_core import core_schema as schema

from dialects.segment.command_group import CommandGroup, Fault
from dialects.segment.message import FieldNames, Item, Visitor, given, validated
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.identifiers import parse_id
from hardlink.domain.sources import Project

KINDS = ("track", "identify", "page", "screen", "group", "alias")


def said(
    number: int,
    body: object,
    project: Project,
    faults: list[Fault],
    kind: str | None = None,
    context: Mapping[str, Any] = NOTHING,
) -> list[CommandGroup]:
    """What a message says; `kind`: that of the path, else its own; `context`: of the whole batch.

    Raises `Invalid`, and `Nobody`.
    """
    message = validated(_MESSAGE, body)
    message["context"] = {**context, **message.get("context", {})}
    kind = kind or message.get("type")
    if kind not in KINDS:
        raise Invalid(f"send one of {', '.join(KINDS)}", "type")
    time = "originalTimestamp" if "originalTimestamp" in message else "timestamp"
    item = Item(number, project, FieldNames("anonymousId", "userId", time), faults)
    if kind == "alias":
        return _alias(item, message, message.get(time))
    who = item.visitor(message.get("anonymousId"), message.get("userId"))
    if kind == "identify":
        return [_identify(item, who, message, message.get(time))]
    return [_event(item, who, kind, {**message, "time": message.get(time)})]


def _identify(item: Item, who: Visitor, message: Mapping[str, Any], time: object) -> CommandGroup:
    """RudderStack's clients put the traits into the context."""
    elsewhere = message["context"].get("traits")
    traits = {**(elsewhere if isinstance(elsewhere, Mapping) else {}), **message.get("traits", {})}
    return item.about(who, traits, time, email=traits.get("email"))


def _event(item: Item, who: Visitor, kind: str, message: Mapping[str, Any]) -> CommandGroup:
    event = {
        "type": message.get("event") if kind == "track" else kind,
        "id": message.get("messageId"),
        "time": message.get("time"),
        "properties": message.get("properties", {}),
        "context": message["context"],
    }
    if kind == "group":
        return _group(item, who, event, message)
    if kind != "track":
        named = {name: message[name] for name in ("name", "category") if given(message.get(name))}
        event["properties"] = {**event["properties"], **named}
    return item.event(who, event)


def _group(
    item: Item, who: Visitor, event: Mapping[str, Any], message: Mapping[str, Any]
) -> CommandGroup:
    """The group stands in the event, with its own traits, and its ID with the customer."""
    if not given(message.get("groupId")):
        raise Invalid("send the ID of the group", "groupId")
    group = parse_id(message["groupId"], "groupId")
    own = {"groupId": group, "traits": message.get("traits", {})}
    return item.event(
        who,
        {**event, "properties": {**event["properties"], **own}},
        traits={"groupId": group},
        wire={"properties.traits": "traits", "traits.groupId": "groupId"},
    )


def _alias(item: Item, message: Mapping[str, Any], time: object) -> list[CommandGroup]:
    """The previous ID, which is the anonymous one where none is said, is this user."""
    names = (name for name in ("previousId", "anonymousId") if given(message.get(name)))
    before = next(names, "previousId")
    return item.renamed((before, message.get(before)), ("userId", message.get("userId")), time)


_OBJECT = schema.nullable_schema(schema.dict_schema(schema.str_schema(), schema.any_schema()))
_ANY = schema.any_schema()
_MESSAGE = SchemaValidator(
    schema.typed_dict_schema(
        {
            **{
                name: schema.typed_dict_field(_OBJECT, required=False)
                for name in ("context", "properties", "traits")
            },
            **{
                name: schema.typed_dict_field(_ANY, required=False)
                for name in (
                    *("type", "messageId", "originalTimestamp", "timestamp"),
                    *("anonymousId", "userId", "previousId", "groupId"),
                    *("event", "name", "category"),
                )
            },
        }
    )
)
