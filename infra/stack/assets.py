"""The assets that are uploaded: the functions' code, and the layer with their dependencies.

Neither needs Docker. Each is built once for its content, into a folder of `.cache/` whose name has
the hash of that content. Both hold byte code: Lambda's folders are read-only, so a function that is
shipped without compiles all of its modules at each cold start, at more than twice the CPU.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path

from infra import topology

CACHE = topology.ROOT / ".cache"
SERVICES = ("dynamodb", "firehose", "s3", "secretsmanager", "sqs")
"""AWS services that the functions call. botocore's data of all others has 30 MB."""
RUNTIMES = ("3.11", "3.12", "3.13")
"""Versions of Python that Lambda runs and that the code is tested with."""
CODE_IN_LAMBDA, LAYER_IN_LAMBDA = "/var/task", "/opt"
"""Folders into which Lambda unpacks the two assets."""
_UNUSED = (
    # Commands, and files that differ from one machine to the next.
    "bin",
    "**/__pycache__",
    "**/tests",
    "*.dist-info/RECORD",
    # Half of Powertools: resolvers of routes, which the functions do without (decision 3).
    "aws_lambda_powertools/event_handler",
    # Requests by example, for documentation.
    "botocore/data/*/*/examples-1.json*",
)
_KEPT = {
    "botocore/data": SERVICES,
    "aws_lambda_powertools/utilities": ("batch", "data_classes", "jmespath_utils"),
}
"""Packages that the functions use only a few folders of: folder of the package -> those."""
# Byte code, the SDK's sources, types and npm package, documentation.
_NOT_UPLOADED = (
    "__pycache__",
    "source",
    "package",
    "package.json",
    "*.d.ts",
    "*.tpl",
    "tsconfig.json",
    "*.md",
    "decisions",
)


class LayerError(Exception):
    """The dependencies could not be fetched. The message says why."""


class UnsupportedPython(Exception):
    """Lambda has no runtime for this Python. The message says which versions do."""


def runtime_version(version: tuple[int, int] = sys.version_info[:2]) -> str:
    """Version of Lambda's Python, such as `3.13`: the one that runs this, as it compiles the code.

    Byte code of one minor version is none for another. Raises `UnsupportedPython`.
    """
    name = f"{version[0]}.{version[1]}"
    if name not in RUNTIMES:
        raise UnsupportedPython(
            f"Python {name} cannot compile the functions for Lambda, which runs them with one of "
            f"{', '.join(RUNTIMES)}: remove .venv, then `make PYTHON=python{RUNTIMES[-1]} synth`"
        )
    return name


def lambda_platform() -> tuple[str, ...]:
    """Options of pip for Lambda on arm64. Raises `UnsupportedPython`."""
    return (
        *("--platform", "manylinux2014_aarch64", "--implementation", "cp"),
        *("--python-version", runtime_version(), "--only-binary=:all:"),
    )


def build_code(cache: Path = CACHE) -> Path:
    """Build the folder of code for Lambda: handlers, library, static files, sources as JSON.

    Raises `UnsupportedPython`.
    """
    parts: list[bytes] = _builder()
    for file in sorted(_uploaded_files(topology.FUNCTIONS)):
        parts.append(str(file.relative_to(topology.FUNCTIONS)).encode())
        parts.append(file.read_bytes())
    parts.append(b"sources.toml")
    parts.append(topology.SOURCES.read_bytes())
    return _build_once(cache, "code", parts, _copy_code)


def build_layer(
    requirements: Path = topology.REQUIREMENTS,
    cache: Path = CACHE,
    platform: Sequence[str] | None = None,
) -> Path:
    """Build the folder of the layer, with the dependencies for Lambda's platform under `python/`.

    `platform`: pip's options for another platform. Raises `LayerError`, `UnsupportedPython`.
    """
    options = platform or lambda_platform()

    def build(folder: Path) -> None:
        packages = folder / "python"
        _install(requirements, packages, options)
        _remove_unused(packages)
        _compile(folder, LAYER_IN_LAMBDA)

    parts = [*_builder(), requirements.read_bytes()]
    parts += [part.encode() for part in options]
    return _build_once(cache, "layer", parts, build)


def _copy_code(folder: Path) -> None:
    ignore = shutil.ignore_patterns(*_NOT_UPLOADED)
    shutil.copytree(topology.FUNCTIONS, folder, dirs_exist_ok=True, ignore=ignore)
    shutil.copyfile(topology.SOURCES, folder / "sources.toml")
    # Python reads JSON thirty times as fast: with 500 projects, 1 ms of each cold start.
    declared = tomllib.loads(topology.SOURCES.read_text(encoding="utf-8"))
    (folder / "sources.json").write_text(json.dumps(declared), encoding="utf-8")
    _compile(folder, CODE_IN_LAMBDA)


def folder_size(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _builder() -> list[bytes]:
    """Parts of the hash that both assets have: how they are built, and by which Python."""
    return [Path(__file__).read_bytes(), runtime_version().encode()]


def _compile(folder: Path, place: str) -> None:
    """Compile all modules. `place`: the folder's path in Lambda, which tracebacks show."""
    subprocess.run(  # noqa: S603 - our own arguments
        [
            *(sys.executable, "-I", "-m", "compileall", "-q"),
            # Unpacking sets other file times than those that Python would compare by default.
            *("--invalidation-mode", "unchecked-hash"),
            *("-s", str(folder), "-p", place, str(folder)),
        ],
        check=True,
    )


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
    for folder, kept in _KEPT.items():
        if not (packages / folder).is_dir():
            continue
        for path in (packages / folder).iterdir():
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path)


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
