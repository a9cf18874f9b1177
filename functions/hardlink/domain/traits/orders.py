"""Aggregates over a customer's orders and visits: each counts once, whatever tells of it. Pure."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from hardlink.domain.orders.purchase_events import is_reversal
from hardlink.domain.times import to_iso
from hardlink.domain.traits.aggregates import Aggregate
from hardlink.domain.traits.selection import (
    Position,
    SessionEvent,
    format_number,
    parse_number,
)


class OrderFacts(NamedTuple):
    """What one event says of an order. Of several events the greatest is kept.

    `has_total` comes first: Attraqt's lines of an order have no total, the order feed has.
    `currency`: empty where none was sent. `is_reversed`: its status takes the order back.
    """

    has_total: bool
    position: Position
    total: Fraction
    currency: str
    is_reversed: bool


Orders = Mapping[str, OrderFacts]
"""What is known of each order, by its number."""
Amounts = dict[str, int | float | None]
"""Amounts by currency; empty text: the currency is not known."""


def _order_of(found: SessionEvent, _: object) -> Orders | None:
    """Read the order that an event is; `None` where it is none.

    An event is one order at most. Its number is what it is stored under, and so what the orders
    of several systems are compared by.
    """
    order = found.order
    if not order:
        return None
    total = parse_number(order.get("total"))
    currency = order.get("currency")
    facts = OrderFacts(
        total is not None,
        found.position,
        total or Fraction(0),
        # Systems write the code of a currency in any case.
        currency.upper() if isinstance(currency, str) else "",
        is_reversal(order, {}),
    )
    return {str(order.get("number")): facts}


def _combine_orders(one: Orders, other: Orders) -> Orders:
    """Keep of each order the event that says most of it.

    Attraqt sends an event for each line of an order, and two systems may report the same one.
    """
    joined = dict(one)
    for number, facts in other.items():
        # The choice must not depend on which of both came first.
        joined[number] = max(facts, joined.get(number, facts))
    return joined


def _list_standing(state: Orders) -> list[tuple[Position, str, OrderFacts]]:
    """List the orders that were not taken back, the first one first."""
    standing = [
        (one.position, number, one)
        for number, one in state.items()
        if not one.is_reversed
    ]
    return sorted(standing)


def _group_totals(state: Orders) -> Mapping[str, list[Fraction]]:
    """Group the totals of orders by currency, without orders that have none."""
    totals: dict[str, list[Fraction]] = {}
    for _, _, facts in _list_standing(state):
        if facts.has_total:
            totals.setdefault(facts.currency, []).append(facts.total)
    return totals


def _format_count(state: Orders) -> int:
    """Count orders."""
    return len(_list_standing(state))


def _format_revenue(state: Orders) -> Amounts:
    """Add the totals of each currency.

    They are not converted: no rate would be that of the day of the order for all of them.
    """
    revenue: Amounts = {}
    for currency, totals in _group_totals(state).items():
        revenue[currency] = format_number(sum(totals, Fraction(0)))
    return revenue


def _format_average(state: Orders) -> Amounts:
    """Average the totals of each currency."""
    averages: Amounts = {}
    for currency, totals in _group_totals(state).items():
        averages[currency] = format_number(sum(totals, Fraction(0)) / len(totals))
    return averages


def _format_first(state: Orders) -> dict[str, Any] | None:
    """Format the first order."""
    standing = _list_standing(state)
    return _describe_order(*standing[0]) if standing else None


def _format_last(state: Orders) -> dict[str, Any] | None:
    """Format the last order."""
    standing = _list_standing(state)
    return _describe_order(*standing[-1]) if standing else None


def _describe_order(
    position: Position, number: str, facts: OrderFacts
) -> dict[str, Any]:
    """Format one order."""
    return {
        "number": number,
        "time": to_iso(position[0]),
        "total": format_number(facts.total) if facts.has_total else None,
        "currency": facts.currency or None,
    }


def _visit_of(found: SessionEvent, _: object) -> frozenset[str] | None:
    """Return the session of an event that a device sent."""
    return frozenset((found.session,)) if found.is_of_visit else None


ORDER_COUNT = Aggregate(_order_of, _combine_orders, _format_count, empty=0)
"""Number of orders, without those that were taken back."""
REVENUE = Aggregate(_order_of, _combine_orders, _format_revenue, empty={})
"""Sum of the orders' totals by currency, such as `{"EUR": 59.9}`; empty without any."""
AVERAGE_ORDER = Aggregate(_order_of, _combine_orders, _format_average, empty={})
"""Average of the orders' totals by currency; empty without any."""
FIRST_ORDER = Aggregate(_order_of, _combine_orders, _format_first)
"""The first order: `number`, `time`, `total`, `currency`; null without any."""
LAST_ORDER = Aggregate(_order_of, _combine_orders, _format_last)
"""The last order, in the same form."""
VISIT_COUNT = Aggregate(_visit_of, operator.or_, len, empty=0)
"""Number of visits: sessions of a visitor's device that hold such an event."""
