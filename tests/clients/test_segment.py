"""Segment, RudderStack and PostHog: their real clients and their recordings, against the local service."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from tests.clients import npm, pip
from tests.http.service import Client, Reply, eventually, fresh
from tests.support.engines import Unavailable
from tests.support.engines.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

KEY = "web-key"
OPEN = "static-key"
"""Of a source that does not say what a second login does."""
CAPTURES = Path(__file__).parent / "captures"
FILES = ("segment_rudder_posthog", "segment_rudder_browser")
RECORDED = [
    request
    for name in FILES
    for request in json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))
]
TAKEN = {"success": True, "status": 1}


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has the clients."""
    try:
        return pip.installed("segment-requirements.txt")
    except Unavailable as error:
        pytest.skip(str(error))


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


def send(
    shop: Client, call: str, body: Mapping[str, Any], key: str = KEY, **more: str
) -> Reply:
    return shop.post(f"/v1/{call}", body, authorization=basic(key), **more)


def events(shop: Client, *whose: str) -> list[dict[str, Any]]:
    """Oldest first; none while nobody is known so."""
    reply = shop.get(*whose, "events", limit=1000)
    if reply.status == 404:
        return []
    assert reply.status == 200, reply.body
    return list(reversed(reply.json["events"]))


def types(shop: Client, *whose: str) -> list[str]:
    return [event["type"] for event in events(shop, *whose)]


def customer_of(shop: Client, session: str) -> Any:
    return shop.get("sessions", session).json.get("customer")


# -- the real clients ---------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["segment", "rudder"])
def test_the_python_libraries(shop: Client, python: Path, library: str) -> None:
    """SG-01, SG-03, SG-07: what the library was told to do stands on the timeline."""
    session, customer = fresh(library), fresh("c")
    url = f"http://127.0.0.1:{shop.port}"
    assert (
        pip.run(python, "segment_visit.py", library, url, KEY, session, customer) == ""
    )
    told = [
        "Product Viewed",
        "Order Completed",
        "page",
        "screen",
        "group",
        "Product Clicked",
    ]
    eventually(
        lambda: sorted(types(shop, "customers", "registered", customer)), sorted(told)
    )
    found = events(shop, "customers", "registered", customer)
    assert {event["type"]: event["properties"] for event in found} == {
        "Product Viewed": {"sku": "crowbar"},
        "Order Completed": {"revenue": 10.5},
        "page": {"url": "/", "name": "Home", "category": "Docs"},
        "screen": {"name": "Cart"},
        "group": {"groupId": "mesa", "traits": {"name": "Black Mesa"}},
        "Product Clicked": {},
    }
    assert [
        event["type"] for event in found
    ] == told or library == "segment"  # it counts milliseconds
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}
    assert seen["identifiers"]["email"] == [f"{customer}@x.y".lower()]
    assert seen["traits"] == {"groupId": "mesa"}
    sessions = {session, f"{session}-tablet", f"@registered={customer}"}
    assert {one["id"] for one in seen["sessions"]} == sessions


def test_posthogs_python_library(shop: Client, python: Path) -> None:
    session, customer = fresh("posthog"), fresh("c")
    url = f"http://127.0.0.1:{shop.port}"
    printed = pip.run(
        python, "segment_visit.py", "posthog", url, KEY, session, customer
    )
    assert printed == ""
    shop.settles("registered", customer, "Product Viewed", "Order Completed")
    viewed, ordered = events(shop, "customers", "registered", customer)
    assert viewed["properties"]["sku"] == "1"
    assert (viewed["session"], ordered["session"]) == (
        session,
        f"@registered={customer}",
    )
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {
        "email": f"{customer}@x.y",
        "first_name": "G",
        "first_seen": "today",
    }
    assert seen["identifiers"]["email"] == [f"{customer}@x.y".lower()]


def test_segments_node_library(shop: Client, packages: Path) -> None:
    session, customer = fresh("node"), fresh("c")
    url = f"http://127.0.0.1:{shop.port}"
    ran = npm.run(
        packages, "segment_node", url=url, key=KEY, session=session, customer=customer
    )
    assert ran == {"failed": []}
    told = ["Product Viewed", "Order Completed", "page", "group", "Product Clicked"]
    eventually(
        lambda: sorted(types(shop, "customers", "registered", customer)), sorted(told)
    )
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}
    assert seen["traits"] == {"groupId": "mesa"}


def test_p5_posthogs_node_library_joins_the_visitor_that_its_alias_names(
    shop: Client, packages: Path
) -> None:
    """`alias({distinctId: customer, alias: session})`: the other way round than in Python."""
    session, customer = fresh("posthog-node"), fresh("c")
    url = f"http://127.0.0.1:{shop.port}"
    ran = npm.run(
        packages, "posthog_node", url=url, key=KEY, session=session, customer=customer
    )
    assert ran == {"failed": []}
    shop.settles("registered", customer, "Product Viewed", "Order Completed")
    viewed, ordered = events(shop, "customers", "registered", customer)
    assert viewed["properties"]["sku"] == "crowbar"
    assert (viewed["session"], ordered["session"]) == (
        session,
        f"@registered={customer}",
    )
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}
    assert shop.get("customers", "registered", session).status == 404


