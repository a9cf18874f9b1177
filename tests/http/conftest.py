"""One local service for all HTTP tests: every test uses names of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.service import Client, running


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of the service. At its end the service prints no traceback, and ends with 0."""
    with running(tmp_path_factory.mktemp("service") / "log.txt") as service:
        yield service.client
        assert service.end() == 0
        service.assert_no_failure()
