"""The report of a redrive: a line for each repaired node, and a summary."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from infra.operations.redrive.recompute import Outcome


class Report:
    """Prints outcomes as they come, from several threads, and sums them up."""

    def __init__(self, *, dry_run: bool) -> None:
        self.dry_run = dry_run
        self._verb = "would repair" if dry_run else "repaired"
        self._lock = threading.Lock()
        self._checked = 0
        self._repaired = 0
        self._failed = 0
        self._rows: Counter[str] = Counter()

    def add_all(self, outcomes: Iterable[Outcome]) -> None:
        """Print and count outcomes."""
        for outcome in outcomes:
            # Parts run in threads, and their lines must not mix.
            with self._lock:
                self._add(outcome)

    def finish(self) -> int:
        """Print the summary, and return the exit code."""
        rows = _format_rows(self._rows) or "nothing to do"
        print(
            f"checked {self._checked} nodes and erasures, {self._verb} {self._repaired}: {rows}"
        )
        if self._failed:
            print(
                f"{self._failed} failed: fix the cause that each line names, and run it again"
            )
            return 1
        return 0

    def _add(self, outcome: Outcome) -> None:
        self._checked += 1
        if outcome.error:
            self._failed += 1
            print(f"failed {outcome.key}: {outcome.error!r:.200}", flush=True)
        if outcome.written:
            self._repaired += 1
            self._rows += outcome.written
            rows = _format_rows(outcome.written)
            print(f"{self._verb} {outcome.key}: {rows}", flush=True)


def _format_rows(rows: Counter[str]) -> str:
    return ", ".join(f"{count} x {kind}" for kind, count in sorted(rows.items()))
