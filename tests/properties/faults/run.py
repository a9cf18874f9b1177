"""`python -m tests.properties.faults.run <seed> <requests>`: a shop whose every client, and associate, meets faults.

Writers in threads of their own, each with some visitors; workers to whom stream records come twice, late, and in any
order. In the end the streams are drained and the tables held to every promise. What is printed is one line of JSON.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any
from unittest.mock import patch

from hardlink.domain.errors import Busy
from hardlink.services.service import Service
from hardlink.storage import dynamodb, keys, retries
from hardlink.storage.dynamodb import Tables, connect
from hardlink.storage.store import Part, Store
from infra.operations.redrive.recompute import Redrive
from tests.properties.faults.injecting import Faults, Killed
from tests.properties.faults.visitors import Promised, Visitor
from tests.support import invariants
from tests.support.engines import ENVIRONMENT, dynamodb_local, tables
from tests.support.engines.tables import Engine
from tests.support.invariants import Dump
from tests.support.world import HARD_TYPES, SPACE, Change, Clock, World

WRITERS, WORKERS = 4, 2
VISITORS = 30
"""Of each writer."""
STORMS = 1.0
"""How many times as often as usual a client's requests fail one after the other."""
POLICIES = ("move", "split", "refuse")
_PARTS = 32
_GIVE_UP = 400
"""Rounds in which streams are drained, or a part is redriven."""


@dataclass
class Report:
    """What was done and found."""

    seed: str
    requests: int = 0
    reached: int = 0
    calls: int = 0
    promised: int = 0
    records: int = 0
    redriven: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


class Shop:
    """The tables of a run, and everybody who works on them."""

    def __init__(self, engine: Engine, seed: str) -> None:
        self.engine = engine
        self.clock = Clock()
        self.faults: list[Faults] = []
        self.stream = Stream(engine, Random(f"{seed}/stream"))
        self.promised: list[Promised] = []
        self.writers = [list(self._visitors(n, f"{seed}/w{n}")) for n in range(WRITERS)]
        self.workers = [self.world(f"{seed}/a{n}") for n in range(WORKERS)]

    def world(self, seed: str) -> World:
        """A function of its own, its way to the tables full of faults."""
        faults = Faults(seed, storms=STORMS)
        self.faults.append(faults)
        client = faults.between(connect(self.engine.client.meta.endpoint_url))
        own = Tables(client, self.engine.names)
        world = World(own, lambda: (), self.engine.dump, self.clock)
        made, name = count(1), seed.replace("/", "-")
        world.service = Service(
            own, world.sources, self.clock, lambda: f"{name}-{next(made)}"
        )
        return world

    @property
    def requests(self) -> int:
        return sum(faults.made.total() for faults in self.faults)

    def _visitors(self, number: int, seed: str) -> Iterable[Visitor]:
        world, random, promised = self.world(seed), Random(seed), Promised()
        self.promised.append(promised)
        for n in range(VISITORS):
            yield Visitor(f"v{number}-{n}", POLICIES[n % 3], world, random, promised)


class Stream:
    """Both tables' records: each at least once, some twice, some late, in any order, and again where it failed."""

    def __init__(self, engine: Engine, random: Random) -> None:
        self._engine = engine
        self._random = random
        self._lock = threading.Lock()
        self._waiting: list[Change] = []
        self._under_way = 0
        self.records = 0

    def batch(self) -> list[Change]:
        """Some of the records that wait."""
        with self._lock:
            new = list(self._engine.taken())
            self.records += len(new)
            self._waiting += new + [
                change for change in new if self._random.random() < 0.2
            ]
            self._random.shuffle(self._waiting)
            size = self._random.randint(1, 6)
            some, self._waiting = self._waiting[:size], self._waiting[size:]
            self._under_way += bool(some)
            return some

    def back(self, failed: list[Change]) -> None:
        """What of a batch comes again."""
        with self._lock:
            self._waiting += failed
            self._under_way -= 1

    def lose(self) -> None:
        """All that were not delivered."""
        with self._lock:
            list(self._engine.taken())
            self._waiting = []

    @property
    def drained(self) -> bool:
        with self._lock:
            self._waiting += list(self._engine.taken())
            return not self._waiting and not self._under_way


def run(endpoint: str, seed: str, requests: int) -> Report:
    """Work until so many requests were made; hold all to what was promised."""
    report = Report(seed)
    with (
        _impatient(),
        tables.dynamodb_local(endpoint) as clients,
        tables.new(clients) as engine,
    ):
        shop = Shop(engine, seed)
        while shop.requests < requests:
            _live(
                shop, report, (shop.requests + requests) // 2 + 1
            )  # draining makes some as well
        _judge(shop, report, "drained")
        if not report.broken:
            _lose_and_redrive(shop, report)
            _judge(shop, report, "redriven")
    report.requests, report.records = shop.requests, shop.stream.records
    report.reached = sum(faults.reached for faults in shop.faults)
    report.promised = sum(len(promised.events) for promised in shop.promised)
    for faults in shop.faults:
        report.operations += faults.made
        report.faults += faults.met
    return report


@contextmanager
def _impatient() -> Iterator[None]:
    """Short pauses: waiting is not what is tried here."""
    with (
        patch.object(dynamodb, "_LONGEST_PAUSE", 0.01),
        patch.object(retries, "_LONGEST_PAUSE", 0.01),
    ):
        yield


