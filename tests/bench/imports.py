"""Import and set-up of a function in a fresh process, over a bare `boto3.client("dynamodb")` in one."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from infra import topology
from tests.bench.cpu import baseline_environment

ROUNDS = 15
FUNCTIONS = ("track", "identify", "associate")
BARE = 'import boto3; boto3.client("dynamodb")'


def measure_imports() -> dict[str, float]:
    """Median CPU seconds of a process, by function; `bare` is the baseline."""
    code = {"bare": BARE} | {name: f"import {name}.handler" for name in FUNCTIONS}
    times: dict[str, list[float]] = {name: [] for name in code}
    for _ in range(
        ROUNDS
    ):  # in turn, so that a slow moment of the machine meets all of them
        for name, statement in code.items():
            times[name].append(_seconds(statement))
    return {name: statistics.median(found) for name, found in times.items()}


def _seconds(statement: str) -> float:
    """CPU seconds of a process from start to end: what a busy machine does not change."""
    environ = {
        **os.environ,
        **baseline_environment(),
        "PYTHONPATH": str(topology.FUNCTIONS),
    }
    process = subprocess.Popen([sys.executable, "-c", statement], env=environ)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, statement)
    return used.ru_utime + used.ru_stime
