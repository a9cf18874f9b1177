"""Python clients whose dependencies clash with ours: each in a virtual environment of its own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from tests.clients.npm import HERE
from tests.support.engines import Unavailable
from tests.support.engines.dynamodb_local import CACHE
from tests.support.engines.locks import install_lock

_LAST_WORDS = 1000
_LONGEST = 60


def installed(requirements: str, cache: Path = CACHE) -> Path:
    """The Python in whose environment these requirements are installed. Raises `Unavailable`."""
    listed = HERE / requirements
    digest = hashlib.sha256(listed.read_bytes() + sys.version.encode()).hexdigest()[:16]
    home = cache / f"{listed.stem}-{digest}"
    python, ready = home / "bin" / "python", home / "ready"
    with install_lock(cache, home.name):
        if not ready.exists():
            _said([sys.executable, "-m", "venv", "--clear", str(home)])
            _said([str(python), "-m", "pip", "install", "-q", "-r", str(listed)])
            ready.touch()
    return python


def run(python: Path, script: str, *arguments: str) -> str:
    """Run one of the scripts beside this file; answers what it prints."""
    command = [
        str(python),
        "-E",
        str(HERE / script),
        *arguments,
    ]  # our own folders are not its
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_LONGEST, check=False
    )
    assert done.returncode == 0, done.stderr[-_LAST_WORDS:]
    return done.stdout


def _said(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-_LAST_WORDS:]
        raise Unavailable(f"{' '.join(command[1:4])} failed: {said or done.returncode}")
