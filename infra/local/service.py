"""The whole service on one machine, on moto: functions, routes, tables, streams and queue."""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hardlink.domain.sources.registry import Source
from hardlink.storage.erasure_queue import ErasureQueue
from infra import routes, topology
from infra.local import lambda_runtime, path_prefix, reset
from infra.local.api_gateway import Gateway, HttpApp
from infra.local.demo_shop import DemoShop
from infra.local.dynamodb_streams import StreamPollers
from infra.local.hints import Hints
from infra.local.http_server import HttpServer
from infra.local.kept_state import KeptState
from infra.local.lambda_runtime import Deployment, SourcesError
from infra.local.landing_page import LandingPage
from infra.local.path_prefix import PathPrefix
from infra.local.service_output import ServiceOutput, StartedService, TextOutput
from infra.local.sqs import QueuePoller

HOST = "127.0.0.1"
PORT = 8787
_PORTS = range(1, 65536)
_PORT_ERRORS = {
    errno.EADDRINUSE: "is in use, maybe by another Hardlink",
    errno.EACCES: "is reserved for the system",
}
_GRACE = 10.0
"""Seconds for calls and stream records in flight at the end."""


_SERVER_KEY, _SIGNING_KEY = "HARDLINK_SERVER_KEY", "HARDLINK_SIGNING_KEY"
"""Variables that choose keys, and their names where they are kept."""
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d+)?")


class UnusableSetting(Exception):
    """A setting that can't be used. The message says what to do."""


def read_port() -> int:
    """Read the port from `PORT`, or return the default. Raises `UnusableSetting`."""
    text = os.environ.get("PORT") or str(PORT)
    if not (text.isascii() and text.isdigit() and int(text) in _PORTS):
        raise UnusableSetting(
            f"PORT={text!r} is not a port: choose a number from 1 to 65535"
        )
    return int(text)


def read_state_folder(number: int) -> Path:
    """The folder in which a service on this port keeps what it was told."""
    folder = os.environ.get("HARDLINK_LOCAL_STATE")
    return Path(folder) if folder else topology.ROOT / ".cache" / "local" / str(number)


def read_origins() -> tuple[str, ...]:
    """Read the origins of a developer's own pages from `ORIGIN`. Raises `UnusableSetting`."""
    given = os.environ.get("ORIGIN", "").replace(",", " ").split()
    for origin in given:
        if not _ORIGIN.fullmatch(origin):
            raise UnusableSetting(
                f"ORIGIN={origin!r} is not an origin: write scheme, host and port, without a path, "
                "such as ORIGIN=http://localhost:5173"
            )
    return tuple(given)


def read_prefix() -> str:
    """Read the path below which the API answers from `PREFIX`. Raises `UnusableSetting`."""
    prefix = os.environ.get("PREFIX", "").rstrip("/")
    if prefix and not path_prefix.PREFIX.fullmatch(prefix):
        raise UnusableSetting(
            f"PREFIX={prefix!r} is not a path: write one of letters and digits, such as PREFIX=/hl"
        )
    return prefix


def own_origins(number: int) -> tuple[str, ...]:
    """The origins of the pages that this service itself serves."""
    return tuple(f"http://{name}:{number}" for name in (HOST, "localhost"))


def server_key_file(number: int) -> Path:
    """The file in which a service on this port leaves its server key for `make walk`."""
    return topology.ROOT / ".cache" / f"local-server-key-{number}"


def main(output: ServiceOutput | None = None) -> int:
    """Serve until Ctrl-C, and return the exit code. `output`: text, if there is none."""
    output = output or TextOutput()
    if "POWERTOOLS_LOG_LEVEL" not in os.environ:
        # The server prints a line for each call itself.
        logging.getLogger("hardlink").setLevel(logging.ERROR)
    # Nobody gathers metrics here, and their lines would stand between those for people.
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with _run_service(read_port(), read_origins(), output) as started:
            output.show_start(started)
            stop.wait()
            output.show_end()
    except (SourcesError, UnusableSetting) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@contextmanager
