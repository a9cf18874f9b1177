"""The browser is looked for on the machine first; without one, the error says what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.support.engines import Unavailable, chromium
from tests.support.engines.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page


class Launcher:
    """Playwright's part: it starts any browser but those that are broken."""

    def __init__(self, own: Path, *broken: Path) -> None:
        self.executable_path = str(own)
        self._broken = {str(path) for path in broken}

    def launch(self, executable_path: str, **_: Any) -> str:
        if executable_path in self._broken:
            raise OSError("a library is missing")
        return executable_path


class Machine:
    """A machine without browsers, on which nothing can be installed. `ran`: what was tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ran: list[list[str]] = []

    def has(self, name: str) -> Path:
        path = self.folder / name
        path.touch(mode=0o755)
        return path

    def run(self, command: list[str]) -> None:
        self.ran.append(command)
        raise Unavailable(f"{command[0]} failed")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "_ran", found.run)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return found


def launched(own: Path, *broken: Path) -> str:
    return str(chromium._launched(cast("Any", Launcher(own, *broken))))


def test_the_machines_own_comes_first(machine: Machine) -> None:
    machine.has("google-chrome")
    own = machine.has("chromium")
    assert launched(machine.has("playwrights")) == str(own)
    assert machine.ran == []


def test_one_that_does_not_start_is_passed_over(machine: Machine) -> None:
    broken, playwrights = machine.has("chromium"), machine.has("playwrights")
    assert launched(playwrights, broken) == str(playwrights)
    assert machine.ran == []


def test_what_can_be_fetched_is_tried_and_what_to_do_is_told(machine: Machine) -> None:
    machine.has("apt-get")
    with pytest.raises(Unavailable, match="playwright install --with-deps chromium"):
        launched(machine.folder / "nowhere")
    assert [command[-2:] for command in machine.ran] == [
        ["install", "chromium"],
        ["update", "-qq"],
    ]


def test_only_root_installs(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has("apt-get")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Unavailable, match="apt-get can't be used"):
        launched(machine.folder / "nowhere")
    assert len(machine.ran) == 1


def test_a_page_of_a_site_runs_its_script_and_no_page_leaves_this_machine(
    site: Site, page: Page
) -> None:
    page.goto(site.page("greeting", "window.greeting = `from ${location.origin}`"))
    assert page.evaluate("greeting") == f"from {site.origin}"
    asked = "fetch('http://shop.example/').catch(error => String(error))"
    assert "Failed to fetch" in page.evaluate(asked)
    assert page.evaluate("fetch('/nothing').then(answer => answer.status)") == 404
