"""Stream records reach their function as Lambda would bring them: filtered, in order, again until they are done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from infra import topology
from infra.local import moto_engine
from infra.local.dynamodb_streams import Shard, StreamPollers, is_wanted

TABLE = "sessions"


@pytest.fixture(autouse=True)
def client() -> Iterator[Any]:
    with moto_engine.run_engine():
        client = boto3.client("dynamodb")
        moto_engine.create_tables(client)
        yield client


def put(client: Any, *names: str, item: str = "#") -> None:
    for name in names:
        client.put_item(
            TableName=TABLE, Item={"session": {"S": name}, "item": {"S": item}}
        )


def names(event: dict[str, Any]) -> list[str]:
    return [record["dynamodb"]["Keys"]["session"]["S"] for record in event["Records"]]


class Function:
    """Remembers what it is called with; fails on these names as often as it is told."""

    @property
    def every(self) -> list[str]:
        return [name for batch in self.seen for name in batch]

    def __init__(self, **failures: int) -> None:
        self.seen: list[list[str]] = []
        self._failures = failures

    def __call__(self, event: dict[str, Any]) -> dict[str, Any]:
        self.seen.append(names(event))
        failed = []
        for record, name in zip(event["Records"], names(event), strict=True):
            if self._failures.get(name, 0) > 0:
                self._failures[name] -= 1
                failed.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
        return {"batchItemFailures": failed}


def deliver(shard: Shard) -> None:
    while not shard.idle:
        shard.deliver()


def test_a_record_is_what_lambda_gets(client: Any) -> None:
    put(client, "a")
    (record,) = moto_engine.take_records(TABLE)
    change = record["dynamodb"]
    assert record["eventID"]
    assert record["eventName"] == "INSERT"
    assert record["eventSource"] == "aws:dynamodb"
    assert record["awsRegion"] == moto_engine.REGION
    assert record["eventSourceARN"].startswith(
        "arn:aws:dynamodb:us-east-1:123456789012:table/sessions/stream/"
    )
    assert change["Keys"] == {"session": {"S": "a"}, "item": {"S": "#"}}
    assert change["SequenceNumber"].isdigit()
    assert change["StreamViewType"] == "KEYS_ONLY"
    assert change["ApproximateCreationDateTime"] > 1.7e9
    assert not {"NewImage", "OldImage"} & change.keys()


def test_events_never_reach_the_function(client: Any) -> None:
    function = Function()
    put(client, "a", item="e/1/x")
    put(client, "b")
    deliver(Shard(TABLE, function))
    assert function.seen == [["b"]]


def test_the_filter_reads_nested_objects() -> None:
    for table in topology.STREAM_FILTERS:
        assert is_wanted(table, {"dynamodb": {"Keys": {"item": {"S": "#"}}}})
    erasure = {"dynamodb": {"Keys": {"item": {"S": "~"}}}}
    assert is_wanted("customers", erasure)
    assert not is_wanted(TABLE, erasure)
    strangers: list[dict[str, Any]] = [
        {},
        {"dynamodb": {}},
        {"dynamodb": {"Keys": {"item": {"S": "e/1"}}}},
        {"dynamodb": "x"},
    ]
    for record in strangers:
        assert not is_wanted(TABLE, record)


def test_batches_keep_the_order(client: Any) -> None:
    function = Function()
    every = [f"n{n:03}" for n in range(250)]
    put(client, *every)
    deliver(Shard(TABLE, function))
    assert [len(batch) for batch in function.seen] == [100, 100, 50]
    assert function.every == every


def test_records_from_the_first_failed_one_on_come_again(client: Any) -> None:
    function = Function(b=2, d=2)
    put(client, "a", "b", "c", "d", "e")
    deliver(Shard(TABLE, function, first_pause=0))
    assert function.seen == [
        ["a", "b", "c", "d", "e"],
        ["b", "c", "d", "e"],  # fails at its first record: bisected
        ["b", "c"],
        ["d", "e"],
    ]


def test_a_function_that_raises_gets_all_of_the_batch_again_in_halves(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[list[str]] = []

    def function(event: dict[str, Any]) -> None:
        seen.append(names(event))
        if len(seen) < 3:
            raise RuntimeError("as tests want it")

    put(client, "a", "b")
    deliver(Shard(TABLE, function, first_pause=0))
    assert seen == [["a", "b"], ["a"], ["a"], ["b"]]
    assert capsys.readouterr().err.count("RuntimeError: as tests") == 2


def test_a_record_that_always_fails_is_given_up_and_kept_aside(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    function = Function(b=1000)
    put(client, "a", "b", "c")
    shard = Shard(TABLE, function, retries=3, first_pause=0)
    deliver(shard)
    assert function.seen == [["a", "b", "c"], ["b", "c"], *[["b"]] * 3, ["c"]]
    assert names({"Records": shard.failed}) == ["b"]
    assert "gave up" in capsys.readouterr().err


def test_a_record_that_ends_the_whole_call_is_given_up_alone(
    client: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that takes too long does, or too much memory: no answer says which record it was."""
    done: list[str] = []

    def function(event: dict[str, Any]) -> None:
        if "n13" in names(event):
            raise RuntimeError("as tests want it")
        done.extend(names(event))

    every = [f"n{number:02}" for number in range(30)]
    put(client, *every)
    shard = Shard(TABLE, function, retries=3, first_pause=0)
    deliver(shard)
    assert names({"Records": shard.failed}) == ["n13"]
    assert done == [name for name in every if name != "n13"]


def test_pauses_grow_and_end() -> None:
    shard = Shard(
        TABLE,
        lambda _event: {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
        retries=9,
    )
    put(boto3.client("dynamodb"), "a")
    pauses = [shard.deliver() for _ in range(9)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.1
    assert pauses[-1] == 2.0


def test_both_tables_are_delivered_in_the_background_and_at_once(client: Any) -> None:
    done = threading.Event()
    function = Function()

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        done.set()
        return function(event)

    streams = StreamPollers([table.name for table in topology.TABLES], invoke)
    with streams.running():
        for name in ("a", "b", "c"):
            done.clear()
            put(client, name)
            assert done.wait(0.2)
        assert streams.drain(2)
    assert function.every == ["a", "b", "c"]


def test_drain_says_when_it_takes_too_long(client: Any) -> None:
    streams = StreamPollers([TABLE], Function(a=5))
    with streams.running():
        put(client, "a")
        assert not streams.drain(0.1)
        assert streams.drain(10)


def test_nothing_is_lost_beside_many_writers(client: Any) -> None:
    function = Function()
    streams = StreamPollers([TABLE], function)
    with streams.running():
        writers = [
            threading.Thread(
                target=put, args=(client, *[f"{w}-{n}" for n in range(50)])
            )
            for w in range(6)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert streams.drain(10)
    seen = function.every
    assert len(seen) == 300
    for w in range(6):
        assert [name for name in seen if name.startswith(f"{w}-")] == [
            f"{w}-{n}" for n in range(50)
        ]
