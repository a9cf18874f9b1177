"""The command `hardlink`, run in this process against the service of the tests."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from infra.command.main import main
from tests.http.service import Client


class Ran(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Runs the command. `client`: of the service that it is to call."""

    def __init__(self, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
        self.client = client
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        """Run it as it is."""
        self._capsys.readouterr()
        code = main(arguments)
        printed = self._capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    def on_service(self, *arguments: str) -> Ran:
        """Run it with the URL and the key of the service."""
        url = f"http://127.0.0.1:{self.client.port}"
        return self(*arguments, "--url", url, "--key", self.client.key)
