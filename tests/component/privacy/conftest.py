"""A whole Hardlink in memory, on moto and on Amazon's own engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engines import tables
from tests.support.engines.tables import LOCAL, MOTO, Clients
from tests.support.world import World, in_memory


@pytest.fixture(scope="module")
def _moto() -> Iterator[Clients]:
    with tables.moto() as clients:
        yield clients


@pytest.fixture(scope="session")
def _local(dynamodb_local_endpoint: str) -> Iterator[Clients]:
    with tables.dynamodb_local(dynamodb_local_endpoint) as clients:
        yield clients


@pytest.fixture(params=("memory", MOTO, LOCAL))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Empty."""
    if request.param == "memory":
        yield in_memory()
        return
    clients: Clients = request.getfixturevalue("_moto" if request.param == MOTO else "_local")
    with tables.new(clients) as engine:
        yield engine.world()
