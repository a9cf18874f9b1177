"""What a client quotes is found in the log, and what happened is counted."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from hardlink import metrics
from hardlink.log import logger
from infra import routes, topology
from infra.local import lambda_runtime, moto_engine
from infra.local.api_gateway import Gateway, HttpRequest, HttpResponse
from infra.local.lambda_runtime import Deployment
from tests.security.shop import path


@pytest.fixture
def deployment() -> Iterator[Deployment]:
    """All functions; metrics are counted anew."""
    with lambda_runtime.run_deployment(topology.SOURCES, {"demo": "key"}) as found:
        metrics.take_metrics()
        yield found
        metrics.take_metrics()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the logger writes, at the level that a stage for trying things out has."""
    written, level = io.StringIO(), logger.log_level
    handler = logger.registered_handler
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(written)
    logger.setLevel(logging.INFO)
    yield written
    logger.setLevel(level)
    handler.setStream(before)


def post(deployment: Deployment, path: str, **body: Any) -> HttpResponse:
    sent = {"source": {"id": "demo"}, "session": {"id": "s1"}, **body}
    request = HttpRequest("POST", path, body=json.dumps(sent).encode())
    return Gateway(routes.ROUTES, deployment.invoke).answer(request)


def quoted(response: HttpResponse) -> str:
    return dict(response.headers)["x-request-id"]


def found(log: io.StringIO, request_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["request_id"] == request_id]


def test_the_id_of_an_answer_finds_its_line(
    deployment: Deployment, log: io.StringIO
) -> None:
    response = post(deployment, "/track", events=[{"type": "view"}])
    (line,) = found(log, quoted(response))
    assert (line["level"], line["message"]) == ("INFO", "answered")
    assert (line["route"], line["status"]) == ("POST /track", 200)
    assert line["function_request_id"]


def test_the_id_of_an_error_finds_why_also_where_only_warnings_are_logged(
    deployment: Deployment, log: io.StringIO
) -> None:
    logger.setLevel(logging.WARNING)
    fine = post(deployment, "/track", events=[{"type": "view"}])
    refused = post(deployment, "/track", source={"id": "no key of ours"}, events=[])
    assert refused.status == 401
    assert found(log, quoted(fine)) == []
    (line,) = found(log, quoted(refused))
    assert (line["level"], line["status"], line["code"]) == (
        "WARNING",
        401,
        "unknown_source",
    )
    assert "no key of ours" not in log.getvalue()


def test_every_function_says_what_to_quote(deployment: Deployment) -> None:
    asked: list[str] = []

    def invoke(function: str, event: dict[str, Any]) -> Any:
        asked.append(event["requestContext"]["requestId"])
        return deployment.invoke(function, event)

    gateway = Gateway(routes.ROUTES, invoke)
    answers = [
        gateway.answer(HttpRequest(route.method, path(route)))
        for route in routes.ROUTES
    ]
    assert [quoted(answer) for answer in answers] == asked
    assert len(asked) == len(routes.ROUTES)


def test_a_fault_of_ours_is_found_too(
    deployment: Deployment, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardlink.services.service.Service.track", lambda *_: 1 / 0)
    asked: list[str] = []

    def invoke(function: str, event: dict[str, Any]) -> Any:
        asked.append(event["requestContext"]["requestId"])
        return deployment.invoke(function, event)

    sent = {"source": {"id": "demo"}, "session": {"id": "s1"}, "events": []}
    request = HttpRequest("POST", "/track", body=json.dumps(sent).encode())
    assert Gateway(routes.ROUTES, invoke).answer(request).status == 500
    (line,) = found(log, asked[0])
    assert (line["level"], line["message"]) == ("ERROR", "failed")
    assert (line["code"], line["status"]) == ("internal", 500)
    assert line["why"].startswith("ZeroDivisionError at ")


def test_every_verdict_is_counted(deployment: Deployment) -> None:
    event = {"type": "view", "id": "1", "time": datetime.now(UTC).isoformat()}
    post(
        deployment,
        "/track",
        events=[event, {"type": ""}, {**event, "options": {"save": False}}],
    )
    metrics.take_metrics()
    post(
        deployment,
        "/track",
        events=[event, {"type": ""}, {**event, "options": {"save": False}}],
    )
    post(deployment, "/track", events=[{"type": "view"}, {"type": "view"}])
    assert metrics.take_metrics().counts == {
        "events_stored": 2,
        "events_duplicate": 1,
        "events_rejected": 1,
        "events_dropped": 1,
    }


def test_links_are_counted_made_and_refused(deployment: Deployment) -> None:
    post(deployment, "/identify", ids={"registered": "a"}, source={"id": "demo-refuse"})
    assert metrics.take_metrics().counts == {"links_made": 1}
    again = post(
        deployment, "/identify", ids={"registered": "a"}, source={"id": "demo-refuse"}
    )
    assert again.status == 200
    assert metrics.take_metrics().counts == {}
    other = post(
        deployment, "/identify", ids={"registered": "b"}, source={"id": "demo-refuse"}
    )
    assert other.status == 409
    assert metrics.take_metrics().counts == {"links_refused": 1}


def test_association_says_how_late_it_is_and_what_failed(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(deployment, "/identify", ids={"registered": "a"})
    metrics.take_metrics()
    monkeypatch.setattr("hardlink.log.MetricsFlusher.__call__", lambda _: None)
    heads = [
        record
        for table in deployment.tables.values()
        for record in moto_engine.take_records(table)
        if record["dynamodb"]["Keys"]["item"]["S"] == "#"
    ]
    for record in heads:
        record["dynamodb"]["ApproximateCreationDateTime"] -= 40
    assert deployment.invoke("associate", {"Records": heads}) == {
        "batchItemFailures": []
    }
    lags = metrics.take_metrics().durations["association_lag"]
    assert lags
    assert all(40_000 <= lag < 400_000 for lag in lags)
    monkeypatch.setattr(
        "hardlink.services.association.Association.handle_change", lambda *_: 1 / 0
    )
    answer = deployment.invoke("associate", {"Records": heads[:1]})
    assert len(answer["batchItemFailures"]) == 1
    gathered = metrics.take_metrics()
    assert gathered.counts == {"association_failures": 1}
    assert gathered.durations == {}
