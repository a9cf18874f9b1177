"""Lambda's part between a queue and its function, on one machine: messages come one at a time, until each is done."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from infra.local import moto_engine
from infra.local.dynamodb_streams import Invoke

_GLANCE = 0.2
"""Seconds after which an empty queue is looked at again."""


def create_queue(name: str, *, runs: int, hidden: int) -> str:
    """A queue and that of its failures, as `queues.waiting` has them; answers its URL."""
    client = boto3.client("sqs")
    failed = f"arn:aws:sqs:{moto_engine.REGION}:{moto_engine.ACCOUNT}:{name}-failed"
    redrive = json.dumps({"deadLetterTargetArn": failed, "maxReceiveCount": runs})
    client.create_queue(QueueName=f"{name}-failed")
    made = client.create_queue(
        QueueName=name, Attributes={"VisibilityTimeout": str(hidden), "RedrivePolicy": redrive}
    )
    return str(made["QueueUrl"])


class QueuePoller:
    """Brings a function the messages of a queue."""

    def __init__(self, url: str, invoke: Invoke) -> None:
        self._url = url
        self._invoke = invoke
        self._client = boto3.client("sqs")
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Bring them in the background, until the end of the `with` block."""
        thread = threading.Thread(target=self._run, name="messages")
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def deliver(self) -> bool:
        """Bring one message, if there is one that shows."""
        answer = self._client.receive_message(
            QueueUrl=self._url, WaitTimeSeconds=0, MessageSystemAttributeNames=["All"]
        )
        for message in answer.get("Messages", ()):
            if self._is_done(message):
                self._client.delete_message(
                    QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"]
                )
            return True
        return False

    def _is_done(self, message: Any) -> bool:
        try:
            answer = self._invoke({"Records": [_as_lambda_sees_it(message, self._url)]})
        except Exception:  # noqa: BLE001 (whatever it raises, the message becomes visible again later)
            traceback.print_exc()
            return False
        return not answer["batchItemFailures"]

    def _run(self) -> None:
        while not self._stopped.is_set():
            if not self.deliver():
                self._stopped.wait(_GLANCE)


def _as_lambda_sees_it(message: Any, url: str) -> dict[str, Any]:
    place = f"{moto_engine.REGION}:{moto_engine.ACCOUNT}"
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message["Attributes"]),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{place}:{url.rpartition('/')[2]}",
        "awsRegion": moto_engine.REGION,
    }
