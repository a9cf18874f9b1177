"""Lambda's part between the stream of `customers` and `erase`, on one machine: erasures that began are carried out."""

from __future__ import annotations

import queue
import threading
import traceback
from typing import Any

from infra import plan
from infra.streams import Invoke, Record, matches


class Erasures:
    """A thread of its own, as an erasure waits for calls that are under way; it ends with the program."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke
        self._begun: queue.Queue[Record] = queue.Queue()
        threading.Thread(target=self._run, name="erasures", daemon=True).start()

    def take(self, record: Record) -> None:
        """A record that no other function wants."""
        if matches(plan.ERASURE_FILTER, record):
            self._begun.put(record)

    def _run(self) -> None:
        while True:
            record = self._begun.get()
            try:
                answer: dict[str, Any] = self._invoke({"Records": [record]})
            except Exception:  # noqa: BLE001 (whatever it raises, Lambda tries it again)
                traceback.print_exc()
                continue
            if answer["batchItemFailures"]:
                self._begun.put(record)
