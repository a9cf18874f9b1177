"""Hello Retail: the calls of its API usage examples, against the local service (it has no client to install)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.http.service import Client, Reply, eventually, fresh

WEBSITE = "web-key"
LINES = [{"productNumber": "crowbar", "quantity": 1, "lineTotal": 2185.85}]
CONVERSION = {"total": 2185.85, "orderNumber": "100042", "products": LINES}


def collect(shop: Client, kind: str, user: str, **body: Any) -> Reply:
    sent = {"websiteUuid": WEBSITE, "trackingUserId": user, **body}
    return shop.post(f"/serve/collect/{kind}", sent)


def seen(shop: Client, customer: str) -> list[str]:
    return shop.types("registered", customer)


def newest(shop: Client, **query: str) -> Any:
    return shop.get("tracking-user", **query).json.get("session")


def test_a_tracking_user_is_generated_and_bound_to_nobody(shop: Client) -> None:
    """HR-01, HR-02."""
    users = {
        shop.post("/serve/trackingUser", {"websiteUuid": WEBSITE}).json[
            "trackingUserId"
        ]
        for _ in range(2)
    }
    assert len(users) == 2
    assert all(re.fullmatch(r"[0-9a-f]{24}", user) for user in users)
    user = users.pop()
    assert collect(shop, "pageview", user, url="https://shop.example/1").status == 200
    assert shop.get("sessions", user).json["customer"] is None


def test_everything_before_becomes_the_customers_by_set_customer_id(
    shop: Client,
) -> None:
    """HR-03, HR-05, HR-07, HR-11."""
    user, customer = fresh("hr"), fresh("c")
    view = {
        "location": "https://shop.example/1",
        "referrer": "",
        "productNumber": "crowbar",
    }
    collect(shop, "pageview", user, **view)
    collect(shop, "click", user, source="ps-1|x|pos:0|per:true|")
    collect(
        shop,
        "cart",
        user,
        total=123.5,
        url="https://shop.example/c",
        productNumbers=["1"],
    )
    answer = collect(shop, "customer", user, customerId=customer)
    assert answer.json == {"success": True, "trackingUserId": user, "warnings": []}
    shop.settles("registered", customer, "pageview", "click", "cart")
    events = shop.get("customers", "registered", customer, "events").json["events"]
    assert events[-1]["properties"] == {n: v for n, v in view.items() if v}
    assert events[0]["properties"]["productNumbers"] == ["1"]


def test_a_conversion_with_a_customer_id_binds(shop: Client) -> None:
    """HR-04."""
    user, customer, email = fresh("hr"), fresh("c"), f"{fresh()}@x.y"
    collect(shop, "pageview", user, productNumber=7)
    collect(shop, "conversion", user, **CONVERSION, customerId=customer, email=email)
    shop.settles("registered", customer, "pageview", "conversion")
    assert shop.types("email", email) == ["pageview", "conversion"]
    (conversion, _) = shop.get("customers", "registered", customer, "events").json[
        "events"
    ]
    assert conversion["properties"] == CONVERSION


def test_personalisation_sees_all_tracking_users_of_the_customer(shop: Client) -> None:
    """HR-06."""
    customer = fresh("c")
    for user in (fresh("phone"), fresh("laptop")):
        collect(shop, "pageview", user, url="https://shop.example/1")
        collect(shop, "customer", user, customerId=customer)
    shop.settles("registered", customer, "pageview", "pageview")


def test_another_customer_id_moves_this_tracking_user_alone(shop: Client) -> None:
    """HR-08."""
    old, new, moved, stays = fresh("c"), fresh("c"), fresh("hr"), fresh("hr")
    for user in (moved, stays):
        collect(shop, "click", user, source=user)
        collect(shop, "customer", user, customerId=old)
    collect(shop, "conversion", moved, **CONVERSION, customerId=new)
    shop.settles("registered", new, "click", "conversion")
    shop.settles("registered", old, "click")


def test_a_newsletter_finds_the_most_recent_tracking_user_by_email_or_customer(
    shop: Client,
) -> None:
    """HR-10."""
    older, newer, customer, email = (
        fresh("hr"),
        fresh("hr"),
        fresh("c"),
        f"{fresh()}@x.y",
    )
    for user in (older, newer):
        collect(shop, "cart", user, email=email, productNumbers=["1"])
        collect(shop, "customer", user, customerId=customer, email=email)
    eventually(lambda: newest(shop, email=email), {"id": newer})
    eventually(lambda: newest(shop, customer_id=customer), {"id": newer})


def test_an_email_in_the_cart_moves_nobody_away_from_the_customer(shop: Client) -> None:
    user, customer, email = fresh("hr"), fresh("c"), f"{fresh()}@x.y"
    collect(shop, "customer", user, customerId=customer)
    collect(shop, "cart", user, email=email, productNumbers=["1"])
    shop.settles("registered", customer, "cart")
    assert shop.get("customers", "registered", customer).json["identifiers"][
        "email"
    ] == [email]


def test_a_cart_is_replaced_whole_and_cleared_without_products(shop: Client) -> None:
    """HR-12."""
    user, customer = fresh("hr"), fresh("c")
    collect(shop, "customer", user, customerId=customer)

    def cart() -> Any:
        return shop.get("customers", "registered", customer).json["traits"].get("cart")

    collect(shop, "cart", user, total=3, productNumbers=["1", "2"])
    assert cart() == {"total": 3, "productNumbers": ["1", "2"]}
    collect(shop, "cart", user, total=1, productNumbers=["3"])
    assert cart() == {"total": 1, "productNumbers": ["3"]}
    collect(shop, "cart", user, total=0, productNumbers=[])
    assert cart() is None


def test_a_customer_id_that_names_nobody_is_told_and_the_conversion_kept(
    shop: Client,
) -> None:
    user = fresh("hr")
    answer = collect(shop, "conversion", user, **CONVERSION, customerId="undefined")
    assert answer.status == 200
    assert "a placeholder, not an ID" in answer.json["warnings"][0]
    assert len(shop.get("sessions", user, "events").json["events"]) == 1
    assert collect(shop, "customer", user, customerId="undefined").status == 400


def test_an_address_that_can_be_none_keeps_the_customer_and_the_other_way_round(
    shop: Client,
) -> None:
    """HR-03, HR-04: of two IDs the one that is right counts."""
    first, second, third, customer, email = (
        *(fresh("hr") for _ in "123"),
        fresh("c"),
        fresh(),
    )
    bought = {"customerId": customer, "email": "none"}
    told = collect(shop, "conversion", first, **CONVERSION, **bought).json["warnings"]
    assert [warning.partition(":")[0] for warning in told] == ["email"]
    told = collect(shop, "customer", second, **bought).json["warnings"]
    assert [warning.partition(":")[0] for warning in told] == ["email"]
    bought = {"customerId": "guest", "email": f"{email}@x.y"}
    told = collect(shop, "conversion", third, **CONVERSION, **bought).json["warnings"]
    assert [warning.partition(":")[0] for warning in told] == ["customerId"]
    for user in (first, second):
        expected = {"type": "registered", "value": customer}
        assert shop.get("sessions", user).json["customer"] == expected
    assert shop.get("sessions", third).json["customer"]["type"] == "email"
    refused = collect(shop, "customer", fresh("hr"), **bought)
    assert (refused.status, refused.error["field"]) == (400, "customerId")


def test_an_address_beside_a_bad_customer_id_moves_nobody(shop: Client) -> None:
    user, customer, email = fresh("hr"), fresh("c"), f"{fresh()}@x.y"
    collect(shop, "customer", fresh("hr"), customerId=fresh("other"), email=email)
    collect(shop, "customer", user, customerId=customer)
    collect(shop, "conversion", user, **CONVERSION, customerId="undefined", email=email)
    assert shop.get("sessions", user).json["customer"]["value"] == customer


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("click", {}, "source"),
        ("customer", {}, "customerId"),
        ("cart", {"productNumbers": "1"}, "productNumbers"),
        ("cart", {"total": "much"}, "total"),
        ("conversion", {"products": [1]}, "products.0"),
        ("conversion", {"products": [{"quantity": "x"}]}, "products.0.quantity"),
        ("pageview", {"trackingUserId": None}, "trackingUserId"),
        ("pageview", {"trackingUserId": "undefined"}, "trackingUserId"),
        ("pageview", {"websiteUuid": None}, "websiteUuid"),
    ],
)
def test_what_is_wrong_is_named(
    shop: Client, kind: str, body: dict[str, Any], field: str
) -> None:
    reply = collect(shop, kind, fresh("hr"), **body)
    assert (reply.status, reply.json["success"]) == (400, False)
    assert reply.error["field"] == field


def test_an_unknown_website_is_unauthorized(shop: Client) -> None:
    assert (
        collect(shop, "click", fresh(), source="x", websiteUuid="other").status == 401
    )
    assert shop.post("/serve/trackingUser", {"websiteUuid": "other"}).status == 401


def test_a_kind_that_is_not_collected_is_404(shop: Client) -> None:
    reply = collect(shop, "purchase", fresh())
    assert (reply.status, reply.json["success"]) == (404, False)


def test_the_beacon_of_the_sample_page_is_a_clear_error(shop: Client) -> None:
    """Their sample sends an object where a beacon wants a text."""
    reply = shop.send("POST", "/serve/collect/pageview", b"[object Object]")
    assert (reply.status, reply.error["code"]) == (400, "bad_json")


def test_who_opted_out_is_told_that_nothing_was_stored(shop: Client) -> None:
    user = fresh("hr")
    shop.post(
        "/consent",
        {"source": {"id": WEBSITE}, "session": {"id": user}, "tracking": "denied"},
    )
    answer = collect(shop, "pageview", user, url="https://shop.example/1")
    assert "opted out" in answer.json["warnings"][0]
    assert shop.get("sessions", user, "events").json["events"] == []


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("field", ["websiteUuid", "trackingUserId"])
def test_what_every_call_says_is_never_empty(
    shop: Client, field: str, blank: str
) -> None:
    reply = collect(shop, "pageview", fresh("hr"), **{field: blank})
    assert (reply.status, reply.error["field"]) == (400, field)


@pytest.mark.parametrize(
    "wrong", [{"total": 1e308}, {"email": "e" * 450_000}], ids=["t", "e"]
)
def test_a_conversion_that_is_no_order_is_kept_and_told(
    shop: Client, wrong: dict[str, Any]
) -> None:
    user = fresh("hr")
    answer = collect(shop, "conversion", user, **{"orderNumber": fresh(), **wrong})
    assert answer.status == 200, answer.body
    assert any(w.startswith(next(iter(wrong))) for w in answer.json["warnings"])
    events = shop.get("sessions", user, "events").json["events"]
    assert [event["type"] for event in events] == ["conversion"]


@pytest.mark.parametrize("total", ["nan", "Infinity", "-inf"])
@pytest.mark.parametrize("kind", ["cart", "conversion"])
def test_a_total_is_finite(shop: Client, kind: str, total: str) -> None:
    reply = collect(shop, kind, fresh("hr"), total=total, productNumbers=["1"])
    assert (reply.status, reply.error["field"]) == (400, "total")
