"""Browsers of allowed origins may call, with their credentials; pages of other sites read why not."""

from __future__ import annotations

import json

import pytest

from hardlink.web import cors
from infra import routes
from tests.http.service import KEY, SOURCES, Client, Reply, fresh

ALLOWED = "https://shop.example"
STRANGERS = [
    "https://evil.example",
    "null",
    "https://shop.example.evil.example",
    "http://shop.example",
    "https://shop.example:8443",
    "HTTPS://SHOP.EXAMPLE",
    "*",
    "https://shop.example/",
]


def preflight(shop: Client, path: str, origin: str) -> Reply:
    asked = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    return shop.send("OPTIONS", path, None, {"origin": origin, **asked})


def track(shop: Client, origin: str, source: str = "web-key") -> Reply:
    body = {
        "source": {"id": source},
        "session": {"id": fresh()},
        "events": [{"type": "a"}],
    }
    return shop.send("POST", "/track", json.dumps(body).encode(), {"origin": origin})


def of_cors(reply: Reply) -> dict[str, str]:
    return {
        n: v
        for n, v in reply.headers.items()
        if n.startswith("access-control") or n == "vary"
    }


@pytest.mark.parametrize(
    "path", [*sorted({route.path for route in routes.ROUTES}), "/nothing"]
)
def test_the_preflight_of_an_allowed_origin(shop: Client, path: str) -> None:
    reply = preflight(shop, path, ALLOWED)
    assert (reply.status, reply.body) == (204, b"")
    assert of_cors(reply) == {
        "access-control-allow-origin": ALLOWED,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "apigw-requestid,retry-after,x-request-id",
        "access-control-allow-methods": ",".join(cors.ALLOWED_METHODS),
        "access-control-allow-headers": ",".join(cors.ALLOWED_HEADERS),
        "access-control-max-age": str(cors.MAX_AGE),
        "vary": "origin",
    }


@pytest.mark.parametrize("origin", STRANGERS)
def test_p3_the_preflight_of_a_stranger_lets_its_page_read_the_refusal(
    shop: Client, origin: str
) -> None:
    reply = preflight(shop, "/track", origin)
    assert reply.status == 204
    assert of_cors(reply)["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    "header", ["baggage", "sentry-trace", "traceparent", "tracestate"]
)
def test_p2_a_page_with_a_tracing_library_may_call(shop: Client, header: str) -> None:
    reply = preflight(shop, "/track", ALLOWED)
    assert header in reply.headers["access-control-allow-headers"].split(",")


def test_a_preflight_without_an_origin_gets_no_cors(shop: Client) -> None:
    assert of_cors(shop.send("OPTIONS", "/track")) == {}


@pytest.mark.parametrize("origin", [ALLOWED, "http://127.0.0.1:9999"])
def test_a_call_from_an_allowed_origin(shop: Client, origin: str) -> None:
    reply = track(shop, origin)
    assert reply.status == 200
    assert of_cors(reply) == {
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "apigw-requestid,retry-after,x-request-id",
        "vary": "origin",
    }


@pytest.mark.parametrize("origin", STRANGERS)
def test_p3_a_call_from_a_stranger_is_403_and_its_page_reads_why(
    shop: Client, origin: str
) -> None:
    reply = track(shop, origin)
    assert (reply.status, reply.error["code"]) == (403, "origin_not_allowed")
    assert "add it to its origins" in reply.error["message"]
    assert reply.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/track", {"source": {"id": "no-such-key"}}),
        ("/no-such-key", {"activity": []}),
        ("/bulk", {"commands": [{"name": "a", "data": {"company_id": "no-such-key"}}]}),
        ("/managed-tags/show", {"company_id": "no", "customer_ids": {"cookie": "c"}}),
        ("/batch", {"api_key": "no-such-key", "batch": []}),
    ],
)
def test_p3_a_page_reads_that_its_key_is_wrong(
    shop: Client, path: str, body: object
) -> None:
    reply = shop.post(path, body, origin="https://new-shop.example")
    assert 400 <= reply.status < 500
    assert reply.headers["access-control-allow-origin"] == "https://new-shop.example", (
        reply.body
    )


