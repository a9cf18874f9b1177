"""The help of every command of `hardlink`, as one text: `python -m tests.support.command_help`.

It is kept in `tests/unit/command-help.txt`, so that a change of an option or a sentence is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from infra.command.main import cli

SNAPSHOT = Path(__file__).parents[1] / "unit" / "command-help.txt"
_WIDTH = 80


def list_commands(
    command: click.Command = cli, parent: click.Context | None = None
) -> Iterator[tuple[click.Context, click.Command]]:
    """Yield a command and all commands below it, each with its context."""
    name = "hardlink" if parent is None else command.name
    context = click.Context(
        command, parent=parent, info_name=name, terminal_width=_WIDTH
    )
    yield context, command
    if isinstance(command, click.Group):
        for below in sorted(command.commands.values(), key=lambda c: c.name or ""):
            yield from list_commands(below, context)


def format_help() -> str:
    """Format the help of every command."""
    texts = [context.get_help() for context, _ in list_commands()]
    return "\n\n".join(texts) + "\n"


if __name__ == "__main__":
    SNAPSHOT.write_text(format_help(), encoding="utf-8")
