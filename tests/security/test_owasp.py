"""OWASP API Security Top 10 (2023): at least one test for each row."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from typing import Any

import pytest

from infra import routes, topology
from infra.routes import Route
from tests.http.service import KEY, OTHER_KEY, Reply, fresh
from tests.security.shop import BASIC, PUBLIC_READING, READING, WRITING, Shop, path
from tests.support import documents

READ_ROUTES = [
    r for r in routes.ROUTES if r.key in READING and r.key not in PUBLIC_READING
]
NETWORK = {
    "aiohttp",
    "ftplib",
    "http",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "ssl",
    "urllib3",
}
"""What a function would need to call anybody; botocore calls AWS, and nobody else."""
NO_KEYS = {
    "nothing": None,
    "a write key": "Bearer web-key",
    "a wrong key": "Bearer " + KEY[:-1] + "x",
    "an empty key": "Bearer ",
    "another scheme": f"Digest {KEY}",
    "the key alone": KEY,
}


def ids(route: Route) -> str:
    return route.key


def call(shop: Shop, route: Route, authorization: str | None) -> Reply:
    headers = {} if authorization is None else {"authorization": authorization}
    body = b"{}" if route.method == "POST" else b""
    return shop.send(route.method, path(route), body, headers)


def turned_away(reply: Reply) -> bool:
    """Whether a key was not good enough; Exponea's API says so with 400."""
    if reply.status in (401, 403):
        return True
    return reply.status == 400 and reply.json["error"] == "Could not authenticate"


@pytest.fixture(scope="module")
def gordon(shop: Shop) -> str:
    """A customer with history, and everything that could be read of one."""
    who = fresh("gordon")
    shop.track("a-session", "view")
    more: dict[str, Any] = {"properties": {"secret": "lambda core"}}
    shop.identify("a-session", who, **more)
    email = {"registered": who, "email": f"{who}@blackmesa.com"}
    body = {"source": {"id": "web-key"}, "session": {"id": "a-session"}, "ids": email}
    assert shop.post("/identify", body).status == 200
    shop.drain()
    assert (
        shop.get(f"/customers/registered/{who}").json["attributes"]
        == more["properties"]
    )
    return who


# -- API1: broken object level authorization ------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/customers/registered/{who}",
        "/customers/registered/{who}/events",
        "/customers/email/{who}@blackmesa.com",
        "/sessions/a-session",
        "/sessions/a-session/events",
        "/sessions/a-session/verdicts",
        "/tracking-user?customer_id={who}",
    ],
)
def test_api1_another_projects_key_finds_nobody_of_this_one(
    shop: Shop, gordon: str, target: str
) -> None:
    assert shop.get(target.format(who=gordon)).status == 200
    assert shop.get(target.format(who=gordon), OTHER_KEY).status == 404


def test_api1_another_projects_key_undoes_nothing(shop: Shop, gordon: str) -> None:
    reply = shop.post(
        "/sessions/a-session/unlink", {}, authorization=f"Bearer {OTHER_KEY}"
    )
    assert reply.status == 404
    assert shop.get("/sessions/a-session").json["customer"]["value"] == gordon


def test_api1_a_name_with_a_slash_stays_in_its_project(shop: Shop, gordon: str) -> None:
    """Keys are `project/...`: no ID may climb out of its own."""
    for id_ in ("..%2Fshop%2Fa-session", "%2Fshop%2Fa-session", "shop%2Fa-session"):
        assert shop.get(f"/sessions?id={id_}", OTHER_KEY).status == 404


# -- API2: broken authentication ------------------------------------------------------------------


@pytest.mark.parametrize("route", READ_ROUTES, ids=ids)
@pytest.mark.parametrize("authorization", NO_KEYS.values(), ids=NO_KEYS)
def test_api2_nothing_but_a_server_key_reads(
    shop: Shop, gordon: str, route: Route, authorization: str | None
) -> None:
    reply = call(shop, route, authorization)
    assert turned_away(reply), (reply.status, reply.body)
    assert gordon.encode() not in reply.body


def test_api2_no_key_in_a_query_is_taken_for_reading(shop: Shop, gordon: str) -> None:
    """It would stand in logs and histories."""
    for name in ("key", "access_token", "authorization", "token"):
        assert (
            shop.get(f"/customers/registered/{gordon}?{name}={KEY}", None).status == 401
        )


# -- API3: broken object property level authorization ---------------------------------------------


def test_api3_what_is_ours_to_say_is_not_taken_from_a_caller(shop: Shop) -> None:
    who, session = fresh("c"), fresh()
    ours: dict[str, Any] = {
        **dict.fromkeys(("trusted", "own", "denied", "known"), True),
        **dict.fromkeys(("now", "rev", "expires", "jitter"), 10**12),
        **dict.fromkeys(("policy", "evidence", "owner"), "mine"),
    }
    shop.track(session, "view", **ours)
    assert shop.identify(session, who, **ours).status == 200
    shop.drain()
    found = shop.get(f"/customers/registered/{who}").json
    assert found["attributes"] == {}
    assert [s["id"] for s in found["sessions"]] == [session]
    (why,) = shop.get(f"/sessions/{session}").json["why"]
    assert why["evidence"] != "mine"
    reply = shop.identify(session, fresh("c"), "signed-key", **ours)
    assert reply.status == 403  # a caller does not trust itself


