"""API Gateway's part on one machine: HTTP to Lambda events (HTTP API, payload 2.0) and back, routes, limits, CORS."""

from __future__ import annotations

import base64
import binascii
import json
import re
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from infra import routes
from infra.routes import Route

MAX_BODY_BYTES = 10 * 1024 * 1024
"""API Gateway's largest body."""
_MOST_EVENT_BYTES = 6 * 1024 * 1024
"""Lambda's largest event, and its largest answer; a body is base64 or escaped JSON in there."""
_TEXT = re.compile(r"text/.*|application/(json|javascript|xml|[\w.-]+\+(json|xml))")
_PARAMETER = re.compile(r"\{(\w+)(\+?)\}")
Headers = Sequence[tuple[str, str]]
Invoke = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it came over the wire. `target`: path and query, as the client wrote them."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    address: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """A header by its lower-case name, its duplicates joined by commas."""
        return ",".join(v.strip() for n, v in self.headers if n.lower() == name) or None

    @property
    def path(self) -> str:
        """The path, still encoded."""
        target = self.target
        if not target.startswith("/"):  # the absolute form, as proxies are asked
            parts = urlsplit(target)
            target = parts.path or "/"
        return target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, still encoded."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What is sent back. `noted`: whether its call is worth a line on the terminal."""

    status: int
    headers: Headers = field(default_factory=tuple)
    body: bytes = b""
    noted: bool = True


class HttpApp(Protocol):
    """Whatever answers requests: the API, or what stands before it."""

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Carry out a request, whatever it is."""


class Gateway:
    """The routes of an API, and what stands before them. `invoke` calls a function by its name.

    `own`: the origins of pages that this machine serves itself. No source need name them.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        invoke: Invoke,
        origins: Iterable[str],
        own: Iterable[str] = (),
    ) -> None:
        self._routes = [(_pattern(route), route) for route in sorted(routes, key=_greed)]
        self._invoke = invoke
        self._own = frozenset(own)
        self._origins = self._own | frozenset(origins)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Carry out a request, whatever it is."""
        cors = self._cors(request)
        if request.method == "OPTIONS":
            return HttpResponse(204, (*cors, *_preflight()) if cors else ())
        response = self._carried_out(self._at_home(request))
        own = [(n, v) for n, v in response.headers if not n.startswith("access-control-")]
        return HttpResponse(response.status, (*own, *cors), response.body)

    def _carried_out(self, request: HttpRequest) -> HttpResponse:
        if len(request.body) > MAX_BODY_BYTES:
            return too_large_response()
        found = self._route(request.method, request.path)
        if found is None:
            return error_response(404, "Not Found")
        route, parameters = found
        event = build_event(request, route, parameters)
        if _bytes(event) > _MOST_EVENT_BYTES:
            return too_large_response()
        try:
            return parse_result(self._invoke(route.function, event))
        except Exception:  # noqa: BLE001 (API Gateway answers the same whatever a function raises)
            traceback.print_exc()
            return error_response(500, "Internal Server Error")

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for pattern, route in self._routes:
            match = pattern.fullmatch(path)
            if match and route.method in (method, "ANY"):
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        return None

    def _at_home(self, request: HttpRequest) -> HttpRequest:
        """A call of an own page comes from no other site, and so says no origin.

        `own` is a fixed list: whatever `Host` a browser was made to send, a stranger's name is not on it.
        """
        if request.header("origin") not in self._own:
            return request
        named = tuple((n, v) for n, v in request.headers if n.lower() != "origin")
        return replace(request, headers=named)

    def _cors(self, request: HttpRequest) -> Headers:
        """An allowed origin is answered exactly, with credentials: real clients send theirs. Any other gets nothing."""
        origin = request.header("origin")
        if origin is None or origin not in self._origins:
            return ()
        return (
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true"),
            ("access-control-expose-headers", ",".join(routes.CORS_EXPOSED)),
            ("vary", "origin"),
        )


def build_event(
    request: HttpRequest, route: Route, parameters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The event that a function is called with."""
    now = datetime.now(UTC)
    host = request.header("host") or "127.0.0.1"
    path = unquote(request.path)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": _event_headers(request),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": request.protocol,
                "sourceIp": request.address,
                "userAgent": request.header("user-agent") or "",
            },
            "requestId": str(uuid4()),
            "routeKey": route.key,
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies := request.header("cookie"):
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    if query := _query(request.query):
        event["queryStringParameters"] = query
    if parameters:
        event["pathParameters"] = dict(parameters)
    if request.body:
        event["body"], event["isBase64Encoded"] = _event_body(request)
    return event