def test_s3_a_number_that_is_none_costs_itself_alone_in_segments_python_library(
    shop: Client, python: Path
) -> None:
    """Python writes `NaN`, which is no JSON, and its library does not send a refused batch again."""
    session, customer = fresh("nan"), fresh("c")
    url = f"http://127.0.0.1:{shop.port}"
    assert pip.run(python, "segment_visit.py", "nan", url, KEY, session, customer) == ""
    told = ["Product Viewed", "Product Clicked", "Order Completed"]
    eventually(
        lambda: sorted(types(shop, "customers", "registered", customer)), sorted(told)
    )
    found = events(shop, "customers", "registered", customer)
    assert {event["type"]: event["properties"] for event in found} == {
        "Product Viewed": {"sku": "crowbar"},
        "Product Clicked": {"prices": [1.5, None]},
        "Order Completed": {"revenue": 10.5},
    }
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"first_name": "Gordon"}


def test_segments_browser_library(
    shop: Client, packages: Path, site: Site, page: Page
) -> None:
    """SG-02, SG-03: short paths, text/plain, another origin."""
    customer = fresh("c")
    page.goto(site.page("segment", npm.bundle(packages, "segment_page")))
    host = f"127.0.0.1:{shop.port}/v1"
    session = page.evaluate("([key, host]) => start(key, host)", [KEY, host])
    page.evaluate("customer => visit(customer)", customer)
    told = ["page", "Product Viewed", "Order Completed", "group", "screen"]
    shop.settles("registered", customer, *told)
    found = events(shop, "customers", "registered", customer)
    assert {event["session"] for event in found} == {session}
    first = found[0]["properties"]
    assert (first["name"], first["category"], first["theme"]) == (
        "Home",
        "Docs",
        "dark",
    )
    assert first["url"] == f"{site.origin}/segment.html"
    assert found[0]["context"]["library"]["name"] == "analytics.js"
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}
    assert seen["traits"] == {"groupId": f"{customer}-mesa"}


def test_segments_browser_library_knows_its_visitor_again_until_they_log_out(
    shop: Client, packages: Path, site: Site, page: Page
) -> None:
    customer, host = fresh("c"), f"127.0.0.1:{shop.port}/v1"
    url = site.page("segment", npm.bundle(packages, "segment_page"))
    sessions: list[str] = []
    for script in ("analytics.identify(id)", "analytics.track('Back')"):
        page.goto(url)
        sessions.append(page.evaluate("([key, host]) => start(key, host)", [KEY, host]))
        page.evaluate(f"id => {script}.then(() => null)", customer)
    sessions.append(page.evaluate("logout()"))
    page.evaluate("analytics.track('Somebody').then(() => null)")
    before, back, after = sessions
    assert before == back != after
    eventually(lambda: types(shop, "sessions", after), ["Somebody"])
    shop.settles("registered", customer, "Back")
    assert customer_of(shop, after) is None


def test_rudderstacks_browser_library(
    shop: Client, packages: Path, site: Site, page: Page
) -> None:
    """SG-01, SG-08: it asks for the source's configuration before it starts."""
    customer = fresh("c")
    page.goto(site.page("rudder", npm.bundle(packages, "rudder_page")))
    url = f"http://127.0.0.1:{shop.port}"
    session = page.evaluate("([key, url]) => start(key, url)", [KEY, url])
    # the form in which `sdk.js?with=adopt` reads it
    stored = f"RS_ENC_v3_{base64.b64encode(json.dumps(session).encode()).decode()}"
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    assert unquote(cookies["rl_anonymous_id"]) == stored
    page.evaluate("customer => visit(customer)", customer)
    shop.settles(
        "registered", customer, "page", "Product Viewed", "Order Completed", "group"
    )
    found = events(shop, "customers", "registered", customer)
    assert {event["session"] for event in found} == {session}
    eventually(
        lambda: customer_of(shop, f"{customer}-tablet"),
        {"type": "registered", "value": customer},
    )
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}


# -- the recordings -----------------------------------------------------------------------------


PEOPLE = re.compile(r'"(u1|u2|u3|anon1|anon2|anon3|an|a@b\.c|r@b\.c)"')


def replayed(shop: Client, recorded: Mapping[str, Any], mark: str) -> Reply:
    """A request as it was recorded, about people of our own, with our key and an origin that it allows."""
    recorded = json.loads(PEOPLE.sub(rf'"\1-{mark}"', json.dumps(recorded)))
    headers = {name.lower(): value for name, value in recorded["headers"].items()}
    sent = {
        name: headers[name]
        for name in ("content-type", "content-encoding", "anonymousid", "sentat")
        if name in headers
    }
    if "authorization" in headers:
        sent["authorization"] = basic(KEY)
    if "origin" in headers:
        sent["origin"] = "https://shop.example"
    body = {**recorded["body"]} if recorded["body"] else {}
    body |= {name: KEY for name in ("writeKey", "api_key") if name in body}
    raw = json.dumps(body).encode() if body else b""
    if "content-encoding" in headers:
        raw = gzip.compress(raw)
    path = recorded["path"].replace("RWEBKEY", KEY)
    return shop.send(recorded["method"], path, raw or None, sent)


