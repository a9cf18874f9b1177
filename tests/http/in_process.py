"""The whole service in the tests' own process: any call of any client, and the events that it stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra import routes
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway, HttpRequest, HttpResponse
from infra.local.dynamodb_streams import StreamPollers
from infra.local.lambda_runtime import Deployment
from tests.http.service import KEY, SOURCES

_LONGEST_DRAIN = 60.0
"""Seconds until a test gives up."""


@dataclass(frozen=True)
class Answered:
    """An answer: its status and its body as JSON."""

    status: int
    body: Any


class Shop:
    """Calls the functions through the local gateway."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._gateway = Gateway(routes.ROUTES, deployment.invoke)

    def settle(self) -> None:
        """Deliver what the streams hold, until association has nothing left to do."""
        streams = StreamPollers(
            self._deployment.tables.values(),
            lambda event: self._deployment.invoke("associate", event),
        )
        with streams.running():
            assert streams.drain(_LONGEST_DRAIN)

    def post(self, path: str, body: object, **headers: str) -> Answered:
        """Send a body: bytes as they are, anything else as JSON (NaN too, as Python writes it)."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._send("POST", path, sent, headers)

    def get(self, path: str) -> Answered:
        """Read with the server key."""
        return self._send("GET", path, b"", {"authorization": f"Bearer {KEY}"})

    def send(
        self, method: str, path: str, body: bytes = b"", **headers: str
    ) -> HttpResponse:
        """Send any request and return the answer with its headers."""
        named = tuple((name.replace("_", "-"), text) for name, text in headers.items())
        return self._gateway.answer(HttpRequest(method, path, named, body))

    def events(self, session: str) -> list[dict[str, Any]]:
        """Read the events of a session in the order in which they happened."""
        found = self.get(f"/sessions/{session}/events").body["events"]
        return list(reversed(found))

    def _send(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answered:
        response = self.send(method, path, body, **headers)
        return Answered(response.status, json.loads(response.body or b"null"))


@contextmanager
def deployed() -> Iterator[Shop]:
    """Run every function in this process, on tables of its own."""
    server_keys = {"shop": KEY, "other": f"{KEY}-other"}
    with lambda_runtime.run_deployment(SOURCES, server_keys) as deployment:
        yield Shop(deployment)
