"""A shop's API in this process, as an attacker calls it: every route, by its own path."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra import routes, topology
from infra.local import lambda_runtime, moto_engine
from infra.local.api_gateway import Gateway, HttpRequest
from infra.local.lambda_runtime import Deployment
from infra.routes import Route
from tests.http.service import KEY, OTHER_KEY, SOURCES, Reply
from tests.support.signing import KEY as SIGNING_KEY

PARAMETERS = {
    "trackerKey": "web-key",
    "token": "web-key",
    "source_id": "web-key",
    "event_type": "view",
    "session_id": "a-session",
    "redirect_id": "sale",
    "type": "registered",
    "value": "gordon",
    "id": "a-session",
    "file": "console.css",
    "cookie": "a-session",
}
CALLS = {
    "segment": "track",
    "exponeadata": "export-one",
    "exponea": "customers",
    "kind": "click",
}
BASIC = "Basic " + base64.b64encode(f"any:{KEY}".encode()).decode()
BEARER = f"Bearer {KEY}"
READING = {
    r.key for r in routes.ROUTES if topology.FUNCTIONS_BY_NAME[r.function].server_keys
} - {r.key for r in routes.ROUTES if r.function == "exponea"}
"""Routes that answer nothing without a server key."""
PUBLIC_READING = {
    f"{method} /data/v2/{of}/{{token}}/consent/categories"
    for of in ("projects", "streams")
    for method in ("GET", "POST")
}
"""These answer what customers may consent to, for the public key too."""
WRITING = [r for r in routes.ROUTES if r.method == "POST" and r.key not in READING]


@dataclass(frozen=True)
class Shop:
    """A deployment, called like API Gateway calls it."""

    deployment: Deployment
    gateway: Gateway

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Any request."""
        sent = HttpRequest(method, path, tuple((headers or {}).items()), body)
        found = self.gateway.answer(sent)
        return Reply(found.status, dict(found.headers), found.body)

    def post(self, path: str, body: object, **headers: str) -> Reply:
        """A JSON body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, json.dumps(body).encode(), named)

    def get(self, path: str, key: str | None = KEY) -> Reply:
        """With a server key."""
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return self.send("GET", path, b"", headers)

    def identify(
        self, session: str, who: str, source: str = "web-key", **more: Any
    ) -> Reply:
        """Say who a session's visitor is; it is associated."""
        ids = {"registered": who}
        body = {
            "source": {"id": source},
            "session": {"id": session},
            "ids": ids,
            **more,
        }
        reply = self.post("/identify", body)
        self.drain()
        return reply

    def track(
        self, session: str, *types: str, source: str = "web-key", **more: Any
    ) -> Reply:
        """Events of these types."""
        events = [{"type": type_} for type_ in types]
        body = {
            "source": {"id": source},
            "session": {"id": session},
            "events": events,
            **more,
        }
        return self.post("/track", body)

    def drain(self) -> None:
        """Deliver the streams until nothing is left."""
        while records := self._records():
            assert self.deployment.invoke("associate", {"Records": records}) == {
                "batchItemFailures": []
            }

    def _records(self) -> list[dict[str, Any]]:
        return [
            record
            for name in self.deployment.tables.values()
            for record in moto_engine.take_records(name)
            if record["dynamodb"]["Keys"]["item"]["S"] == "#"
        ]


def path(route: Route) -> str:
    """A path of a route."""
    call = CALLS.get(route.function, "")
    found = (
        route.path.replace("{call+}", call)
        .replace("{call}", call)
        .replace("{kind}", "click")
    )
    found = found.replace("{proxy+}", "")
    for name, value in PARAMETERS.items():
        found = found.replace(f"{{{name}}}", value)
    assert "{" not in found, found
    return found


@contextmanager
def opened() -> Iterator[Shop]:
    """A shop with the sources of the HTTP tests."""
    keys = {"shop": KEY, "other": OTHER_KEY}
    with lambda_runtime.run_deployment(
        SOURCES, keys, {"shop": SIGNING_KEY}
    ) as deployment:
        yield Shop(deployment, Gateway(routes.ROUTES, deployment.invoke))
