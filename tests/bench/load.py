"""`python -m tests.bench.load`: sustained visits over HTTP, and whether all that was accepted is there and whose it is.

The service's own functions, gateway and stream delivery in a process of their own, on DynamoDB Local. Ends with 1 where
anything that was accepted is not stored, or not with its customer, or the process still grows.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from typing import Any

from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Node
from hardlink.domain.sources import file_schema
from hardlink.domain.times import to_iso
from hardlink.queries.api import ReadApi
from hardlink.storage import keys
from infra import topology
from tests.support.engines import ENVIRONMENT, dynamodb_local, tables
from tests.support.engines.tables import Engine
from tests.support.invariants import broken

SPACE, KEY = "demo", "demo-move"
CUSTOMERS = 100
_GIVE_UP = 120
"""Seconds without another one associated, after the last call."""
_READY = 60
_HELD = 2048
"""MB that the engine may hold: a run of an hour makes a hundred thousand events."""
_FLAT = 1.05
"""Of what the service held half-way, at the end: caches are full by then. A small leak shows in a long run alone."""


@dataclass
class Found:
    """Answers that the clients got, and their latencies."""

    accepted: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By session, the events that were answered as stored."""
    customers: dict[str, str] = field(default_factory=dict)
    """By session, whom it was last told to be."""
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    again: int = 0
    memory: list[int] = field(default_factory=list)
    """KB of the serving process: at the start, in the middle, at the end."""
    stored: int = 0
    associated: int = 0
    behind: float = 0
    """Seconds that association took to catch up after the last call, looking included."""
    lost: list[str] = field(default_factory=list)

    @property
    def events(self) -> int:
        return sum(len(events) for events in self.accepted.values())

    @property
    def flat(self) -> bool:
        """True if the serving process stopped growing."""
        _, middle, end = self.memory
        return end <= _FLAT * middle


