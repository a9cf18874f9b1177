"""Temporary stand-in."""

from __future__ import annotations

from typing import Any

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from hardlink.domain.errors import HardlinkError, Invalid


def validate(validator: SchemaValidator, body: object) -> dict[str, Any]:
    """Validate a body. Raises `Invalid` naming the field."""
    try:
        found: dict[str, Any] = validator.validate_python(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise Invalid(message, ".".join(map(str, first["loc"])) or None) from error
    return found


def located_message(error: HardlinkError) -> str:
    """`field: message`."""
    return f"{error.field}: {error.message}" if error.field else error.message


def required(of: schema.CoreSchema) -> schema.TypedDictField:
    """A field that must be there."""
    return schema.typed_dict_field(of)


def optional(of: schema.CoreSchema) -> schema.TypedDictField:
    """A field that may be missing or null."""
    return schema.typed_dict_field(schema.nullable_schema(of), required=False)
