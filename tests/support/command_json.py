"""What every command of `hardlink` prints with `--json`: `python -m tests.support.command_json`.

It is kept in `tests/unit/command-json.txt`. The answers of the service, of AWS and of measurements
are given here, so nothing is called and nothing depends on the time.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

from hardlink.domain.sources import file_schema
from infra import topology
from infra.command import pages, restoring
from infra.command.main import main
from infra.local import service as local_service
from infra.local import walk
from infra.local.http_server import ServedCall
from infra.local.service_output import ServiceOutput, StartedService
from infra.operations.doctor import checks
from infra.operations.doctor.diagnoses import Finding
from infra.operations.page_check.page import Page
from infra.operations.redrive import command as redrive
from infra.operations.redrive.report import Report
from infra.operations.service_client import Reply, Service
from infra.operations.stacks import DeployedStack
from infra.snippet import render_snippet
from tests.bench import __main__ as bench
from tests.bench import cost, load
from tests.bench.prices import Usage

SNAPSHOT = Path(__file__).parents[1] / "unit" / "command-json.txt"
Json = Any
_URL = "https://hardlink.shop.example"
_PLACE = ("--url", _URL, "--key", "secret")
_GORDON = {"type": "registered", "value": "gordon"}
_EVENT = {"key": "1", "type": "page-view", "session": "visit-1", "status": "stored"}
_ANSWERS: dict[str, Json] = {
    "/project": {
        "identifiers": [
            {"type": "registered", "kind": "hard"},
            {"type": "email", "kind": "soft"},
        ]
    },
    "/customers": {"customer": _GORDON, "visits": 1},
    "/customers/events": {"events": [_EVENT]},
    "/customers/export": {"customer": _GORDON, "sessions": []},
    "/customers/why": {"why": [{"rule": "identify"}]},
    "/customers/erase": {"erasure": {"id": "3f2c7a50"}},
    "/erasures/3f2c7a50": {"state": "done", "erased": {"events": 7}},
    "/live": {"events": [_EVENT], "cursor": "c", "more": False},
    "/orders": {"stored": 1, "rejected": 0, "results": [{"status": "stored"}]},
}
_FINDINGS = (Finding("health"), Finding("tables", "a table is gone: deploy again"))


_RESTORED = restoring.RestoredStack({"sessions": "arn:aws:dynamodb:..."}, 2, 1, {})


class Ran(NamedTuple):
    """A command, its exit code, and what it printed to stdout."""

    arguments: Sequence[str]
    code: int
    printed: str


def _send(
    _service: Service, _method: str, path: str, body: Json = None, **_: Json
) -> Reply:
    """Answer a call of a command, in place of `Service.send`."""
    if path in ("/track", "/identify", "/consent"):
        verdicts = [{"status": "stored"} for _ in (body or {}).get("events", ())]
        return Reply(200, {"results": verdicts})
    return Reply(200, _ANSWERS.get(path, {}))


def _serve(output: ServiceOutput) -> int:
    """Start and answer one call, in place of the local service's `main`."""
    sources = file_schema.load_sources(topology.SOURCES)
    keys, signing = {"demo": "secret"}, {"demo": "signing"}
    origins = ["http://127.0.0.1:8787"]
    state = Path(".cache/local/8787")
    url = "http://127.0.0.1:8787"
    output.show_start(StartedService(url, state, sources, keys, signing, origins, ""))
    output.show_call(ServedCall("POST", "/track", 200, 3, ""))
    output.show_end()
    return 0


def _walk(walked: walk.Walk) -> None:
    """Make one call, in place of the whole walk."""
    walked._service.output.show_step(1, "An anonymous visitor looks around.")
    walked._service.call("POST", "/track", {"source": {"id": "demo"}})


def _redrive(arguments: Sequence[str]) -> int:
    report = Report(dry_run="--dry-run" in arguments, as_json="--json" in arguments)
    return report.finish()


def _priced_cost(*_: Json) -> cost.Report:
    weights = cost.Weights(event=500, answer=700, visit=800)
    rates = {"single": cost.Rate({"requests": 1.0}, 1.0, 1.25, 2.0)}
    months = [cost.Month(1, {"requests": 1.25, "storage": 0.5}, 1.75, 1.75)]
    return cost.Report(cost.Costs({}, Usage(0), weights), rates, months)


