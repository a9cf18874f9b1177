"""No IP address is stored, wherever a client or API Gateway puts one: both tables are searched for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from hardlink.domain import ip_addresses
from hardlink.storage.event_bodies import expand_body
from infra import topology
from infra.local import invoke, lambda_runtime, moto_engine
from infra.local.lambda_runtime import Deployment

ADDRESS = "203.0.113.77"
FOLDER = topology.ROOT / "events"
CALLS = sorted(path for path in FOLDER.glob("*.json") if '"POST ' in path.read_text())
_PLACES = (
    "properties",
    "context",
    "metadata",
    "request",
    "traits",
    "$set",
    "data",
    "target",
)
"""Where clients say what they know of a visitor."""


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    with lambda_runtime.run_deployment(
        topology.SOURCES, {"demo": invoke.SERVER_KEY}
    ) as found:
        yield found


def _with_address(found: Any, place: str = "") -> Any:
    """A body that says the visitor's address wherever something is said of the visitor, and at its top."""
    if isinstance(found, list):
        return [_with_address(one) for one in found]
    if not isinstance(found, dict):
        return found
    said = {name: _with_address(value, name) for name, value in found.items()}
    if place not in _PLACES:
        return said
    names = ("ip", "$ip", "request_ip", "ip_address")
    return {
        **said,
        **dict.fromkeys(names, ADDRESS),
        "device": {"ip": ADDRESS, "os": "Linux"},
    }


@pytest.mark.parametrize("path", CALLS, ids=lambda path: path.stem)
def test_no_address_is_stored(path: Path, deployment: Deployment) -> None:
    text = path.read_text()
    event = json.loads(text.replace("192.0.2.17", ADDRESS))
    sent = (
        json.loads(event["body"])
        if str(event.get("body", "")).startswith("{")
        else None
    )
    if sent is not None:
        event["body"] = json.dumps(_with_address({**sent, "ip": ADDRESS}, "properties"))
    answer = deployment.invoke(invoke.find_function(event), event)
    assert answer["statusCode"] < 500
    assert ADDRESS not in _stored(deployment)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "ip",
            "$ip",
            "IP",
            "ip_address",
            "$ip_address",
            "ip-address",
            "ipAddress",
            "ipaddr",
        ),
        *(
            "clientIp",
            "client_ip",
            "client.ip",
            "Client IP",
            "clientIpAddress",
            "user_ip",
        ),
        *(
            "REMOTE_ADDR",
            "remoteAddress",
            "x-forwarded-for",
            "HTTP_X_FORWARDED_FOR",
            "X-Real-IP",
        ),
        *(
            "cf-connecting-ip",
            "True-Client-IP",
            "sourceIp",
            "visitor_ip",
            "last_ip",
            "ipv4",
        ),
    ],
)
def test_a_name_of_an_address_in_any_spelling(name: str) -> None:
    assert ip_addresses.strip_ip_addresses({"a": [{name: ADDRESS, "b": 1}]}) == {
        "a": [{"b": 1}]
    }


@pytest.mark.parametrize(
    "name", ["vip", "zip", "tip", "ship_address", "address", "description"]
)
def test_a_name_of_something_else(name: str) -> None:
    assert ip_addresses.strip_ip_addresses({name: 1}) == {name: 1}


def test_what_is_no_address_is_stored(deployment: Deployment) -> None:
    event = json.loads((FOLDER / "track.json").read_text())
    events = [
        {"type": "view", "properties": {"device": {"ip": ADDRESS, "os": "Plan 9"}}}
    ]
    session = {"id": "of-an-address"}
    body = {"source": {"id": "demo"}, "session": session, "events": events}
    answer = deployment.invoke("track", {**event, "body": json.dumps(body)})
    assert json.loads(answer["body"])["results"][0]["status"] == "stored"
    assert "Plan 9" in _stored(deployment)
    assert ADDRESS not in _stored(deployment)


def _stored(deployment: Deployment) -> str:
    """All that the tables hold, compressed bodies as they are read."""
    client = boto3.client("dynamodb")
    with moto_engine.LOCK:
        pages = [
            page["Items"]
            for name in deployment.tables.values()
            for page in client.get_paginator("scan").paginate(TableName=name)
        ]
    return json.dumps(pages, default=expand_body)
