"""JSON Schemas of request bodies, made from the schemas that validate them.

A dialect may set more fields of a command than a native call is meant to send: those are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema as core
from pydantic_core.core_schema import TypedDictField

from hardlink.domain import commands

ID = {"type": ["string", "integer", "null"]}
REFERENCE = {
    "description": "An ID: `{id: ...}`, or the ID alone.",
    "anyOf": [ID, {"type": "object", "properties": {"id": ID}}],
}
_OF_DIALECTS = {
    "linked_session",
    "only_current_customer",
    "server_side",
    "forwarded_profile",
}
_DESCRIPTIONS = {
    "source": "The write key of a source: public, it stands in the page.",
    "session": "The client's own ID, sent with every call. Without one, a new one is answered.",
    "sent": "The device's clock when it sent the call, in milliseconds; times are corrected by it.",
    "token": "A signed token (JWT) that proves who the visitor is, where the source asks for one.",
    "profile": "The profile of an earlier answer; the session's own profile wins.",
    "recipient": "A newsletter's token, whose link was followed, instead of `ids`.",
    "ids": "Identifiers by type, such as `{registered: gordon, email: gordon@x.org}`.",
    "properties": "Names and values: of the payload, of an event, or attributes of the customer.",
    "set_once": "Attributes that are set only if they have no value yet.",
    "segments": "Labels as a list, or label -> true or false; false takes one away.",
    "traits": "What the shop knows of the visitor, name -> value; null removes one.",
    "attributes": "Attributes of the visitor, or of their customer; null removes one.",
    "profile_less": "Events of no visitor: no session and no profile is opened.",
    "consents": "Consents by category. `tracking` is set by `POST /consent` alone.",
    "time": "When it happened: ISO 8601, or UNIX seconds or milliseconds.",
    "context": "What is around it, such as the page and the browser; merged over the payload's.",
    "events": "Up to 500 events. One that is wrong keeps no other from being stored.",
    "options": "Options of the tracker payload (`saveEvent: false` drops an event).",
    "replace_lists": "Segments and traits replace those that this source set so before.",
    "tracking": "`denied` stores nothing from now on.",
    "erase": "With `denied`: erase what is stored of this visitor.",
    "renew": "Keep this session in the cookie from now on.",
    "forget": "Keep none in the cookie from now on.",
    "type": "The name of the event, such as `page-view`.",
    "id": "An ID of the client: with it and `time`, an event is stored exactly once.",
    "tags": "Labels of the event.",
    "order": "The order that it is: `number`, `total?`, `email?`, `currency?`, `status?`.",
}


class _Generator(GenerateJsonSchema):
    """Generates from core schemas; a function that reads a reference stands for `REFERENCE`."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's
        """Leave titles out: each would only repeat the name of its field."""
        return False

    def function_plain_schema(
        self,
        schema: core.PlainValidatorFunctionSchema,  # noqa: ARG002 - all are references
    ) -> JsonSchemaValue:
        """Describe the ID of a source, session or profile, which a function reads."""
        return dict(REFERENCE)


def describe_body(command: type[commands.WriteCommand]) -> dict[str, Any]:
    """Describe the body of a write call. Events are a schema of their own, `Event`."""
    described = _describe_object(commands.BODY_FIELDS[command])
    if "events" in described["properties"]:
        events = described["properties"]["events"]
        events |= {
            "type": "array",
            "maxItems": commands.MOST_EVENTS,
            "items": {"$ref": "#/components/schemas/Event"},
        }
        events.pop("anyOf", None)
    if "source" in described["properties"]:
        described["required"] = sorted({*described.get("required", ()), "source"})
    return described


def describe_event() -> dict[str, Any]:
    """Describe one event of a payload."""
    return _describe_object(commands.EVENT_FIELDS)


def _describe_object(fields: Mapping[str, TypedDictField]) -> dict[str, Any]:
    native = {name: field for name, field in fields.items() if name not in _OF_DIALECTS}
    described = _Generator().generate(core.typed_dict_schema(native), "validation")
    for name, field in described["properties"].items():
        if REFERENCE in field.get("anyOf", ()):
            field.clear()
            field["$ref"] = "#/components/schemas/Reference"
        if {} in field.get("anyOf", ()):
            field.clear()  # whatever may be there may be null
        field["description"] = _DESCRIPTIONS[name]
    described["properties"] |= _labels(described["properties"])
    return described


def _labels(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Describe segments as callers send them; their schema knows what they are read to."""
    if "segments" not in properties:
        return {}
    forms = [
        {"type": "array", "items": {"type": "string"}},
        {"type": "object", "additionalProperties": {"type": "boolean"}},
        {"type": "null"},
    ]
    return {"segments": {"description": _DESCRIPTIONS["segments"], "anyOf": forms}}
