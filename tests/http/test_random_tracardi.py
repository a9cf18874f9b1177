"""Bodies that no tracker would send, to a source whose clients are Tracardi's: each gets an answer in its words."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from typing import Any

from infra import routes
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway, HttpRequest
from tests.http.noise import mutated, on_the_wire
from tests.http.service import KEY, SOURCES
from tests.http.test_random_bodies import VERDICTS

MANY = 600
SEED = 20_261_122
TRACK = {200, 226, 400, 401, 403, 409, 413, 422}
COLLECT = {200, 226, 401, 403, 413, 422}
WHO: dict[str, Any] = {"pk": "g-1", "email": "a@b.c", "firstname": "Gordon"}
SEEDS: list[dict[str, Any]] = [
    {"events": [{"type": "page-view", "id": "e-1", "time": {"create": "2026-01-01"}}]},
    {
        "events": [
            {"type": "page-view"},
            {"type": "sign-in", "properties": WHO},
            {"type": "cart"},
        ]
    },
    {
        "events": [
            {"type": "profile-update", "properties": {"contact": {"email": "a@b.c"}}}
        ]
    },
    {"events": [{"type": "consent-granted", "properties": {"marketing": False}}]},
    {
        "events": [
            {
                "type": "consent-update",
                "properties": {"consents": {"a": {"revoke": None}}},
            }
        ]
    },
    {
        "events": [{"type": "a"}],
        "profile": {"id": "p"},
        "context": {"tracardi": {"pass": {"profile": "p-1", "source": "web-key"}}},
    },
    {"events": [{"type": "a"}], "options": {"saveSession": False, "debugger": True}},
    {"events": [{"type": "a"}], "profile_less": True},
    {"events": []},
]


def some_payload(rng: random.Random) -> Any:
    source = rng.choice(("tracardi-key", "tracardi-refuse-key", "tracardi-static-key"))
    session = rng.choice(("t-1", "t-2", f"t-{rng.random()}"))
    return mutated(
        rng, {"source": {"id": source}, "session": {"id": session}, **rng.choice(SEEDS)}
    )


def judge(status: int, sent: bytes, headers: dict[str, str], answer: Any) -> None:
    """What must hold of any answer to a payload."""
    said = f"{headers} {sent[:2000]!r} -> {status} {str(answer)[:500]}"
    assert status in TRACK, said
    if status not in (200, 226):
        assert answer["error"]["message"], said
        assert answer["detail"], said
    elif answer is not None:
        # a body that says gzip and is not is read as it is (P6)
        is_zipped = sent.startswith(b"\x1f\x8b")
        asked = json.loads(gzip.decompress(sent) if is_zipped else sent)
        assert len(answer["results"]) == len(asked.get("events") or []), said
        assert {verdict["status"] for verdict in answer["results"]} <= VERDICTS, said
        if "errors" in answer:
            assert (
                bool(answer["errors"]) is (status == 226)
                or asked["source"] == "web-key"
            ), said
        else:
            assert status == 200, said
            assert "tracardi" not in str(asked["source"]), said


def test_random_payloads_webhooks_and_redirects() -> None:
    rng = random.Random(SEED)
    seen: Counter[tuple[str, int]] = Counter()
    with lambda_runtime.run_deployment(
        SOURCES, {"shop": KEY, "other": f"{KEY}-other"}
    ) as deployment:
        gateway = Gateway(routes.ROUTES, deployment.invoke)

        def send(path: str, sent: bytes, headers: dict[str, str]) -> tuple[int, Any]:
            response = gateway.answer(
                HttpRequest("POST", path, tuple(headers.items()), sent)
            )
            return response.status, json.loads(response.body)

        for _ in range(MANY):
            sent, headers = on_the_wire(rng, json.dumps(some_payload(rng)).encode())
            status, answer = send("/track", sent, headers)
            judge(status, sent, headers, answer)
            seen["track", status] += 1
            path = rng.choice(("sign-in", "a", "consent-update"))
            status, answer = send(f"/collect/{path}/tracardi-key/t-1", sent, headers)
            assert status in COLLECT, (sent, answer)
            seen["collect", status] += 1
            status, _ = send("/redirect/sale/t-2", sent, headers)
            assert status in {307, 403}, sent
    for call, status in (
        ("track", 200),
        ("track", 226),
        ("track", 422),
        ("collect", 422),
    ):
        assert seen[call, status] > 20, seen
