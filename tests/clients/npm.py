"""The npm clients: installed as `package-lock.json` says, once for every version of it, and run with Node.js."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.support.engines import Unavailable, tools
from tests.support.engines.dynamodb_local import CACHE
from tests.support.engines.locks import install_lock

HERE = Path(__file__).parent
_FILES = ("package.json", "package-lock.json")
_LAST_WORDS = 2000
_LONGEST = 60


def installed(cache: Path = CACHE, wanted: Path = HERE) -> Path:
    """The folder that holds `node_modules`. `wanted`: where the lock file lies. Raises `Unavailable`."""
    digest = hashlib.sha256(
        b"".join((wanted / name).read_bytes() for name in _FILES)
    ).hexdigest()
    home = cache / f"clients-{digest[:16]}"
    with install_lock(cache, home.name):
        if not home.exists():
            with TemporaryDirectory(dir=cache) as scratch:
                folder = Path(scratch) / "clients"
                folder.mkdir()
                for name in _FILES:
                    shutil.copy(wanted / name, folder)
                _install(folder)
                folder.rename(home)
    return home


def run(packages: Path, script: str, **settings: Any) -> Any:
    """Run one of the scripts beside this file with the clients at hand; answers the JSON that it prints last."""
    text = (HERE / f"{script}.cjs").read_text(encoding="utf-8")
    command = [*tools.node(), "-e", text, json.dumps(settings)]
    done = subprocess.run(
        command,
        cwd=packages,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-_LAST_WORDS:]
    return json.loads(done.stdout.splitlines()[-1])


def bundle(packages: Path, script: str) -> str:
    """One of the scripts beside this file with all that it imports, as a shop's build hands it to browsers."""
    entry = (HERE / f"{script}.mjs").read_text(encoding="utf-8")
    command = [
        *tools.node(),
        "node_modules/esbuild/bin/esbuild",
        "--bundle",
        "--log-level=error",
    ]
    done = subprocess.run(
        command, cwd=packages, input=entry, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-_LAST_WORDS:]
    return done.stdout


def _install(folder: Path) -> None:
    command = [
        *tools.npm(),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--silent",
    ]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-_LAST_WORDS:]
        raise Unavailable(f"npm ci of the clients failed: {said or done.returncode}")
