"""Routes, functions and tables as plain data: stated once, used by the stack and by the local server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"
SOURCES = ROOT / "infra" / "sources.toml"

Access = Literal["write", "read"]


@dataclass(frozen=True, slots=True)
class Table:
    """A DynamoDB table: on demand, new and old keys on its stream, TTL on `expires`."""

    name: str
    partition: str
    sort: str = "item"
    expires: str = "expires"


@dataclass(frozen=True, slots=True)
class Function:
    """A Lambda function: `functions/<name>/handler.py`. `access`: what it may do with the tables."""

    name: str
    access: Access
    server_keys: bool = False
    timeout: int = 10


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the HTTP API, as API Gateway writes it, and the function behind it."""

    method: str
    path: str
    function: str

    @property
    def key(self) -> str:
        """`POST /track`."""
        return f"{self.method} {self.path}"


TABLES = (Table("sessions", "session"), Table("customers", "customer"))

FUNCTIONS_BY_NAME = {
    function.name: function
    for function in (
        Function("track", "write", timeout=20),
        Function("identify", "write"),
        Function("update", "write"),
        Function("anonymize", "write"),
        Function("consent", "write"),
        Function("customers", "write", server_keys=True, timeout=20),
        Function("health", "read"),
        Function("associate", "write", timeout=60),
    )
}

ROUTES = (
    Route("POST", "/track", "track"),
    Route("POST", "/identify", "identify"),
    Route("POST", "/update", "update"),
    Route("POST", "/anonymize", "anonymize"),
    Route("POST", "/consent", "consent"),
    Route("GET", "/customers/{type}/{value}", "customers"),
    Route("GET", "/customers/{type}/{value}/events", "customers"),
    Route("GET", "/sessions/{id}", "customers"),
    Route("GET", "/sessions/{id}/events", "customers"),
    Route("POST", "/sessions/{id}/unlink", "customers"),
    Route("GET", "/tracking-user", "customers"),
    Route("GET", "/health", "health"),
)

CORS_HEADERS = ("authorization", "content-type", "x-sdk", "x-timestamp")
CORS_METHODS = ("GET", "POST")
CORS_MAX_AGE = 7200
"""Seconds for which a browser may remember a preflight: the longest that Chromium honours."""

STREAM_BATCH = 100
STREAM_RETRIES = 10
STREAM_MAX_AGE = 24 * 3600
STREAM_FILTER = {"dynamodb": {"Keys": {"item": {"S": ["#"]}}}}
"""Only changes of a session or a node reach `associate`: events never do."""