def _live(shop: Shop, report: Report, requests: int) -> None:
    over = threading.Event()

    def write(visitors: list[Visitor]) -> int:
        calls = 0
        while shop.requests < requests and not over.is_set():
            visitors[0].random.choice(visitors).act()
            calls += 1
        return calls

    def associate(world: World) -> None:
        rounds = 0
        while not (over.is_set() and shop.stream.drained):
            rounds += over.is_set()
            if rounds > _GIVE_UP * 10:
                raise AssertionError("the streams are never drained")
            _deliver(shop, world)

    with ThreadPoolExecutor(WRITERS + WORKERS) as threads:
        workers = [threads.submit(associate, world) for world in shop.workers]
        try:
            report.calls += sum(threads.map(write, shop.writers))
        finally:
            over.set()
        for worker in workers:
            worker.result()


def _deliver(shop: Shop, world: World) -> None:
    """One batch; a function that is killed has done nothing that counts."""
    batch = shop.stream.batch()
    if not batch:
        over = threading.Event()
        over.wait(0.005)
        return
    failed: list[Change] = []
    try:
        for change in batch:
            try:
                world.association.handle_change(*change)
            except Busy:
                failed.append(change)
    except Killed:
        failed = batch
    finally:
        shop.stream.back(failed)


def _lose_and_redrive(shop: Shop, report: Report) -> None:
    """Visits of which no stream record arrives; what is due is done from the tables, through as many faults."""
    for visitors in shop.writers:
        for visitor in visitors[:5]:
            visitor.links = 0
            visitor.identify()
            visitor.act()
    shop.stream.lose()
    for number in range(_PARTS):
        report.redriven += _redriven(shop.workers[0].store, Part(number, _PARTS))
    undisturbed = Tables(shop.engine.clients.patient, shop.engine.names)
    if any(one.written for one in Redrive(undisturbed, HARD_TYPES).run_all()):
        report.broken.append("redrive finds more to do the second time")


def _redriven(own: Store, part: Part) -> int:
    """How many rows were written in a part of the tables, begun anew until it is done."""
    wrote = 0
    for _ in range(_GIVE_UP):
        try:
            for one in (found := list(Redrive(own, HARD_TYPES).run_all(part=part))):
                wrote += one.written.total()
            if not any(one.error for one in found):
                return wrote
        except (Busy, Killed):
            continue
    raise AssertionError(f"{part} is never done")


def _judge(shop: Shop, report: Report, when: str) -> None:
    dump = shop.engine.dump()
    found = invariants.broken(dump, HARD_TYPES)
    there = Counter(
        (keys.split_partition(key.partition)[1], keys.event_id(key))
        for key in dump
        if key.table == "events" and key.item.startswith("e/")
    )
    found += [
        f"event {place} is there {n} times" for place, n in there.items() if n > 1
    ]
    world = invariants.worlds(dump, HARD_TYPES)[SPACE]
    taken_back = {
        e: by for promised in shop.promised for e, by in promised.undone.items()
    }
    for promised in shop.promised:
        found += _missing(dump, world, promised, taken_back)
        found += [
            f"{one} was dropped, and is there"
            for one in promised.dropped & there.keys()
        ]
    report.broken += [f"{when}: {sentence}" for sentence in found[:20]]


def _missing(
    dump: Dump,
    world: invariants.World,
    promised: Promised,
    taken_back: Mapping[str, str],
) -> Iterable[str]:
    for (session, id_), (time, said) in promised.events.items():
        item = dump.get(keys.session_event(SPACE, session, time, id_))
        body = json.loads(str(item["body"])) if item else None
        if body is None or body["properties"] != {"said": said}:
            yield f"event {id_} of session {session} was answered as stored, and is {body}"
    newest = _values(world)
    for name, value in promised.values.items():
        if newest.get(name) != value:
            yield f"attribute {name} was answered as {value}, and is {newest.get(name)}"
    for session, customer in promised.customers.items():
        root = world.current(world.sessions[session].profile)
        owner = world.nodes[customer].state.owner or customer
        if root != owner and not _undone_by_others(world, session, taken_back):
            yield f"session {session} was answered as {customer}'s, and is {root}'s"
    for session in promised.sessions - world.sessions.keys():
        yield f"session {session} was answered, and isn't there"
    undone = {
        e.evidence for history in world.histories.values() for e in history if e.undone
    }
    yield from (
        f"{evidence} was taken back, and stands"
        for evidence in promised.undone.keys() - undone
    )


def _undone_by_others(
    world: invariants.World, session: str, taken_back: Mapping[str, str]
) -> bool:
    """Whether somebody who shares an address took back a command: then all that it linked goes with it."""
    history = world.histories[world.sessions[session].profile]
    entries = [
        *history,
        *(e for one in history if one.link for e in world.histories[one.link]),
    ]
    return any(
        e.undone and taken_back.get(e.evidence, session) != session for e in entries
    )


def _values(world: invariants.World) -> dict[str, Any]:
    """Of every attribute the value said last, on whichever node it lies."""
    found: dict[str, tuple[int, Any]] = {}
    for record in world.nodes.values():
        for (_, name), value in record.values.items():
            if value.time >= found.get(name, (0, None))[0] and value.json:
                found[name] = (value.time, json.loads(value.json))
    return {name: value for name, (_, value) in found.items()}


def main(seed: str, requests: str) -> int:
    """On an engine of its own; answers the exit code: 1 where a promise is broken."""
    os.environ.update(ENVIRONMENT)
    with dynamodb_local.running() as endpoint:
        report = run(endpoint, seed, int(requests))
    sys.stdout.write(json.dumps(vars(report)))
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
