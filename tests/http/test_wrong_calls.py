"""A call that no route takes, and a field that no call has, are answered with what was meant."""

from __future__ import annotations

import pytest

from infra import routes
from infra.operations.openapi.calls import NATIVE_FUNCTIONS
from preflight import right_call
from tests.http.service import KEY, Client, fresh

PAGE = "https://new-shop.example"
PAGE_CALLS = ("/track", "/identify", "/update", "/anonymize", "/consent", "/session")


@pytest.mark.parametrize("path", PAGE_CALLS)
def test_s4_get_on_a_post_route_names_the_method(shop: Client, path: str) -> None:
    reply = shop.send("GET", path, None, {"origin": PAGE})
    assert (reply.status, reply.error["code"]) == (405, "wrong_method")
    assert reply.error["message"] == f"{path} is called with POST, not with GET"
    assert reply.headers["allow"] == "POST"
    assert reply.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("POST", "/track/", "send POST /track, without the slash at its end"),
        ("GET", "/customers/", "send GET /customers, without the slash at its end"),
        ("GET", "/", "this is the API of Hardlink"),
        ("POST", "/", "this is the API of Hardlink"),
        ("GET", "/helth", "did you mean GET /health?"),
        ("GET", "/customers/event/s/x/y", "no call has this path"),
        ("PUT", "/a/b/c", "no call has this path: the calls are POST /track"),
        ("GET", "/" + "x" * 4000, "no call has this path"),
    ],
)
def test_s4_a_path_that_no_call_has_names_the_right_one(
    shop: Client, method: str, path: str, wanted: str
) -> None:
    reply = shop.send(method, path, b"{}", {"origin": PAGE})
    assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert wanted in reply.error["message"]
    assert reply.headers["access-control-allow-origin"] == PAGE


def test_the_preflight_of_the_root_is_allowed(shop: Client) -> None:
    reply = shop.send("OPTIONS", "/", None, {"origin": PAGE})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (204, PAGE)


def test_the_named_calls_are_those_of_the_api() -> None:
    native = {*NATIVE_FUNCTIONS, "sdk", "console"}
    fixed = [route for route in routes.ROUTES if "{" not in route.path]
    keys = {route.key for route in fixed if route.function in native}
    named = {f"{method} {path}" for path, method in right_call.CALLS.items()}
    assert named == keys - {"PUT /track"}
    assert {f"POST {path}" for path in PAGE_CALLS} <= named


def test_a_browser_that_opens_the_root_sees_where_to_go(shop: Client) -> None:
    reply = shop.send("GET", "/", None, {"accept": "text/html,*/*"})
    page = reply.body.decode()
    assert reply.status == 200
    for part in ('href="/demo"', 'href="/console"', "hardlink.start(", "ORIGIN="):
        assert part in page
    assert KEY not in page


@pytest.mark.parametrize("path", ["/track", "/identify", "/session"])
def test_s4_a_server_key_in_a_page_is_named_a_secret(shop: Client, path: str) -> None:
    secret = "aB3-" * 8
    body = {"source": {"id": secret}, "session": {"id": fresh()}}
    reply = shop.post(path, body, origin=PAGE)
    assert (reply.status, reply.error["code"]) == (401, "unknown_source")
    assert (
        "that is a secret, which no page may contain. Rotate" in reply.error["message"]
    )


@pytest.mark.parametrize("key", ["demo", "0a3c7e52-4cf5-4d3c-8a55-0bf8b8b5c1ba"])
def test_a_key_that_is_no_secret_is_not_called_one(shop: Client, key: str) -> None:
    reply = shop.post("/track", {"source": {"id": key}, "session": {"id": fresh()}})
    assert (reply.status, "secret" in reply.error["message"]) == (401, False)


@pytest.mark.parametrize(
    ("path", "more"),
    [("/anonymize", {}), ("/session", {}), ("/session", {"forget": True})],
)
def test_s4_a_field_that_the_call_does_not_have_is_named(
    shop: Client, path: str, more: dict[str, bool]
) -> None:
    body = {"source": {"id": "web-key"}, "session": {"id": fresh()}, **more}
    clean = shop.post(path, {**body, "profile": {"id": "p"}, "time": 1})
    assert (clean.status, clean.json.get("warnings", [])) == (200, [])
    reply = shop.post(path, {**body, "sesion": {"id": "a"}})
    assert reply.json["warnings"] == [
        "sesion: not a field of this call, ignored: did you mean session?"
    ]
