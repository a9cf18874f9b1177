"""Spread the tests over the cores: a file of tests stays on one worker, and long files start first.

With `pytest -n` each worker is a process with fixtures of its own. A file is one unit of work, as its module fixtures
(tables, a shop) are made once for it. The emulator's tests share one deployed stack, so they are one unit together.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

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


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark every test with its unit of work, and put the folders that take longest first."""
    if not config.pluginmanager.has_plugin("xdist"):
        return
    for item in items:
        unit = unit_of(item.nodeid)
        if unit is not None:
            item.add_marker(pytest.mark.xdist_group(unit))
    items.sort(key=lambda item: _position(item.nodeid, _FIRST))


def unit_of(nodeid: str) -> str | None:
    """Name the unit of work of a test; `None` is a unit of its own."""
    file = nodeid.partition("::")[0]
    if any(file.startswith(folder) for folder in _ONE_BY_ONE):
        return None
    shared = (folder for folder in _ONE_UNIT if file.startswith(folder))
    return next(shared, file)


def _position(nodeid: str, folders: Sequence[str]) -> int:
    matches = (number for number, folder in enumerate(folders) if nodeid.startswith(folder))
    return next(matches, len(folders))
