"""Every command line of the migration guides does what the guide says, with its own rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import topology
from tests.http.command import Command
from tests.http.service import Client, fresh

GUIDES = sorted((topology.FUNCTIONS / "dialects").glob("*/MIGRATE.md"))
EVENTS = {
    "exponea": ("view_item", "purchase"),
    "attraqt_xo": ("view", "purchase"),
    # the order's customer was known when the tracking user joined them
    "hello_retail": ("conversion", "pageview", "merge", "click"),
    "tracardi": ("page-view", "sign-in"),
    "segment": ("Product Viewed", "Order Completed"),
}
_FILE = re.compile(r"`([\w.]+)`:\n\n```\w+\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"^    hardlink (.*)$", re.MULTILINE)
_OWN_IDS = re.compile(
    r"\b(gordon|4c5e537a|f49c75a2|0d9a3a4e|31c25ca1|b7c1a2f\d|5f1c1d1e|m-\d|100\d)\b"
)


@pytest.fixture
def hardlink(shop: Client, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(shop, capsys)


def write_files(guide: Path, folder: Path, suffix: str) -> None:
    """Write the guide's files, with IDs that no other test has."""
    files = _FILE.findall(guide.read_text(encoding="utf-8"))
    assert files
    for name, text in files:
        own = _OWN_IDS.sub(lambda found: f"{found[0]}-{suffix}", text)
        (folder / name).write_text(own, encoding="utf-8")


def find_commands(guide: Path) -> Iterator[list[str]]:
    for line in _COMMAND.findall(guide.read_text(encoding="utf-8")):
        yield line.replace("<write key>", "split-key").split()


def test_every_system_has_a_guide() -> None:
    assert {guide.parent.name for guide in GUIDES} == EVENTS.keys()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.parent.name)
def test_a_guide_does_what_it_says(
    guide: Path,
    hardlink: Command,
    shop: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    suffix = fresh("x")
    write_files(guide, tmp_path, suffix)
    commands = list(find_commands(guide))
    used = {word for command in commands for word in command}
    assert used >= {path.name for path in tmp_path.iterdir()}
    for _ in range(2):  # an import may be repeated
        for command in commands:
            ran = hardlink.on_service(*command)
            assert ran.code == 0, (command, ran)
        wanted = EVENTS[guide.parent.name]
        name = f"gordon-{suffix}"
        shop.settles("registered", name, *wanted)
    ran = hardlink.on_service("customer", "show", f"registered={name}")
    assert ran.code == 0
