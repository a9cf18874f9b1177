"""Files in the bucket, as the function is told of them: on moto, with every stop and start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

import boto3
import pytest

from dialects.order_feed import bucket as files
from dialects.order_feed import file_import
from hardlink.domain.errors import Busy
from hardlink.domain.orders.completion import Completion
from hardlink.services.service import Service
from hardlink.storage.event_bodies import expand_body
from infra import topology
from infra.local import lambda_runtime, moto_engine
from infra.local.lambda_runtime import Deployment

BUCKET = "feeds-of-this-test"
COUNT = 150
CSV = "orderNumber,date,total,email,customerId\n" + "".join(
    f"{n},2026-11-01 10:00:00,{n},{n}@x.org,c{n}\n" for n in range(1, COUNT + 1)
)


@dataclass
class Context:
    """A run that has so much time left, each time it looks."""

    left: list[int] = field(default_factory=list)

    def get_remaining_time_in_millis(self) -> int:
        return self.left.pop(0) if self.left else 800_000


class Shop:
    """A shop that puts files into the bucket."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)

    def put(self, key: str, text: str) -> dict[str, Any]:
        """Put a file; answers the message that tells of it."""
        etag = self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())["ETag"]
        told = {
            "key": quote_plus(key),
            "eTag": etag.strip('"'),
            "sequencer": uuid4().hex,
        }
        body = {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": told}}]}
        return {"messageId": "m1", "body": json.dumps(body)}

    def run(self, message: dict[str, Any], *left: int) -> bool:
        """Tell the function; answers whether it is done with the file."""
        event = {"Records": [{**message, "eventSource": "aws:sqs"}]}
        answer = self.deployment.handlers["orders"](event, Context(list(left)))
        assert answer in (
            {"batchItemFailures": []},
            {"batchItemFailures": [{"itemIdentifier": "m1"}]},
        )
        return bool(answer == {"batchItemFailures": []})

    def summary(self, name: str = "orders.csv") -> dict[str, Any]:
        """What became of a file."""
        found: dict[str, Any] = json.loads(
            self._read(f"results/demo/{name}/summary.json")
        )
        return {n: value for n, value in found.items() if n != "version"}

    def rows(self, name: str = "orders.csv") -> list[Any]:
        """What became of the rows that were not just stored."""
        listed = self.s3.list_objects_v2(
            Bucket=BUCKET, Prefix=f"results/demo/{name}/rows-"
        )
        keys = [one["Key"] for one in listed.get("Contents", ())]
        return [
            json.loads(line) for key in keys for line in self._read(key).splitlines()
        ]

    def bodies(self) -> list[dict[str, Any]]:
        """The body of each stored event, with what was added to it."""
        rows = self.dump()[self.deployment.tables["events"]]
        bodies = {
            row["item"]["S"]: expand_body(next(iter(row["b"].values())))
            for row in rows
            if "b" in row
        }
        found: list[dict[str, Any]] = []
        for item, body in bodies.items():
            if item.startswith("e/"):
                added = bodies.get(f"c/{item[2:]}", "[{}, {}, true]")
                completion = Completion(*json.loads(added))
                found.append(completion.overlay(json.loads(body)))
        return found

    def totals(self) -> list[float]:
        """The totals of all orders."""
        return [body["order"]["total"] for body in self.bodies()]

    def products(self, number: str) -> list[str]:
        """The products of an order."""
        (body,) = (b for b in self.bodies() if b["order"]["number"] == number)
        return [line["productNumber"] for line in body["properties"]["products"]]

    def dump(self) -> dict[str, Any]:
        """All tables."""
        client = boto3.client("dynamodb")
        return {
            name: client.get_paginator("scan")
            .paginate(TableName=name)
            .build_full_result()["Items"]
            for name in self.deployment.tables.values()
        }

    def _read(self, key: str) -> str:
        return str(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode())


@pytest.fixture
def shop() -> Iterator[Shop]:
    with lambda_runtime.run_deployment(topology.SOURCES, {"demo": "key"}) as deployment:
        yield Shop(deployment)


def stored(count: int, **more: Any) -> dict[str, Any]:
    """The summary of a file of which so many orders were new."""
    other = {"stored": count, "associated": 0, "known": 0, "rejected": 0}
    return {**other, "whole": True, "rows": COUNT, "complete": True, **more}


def test_a_file_is_imported_and_imported_again_changes_nothing(shop: Shop) -> None:
    assert shop.run(shop.put("feeds/demo/orders.csv", CSV))
    assert shop.summary() == stored(COUNT)
    before = shop.dump()
    assert shop.run(shop.put("feeds/demo/orders.csv", CSV))
    assert shop.summary() == stored(0, known=COUNT)
    assert shop.dump() == before


def test_a_run_that_ends_is_gone_on_with(shop: Shop) -> None:
    message = shop.put("feeds/demo/orders.csv", CSV)
    assert not shop.run(message, 10_000)
    half = shop.summary()
    assert (half["rows"], half["stored"], half["complete"]) == (64, 64, False)
    assert not shop.run(message, 800_000, 10_000)
    assert shop.summary()["rows"] == COUNT
    assert shop.run(message)
    assert shop.summary() == stored(COUNT)
    assert shop.run(message), "a message may come twice"
    assert shop.summary() == stored(COUNT)


def test_a_run_that_is_cut_off_loses_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_import, "NOTED_ROWS", 60)
    message = shop.put("feeds/demo/orders.csv", CSV)
    with monkeypatch.context() as patch:
        write = files.Bucket.write_text
        patch.setattr(files.Bucket, "write_text", _cut_off(write, 1))
        with pytest.raises(KeyboardInterrupt):
            shop.run(message)
    assert shop.summary()["rows"] == 64
    assert shop.run(message)
    done = shop.summary()
    assert done["stored"] + done["known"] == done["rows"] == COUNT


