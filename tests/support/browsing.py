"""Browser fixtures: one Chromium per run, one visitor per test, and a site of the shop's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.support.engines import Unavailable, chromium
from tests.support.engines import site as sites
from tests.support.engines.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


def wait_for_script(page: Page, condition: str) -> None:
    """Wait until a script's value is true, for 30 seconds.

    Not by Playwright's `wait_for_function`: it evaluates its text in the page, and a strict Content
    Security Policy refuses that wherever the value is not true at once.
    """
    for _ in range(600):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {condition}")


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """The shop's own site, which has another origin than the service."""
    with sites.running() as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for the run, because Playwright cannot be started twice."""
    try:
        with chromium.running() as found:
            yield found
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a new visitor. Its scripts must raise no error."""
    with browser.new_context() as context:
        found = context.new_page()
        raised: list[str] = []
        found.on("pageerror", lambda error: raised.append(str(error)))
        yield found
        assert raised == []
