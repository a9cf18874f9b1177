"""API Gateway's part on one machine: routes, limits, and Lambda events for HTTP requests.

Events have the payload format 2.0 of HTTP APIs ("Create AWS Lambda proxy integrations for HTTP
APIs" in the developer guide of API Gateway).
"""

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

from hardlink.web import cors
from infra.routes import Route

MAX_BODY_BYTES = 10 * 1024 * 1024
"""Limit of API Gateway for a body."""
_MAX_EVENT_BYTES = 6 * 1024 * 1024
"""Limit of Lambda for an event and for a result. A body in it is base64 or escaped JSON."""
_TEXT_TYPE = re.compile(
    r"text/.*|application/(json|javascript|xml|[\w.-]+\+(json|xml))"
)
_MISREAD = re.compile("%(?:2F|3F|25)", re.IGNORECASE)
_MISREAD_MESSAGE = (
    "API Gateway would misread an encoded /, ? or % in a path: "
    "send identifiers in the query string"
)
"""AWS answers 404 or reads another path, where this machine says what is wrong."""
_PARAMETER = re.compile(r"\{(\w+)(\+?)\}")
Headers = Sequence[tuple[str, str]]
Invoke = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as received. `target`: path and query, still encoded."""

    method: str
    target: str
    headers: Headers = ()
    body: bytes = b""
    address: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"

    def header(self, name: str) -> str | None:
        """A header by its lower-case name, duplicates joined by commas. `None`: absent or empty."""
        values = [value.strip() for key, value in self.headers if key.lower() == name]
        return ",".join(values) or None

    @property
    def path(self) -> str:
        """The path, still encoded."""
        target = self.target
        # Clients of a proxy send the absolute form.
        if not target.startswith("/"):
            target = urlsplit(target).path or "/"
        return target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query, still encoded."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response. `logged`: its call gets a line on the terminal, `hint`: and this below it."""

    status: int
    headers: Headers = field(default_factory=tuple)
    body: bytes = b""
    logged: bool = True
    hint: str = ""


class HttpApp(Protocol):
    """Something that answers requests: the API, or the demo shop in front of it."""

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer any request."""


class Gateway:
    """The routes of an API, with limits.

    `invoke` calls a function by its name. `own`: origins of pages that this machine serves itself,
    which no source has to allow: for them it answers CORS itself. `default`: the route of calls
    that no other one takes.
    """

    def __init__(
        self,
        routes: Iterable[Route],
        invoke: Invoke,
        own: Iterable[str] = (),
        default: Route | None = None,
    ) -> None:
        self._default = default
        self._routes = [
            (_route_pattern(route), route) for route in sorted(routes, key=_specificity)
        ]
        self._invoke = invoke
        self._own = frozenset(own)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer any request."""
        response = self._invoke_route(self._without_own_origin(request))
        own = self._own_cors_headers(request)
        return HttpResponse(response.status, (*response.headers, *own), response.body)

    def _invoke_route(self, request: HttpRequest) -> HttpResponse:
        if len(request.body) > MAX_BODY_BYTES:
            return too_large_response()
        if _MISREAD.search(request.path):
            return error_response(400, _MISREAD_MESSAGE)
        match = self._match_route(request.method, unquote(request.path))
        if match is None:
            return error_response(404, "Not Found")
        route, parameters = match
        event = build_event(request, route, parameters)
        if _json_size(event) > _MAX_EVENT_BYTES:
            return too_large_response()
        try:
            return parse_result(self._invoke(route.function, event))
        except Exception:  # noqa: BLE001 (API Gateway answers the same whatever a function raises)
            traceback.print_exc()
            return error_response(500, "Internal Server Error")

    def _match_route(
        self, method: str, path: str
    ) -> tuple[Route, dict[str, str]] | None:
        """Find the route of a path that is decoded already, as API Gateway does."""
        for pattern, route in self._routes:
            match = pattern.fullmatch(path)
            if match and route.method in (method, "ANY"):
                return route, match.groupdict()
        return (self._default, {}) if self._default else None

    def _without_own_origin(self, request: HttpRequest) -> HttpRequest:
        """Remove the origin from a call of an own page, which is no cross-origin call.

        The list of own origins is fixed: the `Host` header, which an attacker can choose by DNS
        rebinding, is not considered.
        """
        if request.header("origin") not in self._own:
            return request
        headers = tuple(
            header for header in request.headers if header[0].lower() != "origin"
        )
        return replace(request, headers=headers)

    def _own_cors_headers(self, request: HttpRequest) -> Headers:
        """CORS headers for an own page that calls this machine by its other name."""
        origin = request.header("origin")
        if origin is None or origin not in self._own:
            return ()
        if request.method == "OPTIONS":
            return tuple(cors.preflight_headers(origin).items())
        return tuple(cors.allow_origin(origin).items())


