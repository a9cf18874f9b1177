"""Locks for downloads and installations: the workers of one run start together."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock

_LONGEST = 900
"""Seconds to wait for another process: a browser and its packages take some minutes to fetch."""


def install_lock(cache: Path, name: str) -> FileLock:
    """Lock the installation of `name` in the cache. Raises `filelock.Timeout`."""
    cache.mkdir(parents=True, exist_ok=True)
    return FileLock(cache / f"{name}.lock", timeout=_LONGEST)
