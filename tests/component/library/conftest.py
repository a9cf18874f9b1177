"""The store's engines: the same tests on memory, on moto and on DynamoDB Local."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hardlink.storage.store import Store
from tests.support.engines import tables
from tests.support.engines.tables import LOCAL, MOTO, Clients, Engine
from tests.support.memory_store import MemoryStore
from tests.support.world import World


@pytest.fixture(scope="session")
def _local(dynamodb_local_endpoint: str) -> Iterator[Clients]:
    with tables.dynamodb_local(dynamodb_local_endpoint) as clients:
        yield clients


@pytest.fixture(scope="module")
def _moto() -> Iterator[Clients]:
    with tables.moto() as clients:
        yield clients


@pytest.fixture
def local(_local: Clients) -> Iterator[Engine]:
    """Tables on DynamoDB Local, for what only the real engine shows."""
    with tables.new(_local) as engine:
        yield engine


@pytest.fixture
def moto(_moto: Clients) -> Iterator[Engine]:
    """Tables on moto."""
    with tables.new(_moto) as engine:
        yield engine


@pytest.fixture(params=(MOTO, LOCAL))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Tables on either engine."""
    return _on(request, request.param)


@pytest.fixture
def world(engine: Engine) -> World:
    """A whole Hardlink on either engine."""
    return engine.world()


@pytest.fixture(params=("memory", MOTO, LOCAL))
def store(request: pytest.FixtureRequest) -> Store:
    """Every store that keeps the contract."""
    return MemoryStore() if request.param == "memory" else _on(request, request.param).store


def _on(request: pytest.FixtureRequest, kind: str) -> Engine:
    engine: Engine = request.getfixturevalue("local" if kind == LOCAL else "moto")
    return engine