def _measured_load(*_: Json) -> load.Found:
    found = load.Found(memory=[100, 120, 120], stored=1)
    found.accepted["visit-1"] = {"1"}
    found.seconds["track"] = [0.002, 0.004]
    return found


class _Secrets:
    def put_secret_value(self, **_: str) -> None:
        """Take any key."""


@contextmanager
def _scripted() -> Iterator[None]:
    """Give every command its answers during a `with` block."""
    page = Page("https://shop.example/", render_snippet(_URL, "demo"))
    rows = [("CPU of one track call", "1.1 x two boto3 calls", "1.3 x")]
    answer: tuple[int, Json] = (200, {"results": []})
    with ExitStack() as stack:
        for target, name, replacement in (
            (Service, "send", _send),
            (local_service, "main", _serve),
            (walk.Walk, "run_all", _walk),
            (walk.WalkedService, "_send", lambda *_: answer),
            (pages, "fetch_page", lambda _url: page),
            (checks, "run_checks", lambda *_: iter(_FINDINGS)),
            (redrive, "main", _redrive),
            (restoring, "restore_stack", lambda *_, **__: _RESTORED),
            (DeployedStack, "create_client", lambda *_: _Secrets()),
            (DeployedStack, "read_output", lambda *_: "prod/<project>/server-key"),
            (bench, "measure_all", lambda: rows),
            (cost, "measure_cost", lambda _calls: None),
            (cost, "count_watched", lambda: None),
            (cost, "create_report", _priced_cost),
            (load, "measure_load", _measured_load),
        ):
            stack.enter_context(patch.object(target, name, replacement))
        # `run` and the measurements set variables for what they start.
        stack.enter_context(patch.dict("os.environ"))
        yield


def _list_calls(folder: Path) -> Iterator[Sequence[str]]:
    """Yield the arguments of one call of every command that prints something."""
    history, feed = folder / "history.jsonl", folder / "orders.csv"
    row = '{"session": "visit-1", "type": "page-view", "time": 1740823800}\n'
    history.write_text(row, encoding="utf-8")
    feed.write_text("orderNumber,total\n1,7.99\n", encoding="utf-8")
    yield ("run",)
    yield ("walk", *_PLACE)
    yield ("tail", "--once", *_PLACE)
    yield ("whois", "registered=gordon", *_PLACE)
    yield ("customer", "find", "gordon", *_PLACE)
    yield ("customer", "show", "registered=gordon", *_PLACE)
    yield ("customer", "export", "registered=gordon", *_PLACE)
    yield ("customer", "erase", "registered=gordon", "--yes", *_PLACE)
    yield ("import", str(history), *_PLACE)
    yield ("seed", "--visitors", "1", "--until", "2026-11-30", *_PLACE)
    yield ("orders", "import", str(feed), *_PLACE)
    yield ("check-page", "https://shop.example/")
    yield ("doctor", "--stage", "prod")
    yield ("redrive", "--stage", "prod", "--dry-run")
    yield ("restore", "--stage", "prod", "--at", "2026-11-30T09:00:00Z")
    yield ("keys", "rotate", "--stage", "prod", "--project", "demo")
    yield ("bench",)
    yield ("cost",)
    yield ("load",)


def run_all() -> list[Ran]:
    """Run every command with `--json`."""
    ran: list[Ran] = []
    with tempfile.TemporaryDirectory() as name, _scripted():
        for arguments in _list_calls(Path(name)):
            printed = io.StringIO()
            with redirect_stdout(printed), redirect_stderr(io.StringIO()):
                code = main([*arguments, "--json"])
            text = printed.getvalue().replace(name, "folder")
            shown = [argument.replace(name, "folder") for argument in arguments]
            ran.append(Ran(shown, code, text))
    return ran


def format_all(ran: Sequence[Ran]) -> str:
    """Format commands with their exit codes and their output, as one text."""
    texts: list[str] = []
    for one in ran:
        given = [argument for argument in one.arguments if argument not in _PLACE]
        texts.append(f"$ hardlink {' '.join(given)} --json\n{one.printed}({one.code})")
    return "\n\n".join(texts) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(format_all(run_all()), encoding="utf-8")
