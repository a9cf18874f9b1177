"""Which event is which order, in each system's words: a table, a row a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.orders import matching, purchase_events
from hardlink.domain.orders.matching import OrderClaim
from hardlink.domain.orders.purchase_events import EventOrder, UnusableOrder


@pytest.mark.parametrize(
    ("type_", "properties", "order"),
    [
        pytest.param(
            "conversion",
            {"orderNumber": 7, "total": 19.99, "currency": " EUR ", "status": "paid"},
            {"number": "7", "total": 19.99, "currency": "EUR", "status": "paid"},
            id="hello retail",
        ),
        pytest.param(
            "purchase",
            {
                "purchase_id": "7",
                "total_price": 19.99,
                "purchase_status": "success",
                "voucher_code": "x",
            },
            {"number": "7", "total": 19.99, "status": "success"},
            id="exponea",
        ),
        pytest.param(
            "transaction",
            {"transaction_id": "7", "revenue": "19.99", "currency_code": "EUR"},
            {"number": "7", "total": 19.99, "currency": "EUR"},
            id="exponea's enhanced ecommerce, with numbers as text",
        ),
        pytest.param(
            "Order Completed",
            {"order_id": "7", "total": 19.99, "revenue": 15, "currency": "EUR"},
            {"number": "7", "total": 19.99, "currency": "EUR"},
            id="segment",
        ),
        pytest.param(
            "Completed Order",
            {"orderId": "7", "total": 19.99},
            {"number": "7", "total": 19.99},
            id="segment, version 1",
        ),
        pytest.param(
            "purchase",
            {"metadata": {"orderId": "7", "price": 1999, "currency": "EUR"}},
            {"number": "7", "currency": "EUR"},
            id="attraqt, whose price is that of one line",
        ),
        pytest.param(
            "order-completed",
            {
                "id": "7",
                "status": "completed",
                "income": {"value": 2, "currency": "EUR"},
            },
            {"number": "7", "total": 2.0, "currency": "EUR", "status": "completed"},
            id="tracardi",
        ),
    ],
)
def test_o1_each_systems_purchase_event_names_its_order(
    type_: str, properties: dict[str, Any], order: dict[str, Any]
) -> None:
    found = purchase_events.read_event_order(type_, properties, None, "events[0]")
    assert isinstance(found, EventOrder)
    assert (found.as_json(), found.faults) == (order, ())


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        pytest.param("view", {"orderNumber": "7"}, id="no purchase"),
        pytest.param("purchase", {"item": "7", "price": 7.99}, id="without a number"),
        pytest.param("conversion", {"orderNumber": ""}, id="with a blank one"),
        pytest.param("purchase", {"metadata": "7"}, id="with something else there"),
        pytest.param(
            "purchase",
            {"purchase_id": "7", "purchase_status": " Refund "},
            id="a refund is an event of its own",
        ),
        pytest.param(
            "purchase",
            {"metadata": {"orderId": "7"}, "opposite": True},
            id="and so is the opposite of a purchase",
        ),
        pytest.param("purchase_item", {"purchase_id": "7"}, id="a line beside it"),
    ],
)
def test_o1_what_is_no_order(type_: str, properties: dict[str, Any]) -> None:
    found = purchase_events.read_event_order(type_, properties, None, "events[0]")
    assert found is None


def test_o1_the_events_own_order_comes_first() -> None:
    found = purchase_events.read_event_order(
        "conversion", {"orderNumber": "8"}, {"number": "7", "email": "G@x.org"}, "e"
    )
    claim = matching.parse_claim("7", 0, None, "g@x.org")
    assert found == EventOrder(claim)


@pytest.mark.parametrize(
    ("properties", "given", "fault"),
    [
        pytest.param(
            {"orderNumber": "undefined"},
            None,
            "events[0].properties.orderNumber: a placeholder",
            id="a placeholder",
        ),
        pytest.param({}, {"number": 1.5}, "events[0].order.number: must", id="no ID"),
        pytest.param({}, {"total": 5}, "events[0].order.number: must", id="none"),
        pytest.param({}, "7", "events[0].order: must be an object", id="no object"),
    ],
)
def test_o1_an_odd_number_costs_the_order_and_not_the_event(
    properties: dict[str, Any], given: object, fault: str
) -> None:
    found = purchase_events.read_event_order(
        "conversion", properties, given, "events[0]"
    )
    assert isinstance(found, UnusableOrder)
    assert found.faults[0].startswith(fault)


def test_o1_any_other_odd_part_costs_itself_alone() -> None:
    given = {
        "number": "7",
        "total": "much",
        "email": "a\nb",
        "currency": 7,
        "status": "x" * 65,
    }
    found = purchase_events.read_event_order("any", {}, given, "events[2]")
    assert isinstance(found, EventOrder)
    assert (found.claim, found.details) == (OrderClaim("7", 0), {})
    assert [fault.partition(":")[0] for fault in found.faults] == [
        f"events[2].order.{name}" for name in ("total", "email", "currency", "status")
    ]
    odd = purchase_events.read_event_order("any", {}, {**given, "total": True}, "e")
    assert odd is not None
    assert odd.faults[0].startswith("e.order.total: must be a number")


def test_o1_a_placeholder_for_an_address_proves_nothing_and_is_no_fault() -> None:
    given = {"number": "7", "email": "undefined"}
    found = purchase_events.read_event_order("any", {}, given, "e")
    assert found == EventOrder(OrderClaim("7", 0))


def test_o1_the_lines_of_an_order_are_told_apart_by_what_they_are_of() -> None:
    lines = []
    targets = [{"product": "a"}, {"product": "b"}, {"product": "a"}, "a"]
    for target in targets:
        properties = {"metadata": {"orderId": "7"}, "target": target}
        found = purchase_events.read_event_order("purchase", properties, None, "e")
        assert isinstance(found, EventOrder)
        lines.append(matching.order_event_id(found.claim))
    assert lines[0] == lines[2]
    assert len(set(lines)) == 3
    assert matching.order_event_id(OrderClaim("7", 0)) == "order=7"
