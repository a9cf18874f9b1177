"""A whole Hardlink in memory, on moto and on Amazon's own engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.engines import tables
from tests.support.engines.tables import EVERYWHERE, MEMORY, MOTO, Clients
from tests.support.world import World, in_memory


@pytest.fixture(params=EVERYWHERE)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Empty."""
    if request.param == MEMORY:
        yield in_memory()
        return
    kind = "moto_clients" if request.param == MOTO else "local_clients"
    clients: Clients = request.getfixturevalue(kind)
    with tables.new(clients) as engine:
        yield engine.world()
