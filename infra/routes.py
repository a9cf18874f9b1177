"""Routes of the HTTP API, as data for the stack and the local gateway."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """Limit of one route, as a token bucket. Beyond it API Gateway answers 429.

    `per_second`: calls a second in the long run. `burst`: calls at once.
    """

    per_second: int
    burst: int


WRITES = Rate(1000, 2000)
"""Calls that visitors send, and the default of the whole API."""
READS = Rate(100, 200)
"""Calls that read with a server key."""
FEEDS_AND_EXPORTS = Rate(20, 40)
"""Calls that read a whole table, or write up to 500 orders."""
UNTHROTTLED = Rate(10_000, 5_000)
"""The default quota of an AWS account in one region."""


_DEFAULT = "$default"
"""API Gateway's key of the route for calls that no other one takes."""


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the HTTP API, in API Gateway's notation, and the function behind it."""

    method: str
    path: str
    function: str
    rate: Rate = WRITES

    @property
    def key(self) -> str:
        """The route key of API Gateway, such as `POST /track`."""
        return self.path if self.path == _DEFAULT else f"{self.method} {self.path}"


ROUTES = (
    Route("OPTIONS", "/{proxy+}", "preflight"),
    Route("POST", "/track", "track"),
    Route("PUT", "/track", "track"),
    Route("POST", "/identify", "identify"),
    Route("POST", "/update", "update"),
    Route("POST", "/anonymize", "anonymize"),
    Route("POST", "/consent", "consent"),
    # API Gateway decodes a path before it chooses a route, so identifiers travel in the query;
    # the forms with a path are for values without special characters.
    Route("GET", "/customers", "customers", READS),
    Route("GET", "/customers/events", "customers", READS),
    Route("GET", "/customers/export", "customers", READS),
    Route("GET", "/customers/recent", "customers", READS),
    Route("GET", "/customers/why", "customers", READS),
    Route("POST", "/customers/merge", "customers", READS),
    Route("POST", "/customers/remove-identifier", "customers", READS),
    Route("POST", "/customers/undo", "customers", READS),
    Route("POST", "/customers/erase", "erase", READS),
    Route("GET", "/sessions", "customers", READS),
    Route("GET", "/sessions/events", "customers", READS),
    Route("GET", "/sessions/verdicts", "customers", READS),
    Route("POST", "/sessions/unlink", "customers", READS),
    Route("POST", "/sessions/erase", "erase", READS),
    Route("GET", "/customers/{type}/{value}", "customers", READS),
    Route("GET", "/customers/{type}/{value}/events", "customers", READS),
    Route("GET", "/customers/{type}/{value}/export", "customers", READS),
    Route("GET", "/sessions/{id}", "customers", READS),
    Route("GET", "/sessions/{id}/events", "customers", READS),
    Route("GET", "/sessions/{id}/verdicts", "customers", READS),
    Route("POST", "/sessions/{id}/unlink", "customers", READS),
    Route("POST", "/customers/{type}/{value}/erase", "erase", READS),
    Route("POST", "/sessions/{id}/erase", "erase", READS),
    Route("GET", "/erasures/{id}", "erase", READS),
    Route("GET", "/live", "customers", READS),
    Route("GET", "/project", "customers", READS),
    Route("GET", "/console", "console"),
    Route("GET", "/console/{file}", "console"),
    Route("GET", "/openapi.json", "console"),
    Route("GET", "/tracking-user", "customers", READS),
    Route("GET", "/newsletter/content", "customers", READS),
    Route("GET", "/newsletter/content/signed", "visitor", READS),
    Route("GET", "/sdk.js", "sdk"),
    Route("GET", "/sdk.mjs", "sdk"),
    Route("POST", "/session", "session"),
    Route("GET", "/visitor", "visitor", READS),
    Route("GET", "/health", "health"),
    Route("POST", "/{trackerKey}", "xo"),
    *(
        Route(method, path, "collect")
        for path in (
            "/collect/{event_type}/{source_id}",
            "/collect/{event_type}/{source_id}/{session_id}",
            "/redirect/{redirect_id}",
            "/redirect/{redirect_id}/{session_id}",
        )
        for method in ("GET", "POST")
    ),
    Route(
        "POST",
        "/data/v2/projects/{token}/customers/{call}",
        "exponeadata",
        FEEDS_AND_EXPORTS,
    ),
    # Android's SDK and iOS's send GET.
    *(
        Route(
            method,
            f"/data/v2/{kind}/{{token}}/consent/categories",
            "exponeadata",
            READS,
        )
        for kind in ("projects", "streams")
        for method in ("GET", "POST")
    ),
    Route("POST", "/orders", "orders", FEEDS_AND_EXPORTS),
    Route("POST", "/serve/trackingUser", "helloretail"),
    Route("POST", "/serve/collect/{kind}", "helloretail"),
    # Exponea's web SDK drops events that are answered 429 and keeps those answered 503, which is
    # API Gateway's answer when a function has no concurrency left: so only that limits this route.
    Route("POST", "/bulk", "exponea", UNTHROTTLED),
    Route("GET", "/track/v2/projects/{token}/system/time", "exponea"),
    Route("POST", "/track/v2/projects/{token}/{call+}", "exponea"),
    Route("GET", "/track/u/v1/system/time", "exponea"),
    Route("POST", "/track/u/v1/{call+}", "exponea"),
    Route("POST", "/managed-tags/show", "exponea"),
    Route("POST", "/crm/customers", "exponea"),
    Route("POST", "/crm/events", "exponea"),
    *(
        Route(method, f"/webxp/{kind}/{{token}}/{path}", "exponea")
        for kind in ("projects", "streams")
        for method, path in (
            ("GET", "bundle"),
            ("GET", "segments"),
            ("POST", "cookies/{cookie}/link-ids"),
        )
    ),
    Route("POST", "/v1/{call}", "segment"),
    Route("POST", "/beacon/v1/batch", "segment"),
    Route("POST", "/batch", "segment"),
    # API Gateway allows no route with a slash at its end: `/batch/` is matched here.
    Route("POST", "/batch/{proxy+}", "segment"),
    Route("GET", "/sourceConfig", "segment"),
    Route("GET", "/sourceConfig/{proxy+}", "segment"),
)
DEFAULT = Route("ANY", _DEFAULT, "preflight")
"""Takes every other call. API Gateway's own 404 says nothing, and has no CORS headers."""
