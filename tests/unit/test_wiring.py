"""The connection to the tables, which Lambda's init phase opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from hardlink import log
from hardlink.web import wiring

REFUSED = ClientError({"Error": {"Code": "AccessDenied"}}, "GetItem")
TIMED_OUT = ConnectTimeoutError(endpoint_url="https://dynamodb.test")


class RecordingClient:
    """Stands for botocore's client."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.reads: list[dict[str, Any]] = []
        self._failure = failure

    def get_item(self, **request: Any) -> dict[str, Any]:
        self.reads.append(request)
        if self._failure:
            raise self._failure
        return {}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HARDLINK_SESSIONS_TABLE", "the-sessions")
    monkeypatch.setenv("HARDLINK_CUSTOMERS_TABLE", "the-customers")
    monkeypatch.setenv("HARDLINK_EVENTS_TABLE", "the-events")
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    wiring.tables.cache_clear()
    yield
    wiring.tables.cache_clear()


def connect(monkeypatch: pytest.MonkeyPatch, client: RecordingClient) -> None:
    monkeypatch.setattr(wiring, "connect", lambda: client)
    wiring.tables()


def test_in_lambda_the_connection_is_opened_by_one_read_of_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "track")
    client = RecordingClient()
    connect(monkeypatch, client)
    key = {"session": {"S": "warm-up"}, "item": {"S": "#"}}
    assert client.reads == [{"TableName": "the-sessions", "Key": key}]


def test_elsewhere_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    client = RecordingClient()
    connect(monkeypatch, client)
    assert client.reads == []


@pytest.mark.parametrize("failure", [REFUSED, TIMED_OUT])
def test_a_failure_is_logged_and_the_function_starts(
    failure: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "track")
    warnings: list[tuple[str, object]] = []

    def warn(message: str, *, why: str) -> None:
        warnings.append((message, why))

    monkeypatch.setattr(log.logger, "warning", warn)
    connect(monkeypatch, RecordingClient(failure))
    assert warnings == [("not warmed up", type(failure).__name__)]
