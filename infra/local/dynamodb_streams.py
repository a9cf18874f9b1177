"""Lambda's part between a table's stream and `associate`: filter, batches, order, retries; nothing is ever skipped.

A batch that fails at its first record, or whole, comes again in halves, until the record that fails is alone.
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
_LONGEST_PAUSE = 2.0
_FIRST_PAUSE = 0.05
_GLANCE = 1.0
"""Seconds after which a thread looks for records though nobody woke it."""


class Shard:
    """The records of one table, delivered in their order, at least once each."""

    def __init__(
        self,
        table: str,
        invoke: Invoke,
        *,
        retries: int = topology.STREAM_RETRIES,
        first_pause: float = _FIRST_PAUSE,
    ) -> None:
        self.table = table
        self.failed: list[Record] = []
        """Records that were given up: what the stack sends to its on-failure queue."""
        self._invoke = invoke
        self._retries = retries
        self._first_pause = first_pause
        self._waiting: list[Record] = []
        self._size = topology.STREAM_BATCH
        self._tries = 0

    @property
    def idle(self) -> bool:
        """Whether every record was delivered."""
        with moto_engine.LOCK:
            return not self._waiting and not moto_engine.has_records(self.table)

    def deliver(self) -> float:
        """Deliver one batch, if there is one; answers the seconds to wait before the next attempt."""
        with moto_engine.LOCK:  # else somebody could find neither of the two holding the records
            taken = moto_engine.take_records(self.table)
            self._waiting += (record for record in taken if is_wanted(self.table, record))
        batch = self._waiting[: self._size]
        if not batch:
            return 0
        done = self._delivered(batch)
        del self._waiting[:done]
        if done == len(batch):
            self._go_on()
            return 0
        if not done and len(batch) > 1:
            self._size = (len(batch) + 1) // 2  # bisected, which is no retry
            return self._first_pause
        return self._again(progress=done > 0)

    def _go_on(self) -> None:
        self._size, self._tries = topology.STREAM_BATCH, 0

    def _delivered(self, batch: list[Record]) -> int:
        """How many records from the start of a batch are done."""
        try:
            answer = self._invoke({"Records": batch})
        except Exception:  # noqa: BLE001 (whatever it raises, Lambda tries the batch again)
            traceback.print_exc()
            return 0
        failures = (answer or {}).get("batchItemFailures") or []
        failed = {failure.get("itemIdentifier") for failure in failures}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        if not failed <= set(numbers):  # Lambda takes an unknown identifier for a failure of all
            return 0
        return next((i for i, number in enumerate(numbers) if number in failed), len(batch))

    def _again(self, *, progress: bool) -> float:
        self._tries = 1 if progress else self._tries + 1
        if self._tries > self._retries:
            self._go_on()
            record = self._waiting.pop(0)
            self.failed.append(record)
            number = record["dynamodb"]["SequenceNumber"]
            print(
                f"streams: gave up on record {number} of {self.table}", file=sys.stderr, flush=True
            )
            return 0
        return min(_LONGEST_PAUSE, self._first_pause * 2.0 ** (self._tries - 1))


class StreamPollers:
    """A thread for every table's shard, woken by writes."""

    def __init__(self, tables: Iterable[str], invoke: Invoke) -> None:
        self.shards = [Shard(table, invoke) for table in tables]
        self._wakers = [threading.Event() for _ in self.shards]
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Deliver in the background, until the end of the `with` block."""
        threads = [
            threading.Thread(target=self._run, args=pair, name=f"stream-{pair[0].table}")
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
        """Wait until everything written was delivered; `False` when it takes longer."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
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
            waker.clear()  # before looking: a write after the look wakes again
            pause = shard.deliver()
            if pause:
                self._stopped.wait(pause)
            elif shard.idle:
                waker.wait(_GLANCE)


def is_wanted(table: str, record: Record) -> bool:
    """Whether the plan's filter lets a record of this table through to the function."""
    return matches_filter(topology.STREAM_FILTERS[table], record)


def matches_filter(pattern: Any, value: Any) -> bool:
    """Lambda's event filtering, as far as the plan uses it: nested objects, lists of values or beginnings allowed."""
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(
            matches_filter(inner, value.get(name)) for name, inner in pattern.items()
        )
    return any(
        str(value).startswith(one["prefix"]) if isinstance(one, Mapping) else value == one
        for one in pattern
    )
