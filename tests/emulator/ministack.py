"""MiniStack: an emulator of AWS that carries out templates, runs functions in processes, and enforces their roles."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

import boto3

from tests.clients import pip
from tests.emulator import certificate
from tests.http.service import free_port
from tests.support.engines import Unavailable

REQUIREMENTS = Path(__file__).with_name("ministack-requirements.txt")
HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
_READY_WITHIN = 120
_STARTS = 3
_LAST_WORDS = 1000
_KEPT = ("PATH", "LD_LIBRARY_PATH")
"""Of this process's variables: functions inherit the emulator's, and none of ours may help them."""


@dataclass(frozen=True)
class Emulator:
    """A running emulator. `certificate`: what its clients have to trust; `log`: what it printed."""

    port: int
    certificate: Path
    log: Path
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its URL, without a slash at the end."""
        return f"https://{HOST}:{self.port}"

    def client(self, service: str) -> Any:
        """A boto3 client of the account's owner."""
        make: Any = boto3.client  # its types know each service by its literal name
        if service not in self._clients:
            self._clients[service] = make(
                service,
                region_name=REGION,
                endpoint_url=self.url,
                verify=str(self.certificate),
                aws_access_key_id="test",
                aws_secret_access_key="test",
                aws_session_token="",
            )
        return self._clients[service]

    def close(self) -> None:
        """Close its clients' connections."""
        for client in self._clients.values():
            client.close()


@contextmanager
def run_ministack(folder: Path) -> Iterator[Emulator]:
    """An empty emulator, which ends with the block; what it writes is in `folder`. Raises `Unavailable`."""
    python = pip.installed(str(REQUIREMENTS))
    process, emulator = _started(python, folder)
    try:
        yield emulator
    finally:
        emulator.close()
        _end(process)


def _started(python: Path, folder: Path) -> tuple[subprocess.Popen[bytes], Emulator]:
    trusted, key = certificate.create_certificate(folder)
    log = folder / "log.txt"
    for _ in range(_STARTS):  # another program may take the free port first
        emulator = Emulator(free_port(), trusted, log)
        process = _launched(python, emulator, key)
        if _answers(process, emulator):
            return process, emulator
        _end(process)
    raise Unavailable(f"MiniStack does not start: {log.read_text()[-_LAST_WORDS:]}")


def _launched(python: Path, emulator: Emulator, key: Path) -> subprocess.Popen[bytes]:
    """Its own command would also take port 443 where it may: this is what that command runs."""
    bind = ["--bind", f"{HOST}:{emulator.port}"]
    tls = ["--certfile", str(emulator.certificate), "--keyfile", str(key)]
    settings = {
        "AUTH": "true",  # roles are enforced
        "GATEWAY_PORT": str(emulator.port),
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(emulator.certificate),
        "MINISTACK_SSL_KEY": str(key),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_REGION": REGION,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "HOME": str(emulator.log.parent),
        "TMPDIR": str(emulator.log.parent),
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
    }
    with emulator.log.open("ab") as log:
        return subprocess.Popen(
            [str(python), "-m", "hypercorn", "ministack.app:app", *bind, *tls],
            cwd=emulator.log.parent,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _answers(process: subprocess.Popen[bytes], emulator: Emulator) -> bool:
    give_up = time.monotonic() + _READY_WITHIN
    trust = ssl.create_default_context(cafile=emulator.certificate)
    while process.poll() is None and time.monotonic() < give_up:
        with (
            suppress(OSError, HTTPException),
            closing(
                HTTPSConnection(HOST, emulator.port, timeout=10, context=trust)
            ) as connection,
        ):
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        time.sleep(0.1)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """It and the functions that it started: they hold nothing that should last."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
