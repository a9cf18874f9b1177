"""The CORS headers of an answer, by which a browser decides whether its page may read it.

API Gateway's own CORS takes only origins of http and https, and answers pages of any other origin
so that they cannot read why they were refused. So the functions answer CORS themselves.
Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from __future__ import annotations

from collections.abc import Mapping

from hardlink.domain.graph import NOTHING
from hardlink.web.declarations import deployed_sources
from hardlink.web.request import Request

ALLOWED_HEADERS = (
    "anonymousid",
    "authorization",
    # Tracing libraries of a page (Sentry, OpenTelemetry) add these four to every call.
    "baggage",
    "content-type",
    "sentat",
    "sentry-trace",
    "traceparent",
    "tracestate",
    "x-retry-count",
    "x-sdk",
    "x-timestamp",
)
ALLOWED_METHODS = ("GET", "POST")
EXPOSED_HEADERS = ("apigw-requestid", "retry-after", "x-request-id")
"""Response headers that a page may read: request IDs to quote, and the pause before a retry."""
MAX_AGE = 7200
"""Seconds for which a browser may cache a preflight: the maximum that Chromium honours."""
OPAQUE = "null"
"""The origin of sandboxed frames (Shopify's custom pixels) and of files, whoever made them."""


def answer_headers(request: Request, *, is_refusal: bool) -> Mapping[str, str]:
    """Return the CORS headers of an answer: none for an origin that no source declares.

    `is_refusal`: the caller is refused (401, 403). A page of any origin may read why.
    """
    origin = request.header("origin")
    if not origin or not (is_refusal or origin in deployed_sources().origins):
        return NOTHING
    return allow_origin(origin)


def preflight_headers(origin: str | None) -> Mapping[str, str]:
    """Return the headers that allow a call of any origin, so that a refusal can be read."""
    if not origin:
        return NOTHING
    return {
        **allow_origin(origin),
        "access-control-allow-methods": ",".join(ALLOWED_METHODS),
        "access-control-allow-headers": ",".join(ALLOWED_HEADERS),
        "access-control-max-age": str(MAX_AGE),
    }


def allow_origin(origin: str) -> dict[str, str]:
    """Return the headers that let a page of this origin read an answer."""
    headers = {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": ",".join(EXPOSED_HEADERS),
        "vary": "origin",
    }
    # A frame of any site can be sandboxed, so `null` must not read what belongs to cookies.
    if origin != OPAQUE:
        headers["access-control-allow-credentials"] = "true"
    return headers
