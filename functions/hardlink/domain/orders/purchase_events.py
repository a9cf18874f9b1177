"""Purchase events: where each system's event names its order, and what it says of it. Pure.

One rule for all calls: the browser SDK sends the events of several systems to one route, and a type
together with the place of its number is no other system's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hardlink.domain.errors import Invalid, located_message
from hardlink.domain.graph import NOTHING
from hardlink.domain.json_types import is_number
from hardlink.domain.orders.matching import (
    OrderClaim,
    describe_order,
    hash_email,
    parse_detail,
    parse_email,
    parse_order_number,
    parse_total,
)
from hardlink.domain.values import to_json

ORDER_PARTS = ("number", "total", "email", "currency", "status", "line")
"""What an event may say of its order. Only purchase events of one line say `line`."""


class EventOrder(NamedTuple):
    """The order that an event stands for. `details`: `currency` and `status`, where they are sent.

    `faults`: messages about parts that are no such thing and were left out, each with its field.
    """

    claim: OrderClaim
    details: Mapping[str, str] = NOTHING
    faults: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Format the order as events answer it: `number`, `total?`, `currency?`, `status?`."""
        return describe_order(self.claim, self.details)


class UnusableOrder(NamedTuple):
    """The details of an order in an event without its number: the event counts as no order."""

    faults: tuple[str, ...]


