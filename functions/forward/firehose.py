"""Lines on their way to Firehose: as many a request as it takes, those that it refuses again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

MOST_RECORDS, MOST_BYTES = 500, 4_000_000
"""Of one request: Firehose takes 4 MiB."""
_TRIES = 4
_PAUSE = 0.1


class Firehose:
    """A delivery stream."""

    def __init__(self, name: str) -> None:
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        self._name = name
        self._client: Any = botocore.session.get_session().create_client("firehose", config=config)

    def put(self, lines: Sequence[bytes]) -> set[int]:
        """Send lines; answers the places of those that were not taken, however often they were sent."""
        waiting = list(range(len(lines)))
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(random.uniform(0, _PAUSE * 2**attempt))
            waiting = [n for some in _requests(lines, waiting) for n in self._refused(lines, some)]
            if not waiting:
                break
        return set(waiting)

    def _refused(self, lines: Sequence[bytes], places: Sequence[int]) -> list[int]:
        try:
            answer = self._client.put_record_batch(
                DeliveryStreamName=self._name, Records=[{"Data": lines[n]} for n in places]
            )
        except (BotoCoreError, ClientError):
            return list(places)
        if not answer["FailedPutCount"]:
            return []
        responses = zip(places, answer["RequestResponses"], strict=True)
        return [n for n, response in responses if "ErrorCode" in response]


def _requests(lines: Sequence[bytes], places: Sequence[int]) -> Iterator[list[int]]:
    """The places in portions that fit one request."""
    some: list[int] = []
    room = MOST_BYTES
    for n in places:
        if some and (len(some) == MOST_RECORDS or len(lines[n]) > room):
            yield some
            some, room = [], MOST_BYTES
        some.append(n)
        room -= len(lines[n])
    if some:
        yield some
