"""One local service for all client tests, the npm clients, and a browser: each installed when it is needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients import npm
from tests.engines import Unavailable, chromium
from tests.engines import site as sites
from tests.engines.site import Site
from tests.http.service import Client, allowing, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The shop's own site, whose origin the service's source `web` allows."""
    with sites.running() as found:
        yield found


@pytest.fixture(scope="session")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the service. At its end the service prints no traceback."""
    folder = tmp_path_factory.mktemp("service")
    sources = allowing(site.origin, folder)
    with running(folder / "log.txt", HARDLINK_SOURCES=str(sources)) as service:
        yield service.client
        service.end()
        assert "Traceback" not in service.log.read_text()


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder in which the npm clients are installed."""
    try:
        return npm.installed()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    try:
        with chromium.running() as found:
            yield found
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a visitor who was never here. Its scripts raise nothing."""
    with browser.new_context() as context:
        found = context.new_page()
        raised: list[str] = []
        found.on("pageerror", lambda error: raised.append(str(error)))
        yield found
        assert raised == []
