"""Many threads at once on Amazon's own engine: what random histories in one thread can't show."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import pytest

from hardlink.domain.errors import Busy, Refused
from hardlink.domain.graph import PROFILE
from hardlink.domain.times import HOUR, to_iso
from hardlink.storage import items, keys
from hardlink.storage.keys import HEAD
from tests.support import invariants
from tests.support.engines.tables import Engine
from tests.support.world import HARD_TYPES, SPACE, START, Answer, Change, World

THREADS = 8
CALLS = 15
SESSIONS = ("s0", "s1", "s2", "s3")
POLICIES = ("move", "split")
_T = TypeVar("_T")


def all_at_once(call: Callable[[int], _T], threads: int = THREADS) -> list[_T]:
    """What so many threads are answered that call at the same moment."""
    barrier = threading.Barrier(threads)

    def run(number: int) -> _T:
        barrier.wait()
        return call(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def _tracking(
    world: World, session: str, *events: dict[str, str]
) -> Callable[[int], Answer]:
    """Calls that all send these events, or one of their own each."""
    return lambda n: world.track(
        session, *(events or [{"type": "view", "id": f"e{n}"}])
    )


@pytest.mark.parametrize("events", [1, 3])
def test_one_event_sent_by_many_at_once_is_stored_once(
    local: Engine, events: int
) -> None:
    world = local.world()
    world.track("s1")
    for round_ in range(5):
        sent = [
            {"type": "view", "id": f"{round_}-{number}-x", "time": to_iso(START - HOUR)}
            for number in range(events)
        ]
        answers = all_at_once(_tracking(world, "s1", *sent))
        for number in range(events):
            found = Counter(answer["results"][number]["status"] for answer in answers)
            assert found == {"stored": 1, "duplicate": THREADS - 1}
    world.settle()
    assert len(world.session_events("s1")) == 5 * events + 1


def test_one_session_opened_by_many_at_once_has_one_profile(local: Engine) -> None:
    world = local.world()
    for round_ in range(5):
        session = f"s{round_}"
        answers = all_at_once(_tracking(world, session))
        assert len({answer["profile"]["id"] for answer in answers}) == 1
        assert {answer["results"][0]["status"] for answer in answers} == {"stored"}
        assert len(world.session_events(session)) == THREADS
    heads = [
        key
        for key in local.dump()
        if key.item == HEAD and f"/{PROFILE}=" in key.partition
    ]
    assert len(heads) == 5
    world.settle()


def test_one_visitor_identified_by_many_at_once_is_linked_once(local: Engine) -> None:
    world = local.world()
    profile = world.track("s1")["profile"]["id"]
    all_at_once(
        lambda _: world.identify("s1", ids={"registered": "gordon", "email": "g@x.com"})
    )
    links = [
        key
        for key in local.dump()
        if key.item.startswith("l/") and profile in key.partition
    ]
    assert len(links) == 1
    world.settle()


def test_one_visitor_identified_as_many_at_once_ends_with_one_of_them(
    local: Engine,
) -> None:
    world = local.world()
    world.track("s1", {"type": "view", "id": "a"})
    all_at_once(
        lambda number: world.identify("s1", ids={"registered": f"customer-{number}"})
    )
    world.settle()
    owners = [n for n in range(THREADS) if world.sessions(f"customer-{n}")]
    assert len(owners) == 1
    assert world.timeline(f"customer-{owners[0]}") == ["a"]


def test_values_said_by_many_at_once_are_all_kept(local: Engine) -> None:
    world = local.world()
    world.identify("s1", ids={"registered": "gordon"})
    all_at_once(lambda number: world.update("s1", properties={f"a{number}": number}))
    world.settle()
    assert world.customer("gordon")["attributes"] == {
        f"a{n}": n for n in range(THREADS)
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_many_do_at_once_every_promise_holds(local: Engine, seed: int) -> None:
    world = local.world()
    shared = world.track("s0")["profile"]["id"]
    world.track("s1", profile={"id": shared})
    for session in SESSIONS[2:]:
        world.track(session)
    crowd = _Crowd(world, seed)
    with _Associating(world, seed):
        all_at_once(crowd.live)
    world.settle()
    dump = local.dump()
    _every_event_that_was_answered_stored_is_there_once(crowd, dump)
    _readers_see_what_the_links_say(world, dump)
    _what_is_delivered_again_changes_nothing(world, local, Random(seed))


@dataclass
class _Crowd:
    """Threads that track, identify, update and undo on the same few sessions."""

    world: World
    seed: int
    stored: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    """Events whose call was answered Busy, which promises nothing."""

    def live(self, thread: int) -> None:
        random = Random(self.seed * 100 + thread)
        calls = [
            self._track,
            self._track,
            self._identify,
            self._identify,
            self._update,
            self._undo,
        ]
        for number in range(CALLS):
            random.choice(calls)(random, random.choice(SESSIONS), f"{thread}-{number}")

    def _track(self, random: Random, session: str, name: str) -> None:
        ids = [f"e{name}-{number}" for number in range(random.randint(1, 3))]
        ago = random.choice([0, random.randrange(HOUR)])
        events: list[dict[str, Any]] = [
            {
                "type": "view",
                "id": id_,
                **({"time": to_iso(self.world.clock() - ago)} if ago else {}),
            }
            for id_ in ids
        ]
        try:
            answer = self.world.track(session, *events)
        except Busy:
            self.unclear += ids
            return
        self.stored += [v["id"] for v in answer["results"] if v["status"] == "stored"]

    def _identify(self, random: Random, session: str, name: str) -> None:
        ids = {
            **_one_of(random, "registered", ("gordon", "alyx", "barney"), 0.8),
            **_one_of(random, "email", ("a@x.com", "b@x.com", "c@x.com"), 0.5),
            **_one_of(random, "loyalty", ("L1", "L2"), 0.15),
        } or {"order": f"order-{random.randrange(3)}"}
        with suppress(Refused, Busy):
            self.world.identify(
                session, random.choice(POLICIES), ids=ids, properties={name: 1}
            )

    def _update(self, random: Random, session: str, name: str) -> None:
        with suppress(Busy):
            self.world.update(session, properties={f"a{random.randrange(9)}": name})

    def _undo(self, random: Random, session: str, name: str) -> None:
        with suppress(Refused, Busy):
            self.world.unlink(session)


class _Associating:
    """Two threads that are told of changes while others go on: twice, late, and in any order."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._random = Random(seed)
        self._waiting: queue.Queue[Change | None] = queue.Queue()
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(3)

    def __enter__(self) -> None:
        work = [self._tell, self._associate, self._associate]
        self._running = [self._pool.submit(each) for each in work]

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for each in self._running:
            each.result()
        self._pool.shutdown()

    def _tell(self) -> None:
        while not self._over.is_set():
            records = list(self._world.taken())
            records += (
                self._random.choices(records, k=len(records) // 2) if records else []
            )
            self._random.shuffle(records)
            for record in records:
                self._waiting.put(record)
        for _ in range(2):
            self._waiting.put(None)

    def _associate(self) -> None:
        while (record := self._waiting.get()) is not None:
            while not self._changed(record):
                pass

    def _changed(self, record: Change) -> bool:
        """Whether the record need not be delivered again."""
        try:
            self._world.association.handle_change(*record)
        except Busy:
            return False
        return True


def _one_of(
    random: Random, type_: str, values: tuple[str, ...], chance: float
) -> dict[str, str]:
    return {type_: random.choice(values)} if random.random() < chance else {}


def _every_event_that_was_answered_stored_is_there_once(
    crowd: _Crowd, dump: invariants.Dump
) -> None:
    there = Counter(keys.event_id(key) for key in dump if key.item.startswith("e/"))
    assert set(there.values()) == {1}
    assert there.keys() >= set(crowd.stored)
    first = {
        id_ for id_ in there if id_.startswith("made-")
    }  # of the calls before the crowd
    assert there.keys() - first - set(crowd.unclear) <= set(crowd.stored)


def _readers_see_what_the_links_say(world: World, dump: invariants.Dump) -> None:
    for (_, whose), expected in invariants.timelines(dump, HARD_TYPES).items():
        if whose.type == PROFILE:
            assert world.session(expected[0][2])["customer"] is None
        record = items.decode_record(dump.get(keys.node_head(SPACE, whose)))
        if (
            record.state.owner is None
        ):  # else a look-up by this name finds its newer owner
            assert world.timeline(whose.value, whose.type) == [
                id_ for _, id_, _ in expected
            ]


def _what_is_delivered_again_changes_nothing(
    world: World, local: Engine, random: Random
) -> None:
    before = local.dump()
    records = [(key.table, key.partition) for key in before if key.item == HEAD]
    random.shuffle(records)
    for record in records:
        world.association.handle_change(*record)
    assert local.dump() == before
    assert all(partition.startswith(f"{SPACE}/") for _, partition in records)
