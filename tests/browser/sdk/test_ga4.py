"""Google Analytics 4's e-commerce objects, and orders, which count once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.sdk.shop import Shop, call, open_page, session
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

ADDED = {"os", "browser", "device", "location"}
"""Properties that the SDK adds to every event."""


@pytest.fixture
def page(shop: Shop, device: BrowserContext) -> Page:
    """A page with the adapter."""
    return open_page(device, shop.page(adapters="ecommerce"))


GA4_ITEM = {
    "item_id": "P1",
    "item_name": "Shirt",
    "item_brand": "B",
    "price": 9.5,
    "quantity": 2,
    "index": 1,
}
OUR_ITEM = {
    "product_id": "P1",
    "name": "Shirt",
    "brand": "B",
    "price": 9.5,
    "quantity": 2,
    "position": 1,
}
GA4_PURCHASE = {
    "transaction_id": "T1",
    "value": 19.0,
    "tax": 1.0,
    "currency": "EUR",
    "items": [GA4_ITEM],
}
OUR_PURCHASE = {
    "tracked_via": "ga4",
    "currency_code": "EUR",
    "transaction_id": "T1",
    "revenue": 19.0,
    "tax": 1.0,
}


@pytest.mark.parametrize(
    ("event", "params", "wanted"),
    [
        (
            "view_item",
            {"items": [GA4_ITEM]},
            [("product_detail", {"tracked_via": "ga4", **OUR_ITEM})],
        ),
        (
            "purchase",
            GA4_PURCHASE,
            [
                ("product_purchase", {**OUR_PURCHASE, **OUR_ITEM}),
                ("transaction", OUR_PURCHASE),
            ],
        ),
        (
            "select_promotion",
            {"promotion_id": "SUMMER", "creative_slot": "top"},
            [
                (
                    "promo_click",
                    {"tracked_via": "ga4", "promo_id": "SUMMER", "position": "top"},
                )
            ],
        ),
        (
            "refund",
            {"transaction_id": "T1"},
            [
                (
                    "refund",
                    {
                        "tracked_via": "ga4",
                        "transaction_id": "T1",
                        "refund_type": "full",
                    },
                )
            ],
        ),
        (
            "add_payment_info",
            {"payment_type": "card", "items": [GA4_ITEM]},
            [("checkout_option", {"tracked_via": "ga4", "option": "card"})],
        ),
    ],
)
@pytest.mark.parametrize("named", ["beside it", "in its entry"])
def test_objects_of_google_analytics_4_send_the_same_events(
    shop: Shop,
    device: BrowserContext,
    page: Page,
    event: str,
    params: dict[str, Any],
    wanted: list[tuple[str, dict[str, Any]]],
    named: str,
) -> None:
    if named == "beside it":
        given = f"{json.dumps(params)}, '{event}'"
    else:
        given = json.dumps({"event": event, "ecommerce": params})
    traffic = shop.record_traffic(device)
    assert "ok" in call(page, f"hardlink.trackEnhancedEcommerce({given})")
    found = [(sent["type"], sent["properties"]) for sent in traffic.events()]
    assert [type_ for type_, _ in found] == [type_ for type_, _ in wanted]
    for (_, properties), (_, expected) in zip(found, wanted, strict=True):
        own = {name: properties[name] for name in properties if name not in ADDED}
        assert own == expected


def test_o1_an_order_that_is_told_again_counts_once(shop: Shop, page: Page) -> None:
    order = f"{{number: '{fresh('o')}', total: 7.99, currency: 'EUR'}}"
    told = f"hardlink.trackOrder({order}, {{voucher: 'A'}})"
    assert call(page, told)["ok"]["status"] == "stored"
    assert call(page, told)["ok"]["status"] == "duplicate"
    assert shop.session_types(session(page)) == ["purchase"]