def test_api3_an_event_has_no_field_that_the_service_writes(shop: Shop) -> None:
    session = fresh()
    event = {
        "type": "view",
        "received": "2001-01-01",
        "source": "other",
        "session": "x",
    }
    body = {"source": {"id": "web-key"}, "session": {"id": session}, "events": [event]}
    assert shop.post("/track", body).json["results"][0]["status"] == "stored"
    (found,) = shop.get(f"/sessions/{session}/events").json["events"]
    assert found["session"] == session
    assert "2001" not in json.dumps(found)
    assert found.get("source") != "other"


def test_api3_a_write_key_learns_no_identifier_that_it_did_not_send(
    shop: Shop, gordon: str
) -> None:
    email = f"{gordon}@blackmesa.com"
    for session in (fresh(), "a-session"):
        body = {
            "source": {"id": "web-key"},
            "session": {"id": session},
            "ids": {"email": email},
        }
        reply = shop.post("/identify", body)
        assert reply.json["customer"] == {"type": "email", "value": email}
        assert "lambda core" not in reply.body.decode()
        assert f'"{gordon}"' not in reply.body.decode()


# -- API4: unrestricted resource consumption: tests/security/test_limits.py and tests/component


def test_api4_every_page_of_an_answer_ends(shop: Shop, gordon: str) -> None:
    for limit in (
        0,
        -1,
        1001,
        "x",
        "1e3",
        "9" * 400,
        "0000000011001",
        "000000001" + "9" * 5000,
    ):
        assert (
            shop.get(f"/customers/registered/{gordon}/events?limit={limit}").status
            == 400
        )


def test_api4_every_function_ends_by_itself() -> None:
    assert all(0 < f.timeout <= 900 for f in topology.FUNCTIONS_BY_NAME.values())


# -- API5: broken function level authorization ----------------------------------------------------


def test_api5_every_route_is_one_that_the_public_may_call_or_wants_a_server_key(
    shop: Shop,
) -> None:
    """A new route is neither by accident: it is named here, or refuses."""
    public_gets = {
        r.key
        for r in routes.ROUTES
        if r.method == "GET"
        and r.function in ("sdk", "console", "health", "collect", "segment", "visitor")
    } | {r.key for r in routes.ROUTES if r.method == "GET" and r.function == "exponea"}
    known = {r.key for r in [*READ_ROUTES, *WRITING]} | public_gets | PUBLIC_READING
    assert {r.key for r in routes.ROUTES} - known == {
        "PUT /track",
        "OPTIONS /{proxy+}",
    }
    assert {r.function for r in READ_ROUTES} == {
        "customers",
        "erase",
        "exponeadata",
        "orders",
    }


@pytest.mark.parametrize("route", READ_ROUTES, ids=ids)
def test_api5_a_write_key_is_no_server_key_in_any_scheme(
    shop: Shop, route: Route
) -> None:
    for authorization in ("Bearer web-key", "Token web-key", "Basic OndlYi1rZXk="):
        assert turned_away(call(shop, route, authorization))


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
def test_api5_another_method_is_no_way_round(
    shop: Shop, gordon: str, method: str
) -> None:
    for target in (
        f"/customers/registered/{gordon}",
        "/sessions/a-session/unlink",
        "/identify",
    ):
        headers = {"authorization": f"Bearer {KEY}"}
        assert shop.send(method, target, b"", headers).status == 404


# -- API6: unrestricted access to sensitive business flows ----------------------------------------


def test_api6_nobody_takes_over_a_customer_where_that_has_to_be_proven(
    shop: Shop, gordon: str, counted: Callable[[str], int]
) -> None:
    session = fresh()
    assert shop.identify(session, gordon, "signed-key").status == 403
    body = {
        "source": {"id": "signed-key"},
        "ids": {"registered": gordon},
        "properties": {"a": 1},
    }
    assert shop.post("/update", body).status == 403
    assert counted("links_unproven") == 2
    found = shop.get(f"/customers/registered/{gordon}").json
    assert "a" not in found["attributes"]
    assert session not in {s["id"] for s in found["sessions"]}


# -- API7: server side request forgery ------------------------------------------------------------


def test_api7_no_function_calls_anybody_a_caller_names() -> None:
    found = {
        (file.name, name)
        for file in topology.FUNCTIONS.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in _imported(node)
        if name in NETWORK or name.startswith("urllib.request")
    }
    assert found == set()


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []


