"""The way commands print: text for people, JSON for programs, progress on a terminal alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

Json = Any


class Advance(Protocol):
    """Tells a progress bar how far the work is, in the unit of its total."""

    def __call__(self, done: float) -> None:
        """Show that this much is done."""


def print_json(value: Json) -> None:
    """Print a value as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_fields(fields: Mapping[str, object]) -> None:
    """Print names and values, one pair a line, the values below each other."""
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name.ljust(width)}  {format_value(value)}")


def format_value(value: object) -> str:
    """Format a value on one line: text as it is, anything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


@contextmanager
def show_progress(what: str, total: float | None) -> Iterator[Advance]:
    """Show a progress bar during a `with` block. `total`: `None` where it is not known."""
    # On stderr, so that what is printed can be piped; nothing at all if that is no terminal.
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, console=console, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(what, total=total)

        def advance(done: float) -> None:
            progress.update(task, completed=done)

        yield advance
