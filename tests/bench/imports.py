"""Cold starts of functions, from the assets that are uploaded, over a bare boto3 client's.

Each is a fresh process without this environment's packages, whose folders cannot be written to and
which keeps no byte code of its own: so Lambda runs them.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from infra.stack import assets
from tests.bench.cpu import baseline_environment

ROUNDS = 15
FUNCTIONS = ("track", "identify", "associate")
BARE = 'import boto3; boto3.client("dynamodb")'
BARE_REQUIREMENTS = Path(__file__).with_name("bare-requirements.txt")
PLATFORM = (
    *("--implementation", "cp", "--python-version", "{}.{}".format(*sys.version_info)),
    "--only-binary=:all:",
)
"""pip's options for the layer of this machine, as Lambda's wheels are for arm64."""
_NO_WRITING = 0o555


class ColdStarts(NamedTuple):
    """Median CPU seconds of a process from start to end.

    `bare`: a boto3 client, shipped in the same way. `functions`: by name, as shipped.
    `without_byte_code`: the same code, shipped as sources alone.
    """

    bare: float
    functions: Mapping[str, float]
    without_byte_code: Mapping[str, float]


class _Start(NamedTuple):
    """A process to measure: a statement, and the folders that it imports from."""

    statement: str
    folders: tuple[Path, ...]


def measure_cold_starts(rounds: int = ROUNDS) -> ColdStarts:
    """Start each function `rounds` times. Raises `LayerError` without a network."""
    with _unpacked() as (bare, shipped, sources):
        starts = {"bare": _Start(BARE, bare)}
        for name in FUNCTIONS:
            statement = f"import {name}.handler"
            starts[name] = _Start(statement, shipped)
            starts[f"{name}, sources"] = _Start(statement, sources)
        times: dict[str, list[float]] = {name: [] for name in starts}
        # In turn, so that a slow moment of the machine meets all of them.
        for _ in range(rounds):
            for name, start in starts.items():
                times[name].append(_seconds(start))
    median = {name: statistics.median(found) for name, found in times.items()}
    return ColdStarts(
        median["bare"],
        {name: median[name] for name in FUNCTIONS},
        {name: median[f"{name}, sources"] for name in FUNCTIONS},
    )


Folders = tuple[Path, ...]


@contextmanager
def _unpacked() -> Iterator[tuple[Folders, Folders, Folders]]:
    """Unpack the assets: folders of the bare client, of the functions, and of their sources alone."""
    code, layer = assets.build_code(), assets.build_layer(platform=PLATFORM)
    bare = assets.build_layer(BARE_REQUIREMENTS, platform=PLATFORM)
    with TemporaryDirectory() as name:
        folder = Path(name)
        shipped = (_copy(code, folder / "code"), _copy(layer, folder / "layer"))
        sources = (
            _copy(code, folder / "code-sources", "__pycache__"),
            _copy(layer, folder / "layer-sources", "__pycache__"),
        )
        yield (
            (_copy(bare, folder / "bare") / "python",),
            _paths(shipped),
            _paths(sources),
        )


def _paths(copies: tuple[Path, Path]) -> Folders:
    code, layer = copies
    return code, layer / "python"


def _copy(source: Path, target: Path, *ignored: str) -> Path:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(*ignored))
    for path in target.rglob("*"):
        path.chmod(_NO_WRITING)
    return target


def _seconds(start: _Start) -> float:
    """CPU seconds of a process from start to end: what a busy machine does not change."""
    paths = [str(folder) for folder in start.folders]
    program = f"import sys; sys.path[:0] = {paths}; {start.statement}"
    # -B, as root may write where nobody else may; -S, for the packages of the assets alone.
    command = [sys.executable, "-I", "-S", "-B", "-c", program]
    # The bare client has no sources; functions have them in the first of their folders.
    sources = str(start.folders[0] / "sources.json")
    environ = {
        "PATH": os.environ["PATH"],
        **baseline_environment(),
        "HARDLINK_SOURCES": sources,
    }
    process = subprocess.Popen(command, env=environ)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return used.ru_utime + used.ru_stime