def test_p3_a_page_reads_that_a_server_key_is_wrong(shop: Client) -> None:
    for key in ({}, {"authorization": "Bearer web-key"}):
        headers = {"origin": "https://evil.example", **key}
        reply = shop.send("GET", "/customers?registered=gordon", None, headers)
        assert (reply.status, reply.error["code"]) == (401, "unauthorized")
        assert reply.headers["access-control-allow-origin"] == "https://evil.example"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/project", 200),
        ("GET", "/health", 200),
        ("GET", "/sdk.js", 200),
        ("GET", "/customers?registered=nobody-here", 404),
        ("POST", "/track", 400),
    ],
)
def test_p3_a_stranger_reads_nothing_but_refusals(
    shop: Client, method: str, path: str, status: int
) -> None:
    headers = {"origin": "https://evil.example", "authorization": f"Bearer {KEY}"}
    reply = shop.send(method, path, b"{" if method == "POST" else None, headers)
    assert reply.status == status
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin", ["null", "capacitor://localhost", "ionic://localhost"]
)
def test_p1_apps_and_sandboxed_frames_may_call_where_their_source_says_so(
    shop: Client, origin: str
) -> None:
    reply = track(shop, origin, "app-key")
    assert (reply.status, reply.json["results"][0]["status"]) == (200, "stored")
    assert reply.headers["access-control-allow-origin"] == origin
    allowed = preflight(shop, "/track", origin).headers
    assert allowed["access-control-allow-origin"] == origin
    assert track(shop, origin, "web-key").status == 403


def test_p1_a_sandboxed_frame_reads_nothing_that_belongs_to_cookies(
    shop: Client,
) -> None:
    for reply in (track(shop, "null", "app-key"), preflight(shop, "/track", "null")):
        assert "access-control-allow-credentials" not in reply.headers


def test_an_origin_that_only_another_source_allows_is_403(shop: Client) -> None:
    reply = track(shop, "https://split.example")
    assert reply.status == 403
    assert reply.headers["access-control-allow-origin"] == "https://split.example"
    assert track(shop, "https://split.example", "split-key").status == 200


def test_a_page_may_read_errors(shop: Client) -> None:
    reply = shop.send("POST", "/track", b"{", {"origin": ALLOWED})
    assert reply.status == 400
    assert reply.headers["access-control-allow-origin"] == ALLOWED


def test_a_cache_keeps_the_sdk_for_each_origin(shop: Client) -> None:
    reply = shop.send("GET", "/sdk.mjs", None, {"origin": ALLOWED})
    assert reply.headers["access-control-allow-origin"] == ALLOWED
    assert reply.headers["vary"] == "origin, accept-encoding"


def test_calls_without_an_origin_get_no_cors(shop: Client) -> None:
    assert of_cors(shop.get("health", key=None)) == {}


# What this machine serves itself: the demo shop and the console


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("source", ["web-key", "split-key"])
def test_its_own_pages_may_call_though_no_source_names_them(
    shop: Client, name: str, source: str
) -> None:
    origin = f"http://{name}:{shop.port}"
    assert origin not in SOURCES.read_text()
    reply = track(shop, origin, source)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, origin)
    assert (
        preflight(shop, "/track", origin).headers["access-control-allow-origin"]
        == origin
    )


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example:{}",
        "https://127.0.0.1:{}",
        "http://127.0.0.1",
        "http://127.0.0.1:{}0",
        "http://127.0.0.1:{}.evil.example",
        "http://[::1]:{}",
    ],
)
def test_what_only_looks_like_an_own_page_is_a_stranger(
    shop: Client, origin: str
) -> None:
    """A name that was made to lead here (DNS rebinding) is in `Host` as well: that proves nothing."""
    said = origin.format(shop.port)
    body = b'{"source": {"id": "web-key"}, "session": {"id": "s"}, "events": [{"type": "a"}]}'
    headers = {"origin": said, "host": said.partition("//")[2]}
    reply = shop.send("POST", "/track", body, headers)
    assert (reply.status, reply.error["code"]) == (403, "origin_not_allowed")