def _cut_off(write: Any, after: int) -> Any:
    left = [after]

    def cut(*arguments: Any) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        write(*arguments)

    return cut


def test_bad_rows_are_reported_and_the_rest_is_imported(shop: Shop) -> None:
    text = json.dumps(
        [
            {"orderNumber": 1, "date": "2026-11-01 10:00:00", "email": "g@x.org"},
            {"orderNumber": 2, "date": "2026-11-01 10:00:00"},
            {"orderNumber": 3, "email": "g@x.org"},
            5,
            {"orderNumber": 1, "date": "2026-11-01 10:00:00", "email": "g@x.org"},
            {"orderNumber": 4, "date": "2026-11-01 10:00:00", "email": "g@x.org"},
        ]
    )
    assert shop.run(shop.put("feeds/demo/2026/our orders.json", text[:-10]))
    name = "2026/our orders.json"
    summary = shop.summary(name)
    assert (summary["stored"], summary["known"], summary["rejected"]) == (1, 1, 4)
    assert (summary["rows"], summary["whole"], summary["complete"]) == (6, False, True)
    assert [
        (row["row"], row.get("orderNumber"), row.get("field"))
        for row in shop.rows(name)
    ] == [
        (2, "2", "customerId"),
        (3, "3", "date"),
        (4, None, None),
        (6, None, None),
    ]
    assert "the rest of the file was not read" in shop.rows(name)[-1]["reason"]


def test_when_the_tables_are_busy_the_file_comes_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = shop.put("feeds/demo/orders.csv", CSV)
    with monkeypatch.context() as patch:
        patch.setattr("hardlink.services.orders.Orders.record", _busy)
        assert not shop.run(message)
    assert shop.run(message)
    assert shop.summary() == stored(COUNT)


def _busy(*_: object) -> None:
    raise Busy("busy")


def test_a_row_that_fails_unexpectedly_stops_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out = Service.order

    def order(service: Service, call: Any, told: Any) -> Any:
        if told.claim.number == "70":
            raise RuntimeError("too large")
        return carry_out(service, call, told)

    monkeypatch.setattr(Service, "order", order)
    assert shop.run(shop.put("feeds/demo/orders.csv", CSV))
    assert shop.summary() == stored(COUNT - 1, rejected=1)
    (rejected,) = shop.rows()
    assert (rejected["row"], rejected["status"]) == (70, "rejected")
    assert "too large" not in rejected["reason"]


def test_a_message_that_fails_unexpectedly_keeps_back_no_other(shop: Shop) -> None:
    bad = {"messageId": "m0", "body": "no JSON", "eventSource": "aws:sqs"}
    good = {**shop.put("feeds/demo/orders.csv", CSV), "eventSource": "aws:sqs"}
    answer = shop.deployment.handlers["orders"]({"Records": [bad, good]}, Context())
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert shop.summary() == stored(COUNT)


@pytest.mark.parametrize(
    "key", ["feeds/nobody/orders.csv", "feeds/demo/", "feeds/orders.csv"]
)
def test_what_is_no_projects_feed_is_left_alone(shop: Shop, key: str) -> None:
    before = shop.dump()
    assert shop.run(shop.put(key, CSV))
    assert shop.dump() == before
    assert "Contents" not in shop.s3.list_objects_v2(Bucket=BUCKET, Prefix="results/")


def test_a_file_that_is_gone_or_replaced_is_let_go(shop: Shop) -> None:
    message = shop.put("feeds/demo/orders.csv", CSV)
    shop.s3.delete_object(Bucket=BUCKET, Key="feeds/demo/orders.csv")
    assert shop.run(message)
    found = files.Bucket(BUCKET)
    shop.put("feeds/demo/orders.csv", CSV)
    with pytest.raises(files.FileGoneError):
        found.read_block("feeds/demo/orders.csv", '"another"', 0, 10)


