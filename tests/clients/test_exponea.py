"""Exponea: its real Python SDK, every recording, and what its users were promised, on the local service."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hardlink.domain.errors import Busy
from hardlink.services.service import Service
from infra import routes
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway, HttpRequest
from tests.clients import pip
from tests.http.service import KEY, OTHER_KEY, SOURCES, Client, Reply, eventually, fresh
from tests.support.engines import Unavailable

TOKEN = "PROJTOKEN"
ORIGIN = "http://127.0.0.1:18005"
FOLDER = Path(__file__).parent / "captures"
BROWSER = json.loads((FOLDER / "exponea_js_sdk_v3.15.0.json").read_text())
BULKS = [r for r in BROWSER if r["path"] == "/bulk" and r["method"] == "POST"]
BACKEND = [
    r
    for r in json.loads((FOLDER / "exponea_python_sdk.json").read_text())
    if "/track/" in r["path"]
]
BASIC = "Basic " + base64.b64encode(f"id:{KEY}".encode()).decode()


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has the client."""
    try:
        return pip.installed("exponea-requirements.txt")
    except Unavailable as error:
        pytest.skip(str(error))


def bulk(shop: Client, *commands: Mapping[str, Any], **headers: str) -> Reply:
    sent = {"content_type": "text/plain;charset=UTF-8", "origin": ORIGIN, **headers}
    return shop.post("/bulk", {"sdk": "js-client", "commands": commands}, **sent)


def results(reply: Reply) -> list[Any]:
    assert reply.status == 200, reply.body
    assert reply.json["success"] is True
    found: list[Any] = reply.json["results"]
    return found


