"""The queues of erasures, from `associate`, which sees them begin, to `erase`.

Visitors erase themselves by a public key, as often as they like, so their erasures have a queue of
their own: it never holds up those that the shop asks for.

A message is `{"project": ..., "erasure": <the receipt's ID>}`: it names no customer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import cache, cached_property
from typing import Any

from hardlink.domain.erasure.states import Requester
from hardlink.domain.times import SECOND
from hardlink.storage.aws import create_client

VARIABLES: Mapping[Requester, str] = {
    "shop": "HARDLINK_ERASURES",
    "visitor": "HARDLINK_VISITOR_ERASURES",
}
"""Variables of the environment that hold the URLs of the queues."""


class ErasureQueue:
    """An SQS queue, by its URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _client(self) -> Any:
        # Made with the first message, as most starts of `associate` never send one.
        return create_client("sqs", connect_timeout=1, read_timeout=3)

    def send(self, project_id: str, id_: str) -> None:
        """Have an erasure carried out. Raises botocore's errors."""
        body = json.dumps({"project": project_id, "erasure": id_})
        self._client.send_message(QueueUrl=self._url, MessageBody=body)

    def postpone(self, receipt: str, microseconds: int) -> None:
        """Have a message delivered again after this time, at most half a day."""
        seconds = -(
            -microseconds // SECOND
        )  # rounded up: an erasure may not go on too early
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
        )


def parse_message(body: str) -> tuple[str, str]:
    """Read project and erasure from a message. Raises `ValueError`, `KeyError` or `TypeError`."""
    message = json.loads(body)
    return str(message["project"]), str(message["erasure"])


@cache
def open_queue(requester: Requester = "shop") -> ErasureQueue:
    """Open a queue of this deployment, which its environment names."""
    return ErasureQueue(os.environ[VARIABLES[requester]])


def find_queue(arn: str) -> ErasureQueue:
    """Find the queue of a message by the ARN that Lambda puts into it."""
    name = arn.rpartition(":")[2]
    visitors = os.environ[VARIABLES["visitor"]]
    is_visitors = visitors.rpartition("/")[2] == name
    return open_queue("visitor" if is_visitors else "shop")
