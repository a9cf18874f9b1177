"""The command `hardlink`: its help, the names of its options, and its exit codes."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest

from infra import topology
from infra.command import main as command_main
from infra.command.main import cli, main
from infra.operations.errors import OperationFailed
from tests.support import documents
from tests.support.command_help import SNAPSHOT, format_help, list_commands

COMMANDS = {context.command_path: command for context, command in list_commands()}
LEAVES = {
    path: command
    for path, command in COMMANDS.items()
    if not isinstance(command, click.Group)
}
ONE_MEANING = {"stage", "region", "endpoint", "name", "url", "key", "as_json"}


def test_the_help_is_the_one_that_is_kept() -> None:
    """If it is meant to change: `python -m tests.support.command_help`."""
    assert format_help() == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_and_option_says_what_it_does(path: str) -> None:
    command = LEAVES[path]
    assert command.help
    assert command.help.strip().splitlines()[0].endswith((".", ":"))
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts


def test_an_option_of_one_name_means_the_same_everywhere() -> None:
    meanings: dict[str, set[tuple[str, ...]]] = {}
    for command in LEAVES.values():
        for parameter in command.params:
            is_option = isinstance(parameter, click.Option)
            if is_option and parameter.name in ONE_MEANING:
                meanings.setdefault(parameter.name, set()).add(tuple(parameter.opts))
    assert meanings.keys() == ONE_MEANING
    assert {name for name, opts in meanings.items() if len(opts) > 1} == set()


def test_every_command_is_in_the_table_of_commands() -> None:
    (rows,) = documents.find_tables("| command | what it does |")
    named = {
        found for row in rows for found in re.findall(r"`(hardlink [a-z-]+)", row[0])
    }
    top = {f"hardlink {name}" for name in cli.commands}
    assert named == top


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["customer", "--help"], 0),
        ([], 2),
        (["no-such-command"], 2),
        (["customer", "show"], 2),
        (["doctor", "--stage", "no-such-stage"], 2),
    ],
)
def test_exit_codes(
    arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    capsys.readouterr()


def test_a_failure_is_told_on_stderr_and_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def fail() -> None:
        raise OperationFailed("do this instead")

    monkeypatch.setitem(command_main.cli.commands, "fail", fail)
    assert main(["fail"]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "do this instead\n")


def test_it_is_a_module_too() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "infra", "--help"],
        cwd=topology.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "hardlink [OPTIONS] COMMAND" in ran.stdout