def event(type_: str, ids: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    data = {
        "customer_ids": ids,
        "company_id": TOKEN,
        "type": type_,
        "properties": {},
        **more,
    }
    return {"name": "crm/events", "data": data}


def customer(ids: Mapping[str, Any], **properties: Any) -> dict[str, Any]:
    return {
        "name": "crm/customers",
        "data": {"ids": ids, "company_id": TOKEN, "properties": properties},
    }


def v2(
    shop: Client, call: str, body: object, authorization: str | None = BASIC
) -> Reply:
    headers = {"authorization": authorization} if authorization else {}
    return shop.post(f"/track/v2/projects/{TOKEN}/{call}", body, **headers)


def types(shop: Client, session: str) -> list[str]:
    """What was sent under a cookie, oldest first."""
    reply = shop.get("sessions", session, "events")
    events = reply.json["events"] if reply.status == 200 else []
    return [e["type"] for e in reversed(events) if "derived_from" not in e]


# -- the real clients, and what was recorded of them -------------------------------------------------------------------


def test_the_real_python_sdk(shop: Client, python: Path) -> None:
    """EX-13, EX-23, EX-28, EX-29: what the client was told to do stands on the timeline."""
    cookie, who = fresh("cookie"), fresh("gordon")
    url = f"http://127.0.0.1:{shop.port}"
    printed = pip.run(python, "exponea_visit.py", url, TOKEN, KEY, cookie, who)
    said = json.loads(printed.splitlines()[-1])
    now, *others, batch = said["answers"]
    assert abs(now - time.time()) < 60
    assert others == [True] * 4
    assert batch[:3] == [True, True, False]
    assert abs(batch[3] - time.time()) < 60
    assert said["errors"] == [
        "Could not authenticate",
        "Invalid project id",
        "['At least one id should be specified.']",
    ]
    shop.settles("registered", who, "purchase", "view", "purchase", "basket")
    seen = shop.get("customers", "registered", who).json
    assert seen["attributes"] == {"first_name": "Gordon", "vip": True}
    old = shop.get("customers", "registered", who, "events").json["events"][-1]
    assert (old["time"], old["properties"]) == (
        "2018-08-07T17:34:43.500000Z",
        {"price": 7.99},
    )


@pytest.mark.parametrize(
    "request_", BULKS, ids=lambda r: str(r["body"]["commands"][-1])[:70]
)
def test_every_bulk_of_the_web_sdk_is_answered_as_it_needs(
    shop: Client, request_: dict[str, Any]
) -> None:
    """EX-01 to EX-03, EX-10, EX-12 to EX-20, EX-22, EX-32: one result for every command, in its shape."""
    recorded = request_["responded"]["body"]
    type_ = request_["headers"]["Content-Type"]
    reply = shop.post("/bulk", request_["body"], content_type=type_, origin=ORIGIN)
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert reply.json.keys() == recorded.keys()
    found = results(reply)
    assert len(found) == len(request_["body"]["commands"])
    for command, result in zip(request_["body"]["commands"], found, strict=True):
        if command["name"].endswith("vapid-key"):
            assert result["status"] == "error"
            assert isinstance(result["errors"], list)
        else:
            assert result["status"] == "ok"
        if command["name"] == "system/ids":
            assert result["data"]["cookie"]
        if command["name"] == "system/tracking":
            assert result["data"] == []


def test_a_recorded_visit_as_a_whole(shop: Client) -> None:
    """EX-01 to EX-04, EX-10, EX-12 to EX-14, EX-16 to EX-19: anonymous, identified, anonymized."""
    first, second, john = fresh("first"), fresh("second"), fresh("john@x.com")
    text = json.dumps(BULKS)
    for old, new in (
        ("4c5e537a-d84f-4e0a-8e8a-b12542d93125", first),
        ("b857b1d9-63be-48e7-aa44-e85b7de79fac", second),
        ("john@x.com", john),
        ('"u1"', json.dumps(fresh("u"))),
    ):
        text = text.replace(old, new)
    for request in json.loads(text)[1:]:
        results(bulk(shop, *request["body"]["commands"]))
    eventually(lambda: "purchase" in shop.types("registered", john), wanted=True)
    timeline = shop.get("customers", "registered", john, "events", limit=1000).json[
        "events"
    ]
    seen = {e["type"]: e["properties"] for e in timeline}
    assert timeline[-1]["type"] == "purchase"
    assert seen["purchase"]["product_list"] == [{"product_id": "a", "quantity": 2}]
    assert seen["purchase"].keys() >= {"location", "os", "browser", "device"}
    assert seen["immediate_evt"]["a"] == 1
    assert seen["external_link"]["site"] == "Exponea"
    assert seen["page_visit"].keys() >= {"path", "referrer"}
    shopping = {t for t, properties in seen.items() if properties.get("tracked_via")}
    assert shopping >= {
        "product_detail",
        "product_purchase",
        "transaction",
        "promo_click",
    }
    assert {seen[t]["tracked_via"] for t in shopping} == {"eecommerce"}
    customer_ = shop.get("customers", "registered", john).json
    assert customer_["attributes"] == {"first_name": "John", "vip": True}
    assert "after_anonymize" not in seen
    assert types(shop, second)[0] == "after_anonymize"
    assert shop.get("sessions", second).json["customer"] is None


@pytest.mark.parametrize(
    "request_", BACKEND, ids=lambda r: f"{r['path']} {r['body']}"[:90]
)
def test_every_recorded_call_of_the_python_sdk(
    shop: Client, request_: dict[str, Any]
) -> None:
    body = json.dumps(request_["body"]).encode() if request_["body"] else None
    headers = {"authorization": BASIC, "content-type": "application/json"}
    reply = shop.send(request_["method"], request_["path"], body, headers)
    assert reply.status == 200
    recorded = request_["responded"]["body"]
    assert reply.json.keys() == recorded.keys()
    assert [r.keys() for r in reply.json.get("results", [])] == [
        r.keys() for r in recorded.get("results", [])
    ]


@pytest.mark.parametrize(
    "request_",
    [r for r in BROWSER if r["path"] != "/bulk"],
    ids=lambda r: str(r["path"]),
)
def test_what_the_web_sdk_asks_for_beside(
    shop: Client, request_: dict[str, Any]
) -> None:
    body = json.dumps(request_["body"]).encode() if request_["body"] else None
    reply = shop.send(request_["method"], request_["path"], body, {"origin": ORIGIN})
    assert reply.status == 200
    assert reply.json == request_["responded"]["body"]


def test_managed_tags_want_somebody(shop: Client) -> None:
    reply = shop.post("/managed-tags/show", {"company_id": TOKEN, "customer_ids": {}})
    assert (reply.status, reply.json["success"]) == (400, False)
    assert isinstance(reply.json["errors"]["customer_ids"], list)


def test_the_beacon_is_preflighted(shop: Client) -> None:
    """EX-32."""
    headers = {
        "origin": ORIGIN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    reply = shop.send("OPTIONS", "/bulk", None, headers)
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == ORIGIN
    assert "content-type" in reply.headers["access-control-allow-headers"]


# -- a first visit ---------------------------------------------------------------------------------------------------


def start(now: float, age: float = 0.1, **ids: Any) -> list[dict[str, Any]]:
    asked = {"project_id": TOKEN, "customer": ids, "expires": round(now) + 94608000}
    return [
        {"name": "system/ids", "data": asked},
        {"name": "system/time", "data": {"clientTS": now}},
        event("session_ping", {}, age=age),
        event("page_visit", {}, age=age - 0.005),
    ]


def test_a_first_visit_is_kept_under_the_cookie_that_its_answer_hands_out(
    shop: Client,
) -> None:
    reply = bulk(shop, *start(time.time()))
    cookie = results(reply)[0]["data"]["cookie"]
    assert types(shop, cookie) == ["session_ping", "page_visit"]
    assert reply.headers["set-cookie"].startswith(
        f"xnpe_{TOKEN}={cookie}; Max-Age=94608000"
    )


def test_a_first_bulk_whose_answer_was_lost_gets_its_cookie_again(shop: Client) -> None:
    now, agent = time.time(), fresh("browser")
    first = results(bulk(shop, *start(now), user_agent=agent))
    again = results(bulk(shop, *start(now + 5.002, 5.1), user_agent=agent))
    assert first[0]["data"] == again[0]["data"]
    assert [r["status"] for r in again] == ["ok"] * 4


def test_a6_two_visitors_who_look_alike_have_a_cookie_each(shop: Client) -> None:
    now, agent = time.time(), fresh("browser")
    cookies = {
        results(bulk(shop, *start(now), user_agent=agent))[0]["data"]["cookie"]
        for _ in range(3)
    }
    assert len(cookies) == 3


def test_a_bulk_that_is_sent_again_is_stored_once(shop: Client) -> None:
    """The recorded behaviour: the same events, older by as long as it waited."""
    cookie, began = fresh("cookie"), time.time()
    copies = [
        event("add", {"cookie": cookie}, age=3.9)
    ] * 2  # of one product: both count
    results(bulk(shop, *copies))
    for _ in range(2):
        time.sleep(0.2)
        again = [event("add", {"cookie": cookie}, age=3.9 + time.time() - began)] * 2
        assert results(bulk(shop, *again)) == [{"status": "ok"}] * 2
        assert types(shop, cookie) == ["add", "add"]
    results(bulk(shop, event("add", {"cookie": cookie}, age=0.1)))
    assert types(shop, cookie) == ["add"] * 3


@pytest.mark.parametrize("name", [f"xnpe_{TOKEN}", "__exponea_etc__"])
def test_the_browsers_own_cookie_finds_who_lost_the_scripts(
    shop: Client, name: str
) -> None:
    cookie = fresh("cookie")
    results(bulk(shop, event("before", {"cookie": cookie})))
    sent = f"other=1; {name}={cookie}"
    answer = results(bulk(shop, *start(time.time()), cookie=sent))
    assert answer[0]["data"] == {"cookie": cookie}
    assert set(types(shop, cookie)) == {"before", "session_ping", "page_visit"}


def test_the_sdk_can_be_started_with_the_customer(shop: Client) -> None:
    """EX-02, EX-15: and the visit that its ping begins is derived."""
    who = fresh("gordon")
    answer = results(bulk(shop, *start(time.time(), registered=who)))
    assert answer[0]["data"]["registered"] == who
    visit = ("session_start", "first_session", "session_ping", "page_visit")
    shop.settles("registered", who, *visit)


# -- identity ----------------------------------------------------------------------------------------------------------


def test_history_follows_to_the_login_and_stays_at_the_next_one(shop: Client) -> None:
    """EX-04, EX-07, EX-08: what happened up to a second login stays with the first customer."""
    cookie, gordon, alyx = fresh("cookie"), fresh("gordon"), fresh("alyx")
    results(bulk(shop, event("before", {"cookie": cookie})))
    results(bulk(shop, customer({"cookie": cookie, "registered": gordon})))
    results(bulk(shop, event("while", {"cookie": cookie, "registered": gordon})))
    results(bulk(shop, customer({"cookie": cookie, "registered": alyx})))
    results(bulk(shop, event("after", {"cookie": cookie, "registered": alyx})))
    shop.settles("registered", gordon, "before", "while")
    shop.settles("registered", alyx, "after")


def test_a_number_identifies_as_well_as_a_text(shop: Client) -> None:
    """EX-01, seed 004: identify takes a String, a Number or an Object."""
    cookie, number = fresh("cookie"), time.time_ns()
    results(bulk(shop, event("before", {"cookie": cookie})))
    results(bulk(shop, customer({"cookie": cookie, "registered": number})))
    shop.settles("registered", str(number), "before")


def test_anonymize_leaves_the_old_profile_as_it_is(shop: Client) -> None:
    """EX-12."""
    old, new, gordon = fresh("old"), fresh("new"), fresh("gordon")
    results(bulk(shop, customer({"cookie": old, "registered": gordon}, vip=True)))
    asked = {"project_id": TOKEN, "cookie": new, "customer": {}, "expires": 1}
    answer = results(bulk(shop, {"name": "system/ids", "data": asked}))
    assert answer == [{"status": "ok", "data": {"cookie": new}}]
    results(bulk(shop, event("alone", {"cookie": new})))
    assert shop.get("sessions", new).json["customer"] is None
    assert shop.get("customers", "registered", gordon).json["attributes"] == {
        "vip": True
    }


def test_the_analytics_id_undoes_anonymize(shop: Client) -> None:
    """EX-09, EX-21: a soft identifier that both cookies send merges them."""
    old, new, gordon, ga = (fresh(name) for name in ("old", "new", "gordon", "ga"))
    known = {"cookie": old, "registered": gordon, "google_analytics": ga}
    results(bulk(shop, customer(known), event("before", known)))
    results(bulk(shop, event("after", {"cookie": new, "google_analytics": ga})))
    shop.settles("registered", gordon, "before", "merge", "after")


def test_another_id_alone_is_another_customer_and_both_are_one(shop: Client) -> None:
    """EX-06, seed 004: "you need to call identify with BOTH"."""
    cookie, gordon, one, two = (fresh(name) for name in ("c", "gordon", "u1", "u2"))
    results(bulk(shop, customer({"cookie": cookie, "registered": gordon})))
    results(bulk(shop, customer({"user_id": one})))
    results(bulk(shop, customer({"registered": gordon, "user_id": two})))
    assert shop.get("customers", "user_id", one).json["customer"]["type"] == "user_id"
    assert shop.get("customers", "user_id", two).json["customer"]["value"] == gordon


def test_two_customers_with_one_second_hard_id_are_refused(shop: Client) -> None:
    """Nothing is changed, and the command is told."""
    gordon, alyx, card = fresh("gordon"), fresh("alyx"), fresh("card")
    cookie = fresh("cookie")
    results(bulk(shop, customer({"registered": gordon, "loyalty": card})))
    results(bulk(shop, customer({"registered": alyx})))
    [result] = results(
        bulk(
            shop,
            customer({"cookie": cookie, "registered": alyx, "loyalty": card}, vip=True),
        )
    )
    assert result["status"] == "error"
    assert "never merged" in result["errors"][0]
    assert shop.get("sessions", cookie).status == 404
    assert shop.get("customers", "registered", alyx).json["attributes"] == {}


def test_an_id_type_that_is_not_declared_discards_the_call(shop: Client) -> None:
    """EX-05, seed 004; the others of the bulk are carried out."""
    cookie = fresh("cookie")
    odd, good = results(
        bulk(
            shop,
            event("lost", {"cookie": cookie, "nickname": "x"}),
            event("kept", {"cookie": cookie}),
        )
    )
    assert odd["status"] == "error"
    assert "nickname" in odd["errors"][0]
    assert good == {"status": "ok"}
    assert types(shop, cookie) == ["kept"]


def test_an_id_that_identifies_nobody_is_named_and_nothing_is_lost(
    shop: Client,
) -> None:
    cookie = fresh("cookie")
    ids = {"cookie": cookie, "registered": "undefined"}
    said = results(bulk(shop, event("kept", ids), customer(ids, vip=True)))
    assert [result["status"] for result in said] == ["ok", "ok"]
    assert all("customer_ids.registered" in result["warnings"][0] for result in said)
    assert types(shop, cookie) == ["kept"]
    profile = shop.get("sessions", cookie).json["profile"]["id"]
    assert shop.get("customers", "profile", profile).json["attributes"] == {"vip": True}


def test_an_id_that_is_one_too_many_is_named_and_nothing_is_lost(shop: Client) -> None:
    cookie, gordon = fresh("cookie"), fresh("gordon")
    for type_ in ("one", "two", "three", "four"):
        ids = {"cookie": cookie, "registered": gordon, "Device": fresh("device")}
        [said] = results(bulk(shop, event(type_, ids)))
    assert said["status"] == "ok"
    assert "customer_ids.device" in said["warnings"][0]
    shop.settles("registered", gordon, "one", "two", "three", "four")


def test_the_newer_property_wins_whatever_comes_first(shop: Client) -> None:
    """EX-24: per property, by `update_timestamp`."""
    who = {"registered": fresh("gordon")}
    for at, properties in ((200, {"a": "new"}), (100, {"a": "old", "b": "old"})):
        body = {"customer_ids": who, "properties": properties, "update_timestamp": at}
        assert v2(shop, "customers", body).json == {"success": True, "errors": []}
    seen = shop.get("customers", "registered", who["registered"]).json["attributes"]
    assert seen == {"a": "new", "b": "old"}


def test_consents(shop: Client) -> None:
    """EX-27: an event, and the customer's value."""
    who = {"registered": fresh("gordon")}
    given = {"category": "newsletter", "action": "accept", "valid_until": "unlimited"}
    for at, action in ((100.0, "accept"), (200.0, "reject"), (150.0, "accept")):
        body = {"customer_ids": who, "event_type": "consent", "timestamp": at}
        sent = {**body, "properties": {**given, "action": action}}
        assert v2(shop, "customers/events", sent).status == 200
    seen = shop.get("customers", "registered", who["registered"]).json["consents"]
    assert seen["newsletter"]["action"] == "reject"
    shop.settles("registered", who["registered"], *["consent"] * 3)


def test_the_limits_of_seed_004(shop: Client) -> None:
    """EX-11: 255 attributes of 16 KB fit; what does not fit is named, and costs nothing else."""
    who = {"registered": fresh("gordon")}
    full = {f"p{n}": "x" * 16_384 for n in range(25)} | {f"q{n}": 1 for n in range(230)}
    reply = v2(shop, "customers", {"customer_ids": who, "properties": full})
    assert (reply.status, reply.json["errors"]) == (200, [])
    more = {"p0": "new", "too-many": 1}
    reply = v2(shop, "customers", {"customer_ids": who, "properties": more})
    (error,) = reply.json["errors"]
    assert error.startswith("properties.too-many: ")
    found = shop.get("customers", "registered", who["registered"]).json["attributes"]
    assert (len(found), found["p0"]) == (255, "new")

    sent = {"customer_ids": who, "event_type": "x", "properties": {**full, "p": 1}}
    (error,) = v2(shop, "customers/events", sent).json["errors"]
    assert "more than 255 names" in error


# -- the tracking API -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        (f"Token {TOKEN}", None),
        (BASIC, None),
        (None, "Could not authenticate"),
        ("Token other", "Could not authenticate"),
        (
            "Basic " + base64.b64encode(f"id:{OTHER_KEY}".encode()).decode(),
            "Could not authenticate",
        ),
        (f"Bearer {KEY}", "Could not authenticate"),
    ],
)
def test_the_right_key_for_tracking(
    shop: Client, authorization: str | None, error: str | None
) -> None:
    """EX-28."""
    body = {"customer_ids": {"cookie": fresh()}, "event_type": "view"}
    reply = v2(shop, "customers/events", body, authorization)
    assert reply.status == (400 if error else 200)
    assert reply.json.get("error") == error
    assert "secret" not in reply.json.get("message", "") or error