def build_event(
    request: HttpRequest, route: Route, parameters: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Build the Lambda event of a request. `parameters`: values of the route's path parameters."""
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
    if query := _parse_query(request.query):
        event["queryStringParameters"] = query
    if parameters:
        event["pathParameters"] = dict(parameters)
    if request.body:
        event["body"], event["isBase64Encoded"] = _encode_body(request)
    return event


def parse_result(result: Any) -> HttpResponse:
    """Turn a function's result into HTTP. Raises `ValueError` if API Gateway would answer 500."""
    if not isinstance(result, Mapping) or "statusCode" not in result:
        result = _wrap_plain_value(result)
    body = _decode_body(result)
    if _json_size(result) > _MAX_EVENT_BYTES:
        raise ValueError(f"the function answers more than {_MAX_EVENT_BYTES} bytes")
    return HttpResponse(int(result["statusCode"]), _response_headers(result), body)


def _wrap_plain_value(value: Any) -> dict[str, Any]:
    """A result without `statusCode`: API Gateway takes it for the body of a success."""
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": value if isinstance(value, str) else json.dumps(value),
    }


def _decode_body(result: Mapping[str, Any]) -> bytes:
    body = result.get("body") or ""
    try:
        if result.get("isBase64Encoded"):
            return base64.b64decode(body, validate=True)
        return str(body).encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("the function's body can't be sent") from error


def _response_headers(result: Mapping[str, Any]) -> Headers:
    headers: list[tuple[str, str]] = []
    for name, value in (result.get("headers") or {}).items():
        headers.append((str(name).lower(), _header_value(value)))
    headers += [("set-cookie", str(cookie)) for cookie in result.get("cookies") or ()]
    if "content-type" not in dict(headers):
        headers.append(("content-type", "text/plain;charset=utf-8"))
    return tuple(headers)


def error_response(status: int, text: str) -> HttpResponse:
    """Build an error of API Gateway itself."""
    headers = (("content-type", "application/json"),)
    return HttpResponse(status, headers, json.dumps({"message": text}).encode())


def too_large_response() -> HttpResponse:
    """Build the error for more than API Gateway or Lambda allows."""
    return error_response(413, "Request Entity Too Large")


def _event_headers(request: HttpRequest) -> dict[str, str]:
    headers = {"x-forwarded-for": request.address, "x-forwarded-proto": "http"}
    for name, _ in request.headers:
        key = name.lower()
        if key != "cookie":  # cookies have a field of their own
            headers[key] = request.header(key) or ""
    return headers


def _encode_body(request: HttpRequest) -> tuple[str, bool]:
    """Encode the body: text types as text, everything else and compressed bodies as base64."""
    content_type = (
        (request.header("content-type") or "").partition(";")[0].strip().lower()
    )
    if _TEXT_TYPE.fullmatch(content_type) and not request.header("content-encoding"):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def _json_size(value: Any) -> int:
    """Bytes of a value as Lambda counts them: JSON in UTF-8, with necessary escapes only."""
    return len(json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass"))


def _parse_query(text: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    return query


def _header_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _specificity(route: Route) -> tuple[bool, int]:
    """Sort key: literal routes before those with parameters, and `{proxy+}` last."""
    return "+}" in route.path, len(_PARAMETER.findall(route.path))


def _route_pattern(route: Route) -> re.Pattern[str]:
    parts: list[str] = []
    end = 0
    for parameter in _PARAMETER.finditer(route.path):
        # {proxy+} matches everything after its slash, also nothing.
        value = ".*" if parameter[2] else "[^/]+"
        parts.append(re.escape(route.path[end : parameter.start()]))
        parts.append(f"(?P<{parameter[1]}>{value})")
        end = parameter.end()
    parts.append(re.escape(route.path[end:]))
    return re.compile("".join(parts), re.DOTALL)
