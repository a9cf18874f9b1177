"""The bucket of order feeds: a file that is put there is told by S3 to the queue, and by the queue to `orders`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.emulator.deployment import Api, Deployment
from tests.http.service import eventually, fresh


@pytest.fixture
def bucket(stack: Deployment) -> str:
    """The bucket's name, as the outputs say it."""
    name = stack.outputs["Feeds"].removeprefix("s3://").removesuffix("/feeds/")
    assert name == stack.name("FeedsBucket")
    return name


def put(stack: Deployment, bucket: str, key: str, text: str) -> None:
    stack.emulator.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())


def result(stack: Deployment, bucket: str, key: str) -> Any:
    """A file of results, line by line, if it is there."""
    s3 = stack.emulator.client("s3")
    try:
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return [json.loads(line) for line in text.splitlines()]


def test_a_file_is_imported_and_what_became_of_it_stands_beside_it(
    stack: Deployment, shop: Api, bucket: str
) -> None:
    number, customer, name = fresh("o"), fresh("c"), f"{fresh()}.csv"
    date = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    rows = [
        "orderNumber,date,total,email,customerId",
        f"{number},{date},7.99,{customer}@shop.example,{customer}",
        f",{date},1,,{customer}",
    ]
    put(stack, bucket, f"feeds/demo/{name}", "\n".join(rows))
    folder = f"results/demo/{name}"

    def done() -> bool:
        found = result(stack, bucket, f"{folder}/summary.json")
        return bool(found and found[0]["complete"])

    eventually(done, wanted=True, seconds=shop.patience)
    (summary,) = result(stack, bucket, f"{folder}/summary.json")
    assert (summary["stored"], summary["rejected"], summary["rows"]) == (1, 1, 2)
    (rejected,) = result(stack, bucket, f"{folder}/rows-000000000001.jsonl")
    assert rejected["status"] == "rejected"
    shop.settles("registered", customer, "conversion")
    assert shop.types("email", f"{customer}@shop.example") == ["conversion"]


def test_a_file_that_was_imported_waits_in_no_queue(
    stack: Deployment, shop: Api, bucket: str
) -> None:
    put(stack, bucket, f"feeds/no-such-project/{fresh()}.csv", "orderNumber\n1")
    sqs = stack.emulator.client("sqs")
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def waiting() -> dict[str, str]:
        url = stack.name("FeedsWaiting")
        found: dict[str, str] = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=counts
        )["Attributes"]
        return found

    eventually(waiting, dict.fromkeys(counts, "0"), shop.patience)
