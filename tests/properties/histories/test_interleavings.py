"""Every order in which the requests of a few callers and of association can follow each other, tried out.

Whatever the order: the promises hold once the streams are drained, and all is as if the callers had come one after
the other. `HARDLINK_SOAK=1` tries more callers, workers and crashes at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import pytest

from hardlink.services.answers import Answer
from hardlink.services.association import Association
from hardlink.services.links import Links
from hardlink.storage.keys import HEAD
from hardlink.storage.store import Store
from tests.properties.histories.schedules import End, Explored, Worker, Writer, explore
from tests.properties.histories.world import HARD, SPACE, Outcome, World, outcome
from tests.support.invariants import check, timelines
from tests.support.memory_store import Change, MemoryStore

SOAK = bool(os.environ.get("HARDLINK_SOAK"))
MOST = 10**9 if SOAK else 1500
"""Schedules of one case; beyond, those that were not tried are chosen by chance, the same ones every time."""
Say = Callable[[World], Outcome]
FIRST_PROFILE = "made-2"
"""Of the first session that a shop sees: its first ID is the first call's evidence."""


@dataclass(frozen=True)
class Case:
    """What was before, what callers say at once (the first at second 10, the second at 11), who else is at work."""

    name: str
    before: Sequence[Say]
    at_once: Sequence[Say]
    workers: int = 1
    crashes: bool = False
    at_once_after: Sequence[Say] = ()
    """Said before any stream record that is left is delivered."""
    after: Sequence[Say] = ()
    drained: bool = True
    erased: Sequence[str] = ()
    """Nothing of this is left, however it ends."""


def _viewed(session: str, **body: Any) -> Say:
    return lambda w: w.track(
        session, events=[{"type": "view", "id": f"v-{session}"}], **body
    )


def _viewed_again(session: str) -> Say:
    return lambda w: w.track(
        session, events=[{"type": "view", "id": f"again-{session}"}]
    )


def _viewed_late(session: str, hours: int) -> Say:
    event = {"type": "view", "id": f"late-{hours}"}
    return lambda w: w.at(hours * 3600).track(session, events=[event])


def _identified(session: str, source: str = "move", **ids: str) -> Say:
    return lambda w: w.identify(session, source=source, ids=ids)


def _unlinked(session: str) -> Say:
    """Undo alone, without the reading that the answer to the caller takes."""

    def undo(world: World) -> Answer:
        Links(world.store).undo(SPACE, world.profile(session), HARD[SPACE], world.now)
        return {}

    return lambda world: outcome(lambda: undo(world))


def _of_the_same_profile(session: str) -> Say:
    return _viewed(session, profile={"id": FIRST_PROFILE})


def _denied(session: str) -> Say:
    return lambda w: w.consent(session, "denied")


def _erased(customer: str) -> Say:
    """Receipts are numbered, and who asks for what is being done is told of that: neither says who came first."""

    def erase(world: World) -> Outcome:
        answer = world.erase(customer)
        return "busy" if answer == "busy" else "asked"

    return erase


def _names(store: MemoryStore, texts: Sequence[str]) -> list[str]:
    """What is left of somebody."""
    return [
        f"{key} {item}"
        for key, item in store.dump().items()
        for text in texts
        if text in f"{key} {item}"
    ]


