"""The queue of erasures that began: `associate` puts them there, and `erase` is brought each until it is done.

A message is `{"project": ..., "erasure": <the receipt's ID>}`: nothing of anybody. A client is made with the first one
that is put there or put off, as most starts of `associate` never need it.
"""

from __future__ import annotations

import json
import os
from functools import cache, cached_property
from typing import Any

import botocore.session
from botocore.config import Config

from hardlink.domain.times import SECOND


class ErasureQueue:
    """An SQS queue, by its URL."""

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _client(self) -> Any:
        config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard"})
        return botocore.session.get_session().create_client("sqs", config=config)

    def send(self, project_id: str, id_: str) -> None:
        """Have an erasure carried out. Raises what botocore does where it can't be put there."""
        body = json.dumps({"project": project_id, "erasure": id_})
        self._client.send_message(QueueUrl=self._url, MessageBody=body)

    def postpone(self, receipt: str, microseconds: int) -> None:
        """A message that was brought comes again after so long, to the next second: half a day is the most there is."""
        seconds = -(-microseconds // SECOND)
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds
        )


def parse_message(body: str) -> tuple[str, str]:
    """The project and the erasure that a message names. Raises `ValueError`, `KeyError` or `TypeError`."""
    told = json.loads(body)
    return str(told["project"]), str(told["erasure"])


@cache
def open_queue() -> ErasureQueue:
    """The queue of this deployment, from the environment that the stack (or the local server) sets."""
    return ErasureQueue(os.environ["HARDLINK_ERASURES"])
