"""The engines: moto for each file of tests, DynamoDB Local for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engines import tables
from tests.support.engines.tables import Clients


@pytest.fixture(scope="module")
def moto_clients() -> Iterator[Clients]:
    """Clients of moto, empty at first."""
    with tables.moto() as clients:
        yield clients


@pytest.fixture(scope="session")
def local_clients(dynamodb_local_endpoint: str) -> Iterator[Clients]:
    """Clients of DynamoDB Local."""
    with tables.dynamodb_local(dynamodb_local_endpoint) as clients:
        yield clients
