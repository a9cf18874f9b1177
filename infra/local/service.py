"""The whole service on one machine: the same functions, routes, tables, streams and queue, on moto (`make run`)."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import indent
from typing import Any

from infra import routes, topology
from infra.local import lambda_runtime
from infra.local.api_gateway import Gateway
from infra.local.demo_shop import DemoShop
from infra.local.dynamodb_streams import StreamPollers
from infra.local.http_server import HttpServer
from infra.local.lambda_runtime import Deployment, Sources, SourcesError
from infra.local.sqs import QueuePoller
from infra.snippet import render_snippet

HOST = "127.0.0.1"
PORT = 8787
_PORTS = range(1, 65536)
_GRACE = 10.0
"""Seconds that calls and stream records in flight get at the end."""


class UnusableSetting(Exception):
    """What was set can't be used: the message says what to do."""


def read_port() -> int:
    """The port of the local service: `PORT=`, or the usual one. Raises `Unusable`."""
    text = os.environ.get("PORT") or str(PORT)
    if not (text.isascii() and text.isdigit() and int(text) in _PORTS):
        raise UnusableSetting(f"PORT={text!r} is no port: choose a number from 1 to 65535")
    return int(text)


def server_key_file(number: int) -> Path:
    """Where a service that listens on this port leaves its server key, for `make walk`."""
    return topology.ROOT / ".cache" / f"local-server-key-{number}"


def main() -> int:
    """Serve until Ctrl-C; answers the exit code."""
    if "POWERTOOLS_LOG_LEVEL" not in os.environ:
        # The server prints a line a call itself.
        logging.getLogger("hardlink").setLevel(logging.ERROR)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _running(read_port()) as welcome:
            print(welcome, flush=True)
            stop.wait()
            print("\nHardlink finishes what is in flight, and ends.", flush=True)
    except (SourcesError, UnusableSetting) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@contextmanager
def _running(number: int) -> Iterator[str]:
    """The service for the length of a `with` block; gives what to tell whoever started it. Raises `Unusable`."""
    sources = lambda_runtime.load_sources(topology.SOURCES)
    keys = _keys("HARDLINK_SERVER_KEY", sources.projects)
    signing = _keys("HARDLINK_SIGNING_KEY", sources.signing_projects)
    with lambda_runtime.run_deployment(topology.SOURCES, keys, signing) as deployment:
        server = _listening(number, deployment)
        erasures = QueuePoller(deployment.erasures, lambda e: deployment.invoke("erase", e))
        streams = StreamPollers(
            deployment.tables.values(), lambda e: deployment.invoke("associate", e)
        )
        with (
            erasures.running(),
            streams.running(),
            server.running(),
            _key_left(number, keys),
        ):
            yield _welcome(number, deployment.sources, keys, signing)
            server.finish(_GRACE)
            if not streams.drain(_GRACE):
                print("streams: some records were not delivered", file=sys.stderr)


def _listening(number: int, deployment: Deployment) -> HttpServer:
    """The server: the demo shop before the API. Raises `Unusable`."""
    own = [f"http://{name}:{number}" for name in (HOST, "localhost")]
    api = Gateway(routes.ROUTES, deployment.invoke, deployment.sources.origins, own)
    try:
        return HttpServer((HOST, number), DemoShop(api, own[0], deployment.sources))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = f"port {number} is in use, maybe by another Hardlink"
        elif error.errno == errno.EACCES:
            why = f"port {number} is reserved for the system"
        else:
            raise
        raise UnusableSetting(f"{why}: choose another one, PORT={PORT + 1} make run") from error


def _keys(variable: str, projects: Iterable[str]) -> dict[str, str]:
    """One key a project: the first project's is the variable where that is set, others add their name to it."""
    key = os.environ.get(variable) or secrets.token_urlsafe(24)
    return {project: f"{key}-{project}" if n else key for n, project in enumerate(projects)}


@contextmanager
def _key_left(number: int, keys: Mapping[str, str]) -> Iterator[None]:
    """The first project's key in a file that only this user can read, for as long as the service runs."""
    path = server_key_file(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(next(iter(keys.values())))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _welcome(
    number: int, sources: Sources, keys: Mapping[str, str], signing: Mapping[str, str]
) -> str:
    url = f"http://{HOST}:{number}"
    name, source = next(iter(sources.sources.items()))
    other_port = "" if number == PORT else f"PORT={number} "
    listed = [
        f"  {s.write_key:<14} project {s.project}, a second login: {s.policy or 'as its client has it'}"
        for s in sources.sources.values()
    ]
    event = f'{{"source":{{"id":"{source.write_key}"}},"session":{{"id":"visit-1"}},"events":[{{"type":"page-view"}}]}}'
    lines: list[Any] = [
        f"Hardlink listens on {url} (in memory: everything is gone when it ends)",
        "",
        f"  a shop       {url}/demo     look around, put something in the basket, log in",
        f"  the console  {url}/console  see how the anonymous part joined the customer",
        f"  server key   {keys[source.project]}  the console asks for it",
        "",
        "write keys (source.id), public:",
        *listed,
        "server keys (Authorization: Bearer <key>), secret:",
        *(f"  {key}  reads project {project}" for project, key in keys.items()),
        *(["signing keys (HS256, for a token), secret:"] if signing else []),
        *(f"  {key}  proves who somebody is in {project}" for project, key in signing.items()),
        "",
        "try, in another terminal:",
        f"  {other_port}make walk",
        f"  curl {url}/track -d '{event}'",
        f"  curl {url}/sessions/visit-1/events -H 'Authorization: Bearer {keys[source.project]}'",
        f"or in a page of an origin that source {name!r} allows ({', '.join(source.origins) or 'none'}):",
        indent(render_snippet(url, source.write_key), "  "),
        "",
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)
