"""The local service as a process of its own, and a client for it: what the HTTP tests talk to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from tests.support import signing

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).with_name("sources.toml")
KEY = "server-key-of-the-tests"
OTHER_KEY = f"{KEY}-other"
"""The key of the second project."""
_OWN = "the client's own key"
_READY = 60.0
_DONE = 30.0
"""Seconds, on a machine that is busy with other things: nobody waits for so long where all is well."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. `headers`: lower-case names, duplicates joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """Code, message and field of an error."""
        return self.json["error"]


class Client:
    """Calls the service. Every call opens a connection of its own unless it is told to keep one.

    `key`: the server key that it reads with; `patience`: seconds for which association may take; `prefix`: what stands
    before every path.
    """

    def __init__(
        self, port: int, key: str = KEY, patience: float = _DONE, prefix: str = ""
    ) -> None:
        self.port = port
        self.key = key
        self.patience = patience
        self._prefix = prefix

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Any request, byte by byte: without `headers` it has none beside `host` and `content-length`."""
        connection = self.connection()
        try:
            return exchange(connection, method, f"{self._prefix}{path}", body, headers)
        finally:
            connection.close()

    def connection(self) -> HTTPConnection:
        """A connection, which opens as it is first used."""
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def post(self, path: str, body: object, **headers: str) -> Reply:
        """A JSON body."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(
            "POST",
            path,
            json.dumps(body).encode(),
            {"content-type": "application/json", **named},
        )

    def get(self, *path: str, key: str | None = _OWN, **query: str | int) -> Reply:
        """A read call; `customers, type, value` and `sessions, id` name theirs in the query.

        `key`: another one than its own, or none.
        """
        match path:
            case ("customers", str(type_), str(value), *rest):
                path, query = ("customers", *rest), {type_: value, **query}
            case ("sessions", str(id_), *rest):
                path, query = ("sessions", *rest), {"id": id_, **query}
            case _:
                pass
        target = "".join(f"/{quote(part, safe='')}" for part in path)
        headers = self._with(key)
        return self.send(
            "GET", f"{target}?{urlencode(query)}" if query else target, None, headers
        )

    def unlink(self, session: str, key: str | None = _OWN) -> Reply:
        """Undo the newest link of a session's profile."""
        target = f"/sessions/unlink?{urlencode({'id': session})}"
        return self.send("POST", target, b"", self._with(key))

    def _with(self, key: str | None) -> dict[str, str]:
        used = self.key if key == _OWN else key
        return {} if used is None else {"authorization": f"Bearer {used}"}

    def track(
        self, session: str, *types: str, source: str = "web-key", **more: Any
    ) -> Reply:
        """Events of these types under a session."""
        events = [{"type": type_} for type_ in types]
        return self.post(
            "/track",
            {
                "source": {"id": source},
                "session": {"id": session},
                "events": events,
                **more,
            },
        )

    def identify(
        self, session: str, ids: Mapping[str, Any], source: str = "web-key", **more: Any
    ) -> Reply:
        """Say who a session's visitor is."""
        return self.post(
            "/identify",
            {"source": {"id": source}, "session": {"id": session}, "ids": ids, **more},
        )

    def types(self, type_: str, value: str, **query: str) -> list[str]:
        """The types of a customer's events, oldest first; nothing while nobody is known by this identifier."""
        reply = self.get("customers", type_, value, "events", limit=1000, **query)
        if reply.status == 404:
            return []
        assert reply.status == 200, reply.body
        return [event["type"] for event in reversed(reply.json["events"])]

    def settles(self, type_: str, value: str, *types: str) -> None:
        """Wait until a customer has exactly these events, oldest first, and the rows stay so."""
        eventually(lambda: self.types(type_, value), list(types), self.patience)


def exchange(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request on an open connection."""
    named = "host" in (headers or {})
    connection.putrequest(method, path, skip_host=named, skip_accept_encoding=True)
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("content-length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    found: dict[str, str] = {}
    for name, value in response.getheaders():
        found[name.lower()] = (
            f"{found[name.lower()]},{value}" if name.lower() in found else value
        )
    return Reply(response.status, found, response.read())


def eventually(look: Callable[[], Any], wanted: Any, seconds: float = _DONE) -> None:
    """Look again and again until it is so: association is asynchronous."""
    until = time.monotonic() + seconds
    while (found := look()) != wanted:
        assert time.monotonic() < until, f"it stays {found!r}, {wanted!r} was expected"
        time.sleep(0.02)


def fresh(name: str = "s") -> str:
    """A name that nobody has used yet."""
    return f"{name}-{uuid4()}"


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def allowing(origin: str, folder: Path) -> Path:
    """The sources of the tests, with one more origin for each that browsers call."""
    text = SOURCES.read_text(encoding="utf-8")
    assert "\norigins = [" in text
    changed = folder / SOURCES.name
    changed.write_text(text.replace("\norigins = [", f'\norigins = ["{origin}", '))
    return changed


@dataclass
class Service:
    """A running service. `log`: what it printed, on both streams."""

    process: subprocess.Popen[bytes]
    client: Client
    log: Path

    def assert_no_failure(self) -> None:
        """Assert that nothing failed in a way that no code expects."""
        logged = self.log.read_text()
        assert "Traceback" not in logged
        assert '"message":"failed"' not in logged

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; answers its exit code."""
        self.process.send_signal(number)
        return self.process.wait(_DONE)


@contextmanager
def running(log: Path, port: int | None = None, **variables: str) -> Iterator[Service]:
    """A service for the length of a `with` block; it is made an end of whatever happens."""
    number = free_port() if port is None else port
    keys = {"HARDLINK_SERVER_KEY": KEY, "HARDLINK_SIGNING_KEY": signing.KEY}
    settings = {"PORT": str(number), "HARDLINK_SOURCES": str(SOURCES), **keys}
    # Not where the services of developers keep theirs.
    settings |= {"HARDLINK_LOCAL_STATE": str(log.parent / f"state-{number}")}
    settings |= {"ORIGIN": "", "FRESH": "1"}
    command = [sys.executable, "-W", "error", "-m", "infra.local"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **settings, **variables},
            stdout=out,
            stderr=out,
        )
        try:
            client = Client(number)
            _wait(process, client, log)
            yield Service(process, client, log)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """In order if it can: a service that is killed leaves its key file behind."""
    process.terminate()
    try:
        process.wait(_DONE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(process: subprocess.Popen[bytes], client: Client, log: Path) -> None:
    until = time.monotonic() + _READY
    while True:
        assert process.poll() is None, f"it ended: {log.read_text()}"
        assert time.monotonic() < until, f"not ready: {log.read_text()}"
        try:
            if client.get("health", key=None).status == 200:
                return
        except OSError:
            time.sleep(0.05)
