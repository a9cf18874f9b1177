"""An order feed's rows as the library's orders. What an order means is the library's.

Source: Hello Retail's order data feed, its older XML and CSV form, and "Identifying Customers" (seed 003).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from hardlink.domain import order_matching, times, values
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import Node
from hardlink.domain.sources import Project
from hardlink.services.orders import Purchase

_COMMA = re.compile(r"-?\d+,\d{1,2}")


def purchase(row: Mapping[str, Any], project: Project) -> tuple[Purchase, list[str]]:
    """An order, and what is wrong about whose it is though somebody is named. Raises `Invalid` naming the field."""
    found = _validated(row)
    time = _time(found.get("date"), project.time_zone)
    ids, warnings = _whose(found, project)
    email = _email(found, warnings)
    said = order_matching.parse_claim(found.get("orderNumber"), time, found.get("total"), email)
    if not ids:
        why = (
            "; ".join(warnings)
            or "neither a customerId nor an email: nobody can be told to have ordered"
        )
        raise Invalid(why, "customerId")
    kept = ("total", "products")
    properties: dict[str, Any] = {name: found[name] for name in found if name in kept}
    properties["orderNumber"] = said.number
    values.check_values(properties, "order")
    return Purchase(said, ids, properties), warnings


def number(row: Mapping[str, Any]) -> str | None:
    """An order's number as the row says it, to find it by."""
    found = row.get("orderNumber")
    return str(found)[:256] if isinstance(found, str | int) else None


def _whose(found: Mapping[str, Any], project: Project) -> tuple[tuple[Node, ...], list[str]]:
    """Whom an order's row names; one that names nobody (a guest's `0`) is left out, and told."""
    types = {"customerId": project.first_hard, "email": project.email}
    ids, warnings = [], []
    for name, type_ in types.items():
        if type_ is None or name not in found:
            continue
        try:
            ids.append(project.identifier(type_, found[name], name))
        except Invalid as error:
            warnings.append(f"{name}: {error.message}")
    return tuple(ids), warnings


def _email(found: Mapping[str, Any], warnings: list[str]) -> str | None:
    """The address as it proves who ordered; one that can't be an address is left out, and told once."""
    try:
        return order_matching.parse_email(found["email"], "email") if "email" in found else None
    except Invalid as error:
        told = f"email: {error.message}"
        warnings += [] if told in warnings else [told]
        return None


def _time(date: object, zone: str) -> int:
    """When it was ordered, in microseconds: `2026-11-22 10:00:00` in the project's time zone, or as it says itself."""
    if isinstance(date, str):
        try:
            moment = datetime.fromisoformat(date.strip())
        except ValueError as error:
            raise Invalid("no date: write YYYY-MM-DD HH:MM:SS", "date") from error
        date = moment.replace(tzinfo=moment.tzinfo or _zone(zone)).isoformat()
    if date is None:
        raise Invalid("say when it was ordered: YYYY-MM-DD HH:MM:SS", "date")
    return times.parse_time(date, "date")


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _validated(row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = _ROW.validate_python(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise Invalid(message, ".".join(map(str, first["loc"]))) from error
    return {name: value for name, value in found.items() if value not in (None, "")}


def _decimal(value: object) -> object:
    """A text with a decimal comma, as spreadsheets of half of Europe write it."""
    if isinstance(value, str) and _COMMA.fullmatch(value.strip()):
        return value.strip().replace(",", ".")
    return value


_NUMBER = schema.no_info_before_validator_function(
    _decimal, schema.float_schema(allow_inf_nan=False, ge=-1e12, le=1e12)
)
_TEXT = schema.str_schema(strict=True)
_ID = schema.union_schema(
    [_TEXT, schema.int_schema(strict=True)],
    custom_error_type="id",
    custom_error_message="Input should be a text or a whole number",
)


def _optional(fields: Mapping[str, schema.CoreSchema]) -> schema.CoreSchema:
    return schema.typed_dict_schema(
        {
            name: schema.typed_dict_field(schema.nullable_schema(of), required=False)
            for name, of in fields.items()
        }
    )


_PRODUCT = _optional(
    {"productNumber": _ID, "url": _TEXT, "quantity": _NUMBER, "lineTotal": _NUMBER}
)
_ROW = SchemaValidator(
    _optional(
        {
            "orderNumber": _ID,
            "date": schema.union_schema(
                [_TEXT, schema.float_schema(strict=True, allow_inf_nan=False)],
                custom_error_type="date",
                custom_error_message="Write YYYY-MM-DD HH:MM:SS",
            ),
            "total": _NUMBER,
            "email": _TEXT,
            "customerId": _ID,
            "products": schema.list_schema(_PRODUCT),
        }
    )
)