def test_the_public_key_in_the_query(shop: Client) -> None:
    path = f"/track/v2/projects/{TOKEN}/system/time?access_token={TOKEN}"
    assert shop.send("GET", path).json["success"] is True
    assert shop.send("GET", path[:-1]).json["error"] == "Could not authenticate"


@pytest.mark.parametrize(
    "authorization", [None, f"Token {TOKEN}", BASIC, "Bearer a.b.c"]
)
def test_the_stream_spelling(shop: Client, authorization: str | None) -> None:
    """The newer mobile SDKs name the stream in the query."""
    cookie = fresh("cookie")
    headers = {"authorization": authorization} if authorization else {}
    ids = {"customer_ids": {"cookie": cookie}}
    batch = {
        "commands": [
            {"name": "customers/events", "data": {**ids, "event_type": "third"}}
        ]
    }
    for call, body in (
        (
            "customers/events",
            {**ids, "event_type": "first", "timestamp": 1.5, "properties": {}},
        ),
        ("customers", {**ids, "properties": {"a": 1}, "timestamp": 2.5}),
        ("campaigns/clicks", {**ids, "url": "https://x", "timestamp": 2.5}),
        ("batch", batch),
    ):
        reply = shop.post(f"/track/u/v1/{call}?stream_id={TOKEN}", body, **headers)
        assert (reply.status, reply.json["success"]) == (200, True)
    assert types(shop, cookie) == ["first", "campaign", "third"]
    nobody = shop.post("/track/u/v1/customers?stream_id=nobody", ids, **headers)
    assert (nobody.status, nobody.json["error"]) == (400, "Invalid project id")
    assert shop.post("/track/u/v1/customers", ids).json["error"] == "Invalid project id"


