"""Hello Retail's order feed, posted to the local service: with what was tracked it comes out the same either way."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.clients import test_exponea, test_segment, test_tracardi, test_xo
from tests.clients.test_helloretail import collect, newest, seen
from tests.http.service import KEY, OTHER_KEY, Client, Reply, eventually, fresh

TWICE = gzip.compress(gzip.compress(b"[]", mtime=0), mtime=0)
LINES = [{"productNumber": "crowbar", "quantity": 1, "lineTotal": 2185.85}]


def row(number: str, *, days: int = 0, **more: Any) -> dict[str, Any]:
    """An order of today, or of some days ago, as the feed tells it."""
    date = datetime.now(UTC) - timedelta(days=days)
    told = {
        "orderNumber": number,
        "date": f"{date:%Y-%m-%d %H:%M:%S}",
        "products": LINES,
    }
    return {**told, "total": 2185.85, **more}


def feed(shop: Client, *orders: dict[str, Any], key: str = KEY) -> Reply:
    return shop.post("/orders", orders, authorization=f"Bearer {key}")


def statuses(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [result["status"] for result in reply.json["results"]]


def convert(shop: Client, user: str, number: str, **more: Any) -> Reply:
    said = {"total": 2185.85, "orderNumber": number, "products": LINES}
    return collect(shop, "conversion", user, **{**said, **more})


def customer_of(shop: Client, user: str) -> Any:
    return shop.get("sessions", user).json["customer"]


@pytest.mark.parametrize("first", ["tracked", "told"])
def test_one_conversion_associated_whichever_comes_first(
    shop: Client, first: str
) -> None:
    """HR-09, HR-13."""
    user, customer, number = fresh("hr"), fresh("c"), fresh("o")
    collect(shop, "pageview", user, productNumber="crowbar")
    if first == "tracked":
        convert(shop, user, number)
        assert customer_of(shop, user) is None
        assert statuses(feed(shop, row(number, customerId=customer))) == ["associated"]
    else:
        assert statuses(feed(shop, row(number, customerId=customer))) == ["stored"]
        convert(shop, user, number)
    eventually(lambda: sorted(seen(shop, customer)), ["conversion", "pageview"])
    assert customer_of(shop, user) == {"type": "registered", "value": customer}
    assert statuses(feed(shop, row(number, customerId=customer))) == ["known"]
    convert(shop, user, number)
    assert sorted(seen(shop, customer)) == ["conversion", "pageview"]


def test_an_order_of_before_there_was_tracking_is_a_conversion_like_any_other(
    shop: Client,
) -> None:
    customer, email, number = fresh("c"), f"{fresh()}@x.y", fresh("o")
    told = row(number, days=500, customerId=customer, email=email)
    assert statuses(feed(shop, told)) == ["stored"]
    shop.settles("registered", customer, "conversion")
    (event,) = shop.get("customers", "email", email, "events").json["events"]
    assert event["type"] == "conversion"
    assert event["time"].startswith(told["date"].replace(" ", "T"))
    assert event["properties"] == {
        "orderNumber": number,
        "total": 2185.85,
        "products": LINES,
    }


def test_a_conversion_counts_once_however_often_it_is_sent(shop: Client) -> None:
    """HR-13."""
    user, number = fresh("hr"), fresh("o")
    for _ in range(3):
        assert convert(shop, user, number).json["success"] is True
    assert len(shop.get("sessions", user, "events").json["events"]) == 1


def test_a_number_that_numbers_nothing_is_told_and_the_conversion_kept(
    shop: Client,
) -> None:
    users = [fresh("hr"), fresh("hr")]
    for user in users:
        answer = convert(shop, user, "undefined", customerId="undefined").json
        assert [w.partition(":")[0] for w in answer["warnings"]] == [
            "customerId",
            "orderNumber",
        ]
        assert len(shop.get("sessions", user, "events").json["events"]) == 1


def test_who_guesses_an_order_number_is_nobodys_customer(shop: Client) -> None:
    """The write key is public."""
    user, customer, number = fresh("mallory"), fresh("c"), fresh("o")
    feed(shop, row(number, customerId=customer, email="g@x.org"))
    convert(shop, user, number, email="m@x.org")
    convert(shop, f"{user}-2", number, total=1)
    shop.settles("registered", customer, "conversion")
    assert (customer_of(shop, user) or {}).get("type") != "registered"
    assert customer_of(shop, f"{user}-2") is None


def test_a_newsletter_finds_the_visitor_not_the_feed(shop: Client) -> None:
    """HR-10."""
    user, customer, email = fresh("hr"), fresh("c"), f"{fresh()}@x.y"
    feed(shop, row(fresh("o"), customerId=customer, email=email))
    assert shop.get("tracking-user", email=email).status == 404
    collect(shop, "customer", user, customerId=customer)
    feed(shop, row(fresh("o"), customerId=customer, email=email))
    eventually(lambda: newest(shop, email=email), {"id": user})
    eventually(lambda: newest(shop, customer_id=customer), {"id": user})


def test_a_guest_is_known_by_the_address(shop: Client) -> None:
    email = f"{fresh()}@x.y"
    reply = feed(shop, row(fresh("o"), email=email, customerId="0"))
    assert statuses(reply) == ["stored"]
    assert "a placeholder, not an ID" in reply.json["results"][0]["warnings"][0]
    shop.settles("email", email, "conversion")


def test_bad_rows_are_named_and_the_others_imported(shop: Client) -> None:
    good = fresh("o")
    reply = feed(
        shop,
        row(fresh("o")),
        row(fresh("o"), email=7),
        row(good, email="a@b.c"),
        row(good, email="a@b.c"),
    )
    assert statuses(reply) == ["rejected", "rejected", "stored", "known"]
    assert [r.get("field") for r in reply.json["results"][:2]] == [
        "customerId",
        "email",
    ]
    assert [reply.json[s] for s in ("stored", "known", "rejected")] == [1, 1, 2]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_csv_and_xml_are_taken_too(shop: Client, *, packed: bool) -> None:
    email = f"{fresh()}@x.y"
    texts = (
        f"OrderNumber;date;total;email\n{fresh('o')};2026-11-01 10:00:00;2,50;{email}\n",
        f"<orders><order><ordernumber>{fresh('o')}</ordernumber><email>{email}</email><total>2</total>"
        "<date>2026-11-02 10:00:00</date><products><productNumber>1</productNumber></products>"
        "</order></orders>",
    )
    for text in texts:
        body = gzip.compress(text.encode()) if packed else text.encode()
        headers = {
            "authorization": f"Bearer {KEY}",
            "content-type": "application/octet-stream",
        }
        assert statuses(shop.send("POST", "/orders", body, headers)) == ["stored"]
    shop.settles("email", email, "conversion", "conversion")


def test_a_server_key_says_whose_feed_it_is(shop: Client) -> None:
    assert feed(shop, row("1", email="a@b.c"), key="web-key").status == 401
    assert shop.post("/orders", [row("1", email="a@b.c")]).status == 401
    email = f"{fresh()}@x.y"
    assert statuses(feed(shop, row(fresh("o"), email=email), key=OTHER_KEY)) == [
        "stored"
    ]
    assert shop.get("customers", "email", email).status == 404
    assert shop.get("customers", "email", email, key=OTHER_KEY).status == 200


@pytest.mark.parametrize(
    "body", [b"", b"nonsense", b"[oops", b"<!DOCTYPE a><a/>", b"\x1f\x8b", TWICE, b"{"]
)
def test_what_is_no_feed_is_a_clear_error(shop: Client, body: bytes) -> None:
    reply = shop.send("POST", "/orders", body, {"authorization": f"Bearer {KEY}"})
    assert (reply.status, reply.error["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "encoding", ["gzip", "identity"], ids=["zipped to send", "a zipped file"]
)
@pytest.mark.parametrize(
    "large", [[{"orderNumber": 1}] * 501, [{"email": "x" * 5_300_000}]]
)
def test_a_large_feed_belongs_into_the_bucket(
    shop: Client, large: list[dict[str, Any]], encoding: str
) -> None:
    headers = {"authorization": f"Bearer {KEY}", "content-encoding": encoding}
    reply = shop.send(
        "POST", "/orders", gzip.compress(json.dumps(large).encode()), headers
    )
    assert (reply.status, reply.error["code"]) == (413, "too_large")
    assert reply.error["message"].endswith("into the stack's bucket under feeds/shop/")


Tell = Callable[[Client, str, str, str], Reply]
"""Tells that a visitor, known as a customer, placed an order: session, customer, number."""


def tell_segment(shop: Client, user: str, customer: str, number: str) -> Reply:
    """A page's `Order Completed`, with a message ID that is new each time."""
    order = {"order_id": number, "total": 2185.85, "currency": "EUR"}
    message = {"anonymousId": user, "userId": customer, "messageId": fresh("m")}
    body = {**message, "event": "Order Completed", "properties": order}
    return test_segment.send(shop, "track", body)


