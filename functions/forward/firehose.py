"""Sends lines to Firehose: as many a request as it takes, those that it refuses again."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from hardlink.storage.aws import create_client
from hardlink.storage.batches import split_batches

MOST_RECORDS, MOST_BYTES = 500, 4_000_000
"""Of one request: Firehose takes 4 MiB."""
_TRIES = 4
_PAUSE = 0.1


class Firehose:
    """A delivery stream, by its name."""

    def __init__(self, name: str) -> None:
        self._name = name
        # One attempt: a request may fail in part, so `put` retries, and only what was refused.
        self._client = create_client(
            "firehose", connect_timeout=2, read_timeout=10, attempts=1
        )

    def put(self, lines: Sequence[bytes]) -> set[int]:
        """Send lines; answers the places of those that Firehose refused in every attempt.

        Raises nothing: a request that fails counts as a refusal of all its lines.
        """
        waiting = list(range(len(lines)))
        for attempt in range(_TRIES):
            # Firehose refuses records while it is throttled, which passes within a second.
            if attempt:
                time.sleep(random.uniform(0, _PAUSE * 2**attempt))
            waiting = self._send_all(lines, waiting)
            if not waiting:
                break
        return set(waiting)

    def _send_all(self, lines: Sequence[bytes], places: Sequence[int]) -> list[int]:
        """Send lines in as few requests as it takes; answers the places of refused ones."""
        refused: list[int] = []
        batches = split_batches(
            places,
            lambda place: len(lines[place]),
            most=MOST_RECORDS,
            most_weight=MOST_BYTES,
        )
        for batch in batches:
            refused += self._send_batch(lines, batch)
        return refused

    def _send_batch(self, lines: Sequence[bytes], places: Sequence[int]) -> list[int]:
        """Send one request; answers the places of the lines that were refused."""
        try:
            answer = self._client.put_record_batch(
                DeliveryStreamName=self._name,
                Records=[{"Data": lines[n]} for n in places],
            )
        except (BotoCoreError, ClientError):
            return list(places)
        if not answer["FailedPutCount"]:
            return []
        responses = zip(places, answer["RequestResponses"], strict=True)
        return [n for n, response in responses if "ErrorCode" in response]
