"""A shop whose pages load the SDK with the snippet, its local service, and the devices of its visitors."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.sdk import build
from tests.browser.sdk.shop import Shop
from tests.http.service import allowing, running
from tests.support.engines import Unavailable, tools
from tests.support.engines.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder in which the SDK's build tools are installed."""
    try:
        return build.packages()
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def sdk_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project in which the SDK's npm package is installed."""
    folder = tmp_path_factory.mktemp("project")
    try:
        archive = tools.pack(str(build.SDK), tmp_path_factory.mktemp("packed"))
    except Unavailable as error:
        pytest.skip(str(error))
    modules = folder / "node_modules"
    modules.mkdir()
    with tarfile.open(archive) as packed:
        packed.extractall(modules, filter="data")
    (modules / "package").rename(modules / "hardlink-sdk")
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


@pytest.fixture(scope="session")
def shop(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop and its service. Fails at the end if the service has logged a traceback."""
    folder = tmp_path_factory.mktemp("service")
    sources = allowing(site.origin, folder)
    with running(folder / "log.txt", HARDLINK_SOURCES=str(sources)) as service:
        yield Shop(site, service.client)
        service.end()
        service.assert_no_failure()


@pytest.fixture
def device(browser: Browser) -> Iterator[BrowserContext]:
    """The browser of a new visitor. Fails at the end if a page has raised an error."""
    with browser.new_context() as context:
        raised: list[str] = []
        context.on("weberror", lambda error: raised.append(str(error.error)))
        yield context
        assert raised == []