def test_api7_a_redirect_leads_where_its_source_says_and_nowhere_else(
    shop: Shop,
) -> None:
    for query in (
        "url=https://evil.example",
        "redirect=//evil.example",
        "next=https://evil",
    ):
        reply = shop.send("GET", f"/redirect/sale?{query}")
        assert (reply.status, reply.headers["location"]) == (
            307,
            "https://shop.example/sale?a=1",
        )
    assert shop.send("GET", "/redirect/https:%2F%2Fevil.example").status == 400


# -- API8: security misconfiguration --------------------------------------------------------------


@pytest.mark.parametrize("route", WRITING, ids=ids)
def test_api8_a_site_that_no_source_names_may_call_nothing(
    shop: Shop, route: Route
) -> None:
    if route.function == "console":
        return
    headers = {"origin": "https://evil.example", "authorization": BASIC}
    reply = shop.send("POST", path(route), b"{}", headers)
    if reply.status < 400:  # it may read why it is refused, and nothing else
        assert not [name for name in reply.headers if name.startswith("access-control")]


def test_api8_an_origin_is_allowed_for_its_own_source_alone(shop: Shop) -> None:
    body = {
        "source": {"id": "split-key"},
        "session": {"id": fresh()},
        "events": [{"type": "a"}],
    }
    assert shop.post("/track", body, origin="https://shop.example").status == 403
    assert shop.post("/track", body, origin="https://split.example").status == 200
    for origin in (
        "",
        "null",
        "https://split.example.evil",
        "https://evil-split.example",
        "*",
    ):
        assert shop.post("/track", body, origin=origin).status == 403


def test_api8_an_error_says_nothing_of_the_machine(shop: Shop) -> None:
    for sent in (b"{", b"[]", b'{"source": {"id": []}}', b'{"source": 1e999}', b"\xff"):
        reply = shop.send("POST", "/track", sent)
        assert reply.headers["content-type"] == "application/json"
        text = reply.body.decode()
        assert not [
            w
            for w in ("Traceback", ".py", "/var/task", "hardlink.", "boto")
            if w in text
        ]


@pytest.mark.parametrize("route", routes.ROUTES, ids=ids)
def test_api8_what_is_about_somebody_is_kept_by_no_cache(
    shop: Shop, route: Route
) -> None:
    if route.function in ("console", "sdk", "preflight"):
        return  # files and headers, the same for everybody
    for key in (BASIC, f"Bearer {KEY}", None):
        assert call(shop, route, key).headers["cache-control"] == "no-store"


# -- API9: improper inventory management ----------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        *(
            "/",
            "/admin",
            "/debug",
            "/docs",
            "/swagger.json",
            "/metrics",
            "/.env",
            "/v0/track",
        ),
        *(
            "/customers/registered",
            "/customer",
            "/console/../../etc/passwd",
        ),
        *(
            "/console/%2e%2e/handler.py",
            "/console/handler.py",
            "/sdk.map",
            "/sources.toml",
        ),
    ],
)
def test_api9_what_is_no_route_is_not_there(shop: Shop, target: str) -> None:
    assert shop.get(target).status == 404


def test_api9_the_documents_name_every_function() -> None:
    readme = documents.read_all()
    words = {"xo": "Attraqt", "helloretail": "Hello Retail", "exponeadata": "/data/v2/"}
    missing = [
        name
        for name in topology.FUNCTIONS_BY_NAME
        if words.get(name, name) not in readme
    ]
    assert missing == []


# -- API10: unsafe consumption of APIs ------------------------------------------------------------


def test_api10_what_another_system_says_is_held_to_the_same_rules(shop: Shop) -> None:
    """No function calls another API (API7). What their clients send is validated as anything else is."""
    for value in ("undefined", "0", "x" * 257, "a\x00b"):
        user = {"identities": {"sessionId": fresh(), "ecommerceId": value}}
        shop.post(
            "/web-key", {"action": "view", "target": {"product": "1"}, "user": user}
        )
        shop.post("/v1/identify", {"writeKey": "web-key", "userId": value})
        order = {"orderNumber": fresh(), "date": "2026-10-01", "customerId": value}
        reply = shop.post("/orders", [order], authorization=f"Bearer {KEY}")
        assert reply.json["rejected"] == 1
    shop.drain()
    assert shop.get("/customers/registered/undefined").status == 400


def test_api10_a_message_about_what_does_not_exist_changes_nothing(shop: Shop) -> None:
    """A stream record names an item, and is believed nothing else: its image is not looked at."""
    keys = {"customer": {"S": f"shop/profile={fresh()}"}, "item": {"S": "#"}}
    image = {**keys, "rev": {"N": "9"}, "link": {"S": "registered=gordon"}}
    change = {"Keys": keys, "NewImage": image, "SequenceNumber": "1"}
    arn = "arn:aws:dynamodb:eu-west-1:1:table/customers/stream/1"
    record = {"eventSourceARN": arn, "eventName": "INSERT", "dynamodb": change}
    answer = shop.deployment.invoke("associate", {"Records": [record]})
    assert answer == {"batchItemFailures": []}
    assert (
        shop.get(f"/customers/profile/{keys['customer']['S'].partition('=')[2]}").status
        == 404
    )