@pytest.mark.parametrize(
    "recorded",
    [request for request in RECORDED if request["method"] == "POST"],
    ids=lambda request: request["path"],
)
def test_every_recording_is_answered_as_its_client_needs(
    shop: Client, recorded: dict[str, Any]
) -> None:
    mark = fresh()
    send(shop, "track", message(userId=f"u1-{mark}"))
    reply = replayed(shop, recorded, mark)
    assert reply.status == 200
    body = reply.json
    errors = body.pop("errors", [])
    assert body == TAKEN
    renames_a_customer = (
        recorded["path"] == "/v1/alias"
    )  # u1, who is one already, to u2
    assert [error["field"] for error in errors] == ["previousId"] * renames_a_customer


def test_a_recorded_batch_stands_on_the_timelines(shop: Client) -> None:
    """SG-01: segment-analytics-python's."""
    mark = fresh()
    assert replayed(shop, RECORDED[0], mark).json == TAKEN
    eventually(
        lambda: sorted(types(shop, "customers", "registered", f"u1-{mark}")),
        ["Order Completed", "group", "page", "screen"],
    )


@pytest.mark.parametrize(
    "recorded",
    [request for request in RECORDED if request["method"] == "OPTIONS"],
    ids=lambda request: request["path"].partition("?")[0],
)
def test_every_preflight_is_allowed(shop: Client, recorded: dict[str, Any]) -> None:
    asked = recorded["headers"]["Access-Control-Request-Headers"].split(",")
    headers = {
        "origin": "https://shop.example",
        "access-control-request-method": recorded["headers"][
            "Access-Control-Request-Method"
        ],
        "access-control-request-headers": ",".join(asked),
    }
    reply = shop.send("OPTIONS", recorded["path"], None, headers)
    assert reply.status == 204
    assert set(asked) <= set(reply.headers["access-control-allow-headers"].split(","))
    assert reply.headers["access-control-allow-origin"] == "https://shop.example"


def test_rudderstacks_clients_are_told_that_they_may_start(shop: Client) -> None:
    """SG-08."""
    (recorded,) = [request for request in RECORDED if request["method"] == "GET"]
    source = replayed(shop, recorded, "").json["source"]
    wanted = recorded["responded"]["body"]["source"]
    assert source == {**wanted, "id": "web", "name": "web", "writeKey": KEY}
    assert shop.send("GET", f"/sourceConfig?writeKey={KEY}").json["source"] == source
    assert shop.send("GET", "/sourceConfig?writeKey=nobodys").status == 401


# -- who may send, and how much -----------------------------------------------------------------


def message(**said: Any) -> dict[str, Any]:
    """A track message."""
    return {"type": "track", "event": "Seen", **said}


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        pytest.param("/v1/track", {"authorization": basic(KEY)}, {}, id="user"),
        pytest.param("/v1/track", {}, {"writeKey": KEY}, id="writeKey"),
        pytest.param(
            "/v1/t", {"authorization": "Basic ?"}, {"writeKey": KEY}, id="no base64"
        ),
        pytest.param(f"/v1/track?writeKey={KEY}", {}, {}, id="query"),
        pytest.param(
            f"/beacon/v1/batch?writeKey={KEY}", {}, {"batch": []}, id="beacon"
        ),
        pytest.param("/batch", {}, {"api_key": KEY, "batch": []}, id="api_key"),
        pytest.param("/batch/", {}, {"api_key": KEY, "batch": []}, id="with a slash"),
        pytest.param("/v1/b", {"authorization": basic(KEY)}, {"batch": []}, id="b"),
        pytest.param(
            "/v1/import", {"authorization": basic(KEY)}, {"batch": []}, id="import"
        ),
    ],
)
def test_the_write_key_stands_where_each_client_puts_it(
    shop: Client, path: str, headers: dict[str, str], body: dict[str, Any]
) -> None:
    """SG-03."""
    reply = shop.post(path, {**message(anonymousId=fresh()), **body}, **headers)
    assert (reply.status, reply.json) == (200, TAKEN)


@pytest.mark.parametrize("key", ["", "nobodys"])
def test_without_a_known_key_nothing_is_taken(shop: Client, key: str) -> None:
    reply = send(shop, "track", message(anonymousId=fresh()), key=key)
    assert reply.status == 401
    assert reply.json["code"] == "unknown_source"
    assert reply.json["message"] == reply.json["detail"]
    assert reply.json["success"] is False


def test_a_page_of_another_origin_may_not_send(shop: Client) -> None:
    body = message(anonymousId=fresh())
    assert send(shop, "t", body, origin="https://other.example").status == 403


def test_a_call_that_is_none_says_which_there_are(shop: Client) -> None:
    reply = send(shop, "merge", {})
    assert (reply.status, reply.json["code"]) == (404, "not_found")
    assert "alias" in reply.json["message"]


FULL = "x" * 31_000


