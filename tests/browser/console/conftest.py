"""The console in a real browser, with a local service to which the tests send calls as a shop does."""

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
    """A client of the service. Fails at the end if the service has logged a traceback."""
    with running(tmp_path_factory.mktemp("console") / "log.txt") as service:
        yield service.client
        service.end()
        service.assert_no_failure()


@pytest.fixture
def url(shop: Client) -> str:
    """The console's URL."""
    return f"http://127.0.0.1:{shop.port}/console"


@pytest.fixture
def console(page: Page, url: str) -> Iterator[Page]:
    """The console, signed in. Fails at the end if it has violated its Content Security Policy."""
    violations: list[str] = []
    page.on(
        "console",
        lambda message: (
            violations.append(message.text)
            if "Security Policy" in message.text
            else None
        ),
    )
    page.goto(url)
    page.get_by_label("Server key").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Live").wait_for()
    yield page
    assert violations == []


@pytest.fixture(scope="session")
def checks() -> Path:
    """The folder with axe and TypeScript."""
    try:
        return npm.installed(wanted=Path(__file__).parent)
    except Unavailable as error:
        pytest.skip(str(error))
