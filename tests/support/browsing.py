"""A browser for every test that wants one: one Chromium a run, one visitor a test, and a site of the shop's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.engines import Unavailable, chromium
from tests.support.engines import site as sites
from tests.support.engines.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The shop's own site: another origin than the service's, which has to allow it."""
    with sites.running() as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: one for the run, as Playwright can't be started twice at a time."""
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