def test_s3s_test_message_names_no_file(shop: Shop) -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}
    assert shop.run({"messageId": "m1", "body": json.dumps(body)})


def test_a_large_file_is_read_block_by_block(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_BLOCK_BYTES", 1000)
    shop.put("feeds/demo/orders.csv", CSV)
    with files.Bucket(BUCKET).open("feeds/demo/orders.csv") as file:
        assert file.read() == CSV.encode()


def test_an_order_of_the_feed_triggers_only_what_nodes_do(shop: Shop) -> None:
    shop.run(shop.put("feeds/demo/orders.csv", CSV))
    records = [
        r for t in shop.deployment.tables.values() for r in moto_engine.take_records(t)
    ]
    kinds = {record["dynamodb"]["Keys"]["item"]["S"][:1] for record in records}
    assert "o" in kinds
    heads = [r for r in records if r["dynamodb"]["Keys"]["item"]["S"] == "#"]
    assert not any("order=" in str(record["dynamodb"]["Keys"]) for record in heads)


def test_o2_a_files_amounts_are_read_by_its_own_decimal_sign(shop: Shop) -> None:
    """Which its last row may be the first one to show, and which a later run knows still."""
    totals = ["1.250"] * (COUNT - 1) + ["99,90"]
    text = "orderNumber;date;total;customerId\n" + "".join(
        f"{n};2026-11-01 10:00:00;{total};c\n" for n, total in enumerate(totals, 1)
    )
    message = shop.put("feeds/demo/orders.csv", text)
    assert not shop.run(message, 10_000)
    summary = shop.summary()
    assert (summary["decimal_sign"], summary["mixed_signs"]) == (",", False)
    assert shop.run(message)
    assert shop.rows() == []
    assert {total for total in shop.totals() if total != 99.9} == {1250}


def test_o2_a_file_that_shows_no_decimal_sign_is_doubted_row_by_row(shop: Shop) -> None:
    text = "orderNumber;date;total;customerId\n7;2026-11-01 10:00:00;1.250;c\n"
    assert shop.run(shop.put("feeds/demo/orders.csv", text))
    (row,) = shop.rows()
    assert (row["row"], row["orderNumber"], row["status"]) == (1, "7", "stored")
    assert row["warnings"] == [
        "total: '1.250' was read as 1250: the file shows no decimal sign"
    ]
    assert shop.totals() == [1250]


def test_o3_rows_of_one_order_that_stand_apart_are_named_and_completed_later(
    shop: Shop,
) -> None:
    head, one = "orderNumber,date,customerId,productNumber\n", "2026-11-01 10:00:00,c"
    apart = f"{head}A,{one},1\nA,{one},2\nB,{one},9\nA,{one},3\n"
    assert shop.run(shop.put("feeds/demo/apart.csv", apart))
    (row,) = shop.rows("apart.csv")
    assert (row["row"], row["orderNumber"], row["status"]) == (3, "A", "rejected")
    assert "sort the file by orderNumber" in row["reason"]
    whole = f"{head}A,{one},1\nA,{one},2\nA,{one},3\nB,{one},9\n"
    assert shop.run(shop.put("feeds/demo/whole.csv", whole))
    assert shop.rows("whole.csv") == []
    assert shop.products("A") == ["1", "2", "3"]
    assert shop.run(shop.put("feeds/demo/whole.csv", whole))
    assert shop.summary("whole.csv")["known"] == 2
    assert shop.products("A") == ["1", "2", "3"]


def test_o3_a_row_that_is_repeated_as_it_was_is_known(shop: Shop) -> None:
    row = "A,2026-11-01 10:00:00,c,1\n"
    text = f"orderNumber,date,customerId,productNumber\n{row}B{row[1:]}{row}"
    assert shop.run(shop.put("feeds/demo/orders.csv", text))
    assert shop.summary()["known"] == 1


def test_o4_a_broken_line_is_rejected_and_the_file_is_whole(shop: Shop) -> None:
    lines = [
        json.dumps({"orderNumber": n, "date": "2026-11-01", "customerId": "c"})
        for n in (1, 2, 3)
    ]
    lines[1] = lines[1][:-5]
    assert shop.run(shop.put("feeds/demo/orders.jsonl", "\n".join(lines)))
    summary = shop.summary("orders.jsonl")
    assert (summary["stored"], summary["rejected"], summary["whole"]) == (2, 1, True)
    (row,) = shop.rows("orders.jsonl")
    assert (row["row"], row["status"]) == (2, "rejected")
