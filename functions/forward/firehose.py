"""Sends lines to Firehose, packed into records, in several requests; refused ones again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from hardlink.storage.aws import create_client
from hardlink.storage.batches import split_batches

MOST_RECORDS, MOST_BYTES = 500, 4_000_000
"""Of one request: Firehose takes 4 MiB."""
RECORD_BYTES = 100_000
"""Of one record: twenty units of billing, and few lines come twice where one is refused."""
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
        """Send lines, packed into records; answers the places of those that stayed refused.

        Raises nothing: a request that fails counts as a refusal of all its lines.
        """
        waiting = list(_pack_lines(lines))
        for attempt in range(_TRIES):
            # Firehose refuses records while it is throttled, which passes within a second.
            if attempt:
                time.sleep(random.uniform(0, _PAUSE * 2**attempt))
            waiting = self._send_all(waiting)
            if not waiting:
                break
        return {place for record in waiting for place in record.places}

    def _send_all(self, records: Sequence[_Record]) -> list[_Record]:
        """Send records in as few requests as it takes; answers the refused ones."""
        refused: list[_Record] = []
        batches = split_batches(
            records, _record_size, most=MOST_RECORDS, most_weight=MOST_BYTES
        )
        for batch in batches:
            refused += self._send_batch(batch)
        return refused

    def _send_batch(self, records: Sequence[_Record]) -> list[_Record]:
        """Send one request; answers the records that were refused."""
        try:
            answer = self._client.put_record_batch(
                DeliveryStreamName=self._name,
                Records=[{"Data": record.data} for record in records],
            )
        except (BotoCoreError, ClientError):
            return list(records)
        if not answer["FailedPutCount"]:
            return []
        responses = zip(records, answer["RequestResponses"], strict=True)
        return [record for record, response in responses if "ErrorCode" in response]


class _Record(NamedTuple):
    """Several lines as one record. `places`: where they stand among the lines to send."""

    data: bytes
    places: Sequence[int]


def _pack_lines(lines: Sequence[bytes]) -> Iterator[_Record]:
    """Pack lines into records: Firehose bills each record as a multiple of 5 KB.

    A line of an event has some 600 bytes, so it would cost eight times as much alone. Lines end
    with a line feed, and the bucket's objects are the same either way.
    """
    packs = split_batches(
        range(len(lines)),
        lambda place: len(lines[place]),
        most=len(lines),
        most_weight=RECORD_BYTES,
    )
    for places in packs:
        yield _Record(b"".join(lines[place] for place in places), places)


def _record_size(record: _Record) -> int:
    return len(record.data)