@pytest.mark.parametrize(
    ("call", "body", "code", "field"),
    [
        pytest.param("track", b"{", "bad_json", None, id="no JSON"),
        pytest.param("track", b"[]", "invalid", None, id="no object"),
        pytest.param("batch", b'{"batch": {}}', "invalid", "batch", id="no list"),
        pytest.param(
            "track",
            json.dumps(
                message(anonymousId="a", properties={"a": FULL, "b": FULL})
            ).encode(),
            "too_large",
            None,
            id="a message of more than 32 KB",
        ),
        pytest.param(
            "batch",
            json.dumps({"batch": [message(anonymousId="a", p=FULL)] * 17}).encode(),
            "too_large",
            None,
            id="a batch of more than 500 KB",
        ),
        pytest.param(
            "batch",
            json.dumps({"batch": [{}] * 2501}).encode(),
            "too_large",
            "batch",
            id="more than 2,500 messages",
        ),
    ],
)
def test_what_is_no_call_or_too_large_is_refused(
    shop: Client, call: str, body: bytes, code: str, field: str | None
) -> None:
    """SG-04."""
    reply = shop.send("POST", f"/v1/{call}", body, {"authorization": basic(KEY)})
    assert (reply.status, reply.json["code"], reply.json.get("field")) == (
        400,
        code,
        field,
    )


def test_one_message_that_is_too_large_loses_no_other(shop: Client) -> None:
    session = fresh()
    many = dict.fromkeys("abc", "x" * 11000)  # each of them could be kept
    large = message(anonymousId=session, messageId="l", properties=many)
    reply = send(shop, "batch", {"batch": [large, message(anonymousId=session)]})
    (error,) = reply.json["errors"]
    assert (reply.status, error["index"], error["messageId"]) == (200, 0, "l")
    assert types(shop, "sessions", session) == ["Seen"]


def test_a_full_batch_about_many_people_is_taken(shop: Client) -> None:
    mark = fresh()
    batch = [
        message(anonymousId=f"{mark}-{n % 7}", event=f"e{n:04d}") for n in range(2500)
    ]
    assert send(shop, "batch", {"batch": batch}).json == TAKEN
    assert types(shop, "sessions", f"{mark}-3") == [
        f"e{n:04d}" for n in range(3, 2500, 7)
    ]


# -- what can't be is named, and the rest is stored ----------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"type": None}, "type", id="no type"),
        pytest.param({"type": "trakc"}, "type", id="unknown type"),
        pytest.param({"type": ["track"]}, "type", id="type is no text"),
        pytest.param({"event": None}, "event", id="no event"),
        pytest.param({"event": 5}, "event", id="event is no text"),
        pytest.param({"anonymousId": None}, "userId", id="nobody"),
        pytest.param({"anonymousId": " ", "userId": ""}, "userId", id="blanks"),
        pytest.param(
            {"anonymousId": "undefined"}, "anonymousId", id="identifies nobody"
        ),
        pytest.param({"anonymousId": {}}, "anonymousId", id="no ID"),
        pytest.param(
            {"anonymousId": "@registered=x"}, "anonymousId", id="a customer's own"
        ),
        pytest.param({"properties": [1]}, "properties", id="properties are no object"),
        pytest.param({"context": "x"}, "context", id="context is no object"),
        pytest.param({"messageId": {}}, "messageId", id="no message ID"),
        pytest.param({"type": "group"}, "groupId", id="no group"),
        pytest.param({"type": "group", "groupId": {}}, "groupId", id="no group's ID"),
        pytest.param({"type": "alias"}, "userId", id="alias to nobody"),
        pytest.param(
            {"type": "alias", "userId": "u", "anonymousId": None},
            "previousId",
            id="alias of nobody",
        ),
        pytest.param(
            {"type": "alias", "userId": "u", "previousId": "null"},
            "previousId",
            id="alias of null",
        ),
    ],
)
def test_a_fault_is_named_and_the_rest_of_the_batch_is_stored(
    shop: Client, change: dict[str, Any], field: str
) -> None:
    session = fresh()
    bad = {**message(anonymousId=session, messageId="bad"), **change}
    reply = send(
        shop, "batch", {"batch": [bad, message(anonymousId=session, event="Good")]}
    )
    assert reply.status == 200
    (error,) = reply.json["errors"]
    shown = {} if "messageId" in change else {"messageId": "bad"}
    assert error == {"index": 0, **shown, "field": field, "message": error["message"]}
    assert types(shop, "sessions", session) == ["Good"]


@pytest.mark.parametrize("field", ["timestamp", "originalTimestamp"])
def test_t5_a_time_that_is_none_is_named_and_the_event_is_stored(
    shop: Client, field: str
) -> None:
    session = fresh()
    bad = message(anonymousId=session, messageId="bad") | {field: "soon"}
    reply = send(shop, "batch", {"batch": [bad]})
    assert [error["field"] for error in reply.json["errors"]] == [field]
    assert types(shop, "sessions", session) == ["Seen"]


