"""Which tests stay together on one worker, and which files start first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from infra import topology
from tests.support.engines import locks
from tests.support.engines.locks import install_lock
from tests.support.parallel import unit_of


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        pytest.param("tests/http/test_a.py::test_x[1]", "tests/http/test_a.py", id="a file"),
        pytest.param("tests/emulator/test_a.py::test_x", "tests/emulator/", id="one stack for all"),
        pytest.param("tests/properties/histories/test_a.py::test_x", None, id="long tests, alone"),
    ],
)
def test_a_test_belongs_to_a_unit_of_work(nodeid: str, unit: str | None) -> None:
    assert unit_of(nodeid) == unit


def test_the_folders_that_take_longest_start_first() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    files = ["tests/unit/test_parallel.py", "tests/http/test_gateway.py"]
    listed = subprocess.run(
        [*command, *files], cwd=topology.ROOT, capture_output=True, text=True, check=True
    )
    tests = [line for line in listed.stdout.splitlines() if "::" in line]
    assert tests[0].startswith("tests/http/")
    assert tests[-1].startswith("tests/unit/")


def test_two_processes_do_not_install_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_LONGEST", 0.1)
    with install_lock(tmp_path, "engine"), pytest.raises(Timeout):
        install_lock(tmp_path, "engine").acquire()
    with install_lock(tmp_path, "engine"):
        assert (tmp_path / "engine.lock").exists()