_ADA = [_viewed("S1"), _identified("S1", registered="Ada", email="e@x.com")]
ERASURES = [
    Case(
        "a customer is erased while another device logs in as them",
        [*_ADA, _viewed("S2")],
        [_erased("registered=Ada"), _identified("S2", registered="Ada")],
    ),
    Case(
        "a customer is erased while their address is given elsewhere",
        [*_ADA, _viewed("S2")],
        [_erased("registered=Ada"), _identified("S2", email="e@x.com")],
    ),
    Case(
        "a customer is erased while something is said of them",
        _ADA,
        [_erased("registered=Ada"), lambda w: w.update("S1", properties={"x": 1})],
    ),
    Case(
        "a customer is erased while their device is tracked",
        _ADA,
        [_erased("registered=Ada"), _viewed_late("S1", 0)],
        erased=["Ada", "e@x.com", "v-S1"],
    ),
    Case(
        "a customer is erased while a session of theirs is opened",
        _ADA,
        [_erased("registered=Ada"), _of_the_same_profile("S2")],
        erased=["Ada", "e@x.com", "v-S1"],
    ),
    Case(
        "a customer is erased while they are unlinked",
        _ADA,
        [_erased("registered=Ada"), _unlinked("S1")],
        erased=["Ada"],
    ),
    Case(
        "a customer is erased while who shares their device follows, one dies on the way",
        [*_ADA, _identified("S1", "split", registered="Bob")],
        [_erased("registered=Ada"), _viewed_late("S1", 1)],
        crashes=True,
        drained=False,
        erased=["Ada", "e@x.com"],
    ),
    Case(
        "a customer is erased twice at once",
        _ADA,
        [_erased("registered=Ada"), _erased("email=e@x.com")],
        erased=["Ada", "e@x.com", "v-S1"],
    ),
    Case(
        "two who share a device are erased at once",
        [*_ADA, _identified("S1", "split", registered="Bob")],
        [_erased("registered=Ada"), _erased("registered=Bob")],
        erased=["Ada", "Bob", "v-S1"],
    ),
    Case(
        "a customer is erased while a worker brings them home",
        _ADA,
        [_erased("registered=Ada")],
        workers=2,
        crashes=True,
        drained=False,
        erased=["Ada", "e@x.com", "v-S1"],
    ),
]
_MERGED = [
    _viewed("S1"),
    _identified("S1", registered="Ada", email="e@x.com"),
    _viewed("S2"),
    _identified("S2", registered="Bob"),
]


def _merges(absorbed: str, into: str) -> Say:
    return lambda w: w.merge(f"registered={absorbed}", f"registered={into}")


def _takes_off(customer: str) -> Say:
    return lambda w: w.remove_identifier("email=e@x.com", f"registered={customer}")


