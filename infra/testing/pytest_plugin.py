"""Fixtures for a shop's own tests: `pytest_plugins = ["infra.testing.pytest_plugin"]`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from infra.testing.local_hardlink import LocalHardlink, run_local_hardlink


@pytest.fixture(scope="session")
def hardlink_origins() -> Sequence[str]:
    """Origins of the shop's pages. Override it in your `conftest.py`."""
    return ()


@pytest.fixture(scope="session")
def hardlink_service(hardlink_origins: Sequence[str]) -> Iterator[LocalHardlink]:
    """One service for all tests, because its start takes seconds."""
    with run_local_hardlink(hardlink_origins) as local:
        yield local


@pytest.fixture
def hardlink(hardlink_service: LocalHardlink) -> LocalHardlink:
    """The service, empty at the begin of each test."""
    hardlink_service.reset()
    return hardlink_service