def main(arguments: Sequence[str]) -> int:
    """Answers the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.load", description=__doc__
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    asked = parser.parse_args(arguments)
    os.environ.update(ENVIRONMENT)
    found = measure_load(asked.seconds, asked.clients)
    if asked.json:
        print(json.dumps(_to_json(found, asked.seconds, asked.clients)))
    else:
        print("\n".join(_told(found, asked.seconds, asked.clients)))
    return 1 if found.lost or not found.flat else 0


def measure_load(seconds: float, clients: int) -> Found:
    """Visits for so many seconds by so many clients at once."""
    found = Found()
    with (
        dynamodb_local.running(megabytes=_HELD) as endpoint,
        tables.dynamodb_local(endpoint) as connected,
        tables.new(connected) as engine,
        _serving(endpoint, engine) as (process, port),
    ):
        _visits(port, [Random("first")], found, 1)  # what is made once is made now
        with ThreadPoolExecutor(1) as watching:
            watch = watching.submit(_memory, process.pid, seconds)
            _visits(port, [Random(number) for number in range(clients)], found, seconds)
            found.memory = watch.result()
        _read_back(engine, found)
    return found


@contextmanager
def _serving(
    endpoint: str, engine: Engine
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = _free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.bench.serving", endpoint, str(port)),
            *(engine.names[table] for table in tables.TABLES),
        ],
        cwd=topology.ROOT,
        env={**os.environ, "PYTHONPATH": str(topology.FUNCTIONS)},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(process, port)
        yield process, port
    finally:
        process.terminate()
        process.wait()


def _visits(port: int, randoms: Sequence[Random], found: Found, seconds: float) -> None:
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(len(randoms)) as threads:
        clients = [Client(port, random, found) for random in randoms]
        list(threads.map(lambda client: client.visit_until(until), clients))


class Client:
    """One connection, on which one visitor comes after the other."""

    def __init__(self, port: int, random: Random, found: Found) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self._random = random
        self._found = found
        self._name = f"{random.random():.12f}"[2:]
        self._number = 0

    def visit_until(self, until: float) -> None:
        """Visitors, until the time is over."""
        while time.monotonic() < until:
            self._visit()
        self._connection.close()

    def _visit(self) -> None:
        """Some events; most visitors log in on the way, some as another one after that."""
        self._number += 1
        session = f"{self._name}-{self._number}"
        logins = self._random.choice((0, 1, 1, 1, 2))
        steps = ["track"] * self._random.randint(2, 6) + ["identify"] * logins
        steps += self._random.choice(([], [], ["update"]))
        self._random.shuffle(steps)
        for number, step in enumerate(steps):
            if step == "track":
                self._track(session, number)
            elif step == "identify":
                self._identify(session)
            else:
                self._call(
                    "update", {"session": {"id": session}, "properties": {"n": number}}
                )

    def _track(self, session: str, number: int) -> None:
        events = [
            {
                "type": "page-view",
                "id": f"{session}-{number}-{n}",
                "time": to_iso(time.time_ns() // 1000),
                "properties": {"title": "A page of the shop", "price": 34.43},
            }
            for n in range(self._random.choice((1, 1, 1, 2, 5)))
        ]
        answer = self._call("track", {"session": {"id": session}, "events": events})
        for verdict in answer["results"]:
            if verdict["status"] in ("stored", "duplicate"):
                self._found.accepted[session].add(verdict["id"])

    def _identify(self, session: str) -> None:
        who = f"customer-{self._random.randrange(CUSTOMERS)}"
        self._call("identify", {"session": {"id": session}, "ids": {"registered": who}})
        self._found.customers[session] = who

    def _call(self, function: str, body: dict[str, Any]) -> Any:
        """The answer to a call, which is sent until it is 200, as the SDKs do."""
        sent = json.dumps({"source": {"id": KEY}, **body})
        while True:
            began = time.perf_counter()
            with suppress(HTTPException, OSError):
                self._connection.request("POST", f"/{function}", sent)
                answer = self._connection.getresponse()
                content = answer.read()
                self._found.seconds[function].append(time.perf_counter() - began)
                if answer.status == 200:
                    return json.loads(content)
            self._found.again += 1
            self._connection.close()


def _read_back(engine: Engine, found: Found) -> None:
    """Count events in the tables, and in the timelines of their customers."""
    sources = file_schema.load_sources(topology.SOURCES)
    over = time.monotonic()
    wrong = _awaited(lambda: broken(engine.dump(), sources.hard_types))
    found.behind = time.monotonic() - over
    there = {
        (key.partition.partition("/")[2], keys.event_id(key))
        for key in engine.dump()
        if key.table == "events" and key.item.startswith("e/")
    }
    accepted = {
        (session, id_) for session, ids in found.accepted.items() for id_ in ids
    }
    found.stored = len(accepted & there)
    found.lost = [
        *wrong[:20],
        *(f"{one} was accepted, and isn't there" for one in accepted - there),
    ]
    queries = ReadApi(engine.store, sources, lambda: time.time_ns() // 1000)
    whose = _by_customer(found)
    for who, expected in whose.items():
        shown = set(_timeline(queries, who))
        found.associated += len(expected & shown)
        found.lost += [f"{id_} is {who}'s, and isn't shown" for id_ in expected - shown]


def _awaited(look: Callable[[], list[str]]) -> list[str]:
    """List errors that remain once association makes no more progress."""
    wrong = look()
    least, since = len(wrong), time.monotonic()
    while wrong and time.monotonic() - since < _GIVE_UP:
        time.sleep(0.5)
        wrong = look()
        if len(wrong) < least:
            least, since = len(wrong), time.monotonic()
    return wrong


def _by_customer(found: Found) -> dict[str, set[str]]:
    whose: dict[str, set[str]] = defaultdict(set)
    for session, who in found.customers.items():
        whose[who] |= found.accepted.get(session, set())
    return whose


def _timeline(queries: ReadApi, who: str) -> Iterator[str]:
    query = {"limit": "1000"}
    node = Node("registered", who)
    with suppress(NotFound):
        while True:
            page = queries.read_customer_events(SPACE, node.type, node.value, query.get)
            yield from (event["id"] for event in page["events"])
            if page["cursor"] is None:
                return
            query["cursor"] = page["cursor"]


def _memory(process: int, seconds: float) -> list[int]:
    """KB that a process holds now, after half of the time, and at its end."""
    found = [_resident(process)]
    for _ in range(2):
        threading.Event().wait(seconds / 2)
        found.append(_resident(process))
    return found


def _resident(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _to_json(found: Found, seconds: float, clients: int) -> dict[str, Any]:
    """Counts, and times in milliseconds; memory in KB."""
    return {
        "seconds": seconds,
        "clients": clients,
        "calls": sum(len(times) for times in found.seconds.values()),
        "accepted": found.events,
        "stored": found.stored,
        "of_customers": sum(len(ids) for ids in _by_customer(found).values()),
        "associated": found.associated,
        "caught_up_after_seconds": round(found.behind, 1),
        "sent_again": found.again,
        "milliseconds": {
            function: _percentiles(times)
            for function, times in sorted(found.seconds.items())
        },
        "memory_kb": found.memory,
        "is_memory_flat": found.flat,
        "lost": found.lost,
    }


_PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def _percentiles(seconds: Sequence[float]) -> dict[str, int]:
    """Percentiles of durations, in milliseconds."""
    ranked = sorted(seconds)
    last = len(ranked) - 1
    return {
        name: round(1000 * ranked[int(part * last)])
        for name, part in _PERCENTILES.items()
    }


def _told(found: Found, seconds: float, clients: int) -> Iterator[str]:
    calls = sum(len(some) for some in found.seconds.values())
    expected = sum(len(ids) for ids in _by_customer(found).values())
    yield f"{seconds:g} s, {clients} clients: {calls} calls, {calls / seconds:.0f} a second"
    yield f"events: {found.events} accepted, {found.stored} stored"
    yield f"of customers: {expected} accepted, {found.associated} associated"
    yield f"association had caught up {found.behind:.0f} s after the last call"
    yield f"calls sent again: {found.again}"
    yield f"{'ms':<10}" + "".join(f"{name:>8}" for name in _PERCENTILES)
    for function, times in sorted(found.seconds.items()):
        shown = _percentiles(times).values()
        yield f"{function:<10}" + "".join(f"{one:8}" for one in shown)
    start, middle, end = (kb / 1024 for kb in found.memory)
    yield f"memory of the service: {start:.1f} MB, half-way {middle:.1f} MB, at the end {end:.1f} MB"
    yield (
        "memory is flat"
        if found.flat
        else f"MEMORY GROWS: by more than {_FLAT - 1:.0%}"
    )
    yield "nothing lost" if not found.lost else "LOST:\n" + "\n".join(found.lost[:50])


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + _READY
    while process.poll() is None and time.monotonic() < give_up:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=1),
        ):
            return
        time.sleep(0.1)
    raise RuntimeError("the service does not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
