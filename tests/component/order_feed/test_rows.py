"""What a row of an order feed means, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from dialects.order_feed import commands
from dialects.order_feed.amounts import AmountFormat
from hardlink.domain import times
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import Node
from hardlink.domain.orders import matching
from hardlink.domain.sources.registry import IdentifierType, Project

TYPES = {
    "registered": IdentifierType("hard"),
    "email": IdentifierType("soft", email=True),
}
PROJECT = Project(TYPES)
ROW = {"orderNumber": 7, "date": "2026-11-22 10:00:00", "total": 2.5, "customerId": 9}


def build(**more: Any) -> Any:
    return commands.build_command({**ROW, **more}, PROJECT)


def test_an_order_is_as_a_tracked_one() -> None:
    line = {
        "productNumber": 1,
        "url": "https://x.org",
        "quantity": "2",
        "lineTotal": "1,25",
    }
    purchase, warnings = build(email="G@x.org", products=[line])
    assert purchase.ids == (Node("registered", "9"), Node("email", "g@x.org"))
    assert purchase.claim == matching.parse_claim(
        "7", purchase.claim.time, 2.5, "g@x.org"
    )
    products = [{**line, "quantity": 2, "lineTotal": 1.25}]
    assert purchase.properties == {
        "orderNumber": "7",
        "total": 2.5,
        "products": products,
    }
    assert warnings == []


@pytest.mark.parametrize(
    ("date", "zone", "expected"),
    [
        ("2026-11-22 10:00:00", "UTC", "2026-11-22T10:00:00Z"),
        ("2026-11-22 10:00:00", "Europe/Copenhagen", "2026-11-22T09:00:00Z"),
        ("2026-07-22 10:00:00", "Europe/Copenhagen", "2026-07-22T08:00:00Z"),
        ("2026-11-22T10:00:00-05:00", "Europe/Copenhagen", "2026-11-22T15:00:00Z"),
        ("2026-11-22", "UTC", "2026-11-22T00:00:00Z"),
        (1795341600, "Europe/Copenhagen", "2026-11-22T10:00:00Z"),
    ],
)
def test_dates_are_of_the_projects_time_zone(
    date: object, zone: str, expected: str
) -> None:
    purchase, _ = commands.build_command(
        {**ROW, "date": date}, Project(TYPES, time_zone=zone)
    )
    assert purchase.claim.time == times.parse_time(expected, "")


def test_a_guest_is_known_by_the_address() -> None:
    purchase, warnings = build(customerId="0", email="g@x.org")
    assert purchase.ids == (Node("email", "g@x.org"),)
    assert "a placeholder, not an ID" in warnings[0]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"orderNumber": None}, "orderNumber"),
        ({"orderNumber": "undefined"}, "orderNumber"),
        ({"orderNumber": {}}, "orderNumber"),
        ({"date": None}, "date"),
        ({"date": "22.11.2026"}, "date"),
        ({"date": True}, "date"),
        ({"date": "1969-01-01 00:00:00"}, "date"),
        ({"date": float("nan")}, "date"),
        ({"total": "much"}, "total"),
        ({"total": float("inf")}, "total"),
        ({"total": 10**300}, "total"),
        ({"total": "1.2.3,4"}, "total"),
        ({"email": 5}, "email"),
        ({"products": "x"}, "products"),
        ({"products": [5]}, "products.0"),
        ({"products": [{"quantity": "x"}]}, "products.0.quantity"),
        ({"products": [{"url": "x" * 410_000}]}, "order.products"),
        ({"customerId": None}, "customerId"),
        ({"customerId": "guest"}, "customerId"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        build(**more)
    assert raised.value.field == field


def test_an_invalid_address_is_left_out_with_one_warning() -> None:
    purchase, (warning,) = build(email="e" * 600_000)
    assert (purchase.ids, purchase.claim.email) == ((Node("registered", "9"),), None)
    assert warning.startswith("email: ")


def test_so_it_is_in_a_project_without_a_type_for_addresses() -> None:
    purchase, (warning,) = commands.build_command(
        {**ROW, "email": "e" * 257}, Project({"registered": TYPES["registered"]})
    )
    assert purchase.claim.email is None
    assert warning.startswith("email: ")


def test_o5_currency_and_status_are_kept_with_the_order() -> None:
    purchase, warnings = build(currency="EUR ", status="shipped")
    assert purchase.details == {"currency": "EUR", "status": "shipped"}
    assert purchase.properties["currency"] == "EUR"
    assert warnings == []


def test_o5_an_odd_one_is_left_out_with_a_warning() -> None:
    purchase, warnings = build(currency=978, status="x" * 65)
    assert purchase.details == {}
    assert [warning.partition(":")[0] for warning in warnings] == ["currency", "status"]


def test_o2_a_row_is_read_with_its_files_decimal_sign() -> None:
    line = {"productNumber": "1", "quantity": "1.000", "lineTotal": "12,50 €"}
    row = {**ROW, "total": "1.250", "products": [line]}
    purchase, warnings = commands.build_command(row, PROJECT, AmountFormat(","))
    assert purchase.claim.total == 125_000
    assert purchase.properties["total"] == 1250
    assert purchase.properties["products"] == [
        {"productNumber": "1", "quantity": 1000, "lineTotal": 12.5}
    ]
    assert warnings == []


def test_o2_what_a_file_does_not_tell_is_warned_of_with_how_it_was_read() -> None:
    purchase, warnings = build(total="1.250", products=[{"lineTotal": "2,500"}])
    assert purchase.properties["total"] == 1250
    assert [warning.partition(":")[0] for warning in warnings] == [
        "total",
        "products.0.lineTotal",
    ]
    assert "'1.250' was read as 1250" in warnings[0]
