"""Schemas of bodies: defaults, and errors in a shop developer's words."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic_core import core_schema as core

from hardlink.domain import schema
from hardlink.domain.errors import Invalid
from hardlink.domain.schema import ANY, IDENTIFIER, OBJECT, TEXT

BODY = schema.object_validator(
    {
        "name": schema.required(TEXT),
        "id": schema.optional(IDENTIFIER),
        "properties": schema.defaulted(OBJECT, dict),
        "events": schema.defaulted(core.list_schema(ANY), list),
        "price": schema.optional(
            core.float_schema(strict=True, allow_inf_nan=False, ge=0, lt=10)
        ),
        "count": schema.optional(core.int_schema(strict=True, gt=0, le=9)),
        "consent": schema.optional(core.literal_schema(["granted", "denied"])),
        "label": schema.optional(core.str_schema(min_length=2, max_length=3)),
        "pair": schema.optional(core.list_schema(ANY, min_length=1, max_length=2)),
        "code": schema.optional(core.str_schema(pattern="^[a-z]$")),
        "save": schema.option(default=True, alias="saveEvents"),
    }
)


def validate(**fields: Any) -> dict[str, Any]:
    return schema.validate(BODY, {"name": "gordon", **fields})


def test_missing_and_null_fields_become_their_defaults() -> None:
    expected = {"name": "gordon", "properties": {}, "events": [], "save": True}
    assert validate() == expected
    assert validate(properties=None, events=None, saveEvents=None) == expected


def test_optional_fields_keep_null_and_unknown_ones_are_dropped() -> None:
    assert validate(id=None)["id"] is None
    assert "color" not in validate(color="red")


def test_an_alias_is_the_name_in_the_body() -> None:
    assert validate(saveEvents=False)["save"] is False


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", 7, "must be a string"),
        ("name", None, "must be a string"),
        ("id", True, "must be a string or an integer"),
        ("properties", [], "must be an object"),
        ("events", {}, "must be an array"),
        ("price", "1", "must be a number"),
        ("price", math.nan, "must be a finite number"),
        ("price", -1.0, "must be at least 0.0"),
        ("price", 10.0, "must be less than 10.0"),
        ("count", 1.5, "must be an integer"),
        ("count", 0, "must be greater than 0"),
        ("count", 10, "must be at most 9"),
        ("consent", "maybe", "must be 'granted' or 'denied'"),
        ("label", "x", "must have at least 2 characters"),
        ("label", "xxxx", "must have at most 3 characters"),
        ("pair", [], "must have at least 1 items"),
        ("pair", [1, 2, 3], "must have at most 2 items"),
        ("code", "7", "must match the pattern ^[a-z]$"),
        ("saveEvents", "perhaps", "must be true or false"),
        ("saveEvents", [], "must be true or false"),
    ],
)
def test_an_error_says_what_the_field_must_be(
    field: str, value: object, message: str
) -> None:
    with pytest.raises(Invalid) as error:
        validate(**{field: value})
    assert (error.value.field, error.value.message) == (field, message)


def test_a_missing_field_is_named_after_the_prefix() -> None:
    with pytest.raises(Invalid, match="is missing") as error:
        schema.validate(BODY, {}, "events[0].")
    assert error.value.field == "events[0].name"


@pytest.mark.parametrize(("prefix", "field"), [("", None), ("events[0].", "events[0]")])
def test_a_body_that_is_not_an_object_is_at_fault_itself(
    prefix: str, field: str | None
) -> None:
    with pytest.raises(Invalid, match="must be an object") as error:
        schema.validate(BODY, [], prefix)
    assert error.value.field == field


def test_a_field_within_an_object_is_named_by_its_path() -> None:
    nested = schema.object_validator(
        {
            "order": schema.required(
                core.typed_dict_schema({"number": schema.required(TEXT)})
            )
        }
    )
    with pytest.raises(Invalid) as error:
        schema.validate(nested, {"order": {}})
    assert error.value.field == "order.number"