def _run_service(
    number: int, origins: Sequence[str], output: ServiceOutput
) -> Iterator[StartedService]:
    """Run the service during a `with` block. Raises `UnusableSetting`.

    `origins`: of the developer's own pages, which may call whatever `sources.toml` allows.
    """
    sources = lambda_runtime.load_sources(topology.SOURCES)
    state = KeptState(read_state_folder(number))
    is_fresh = os.environ.get("FRESH", "0") not in ("", "0")
    chosen = _choose_keys({} if is_fresh else state.read_keys())
    keys = _project_keys(chosen[_SERVER_KEY], sources.projects)
    signing = _project_keys(chosen[_SIGNING_KEY], sources.signing_projects)
    with lambda_runtime.run_deployment(topology.SOURCES, keys, signing) as deployment:
        app = _create_app(number, deployment, origins, next(iter(keys.values())))
        server = _create_server(number, app, output)
        # Not before the port is taken: until then the state may be of a service that still runs.
        if is_fresh:
            state.forget()
        state.keep_keys(chosen)
        restore_state(state, deployment)
        erasures = _poll_erasures(deployment, deployment.erasures)
        visitors = _poll_erasures(deployment, deployment.visitor_erasures)
        streams = StreamPollers(
            deployment.tables.values(), lambda e: deployment.invoke("associate", e)
        )
        with (
            erasures.running(),
            visitors.running(),
            streams.running(),
            state.running(),
            server.running(),
            _leave_key(number, keys),
        ):
            first_source = next(iter(deployment.sources.sources.values()))
            yield StartedService(
                f"http://{HOST}:{number}{read_prefix()}",
                state.folder,
                deployment.sources,
                keys,
                signing,
                list(_allowed_origins(number, first_source, origins)),
                _port_variable(number),
            )
            # Calls first, because they write the stream records that are delivered then.
            server.finish(_GRACE)
            delivered = streams.drain(_GRACE)
            if not delivered:
                print("streams: some records were not delivered", file=sys.stderr)
            state.save(delivered=delivered)


def _poll_erasures(deployment: Deployment, url: str) -> QueuePoller:
    """Make what delivers the messages of a queue of erasures."""
    return QueuePoller(url, lambda e: deployment.invoke("erase", e))


def restore_state(state: KeptState, deployment: Deployment) -> None:
    """Fill the tables of a deployment, and have the erasures go on that were not done."""
    queue = ErasureQueue(deployment.erasures)
    for project_id, id_ in state.restore():
        queue.send(project_id, id_)


def _create_app(
    number: int, deployment: Deployment, origins: Sequence[str], server_key: str
) -> HttpApp:
    """Put the demo shop and the hints for developers in front of the API."""
    own = own_origins(number)
    gateway = Gateway(
        routes.ROUTES, deployment.invoke, [*own, *origins], routes.DEFAULT
    )
    command = f"{_port_variable(number)}make run"
    hints = Hints(gateway, deployment.sources, command)
    prefix = read_prefix()
    url = f"{own[0]}{prefix}"
    page = LandingPage(hints, url, deployment.sources, command)
    app: HttpApp = DemoShop(page, url, deployment.sources)
    if prefix:
        app = PathPrefix(app, prefix)
    if os.environ.get(reset.VARIABLE) == "1":
        app = reset.ResetCall(app, server_key)
    return app


def _create_server(number: int, app: HttpApp, output: ServiceOutput) -> HttpServer:
    """Create the server. Raises `UnusableSetting` where the port cannot be taken."""
    try:
        return HttpServer((HOST, number), app, output.show_call)
    except OSError as error:
        reason = _PORT_ERRORS.get(error.errno or 0)
        if reason is None:
            raise
        raise UnusableSetting(
            f"port {number} {reason}: choose another one, PORT={PORT + 1} make run"
        ) from error


def _choose_keys(kept: Mapping[str, str]) -> dict[str, str]:
    """Choose the keys of this run: from the environment, those of the previous run, or random."""
    chosen: dict[str, str] = {}
    for variable in (_SERVER_KEY, _SIGNING_KEY):
        given = os.environ.get(variable) or kept.get(variable)
        chosen[variable] = given or secrets.token_urlsafe(24)
    return chosen


def _project_keys(key: str, projects: Iterable[str]) -> dict[str, str]:
    """One key a project: the first one has the key itself, the others append their name."""
    keys: dict[str, str] = {}
    for project in projects:
        keys[project] = f"{key}-{project}" if keys else key
    return keys


@contextmanager
def _leave_key(number: int, keys: Mapping[str, str]) -> Iterator[None]:
    """Keep the first project's key in a file, for this user only, during a `with` block."""
    path = server_key_file(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    # A new file: an old one could be another user's, or a link that leads elsewhere.
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(next(iter(keys.values())))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _port_variable(number: int) -> str:
    """The variable that a command of `make` needs, so that it finds this service."""
    return "" if number == PORT else f"PORT={number} "


def _allowed_origins(
    number: int, source: Source, origins: Sequence[str]
) -> Iterator[str]:
    """The origins of pages that may call, none of which belongs to another port's service."""
    yield from own_origins(number)
    yield from origins
    for origin in source.origins:
        if origin not in (*own_origins(PORT), *own_origins(number), *origins):
            yield origin
