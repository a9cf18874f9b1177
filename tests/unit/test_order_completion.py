"""What a later report adds to the event of an order: a row a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.orders.completion import (
    Completion,
    OrderReport,
    complete_order,
)

CROWBAR, SUIT = {"productNumber": "crowbar"}, {"productNumber": "suit"}


def client(order: dict[str, Any], **properties: Any) -> OrderReport:
    """A conversion that a page tracks."""
    return OrderReport("conversion", {"number": "7", **order}, properties)


def shop(order: dict[str, Any], **properties: Any) -> OrderReport:
    """The same of the order feed."""
    return client(order, **properties)._replace(by_shop=True)


@pytest.mark.parametrize(
    ("event", "report", "order", "properties", "kept"),
    [
        pytest.param(
            client({"total": 5}, total=5),
            client({"total": 5}, total=5),
            {},
            {},
            (),
            id="told again as it was, it adds nothing",
        ),
        pytest.param(
            client({"total": 5}),
            shop({"total": 5, "currency": "EUR"}, products=[SUIT]),
            {"currency": "EUR"},
            {"products": [SUIT]},
            (),
            id="what was not said is added",
        ),
        pytest.param(
            shop({}, products=[CROWBAR]),
            shop({}, products=[CROWBAR, SUIT]),
            {},
            {"products": [CROWBAR, SUIT]},
            (),
            id="a part of an order is completed by its whole",
        ),
        pytest.param(
            shop({}, products=[CROWBAR, SUIT]),
            shop({}, products=[CROWBAR]),
            {},
            {},
            ("products",),
            id="and not cut again",
        ),
        pytest.param(
            shop({}, products=[SUIT]),
            shop({}, products=[CROWBAR, CROWBAR]),
            {},
            {},
            ("products",),
            id="other lines are a changed order, which stays as it was",
        ),
        pytest.param(
            shop({}, products=7),
            shop({}, products=[CROWBAR]),
            {},
            {},
            ("products",),
            id="what is no list of lines is no part of one",
        ),
        pytest.param(
            shop({"total": 5}),
            shop({"total": 6}),
            {},
            {},
            ("total",),
            id="and so does its total",
        ),
        pytest.param(
            client({"total": 1}, total=1),
            shop({"total": 6}, total=6),
            {"total": 6},
            {"total": 6},
            (),
            id="the shop corrects what a client said",
        ),
        pytest.param(
            client({"total": 1}),
            client({"total": 6}),
            {},
            {},
            ("total",),
            id="a client does not",
        ),
        pytest.param(
            shop({"status": "placed"}),
            shop({"status": "shipped"}),
            {"status": "shipped"},
            {},
            (),
            id="a status is what changes",
        ),
        pytest.param(
            client({"status": "pending"}),
            client({"status": "success"}),
            {"status": "success"},
            {},
            (),
            id="also by a client",
        ),
        pytest.param(
            shop({"status": "shipped"}),
            client({"status": "placed"}),
            {},
            {},
            ("status",),
            id="but not once the shop reported one",
        ),
        pytest.param(
            client({}, order_id="7")._replace(type="Order Completed"),
            shop({"currency": "EUR"}, orderNumber="7", total=5, products=[SUIT]),
            {"currency": "EUR", "products": [SUIT]},
            {},
            (),
            id="another system's event gets what is the order's, and its lines",
        ),
        pytest.param(
            client({}, products=["1"])._replace(type="Order Completed"),
            shop({}, products=[SUIT]),
            {},
            {},
            (),
            id="unless it has lines in its own words",
        ),
    ],
)
def test_o5_an_order_is_completed(
    event: OrderReport,
    report: OrderReport,
    order: dict[str, Any],
    properties: dict[str, Any],
    kept: tuple[str, ...],
) -> None:
    completed = complete_order(event, Completion(), report)
    assert completed.completion == Completion(order, properties, report.by_shop)
    assert completed.kept == kept
    again = complete_order(event, completed.completion, report)
    assert again.completion == completed.completion


def test_o5_what_one_report_added_the_next_one_finds() -> None:
    event = client({"total": 5}, total=5)
    first = complete_order(event, Completion(), shop({"total": 6, "currency": "EUR"}))
    second = complete_order(event, first.completion, shop({"total": 7, "status": "x"}))
    assert second.completion.order == {"total": 6, "currency": "EUR", "status": "x"}
    assert second.kept == ("total",)
    late = complete_order(event, second.completion, client({"status": "y"}))
    assert late.completion == second.completion


def test_o5_a_completion_lies_over_its_event() -> None:
    body = {"properties": {"a": 1}, "context": {}, "order": {"number": "7"}}
    completion = Completion({"currency": "EUR"}, {"products": [SUIT]})
    assert completion.overlay(body) == {
        "properties": {"a": 1, "products": [SUIT]},
        "context": {},
        "order": {"number": "7", "currency": "EUR"},
    }
