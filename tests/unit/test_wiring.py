"""The connection to the tables, which Lambda's init phase opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from hardlink import log
from hardlink.domain.errors import Busy
from hardlink.domain.records import Item, Key
from hardlink.storage import schema_version
from hardlink.storage.schema_version import VERSION
from hardlink.storage.store import Put
from hardlink.web import wiring
from infra import topology
from tests.support.memory_store import MemoryStore

HEAD = Key("sessions", "shop/s1", "#")

REFUSED = ClientError({"Error": {"Code": "AccessDenied"}}, "GetItem")
TIMED_OUT = ConnectTimeoutError(endpoint_url="https://dynamodb.test")


class RecordingClient:
    """Stands for botocore's client."""

    def __init__(
        self, failure: Exception | None = None, version: int | None = None
    ) -> None:
        self.reads: list[dict[str, Any]] = []
        self.writes: list[dict[str, Any]] = []
        self._failure = failure
        self._version = version

    def put_item(self, **request: Any) -> dict[str, Any]:
        self.writes.append(request["Item"])
        return {}

    def get_item(self, **request: Any) -> dict[str, Any]:
        self.reads.append(request)
        if self._failure:
            raise self._failure
        if self._version is None:
            return {}
        key = {"session": {"S": "schema"}, "item": {"S": "version"}}
        return {"Item": {**key, "version": {"N": str(self._version)}}}


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


def test_in_lambda_the_connection_is_opened_by_one_read_of_the_schema_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "track")
    client = RecordingClient()
    connect(monkeypatch, client)
    key = {"session": {"S": "schema"}, "item": {"S": "version"}}
    assert client.reads == [
        {"TableName": "the-sessions", "Key": key, "ConsistentRead": True}
    ]


@pytest.mark.parametrize("version", [None, 1, VERSION])
def test_b6_tables_of_a_version_that_is_known_are_used(
    version: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "track")
    connect(monkeypatch, RecordingClient(version=version))
    assert wiring.tables().get([HEAD]) != []


def test_b6_tables_of_a_newer_version_are_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "track")
    client = RecordingClient(version=VERSION + 1)
    connect(monkeypatch, client)
    store = wiring.tables()
    with pytest.raises(Busy, match="deploy that version"):
        store.get([HEAD])
    with pytest.raises(Busy, match=f"schema {VERSION + 1}"):
        store.write([Put(HEAD, {})])
    assert len(client.reads) == 1


def test_b6_the_version_is_noted_once_and_never_over_another_one() -> None:
    store = MemoryStore()
    schema_version.note_version(store)
    assert store.get([schema_version.KEY]) == [{"version": VERSION}]
    newer: Item = {"version": VERSION + 1}
    store.write([Put(schema_version.KEY, newer)])
    schema_version.note_version(store)
    assert (
        schema_version.read_version(store.get([schema_version.KEY])[0]) == VERSION + 1
    )


@pytest.mark.parametrize("version", [None, VERSION, VERSION + 1])
def test_b6_the_version_is_noted_where_a_function_is_loaded_in_lambda(
    version: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = RecordingClient(version=version)
    connect(monkeypatch, client)
    wiring.note_schema()
    assert client.writes == []
    wiring.tables.cache_clear()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "associate")
    wiring.note_schema()
    is_newer = version == VERSION + 1
    assert [item["version"] for item in client.writes] == (
        [] if is_newer else [{"N": str(VERSION)}]
    )


def test_b6_no_project_and_no_stream_has_the_version() -> None:
    assert "/" not in schema_version.KEY.partition
    wanted = topology.STREAM_FILTERS["sessions"]
    assert schema_version.KEY.item not in str(wanted)


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
