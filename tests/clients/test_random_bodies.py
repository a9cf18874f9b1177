"""Hostile bodies against every path of the other systems: no 500, and a verdict in the words of each."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from infra import routes, topology
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway, HttpRequest
from tests.http.noise import NOISE, mutated, on_the_wire
from tests.http.service import KEY, SOURCES

MANY = 600
"""Bodies for each function."""
SEED = 20_261_122
NATIVE = {
    "track",
    "identify",
    "update",
    "anonymize",
    "consent",
    "session",
    "customers",
    "erase",
    "health",
    "visitor",
    "associate",
}
ELSEWHERE = {"collect", "exponeadata", "orders"}
"""In `tests/http/test_random_tracardi.py`, `test_exponea_data.py`, `tests/orders`."""
FILES = {"sdk", "console", "preflight"}
"""They answer files, whatever they are sent."""
CAPTURES = Path(__file__).parent / "captures"


class Request(NamedTuple):
    """A call as a client makes it."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = {}


def recorded(*names: str) -> Iterator[Request]:
    """What was recorded of real clients."""
    for name in names:
        for call in json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8")):
            if call["method"] in ("GET", "POST"):
                kept = {k.lower(): v for k, v in call["headers"].items()}
                headers = {
                    k: kept[k] for k in ("authorization", "content-type") if k in kept
                }
                yield Request(
                    call["method"], call["path"], call["body"] or None, headers
                )


def is_bulk(request: Request, sent: Any, found: Any) -> None:
    if request.path == "/bulk" or request.path.endswith("/batch"):
        assert len(found["results"]) == len(sent["commands"])
        for result in found["results"]:
            ok = result.get("success", result.get("status") == "ok")
            assert ok or (
                result["errors"] and all(isinstance(e, str) for e in result["errors"])
            )
    assert found["success"] is True


def is_exponea_error(found: Any) -> None:
    assert found["success"] is False
    assert found.get("error") or found.get("errors") or found.get("message")


def is_xo(_: Request, __: Any, found: Any) -> None:
    assert found["profiles"] == {}


def is_xo_error(found: Any) -> None:
    assert found["error"]
    assert found["message"]


def is_hello(_: Request, __: Any, found: Any) -> None:
    assert found["success"] is True


def is_hello_error(found: Any) -> None:
    assert found["success"] is False
    assert found["error"]["message"]


def is_segment(request: Request, sent: Any, found: Any) -> None:
    if request.method == "GET":
        assert found["source"]["enabled"] is True
        return
    assert found["success"] is True
    for error in found.get("errors", ()):
        assert error["message"]
        assert error["index"] in range(
            len(sent["batch"]) if "batch" in request.path else 1
        )


def is_segment_error(found: Any) -> None:
    assert found["success"] is False
    assert found["code"]
    assert found["message"] == found["detail"]


class Dialect(NamedTuple):
    """What a function is sent, and what must hold of its answers."""

    requests: list[Request]
    good: Callable[[Request, Any, Any], None]
    bad: Callable[[Any], None]


PRODUCT = {"websiteUuid": "web-key", "trackingUserId": "5eaac6b7d1c2f30001a5d2f7"}
DIALECTS: dict[str, Dialect] = {
    "exponea": Dialect(
        [
            *recorded("exponea_js_sdk_v3.15.0"),
            *(r for r in recorded("exponea_python_sdk") if "/track/" in r.path),
            Request(
                "POST",
                "/track/u/v1/batch?stream_id=PROJTOKEN",
                {"commands": [{"name": "x"}]},
            ),
            Request(
                "POST",
                "/webxp/projects/PROJTOKEN/cookies/c/link-ids",
                {"external_ids": {}},
            ),
        ],
        is_bulk,
        is_exponea_error,
    ),
    "xo": Dialect(
        [
            r._replace(path="/web-key")
            for r in recorded("attraqt_activity_node", "attraqt_activity_browser")
        ],
        is_xo,
        is_xo_error,
    ),
    "helloretail": Dialect(
        [
            Request("POST", "/serve/trackingUser", {"websiteUuid": "web-key"}),
            Request(
                "POST",
                "/serve/collect/pageview",
                {**PRODUCT, "location": "https://x", "url": "/"},
            ),
            Request(
                "POST", "/serve/collect/click", {**PRODUCT, "source": "ps-1|pos:0"}
            ),
            Request(
                "POST",
                "/serve/collect/cart",
                {**PRODUCT, "total": 1, "productNumbers": [1]},
            ),
            Request(
                "POST", "/serve/collect/customer", {**PRODUCT, "customerId": "c-1"}
            ),
            Request(
                "POST",
                "/serve/collect/conversion",
                {
                    **PRODUCT,
                    "total": 2.5,
                    "orderNumber": "o-1",
                    "email": "a@b.c",
                    "customerId": "c-1",
                    "products": [
                        {"productNumber": "1", "quantity": 1, "lineTotal": 2.5}
                    ],
                },
            ),
        ],
        is_hello,
        is_hello_error,
    ),
    "segment": Dialect(
        [
            r._replace(headers={**r.headers, "authorization": "Basic d2ViLWtleTo="})
            for r in recorded("segment_rudder_posthog", "segment_rudder_browser")
        ],
        is_segment,
        is_segment_error,
    ),
}


def test_every_function_of_a_dialect_is_here() -> None:
    assert (
        DIALECTS.keys()
        == topology.FUNCTIONS_BY_NAME.keys() - NATIVE - ELSEWHERE - FILES
    )


def some(
    rng: random.Random, requests: list[Request]
) -> tuple[Request, bytes, dict[str, str]]:
    request = rng.choice(requests)
    if request.body is None:
        return request, b"", dict(request.headers)
    body = copy.deepcopy(request.body)
    wrapped: Any = body if isinstance(body, dict) else {"events": body}
    changed = mutated(rng, wrapped) if rng.random() < 0.8 else wrapped
    if not isinstance(body, dict):
        changed = changed.get("events") if isinstance(changed, dict) else changed
    if rng.random() < 0.05:
        changed = copy.deepcopy(rng.choice(NOISE))
    sent, headers = on_the_wire(rng, json.dumps(changed).encode())
    return request, sent, {**request.headers, **headers}


@pytest.mark.parametrize("name", DIALECTS)
def test_random_bodies(name: str) -> None:
    dialect, rng = DIALECTS[name], random.Random(SEED)
    seen: Counter[int] = Counter()
    with lambda_runtime.run_deployment(
        SOURCES, {"shop": KEY, "other": f"{KEY}-other"}
    ) as deployment:
        gateway = Gateway(routes.ROUTES, deployment.invoke)
        for _ in range(MANY):
            request, sent, headers = some(rng, dialect.requests)
            answer = gateway.answer(
                HttpRequest(request.method, request.path, tuple(headers.items()), sent)
            )
            said = f"{request.path} {sent[:1000]!r} -> {answer.status} {answer.body[:500]!r}"
            assert answer.status < 500, said
            found = json.loads(answer.body)
            try:
                if answer.status == 200:
                    zipped = sent.startswith(b"\x1f\x8b")  # whatever it says (P6)
                    text = gzip.decompress(sent) if zipped else sent
                    dialect.good(request, json.loads(text) if text else None, found)
                else:
                    dialect.bad(found)
            except (AssertionError, KeyError, TypeError) as error:
                raise AssertionError(said) from error
            seen[answer.status // 100] += 1
    assert seen[2] > MANY / 10, seen  # bodies that are all refused would prove little
    assert seen[4] > MANY / 10, seen
