"""What is told onward: every stored event and every link, from the streams through Firehose into a bucket, on moto."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import boto3
import pytest

from forward import documents, firehose
from forward import handler as forward
from hardlink import metrics
from hardlink.domain.records import Table
from hardlink.domain.times import END
from hardlink.storage.dynamodb import Opening, open_connection
from hardlink.storage.keys import PARTITION, SORT
from hardlink.web.wiring import tables
from infra import routes, topology
from infra.local import invoke, lambda_runtime, moto_engine
from infra.local.api_gateway import Gateway, HttpRequest
from infra.local.dynamodb_streams import matches_filter
from infra.local.lambda_runtime import Deployment

STREAM, BUCKET = "onward", "lines"
KEY = "key"


@dataclass
class Shop:
    """A shop whose events and links are told onward."""

    deployment: Deployment

    def post(self, path: str, session: str = "s1", **body: Any) -> dict[str, Any]:
        sent = {"source": {"id": "demo"}, "session": {"id": session}, **body}
        headers = [("authorization", f"Bearer {KEY}")]
        request = HttpRequest("POST", path, headers, json.dumps(sent).encode())
        response = Gateway(routes.ROUTES, self.deployment.invoke).answer(request)
        assert response.status == 200, response.body
        answer: dict[str, Any] = json.loads(response.body)
        return answer

    def records(self) -> list[dict[str, Any]]:
        """What the streams bring to `forward` now."""
        return [
            record
            for name, table in self.deployment.tables.items()
            for record in moto_engine.take_records(table)
            if matches_filter(topology.FORWARD_FILTERS.get(name, []), record)
        ]

    def forward(self, *records: dict[str, Any]) -> list[str]:
        """Have records told onward; answers those that failed."""
        answer = forward.handler({"Records": list(records or self.records())}, None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def told(self) -> list[dict[str, Any]]:
        """Every line in the bucket."""
        s3 = cast("Any", boto3).client("s3")
        found = s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        raws = [
            s3.get_object(Bucket=BUCKET, Key=f["Key"])["Body"].read() for f in found
        ]
        return [json.loads(line) for raw in raws for line in _text(raw).splitlines()]

    def item(self, table: str, prefix: str) -> dict[str, Any]:
        """The one item whose sort key begins so."""
        scanned = _dynamodb().scan(TableName=self.deployment.tables[table])["Items"]
        (found,) = [i for i in scanned if i["item"]["S"].startswith(prefix)]
        return cast("dict[str, Any]", found)


def _dynamodb() -> Any:
    return cast("Any", boto3).client("dynamodb")


def _text(raw: bytes) -> str:
    return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode()


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """All functions, a delivery stream and its bucket, on moto."""
    with lambda_runtime.run_deployment(topology.SOURCES, {"demo": KEY}) as deployment:
        client = cast("Any", boto3).client
        client("s3").create_bucket(Bucket=BUCKET)
        client("firehose").create_delivery_stream(
            DeliveryStreamName=STREAM,
            ExtendedS3DestinationConfiguration={
                "BucketARN": f"arn:aws:s3:::{BUCKET}",
                "RoleARN": "arn:aws:iam::123456789012:role/r",
            },
        )
        monkeypatch.setenv("HARDLINK_FORWARD_STREAM", STREAM)
        monkeypatch.setattr(firehose, "_PAUSE", 0)
        forward.firehose.cache_clear()
        metrics.take_metrics()
        yield Shop(deployment)
        metrics.take_metrics()
        forward.firehose.cache_clear()


def test_every_event_and_every_link_is_a_line(shop: Shop) -> None:
    events = [{"type": "view", "id": "e1", "properties": {"price": 7.99}}]
    profile = shop.post("/track", events=events)["profile"]["id"]
    shop.post("/identify", ids={"registered": "gordon"})
    assert shop.forward() == []
    event, link = sorted(shop.told(), key=lambda line: str(line["kind"]))
    assert event["kind"] == "event"
    assert (event["project"], event["session"], event["profile"]) == (
        "demo",
        "s1",
        profile,
    )
    assert (event["id"], event["type"], event["source"]) == ("e1", "view", "demo")
    assert event["properties"] == {"price": 7.99}
    assert event["customer"] is None  # association is not done yet
    assert event["key"].startswith("demo/s1/")
    assert event["key"].endswith("/e1")
    assert link["kind"] == "link"
    assert (link["node"], link["link"]) == (f"profile={profile}", "registered=gordon")
    assert link["key"] == f"demo/profile={profile}/2"
    assert metrics.take_metrics().counts.get("forwarded", 2) == 2


def test_the_streams_bring_events_and_links_alone_and_nothing_that_is_deleted(
    shop: Shop,
) -> None:
    shop.post("/track", events=[{"type": "view"}])
    shop.post("/identify", ids={"registered": "gordon", "email": "g@x.com"})
    _delete(shop, "events", shop.item("events", "e/"))
    records = shop.records()
    kinds = [r["dynamodb"]["Keys"]["item"]["S"][:2] for r in records]
    assert sorted(set(kinds)) == ["e/", "l/"]
    assert {r["eventName"] for r in records} == {"INSERT"}


def test_a_link_that_is_taken_back_is_told_again_under_a_key_of_its_own(
    shop: Shop,
) -> None:
    shop.post("/identify", ids={"registered": "gordon"})
    shop.forward()
    shop.post("/sessions/s1/unlink")
    shop.forward()
    first, second = sorted(shop.told(), key=len)
    assert second["key"] == f"{first['key']}/undone"
    assert second["undone"]


def test_a_record_that_comes_twice_is_one_line_and_later_the_same_key(
    shop: Shop,
) -> None:
    shop.post("/track", events=[{"type": "view"}])
    records = shop.records()
    shop.forward(*records, *records)
    shop.forward(*records)
    told = shop.told()
    assert len(told) == 2
    assert told[0]["key"] == told[1]["key"]


def _delete(shop: Shop, table: Table, item: Mapping[str, Any]) -> None:
    key = {name: item[name] for name in (PARTITION[table], SORT)}
    _dynamodb().delete_item(TableName=shop.deployment.tables[table], Key=key)


def test_what_was_erased_since_is_told_to_nobody(shop: Shop) -> None:
    for session in (
        "event-gone",
        "session-gone",
        "session-erased",
        "partly-erased",
        "stays",
    ):
        shop.post("/track", session, events=[{"type": session}])
    records = shop.records()
    table = shop.deployment.tables["sessions"]
    for item in _dynamodb().scan(TableName=shop.deployment.tables["events"])["Items"]:
        if item["s"]["S"] == "demo/event-gone":
            _delete(shop, "events", item)
    for item in _dynamodb().scan(TableName=table)["Items"]:
        session, kind = (
            item["session"]["S"].removeprefix("demo/"),
            item["item"]["S"][:2],
        )
        if (session, kind) == ("session-gone", "#"):
            _delete(shop, "sessions", item)
        if (session, kind) == ("session-erased", "#"):
            erased = {
                "session": item["session"],
                "item": item["item"],
                "erased_at": {"BOOL": True},
            }
            _dynamodb().put_item(TableName=table, Item=erased)
        if (session, kind) == (
            "partly-erased",
            "#",
        ):  # of a device that two customers shared
            part = {**item, "erased": {"S": f"[[0,{END},{END}]]"}}
            _dynamodb().put_item(TableName=table, Item=part)
    assert len(records) == 5
    assert shop.forward(*records) == []
    assert [line["type"] for line in shop.told()] == ["stays"]


def test_a_large_event_is_put_together_and_one_without_room_says_what_it_lacks(
    shop: Shop,
) -> None:
    for name, n in (("large", 25), ("too large", 100)):
        properties = {f"p{i}": "x" * 16_000 for i in range(n)}
        shop.post("/track", name, events=[{"type": name, "properties": properties}])
    assert shop.forward() == []
    told = {line["type"]: line for line in shop.told()}
    assert len(told["large"]["properties"]) == 25
    assert "properties" not in told["too large"]
    assert told["too large"]["omitted"] == ["properties", "context"]
    assert told["too large"]["key"]


class Refusing:
    """A Firehose that takes some lines only. `refuse`: how often each line that has `bad` in it."""

    def __init__(self, refuse: int) -> None:
        self.refuse = refuse
        self.requests: list[list[bytes]] = []

    def put_record_batch(self, **request: Any) -> dict[str, Any]:
        data = [record["Data"] for record in request["Records"]]
        self.requests.append(data)
        bad = [b'"bad"' in line and len(self.requests) <= self.refuse for line in data]
        return {
            "FailedPutCount": sum(bad),
            "RequestResponses": [
                {"ErrorCode": "ServiceUnavailableException"}
                if one
                else {"RecordId": "1"}
                for one in bad
            ],
        }


def refusing(monkeypatch: pytest.MonkeyPatch, times: int) -> Refusing:
    client = Refusing(times)
    monkeypatch.setattr(forward.firehose(STREAM), "_client", client)
    return client


def test_lines_are_packed_into_records(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = refusing(monkeypatch, 0)
    lines = [f"{number:0999}\n".encode() for number in range(250)]
    assert forward.firehose(STREAM).put(lines) == set()
    (request,) = client.requests
    assert [len(record) for record in request] == [100_000, 100_000, 50_000]
    assert b"".join(request) == b"".join(lines)


def test_lines_of_a_refused_record_stay_refused_together(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, 99)
    lines = [b"x" * 60_000, b'"bad"', b"x" * 60_000, b"y"]
    assert forward.firehose(STREAM).put(lines) == {0, 1}


def test_a_record_that_is_refused_is_sent_again_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(firehose, "RECORD_BYTES", 1)
    client = refusing(monkeypatch, 2)
    shop.post("/track", events=[{"type": "good"}, {"type": "bad"}])
    assert shop.forward() == []
    assert [len(request) for request in client.requests] == [2, 1, 1]


def test_a_line_that_stays_refused_fails_its_record_alone(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardlink.log.MetricsFlusher.__call__", lambda _: None)
    monkeypatch.setattr(firehose, "RECORD_BYTES", 1)
    refusing(monkeypatch, 99)
    shop.post("/track", events=[{"type": "good"}, {"type": "bad"}])
    records = shop.records()
    metrics.take_metrics()
    (failed,) = shop.forward(*records)
    bad = shop.deployment.tables["events"]
    (number,) = [
        r["dynamodb"]["SequenceNumber"]
        for r in records
        if _dynamodb().get_item(TableName=bad, Key=r["dynamodb"]["Keys"])["Item"]["t"][
            "S"
        ]
        == "bad"
    ]
    assert failed == number
    assert metrics.take_metrics().counts == {"forwarded": 1, "forward_failures": 1}


def test_where_firehose_does_not_answer_every_record_comes_again(shop: Shop) -> None:
    shop.post("/track", events=[{"type": "view"}])
    cast("Any", boto3).client("firehose").delete_delivery_stream(
        DeliveryStreamName=STREAM
    )
    assert len(shop.forward()) == 1


def test_a_request_holds_what_firehose_takes(
    monkeypatch: pytest.MonkeyPatch, shop: Shop
) -> None:
    client = refusing(monkeypatch, 0)
    sent = [b"x" * 900_000] * 9 + [b"y"] * 1000
    assert forward.firehose(STREAM).put(sent) == set()
    assert b"".join(map(b"".join, client.requests)) == b"".join(sent)
    assert max(len(request) for request in client.requests) <= 500
    assert max(sum(map(len, request)) for request in client.requests) <= 4 * 1024 * 1024
    assert documents.MOST_BYTES < 1000 * 1024


def test_the_sample_event_is_understood(shop: Shop) -> None:
    event = invoke.read_event(topology.ROOT / "events" / "forward.json")
    assert invoke.find_function(event) == "forward"
    assert shop.forward(*event["Records"]) == []
    assert shop.told() == []  # nothing lies there


def test_it_does_all_that_it_may_do_and_no_more(shop: Shop) -> None:
    large = {f"p{i}": "x" * 16_000 for i in range(20)}
    shop.post(
        "/track", events=[{"type": "view"}, {"type": "large", "properties": large}]
    )
    shop.post("/identify", ids={"registered": "gordon"})
    records = shop.records()
    links = [r for r in records if "customer" in r["dynamodb"]["Keys"]]
    asked: set[tuple[str, str]] = set()
    names = {real: name for name, real in shop.deployment.tables.items()}

    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        found = (
            params["RequestItems"]
            if "RequestItems" in params
            else [params["TableName"]]
        )
        asked.update((names[table], model.name) for table in found)

    client = tables()._client
    client.meta.events.register("provide-client-params.dynamodb", record)
    # In Lambda a function does so while it is loaded, before it is handed a record.
    assert open_connection(client, shop.deployment.tables["sessions"]) == Opening()
    shop.forward(*records)
    shop.forward(*links)
    allowed = {
        (t, a) for t, actions in topology.FORWARD.access.items() for a in actions
    }
    assert asked == allowed
