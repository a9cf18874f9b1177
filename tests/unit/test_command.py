"""The command `hardlink`: its help, the names of its options, and its exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from unittest.mock import patch

import click
import pytest
from click.testing import CliRunner

from infra import topology
from infra.command import main as command_main
from infra.command.main import cli, main
from infra.operations.errors import OperationFailed
from infra.operations.service_client import Service
from tests.support import command_json, documents
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


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_prints_json_for_programs(path: str) -> None:
    names = {parameter.name for parameter in LEAVES[path].params}
    assert "as_json" in names


@pytest.fixture(scope="module")
def ran() -> list[command_json.Ran]:
    """Every command, run with `--json`, on answers that are given."""
    return command_json.run_all()


def test_the_json_is_the_one_that_is_kept(ran: list[command_json.Ran]) -> None:
    """If it is meant to change: `python -m tests.support.command_json`."""
    kept = command_json.SNAPSHOT.read_text(encoding="utf-8")
    assert command_json.format_all(ran) == kept


def test_every_line_is_json_and_every_command_is_run(
    ran: list[command_json.Ran],
) -> None:
    for one in ran:
        for line in one.printed.splitlines():
            json.loads(line)
    joined = [" ".join(("hardlink", *one.arguments)) for one in ran]
    missing = [path for path in LEAVES if not any(j.startswith(path) for j in joined)]
    assert missing == []


@pytest.mark.parametrize("is_terminal", [True, False])
def test_colours_are_for_a_terminal_alone(*, is_terminal: bool) -> None:
    entry = {"key": "1", "type": "page-view", "status": "stored"}
    page = {"events": [entry], "cursor": "c", "more": False}
    arguments = ["tail", "--once", "--url", "http://127.0.0.1:1", "--key", "k"]
    with patch.object(Service, "read", lambda *_, **__: page):
        shown = CliRunner().invoke(cli, arguments, color=is_terminal)
    assert ("\x1b[" in shown.output) == is_terminal


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


def test_a_command_that_is_stopped_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def stop() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(command_main.cli.commands, "stop", stop)
    assert main(["stop"]) == 1
    assert "nothing more is done" in capsys.readouterr().err


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
