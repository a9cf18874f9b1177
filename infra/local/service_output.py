"""What the local service prints: text for people, or with `hardlink run --json` lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any, Protocol

from infra.local.http_server import ServedCall, print_call
from infra.local.lambda_runtime import Sources
from infra.snippet import render_debug_snippet

Json = Any


@dataclass(frozen=True, slots=True)
class StartedService:
    """A service that has started: where it is, its keys, and the pages that may call it.

    `keys`, `signing`: server keys and signing keys by project, the first project first.
    `command_prefix`: variables that `make` needs to find it, such as `PORT=9000 `.
    """

    url: str
    state: Path
    sources: Sources
    keys: Mapping[str, str]
    signing: Mapping[str, str]
    origins: Sequence[str]
    command_prefix: str


class ServiceOutput(Protocol):
    """Tells whoever started the service what happens."""

    def show_start(self, started: StartedService) -> None:
        """Show that it answers, and how it is used."""

    def show_call(self, call: ServedCall) -> None:
        """Show a call and its answer."""

    def show_end(self) -> None:
        """Show that it finishes the calls in flight."""


class TextOutput:
    """Sentences, keys and examples for a terminal."""

    def show_start(self, started: StartedService) -> None:
        """Print a welcome."""
        print(_format_welcome(started), flush=True)

    def show_call(self, call: ServedCall) -> None:
        """Print a line, with a hint below it where there is one."""
        print_call(call)

    def show_end(self) -> None:
        """Print a sentence."""
        print("\nHardlink finishes the calls in flight, and ends.", flush=True)


class JsonOutput:
    """A line of JSON for the start, and one for each call."""

    def show_start(self, started: StartedService) -> None:
        """Print URL, keys, origins and the folder of the state."""
        write_keys = [source.write_key for source in started.sources.sources.values()]
        document = {
            "url": started.url,
            "write_keys": write_keys,
            "server_keys": dict(started.keys),
            "signing_keys": dict(started.signing),
            "origins": list(started.origins),
            "state": str(started.state),
        }
        _print_json({"started": document})

    def show_call(self, call: ServedCall) -> None:
        """Print method, path, status, duration and hint."""
        _print_json({"call": call._asdict()})

    def show_end(self) -> None:
        """Print nothing: the program ends."""


def _print_json(value: Json) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)


def _format_welcome(started: StartedService) -> str:
    url, prefix = started.url, started.command_prefix
    name, source = next(iter(started.sources.sources.items()))
    key = started.keys[source.project]
    lines = [
        f"Hardlink listens on {url}, and keeps what it is told for the next run",
        f"({prefix}FRESH=1 make run forgets it: {started.state})",
        "",
        f"  a shop       {url}/demo     look around, put something in the basket, log in",
        f"  the console  {url}/console  see how the anonymous part joined the customer",
        f"  server key   {key}  the console asks for it",
        "",
        *_list_keys(started),
        "",
        *_list_commands(started, source.write_key, key),
        f"or in a page of your own, for source {name!r}:",
        indent(render_debug_snippet(url, source.write_key), "  "),
        "",
        f"pages that may call: {', '.join(started.origins)}",
        f"one more: {prefix}make run ORIGIN=http://localhost:5173",
        "",
        "Ctrl-C ends it.",
    ]
    return "\n".join(lines)


def _list_keys(started: StartedService) -> Iterator[str]:
    yield "write keys (source.id), public:"
    for source in started.sources.sources.values():
        policy = source.policy or "as its client has it"
        yield f"  {source.write_key:<14} project {source.project}, a second login: {policy}"
    yield "server keys (Authorization: Bearer <key>), secret:"
    for project, key in started.keys.items():
        yield f"  {key}  reads project {project}"
    if started.signing:
        yield "signing keys (HS256, for a token), secret:"
    for project, key in started.signing.items():
        yield f"  {key}  signs identities of project {project}"


def _list_commands(
    started: StartedService, write_key: str, server_key: str
) -> list[str]:
    url = started.url
    body = {
        "source": {"id": write_key},
        "session": {"id": "visit-1"},
        "events": [{"type": "page-view"}],
    }
    event = json.dumps(body, separators=(",", ":"))
    return [
        "try, in another terminal:",
        f"  {started.command_prefix}make walk",
        f"  curl {url}/track -d '{event}'",
        f"  curl '{url}/sessions/events?id=visit-1' -H 'Authorization: Bearer {server_key}'",
    ]
