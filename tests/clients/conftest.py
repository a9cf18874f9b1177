"""One local service for all client tests, and the npm clients, installed when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import npm
from tests.http.service import Client, allowing, running
from tests.support.engines import Unavailable
from tests.support.engines.site import Site


@pytest.fixture(scope="session")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the service, whose sources allow the site. At its end the service prints no traceback."""
    folder = tmp_path_factory.mktemp("service")
    sources = allowing(site.origin, folder)
    with running(folder / "log.txt", HARDLINK_SOURCES=str(sources)) as service:
        yield service.client
        service.end()
        service.assert_no_failure()


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder in which the npm clients are installed."""
    try:
        return npm.installed()
    except Unavailable as error:
        pytest.skip(str(error))
