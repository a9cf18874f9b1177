"""Browsers of allowed origins may call, with their credentials; pages of other sites get nothing."""

from __future__ import annotations

import json

import pytest

from infra import routes
from tests.http.service import SOURCES, Client, Reply, fresh

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
        "access-control-allow-methods": ",".join(routes.CORS_METHODS),
        "access-control-allow-headers": ",".join(routes.CORS_HEADERS),
        "access-control-max-age": str(routes.CORS_MAX_AGE),
        "vary": "origin",
    }


@pytest.mark.parametrize("origin", STRANGERS)
def test_the_preflight_of_a_stranger_allows_nothing(shop: Client, origin: str) -> None:
    reply = preflight(shop, "/track", origin)
    assert reply.status == 204
    assert of_cors(reply) == {}


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
def test_a_call_from_a_stranger_is_403_and_stores_nothing(
    shop: Client, origin: str
) -> None:
    reply = track(shop, origin)
    assert (reply.status, reply.error["code"]) == (403, "origin_not_allowed")
    assert of_cors(reply) == {}


def test_an_origin_that_only_another_source_allows_is_403(shop: Client) -> None:
    reply = track(shop, "https://split.example")
    assert reply.status == 403
    assert reply.headers["access-control-allow-origin"] == "https://split.example"
    assert track(shop, "https://split.example", "split-key").status == 200


def test_a_page_may_read_errors(shop: Client) -> None:
    for path, status in (("/track", 400), ("/no/thing", 404)):
        reply = shop.send("POST", path, b"{", {"origin": ALLOWED})
        assert reply.status == status
        assert reply.headers["access-control-allow-origin"] == ALLOWED


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
    assert (reply.status, of_cors(reply)) == (403, {})
