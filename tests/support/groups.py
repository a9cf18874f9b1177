"""Report every group of tests (a folder of `tests/`) that could not run; in CI that is a failure.

A test that cannot run calls `pytest.skip(reason)`, or one of its fixtures does.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Mapping

import pytest

_KEY = pytest.StashKey["_Groups"]()
_ALONE = "tests"
"""The group of tests outside any folder."""


class _Groups:
    """Counts the tests that ran, and those that were skipped, by group."""

    def __init__(self) -> None:
        self.ran: Counter[str] = Counter()
        self.skipped: dict[tuple[str, str], int] = defaultdict(int)

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            self.skipped[_group(report.nodeid), _reason(report)] += 1
        elif report.when == "call":
            self.ran[_group(report.nodeid)] += 1

    @pytest.hookimpl
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.skipped[_group(report.nodeid), _reason(report)] += 1


def in_ci(environment: Mapping[str, str]) -> bool:
    """Check whether a group that cannot run is a failure."""
    return environment.get("CI", "").lower() not in ("", "0", "false")


def pytest_configure(config: pytest.Config) -> None:
    groups = _Groups()
    config.stash[_KEY] = groups
    config.pluginmanager.register(groups, "groups")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    skipped = session.config.stash[_KEY].skipped
    if skipped and in_ci(os.environ) and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    groups = terminalreporter.config.stash[_KEY]
    ran = ", ".join(f"{name} ({count})" for name, count in sorted(groups.ran.items()))
    terminalreporter.section("groups")
    terminalreporter.line(f"groups run: {ran or 'none'}")
    if not groups.skipped:
        terminalreporter.line("groups not run: none")
        return
    terminalreporter.line("groups not run:", red=True)
    for (name, reason), count in sorted(groups.skipped.items()):
        terminalreporter.line(f"  {name} ({count} of its tests): {reason}", red=True)
    if in_ci(os.environ):
        terminalreporter.line("CI is set: that is a failure", red=True)


def _group(nodeid: str) -> str:
    parts = nodeid.split("::", maxsplit=1)[0].split("/")
    below = parts[parts.index("tests") + 1 :] if "tests" in parts else parts
    return below[0] if len(below) > 1 else _ALONE


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    reason = (
        report.longrepr[2]
        if isinstance(report.longrepr, tuple)
        else report.longreprtext
    )
    return " ".join(reason.removeprefix("Skipped: ").split())
