"""Nothing that anybody sent is in the logs: every sample call with unique values in every field, as it succeeds,
is refused, is malformed, and fails within the store."""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hardlink import log
from hardlink.storage.dynamodb import Tables
from infra import topology
from infra.local import invoke, lambda_runtime
from infra.local.lambda_runtime import Deployment

FOLDER = topology.ROOT / "events"
FILES = sorted(FOLDER.glob("*.json"))
MARK = re.compile(r"zq\d+qz")
KEY = "zq0qz-server-key"
_KEPT = {
    "demo",
    "demo-tracardi",
    "demo-move",
    "POST",
    "GET",
    "PUT",
    "identify",
    "track",
    "batch",
}
"""Texts without which a call would go no further than its first check."""
_PLAIN = (
    "time",
    "timestamp",
    "sentAt",
    "name",
    "action",
    "type",
    "tracking",
    "kind",
    "date",
)
"""Fields of which the same is true."""
Json = Any


class Marks:
    """Makes values that are nowhere else."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, text: str) -> str:
        return f"zq{next(self._numbers)}qz{text}"

    def values(self, found: Json, *, all_: bool) -> Json:
        """Every text, or all but those without which the call is nothing; names stay."""
        if isinstance(found, dict):
            return {
                name: value
                if name in _PLAIN and not all_
                else self.values(value, all_=all_)
                for name, value in found.items()
            }
        if isinstance(found, list):
            return [self.values(value, all_=all_) for value in found]
        if isinstance(found, str) and found not in _KEPT:
            return self(found)
        return found

    def names(self, found: Json) -> Json:
        """Every name and every text."""
        if isinstance(found, dict):
            return {self(name): self.names(value) for name, value in found.items()}
        return self.values(found, all_=True)


@pytest.fixture(scope="module")
def deployment() -> Iterator[Deployment]:
    """The functions, which log as they do in Lambda."""
    with (
        pytest.MonkeyPatch.context() as patch,
        lambda_runtime.run_deployment(topology.SOURCES, {"demo": KEY}) as found,
    ):
        patch.setattr(log.logger._logger, "level", logging.INFO)
        yield found


@pytest.fixture
def written(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """All that was logged or printed."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    kept, loggers = Kept(), (logging.getLogger(), log.logger._logger)
    kept.setFormatter(log.logger.registered_formatter)
    for one in loggers:
        one.addHandler(kept)
    yield lambda: "\n".join([*lines, *capfd.readouterr()])
    for one in loggers:
        one.removeHandler(kept)


def _copies(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A sample call with marks in it, in every way."""
    marks = Marks()
    if "Records" in event:
        yield _marked_record(event, marks)
        return
    body = _json(event.get("body"))
    right, wrong = f"Bearer {KEY}", f"Bearer {marks('wrong')}"
    bodies = (
        marks.values(body, all_=False),
        marks.values(body, all_=True),
        marks.names(body),
    )
    for text in (
        *map(json.dumps, bodies),
        f'{{"{marks("cut")}": "{marks("off")}',
        marks("\x00"),
    ):
        yield _call(event, text, right, marks)
    yield _call(event, event.get("body"), wrong, marks)


def _call(
    event: dict[str, Any], body: str | None, authorization: str, marks: Marks
) -> dict[str, Any]:
    headers = {name: marks(str(value)) for name, value in event["headers"].items()}
    parameters = event.get("pathParameters", {})
    read = {name: marks.values(value, all_=False) for name, value in parameters.items()}
    queried = event.get("queryStringParameters", {})
    return {
        **event,
        "body": body,
        "isBase64Encoded": False,
        "headers": {
            **headers,
            "authorization": authorization,
            "content-type": event["headers"].get("content-type", "application/json"),
            "x-forwarded-for": marks("192.0.2.1"),
        },
        "cookies": [f"{marks('name')}={marks('value')}"],
        "rawPath": marks("/path"),
        "rawQueryString": f"{marks('name')}={marks('value')}",
        "pathParameters": read,
        "queryStringParameters": {
            name: marks(str(value)) for name, value in queried.items()
        },
        "requestContext": {
            **event["requestContext"],
            "http": {**event["requestContext"]["http"], "sourceIp": marks("192.0.2.1")},
        },
    }


def _marked_record(event: dict[str, Any], marks: Marks) -> dict[str, Any]:
    text = json.dumps(event).replace("demo/", f"demo/{marks('')}")
    found: dict[str, Any] = json.loads(text)
    return found


def _json(text: str | None) -> Json:
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {"text": text}


def _carried_out(deployment: Deployment, event: dict[str, Any]) -> str:
    """What Lambda would log of a call that raises."""
    try:
        deployment.invoke(invoke.find_function(event), event)
    except Exception:  # noqa: BLE001 - whatever it is, Lambda logs it
        return traceback.format_exc()
    return ""


def _leaks(text: str) -> list[str]:
    return sorted({line for line in text.splitlines() if MARK.search(line)})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_call_leaves_what_it_was_sent_in_the_logs(
    path: Path,
    deployment: Deployment,
    written: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event, raised = invoke.read_event(path), ""
    for copy in _copies(event):
        raised += _carried_out(deployment, copy)
    monkeypatch.setattr(Tables, "_call", _fail)
    for copy in _copies(event):
        raised += _carried_out(deployment, copy)
    found = written()
    assert "answered" in found or "Records" in event
    assert _leaks(found + raised) == []


@pytest.mark.parametrize(
    "key", ["feeds/zq1qz/zq2qz.csv", "feeds/demo/zq3qz.csv", "feeds/zq4qz.csv"]
)
def test_no_file_is_named_in_the_logs(
    key: str, deployment: Deployment, written: Callable[[], str]
) -> None:
    told = {"bucket": {"name": "zq0qz"}, "object": {"key": key, "eTag": "zq5qz"}}
    message = {"messageId": "zq6qz", "body": json.dumps({"Records": [{"s3": told}]})}
    deployment.invoke("orders", {"Records": [message]})
    assert _leaks(written()) == []


def _fail(_: Tables, operation: str, request: dict[str, Any]) -> None:
    """As DynamoDB refuses a request: it quotes it."""
    raise RuntimeError(f"{operation}: {request}")
