"""Runs a few actors on one store in every order in which their requests can follow each other.

An actor is plain code in a thread of its own that stands still before each of its requests. A schedule says whose
request comes next; it is played from the beginning each time. What follows a state depends only on the tables, on
the stream, and on what each actor has read, so a state that was seen is not gone on from twice.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

from hardlink.domain.records import Item, Key, Table
from hardlink.storage.store import WHOLE, Action, ConditionFailed, Part, Store
from tests.support.memory_store import Change, MemoryStore, Snapshot

_T = TypeVar("_T")
Act: TypeAlias = Callable[[Store], Hashable]


class Crash(BaseException):
    """The actor's process ends here."""


class _Left(BaseException):
    """Nobody goes on with this run: its threads end."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A caller: what it does, and answers, with a store."""

    name: str
    act: Act


@dataclass(frozen=True, slots=True)
class Worker:
    """Takes one record from the stream, any, and carries it out; `crashes`: or dies on the way, and gives it back."""

    name: str
    act: Callable[[Store, Change], None]
    crashes: bool = False


class Step(NamedTuple):
    """What comes next: this actor's request, or the record that it takes, or its end."""

    actor: int
    record: Change | None = None
    crash: bool = False


@dataclass
class End:
    """How a schedule ended: what the writers answered, and the records that nobody carried out."""

    answers: tuple[Hashable, ...]
    records: list[Change]


@dataclass
class Explored:
    """What was tried: every state once, every distinct end once; and how many schedules were left out."""

    schedules: int = 0
    states: int = 0
    ends: int = 0
    left: int = 0


def explore(
    store: MemoryStore,
    actors: Sequence[Writer | Worker],
    judge: Callable[[End], None],
    most: int = 10**9,
) -> Explored:
    """Play every schedule from the store as it is, and let `judge` look at each end, on that store.

    Where there are more than `most` of them, a sample: the same one every time.
    """
    chance = random.Random(0)
    start = store.snapshot()
    seen: set[Hashable] = set()
    ended: set[Hashable] = set()
    found = Explored()
    waiting: list[tuple[Step, ...]] = [()]
    while waiting and found.schedules < most:
        last = chance.randrange(len(waiting))
        waiting[last], waiting[-1] = waiting[-1], waiting[last]
        prefix = waiting.pop()
        found.schedules += 1
        run = _Run(store, start, actors)
        try:
            steps = _follow(run, prefix, seen, waiting)
            if steps is None:
                continue
            end = End(run.answers(), list(store.changes))
            if (state := run.state()) not in ended:
                ended.add(state)
                _judged(judge, end, steps, actors)
        finally:
            run.leave()
    found.states, found.ends, found.left = len(seen), len(ended), len(waiting)
    return found


def _follow(
    run: _Run,
    prefix: tuple[Step, ...],
    seen: set[Hashable],
    waiting: list[tuple[Step, ...]],
) -> tuple[Step, ...] | None:
    """Play a prefix, then go on until all is done (`None`: until a state that was seen)."""
    for step in prefix:
        run.play(step)
    steps = prefix
    while True:
        state = run.state()
        if state in seen:
            return None
        seen.add(state)
        choices = list(run.choices())
        if not run.busy and not any(choice.record is None for choice in choices):
            waiting.extend((*steps, other) for other in choices)
            return steps
        first, *others = choices
        waiting.extend((*steps, other) for other in others)
        run.play(first)
        steps = (*steps, first)


def _judged(
    judge: Callable[[End], None],
    end: End,
    steps: Sequence[Step],
    actors: Sequence[Writer | Worker],
) -> None:
    try:
        judge(end)
    except AssertionError as error:
        told = " ".join(
            f"{actors[step.actor].name}{'!' if step.crash else ''}{step.record or ''}"
            for step in steps
        )
        raise AssertionError(f"after {told}\nanswers {end.answers}\n{error}") from error


