"""What a walk prints: curl commands and answers for people, or with `--json` lines of JSON."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol

Json = Any


class WalkedCall(NamedTuple):
    """A call of a walk. `reads`: it is sent with the server key."""

    method: str
    url: str
    path: str
    body: Json
    reads: bool

    @property
    def text(self) -> str | None:
        """The body as JSON, where there is one."""
        return None if self.body is None else json.dumps(self.body)

    @property
    def command(self) -> str:
        """The call as a command to type."""
        is_bare = self.method != "GET" and self.body is None
        parts = [f"$ curl -X {self.method}" if is_bare else "$ curl"]
        parts.append(f"'{self.url}{self.path}'")
        if self.reads:
            parts.append('-H "Authorization: Bearer $KEY"')
        if self.text:
            parts += ["-H 'Content-Type: application/json'", f"-d '{self.text}'"]
        return " ".join(parts)


class WalkOutput(Protocol):
    """Tells whoever walks what is sent and answered."""

    def show_start(self, key: str) -> None:
        """Show the server key that the walk uses."""

    def show_step(self, number: int, title: str) -> None:
        """Show that a step begins."""

    def show_call(self, call: WalkedCall) -> None:
        """Show a call before it is sent."""

    def show_answer(self, status: int, answer: Json) -> None:
        """Show an answer. Of a call that is repeated, the last one."""

    def show_wait(self, milliseconds: int) -> None:
        """Show how long it took until an answer was as it should be."""

    def show_end(self) -> None:
        """Show that every answer was as it should be."""


class TextOutput:
    """Curl commands to copy, and answers."""

    def show_start(self, key: str) -> None:
        """Print the key as the variable that the commands have."""
        note = "the server key, which reads and undoes: keep it on your servers"
        print(f"KEY={key}  # {note}")

    def show_step(self, number: int, title: str) -> None:
        """Print a heading."""
        print(f"\n{number}. {title}\n")

    def show_call(self, call: WalkedCall) -> None:
        """Print the command."""
        print(call.command, flush=True)

    def show_answer(self, status: int, answer: Json) -> None:
        """Print an answer; of a page of events only time, type and session."""
        del status
        if "events" not in answer:
            print(f"  {json.dumps(answer)}")
            return
        for event in answer["events"]:
            print(f"  {event['time']}  {event['type']:<18} {event['session']}")
        print(f"  {len(answer['events'])} events")

    def show_wait(self, milliseconds: int) -> None:
        """Print the time."""
        print(f"  as it should be, after {milliseconds} ms")

    def show_end(self) -> None:
        """Print a sentence."""
        print("\nThat was a visitor's life. Everything was as it should be.")


class JsonOutput:
    """A line of JSON for each call, without any key."""

    def __init__(self) -> None:
        self._step = 0
        self._call: Json = {}

    def show_start(self, key: str) -> None:
        """Print nothing: a key is no result."""

    def show_step(self, number: int, title: str) -> None:
        """Remember the step for its calls."""
        del title
        self._step = number

    def show_call(self, call: WalkedCall) -> None:
        """Remember the call for its answer."""
        self._call = {"method": call.method, "path": call.path, "body": call.body}

    def show_answer(self, status: int, answer: Json) -> None:
        """Print step, call, status and answer."""
        line = {"step": self._step, **self._call, "status": status, "answer": answer}
        print(json.dumps(line, ensure_ascii=False))

    def show_wait(self, milliseconds: int) -> None:
        """Print nothing: the answer has been printed."""

    def show_end(self) -> None:
        """Print nothing: the exit code says it."""
