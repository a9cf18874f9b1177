"""The most memory that a function takes for a body of 5 MiB, in a fresh process; DynamoDB answers at once.

`python -m tests.bench.memory <function>` carries out the call on its standard input, and prints the MB at its peak.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra import topology
from tests.bench import cpu
from tests.bench.stub import answer_at_once

CALLS = {
    "track": ("POST /track", {}),
    "xo": ("POST /{trackerKey}", {"trackerKey": "demo"}),
    "exponea": ("POST /bulk", {}),
    "helloretail": ("POST /serve/collect/{kind}", {"kind": "conversion"}),
}
"""A call of each function that takes large bodies on little memory: its route, what stands in its path."""
_ROOM = 300
"""Bytes around a body's properties."""


def measure_memory(function: str) -> int:
    """MB, of the body that takes most."""
    return max(_peak(function, properties) for properties in _hostile())


def _hostile() -> list[str]:
    """Properties of 5 MiB that take much more when they are read."""
    from hardlink.web.request import (  # noqa: PLC0415 - it decides where to log
        MOST_BYTES,
        MOST_CONTAINERS,
    )

    room = MOST_BYTES - _ROOM
    return [
        _repeated('"ab"', room),  # strings, each an object of its own
        f'{{"a": {_repeated("{}", 3 * MOST_CONTAINERS - 100)}}}',
        "{" + ",".join(f'"{n:06x}":0' for n in range(room // 11)) + "}",  # names
        f'"\N{GRINNING FACE}{"a" * (room - 10)}"',  # four bytes a character
    ]


def _repeated(value: str, room: int) -> str:
    return "[" + ",".join([value] * (room // (len(value) + 1))) + "]"


def _peak(function: str, properties: str) -> int:
    route, parameters = CALLS[function]
    event = f'{{"type": "page-view", "properties": {properties}}}'
    body = (
        f'{{"source": {{"id": "demo"}}, "session": {{"id": "s"}}, "events": [{event}]}}'
    )
    call = {
        "version": "2.0",
        "routeKey": route,
        "headers": {"content-type": "application/json"},
        "requestContext": {
            "requestId": "JKJaXmPLvHcESHA=",
            "http": {"sourceIp": "192.0.2.1"},
        },
        "pathParameters": parameters,
        "body": body,
        "isBase64Encoded": False,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.memory", function],
        input=json.dumps(call),
        env={
            **os.environ,
            **cpu.baseline_environment(),
            "PYTHONPATH": str(topology.FUNCTIONS),
        },
        cwd=topology.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout.splitlines()[-1])  # the log is before it


def main(function: str) -> None:
    """One call, in this process."""
    handler: Any = importlib.import_module(f"{function}.handler").handler
    tables: Any = importlib.import_module("hardlink.web.wiring").tables
    answer_at_once(tables()._client, cpu.ANSWERS)
    answer = handler(json.loads(sys.stdin.read()), None)
    if answer["statusCode"] >= 500:
        raise AssertionError(answer)
    status = Path("/proc/self/status").read_text().splitlines()
    print(
        next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        // 1024
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
