"""The report of a redrive: a line for each repaired node, and a summary."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterable

from infra.operations.redrive.recompute import Outcome


class Report:
    """Prints outcomes as they come, from several threads, and sums them up.

    `as_json`: the summary is JSON, alone on stdout, and lines go to stderr.
    """

    def __init__(self, *, dry_run: bool, as_json: bool = False) -> None:
        self.dry_run = dry_run
        self._as_json = as_json
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

    def print_line(self, text: str) -> None:
        """Print a line for people."""
        print(text, file=sys.stderr if self._as_json else sys.stdout, flush=True)

    def finish(self) -> int:
        """Print the summary, and return the exit code."""
        if self._as_json:
            return self._finish_json()
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

    def _finish_json(self) -> int:
        summary = {
            "dry_run": self.dry_run,
            "checked": self._checked,
            "repaired": self._repaired,
            "failed": self._failed,
            "rows": dict(sorted(self._rows.items())),
        }
        print(json.dumps(summary))
        return 1 if self._failed else 0

    def _add(self, outcome: Outcome) -> None:
        self._checked += 1
        if outcome.error:
            self._failed += 1
            self.print_line(f"failed {outcome.key}: {outcome.error!r:.200}")
        if outcome.written:
            self._repaired += 1
            self._rows += outcome.written
            rows = _format_rows(outcome.written)
            self.print_line(f"{self._verb} {outcome.key}: {rows}")


def _format_rows(rows: Counter[str]) -> str:
    return ", ".join(f"{count} x {kind}" for kind, count in sorted(rows.items()))
