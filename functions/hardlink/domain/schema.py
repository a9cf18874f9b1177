"""Schemas of request bodies, and the one translation of their errors into plain words.

Built on pydantic's core without its models: importing the models costs a quarter of a cold start.

- Fields of an object: `required(of)`, `optional(of)` (missing and null stay as they are),
  `defaulted(of, factory)` (missing and null become the default), `option(default=...)` (a boolean).
- Values: `ANY`, `TEXT`, `OBJECT` and `IDENTIFIER` (a string or an integer).
- `object_validator(fields)` builds the validator, `validate(validator, body)` applies it and raises
  `Invalid`. `describe_errors` lists the errors of files that pydantic's models validate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails, SchemaValidator, ValidationError
from pydantic_core import core_schema as core
from pydantic_core.core_schema import CoreSchema, TypedDictField

from hardlink.domain.errors import Invalid

ANY = core.any_schema()
TEXT = core.str_schema(strict=True)
OBJECT = core.dict_schema(TEXT, ANY)
IDENTIFIER = core.union_schema(
    [TEXT, core.int_schema(strict=True)],
    custom_error_type="identifier",
    custom_error_message="must be a string or an integer",
)

_MESSAGES = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "extra_forbidden": "is not a known setting: check the spelling",
    "finite_number": "must be a finite number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be an integer",
    "int_parsing": "must be an integer",
    "int_parsing_size": "must be an integer of fewer digits",
    "int_type": "must be an integer",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": "must be an array",
    "literal_error": "must be {expected}",
    "mapping_type": "must be an object",
    "missing": "is missing",
    "model_type": "must be an object",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "string_type": "must be a string",
    "string_unicode": "must be valid Unicode",
    "too_long": "must have at most {max_length} items",
    "too_short": "must have at least {min_length} items",
    "tuple_type": "must be an array",
}
"""Type of a pydantic error -> message; the placeholders are the error's context."""


def required(of: CoreSchema) -> TypedDictField:
    """Build a field that must be there."""
    return core.typed_dict_field(of)


def optional(of: CoreSchema) -> TypedDictField:
    """Build a field that may be missing or null."""
    return core.typed_dict_field(core.nullable_schema(of), required=False)


def defaulted(
    of: CoreSchema, factory: Callable[[], Any], *, alias: str | None = None
) -> TypedDictField:
    """Build a field that becomes `factory()` where it is missing or null.

    `alias`: its name in the body, if the body calls it otherwise.
    """

    def replace_null(value: object) -> object:
        return factory() if value is None else value

    nullable = core.no_info_after_validator_function(
        replace_null, core.nullable_schema(of)
    )
    filled = core.with_default_schema(nullable, default_factory=factory)
    return core.typed_dict_field(filled, required=False, validation_alias=alias)


def option(*, default: bool, alias: str | None = None) -> TypedDictField:
    """Build a boolean field with a default."""

    def use_default() -> bool:
        return default

    return defaulted(core.bool_schema(), use_default, alias=alias)


def object_validator(fields: Mapping[str, TypedDictField]) -> SchemaValidator:
    """Build the validator of an object. It drops unknown keys, because real clients send some."""
    return SchemaValidator(core.typed_dict_schema(dict(fields)))


def validate(
    validator: SchemaValidator, body: object, prefix: str = ""
) -> dict[str, Any]:
    """Validate a parsed JSON body and return its known fields.

    Raises `Invalid` naming the first field at fault, `prefix` before its path.
    """
    try:
        fields: dict[str, Any] = validator.validate_python(body)
    except ValidationError as error:
        # The value is left out, because it may be personal data and errors are logged.
        first = error.errors(include_url=False, include_input=False)[0]
        path = prefix + ".".join(map(str, first["loc"]))
        raise Invalid(_describe(first), path.removesuffix(".") or None) from error
    return fields


def describe_errors(error: ValidationError) -> list[str]:
    """Describe all errors of a file, each as `field: message`.

    `file` stands for the field of an error that is about the whole.
    """
    described: list[str] = []
    for one in error.errors(include_url=False, include_input=False):
        path = ".".join(map(str, one["loc"])) or "file"
        described.append(f"{path}: {_describe(one)}")
    return described


def _describe(error: ErrorDetails) -> str:
    """Say in plain words what an error of pydantic means.

    An error without a template is one that a schema of ours raised, in our own words.
    """
    template = _MESSAGES.get(error["type"])
    if template is not None:
        return template.format(**error.get("ctx", {}))
    message = error["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
