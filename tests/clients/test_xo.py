"""Attraqt XO: its real client and its recordings, against the local service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients import npm
from tests.http.service import Client, Reply, eventually, fresh

KEY = "web-key"
CAPTURES = sorted((Path(__file__).parent / "captures").glob("attraqt_*.json"))
RECORDED = [
    request
    for path in CAPTURES
    for request in json.loads(path.read_text())
    if request["method"] == "POST"
]


def activity(session: str, product: str = "1", **more: Any) -> dict[str, Any]:
    user = {
        "identities": {"sessionid": session, **more.pop("ids", {})},
        **more.pop("user", {}),
    }
    return {"action": "view", "target": {"product": product}, "user": user, **more}


def send(shop: Client, body: object, key: str = KEY, **headers: str) -> Reply:
    return shop.post(f"/{key}", body, x_sdk="1", **headers)


def products(shop: Client, *path: str) -> list[str]:
    reply = shop.get(*path, "events", limit=1000)
    if reply.status == 404:
        return []
    targets = (
        event["properties"]["target"] for event in reversed(reply.json["events"])
    )
    return [value for target in targets for value in target.values()]


def test_the_real_client(shop: Client, packages: Path) -> None:
    """XO-01, XO-03 to XO-12: what the client was told to do stands on the timeline."""
    session, customer = fresh("xo"), fresh("shopper")
    url = f"http://127.0.0.1:{shop.port}/{KEY}"
    ran = npm.run(packages, "xo", url=url, session=session, customer=customer)
    assert ran["out"] is None
    assert [answer["status"] for answer in ran["answers"]] == [200] * 7
    assert [json.loads(answer["body"]) for answer in ran["answers"]] == [
        {"profiles": {}}
    ] * 7
    visited = ["1", "2", "2", "2", "/thanks", "3"]
    eventually(lambda: products(shop, "customers", "ecommerceId", customer), visited)
    seen = shop.get("customers", "ecommerceId", customer).json
    assert seen["segments"] == ["new", "prospect"]
    assert seen["traits"] == {"age": 45, "buyer": True}
    assert {s["id"] for s in seen["sessions"]} == {session, f"{session}-mine"}
    assert products(shop, "sessions", f"{session}-own") == ["4"]
    assert shop.get("sessions", f"{session}-own").json["customer"] is None


@pytest.mark.parametrize(
    "request_", RECORDED, ids=lambda request: str(request["body"])[:60]
)
def test_every_recording_is_answered_as_its_client_needs(
    shop: Client, request_: dict[str, Any]
) -> None:
    reply = send(shop, request_["body"])
    assert (reply.status, reply.json) == (200, {"profiles": {}})


def test_one_activity_alone_is_taken_as_the_rest_reference_shows_it(
    shop: Client,
) -> None:
    """XO-02: the example of "Working with identities"."""
    session, customer = fresh(), fresh("c")
    body = {
        "action": "view",
        "target": {"product": "123"},
        "user": {
            "identities": {"sessionId": session, "ecommerceId": customer},
            "segments": ["new", "prospect"],
            "traits": {"age": 45, "buyer": True},
        },
    }
    assert send(shop, body).status == 200
    eventually(lambda: products(shop, "customers", "registered", customer), ["123"])
    assert shop.get("customers", "registered", customer).json["traits"] == {
        "age": 45,
        "buyer": True,
    }


def test_the_first_activity_with_both_identities_brings_the_whole_session_along(
    shop: Client,
) -> None:
    """XO-06."""
    session, customer = fresh(), fresh("c")
    send(shop, [activity(session, "1"), activity(session, "2")])
    send(shop, [activity(session, "3", ids={"ecommerceid": customer})])
    eventually(
        lambda: products(shop, "customers", "registered", customer), ["1", "2", "3"]
    )


def test_one_customer_on_two_devices(shop: Client) -> None:
    """XO-07."""
    phone, laptop, customer = fresh(), fresh(), fresh("c")
    for session, product in ((phone, "1"), (laptop, "2")):
        send(shop, [activity(session, product, ids={"ecommerceId": customer})])
    eventually(lambda: products(shop, "customers", "registered", customer), ["1", "2"])


def test_two_spellings_of_the_session_are_one_visitor_and_the_chosen_one_is_current(
    shop: Client,
) -> None:
    """XO-05: setUserIdentities still sends the session that the SDK made up."""
    made_up, chosen = fresh(), fresh("mine")
    send(shop, [activity(made_up, "1")])
    send(shop, [activity(made_up, "2", ids={"sessionId": chosen})])
    assert products(shop, "sessions", chosen) == ["2"]
    profiles = {
        shop.get("sessions", s).json["profile"]["id"] for s in (made_up, chosen)
    }
    assert len(profiles) == 1


def test_both_spellings_are_one_visitor_from_the_first_activity_on(
    shop: Client,
) -> None:
    """XO-05: on the next page the SDK knows the session that it made up alone."""
    made_up, chosen = fresh(), fresh("mine")
    send(shop, [activity(made_up, "1", ids={"sessionId": chosen})])
    send(shop, [activity(made_up, "2")])
    assert products(shop, "sessions", chosen) == ["1"]
    profiles = {
        shop.get("sessions", s).json["profile"]["id"] for s in (made_up, chosen)
    }
    assert len(profiles) == 1


def test_two_visitors_who_turn_out_to_be_one_both_join_the_customer(
    shop: Client,
) -> None:
    made_up, chosen, customer = fresh(), fresh("mine"), fresh("c")
    send(shop, [activity(made_up, "1"), activity(chosen, "2")])
    ids = {"sessionId": chosen, "ecommerceId": customer}
    send(shop, [activity(made_up, "3", ids=ids)])
    eventually(
        lambda: products(shop, "customers", "registered", customer), ["1", "2", "3"]
    )


def test_activities_of_one_call_keep_their_order_whoever_they_say_the_user_is(
    shop: Client,
) -> None:
    session, customer = fresh(), fresh("c")
    sent = [str(n) for n in range(8)]
    send(shop, [activity(session, n, user={"segments": [n]}) for n in sent])
    send(shop, activity(session, "8", ids={"ecommerceId": customer}))
    assert products(shop, "sessions", session) == [*sent, "8"]


def test_an_activity_that_is_sent_again_with_its_time_is_stored_once(
    shop: Client,
) -> None:
    session = fresh()
    twice = [activity(session, "1", timestamp="2026-11-22T10:00:00Z")]
    for _ in range(2):
        assert send(shop, twice).status == 200
    assert products(shop, "sessions", session) == ["1"]


def test_two_copies_of_one_product_in_one_order_both_count(shop: Client) -> None:
    """XO-16: purchase is sent once an item."""
    session = fresh()
    number = fresh("o")
    for second in (0, 0, 5):  # sent again, and once more as the page is loaded anew
        item = activity(
            session,
            "1",
            action="purchase",
            timestamp=f"2026-11-22T10:00:0{second}Z",
            metadata={"orderId": number},
        )
        assert send(shop, [item, item]).status == 200
    assert products(shop, "sessions", session) == ["1", "1"]


def test_everything_that_an_activity_says_is_kept(shop: Client) -> None:
    session = fresh()
    metadata = {
        "price": 1999,
        "quantity": 2,
        "currency": "EUR",
        "tags": ["a"],
        "gift": True,
    }
    said = {
        "sourceId": "rec-1",
        "metadata": metadata,
        "segments": ["s"],
        "opposite": False,
    }
    send(shop, activity(session, "1", **said))
    (event,) = shop.get("sessions", session, "events").json["events"]
    assert event["properties"] == {"target": {"product": "1"}, **said}
    assert event["type"] == "view"


@pytest.mark.parametrize(
    ("key", "status", "body"),
    [
        pytest.param(
            "11111111-2222-4333-8444-555555555555",
            401,
            {"error": "Unauthorized", "message": "Unknown tracker key"},
            id="unknown",
        ),
        pytest.param(
            "k",
            422,
            {"error": "Unprocessable Entity", "message": "Tracker key not valid"},
            id="malformed",
        ),
    ],
)
def test_a_wrong_tracker_key(
    shop: Client, key: str, status: int, body: dict[str, str]
) -> None:
    """XO-14."""
    reply = send(shop, [activity(fresh())], key=key)
    assert (reply.status, reply.json) == (status, body)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"action": None}, "action"),
        ({"action": "a\nb"}, "action"),
        ({"target": {"product": 123}}, "target.product"),
        ({"target": None}, "target"),
        ({"user": None}, "user"),
        ({"user": {}}, "user.identities"),
        ({"user": {"identities": {"sessionid": 5}}}, "user.identities.sessionid"),
        ({"user": {"identities": {}}}, "user.identities.sessionId"),
        ({"user": {"identities": {"sessionid": "null"}}}, "user.identities.sessionId"),
        (
            {"user": {"identities": {"sessionId": "mine", "sessionid": "null"}}},
            "user.identities.sessionid",
        ),
        (
            {"user": {"identities": {"sessionid": "x"}, "segments": [1]}},
            "user.segments.0",
        ),
        ({"metadata": {"price": {"a": 1}}}, "metadata.price"),
        ({"opposite": "no"}, "opposite"),
        ({"timestamp": 5}, "timestamp"),
    ],
)
def test_a_fault_is_named_and_the_rest_of_the_call_is_stored(
    shop: Client, change: dict[str, Any], field: str
) -> None:
    """XO-15."""
    session = fresh()
    reply = send(
        shop, [{**activity(session, "bad"), **change}, activity(session, "good")]
    )
    assert reply.status == 422
    assert reply.json["errors"] == [
        {"activity": 0, "field": field, "message": reply.json["errors"][0]["message"]}
    ]
    assert field in reply.json["message"]
    assert products(shop, "sessions", session) == ["good"]


@pytest.mark.parametrize(
    ("ids", "field"),
    [
        ({"phone": "1234"}, "user.identities.phone"),
        ({"ecommerceId": "undefined"}, "user.identities.ecommerceId"),
    ],
)
def test_an_identity_that_can_be_none_is_named_and_the_activity_stored_without_it(
    shop: Client, ids: dict[str, str], field: str
) -> None:
    session = fresh()
    reply = send(shop, [activity(session, "1", ids=ids)])
    assert (reply.status, reply.json["errors"][0]["field"]) == (422, field)
    assert products(shop, "sessions", session) == ["1"]


def test_an_identity_that_is_one_too_many_is_named_and_the_activity_stored_without_it(
    shop: Client,
) -> None:
    session, customer = fresh(), fresh("c")
    for product in ("1", "2", "3", "4"):
        ids = {"ecommerceId": customer, "Device": fresh("device")}
        reply = send(shop, [activity(session, product, ids=ids)])
    assert (reply.status, reply.json["errors"][0]["field"]) == (
        422,
        "user.identities.device",
    )
    assert products(shop, "sessions", session) == ["1", "2", "3", "4"]
    assert (
        len(shop.get("customers", "registered", customer).json["identifiers"]["device"])
        == 3
    )


@pytest.mark.parametrize("body", [None, 5, "x", [5], [[]], [None]])
def test_what_is_no_activity_is_a_clear_error(shop: Client, body: object) -> None:
    reply = send(shop, body)
    assert (reply.status, reply.json["error"]) == (422, "Unprocessable Entity")


def test_who_opted_out_is_told_that_nothing_was_stored(shop: Client) -> None:
    """XO-10: the SDK sends nothing then; another caller is told."""
    session = fresh()
    shop.post(
        "/consent",
        {"source": {"id": KEY}, "session": {"id": session}, "tracking": "denied"},
    )
    reply = send(shop, [activity(session)])
    assert reply.status == 200
    assert "opted out" in reply.json["message"]
    assert products(shop, "sessions", session) == []


def test_a_browser_may_send_with_its_own_headers(shop: Client) -> None:
    preflight = shop.send(
        "OPTIONS",
        f"/{KEY}",
        None,
        {
            "origin": "https://shop.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-sdk",
        },
    )
    assert preflight.status == 204
    assert "x-sdk" in preflight.headers["access-control-allow-headers"]
    assert send(shop, [activity(fresh())], origin="https://shop.example").status == 200
    assert send(shop, [activity(fresh())], origin="https://other.example").status == 403
