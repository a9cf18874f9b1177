"""CPU of one `track` call with one event, through the handler, over that of its two boto3 calls alone."""

from __future__ import annotations

import contextlib
import io
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from hardlink.domain import derived_events
from hardlink.domain.events import StoredEvent
from infra import topology
from tests.bench.stub import answer_at_once

CALLS = 400
ROUNDS = 15
_SESSION = {
    "session": {"S": "demo/6f1c0d2e-8a53-4a4e-9d56-0c5f8d1f2b11"},
    "item": {"S": "#"},
    "p": {"S": "9b2f6d0c-3f3e-4a77-8a57-0b8f0e0e5d11"},
    "f": {"S": "demo"},
    "c": {"N": "1795319438632000"},
    "l": {"N": "9000000000000000"},
}
"""A session under the names by which it is stored."""
ANSWERS: dict[str, dict[str, Any]] = {"GetItem": {"Item": _SESSION}, "PutItem": {}}
_BODY = {
    "source": {"id": "demo"},
    "session": {"id": "6f1c0d2e-8a53-4a4e-9d56-0c5f8d1f2b11"},
    "events": [
        {"type": "page-view", "properties": {"pageTitle": "My Page", "price": 34.43}}
    ],
}
_CALL = {
    "version": "2.0",
    "routeKey": "POST /track",
    "headers": {"content-type": "application/json"},
    "requestContext": {"requestId": "JKJaXmPLvHcESHA="},
    "body": json.dumps(_BODY),
    "isBase64Encoded": False,
}


def baseline_environment() -> dict[str, str]:
    """Environment of a fresh process, as the stack sets it."""
    return {
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "HARDLINK_SESSIONS_TABLE": "sessions",
        "HARDLINK_CUSTOMERS_TABLE": "customers",
        "HARDLINK_EVENTS_TABLE": "events",
        "HARDLINK_SOURCES": str(topology.SOURCES),
    }


def measure_cpu() -> tuple[float, float]:
    """Microseconds of CPU: the two calls alone, and the handler."""
    os.environ.update(baseline_environment())
    with contextlib.redirect_stdout(
        io.StringIO()
    ):  # before the logger looks where to write
        bare, handler = _bare(), _handler()
        rounds = [(_cpu(bare), _cpu(handler)) for _ in range(ROUNDS)]
    return statistics.median(r[0] for r in rounds), statistics.median(
        r[1] for r in rounds
    )


def _bare() -> Callable[[], object]:
    import boto3  # noqa: PLC0415 - the baseline is what a plain function would import

    client = boto3.client("dynamodb")
    answer_at_once(client, ANSWERS)
    key = {"session": _SESSION["session"], "item": _SESSION["item"]}
    item = {
        **key,
        "type": {"S": "page-view"},
        "received": {"N": "1795319438632000"},
        "source": {"S": "demo"},
        "body": {
            "S": '{"properties":{"pageTitle":"My Page","price":34.43},"context":{}}'
        },
    }

    def call() -> None:
        client.get_item(TableName="sessions", Key=key, ConsistentRead=True)
        client.put_item(
            TableName="sessions",
            Item=item,
            ConditionExpression="attribute_not_exists(#i)",
            ExpressionAttributeNames={"#i": "item"},
        )

    return call


def _handler() -> Callable[[], object]:
    from hardlink.web.wiring import tables  # noqa: PLC0415 - needs the environment
    from track.handler import handler  # noqa: PLC0415

    answer_at_once(tables()._client, ANSWERS)
    return lambda: handler(_CALL, None)


def _cpu(call: Callable[[], object]) -> float:
    call()
    start = time.process_time()
    for _ in range(CALLS):
        call()
    return (time.process_time() - start) / CALLS * 1e6


def measure_burst(events: int) -> float:
    """Milliseconds of CPU that derive visits from so many events, all within half a minute."""
    body: dict[str, Any] = {"properties": {}, "context": {}}
    stored = [
        StoredEvent(f"{n}", "view", 10**15 - n, 10**15 - n, "web", body)
        for n in range(events)
    ]
    began = time.process_time()
    list(derived_events.derive_visits(stored, 10**15, lambda _: None))
    return (time.process_time() - began) * 1000
