"""Lambda's part between a table's stream and `associate`: filter, batches, order and retries.

A batch that fails whole is halved until the record that fails is alone, as with
`BisectBatchOnFunctionError`:
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from infra import topology
from infra.local import moto_engine

Record = dict[str, Any]
Invoke = Callable[[dict[str, Any]], Any]
RETRIES = 10
"""Retries of a record that fails. Lambda's end with its age, for which nobody waits here."""
_MAX_PAUSE = 2.0
_FIRST_PAUSE = 0.05
_POLL_INTERVAL = 1.0
"""Seconds after which a thread looks for records without being woken."""


class Shard:
    """The records of one table, delivered in their order, each at least once.

    `declared`: the table's name in `topology`, where its real name is another one.
    """

    def __init__(
        self,
        table: str,
        invoke: Invoke,
        *,
        retries: int = RETRIES,
        first_pause: float = _FIRST_PAUSE,
        declared: str | None = None,
    ) -> None:
        self.table = table
        self._declared = declared or table
        self.failed: list[Record] = []
        """Records that were given up, which the stack would send to its failure queue."""
        self._invoke = invoke
        self._retries = retries
        self._first_pause = first_pause
        self._waiting: list[Record] = []
        self._size = topology.STREAM_BATCH
        self._tries = 0

    @property
    def idle(self) -> bool:
        """True once every record was delivered."""
        with moto_engine.LOCK:
            return not self._waiting and not moto_engine.has_records(self.table)

    def deliver(self) -> float:
        """Deliver one batch, if there is one. Return the seconds until the next attempt."""
        with (
            moto_engine.LOCK
        ):  # or `idle` could see the records in neither of the two places
            for record in moto_engine.take_records(self.table):
                if is_wanted(self._declared, record):
                    self._waiting.append(record)
        batch = self._waiting[: self._size]
        if not batch:
            return 0
        done = self._invoke_for(batch)
        del self._waiting[:done]
        if done == len(batch):
            self._reset_batch()
            return 0
        if not done and len(batch) > 1:
            self._size = (len(batch) + 1) // 2  # halving a batch counts as no retry
            return self._first_pause
        return self._plan_retry(progress=done > 0)

    def _reset_batch(self) -> None:
        self._size, self._tries = topology.STREAM_BATCH, 0

    def _invoke_for(self, batch: list[Record]) -> int:
        """Invoke the function. Return how many records from the start of the batch are done."""
        try:
            answer = self._invoke({"Records": batch})
        except Exception:  # noqa: BLE001 (whatever it raises, Lambda tries the batch again)
            traceback.print_exc()
            return 0
        failures = (answer or {}).get("batchItemFailures") or []
        failed = {failure.get("itemIdentifier") for failure in failures}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        # Lambda takes an unknown identifier for a failure of all.
        if not failed <= set(numbers):
            return 0
        for index, number in enumerate(numbers):
            if number in failed:
                return index
        return len(batch)

    def _plan_retry(self, *, progress: bool) -> float:
        self._tries = 1 if progress else self._tries + 1
        if self._tries > self._retries:
            self._reset_batch()
            record = self._waiting.pop(0)
            self.failed.append(record)
            number = record["dynamodb"]["SequenceNumber"]
            print(
                f"streams: gave up on record {number} of {self.table}",
                file=sys.stderr,
                flush=True,
            )
            return 0
        return min(_MAX_PAUSE, self._first_pause * 2.0 ** (self._tries - 1))


class StreamPollers:
    """A thread for the shard of each table, woken by writes."""

    def __init__(self, tables: Iterable[str], invoke: Invoke) -> None:
        self.shards = [Shard(table, invoke) for table in tables]
        self._wakers = [threading.Event() for _ in self.shards]
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Deliver in the background during a `with` block."""
        threads = [
            threading.Thread(
                target=self._run, args=pair, name=f"stream-{pair[0].table}"
            )
            for pair in zip(self.shards, self._wakers, strict=True)
        ]
        with ExitStack() as stack:
            for waker in self._wakers:
                stack.enter_context(moto_engine.listen_for_records(waker.set))
            for thread in threads:
                thread.start()
                stack.callback(thread.join)
            stack.callback(self._stop)
            yield

    def drain(self, seconds: float) -> bool:
        """Wait until every record was delivered. Return `False` if that takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with moto_engine.LOCK:
                if all(shard.idle for shard in self.shards):
                    return True
            time.sleep(0.01)
        return False

    def _stop(self) -> None:
        self._stopped.set()
        for waker in self._wakers:
            waker.set()

    def _run(self, shard: Shard, waker: threading.Event) -> None:
        while not self._stopped.is_set():
            waker.clear()  # before the delivery, so that a write during it wakes the thread again
            pause = shard.deliver()
            if pause:
                self._stopped.wait(pause)
            elif shard.idle:
                waker.wait(_POLL_INTERVAL)


def is_wanted(table: str, record: Record) -> bool:
    """Apply the filter of `topology` for `associate` to a record of a table.

    It wants none of a table without a filter: the local state is saved by these records as well.
    """
    pattern = topology.STREAM_FILTERS.get(table)
    return pattern is not None and matches_filter(pattern, record)


def matches_filter(pattern: Any, value: Any) -> bool:
    """Apply a filter of Lambda, as far as `topology` uses them.

    A pattern is an object of patterns, or a list of allowed values and prefixes.
    """
    if not isinstance(pattern, Mapping):
        return any(_matches_condition(condition, value) for condition in pattern)
    if not isinstance(value, Mapping):
        return False
    return all(
        matches_filter(inner, value.get(name)) for name, inner in pattern.items()
    )


def _matches_condition(condition: Any, value: Any) -> bool:
    if isinstance(condition, Mapping):
        return str(value).startswith(condition["prefix"])
    return bool(value == condition)
