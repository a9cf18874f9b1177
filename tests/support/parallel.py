"""Spread the tests over the cores: a file of tests stays on one worker, and long files start first.

With `pytest -n` each worker is a process with fixtures of its own. A file is one unit of work,
because its module fixtures (tables, a shop) are made once for it. The emulator's tests share one
deployed stack, so they are one unit together.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_ONE_UNIT = ("tests/emulator/",)
"""Folders whose tests share something that takes long to start."""
_ONE_BY_ONE = ("tests/properties/",)
"""Folders whose tests each take long, and share nothing."""
_FIRST = (
    "tests/emulator/",
    "tests/properties/",
    "tests/clients/",
    "tests/browser/",
    "tests/http/",
    "tests/deploy/",
    "tests/component/",
)
"""Longest first: whatever starts last keeps the other core waiting for as long as it takes."""


def pytest_xdist_auto_num_workers() -> int | None:
    """Choose the number of workers of `-n auto`, unless the environment chooses it."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return count_workers(os.cpu_count() or 1)


def count_workers(cores: int) -> int:
    """Return three workers for two cores.

    A worker waits a third of its time: for a browser, for a deployed stack, for a stream.
    """
    return cores + cores // 2


class UnitScheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist tells no types
    """Hand a worker one unit of work after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> UnitScheduling:
    """Schedule by these units. The mark `xdist_group` would come too late: xdist reads it first."""
    return UnitScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the folders that take longest first."""
    items.sort(key=lambda item: _position(item.nodeid, _FIRST))


def unit_of(nodeid: str) -> str:
    """Name the unit of work of a test."""
    file = nodeid.partition("::")[0]
    if any(file.startswith(folder) for folder in _ONE_BY_ONE):
        return nodeid
    shared = (folder for folder in _ONE_UNIT if file.startswith(folder))
    return next(shared, file)


def _position(nodeid: str, folders: Sequence[str]) -> int:
    matches = (
        number for number, folder in enumerate(folders) if nodeid.startswith(folder)
    )
    return next(matches, len(folders))
