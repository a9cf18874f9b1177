"""A shop for the tests of a module: every test uses names of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.shop import Shop, opened


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with opened() as found:
        yield found
