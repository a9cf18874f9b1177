"""The importer: a window of rows at a time, a visitor's calls in order, and where it stopped."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from infra.operations.errors import OperationFailed
from infra.operations.event_import.importer import Importer
from infra.operations.event_import.rows import Refusal, Row
from infra.operations.service_client import Reply, Service


class Fake(Service):
    """A service that stores everything, and remembers the calls. `answers`: instead, by session."""

    def __init__(self, **answers: Reply) -> None:
        super().__init__("http://127.0.0.1:1")
        self.calls: list[Any] = []
        self.answers = answers
        self.lock = threading.Lock()

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def send(self, method: str, path: str, body: Any = None, **_: Any) -> Reply:
        with self.lock:
            self.calls.append((path, body))
        answer = self.answers.get(body["session"]["id"])
        if answer is not None:
            return answer
        results = [{"status": "stored"} for _ in body.get("events", ())]
        return Reply(200, {"results": results})


def row(line: int, session: str = "s", **given: Any) -> Row:
    fields = {"session": session, "type": "view", "time": line, **given}
    return Row(line, {**fields, "time": 1_740_823_800 + line}, 10)


def test_rows_are_read_a_window_at_a_time() -> None:
    """However many there are, no more than a window of them is in memory."""
    read = 0
    done: list[int] = []

    def many() -> Iterator[Row | Refusal]:
        nonlocal read
        for line in range(1, 3001):
            read = line
            yield row(line, f"session-{line % 7}")

    importer = Importer(Fake(), "web", io.StringIO())

    def after_window() -> None:
        done.append(importer.last_line)
        assert read - importer.last_line <= 1

    importer.run(many(), after_window)
    assert done == [500, 1000, 1500, 2000, 2500, 3000]
    assert importer.counts == {"stored": 3000}


def test_large_rows_make_a_window_of_fewer() -> None:
    rows = [row(line)._replace(size=1024 * 1024) for line in range(1, 11)]
    done: list[int] = []
    importer = Importer(Fake(), "web", io.StringIO())
    importer.run(rows, lambda: done.append(importer.last_line))
    assert done == [4, 8, 10]


def test_the_calls_about_one_visitor_stay_in_order() -> None:
    rows = [
        row(line, "s", ids={"registered": f"customer-{line}"}) for line in range(1, 200)
    ]
    service = Fake()
    Importer(service, "web", io.StringIO()).run(rows, lambda: None)
    sent = [body["ids"]["registered"] for _, body in service.calls]
    assert sent == [f"customer-{line}" for line in range(1, 200)]


def test_a_refused_call_names_each_of_its_lines_and_the_others_go_on() -> None:
    error = {"error": {"code": "invalid", "message": "nobody"}}
    results = io.StringIO()
    importer = Importer(Fake(bad=Reply(400, error)), "web", results)
    importer.run([row(1, "bad"), row(2), row(3, "bad")], lambda: None)
    assert importer.counts == {"refused": 2, "stored": 1}
    assert importer.not_taken == 2
    named = [json.loads(line) for line in results.getvalue().splitlines()]
    assert named == [
        {"line": line, "status": "refused", "reason": "invalid: nobody"}
        for line in (1, 3)
    ]


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_service_that_takes_nothing_stops_the_import(status: int) -> None:
    importer = Importer(Fake(bad=Reply(status, None)), "web", io.StringIO())
    rows = [row(line) for line in range(1, 501)] + [row(501, "bad")]
    with pytest.raises(OperationFailed):
        importer.run(rows, lambda: None)
    assert importer.last_line == 500, "from there it goes on"
