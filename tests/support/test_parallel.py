"""Which tests stay together on one worker, and which files start first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import Timeout

from infra import topology
from tests.support.engines import locks
from tests.support.engines.locks import install_lock
from tests.support.parallel import count_workers, unit_of

_TESTS_THAT_TELL_THEIR_WORKER = """
import os
import pytest

@pytest.mark.parametrize("number", range(9))
def test_it(number, request):
    with open("told", "a") as told:
        told.write(f"{request.node.nodeid} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        pytest.param(
            "tests/http/test_a.py::test_x[1]", "tests/http/test_a.py", id="a file"
        ),
        pytest.param(
            "tests/emulator/test_a.py::test_x",
            "tests/emulator/",
            id="one stack for all",
        ),
        pytest.param(
            "tests/properties/histories/test_a.py::test_x",
            "tests/properties/histories/test_a.py::test_x",
            id="long tests, alone",
        ),
    ],
)
def test_a_test_belongs_to_a_unit_of_work(nodeid: str, unit: str | None) -> None:
    assert unit_of(nodeid) == unit


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 3), (3, 4), (4, 6)])
def test_workers_that_wait_leave_their_core_to_others(cores: int, workers: int) -> None:
    assert count_workers(cores) == workers


def test_the_folders_that_take_longest_start_first() -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-p",
        "no:cacheprovider",
    ]
    files = ["tests/unit/test_words.py", "tests/http/test_gateway.py"]
    listed = subprocess.run(
        [*command, *files],
        cwd=topology.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    tests = [line for line in listed.stdout.splitlines() if "::" in line]
    assert tests[0].startswith("tests/http/")
    assert tests[-1].startswith("tests/unit/")


def test_a_unit_of_work_stays_on_one_worker(tmp_path: Path) -> None:
    for name in ("emulator/test_a", "emulator/test_b", "http/test_c", "http/test_d"):
        file = tmp_path / f"tests/{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_TESTS_THAT_TELL_THEIR_WORKER)
    _run_on_two_workers(tmp_path)
    workers = {
        (unit_of(nodeid), worker)
        for nodeid, worker in map(
            str.split, (tmp_path / "told").read_text().splitlines()
        )
    }
    assert sorted(unit for unit, _ in workers) == [
        "tests/emulator/",
        "tests/http/test_c.py",
        "tests/http/test_d.py",
    ]
    assert {worker for _, worker in workers} == {"gw0", "gw1"}


def test_two_processes_do_not_install_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_LONGEST", 0.1)
    with install_lock(tmp_path, "engine"), pytest.raises(Timeout):
        install_lock(tmp_path, "engine").acquire()
    with install_lock(tmp_path, "engine"):
        assert (tmp_path / "engine.lock").exists()


def _run_on_two_workers(suite: Path) -> None:
    """Run all tests of a folder on two workers. Raises `CalledProcessError` where one fails."""
    plugins = ["-p", "tests.support.parallel", "-p", "no:cacheprovider"]
    spread = ["-n2", "--no-loadscope-reorder", "--import-mode=importlib"]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            *plugins,
            *spread,
            "--rootdir",
            str(suite),
        ],
        cwd=suite,
        env={**os.environ, "PYTHONPATH": f"{topology.FUNCTIONS}:{topology.ROOT}"},
        capture_output=True,
        check=True,
    )
