"""Batches of stream records that were given up: files of a bucket, which messages of a queue name.

Lambda writes what it handed to the function: the keys of changed items. Source:
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from hardlink.domain.records import Key
from hardlink.storage.keys import parse_stored_key

_AT_ONCE = 10
_VISIBILITY_TIMEOUT = 900
"""Seconds in which a batch is mended, before its message is received again."""
_WRONG_FORM = (ValueError, KeyError, TypeError, AttributeError)
"""Errors of reading JSON that has another form."""


class Message(NamedTuple):
    """A message of the queue, which names a batch."""

    receipt: str
    body: str


class FailedBatch(NamedTuple):
    """A batch: its file, and the keys of the items that were changed."""

    bucket: str
    file: str
    keys: tuple[Key, ...]


class UnreadableBatch(Exception):
    """A message or a file does not have the form of Lambda's. The message names it."""


class BatchGone(Exception):
    """The file of a batch is deleted or has expired. The message names it."""


class FailedBatches:
    """The batches that wait in a queue. `sqs`, `s3`: clients.

    Messages are hidden from other runs while they are worked on, until `release`.
    """

    def __init__(self, queue: str, sqs: Any, s3: Any) -> None:
        self._queue = queue
        self._sqs = sqs
        self._s3 = s3
        self._hidden: list[str] = []

    def __iter__(self) -> Iterator[Message]:
        """Receive messages until there is none. Raises botocore's errors."""
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue,
                MaxNumberOfMessages=_AT_ONCE,
                VisibilityTimeout=_VISIBILITY_TIMEOUT,
                # Asks all of SQS's servers: without, an answer may miss what waits.
                WaitTimeSeconds=1,
            )
            messages = [
                Message(found["ReceiptHandle"], found["Body"])
                for found in answer.get("Messages", ())
            ]
            if not messages:
                return
            self._hidden += [message.receipt for message in messages]
            yield from messages

    def read(self, message: Message) -> FailedBatch:
        """Read the batch of a message. Raises `UnreadableBatch`, `BatchGone`, botocore's errors."""
        bucket, file = parse_message(message.body)
        try:
            content = self._s3.get_object(Bucket=bucket, Key=file)["Body"].read()
        except ClientError as error:
            # S3 tells so only those who may list the bucket; others are denied.
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            raise BatchGone(f"{file} is not in {bucket} any more") from error
        return FailedBatch(bucket, file, parse_batch(content, file))

    def delete(self, message: Message, batch: FailedBatch | None = None) -> None:
        """Delete a message and the file of its batch, if there is one.

        The message goes first: a file that stays behind expires by itself.
        """
        self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message.receipt)
        self._hidden.remove(message.receipt)
        if batch:
            self._s3.delete_object(Bucket=batch.bucket, Key=batch.file)

    def release(self) -> None:
        """Show the messages that are left, so that the next run finds them at once."""
        while self._hidden:
            receipts = self._hidden[:_AT_ONCE]
            del self._hidden[:_AT_ONCE]
            entries = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts)
            ]
            # The answer names those that it could not change: they are visible again already.
            self._sqs.change_message_visibility_batch(
                QueueUrl=self._queue, Entries=entries
            )


def parse_message(body: str) -> tuple[str, str]:
    """Read bucket and file from EventBridge's message. Raises `UnreadableBatch`."""
    try:
        detail = json.loads(body)["detail"]
        return str(detail["bucket"]["name"]), str(detail["object"]["key"])
    except _WRONG_FORM as error:
        raise UnreadableBatch(
            f"a message of the queue names no file: {body:.200}"
        ) from error


def parse_batch(content: bytes | str, file: str) -> tuple[Key, ...]:
    """Read the keys of a batch, each once, in their order. Raises `UnreadableBatch`."""
    try:
        # The event is JSON in the JSON of the invocation record.
        records = json.loads(json.loads(content)["payload"])["Records"]
        keys = [_parse_key(record["dynamodb"]["Keys"]) for record in records]
    except (*_WRONG_FORM, StopIteration) as error:
        raise UnreadableBatch(f"{file} is no batch of records") from error
    return tuple(dict.fromkeys(keys))


def _parse_key(attributes: dict[str, dict[str, str]]) -> Key:
    return parse_stored_key({name: raw["S"] for name, raw in attributes.items()})
