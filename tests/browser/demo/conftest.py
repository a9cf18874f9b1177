"""The demo shop as `make run` serves it, on a free port, and its visitors' devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from infra import topology
from tests.browser.console.conftest import checks
from tests.browser.demo.device import Device, device
from tests.http.service import Client, fresh, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["checks"]


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The service with the repository's sources. Fails at the end if it has logged a traceback."""
    log = tmp_path_factory.mktemp("demo") / "log.txt"
    with running(log, HARDLINK_SOURCES=str(topology.SOURCES)) as service:
        yield service.client
        service.end()
        service.assert_no_failure()


@pytest.fixture
def url(shop: Client) -> str:
    return f"http://127.0.0.1:{shop.port}"


@pytest.fixture
def devices(browser: Browser, url: str) -> Iterator[Callable[[], Device]]:
    """Returns a function that creates devices."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(device(browser, url))


@pytest.fixture
def phone(devices: Callable[[], Device]) -> Device:
    """A device whose visitor has accepted tracking."""
    phone = devices()
    phone.accept_tracking()
    return phone


@pytest.fixture
def ada() -> str:
    """The e-mail address of a new customer."""
    return f"{fresh('ada')}@example.com"