class PurchaseEvent(NamedTuple):
    """Paths of an order's values in the event of another system: dotted, into its properties.

    `line`: of an event that stands for one line of its order.
    """

    system: str
    type: str
    number: str
    total: str = ""
    email: str = ""
    currency: str = ""
    status: str = ""
    line: str = ""

    @property
    def paths(self) -> Sequence[tuple[str, str]]:
        """Each part of an order that the system knows, and its path.

        The fields after `system` and `type` are named as the parts are, and stand in their order.
        """
        named = zip(ORDER_PARTS, self[2:], strict=True)
        return [(part, path) for part, path in named if path]

    def read_parts(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Read the parts that an event has, as they were sent.

        `properties`: of the event. A part that is null is none.
        """
        parts: dict[str, Any] = {}
        for part, path in self.paths:
            value = _find_value(properties, path)
            if value is not None:
                parts[part] = value
        return parts


PURCHASE_EVENTS = (
    PurchaseEvent(
        *("hello_retail", "conversion"),
        number="orderNumber",
        total="total",
        email="email",
        currency="currency",
        status="status",
    ),
    PurchaseEvent(
        *("exponea", "purchase"),
        number="purchase_id",
        total="total_price",
        email="email",
        currency="currency",
        status="purchase_status",
    ),
    PurchaseEvent(
        *("exponea", "transaction"),
        number="transaction_id",
        total="revenue",
        currency="currency_code",
    ),
    PurchaseEvent(
        *("segment", "Order Completed"),
        number="order_id",
        total="total",
        email="email",
        currency="currency",
        status="status",
    ),
    PurchaseEvent(
        *("segment", "Completed Order"),
        number="orderId",
        total="total",
        currency="currency",
    ),
    PurchaseEvent(
        *("attraqt_xo", "purchase"),
        number="metadata.orderId",
        currency="metadata.currency",
        line="target",
    ),
    PurchaseEvent(
        *("tracardi", "order-completed"),
        number="id",
        total="income.value",
        currency="income.currency",
        status="status",
    ),
)
"""The purchase events by which a visitor's client tells of an order, in each system's spelling.

Sources: Hello Retail's conversion tracking; Exponea's web SDK 3.15.0 (Enhanced Ecommerce) and
Bloomreach's custom events; Segment's ecommerce spec, version 2 and 1; Attraqt's activities, of
which a purchase has one for each line; Tracardi's event types (`order`).
"""
_REVERSALS = frozenset(
    {
        *("cancel", "canceled", "cancelled", "chargeback", "declined", "failed"),
        *("refund", "refunded", "partial refund", "return", "returned", "voided"),
    }
)
"""Statuses of an event that takes an order back or says that there is none."""


def _group_by_type(
    purchases: Sequence[PurchaseEvent],
) -> Mapping[str, Sequence[PurchaseEvent]]:
    """Group purchase events by their type, which several systems may share."""
    grouped: dict[str, list[PurchaseEvent]] = {}
    for purchase in purchases:
        grouped.setdefault(purchase.type, []).append(purchase)
    return grouped


_PURCHASES_OF_TYPE = _group_by_type(PURCHASE_EVENTS)


def read_event_order(
    type_: str, properties: Mapping[str, Any], given: object, field: str
) -> EventOrder | UnusableOrder | None:
    """Read which order an event stands for; `None` if it stands for none.

    `given`: the event's own `order`, which comes first; else the purchase events of
    `PURCHASE_EVENTS` name theirs among the properties. `field`: of the event, for messages. A part
    that is not valid costs neither the event nor, unless it is the number, the order.
    """
    if given is not None:
        return _read_given(given, field)
    for purchase in _PURCHASES_OF_TYPE.get(type_, ()):
        parts = purchase.read_parts(properties)
        # Another system's event of this type has its number elsewhere.
        if parts.get("number") in (None, ""):
            continue
        if is_reversal(parts, properties):
            return None
        paths = {name: f"properties.{path}" for name, path in purchase.paths}
        return _parse_parts(parts, paths, field)
    return None


def is_reversal(parts: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    """Tell whether a purchase event takes an order back, so that it is an event of its own.

    `parts`: as `PurchaseEvent.read_parts` returns them; `properties`: of the event.
    """
    # Attraqt's word for the contrary of an action.
    if properties.get("opposite") is True:
        return True
    status = parts.get("status")
    if not isinstance(status, str):
        return False
    return status.strip().casefold() in _REVERSALS


def _read_given(given: object, field: str) -> EventOrder | UnusableOrder:
    """Read the order that an event names itself. A status of it takes nothing back.

    `field`: of the event, for messages.
    """
    if not isinstance(given, Mapping):
        return UnusableOrder((f"{field}.order: must be an object with a number",))
    paths = {name: f"order.{name}" for name in ORDER_PARTS}
    return _parse_parts(given, paths, field)


def _parse_parts(
    parts: Mapping[str, Any], paths: Mapping[str, str], field: str
) -> EventOrder | UnusableOrder:
    """Parse the parts of an order one by one; one that is not valid costs no other.

    `paths`: of the parts, below `field`, for messages.
    """
    number_field = f"{field}.{paths['number']}"
    try:
        number = parse_order_number(parts.get("number"), number_field)
    except Invalid as error:
        return UnusableOrder((f"{located_message(error)} ({_NO_ORDER})",))
    parsed: dict[str, Any] = {}
    faults: list[str] = []
    for part, parse in _PART_PARSERS.items():
        value = parts.get(part)
        if value is None or value == "":
            continue
        try:
            parsed[part] = parse(value, number, f"{field}.{paths[part]}")
        except Invalid as error:
            faults.append(f"{located_message(error)} (not used to match the order)")
    details: dict[str, str] = {}
    for name in _DETAILS:
        if name in parsed:
            details[name] = parsed.pop(name)
    # The time is the event's, which is known once its clock is corrected.
    return EventOrder(OrderClaim(number, 0, **parsed), details, tuple(faults))


def _find_value(properties: Mapping[str, Any], path: str) -> object:
    """Find the value at a dotted path, `None` if there is none.

    Anything may stand in a client's properties, so that a path may end at no object.
    """
    value: object = properties
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _parse_total_part(value: object, _: str, field: str) -> int:
    """Parse a total to hundredths. Tag managers send numbers as text.

    Raises `Invalid` naming `field`.
    """
    if not is_number(value) and not isinstance(value, str):
        raise Invalid("must be a number", field)
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise Invalid("must be a number", field) from error
    return parse_total(number, field)


def _parse_email_part(value: object, number: str, field: str) -> str | None:
    """Parse an address to a hash; `None` for a placeholder, which proves nothing.

    `number`: of the order, so that the hash says nothing of any other one.
    """
    address = parse_email(value, field)
    if address is None:
        return None
    return hash_email(address, number)


def _parse_detail_part(value: object, _: str, field: str) -> str:
    """Parse a currency or a status. Raises `Invalid` naming `field`."""
    return parse_detail(value, field)


def _parse_line_part(value: object, number: str, _: str) -> str:
    """Hash what a line is about: the target of an activity, texts by name.

    The names may come in any order.
    """
    target = value
    if isinstance(value, Mapping):
        target = sorted(value.items())
    return hashlib.sha256(f"{number}/{to_json(target)}".encode()).hexdigest()[:16]


_DETAILS = ("currency", "status")
_NO_ORDER = "the event is stored, and counts as no order"
_PART_PARSERS: Mapping[str, Callable[[Any, str, str], Any]] = {
    "total": _parse_total_part,
    "email": _parse_email_part,
    "currency": _parse_detail_part,
    "status": _parse_detail_part,
    "line": _parse_line_part,
}