CORRECTIONS = [
    Case(
        "two customers are merged, each into the other, at once",
        _MERGED,
        [_merges("Ada", "Bob"), _merges("Bob", "Ada")],
    ),
    Case(
        "a customer is merged into one who is merged into a third",
        [*_MERGED, _identified("S3", registered="Eve")],
        [_merges("Ada", "Bob"), _merges("Bob", "Eve")],
    ),
    Case(
        "two customers are merged while a visitor of one logs in as the other",
        _MERGED,
        [_merges("Ada", "Bob"), _identified("S1", "split", registered="Bob")],
    ),
    Case(
        "two customers are merged while one of them is erased",
        _MERGED,
        [_merges("Ada", "Bob"), _erased("registered=Ada")],
        erased=["Ada", "e@x.com", "v-S1"],
    ),
    Case(
        "two customers are merged while the other one is erased",
        _MERGED,
        [_merges("Ada", "Bob"), _erased("registered=Bob")],
        erased=["Bob", "v-S2"],
    ),
    Case(
        "a merge is undone while a visitor of one logs in as the other",
        [*_MERGED, _merges("Ada", "Bob")],
        [
            lambda w: w.undo_correction("registered=Ada", "merge"),
            _identified("S1", "split", registered="Bob"),
        ],
    ),
    Case(
        "an address is taken off while another device sends it with the same hard ID",
        _MERGED,
        [_takes_off("Ada"), _identified("S3", registered="Ada", email="e@x.com")],
    ),
    Case(
        "an address is taken off while another device sends it alone",
        [*_MERGED, _viewed("S3")],
        [_takes_off("Ada"), _identified("S3", email="e@x.com")],
    ),
    Case(
        "an address is taken off while its customer is erased",
        _MERGED,
        [_takes_off("Ada"), _erased("registered=Ada")],
        erased=["Ada", "e@x.com", "v-S1"],
    ),
    Case(
        "a removal is undone while the address changes hands",
        [*_MERGED, _takes_off("Ada")],
        [
            lambda w: w.undo_correction("email=e@x.com", "removal"),
            _identified("S2", registered="Bob", email="e@x.com"),
        ],
    ),
]
TWO_AS = [
    Case(
        f"two customers log in on one device at once, policy {policy}",
        [_viewed("S1")],
        [
            _identified("S1", policy, registered="A"),
            _identified("S1", policy, registered="B"),
        ],
        after=[_unlinked("S1")],
    )
    for policy in ("move", "split", "refuse")
]
CASES = [
    *TWO_AS,
    *ERASURES,
    *CORRECTIONS,
    Case(
        "one says an email while another says it with a hard ID",
        [_viewed("S1"), _viewed("S2")],
        [
            _identified("S1", email="e@x.com"),
            _identified("S2", email="e@x.com", registered="A"),
        ],
    ),
    Case(
        "two customers say one email",
        [_viewed("S1"), _viewed("S2")],
        [
            _identified("S1", email="e@x.com", registered="A"),
            _identified("S2", email="e@x.com", registered="B"),
        ],
    ),
    Case(
        "an email gets its hard ID while who is known by it logs in",
        [_viewed("S1"), _viewed("S2"), _identified("S1", email="e@x.com")],
        [
            _identified("S2", email="e@x.com", registered="A"),
            _identified("S1", "split", registered="B"),
        ],
    ),
    Case(
        "one hard ID becomes an alias while another call makes it a customer",
        [_viewed("S1"), _viewed("S2"), _identified("S1", loyalty="L")],
        [
            _identified("S1", loyalty="L", registered="A"),
            _identified("S2", registered="A"),
        ],
    ),
    *[
        Case(
            f"who is being identified is unlinked, policy {policy}",
            [_viewed("S1"), _identified("S1", policy, registered="A")],
            [_unlinked("S1"), _identified("S1", policy, registered="B")],
        )
        for policy in ("move", "split")
    ],
    *[
        Case(
            f"who is known by an email is unlinked while being identified, policy {policy}",
            [
                _viewed("S1"),
                _identified("S1", policy, email="e@x.com"),
                _identified("S2", email="e@x.com", registered="A"),
            ],
            [_unlinked("S1"), _identified("S1", policy, registered="B")],
        )
        for policy in ("move", "split")
    ],
    Case(
        "a visitor is unlinked while their address changes hands",
        [
            _viewed("S1"),
            _viewed("S2"),
            _identified("S1", registered="A", email="e@x.com"),
        ],
        [_unlinked("S1"), _identified("S2", registered="B", email="e@x.com")],
    ),
    Case(
        "two unlink the same session",
        [
            _viewed("S1"),
            _identified("S1", registered="A"),
            _identified("S1", registered="B"),
        ],
        [_unlinked("S1"), _unlinked("S1")],
    ),
    Case(
        "a session is opened while its profile is identified",
        [_viewed("S1")],
        [_of_the_same_profile("S2"), _identified("S1", registered="A")],
    ),
    Case(
        "a session is opened while its profile moves",
        [_viewed("S1"), _identified("S1", registered="A")],
        [_of_the_same_profile("S2"), _identified("S1", registered="B")],
    ),
    Case(
        "a session is opened twice at once",
        [],
        [_viewed("S1"), _identified("S1", registered="A")],
    ),
    Case(
        "values are said while the visitor is identified",
        [_viewed("S1")],
        [
            lambda w: w.update("S1", properties={"x": 1}),
            _identified("S1", registered="A"),
        ],
    ),
    Case(
        "a session lasts longer while its profile is identified",
        [_viewed("S1")],
        [
            _viewed_late("S1", 1),
            _identified("S1", registered="A"),
        ],
    ),
    Case(
        "a visitor opts out while a session of theirs is opened",
        [_viewed("S1")],
        [_denied("S1"), _of_the_same_profile("S2")],
        at_once_after=[_viewed_again("S1"), _viewed_again("S2")],
        after=[_viewed("S1"), _viewed("S2")],
    ),
    Case(
        "a visitor opts out while a session of theirs is visited again",
        [_viewed("S1"), _of_the_same_profile("S2")],
        [
            lambda w: w.at(7200).consent("S2", "denied"),
            _viewed_late("S1", 2),
        ],
        after=[_viewed_late("S1", 3), _viewed_late("S2", 3)],
    ),
    Case(
        "a visitor opts in while a session of theirs is visited again",
        [_viewed("S1"), _of_the_same_profile("S2"), _denied("S1")],
        [
            lambda w: w.at(7200).consent("S2", "granted"),
            _viewed_late("S1", 2),
        ],
        after=[_viewed_late("S1", 3), _viewed_late("S2", 3)],
    ),
    Case(
        "a visitor opts out while another call opts them in",
        [_viewed("S1"), _of_the_same_profile("S2")],
        [_denied("S1"), lambda w: w.consent("S2", "granted")],
        at_once_after=[_viewed_again("S1"), _viewed_again("S2")],
        after=[_viewed("S1"), _viewed("S2")],
    ),
    Case(
        "a visitor comes and goes while two workers follow, one dies on the way",
        [_viewed("S1"), _identified("S1", registered="A")],
        [_identified("S1", registered="B"), _unlinked("S1")],
        workers=2,
        crashes=True,
    ),
    Case(
        "a session is raised twice while two workers follow",
        [_viewed("S1"), _identified("S1", registered="A")],
        [_viewed_late("S1", 1), _viewed_late("S1", 2)],
        workers=2,
    ),
    Case(
        "two workers bring one profile home, one dies on the way",
        [
            _viewed("S1"),
            _identified("S1", registered="A"),
            _identified("S1", registered="B"),
        ],
        [],
        workers=2,
        crashes=True,
        drained=False,
    ),
    Case(
        "a session is raised while two workers bring it home",
        [_viewed("S1"), _identified("S1", registered="A")],
        [_viewed_late("S1", 1)],
        workers=2,
        drained=False,
    ),
    Case(
        "an email gets its hard ID while two workers bring its profiles home",
        [_viewed("S1"), _identified("S1", email="e@x.com")],
        [_identified("S2", email="e@x.com", registered="A")],
        workers=2,
        drained=not SOAK,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_as_if_one_came_after_the_other(case: Case) -> None:
    found = tried(case)
    print(f"{case.name}: {found}")  # noqa: T201 - what was explored is the result
    assert found.ends > 1


def tried(case: Case) -> Explored:
    """Every order of a case. Raises `AssertionError` telling the first that breaks a promise."""
    store = _prepared(case)
    expected = {
        _in_order(case, order) for order in permutations(range(len(case.at_once)))
    }

    def judge(end: End) -> None:
        world = World(store).at(20)
        store.changes[:] = []
        _say_all(world, case.at_once_after)
        world.deliver_all(end.records)
        world.drain()
        world.sweep()
        world.drain()
        check(store.dump(), HARD)
        assert not case.erased or _names(store, case.erased) == []
        if "busy" in end.answers:
            return  # nothing was promised
        found = _outcome(case, world, end.answers)
        assert found in expected, f"{found}\nis none of\n" + "\n".join(
            map(str, expected)
        )

    writers = [
        Writer(f"{number}", _act(case, number)) for number in range(len(case.at_once))
    ]
    workers = [
        Worker(f"w{number}", _associate, crashes=case.crashes and not number)
        for number in range(case.workers + SOAK)
    ]
    return explore(store, [*writers, *workers], judge, MOST)


def _prepared(case: Case) -> MemoryStore:
    store = MemoryStore()
    world = World(store)
    for number, say in enumerate(case.before):
        say(world.at(number))
    if case.drained:
        world.drain()
    return store


def _act(case: Case, number: int) -> Callable[[Store], Hashable]:
    return lambda store: _said(case, number, World(store, name=f"{number}-"))


def _said(case: Case, number: int, world: World) -> Hashable:
    return _shown(case.at_once[number](world.at(10 + number)))


def _shown(answer: Outcome) -> Hashable:
    """What of an answer depends on who came first."""
    if isinstance(answer, str):
        return answer
    results = tuple(result["status"] for result in answer.get("results", []))
    return (*results, *(answer.get("warnings", [])))


def _associate(store: Store, record: Change) -> None:
    Association(store, HARD, profiles_at_once=1).handle_change(*record)


def _in_order(case: Case, order: Sequence[int]) -> Hashable:
    store = _prepared(case)
    answers: list[Hashable] = [None] * len(order)
    for number in order:
        answers[number] = _said(case, number, World(store, name=f"{number}-"))
    world = World(store).at(20)
    _say_all(world, case.at_once_after)
    world.drain()
    world.sweep()
    world.drain()
    return _outcome(case, world, tuple(answers))


def _say_all(world: World, said: Sequence[Say]) -> None:
    for say in said:
        say(world)


def _outcome(case: Case, world: World, answers: tuple[Hashable, ...]) -> Hashable:
    told = [_told(world)]
    for number, say in enumerate(case.after):
        say(world.at(30 + number))
        world.drain()
        told.append(_told(world))
    return (answers, *told)


def _told(world: World) -> Hashable:
    """Whose every session and every event is, and what is said of whom."""
    dump = world.tables.dump()
    sessions = [
        key.partition.removeprefix(f"{SPACE}/")
        for key in dump
        if key.table == "sessions" and key.item == HEAD and "erased_at" not in dump[key]
    ]
    whose = tuple(sorted((s, world.whose(s)) for s in sessions))
    events = tuple(
        sorted(
            (id_, session, str(root) if root.type != "profile" else "nobody")
            for (_, root), found in timelines(dump, HARD).items()
            for _, id_, session in found
        )
    )
    views = tuple(
        (customer, repr(world.customer(customer)["attributes"]))
        for customer in sorted({customer for _, customer in whose if customer})
    )
    return whose, events, views