def test_a_mobile_sdks_event_that_is_sent_again_is_stored_once(shop: Client) -> None:
    """EX-30: it keeps what was not answered, with its timestamp."""
    cookie = fresh("cookie")
    ids = {"cookie": cookie}
    body = {
        "customer_ids": ids,
        "event_type": "view",
        "timestamp": 1790000000.123,
        "properties": {},
    }
    for _ in range(2):
        reply = v2(shop, "customers/events", body, f"Token {TOKEN}")
        assert reply.json == {"success": True, "errors": []}
    assert types(shop, cookie) == ["view"]


def test_androids_campaign_click_names_nobody_and_is_kept(shop: Client) -> None:
    """EX-30, EX-33: its body has no customer_ids."""
    url = f"https://shop.example/?xnpe_cmp={fresh()}"
    body = {"url": url, "age": 1.5, "properties": {"platform": "Android"}}
    reply = v2(shop, "campaigns/clicks", body, f"Token {TOKEN}")
    assert (reply.status, reply.json["success"]) == (200, True)
    kept = shop.get("sessions", "@exponea", "events").json["events"]
    [click] = [e["properties"] for e in kept if e["properties"].get("url") == url]
    assert click == {"url": url, "status": "clicked", "platform": "Android"}
    assert shop.get("sessions", "@exponea").json["customer"] is None