def test_s1_names_in_any_letters_are_stored_as_sent(shop: Client) -> None:
    session = fresh()
    sent = message(anonymousId=session, event="Größe gewählt", properties={"größe": 1})
    assert send(shop, "batch", {"batch": [sent]}).json == TAKEN
    (event,) = shop.get("sessions", session, "events").json["events"]
    assert (event["type"], event["properties"]) == ("Größe gewählt", {"größe": 1})


@pytest.mark.parametrize("bad", [None, 5, "x", [], [[]]])
def test_what_is_no_message_is_named_by_its_place(shop: Client, bad: object) -> None:
    session = fresh()
    reply = send(shop, "batch", {"batch": [message(anonymousId=session), bad]})
    assert [error["index"] for error in reply.json["errors"]] == [1]
    assert types(shop, "sessions", session) == ["Seen"]


def test_an_alone_message_that_can_not_be_used_is_named_in_a_200(shop: Client) -> None:
    reply = send(shop, "track", {"event": "Seen"})
    assert (reply.status, reply.json["success"]) == (200, True)
    assert reply.json["errors"][0]["field"] == "userId"


def test_a_user_id_that_can_be_none_is_named_and_the_event_stored_without_it(
    shop: Client,
) -> None:
    session = fresh()
    reply = send(shop, "track", message(anonymousId=session, userId="undefined"))
    assert [error["field"] for error in reply.json["errors"]] == ["userId"]
    assert types(shop, "sessions", session) == ["Seen"]
    assert customer_of(shop, session) is None


def test_a_session_that_can_be_none_is_named_and_the_event_is_the_customers(
    shop: Client,
) -> None:
    customer = fresh("c")
    reply = send(shop, "track", message(anonymousId="null", userId=customer))
    assert [error["field"] for error in reply.json["errors"]] == ["anonymousId"]
    shop.settles("registered", customer, "Seen")


def test_a_trait_that_can_not_be_kept_is_named_and_the_rest_said(shop: Client) -> None:
    session, customer = fresh(), fresh("c")
    traits = {"": 1, "größe": 38, "ok": True}
    reply = send(
        shop, "identify", {"anonymousId": session, "userId": customer, "traits": traits}
    )
    named = [error["field"] for error in reply.json["errors"]]
    assert named == ["traits."]
    assert shop.get("customers", "registered", customer).json["attributes"] == {
        "größe": 38,
        "ok": True,
    }


def test_traits_that_have_no_room_are_named_and_the_customer_is_known_all_the_same(
    shop: Client,
) -> None:
    customer = fresh("c")
    full = {f"a{n:03d}": n for n in range(255)}
    send(shop, "identify", {"userId": customer, "traits": full})
    more = {
        "userId": customer,
        "anonymousId": fresh(),
        "traits": {"a000": "new", "b": 1},
    }
    reply = send(shop, "identify", more)
    assert [error["field"] for error in reply.json["errors"]] == ["traits.b"]
    found = shop.get("customers", "registered", customer).json["attributes"]
    assert found == {**full, "a000": "new"}


def test_who_opted_out_is_told_that_nothing_was_stored(shop: Client) -> None:
    session = fresh()
    visitor = {"source": {"id": KEY}, "session": {"id": session}}
    shop.post("/consent", {**visitor, "tracking": "denied"})
    reply = send(shop, "track", message(anonymousId=session, messageId="m"))
    assert reply.status == 200
    (error,) = reply.json["errors"]
    assert error["messageId"] == "m"
    assert "opted out" in error["message"]
    assert types(shop, "sessions", session) == []


# -- what messages mean -------------------------------------------------------------------------


def test_everything_that_a_message_says_is_kept_but_addresses_and_integrations(
    shop: Client,
) -> None:
    session = fresh()
    context = {"ip": "192.0.2.1", "locale": "en", "campaign": {"name": "c"}}
    said = message(
        anonymousId=session, messageId="m", integrations={"All": False}, context=context
    )
    send(shop, "track", {**said, "properties": {"sku": "crowbar"}})
    (event,) = events(shop, "sessions", session)
    assert (event["type"], event["id"]) == ("Seen", "m")
    assert event["properties"] == {"sku": "crowbar"}
    assert event["context"] == {"locale": "en", "campaign": {"name": "c"}}
    assert "192.0.2.1" not in json.dumps(event)
    assert "integrations" not in event


def test_a_batchs_context_lies_under_that_of_each_message(shop: Client) -> None:
    session = fresh()
    batch = [message(anonymousId=session, context={"a": 2})]
    send(
        shop, "batch", {"batch": batch, "context": {"a": 1, "b": 1, "ip": "192.0.2.1"}}
    )
    (event,) = events(shop, "sessions", session)
    assert event["context"] == {"a": 2, "b": 1}


@pytest.mark.parametrize("kind", ["page", "screen"])
def test_a_page_has_its_name_and_category_among_its_properties(
    shop: Client, kind: str
) -> None:
    session = fresh()
    said = {
        "anonymousId": session,
        "name": "Home",
        "category": None,
        "properties": {"url": "/"},
    }
    send(shop, kind, said)
    (event,) = events(shop, "sessions", session)
    assert (event["type"], event["properties"]) == (kind, {"url": "/", "name": "Home"})


