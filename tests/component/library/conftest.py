"""The store's engines: the same tests on memory, on moto and on DynamoDB Local."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hardlink.storage.store import Store
from tests.support.engines import tables
from tests.support.engines.tables import (
    EVERYWHERE,
    LOCAL,
    MEMORY,
    MOTO,
    Clients,
    Engine,
)
from tests.support.memory_store import MemoryStore
from tests.support.world import World, in_memory


@pytest.fixture
def local(local_clients: Clients) -> Iterator[Engine]:
    """Tables on DynamoDB Local, for what only the real engine shows."""
    with tables.new(local_clients) as engine:
        yield engine


@pytest.fixture
def moto(moto_clients: Clients) -> Iterator[Engine]:
    """Tables on moto."""
    with tables.new(moto_clients) as engine:
        yield engine


@pytest.fixture(params=(MOTO, LOCAL))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Tables on either engine."""
    return _on(request, request.param)


@pytest.fixture(params=EVERYWHERE)
def world(request: pytest.FixtureRequest) -> World:
    """A whole Hardlink in memory, and on either engine."""
    return (
        in_memory() if request.param == MEMORY else _on(request, request.param).world()
    )


@pytest.fixture(params=EVERYWHERE)
def store(request: pytest.FixtureRequest) -> Store:
    """Every store that keeps the contract."""
    return (
        MemoryStore() if request.param == MEMORY else _on(request, request.param).store
    )


def _on(request: pytest.FixtureRequest, kind: str) -> Engine:
    engine: Engine = request.getfixturevalue("local" if kind == LOCAL else "moto")
    return engine