def test_bad_calls(shop: Client) -> None:
    """EX-29."""
    assert v2(shop, "batch", {}).json == {"success": False, "message": "No commands"}
    assert bulk(shop).json == {"success": False, "message": "No commands"}
    path = f"/track/v2/projects/{TOKEN}/batch"
    broken = shop.send("POST", path, b'{"commands": [', {"authorization": BASIC})
    assert (broken.status, broken.json["message"]) == (400, "Invalid JSON")
    broken = shop.send("POST", "/bulk", b"[object Object]")
    assert (broken.status, broken.json["message"]) == (400, "Invalid JSON")
    unknown = v2(shop, "customers/nothing", {})
    assert unknown.status == 404
    assert "use one of customers" in unknown.json["errors"][0]
    nobody = bulk(shop, event("x", {"cookie": "c"}, company_id="nobody"))
    assert (nobody.status, nobody.json["error"]) == (400, "Invalid project id")
    elsewhere = bulk(shop, event("x", {"cookie": "c"}), origin="https://evil.example")
    assert elsewhere.status == 403


def test_older_clients_call_the_token_project_id(shop: Client) -> None:
    cookie = fresh("cookie")
    data = {"customer_ids": {"cookie": cookie}, "project_id": TOKEN, "type": "view"}
    assert results(bulk(shop, {"name": "crm/events", "data": data})) == [
        {"status": "ok"}
    ]
    assert types(shop, cookie) == ["view"]


