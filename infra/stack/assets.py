"""What is uploaded: the code of the functions, and the layer with their dependencies. No Docker.

Both are built once for each state of what they are built from, in a folder of `.cache/` that says so by its name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from infra import topology

CACHE = topology.ROOT / ".cache"
SERVICES = ("dynamodb", "firehose", "s3", "secretsmanager", "sqs")
"""The services that the functions call. botocore describes all others as well, in 30 MB that no function reads."""
PLATFORM = (
    *("--platform", "manylinux2014_aarch64", "--implementation", "cp", "--python-version", "3.13"),
    "--only-binary=:all:",
)
_UNUSED = ("bin", "**/__pycache__", "**/tests", "*.dist-info/RECORD")
"""Of packages: commands, and what differs from one machine to the next."""


_NOT_UPLOADED = ("__pycache__", "source", "*.d.ts", "*.tpl", "tsconfig.json", "*.md", "decisions")
"""Patterns of files in `functions` that Lambda does not need: byte code, the SDK's sources and types, documentation."""


class LayerError(Exception):
    """The dependencies can't be had: the message says why."""


def build_code(cache: Path = CACHE) -> Path:
    """A folder as Lambda will see it: the functions, their library, what they serve, and `sources.toml`."""
    files = sorted(_uploaded_files(topology.FUNCTIONS))
    parts = [(str(f.relative_to(topology.FUNCTIONS)).encode(), f.read_bytes()) for f in files]
    parts.append((b"sources.toml", topology.SOURCES.read_bytes()))

    def build(folder: Path) -> None:
        ignore = shutil.ignore_patterns(*_NOT_UPLOADED)
        shutil.copytree(topology.FUNCTIONS, folder, dirs_exist_ok=True, ignore=ignore)
        shutil.copyfile(topology.SOURCES, folder / "sources.toml")

    return _built(cache, "code", (part for pair in parts for part in pair), build)


def build_layer(
    requirements: Path = topology.REQUIREMENTS,
    cache: Path = CACHE,
    platform: Sequence[str] = PLATFORM,
) -> Path:
    """A folder with `python/`: the dependencies as Lambda needs them, whatever this machine is. Raises `LayerError`.

    `platform`: pip's options for another one than Lambda's.
    """

    def build(folder: Path) -> None:
        packages = folder / "python"
        _install(requirements, packages, platform)
        for pattern in _UNUSED:
            for found in list(packages.glob(pattern)):
                shutil.rmtree(found) if found.is_dir() else found.unlink()
        for service in (packages / "botocore" / "data").iterdir():
            if service.is_dir() and service.name not in SERVICES:
                shutil.rmtree(service)

    recipe = [*platform, *_UNUSED, *SERVICES]
    return _built(
        cache, "layer", [requirements.read_bytes(), *(part.encode() for part in recipe)], build
    )


def _install(requirements: Path, target: Path, platform: Sequence[str]) -> None:
    """With pip as it is configured on this machine; it fetches, and runs nothing of what it fetches."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-input"]
    ran = subprocess.run(  # noqa: S603 - our own arguments
        [*pip, "--target", str(target), *platform, "-r", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise LayerError(
            f"pip could not fetch the wheels of {requirements.name} ({' '.join(platform)}). "
            "Is the network on, and the package index reachable that pip is configured for? pip said:\n"
            + "\n".join(ran.stderr.strip().splitlines()[-5:])
        )


def _built(cache: Path, name: str, parts: Iterable[bytes], build: Callable[[Path], None]) -> Path:
    """The folder for this content, built if it is not there: beside its place first, as others may build it too."""
    digest = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts))
    folder = cache / f"{name}-{digest.hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    partial = cache / f"{folder.name}.{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        build(partial)
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():  # else somebody else was quicker
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _uploaded_files(folder: Path) -> Iterator[Path]:
    """Files of a folder that Lambda needs, without those that match `_NOT_UPLOADED`."""
    for path in folder.rglob("*"):
        names = path.relative_to(folder).parts
        is_ignored = any(fnmatch(name, pattern) for name in names for pattern in _NOT_UPLOADED)
        if path.is_file() and not is_ignored:
            yield path
