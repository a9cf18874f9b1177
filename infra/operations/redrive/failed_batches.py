"""Batches of stream records that were given up: files of a bucket, which messages of a queue name.

Lambda writes what it handed to the function: the keys of changed items. Source:
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from hardlink.domain.records import Key
from hardlink.storage.keys import PARTITION, SORT

_AT_ONCE = 10
_VISIBILITY_TIMEOUT = 900
"""Seconds in which a batch is mended, before its message is received again."""


class FailedBatch(NamedTuple):
    """A batch: its message, its file, and the keys of the items that were changed."""

    receipt: str
    bucket: str
    file: str
    keys: tuple[Key, ...]


class UnreadableBatch(Exception):
    """A message or a file does not have the form of Lambda's. The message names it."""


class FailedBatches:
    """The batches that wait in a queue. `sqs`, `s3`: clients."""

    def __init__(self, queue: str, sqs: Any, s3: Any) -> None:
        self._queue = queue
        self._sqs = sqs
        self._s3 = s3

    def __iter__(self) -> Iterator[FailedBatch]:
        """Receive batches until there is none. Raises `UnreadableBatch`, botocore's errors."""
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue,
                MaxNumberOfMessages=_AT_ONCE,
                VisibilityTimeout=_VISIBILITY_TIMEOUT,
                # Asks all of SQS's servers: without, an answer may miss what waits.
                WaitTimeSeconds=1,
            )
            messages = answer.get("Messages", ())
            if not messages:
                return
            for message in messages:
                yield self._read(message["ReceiptHandle"], message["Body"])

    def delete(self, batch: FailedBatch) -> None:
        """Delete a batch that is mended: first its file, which tells more than its message."""
        self._s3.delete_object(Bucket=batch.bucket, Key=batch.file)
        self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=batch.receipt)

    def _read(self, receipt: str, body: str) -> FailedBatch:
        bucket, file = parse_message(body)
        content = self._s3.get_object(Bucket=bucket, Key=file)["Body"].read()
        return FailedBatch(receipt, bucket, file, parse_batch(content.decode()))


def parse_message(body: str) -> tuple[str, str]:
    """Read bucket and file from EventBridge's message. Raises `UnreadableBatch`."""
    try:
        detail = json.loads(body)["detail"]
        return str(detail["bucket"]["name"]), str(detail["object"]["key"])
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableBatch(
            f"a message of the queue names no file: {body:.200}"
        ) from error


def parse_batch(content: str) -> tuple[Key, ...]:
    """Read the keys of a batch, each once, in their order. Raises `UnreadableBatch`."""
    try:
        # The event is JSON in the JSON of the invocation record.
        records = json.loads(json.loads(content)["payload"])["Records"]
        keys = [_parse_key(record["dynamodb"]["Keys"]) for record in records]
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise UnreadableBatch("a file of the bucket is no batch of records") from error
    return tuple(dict.fromkeys(keys))


def _parse_key(attributes: dict[str, dict[str, str]]) -> Key:
    table = next(table for table, name in PARTITION.items() if name in attributes)
    return Key(table, attributes[PARTITION[table]]["S"], attributes[SORT]["S"])
