"""The gateway translates HTTP and Lambda events as API Gateway does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from infra.local.api_gateway import (
    Gateway,
    HttpRequest,
    HttpResponse,
    build_event,
    parse_result,
)
from infra.routes import Route

ROUTE = Route("POST", "/a/{name}/b", "echo")
ROUTES = (
    ROUTE,
    Route("POST", "/a/fixed/b", "fixed"),
    Route("ANY", "/v1/{proxy+}", "proxy"),
    Route("GET", "/fail", "fail"),
    Route("GET", "/odd", "odd"),
    Route("GET", "/huge", "huge"),
)


def invoke(function: str, event: dict[str, Any]) -> Any:
    if function == "fail":
        raise RuntimeError("as tests want it")
    if function == "odd":
        return {"statusCode": 200, "body": "%%%", "isBase64Encoded": True}
    if function == "huge":
        return {"statusCode": 200, "body": "x" * 7_000_000}
    return {"function": function, "event": event}


def answer(method: str, target: str, body: bytes = b"", **headers: str) -> HttpResponse:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Gateway(ROUTES, invoke).answer(HttpRequest(method, target, named, body))


def test_an_event_has_everything_that_format_2_0_has() -> None:
    headers = (
        ("Host", "api.example"),
        ("User-Agent", "tests"),
        ("X-Two", "1"),
        ("x-two", " 2 "),
        ("Cookie", "a=1; b=2"),
        ("Content-Type", "application/json"),
    )
    request = HttpRequest(
        "POST",
        "/a/x%20y%2Fz/b?q=1&q=2&empty=&p=%C3%BC+%26",
        headers,
        b"{}",
        "192.0.2.1",
    )
    event = build_event(request, ROUTE, {"name": "x y/z"})
    context = event.pop("requestContext")
    assert event == {
        "version": "2.0",
        "routeKey": "POST /a/{name}/b",
        "rawPath": "/a/x y/z/b",
        "rawQueryString": "q=1&q=2&empty=&p=%C3%BC+%26",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": "api.example",
            "user-agent": "tests",
            "x-two": "1,2",
            "content-type": "application/json",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"q": "1,2", "empty": "", "p": "ü &"},
        "pathParameters": {"name": "x y/z"},
        "body": "{}",
        "isBase64Encoded": False,
    }
    assert context["http"] == {
        "method": "POST",
        "path": "/a/x y/z/b",
        "protocol": "HTTP/1.1",
        "sourceIp": "192.0.2.1",
        "userAgent": "tests",
    }
    assert context["routeKey"] == "POST /a/{name}/b"
    assert context["stage"] == "$default"
    assert context["domainName"] == "api.example"
    assert context["accountId"]
    assert context["apiId"]
    assert context["requestId"]
    assert abs(context["timeEpoch"]) > 10**12
    assert context["time"].endswith("+0000")


def test_what_is_not_said_is_left_out() -> None:
    event = build_event(HttpRequest("GET", "/a"), ROUTE)
    assert (
        not {"body", "cookies", "queryStringParameters", "pathParameters"}
        & event.keys()
    )


@pytest.mark.parametrize(
    ("headers", "body", "encoded"),
    [
        ({"content_type": "application/json"}, b"{}", False),
        ({"content_type": "Application/JSON; charset=utf-8"}, b"{}", False),
        ({"content_type": "text/plain;charset=UTF-8"}, b"{}", False),
        ({"content_type": "application/problem+json"}, b"{}", False),
        ({}, b"{}", True),
        ({"content_type": "application/x-www-form-urlencoded"}, b"{}", True),
        ({"content_type": "image/png"}, b"\x89", True),
        (
            {"content_type": "application/json", "content_encoding": "gzip"},
            b"\x1f\x8b",
            True,
        ),
        ({"content_type": "application/json"}, b"\xff", True),
    ],
)
def test_bodies_that_are_not_text_are_base64(
    headers: dict[str, str], body: bytes, encoded: Any
) -> None:
    event = json.loads(answer("POST", "/a/x/b", body, **headers).body)["event"]
    assert event["isBase64Encoded"] is encoded
    raw = base64.b64decode(event["body"]) if encoded else event["body"].encode()
    assert raw == body


@pytest.mark.parametrize(
    ("method", "target", "function", "parameters"),
    [
        ("POST", "/a/x/b", "echo", {"name": "x"}),
        ("POST", "/a/%C3%BC%20%23/b", "echo", {"name": "ü #"}),
        ("POST", "/a/%66ixed/b", "fixed", None),
        ("GET", "/v1/a%0Ab", "proxy", {"proxy": "a\nb"}),
        ("POST", "/a/fixed/b", "fixed", None),
        ("GET", "/v1/a/b", "proxy", {"proxy": "a/b"}),
        ("DELETE", "/v1/a", "proxy", {"proxy": "a"}),
        ("GET", "/v1/", "proxy", {"proxy": ""}),
        ("POST", "http://elsewhere/a/x/b", "echo", {"name": "x"}),
    ],
)
def test_routes(
    method: str, target: str, function: str, parameters: dict[str, str] | None
) -> None:
    found = json.loads(answer(method, target).body)
    assert found["function"] == function
    assert found["event"].get("pathParameters") == parameters


@pytest.mark.parametrize(
    "target", ["/", "/a/x", "/a//b", "/a/x/b/", "/A/x/b", "*", "", "//a/x/b", "/v1"]
)
def test_what_is_no_route(target: str) -> None:
    response = answer("POST", target)
    assert (response.status, json.loads(response.body)) == (
        404,
        {"message": "Not Found"},
    )


@pytest.mark.parametrize("coded", ["%2F", "%2f", "%3F", "%25", "x%252Fy"])
def test_p8_a_path_that_aws_would_misread_is_refused(coded: str) -> None:
    response = answer("POST", f"/a/{coded}/b")
    assert response.status == 400
    assert "in the query string" in json.loads(response.body)["message"]


@pytest.mark.parametrize("target", ["/fail", "/odd", "/huge"])
def test_a_function_that_fails_is_500(
    target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    response = answer("GET", target)
    assert (response.status, json.loads(response.body)) == (
        500,
        {"message": "Internal Server Error"},
    )
    assert "Error" in capsys.readouterr().err


def test_what_lambda_would_not_take_is_413() -> None:
    assert (
        answer("POST", "/a/x/b", b"x" * 5_000_000).status == 413
    )  # base64 makes it 6.7 MB
    assert (
        answer("POST", "/a/x/b", b"x" * 5_000_000, content_type="text/plain").status
        == 200
    )
    assert (
        answer("POST", "/a/x/b", b'"' * 4_000_000, content_type="text/plain").status
        == 413
    )  # escaped


def test_responses() -> None:
    full = {
        "statusCode": 201,
        "headers": {"X-A": "1", "Content-Type": "image/png", "x-b": True},
        "cookies": ["a=1; Secure", "b=2"],
        "body": base64.b64encode(b"\x89").decode(),
        "isBase64Encoded": True,
    }
    assert parse_result(full) == HttpResponse(
        201,
        (
            ("x-a", "1"),
            ("content-type", "image/png"),
            ("x-b", "true"),
            ("set-cookie", "a=1; Secure"),
            ("set-cookie", "b=2"),
        ),
        b"\x89",
    )
    assert parse_result("plain").body == b"plain"
    assert parse_result({"a": 1}).body == b'{"a": 1}'
    assert parse_result({"statusCode": 204}).body == b""


def test_cors_headers_of_a_function_are_its_own() -> None:
    def allow(_function: str, _event: dict[str, Any]) -> Any:
        headers = {"Access-Control-Allow-Origin": "https://a.example"}
        return {"statusCode": 200, "headers": headers, "body": "a"}

    request = HttpRequest("POST", "/a/x/b", (("origin", "https://a.example"),))
    response = Gateway(ROUTES, allow).answer(request)
    assert ("access-control-allow-origin", "https://a.example") in response.headers


def test_an_own_page_gets_cors_from_the_gateway_and_no_function_sees_its_origin() -> (
    None
):
    own = "http://localhost:1"
    request = HttpRequest("POST", "/a/x/b", (("origin", own),))
    response = Gateway(ROUTES, invoke, [own]).answer(request)
    assert ("access-control-allow-origin", own) in response.headers
    assert "origin" not in json.loads(response.body)["event"]["headers"]