def test_identify_brings_the_whole_session_along(shop: Client) -> None:
    session, customer = fresh(), fresh("c")
    send(shop, "track", message(anonymousId=session, event="Before"))
    send(shop, "identify", {"anonymousId": session, "userId": customer})
    send(shop, "track", message(anonymousId=session, event="After"))
    shop.settles("registered", customer, "Before", "After")


def test_an_event_with_both_ids_links_as_well(shop: Client) -> None:
    session, customer = fresh(), fresh("c")
    send(shop, "track", message(anonymousId=session, event="Before"))
    send(shop, "track", message(anonymousId=session, userId=customer, event="Bought"))
    shop.settles("registered", customer, "Before", "Bought")


def test_each_of_two_users_on_one_device_keeps_their_own_events(shop: Client) -> None:
    session, first, second = fresh(), fresh("c"), fresh("c")
    for user, event in ((first, "Theirs"), (second, "Others")):
        send(
            shop, "track", message(anonymousId=session, userId=user, event=event), OPEN
        )
    shop.settles("registered", first, "Theirs")
    shop.settles("registered", second, "Others")


def test_a_source_that_refuses_a_second_user_names_what_it_does_not_store(
    shop: Client,
) -> None:
    session, first, second = fresh(), fresh("c"), fresh("c")
    send(shop, "track", message(anonymousId=session, userId=first), "refuse-key")
    for call in ("track", "identify"):
        said = message(
            anonymousId=session, userId=second, traits={"email": f"{second}@x.y"}
        )
        (error,) = send(shop, call, said, "refuse-key").json["errors"]
        assert "anonymize" in error["message"]
    assert customer_of(shop, session)["value"] == first
    assert types(shop, "sessions", session) == ["Seen"]


def test_traits_of_nobody_yet_become_the_customers(shop: Client) -> None:
    session, customer = fresh(), fresh("c")
    traits = {"email": f"{customer}@x.y", "size": "M"}
    send(shop, "identify", {"anonymousId": session, "traits": traits})
    assert customer_of(shop, session) is None
    send(shop, "identify", {"anonymousId": session, "userId": customer})
    eventually(
        lambda: shop.get("customers", "registered", customer).json.get("attributes"),
        traits,
    )
    assert (
        "email" not in shop.get("customers", "registered", customer).json["identifiers"]
    )


def test_an_address_identifies_beside_a_user_id_only_and_one_that_is_none_is_named(
    shop: Client,
) -> None:
    customer = fresh("c")
    good = {"userId": customer, "traits": {"email": f"{customer}@X.y"}}
    assert send(shop, "identify", good).json == TAKEN
    assert (
        shop.get("customers", "email", f"{customer}@x.y").json["customer"]["value"]
        == customer
    )
    reply = send(shop, "identify", {"userId": customer, "traits": {"email": "n/a"}})
    assert [error["field"] for error in reply.json["errors"]] == ["traits.email"]
    assert shop.get("customers", "registered", customer).json["attributes"] == {
        "email": "n/a"
    }


def test_an_address_that_changes_hands_is_told(shop: Client) -> None:
    first, second = fresh("c"), fresh("c")
    traits = {"email": f"{first}@x.y"}
    send(shop, "identify", {"userId": first, "traits": traits})
    (warning,) = send(shop, "identify", {"userId": second, "traits": traits}).json[
        "warnings"
    ]
    assert "email" in warning


def test_a_group_stands_in_an_event_and_with_the_customer(shop: Client) -> None:
    customer = fresh("c")
    send(
        shop,
        "group",
        {"userId": customer, "groupId": 7, "traits": {"name": "Black Mesa"}},
    )
    shop.settles("registered", customer, "group")
    (event,) = events(shop, "customers", "registered", customer)
    assert event["properties"] == {"groupId": "7", "traits": {"name": "Black Mesa"}}
    assert shop.get("customers", "registered", customer).json["traits"] == {
        "groupId": "7"
    }


def test_alias_joins_an_id_that_the_client_made_up(shop: Client) -> None:
    session, customer = fresh(), fresh("c")
    send(shop, "track", message(anonymousId=session, event="Before"))
    reply = send(shop, "alias", {"previousId": session, "userId": customer})
    assert reply.json == TAKEN
    shop.settles("registered", customer, "Before")


def test_alias_never_merges_two_customers_and_says_so(shop: Client) -> None:
    first, second = fresh("c"), fresh("c")
    for customer in (first, second):
        send(shop, "track", message(userId=customer, event=customer))
    reply = send(
        shop, "alias", {"previousId": first, "userId": second, "messageId": "m"}
    )
    (error,) = reply.json["errors"]
    assert (error["messageId"], error["field"]) == ("m", "previousId")
    assert "never merge" in error["message"]
    for customer in (first, second):
        shop.settles("registered", customer, customer)
    assert shop.get("sessions", first).status == 404


def test_alias_to_oneself_says_nothing(shop: Client) -> None:
    customer, session = fresh("c"), fresh()
    said = {"previousId": customer, "userId": customer, "anonymousId": session}
    assert send(shop, "alias", said).json == TAKEN
    assert [shop.get("sessions", one).status for one in (session, customer)] == [
        404,
        404,
    ]


