"""PostHog's events, as its server libraries send them to /batch: what each says, as commands.

Source: what posthog-python 7.91 and posthog-node send. A `distinct_id` is a customer, unless its event says that it is
not (`$process_person_profile`, `$is_identified`, `$device_id`): then it is a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import SchemaValidator
from pydantic_core import core_schema as schema

from dialects.segment.command_group import CommandGroup, Fault
from dialects.segment.message import FieldNames, Item, Visitor, given, validated
from hardlink.domain.errors import Invalid
from hardlink.domain.sources import Project

_IDENTIFIED = ("$process_person_profile", "$is_identified")
_GROUP = {"$group_type": "groupType", "$group_key": "groupId", "$group_set": "traits"}


def said(number: int, body: object, project: Project, faults: list[Fault]) -> list[CommandGroup]:
    """What an event says. Raises `Invalid`, and `Nobody`."""
    event = validated(_EVENT, body)
    properties: dict[str, Any] = event.get("properties", {})
    wire = FieldNames("distinct_id", "distinct_id", "timestamp", values="$set", id="uuid")
    item = Item(number, project, wire, faults)
    name, time = event.get("event"), event.get("timestamp")
    if name == "$create_alias":
        return _alias(item, properties, time)
    set_ = _set(event, properties)
    if name == "$identify":
        return [_identify(item, event, set_)]
    who = _who(item, event)
    if name == "$set":
        return [item.about(who, set_, time, email=set_.get("email"))]
    if name == "$set_once":
        raise Invalid("the latest value counts here, not the first: send $set", "event")
    happened = {"type": name, "id": event.get("uuid"), "time": time}
    if name == "$groupidentify":
        return [_group(item, event, happened)]
    stored = item.event(who, {**happened, "properties": properties})
    return [stored, *([item.about(who, set_, time, email=set_.get("email"))] if set_ else [])]


def _who(item: Item, event: Mapping[str, Any]) -> Visitor:
    """A customer, a session, or a customer on a device."""
    properties = event.get("properties", {})
    id_ = event.get("distinct_id", properties.get("distinct_id"))
    device = properties.get("$device_id")
    unknown = any(properties.get(name) is False for name in _IDENTIFIED)
    if unknown or (given(device) and device == id_):
        return item.visitor(id_, None)
    return item.visitor(device, id_)


def _identify(item: Item, event: Mapping[str, Any], set_: Mapping[str, Any]) -> CommandGroup:
    """The ID that the client made up before is this customer."""
    before = event.get("properties", {}).get("$anon_distinct_id")
    now = event.get("distinct_id")
    who = item.visitor(None if before == now else before, now)
    return item.about(who, set_, event.get("timestamp"), email=set_.get("email"))


def _alias(item: Item, properties: Mapping[str, Any], time: object) -> list[CommandGroup]:
    """As posthog-python names them: `alias` is who it is from now on."""
    before, now = (
        (f"properties.{name}", properties.get(name)) for name in ("distinct_id", "alias")
    )
    return item.renamed(before, now, time)


def _group(item: Item, event: Mapping[str, Any], happened: Mapping[str, Any]) -> CommandGroup:
    """A group's own traits are nobody's: clients make an ID up for them, and the event stays in that session."""
    said_ = event.get("properties", {})
    properties = {_GROUP.get(name, name): value for name, value in said_.items()}
    who = item.visitor(event.get("distinct_id"), None)
    return item.event(who, {**happened, "type": "group", "properties": properties})


def _set(event: Mapping[str, Any], properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a customer: beside the properties, or among them."""
    found = event.get("$set") or properties.get("$set") or {}
    if not isinstance(found, Mapping):
        raise Invalid("values stand in a JSON object, by their names", "$set")
    return found


_ANY = schema.any_schema()
_PROPERTIES = schema.nullable_schema(schema.dict_schema(schema.str_schema(), _ANY))
_EVENT = SchemaValidator(
    schema.typed_dict_schema(
        {
            "properties": schema.typed_dict_field(_PROPERTIES, required=False),
            **{
                name: schema.typed_dict_field(_ANY, required=False)
                for name in ("event", "distinct_id", "timestamp", "uuid", "$set")
            },
        }
    )
)
