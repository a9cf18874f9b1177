"""Random histories of every command, streams delivered in any order, twice, and by workers that die on the way.

Whenever the streams are drained, every answer is that of the reference, which knows the rules and nothing of the
library. `HARDLINK_SOAK=<minutes>` goes on trying other histories for so long.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping, Sequence
from itertools import combinations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.properties.histories.machine import (
    NAMES,
    ORDER,
    POLICIES,
    SESSIONS,
    SHRINK,
    VALUES,
    Sent,
    Shop,
    _micros,
    _text,
    explored,
    histories,
    small,
)
from tests.properties.histories.reference import Name

SOAK = float(os.environ.get("HARDLINK_SOAK") or 0)
EXAMPLES = int(os.environ.get("HARDLINK_EXAMPLES") or 200)


def _some_ids() -> Sequence[Mapping[str, str]]:
    """One to three identifiers of different types: each alone, then pairs of every kind, then three."""
    chance = random.Random(1)
    found = [{name.type: name.value} for name in NAMES]
    pairs = [
        *combinations(ORDER, 2),
        *[p for p in combinations(ORDER, 2) if p[0] == "registered"],
    ]
    for types in [*pairs, *pairs, *combinations(ORDER[2:], 2), *combinations(ORDER, 3)]:
        found += [{t: chance.choice(VALUES[t]) for t in types} for _ in range(2)]
    return found


sessions = st.sampled_from(SESSIONS)
sources = st.sampled_from(POLICIES)
some_ids = st.sampled_from(_some_ids())
hard_ids = st.sampled_from(
    [ids for ids in _some_ids() if not ids.keys().isdisjoint(ORDER[:2])]
)
soft_ids = st.sampled_from(
    [ids for ids in _some_ids() if ids.keys().isdisjoint(ORDER[:2])]
)
hard_names = st.sampled_from([name for name in NAMES if name.type in ORDER[:2]])
ages = st.sampled_from((None, None, None, 0, 0, 0, 1, 4, 9, 20))
"""How many seconds ago a command says that it was said."""
shapes = st.sampled_from(
    (
        ("both",),
        ("both", "both"),
        ("plain", "both"),
        ("both", "id", "late"),
        ("twice", "both"),
        (),
    )
)
"""Of each event of a call: whether it says its ID, its time, or both; `twice`: what others say too."""


class Histories(Shop):
    """Every command."""

    def __init__(self) -> None:
        super().__init__()
        self.removals: list[tuple[Name, str, int]] = []
        self.merges: list[tuple[Name, str]] = []

    # -- commands -------------------------------------------------------------------------------------------------

    @rule(
        session=sessions,
        source=sources,
        ids=st.one_of(st.just({}), st.just({}), some_ids),
        shapes=st.lists(
            st.sampled_from(("plain", "id", "late", "both", "old", "twice")), max_size=3
        ),
        age=ages,
        profile=small,
    )
    def track(
        self,
        session: str,
        source: str,
        ids: Mapping[str, str],
        shapes: Sequence[str],
        age: int | None,
        profile: int,
    ) -> None:
        self._perform(
            self._tracked(
                session, source, ids, self._events(shapes, age), self._named(profile)
            )
        )

    @rule(session=sessions, source=sources, ids=hard_ids, age=ages, profile=small)
    def log_in(
        self,
        session: str,
        source: str,
        ids: Mapping[str, str],
        age: int | None,
        profile: int,
    ) -> None:
        body = {"ids": ids, **self._named(profile)}
        self._perform(self._aged("identify", session, source, body, age))

    @rule(session=sessions, source=sources, ids=soft_ids, age=ages)
    def give_an_address(
        self, session: str, source: str, ids: Mapping[str, str], age: int | None
    ) -> None:
        self._perform(
            self._aged("identify", session, source, {"ids": ids, **self._said()}, age)
        )

    @rule(session=sessions, source=sources, ids=some_ids, age=ages)
    def identify(
        self, session: str, source: str, ids: Mapping[str, str], age: int | None
    ) -> None:
        self._perform(
            self._aged("identify", session, source, {"ids": ids, **self._said()}, age)
        )

    @rule(
        session=sessions, source=sources, ids=st.one_of(st.just({}), some_ids), age=ages
    )
    def update(
        self, session: str, source: str, ids: Mapping[str, str], age: int | None
    ) -> None:
        self._perform(
            self._aged("update", session, source, {"ids": ids, **self._said()}, age)
        )

    @rule(source=sources, ids=some_ids, age=ages)
    def update_a_customer(
        self, source: str, ids: Mapping[str, str], age: int | None
    ) -> None:
        self._perform(
            self._aged("update", None, source, {"ids": ids, **self._said()}, age)
        )

    @rule(
        session=sessions,
        what=st.sampled_from(("granted", "denied", "granted", "anew", "wait")),
    )
    def seldom(self, session: str, what: str) -> None:
        if what in ("granted", "denied"):
            self._perform(Sent("consent", session, "move", {"tracking": what}))
        elif what == "anew" and len(self.reference.sessions) < 8:
            self._perform(Sent("anonymize", session, "move", {}))
        elif what == "wait":
            self.seconds += 3600

    @rule(session=sessions)
    def unlink(self, session: str) -> None:
        if session in self.reference.sessions:
            self._perform(Sent("unlink", session, "move", {}))

    # -- corrections ----------------------------------------------------------------------------------------------

    @rule(identifier=st.sampled_from(NAMES), customer=hard_names, which=small)
    def take_off(self, identifier: Name, customer: Name, which: int) -> None:
        holder = self.reference.owner(identifier)
        if holder and which:  # seldom one who does not have it
            customer = self.reference.root(holder)
        elif which:
            return
        evidence = f"removal-{self.seconds}"

        def tell() -> None:
            now = _micros(self.seconds)
            removal = self.reference.remove(identifier, customer, now)
            if removal:
                self.removals.append((identifier, evidence, removal))

        self._correct(
            lambda: self.world.remove_identifier(
                _text(identifier), _text(customer), evidence
            ),
            tell,
        )

    @precondition(lambda self: self.removals)
    @rule(which=small)
    def give_back(self, which: int) -> None:
        identifier, evidence, removal = self.removals[which % len(self.removals)]
        self._correct(
            lambda: self.world.undo_correction(_text(identifier), evidence),
            lambda: self.reference.give_back(removal),
        )

    @rule(absorbed=hard_names, into=hard_names, which=small)
    def merge(self, absorbed: Name, into: Name, which: int) -> None:
        if which and None in map(self.reference.answers, (absorbed, into)):
            return  # seldom one who is not known
        evidence = f"merge-{self.seconds}"

        def tell() -> None:
            lower = self.reference.merge(absorbed, into)
            if lower:
                self.merges.append((lower, evidence))

        self._correct(
            lambda: self.world.merge(_text(absorbed), _text(into), evidence), tell
        )

    @precondition(lambda self: self.merges)
    @rule(which=small)
    def separate(self, which: int) -> None:
        lower, evidence = self.merges.pop(which % len(self.merges))
        self._correct(
            lambda: self.world.undo_correction(_text(lower), evidence),
            lambda: self.reference.separate(lower),
        )

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def resend(self, data: st.DataObject) -> None:
        """What was said with its time and said again changes nothing."""
        self._resend(data.draw(st.sampled_from(self.sent)))


def test_every_history_is_as_the_rules_say() -> None:
    explored.clear()
    started = time.monotonic()
    histories(Histories, EXAMPLES, shrink=SHRINK)
    while time.monotonic() - started < SOAK * 60:
        histories(Histories, EXAMPLES, chance=True, shrink=SHRINK)
    print(dict(explored))  # noqa: T201 - what was explored is the result
