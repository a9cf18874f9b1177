"""Lambda's part between a queue and its function on one machine: one message at a time, retried."""

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

_POLL_INTERVAL = 0.2
"""Seconds between polls of an empty queue."""


def create_queue(name: str, *, max_runs: int, visibility_timeout: int) -> str:
    """Create a queue and its failure queue, as `infra.stack.queues` does, and return its URL."""
    client = boto3.client("sqs")
    failed = f"arn:aws:sqs:{moto_engine.REGION}:{moto_engine.ACCOUNT}:{name}-failed"
    redrive = json.dumps({"deadLetterTargetArn": failed, "maxReceiveCount": max_runs})
    client.create_queue(QueueName=f"{name}-failed")
    created = client.create_queue(
        QueueName=name,
        Attributes={
            "VisibilityTimeout": str(visibility_timeout),
            "RedrivePolicy": redrive,
        },
    )
    return str(created["QueueUrl"])


class QueuePoller:
    """Invokes a function for the messages of a queue."""

    def __init__(self, url: str, invoke: Invoke) -> None:
        self._url = url
        self._invoke = invoke
        self._client = boto3.client("sqs")
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Deliver in the background during a `with` block."""
        thread = threading.Thread(target=self._run, name="messages")
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def deliver(self) -> bool:
        """Deliver one visible message. Return whether there was one."""
        answer = self._client.receive_message(
            QueueUrl=self._url, WaitTimeSeconds=0, MessageSystemAttributeNames=["All"]
        )
        for message in answer.get("Messages", ()):
            if self._invoke_for(message):
                self._client.delete_message(
                    QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"]
                )
            return True
        return False

    def _invoke_for(self, message: Any) -> bool:
        """Invoke the function. Return whether it is done with the message."""
        try:
            answer = self._invoke({"Records": [_lambda_record(message, self._url)]})
        except Exception:  # noqa: BLE001 (Lambda retries after any exception)
            traceback.print_exc()
            return False
        return not answer["batchItemFailures"]

    def _run(self) -> None:
        while not self._stopped.is_set():
            if not self.deliver():
                self._stopped.wait(_POLL_INTERVAL)


def _lambda_record(message: Any, url: str) -> dict[str, Any]:
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