def test_one_bad_command_keeps_back_no_other(shop: Client) -> None:
    cookie = fresh("cookie")
    ids = {"cookie": cookie}
    said = results(
        bulk(
            shop,
            event("one", ids),
            {"name": "crm/unheard-of", "data": {"company_id": TOKEN}},
            event("", ids),
            event("two", ids, properties={"ümlaut": 1}),
            event("three", {}),
            {"name": 7},
            event("other", ids, company_id="nobody"),
            event("four", ids),
        )
    )
    bad = [r for r in said if r["status"] == "error"]
    assert [r["status"] for r in said] == [
        *("ok", "error", "error"),
        *("ok", "error", "error", "error", "ok"),
    ]
    assert all(r["errors"] for r in bad)
    assert types(shop, cookie) == ["one", "two", "four"]


@pytest.mark.parametrize(
    "command", [event("x", {"cookie": "c"}), customer({"cookie": "c"}, a=1)]
)
def test_a_service_that_is_busy_answers_503_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, command: dict[str, Any]
) -> None:
    """EX-29, EX-30: the web SDK and the mobile ones send again what is answered 5xx, and drop all else."""
    for carry_out in ("track", "update"):
        monkeypatch.setattr(Service, carry_out, _busy)
    keys = {"shop": KEY, "other": OTHER_KEY}
    single = {**command["data"], "customer_ids": {"cookie": "c"}}
    name = (
        command["name"]
        .replace("crm/customers", "customers")
        .replace("crm/", "customers/")
    )
    with lambda_runtime.run_deployment(SOURCES, keys) as deployment:
        gateway = Gateway(routes.ROUTES, deployment.invoke)
        for path, body in (
            ("/bulk", {"commands": [*start(time.time()), command]}),
            (
                f"/track/v2/projects/{TOKEN}/batch",
                {"commands": [{"name": name, "data": single}]},
            ),
            (f"/track/v2/projects/{TOKEN}/{name}", single),
        ):
            sent = HttpRequest(
                "POST", path, (("authorization", BASIC),), json.dumps(body).encode()
            )
            answer = gateway.answer(sent)
            assert (answer.status, json.loads(answer.body)["success"]) == (503, False)
            assert ("retry-after", "1") in answer.headers


