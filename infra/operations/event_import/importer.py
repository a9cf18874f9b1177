"""Import history: read rows, send them in calls, and name what was not taken."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any, NamedTuple, TextIO

from hardlink.services.answers import ERASED, NOT_KEPT
from infra.operations.errors import OperationFailed
from infra.operations.event_import.calls import ImportCall, plan_calls
from infra.operations.event_import.rows import Refusal, Row
from infra.operations.service_client import Reply, Service

Json = Any
_MOST_ROWS = 500
_MOST_BYTES = 4 * 1024 * 1024
"""Rows and bytes of a window. As many as one call may have, so that any of it fits into a call."""
_PARALLEL_CALLS = 8
_TAKEN = ("stored", "duplicate")
_NOT_KEPT = NOT_KEPT | {ERASED}


class Taken(NamedTuple):
    """The result of one call: its lines by status, what was not taken, and warnings."""

    counts: Counter[str]
    refused: Sequence[Refusal]
    notes: Sequence[Json]


class Importer:
    """Imports rows by a source's write key, and writes a line for each that was not taken.

    `results`: JSON lines: `line`, `status`, `reason`, `field`; of a warning `lines`, `warning`.
    """

    def __init__(self, service: Service, write_key: str, results: TextIO) -> None:
        self._service = service
        self._write_key = write_key
        self._results = results
        self.counts: Counter[str] = Counter()
        self.last_line = 0
        """Every line up to this one is done."""

    def run(
        self, rows: Iterable[Row | Refusal], after_window: Callable[[], None]
    ) -> None:
        """Import rows, a window at a time. Raises `OperationFailed` where none can be taken."""
        with ThreadPoolExecutor(_PARALLEL_CALLS) as threads:
            for window in _split_windows(rows):
                self._import_window(window, threads)
                after_window()

    @property
    def not_taken(self) -> int:
        """The number of lines that were not taken."""
        return self.counts.total() - sum(self.counts[name] for name in _TAKEN)

    def _import_window(
        self, window: Sequence[Row | Refusal], threads: ThreadPoolExecutor
    ) -> None:
        unreadable = [line for line in window if isinstance(line, Refusal)]
        rows = [line for line in window if isinstance(line, Row)]
        calls, invalid = plan_calls(rows, self._write_key)
        for refusal in (*unreadable, *invalid):
            self.counts[refusal.status] += 1
            self._write_refusal(refusal)
        # Calls about one visitor stay in order, because each may change who that is.
        for results in threads.map(self._send_all, _group_by_visitor(calls)):
            for taken in results:
                self._record(taken)
        self._results.flush()
        self.last_line = window[-1].line

    def _send_all(self, calls: Sequence[ImportCall]) -> list[Taken]:
        return [self._send(call) for call in calls]

    def _send(self, call: ImportCall) -> Taken:
        reply = self._service.send("POST", call.path, call.body)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise OperationFailed(f"--source: {reply.explanation}")
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or _is_throttled(reply):
            raise OperationFailed(f"{reply.explanation} (line {call.lines[0]})")
        if not reply.is_success:
            return _refuse_all(call, reply)
        return read_results(call, reply.body)

    def _record(self, taken: Taken) -> None:
        self.counts += taken.counts
        for refusal in taken.refused:
            self._write_refusal(refusal)
        for note in taken.notes:
            self._write(note)

    def _write_refusal(self, refusal: Refusal) -> None:
        entry = refusal._asdict()
        if refusal.field is None:
            del entry["field"]
        self._write(entry)

    def _write(self, entry: Json) -> None:
        self._results.write(json.dumps(entry, ensure_ascii=False) + "\n")


def read_results(call: ImportCall, answer: Json) -> Taken:
    """Read the answer of a call: the verdict of each line, and what was left out of it."""
    counts: Counter[str] = Counter()
    refused: list[Refusal] = []
    notes: list[Json] = []
    verdicts = answer.get("results") or [_judge_values(answer)]
    for line, verdict in zip(call.lines, verdicts, strict=True):
        status = verdict["status"]
        counts[status] += 1
        if status not in _TAKEN:
            reason = verdict.get("reason", "")
            refused.append(Refusal(line, status, reason, verdict.get("field")))
        elif verdict.get("left_out"):
            notes.append(
                {"line": line, "status": status, "left_out": verdict["left_out"]}
            )
    warnings = answer.get("warnings", ())
    notes += [{"lines": call.lines, "warning": warning} for warning in warnings]
    return Taken(counts, refused, notes)


def _judge_values(answer: Json) -> Json:
    """Make the verdict of a call without events, whose warnings alone say if it was stored."""
    for warning in answer.get("warnings", ()):
        if warning in _NOT_KEPT:
            return {"status": "dropped", "reason": warning}
    return {"status": "stored"}


def _refuse_all(call: ImportCall, reply: Reply) -> Taken:
    lines = [Refusal(line, "refused", reply.explanation) for line in call.lines]
    return Taken(Counter(refused=len(lines)), lines, ())


def _is_throttled(reply: Reply) -> bool:
    return reply.status == HTTPStatus.TOO_MANY_REQUESTS


def _split_windows(rows: Iterable[Row | Refusal]) -> Iterator[list[Row | Refusal]]:
    window: list[Row | Refusal] = []
    size = 0
    for row in rows:
        added = row.size if isinstance(row, Row) else 0
        if window and (len(window) == _MOST_ROWS or size + added > _MOST_BYTES):
            yield window
            window, size = [], 0
        window.append(row)
        size += added
    if window:
        yield window


def _group_by_visitor(calls: Iterable[ImportCall]) -> list[list[ImportCall]]:
    groups: dict[str, list[ImportCall]] = {}
    for call in calls:
        groups.setdefault(call.visitor, []).append(call)
    return list(groups.values())