def parse_result(result: Any) -> HttpResponse:
    """What a function answered, as HTTP. Raises `ValueError` where API Gateway could make nothing of it."""
    if not isinstance(result, Mapping) or "statusCode" not in result:
        result = {  # a plain value is the body of a success
            "statusCode": 200,
            "headers": {"content-type": "application/json"},
            "body": result if isinstance(result, str) else json.dumps(result),
        }
    body = result.get("body") or ""
    try:
        encoded = bool(result.get("isBase64Encoded"))
        raw = base64.b64decode(body, validate=True) if encoded else str(body).encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("the function's body can't be sent") from error
    if _bytes(result) > _MOST_EVENT_BYTES:
        raise ValueError(f"the function answers more than {_MOST_EVENT_BYTES} bytes")
    headers = [(str(n).lower(), _text(v)) for n, v in (result.get("headers") or {}).items()]
    headers += [("set-cookie", str(cookie)) for cookie in result.get("cookies") or ()]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "text/plain;charset=utf-8"))
    return HttpResponse(int(result["statusCode"]), tuple(headers), raw)


def error_response(status: int, text: str) -> HttpResponse:
    """An answer of API Gateway's own."""
    headers = (("content-type", "application/json"),)
    return HttpResponse(status, headers, json.dumps({"message": text}).encode())


def too_large_response() -> HttpResponse:
    """More than API Gateway takes, or Lambda."""
    return error_response(413, "Request Entity Too Large")


def _event_headers(request: HttpRequest) -> dict[str, str]:
    names = dict.fromkeys(name.lower() for name, _ in request.headers)
    found = {name: request.header(name) or "" for name in names if name != "cookie"}
    forwarded = {"x-forwarded-for": request.address, "x-forwarded-proto": "http"}
    return {**forwarded, **found}


def _event_body(request: HttpRequest) -> tuple[str, bool]:
    """Text where the content type says text, base64 for anything else and for what is compressed."""
    type_ = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if _TEXT.fullmatch(type_) and not request.header("content-encoding"):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def _bytes(value: Any) -> int:
    """What a value weighs on its way to and from Lambda: UTF-8, with only what JSON must escape escaped."""
    return len(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))


def _query(text: str) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in found.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _greed(route: Route) -> tuple[bool, int]:
    """Routes that say more are tried first: literal ones before parameters, `{proxy+}` last."""
    return "+}" in route.path, len(_PARAMETER.findall(route.path))


def _pattern(route: Route) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for parameter in _PARAMETER.finditer(route.path):
        inside = (
            ".*" if parameter[2] else "[^/]+"
        )  # {proxy+} takes what follows the slash, if anything
        parts += [re.escape(route.path[end : parameter.start()]), f"(?P<{parameter[1]}>{inside})"]
        end = parameter.end()
    return re.compile("".join([*parts, re.escape(route.path[end:])]))


def _preflight() -> Headers:
    return (
        ("access-control-allow-methods", ",".join(routes.CORS_METHODS)),
        ("access-control-allow-headers", ",".join(routes.CORS_HEADERS)),
        ("access-control-max-age", str(routes.CORS_MAX_AGE)),
    )