# -- times --------------------------------------------------------------------------------------


def at(**ago: float) -> str:
    """A time that is so long ago."""
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def test_a_batch_that_is_sent_again_is_stored_once(shop: Client) -> None:
    """SG-05, SG-06: `sentAt` is another one then, and the events' times stay what they were."""
    session, customer = fresh(), fresh("c")
    batch = [
        message(messageId="1", originalTimestamp=at(seconds=9), anonymousId=session),
        message(
            messageId="2", timestamp=at(seconds=8), anonymousId=session, userId=customer
        ),
        message(messageId="3", timestamp=at(seconds=7), userId=customer),
        {
            "type": "identify",
            "timestamp": at(seconds=6),
            "userId": customer,
            "traits": {"a": 1},
        },
    ]
    for seconds in (1, 0, -20):
        assert (
            send(shop, "batch", {"batch": batch, "sentAt": at(seconds=seconds)}).json
            == TAKEN
        )
    eventually(
        lambda: [e["id"] for e in events(shop, "customers", "registered", customer)],
        ["1", "2", "3"],
    )


@pytest.mark.parametrize("hours", [3, -3], ids=["slow", "fast"])
@pytest.mark.parametrize("place", ["body", "header"])
def test_a_clock_that_is_wrong_is_corrected_once_a_session(
    shop: Client, hours: int, place: str
) -> None:
    """SG-06: the time is when it was received, less what lay between the event and its sending."""
    session, happened = fresh(), at(hours=hours, minutes=10)
    said = message(anonymousId=session, messageId="1", originalTimestamp=happened)
    for sent in (at(hours=hours), at(hours=hours, seconds=-2)):
        body = {**said, "sentAt": sent} if place == "body" else said
        headers = {"sentat": sent} if place == "header" else {}
        assert send(shop, "track", body, **headers).json == TAKEN
    (event,) = events(shop, "sessions", session)
    time, received = (
        datetime.fromisoformat(event[name]) for name in ("time", "received")
    )
    assert abs(received - time - timedelta(minutes=10)) < timedelta(seconds=5)
    assert event["sent_time"] == happened


def test_a_sending_time_that_is_none_is_told_and_loses_nothing(shop: Client) -> None:
    session = fresh()
    reply = send(shop, "track", message(anonymousId=session, sentAt="soon"))
    assert reply.status == 200
    assert reply.json["warnings"][0].startswith("sentAt: ")
    assert types(shop, "sessions", session) == ["Seen"]


def test_messages_without_times_keep_their_order(shop: Client) -> None:
    session, first, second = fresh(), fresh("c"), fresh("c")
    batch = [
        message(anonymousId=session, event="1"),
        {"type": "identify", "anonymousId": session, "userId": first},
        message(anonymousId=session, event="2"),
        {"type": "identify", "anonymousId": session, "userId": second},
        message(anonymousId=session, event="3"),
    ]
    assert send(shop, "batch", {"batch": batch}, OPEN).json == TAKEN
    shop.settles("registered", first, "1", "2")
    shop.settles("registered", second, "3")


def test_each_message_is_taken_back_by_itself(shop: Client) -> None:
    session, first, second = fresh(), fresh("c"), fresh("c")
    said = (
        {"type": "identify", "anonymousId": session, "userId": u}
        for u in (first, second)
    )
    send(shop, "batch", {"batch": [message(anonymousId=session), *said]})
    assert customer_of(shop, session)["value"] == second
    shop.unlink(session)
    assert customer_of(shop, session)["value"] == first


# -- PostHog ------------------------------------------------------------------------------------


def capture(shop: Client, *batch: dict[str, Any]) -> Reply:
    return shop.post("/batch/", {"api_key": KEY, "batch": list(batch)})


def test_a_distinct_id_is_a_customer_unless_its_event_says_otherwise(
    shop: Client,
) -> None:
    customer, session, device, kept = (
        fresh("c"),
        fresh(),
        fresh("device"),
        fresh("kept"),
    )
    reply = capture(
        shop,
        {
            "event": "a",
            "distinct_id": customer,
            "properties": {"$ip": "192.0.2.1", "p": 1},
        },
        {"event": "b", "distinct_id": session, "properties": {"$is_identified": False}},
        {"event": "c", "distinct_id": device, "properties": {"$device_id": device}},
        {"event": "d", "properties": {"distinct_id": customer, "$device_id": kept}},
    )
    assert reply.json == TAKEN
    shop.settles("registered", customer, "a", "d")
    first, last = events(shop, "customers", "registered", customer)
    assert first["properties"] == {"p": 1}
    assert last["session"] == kept
    for one, type_ in ((session, "b"), (device, "c")):
        assert types(shop, "sessions", one) == [type_]
        assert customer_of(shop, one) is None


