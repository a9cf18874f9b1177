"""The assets that are uploaded: the functions' code, and the layer with their dependencies.

Neither needs Docker. Each is built once for its content, into a folder of `.cache/` whose name has
the hash of that content.
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
"""AWS services that the functions call. botocore's data of all others has 30 MB."""
PLATFORM = (
    *(
        "--platform",
        "manylinux2014_aarch64",
        "--implementation",
        "cp",
        "--python-version",
        "3.13",
    ),
    "--only-binary=:all:",
)
"""pip's options for Lambda."""
# Commands, and files that differ from one machine to the next.
_UNUSED = ("bin", "**/__pycache__", "**/tests", "*.dist-info/RECORD")
# Byte code, the SDK's sources and types, documentation.
_NOT_UPLOADED = (
    "__pycache__",
    "source",
    "*.d.ts",
    "*.tpl",
    "tsconfig.json",
    "*.md",
    "decisions",
)


class LayerError(Exception):
    """The dependencies could not be fetched. The message says why."""


def build_code(cache: Path = CACHE) -> Path:
    """Build the folder of code for Lambda: handlers, library, static files, `sources.toml`."""
    parts: list[bytes] = []
    for file in sorted(_uploaded_files(topology.FUNCTIONS)):
        parts.append(str(file.relative_to(topology.FUNCTIONS)).encode())
        parts.append(file.read_bytes())
    parts.append(b"sources.toml")
    parts.append(topology.SOURCES.read_bytes())
    return _build_once(cache, "code", parts, _copy_code)


def build_layer(
    requirements: Path = topology.REQUIREMENTS,
    cache: Path = CACHE,
    platform: Sequence[str] = PLATFORM,
) -> Path:
    """Build the folder of the layer, with the dependencies for Lambda's platform under `python/`.

    `platform`: pip's options for another platform. Raises `LayerError`.
    """

    def build(folder: Path) -> None:
        packages = folder / "python"
        _install(requirements, packages, platform)
        _remove_unused(packages)

    parts = [requirements.read_bytes()]
    parts += [part.encode() for part in (*platform, *_UNUSED, *SERVICES)]
    return _build_once(cache, "layer", parts, build)


def _copy_code(folder: Path) -> None:
    ignore = shutil.ignore_patterns(*_NOT_UPLOADED)
    shutil.copytree(topology.FUNCTIONS, folder, dirs_exist_ok=True, ignore=ignore)
    shutil.copyfile(topology.SOURCES, folder / "sources.toml")


def _install(requirements: Path, target: Path, platform: Sequence[str]) -> None:
    """Fetch wheels with pip as this machine configures it. Wheels run no code when installed."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-compile",
        "--no-input",
    ]
    ran = subprocess.run(  # noqa: S603 - our own arguments
        [*pip, "--target", str(target), *platform, "-r", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        last_lines = "\n".join(ran.stderr.strip().splitlines()[-5:])
        raise LayerError(
            f"pip could not fetch the wheels of {requirements.name} ({' '.join(platform)}). "
            "Is the network on, and can pip reach the package index that it is configured for? "
            f"pip's last lines:\n{last_lines}"
        )


def _remove_unused(packages: Path) -> None:
    for pattern in _UNUSED:
        for path in list(packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    for service in (packages / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)


def _build_once(
    cache: Path, name: str, parts: Iterable[bytes], build: Callable[[Path], None]
) -> Path:
    """Return the folder for this content; build it if it does not exist.

    It is built under another name and then renamed, because other processes may build it as well.
    """
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
        if not folder.is_dir():  # otherwise another process was quicker
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _uploaded_files(folder: Path) -> Iterator[Path]:
    """Files of a folder that Lambda needs, without those that match `_NOT_UPLOADED`."""
    for path in folder.rglob("*"):
        names = path.relative_to(folder).parts
        is_ignored = any(
            fnmatch(name, pattern) for name in names for pattern in _NOT_UPLOADED
        )
        if path.is_file() and not is_ignored:
            yield path