class _Run:
    """One play of a schedule."""

    def __init__(
        self, store: MemoryStore, start: Snapshot, actors: Sequence[Writer | Worker]
    ) -> None:
        store.restore(start)
        self._store = store
        self._actors = [_Actor(actor, _Stepped(store)) for actor in actors]

    @property
    def busy(self) -> bool:
        """Whether somebody stands before a request."""
        return any(actor.stepped.asked for actor in self._actors)

    def choices(self) -> Iterator[Step]:
        """Everything that can come next."""
        for number, actor in enumerate(self._actors):
            if actor.stepped.asked:
                yield Step(number)
                if isinstance(actor.role, Worker) and actor.role.crashes:
                    yield Step(number, crash=True)
            elif not actor.started and isinstance(actor.role, Writer):
                yield Step(number)
            elif not actor.started:
                yield from (Step(number, r) for r in dict.fromkeys(self._store.changes))

    def play(self, step: Step) -> None:
        actor = self._actors[step.actor]
        if step.record:
            self._store.changes.remove(step.record)
        if actor.started:
            actor.stepped.go(crash=step.crash)
        else:
            actor.start(step.record)
        if step.crash and actor.record:
            self._store.changes.append(actor.record)

    def state(self) -> Hashable:
        """Everything that what comes next depends on."""
        tables = frozenset(
            (key, frozenset(item.items())) for key, item in self._store.dump().items()
        )
        return hash(
            (
                tables,
                tuple(self._store.changes),
                tuple(actor.told() for actor in self._actors),
            )
        )

    def answers(self) -> tuple[Hashable, ...]:
        return tuple(
            actor.answer for actor in self._actors if isinstance(actor.role, Writer)
        )

    def leave(self) -> None:
        for actor in self._actors:
            actor.leave()


class _Actor:
    """An actor on its way."""

    def __init__(self, role: Writer | Worker, stepped: _Stepped) -> None:
        self.role = role
        self.stepped = stepped
        self.record: Change | None = None
        self.answer: Hashable = None
        self.error: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def started(self) -> bool:
        return self._thread is not None

    def start(self, record: Change | None) -> None:
        self.record = record
        self._thread = threading.Thread(target=self._act, daemon=True)
        self._thread.start()
        self.stepped.stands.acquire()
        self._fail()

    def told(self) -> Hashable:
        return (
            self.started,
            self.record,
            self.stepped.asked,
            self.stepped.trace,
            self.answer,
        )

    def leave(self) -> None:
        if self._thread and self._thread.is_alive():
            self.stepped.left = True
            self.stepped.may_go.release()
        if self._thread:
            self._thread.join()
        self._fail()

    def _fail(self) -> None:
        if self.error:
            raise self.error

    def _act(self) -> None:
        try:
            if isinstance(self.role, Writer):
                self.answer = self.role.act(self.stepped)
            elif self.record:
                self.role.act(self.stepped, self.record)
        except (Crash, _Left):
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the schedule is played
            self.error = error
        finally:
            self.stepped.asked = False
            self.stepped.stands.release()


@dataclass
class _Stepped:
    """A store on which every request waits for its turn, and which remembers all that was answered."""

    store: MemoryStore
    asked: bool = False
    left: bool = False
    trace: int = 0
    crash: bool = False
    may_go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stands: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def go(self, *, crash: bool = False) -> None:
        """Let the request through, and wait for the next one, or for the end."""
        self.crash = crash
        self.may_go.release()
        self.stands.acquire()

    @property
    def sessions_name(self) -> str:
        return self.store.sessions_name

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        return self._answered(lambda: self.store.get(keys))

    def scan(
        self, table: Table, partition: str, first: str, last: str, **options: Any
    ) -> Iterator[tuple[Key, Item]]:
        return iter(
            self._answered(
                lambda: list(self.store.scan(table, partition, first, last, **options))
            )
        )

    def scan_all(
        self, table: Table, partitions: str, kinds: Sequence[str], part: Part = WHOLE
    ) -> Iterator[list[tuple[Key, Item]]]:
        pages = self.store.scan_all(table, partitions, kinds, part)
        return iter(self._answered(lambda: list(pages)))

    def write(self, actions: Sequence[Action]) -> None:
        self._answered(lambda: self.store.write(actions))

    def insert(self, items: Sequence[tuple[Key, Item]]) -> list[bool]:
        return self._answered(lambda: self.store.insert(items))

    def _answered(self, request: Callable[[], _T]) -> _T:
        self.asked = True
        self.stands.release()
        self.may_go.acquire()
        if self.left:
            raise _Left
        if self.crash:
            raise Crash
        try:
            answer = request()
        except ConditionFailed:
            self.trace = hash((self.trace, "failed"))
            raise
        self.trace = hash((self.trace, repr(answer)))
        return answer