def test_identify_and_set_say_who_a_customer_is(shop: Client) -> None:
    session, customer = fresh(), fresh("c")
    before = {
        "event": "a",
        "distinct_id": session,
        "properties": {"$is_identified": False},
    }
    values = {"email": f"{customer}@x.y", "size": "M"}
    capture(
        shop,
        before,
        {
            "event": "$identify",
            "distinct_id": customer,
            "properties": {"$anon_distinct_id": session, "$set": values},
        },
        {"event": "b", "distinct_id": customer, "properties": {"$set": {"size": "L"}}},
    )
    shop.settles("registered", customer, "a", "b")
    found = shop.get("customers", "registered", customer).json
    assert found["attributes"] == {**values, "size": "L"}
    assert found["identifiers"]["email"] == [f"{customer}@x.y"]


def test_a_groups_own_traits_are_nobodys(shop: Client) -> None:
    made_up = fresh("group")
    said = {"$group_type": "company", "$group_key": "mesa", "$group_set": {"n": 1}}
    reply = capture(
        shop, {"event": "$groupidentify", "distinct_id": made_up, "properties": said}
    )
    assert reply.json == TAKEN
    (event,) = events(shop, "sessions", made_up)
    assert event["type"] == "group"
    assert event["properties"] == {
        "groupType": "company",
        "groupId": "mesa",
        "traits": {"n": 1},
    }
    assert customer_of(shop, made_up) is None


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"event": "a"}, "distinct_id"),
        ({"event": "a", "distinct_id": "null"}, "distinct_id"),
        ({"event": "a", "distinct_id": {}}, "distinct_id"),
        ({"event": 5, "distinct_id": "u"}, "event"),
        ({"distinct_id": "u"}, "event"),
        ({"event": "a", "distinct_id": "u", "timestamp": "soon"}, "timestamp"),
        ({"event": "a", "distinct_id": "u", "properties": 5}, "properties"),
        ({"event": "$set", "distinct_id": "u", "$set": 5}, "$set"),
        ({"event": "$set", "distinct_id": "u", "$set": {"": 5}}, "$set."),
        ({"event": "$set_once", "distinct_id": "u", "$set_once": 1}, "$set_once"),
        ({"event": "$unset", "distinct_id": "u", "$unset": [1]}, "$unset"),
        (
            {"event": "$create_alias", "distinct_id": "u", "properties": {}},
            "properties.distinct_id",
        ),
        (
            {"event": "$create_alias", "properties": {"distinct_id": "u"}},
            "properties.alias",
        ),
    ],
)
def test_a_fault_in_one_of_posthogs_events_is_named(
    shop: Client, said: dict[str, Any], field: str
) -> None:
    customer = fresh("c")
    reply = capture(
        shop, {"uuid": "bad", **said}, {"event": "good", "distinct_id": customer}
    )
    assert reply.status == 200
    (error,) = reply.json["errors"]
    assert error == {
        "index": 0,
        "messageId": "bad",
        "field": field,
        "message": error["message"],
    }
    shop.settles("registered", customer, "good")


def test_an_alias_of_a_customer_is_refused(shop: Client) -> None:
    first, second = fresh("c"), fresh("c")
    said = {
        "event": "$create_alias",
        "properties": {"distinct_id": first, "alias": second},
    }
    seen = ({"event": "a", "distinct_id": one} for one in (first, second))
    reply = capture(shop, *seen, said)
    assert [error["field"] for error in reply.json["errors"]] == [
        "properties.distinct_id"
    ]
    shop.settles("registered", first, "a")


def test_w12_posthogs_values_are_set_once_and_removed(shop: Client) -> None:
    customer = fresh("c")
    steps: list[dict[str, Any]] = [
        {"event": "$set_once", "$set_once": {"first": 1, "last": 1}},
        {"event": "a", "properties": {"$set_once": {"first": 2}, "$set": {"last": 2}}},
        {"event": "$set", "$set": {"gone": 3}},
        {"event": "b", "properties": {"$unset": ["gone"]}},
    ]
    for step in steps:
        assert capture(shop, {"distinct_id": customer, **step}).json == TAKEN
    eventually(
        lambda: shop.get("customers", "registered", customer).json["attributes"],
        {"first": 1, "last": 2},
    )
    shop.settles("registered", customer, "a", "b")


def test_p5_posthog_node_names_the_anonymous_id_as_the_alias(shop: Client) -> None:
    customer, anonymous = fresh("c"), fresh("a")
    before = {
        "event": "before",
        "distinct_id": anonymous,
        "properties": {"$process_person_profile": False},
    }
    alias = {
        "event": "$create_alias",
        "distinct_id": customer,
        "properties": {"distinct_id": customer, "alias": anonymous},
    }
    capture(shop, {"event": "seen", "distinct_id": customer}, before)
    assert capture(shop, alias).json == TAKEN
    eventually(lambda: sorted(shop.types("registered", customer)), ["before", "seen"])
    assert shop.get("customers", "registered", anonymous).status == 404


def test_posthogs_event_that_is_sent_again_is_stored_once(shop: Client) -> None:
    customer = fresh("c")
    one = {
        "event": "a",
        "uuid": "1",
        "timestamp": at(seconds=9),
        "distinct_id": customer,
    }
    for _ in range(2):
        assert capture(shop, one).json == TAKEN
    shop.settles("registered", customer, "a")
