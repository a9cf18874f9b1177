"""A shop for the tests of a module: every test uses names of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hardlink import metrics
from hardlink.web import entrypoint
from tests.security.shop import Shop, opened


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with opened() as found:
        yield found


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """How often something was counted; nothing of it goes to the log meanwhile."""
    monkeypatch.setattr(entrypoint, "flush_metrics", lambda: None)
    metrics.take_metrics()
    return lambda name: dict(metrics.take_metrics().counts).get(name, 0)  # type: ignore[call-overload]
