"""Ten thousand bodies that nobody would send: each gets a JSON answer, and every event of an accepted one a verdict."""

from __future__ import annotations

import copy
import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

import pytest

from infra import routes
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway, HttpRequest
from tests.http.noise import NOISE, mutated, on_the_wire
from tests.http.service import KEY, SOURCES, Client, exchange

MANY = 10_000
SOME = 500
SEED = 20_260_101
AT_ONCE = 2_500
"""Bodies on one set of tables: moto is quick while they are small."""
VERDICTS = {"stored", "duplicate", "rejected", "dropped"}
NATIVE = ("track", "identify", "update", "anonymize", "consent")
PATHS = sorted({route.path for route in routes.ROUTES if route.function in NATIVE})
STATUS = {200, 400, 401, 403, 409, 413}
SEEDS: list[dict[str, Any]] = [
    {"events": [{"type": "a", "properties": {"p": 1}}, {"type": "b"}]},
    {
        "profile": {"id": "p-1"},
        "context": {"c": {"d": 1}},
        "properties": {"x": [1, 2]},
        "events": [{"type": "a"}],
    },
    {
        "events": [
            {
                "type": "a",
                "id": "e-1",
                "time": 1767322800,
                "tags": ["t"],
                "options": {"debugger": True},
            }
        ]
    },
    {
        "events": [{"type": "a", "time": "2026-01-01", "context": {"a": {"b": []}}}],
        "ids": {"registered": "r-1"},
    },
    {
        "events": [{"type": "a"}] * 5,
        "options": {"saveEvent": False, "saveSession": False},
    },
    {
        "ids": {"registered": "r-1", "email": "a@b.c"},
        "properties": {"n": 1},
        "segments": ["s"],
        "time": 1,
    },
    {
        "ids": {"customerId": "r-2", "loyalty": 12},
        "segments": {"s": True},
        "traits": {"t": None},
        "token": "t",
    },
    {"properties": {"first_name": "G", "n": 1.5}, "time": "2026-01-01T00:00:00Z"},
    {"tracking": "denied"},
    {"tracking": "granted", "erase": False, "profile": None},
]


def some_body(rng: random.Random) -> Any:
    if rng.random() < 0.1:
        return copy.deepcopy(rng.choice(NOISE))
    session = rng.choice(("s-1", "s-2", "s-3", f"s-{rng.random()}"))
    source = rng.choice(
        ("web-key", "web-key", "split-key", "refuse-key", "static-key", "month-key")
    )
    return mutated(
        rng, {"source": {"id": source}, "session": {"id": session}, **rng.choice(SEEDS)}
    )


def judge(
    path: str, sent: bytes, headers: dict[str, str], status: int, answer: bytes
) -> None:
    """What must hold of any answer."""
    said = f"{path} {headers} {sent[:2000]!r} -> {status} {answer[:500]!r}"
    assert status in STATUS, said
    found = json.loads(answer)
    if status != 200:
        assert found["error"]["code"], said
        assert found["error"]["message"], said
        assert isinstance(found["error"].get("field", ""), str), said
        return
    assert "error" not in found, said
    if path == "/track":
        # a body that says gzip and is not is read as it is (P6)
        is_zipped = sent.startswith(b"\x1f\x8b")
        asked = json.loads(gzip.decompress(sent) if is_zipped else sent)
        verdicts = found["results"]
        assert len(verdicts) == len(asked.get("events") or []), said
        assert {verdict["status"] for verdict in verdicts} <= VERDICTS, said
        for event, verdict in zip(asked.get("events") or [], verdicts, strict=True):
            assert (
                verdict["status"] not in ("rejected", "dropped") or verdict["reason"]
            ), said
            assert verdict["status"] == "rejected" or isinstance(event, dict), said
            if (
                isinstance(event, dict)
                and isinstance(event.get("id"), str)
                and event["id"].strip()
            ):
                assert verdict["id"] in (event["id"].strip(), event["id"][:256]), said


def carry_out(
    rng: random.Random, number: int, send: Callable[..., tuple[int, bytes]]
) -> Counter[tuple[str, int]]:
    seen: Counter[tuple[str, int]] = Counter()
    for _ in range(number):
        path = rng.choice(PATHS)
        body, headers = on_the_wire(rng, json.dumps(some_body(rng)).encode())
        status, answer = send(path, body, headers)
        judge(path, body, headers, status, answer)
        seen[path, status] += 1
    return seen


@pytest.mark.parametrize("part", range(MANY // AT_ONCE))
def test_random_bodies(part: int) -> None:
    """In this process, through the gateway: a socket would add nothing but time."""
    with lambda_runtime.run_deployment(
        SOURCES, {"shop": KEY, "other": f"{KEY}-other"}
    ) as deployment:
        gateway = Gateway(routes.ROUTES, deployment.invoke)

        def send(path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
            response = gateway.answer(
                HttpRequest("POST", path, tuple(headers.items()), body)
            )
            return response.status, response.body

        seen = carry_out(random.Random(SEED + part), AT_ONCE, send)
    for path in PATHS:  # bodies that are all refused would prove little
        assert seen[path, 200] > 20, seen
        assert seen[path, 400] > 20, seen


def test_random_bodies_over_a_socket(shop: Client) -> None:
    connection = HTTPConnection("127.0.0.1", shop.port, timeout=30)

    def send(path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        reply = exchange(connection, "POST", path, body, headers)
        return reply.status, reply.body

    carry_out(random.Random(SEED - 1), SOME, send)
    connection.close()