def _busy(*_: object) -> None:
    raise Busy("busy: send the call again")


def test_who_opted_out_is_told(shop: Client) -> None:
    cookie = fresh("cookie")
    denied = {"source": {"id": TOKEN}, "session": {"id": cookie}, "tracking": "denied"}
    assert shop.post("/consent", denied).status == 200
    said = results(
        bulk(shop, event("x", {"cookie": cookie}), customer({"cookie": cookie}, a=1))
    )
    assert [r["status"] for r in said] == ["error", "error"]
    assert all("opted out" in r["errors"][0] for r in said)


@pytest.mark.parametrize("kind", ["projects", "streams"])
def test_ids_can_be_linked_to_a_cookie(shop: Client, kind: str) -> None:
    """EX-30, EX-33."""
    cookie, gordon = fresh("cookie"), fresh("gordon")
    results(bulk(shop, event("before", {"cookie": cookie})))
    path = f"/webxp/{kind}/{TOKEN}/cookies/{cookie}/link-ids"
    reply = shop.post(path, {"external_ids": {"registered": gordon}}, origin=ORIGIN)
    assert reply.json == {"success": True, "errors": []}
    shop.settles("registered", gordon, "before")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/webxp/projects/{TOKEN}/cookies/c/link-ids", {}),
        (
            f"/webxp/projects/{TOKEN}/cookies/c/link-ids",
            {"external_ids": {"nickname": "x"}},
        ),
        (
            "/webxp/projects/nobody/cookies/c/link-ids",
            {"external_ids": {"registered": "x"}},
        ),
        (
            "/managed-tags/show",
            {"company_id": "nobody", "customer_ids": {"cookie": "c"}},
        ),
    ],
)
def test_calls_beside_the_bulk_name_errors_by_field(
    shop: Client, path: str, body: object
) -> None:
    """EX-33: of anything else the web SDK makes an exception of its own, and never calls back."""
    reply = shop.post(path, body, origin=ORIGIN)
    assert (reply.status, reply.json["success"]) == (400, False)
    (errors,) = reply.json["errors"].values()
    assert all(isinstance(error, str) for error in errors)
    assert errors


@pytest.mark.parametrize("kind", ["projects", "streams"])
def test_a_visitor_is_in_no_segment(shop: Client, kind: str) -> None:
    """EX-33: a list for every category that `getSegments` may ask for."""
    path = f"/webxp/{kind}/{TOKEN}/segments?cookie={fresh()}"
    reply = shop.send("GET", path, None, {"origin": ORIGIN})
    assert reply.json == {"discovery": [], "content": [], "merchandising": []}
    assert shop.send("GET", path.replace(TOKEN, "nobody")).status == 400
