"""Rows -> purchases: the orders that the library records.

Source: Hello Retail's order data feed, its older XML and CSV form, and "Identifying Customers"
(seed 003).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pydantic_core import core_schema

from dialects.order_feed.amounts import (
    LINE_AMOUNTS,
    UNKNOWN,
    AmountFormat,
    parse_amount,
)
from hardlink.domain import times, values
from hardlink.domain.errors import Invalid, located_message
from hardlink.domain.graph import Node
from hardlink.domain.json_types import without_blanks
from hardlink.domain.orders import matching
from hardlink.domain.schema import (
    ANY,
    IDENTIFIER,
    TEXT,
    object_validator,
    optional,
    validate,
)
from hardlink.domain.sources.registry import Project
from hardlink.services.orders import Purchase

_MOST_AMOUNT = 1e12
_LONGEST_NUMBER = 256
_NO_CUSTOMER = "neither a customerId nor an email: send one of them"


class Command(NamedTuple):
    """An order to record, and warnings about identifiers that are left out."""

    purchase: Purchase
    warnings: list[str]


def build_command(
    row: Mapping[str, Any], project: Project, file_format: AmountFormat = UNKNOWN
) -> Command:
    """Translate a row. `file_format`: of its file's amounts.

    Raises `Invalid` naming the field where the number, the date or the amounts are not valid, or
    where neither a customer ID nor an address is left.
    """
    warnings: list[str] = []
    fields = _read_fields(_read_amounts(row, file_format, warnings))
    time = _read_time(fields.get("date"), project.time_zone)
    ids = _read_identifiers(fields, project, warnings)
    email = _read_email(fields, warnings)
    claim = matching.parse_claim(
        fields.get("orderNumber"), time, fields.get("total"), email
    )
    if not ids:
        raise Invalid("; ".join(warnings) or _NO_CUSTOMER, "customerId")
    details = _read_details(fields, warnings)
    properties = _read_properties(fields, {"orderNumber": claim.number, **details})
    return Command(Purchase(claim, ids, properties, details), warnings)


def read_order_number(row: Mapping[str, Any]) -> str | None:
    """Read the number in a row that may not be valid, for its result."""
    number = row.get("orderNumber")
    if isinstance(number, str | int):
        return str(number)[:_LONGEST_NUMBER]
    return None


def _read_properties(
    fields: Mapping[str, Any], checked: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the properties of the purchase: what was `checked`, the amount and the lines.

    Raises `Invalid` for what is too large or too deep to be kept.
    """
    properties = dict(checked)
    for name in ("total", "products"):
        if name in fields:
            properties[name] = fields[name]
    for name, value in properties.items():
        values.check_value(name, value, "order", values.MOST_BYTES)
    return properties


def _read_identifiers(
    fields: Mapping[str, Any], project: Project, warnings: list[str]
) -> tuple[Node, ...]:
    """Read the identifiers in a row: of the project's first hard type, and of its addresses.

    A placeholder (a guest's `0`) is left out with a warning.
    """
    types = {"customerId": project.first_hard_type, "email": project.email_type}
    ids: list[Node] = []
    for name, type_ in types.items():
        if type_ is None or name not in fields:
            continue
        try:
            ids.append(project.parse_node(type_, fields[name], name))
        except Invalid as error:
            warnings.append(f"{name}: {error.message}")
    return tuple(ids)


def _read_details(fields: Mapping[str, Any], warnings: list[str]) -> dict[str, str]:
    """Read currency and status of the order, in the form in which they are kept.

    One that cannot be kept is left out with a warning: it costs neither the other nor the order.
    """
    details: dict[str, str] = {}
    for name in ("currency", "status"):
        if name not in fields:
            continue
        try:
            details[name] = matching.parse_detail(fields[name], name)
        except Invalid as error:
            warnings.append(located_message(error))
    return details


