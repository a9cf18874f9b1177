"""A local service for a shop's own tests: on a free port, empty, and with answers about itself."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra import topology
from infra.local import reset
from infra.local.service import HOST
from infra.operations.errors import OperationFailed
from infra.operations.service_client import Service
from infra.snippet import render_snippet

Json = Any
_READY = 60.0
"""Seconds for which the start may take on a busy machine."""
_WAIT = 0.05
_TAKEN = ("stored", "duplicate")


class NotReady(Exception):
    """The service did not start. The message has what it printed."""


class NotSeen(AssertionError):
    """What a test waited for did not come in. The message says what did."""


@dataclass(frozen=True)
class LocalHardlink:
    """A running service.

    `url`: where it answers. `write_key`: of its pages. `pause`: lets seconds pass before a look.
    """

    url: str
    server_key: str
    write_key: str = "demo"
    pause: Callable[[float], None] = time.sleep

    @cached_property
    def service(self) -> Service:
        """A client of every call."""
        return Service(self.url, self.server_key)

    @property
    def snippet(self) -> str:
        """HTML for a page: it loads the SDK, and tracks visits."""
        return render_snippet(self.url, self.write_key)

    def all(self) -> list[Json]:
        """Everything that came in since the last reset, oldest first, each with its `status`."""
        found: dict[str, Json] = {}
        query: Mapping[str, str] = {}
        while True:
            page = self.service.read("/live", **query)
            for entry in page["events"]:
                found[entry["key"]] = entry
            if not page["more"]:
                return list(found.values())
            query = {"since": page["cursor"]}

    def good(self, type_: str | None = None) -> list[Json]:
        """Events that were stored, or came again. `type_`: only of this type."""
        entries = [entry for entry in self.all() if entry["status"] in _TAKEN]
        return [e for e in entries if type_ is None or e["type"] == type_]

    def refused(self) -> list[Json]:
        """Events and calls that were not taken, each with its `reason`."""
        return [entry for entry in self.all() if entry["status"] not in _TAKEN]

    def reset(self) -> None:
        """Forget everything: events, visitors, customers."""
        reply = self.service.send("POST", reset.PATH, b"", reads=True)
        if not reply.is_success:
            raise OperationFailed(reply.explanation)

    def wait_for(self, type_: str, count: int = 1, seconds: float = 10.0) -> list[Json]:
        """Wait until this many events of a type were stored, and return them. Raises `NotSeen`."""

        def look() -> list[Json] | None:
            events = self.good(type_)
            return events if len(events) >= count else None

        found: list[Json] = self._wait(look, f"{count} x {type_!r}", seconds)
        return found

    def wait_for_customer(
        self, type_: str, value: str, *event_types: str, seconds: float = 10.0
    ) -> Json:
        """Wait until a customer has events of these types, and return the customer.

        Events join a customer a moment after the log-in. Raises `NotSeen`.
        """

        def look() -> Json | None:
            page = self.service.find("/customers/events", **{type_: value})
            if page is None:
                return None
            found = {event["type"] for event in page["events"]}
            if not found.issuperset(event_types):
                return None
            return self.service.find("/customers", **{type_: value})

        return self._wait(look, f"{type_}={value} with {list(event_types)}", seconds)

    def _wait(self, look: Callable[[], Json | None], what: str, seconds: float) -> Json:
        until = time.monotonic() + seconds
        while (found := look()) is None:
            if time.monotonic() > until:
                raise NotSeen(f"{what} did not come in; this did: {self._summarize()}")
            self.pause(_WAIT)
        return found

    def _summarize(self) -> list[str]:
        entries = self.all()
        return [f"{e['type']} {e['status']} {e.get('reason') or ''}" for e in entries]


@contextmanager
def run_local_hardlink(
    origins: Sequence[str] = (), sources: Path | None = None
) -> Iterator[LocalHardlink]:
    """Run a service during a `with` block. Raises `NotReady`.

    `origins`: of the shop's pages, such as `http://localhost:5173`. `sources`: a `sources.toml`
    instead of the demo's.
    """
    key = secrets.token_urlsafe(24)
    port = _find_free_port()
    local = LocalHardlink(f"http://{HOST}:{port}", key)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "infra.local"],
                cwd=topology.ROOT,
                env=_make_environment(port, key, origins, sources, folder),
                stdout=out,
                stderr=out,
            )
        try:
            _wait_until_ready(local, process, log)
            yield local
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _make_environment(
    port: int, key: str, origins: Sequence[str], sources: Path | None, folder: str
) -> dict[str, str]:
    environment = {
        **os.environ,
        "PORT": str(port),
        "HARDLINK_SERVER_KEY": key,
        "HARDLINK_LOCAL_STATE": folder,
        reset.VARIABLE: "1",
        "ORIGIN": ",".join(origins),
        # `functions` is a folder of packages, as it is in Lambda
        "PYTHONPATH": str(topology.FUNCTIONS),
    }
    if sources is not None:
        environment["HARDLINK_SOURCES"] = str(sources.resolve())
    return environment


def _wait_until_ready(
    local: LocalHardlink, process: subprocess.Popen[bytes], log: Path
) -> None:
    until = time.monotonic() + _READY
    while not _answers(local.url):
        if process.poll() is not None or time.monotonic() > until:
            raise NotReady(log.read_text(errors="replace"))
        time.sleep(_WAIT)


def _answers(url: str) -> bool:
    # Not by a client that tries again: until it listens, every try is refused at once.
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