def tell_exponea(shop: Client, user: str, customer: str, number: str) -> Reply:
    """A page's `purchase`."""
    order = {
        "purchase_id": number,
        "total_price": 2185.85,
        "purchase_status": "success",
    }
    ids = {"cookie": user, "registered": customer}
    return test_exponea.bulk(
        shop, test_exponea.event("purchase", ids, properties=order, age=fresh_age())
    )


def fresh_age() -> float:
    """Seconds since an event, never twice the same."""
    return int(fresh("")[-4:], 16) / 100_000


def tell_xo(shop: Client, user: str, customer: str, number: str) -> Reply:
    """A page's `purchase`, whose order has one line."""
    ids, order = {"ecommerceId": customer}, {"orderId": number, "price": 218585}
    purchase = test_xo.activity(user, ids=ids, action="purchase", metadata=order)
    return test_xo.send(shop, [purchase])


def tell_tracardi(shop: Client, user: str, customer: str, number: str) -> Reply:
    """A page's `order-completed`."""
    order = {"id": number, "income": {"value": 2185.85, "currency": "EUR"}}
    event = {"type": "order-completed", "properties": order}
    body = {"session": {"id": user}, "ids": {"registered": customer}}
    return test_tracardi.send(shop, {**body, "events": [event]})


def tell_hello_retail(shop: Client, user: str, customer: str, number: str) -> Reply:
    """A page's `conversion`."""
    return convert(shop, user, number, customerId=customer)


TELL: dict[str, Tell] = {
    "segment": tell_segment,
    "exponea": tell_exponea,
    "attraqt_xo": tell_xo,
    "tracardi": tell_tracardi,
    "hello_retail": tell_hello_retail,
}


def orders_of(shop: Client, customer: str) -> list[str]:
    """The numbers of the orders on a customer's timeline."""
    events = shop.get("customers", "registered", customer, "events", limit=1000)
    return [e["order"]["number"] for e in events.json["events"] if "order" in e]


@pytest.mark.parametrize("tell", TELL.values(), ids=TELL)
@pytest.mark.parametrize("first", ["tracked", "told"])
def test_o1_each_systems_purchase_and_the_feed_are_one_order(
    shop: Client, tell: Tell, first: str
) -> None:
    user, customer, number = fresh("u"), fresh("c"), fresh("o")
    order = row(number, customerId=customer)
    if first == "told":
        feed(shop, order)
    for _ in range(2):
        assert tell(shop, user, customer, number).status in (200, 202)
    eventually(lambda: orders_of(shop, customer), [number])
    assert statuses(feed(shop, order)) == ["known"]
    eventually(lambda: orders_of(shop, customer), [number])
