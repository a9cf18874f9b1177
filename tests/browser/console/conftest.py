"""The console in a real browser, on a service of its own; what comes in there is sent over HTTP as a shop sends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients import npm
from tests.http.service import KEY, Client, running
from tests.support.engines import Unavailable

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the service. At its end the service prints no traceback."""
    with running(tmp_path_factory.mktemp("console") / "log.txt") as service:
        yield service.client
        service.end()
        assert "Traceback" not in service.log.read_text()


@pytest.fixture
def url(shop: Client) -> str:
    """The console's address."""
    return f"http://127.0.0.1:{shop.port}/console"


@pytest.fixture
def console(page: Page, url: str) -> Iterator[Page]:
    """The console after the key was typed in; nothing that it does is against its own policy."""
    against: list[str] = []
    page.on(
        "console",
        lambda said: against.append(said.text) if "Security Policy" in said.text else None,
    )
    page.goto(url)
    page.get_by_label("Server key").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Live").wait_for()
    yield page
    assert against == []


@pytest.fixture(scope="session")
def checks() -> Path:
    """The folder in which axe and TypeScript are installed."""
    try:
        return npm.installed(wanted=Path(__file__).parent)
    except Unavailable as error:
        pytest.skip(str(error))