def _read_email(fields: Mapping[str, Any], warnings: list[str]) -> str | None:
    """Read the address as evidence of who ordered, which needs no identifier type.

    An invalid one costs a warning, once: as an identifier it may have had the same.
    """
    if "email" not in fields:
        return None
    try:
        return matching.parse_email(fields["email"], "email")
    except Invalid as error:
        warning = located_message(error)
        if warning not in warnings:
            warnings.append(warning)
        return None


def _read_time(date: object, zone: str) -> int:
    """Read the time of the order, in microseconds. Raises `Invalid`.

    `date`: a text, or seconds since 1970. A text without an offset is in the time zone `zone`.
    """
    if date is None:
        raise Invalid("send the date of the order: YYYY-MM-DD HH:MM:SS", "date")
    if isinstance(date, str):
        date = _parse_date(date, zone).isoformat()
    return times.parse_time(date, "date")


def _parse_date(text: str, zone: str) -> datetime:
    """Parse a date as shops write them, with its own offset or in this time zone."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid("not a valid date: write YYYY-MM-DD HH:MM:SS", "date") from error
    return moment.replace(tzinfo=moment.tzinfo or _time_zone(zone))


@cache
def _time_zone(name: str) -> ZoneInfo:
    """Load a time zone, once: each is a file."""
    return ZoneInfo(name)


def _read_fields(row: Mapping[str, Any]) -> dict[str, Any]:
    """Read the known fields of a row, without blank ones. Raises `Invalid`."""
    return without_blanks(validate(_ROW, row))


def _read_amounts(
    row: Mapping[str, Any], file_format: AmountFormat, warnings: list[str]
) -> dict[str, Any]:
    """Read the amounts of a row that are text, also those of its lines. Raises `Invalid`.

    `row`: not validated yet, so its lines may be of any shape.
    """
    read = _read_named(row, ("total",), "", file_format, warnings)
    products = row.get("products")
    if not isinstance(products, list):
        return read
    lines: list[object] = []
    for number, line in enumerate(products):
        if isinstance(line, Mapping):
            place = f"products.{number}."
            lines.append(_read_named(line, LINE_AMOUNTS, place, file_format, warnings))
        else:
            lines.append(line)  # the schema says what is wrong with it
    return {**read, "products": lines}


def _read_named(
    values_: Mapping[str, Any],
    names: Sequence[str],
    place: str,
    file_format: AmountFormat,
    warnings: list[str],
) -> dict[str, Any]:
    """Read the amounts with these names that are text; all other fields stay as they are.

    `place`: stands before the names in messages (`products.0.`). A doubt about the decimal sign is
    added to `warnings`. Raises `Invalid`.
    """
    read = dict(values_)
    for name in names:
        text = read.get(name)
        if isinstance(text, str) and text.strip():
            read[name], doubt = parse_amount(text, file_format, place + name)
            if doubt:
                warnings.append(doubt)
    return read


_NUMBER = core_schema.float_schema(
    allow_inf_nan=False, ge=-_MOST_AMOUNT, le=_MOST_AMOUNT
)
_DATE = core_schema.union_schema(
    [TEXT, core_schema.float_schema(strict=True, allow_inf_nan=False)],
    custom_error_type="date",
    custom_error_message="write YYYY-MM-DD HH:MM:SS",
)
_PRODUCT = core_schema.typed_dict_schema(
    {
        "productNumber": optional(IDENTIFIER),
        "url": optional(TEXT),
        "quantity": optional(_NUMBER),
        "lineTotal": optional(_NUMBER),
    }
)
_ROW = object_validator(
    {
        "orderNumber": optional(IDENTIFIER),
        "date": optional(_DATE),
        "total": optional(_NUMBER),
        # Checked by `_read_details`: an odd one does not cost the order.
        "currency": optional(ANY),
        "status": optional(ANY),
        "email": optional(TEXT),
        "customerId": optional(IDENTIFIER),
        "products": optional(core_schema.list_schema(_PRODUCT)),
    }
)
