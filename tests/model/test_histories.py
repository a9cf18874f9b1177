"""Random histories of every command, streams delivered in any order, twice, and by workers that die on the way.

Whenever the streams are drained, every answer is that of the reference, which knows the rules and nothing of the
library. `HARDLINK_SOAK=<minutes>` goes on trying other histories for so long.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hardlink import association, instants, layout
from hardlink.errors import NotFound
from hardlink.instants import SECOND
from hardlink.layout import HEAD, Item, Key
from tests.invariants import check
from tests.memory import Change, Dump
from tests.model.reference import Claim, Name, Reference, Refusal
from tests.model.schedules import Crash
from tests.model.world import CAP, HARD, MONDAY, SPACE, Outcome, World, moment

SOAK = float(os.environ.get("HARDLINK_SOAK") or 0)
EXAMPLES = int(os.environ.get("HARDLINK_EXAMPLES") or 200)
SHRINK = not os.environ.get("HARDLINK_AS_FOUND")
SEED = 20261122
"""Of the histories that every run tries; their order of names needs PYTHONHASHSEED=0, as `make test` sets it."""
STEPS = int(os.environ.get("HARDLINK_STEPS") or 50)
ORDER = ("registered", "loyalty", "user_id", "email", "phone")
VALUES = {
    "registered": ("A", "B", "C"),
    "loyalty": ("L", "M"),
    "user_id": ("7", "8"),
    "email": ("e@x.com", "f@x.com"),
    "phone": ("1", "2", "3", "4"),
}
NAMES = tuple(Name(type_, value) for type_, found in VALUES.items() for value in found)
SESSIONS = ("S1", "S2", "S3", "S4")
POLICIES = ("move", "split", "refuse")
DELIVERIES = ("once", "twice", "dies", "another meanwhile", "a command meanwhile")
KINDS = {"superseded": "superseded", "belonged": "owner", "another customer is": "separate"}
explored: Counter[str] = Counter()


class Sent(NamedTuple):
    """A command as it was sent. `at`: the second that it names; `day`: how often a link had been undone, or late."""

    kind: str
    session: str | None
    source: str
    body: Mapping[str, Any]
    at: int | None = None
    day: int = 0


def _some_ids() -> Sequence[Mapping[str, str]]:
    """One to three identifiers of different types: each alone, then pairs of every kind, then three."""
    chance = random.Random(1)
    found = [{name.type: name.value} for name in NAMES]
    pairs = [*combinations(ORDER, 2), *[p for p in combinations(ORDER, 2) if p[0] == "registered"]]
    for types in [*pairs, *pairs, *combinations(ORDER[2:], 2), *combinations(ORDER, 3)]:
        found += [{t: chance.choice(VALUES[t]) for t in types} for _ in range(2)]
    return found


sessions = st.sampled_from(SESSIONS)
sources = st.sampled_from(POLICIES)
some_ids = st.sampled_from(_some_ids())
hard_ids = st.sampled_from([ids for ids in _some_ids() if not ids.keys().isdisjoint(ORDER[:2])])
soft_ids = st.sampled_from([ids for ids in _some_ids() if ids.keys().isdisjoint(ORDER[:2])])
ages = st.sampled_from((None, None, None, 0, 0, 0, 1, 4, 9, 20))
"""How many seconds ago a command says that it was said."""
small = st.integers(0, 7)
shapes = st.sampled_from(
    (("both",), ("both", "both"), ("plain", "both"), ("both", "id", "late"), ("twice", "both"), ())
)
"""Of each event of a call: whether it says its ID, its time, or both; `twice`: what others say too."""


class Histories(RuleBasedStateMachine):
    """One shop, and the reference of what it has to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.reference = Reference(HARD[SPACE], ORDER, {"phone": CAP})
        self.seconds = 0
        self.count = 0
        self.disturbed = 0
        self.latest = 0
        self.pending: list[Change] = []
        self.sent: list[Sent] = []
        self.events: dict[Key, Item] = {}
        self.inside: tuple[int, int] | None = None
        self.rows_at_once = 100
        explored["histories"] += 1

    @initialize(rows=st.sampled_from((1, 2, 100)))
    def begin(self, rows: int) -> None:
        self.rows_at_once = rows

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
        events = list(self._events(shapes, age))
        times = [event["second"] for event in events if event["second"] is not None]
        body = {
            "ids": ids,
            "events": [_timed(event, event.pop("second")) for event in events],
            **self._named(profile),
        }
        self._perform(Sent("track", session, source, body, min(times, default=None)))

    @rule(session=sessions, source=sources, ids=hard_ids, age=ages, profile=small)
    def log_in(
        self, session: str, source: str, ids: Mapping[str, str], age: int | None, profile: int
    ) -> None:
        body = {"ids": ids, **self._named(profile)}
        self._perform(self._aged("identify", session, source, body, age))

    @rule(session=sessions, source=sources, ids=soft_ids, age=ages)
    def give_an_address(
        self, session: str, source: str, ids: Mapping[str, str], age: int | None
    ) -> None:
        self._perform(self._aged("identify", session, source, {"ids": ids, **self._said()}, age))

    @rule(session=sessions, source=sources, ids=some_ids, age=ages)
    def identify(self, session: str, source: str, ids: Mapping[str, str], age: int | None) -> None:
        self._perform(self._aged("identify", session, source, {"ids": ids, **self._said()}, age))

    @rule(session=sessions, source=sources, ids=st.one_of(st.just({}), some_ids), age=ages)
    def update(self, session: str, source: str, ids: Mapping[str, str], age: int | None) -> None:
        self._perform(self._aged("update", session, source, {"ids": ids, **self._said()}, age))

    @rule(source=sources, ids=some_ids, age=ages)
    def update_a_customer(self, source: str, ids: Mapping[str, str], age: int | None) -> None:
        self._perform(self._aged("update", None, source, {"ids": ids, **self._said()}, age))

    @rule(session=sessions, what=st.sampled_from(("granted", "denied", "granted", "anew", "wait")))
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

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def resend(self, data: st.DataObject) -> None:
        """What was said with its time and said again changes nothing."""
        self._resend(data.draw(st.sampled_from(self.sent)))

    # -- streams --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.pending)
    @rule(which=small, other=small, writes=st.integers(0, 3), how=st.sampled_from(DELIVERIES))
    def deliver(self, which: int, other: int, writes: int, how: str) -> None:
        record = self.pending[which % len(self.pending)]
        if how == "dies":
            with suppress(Crash), self._before_write(writes, self._die):
                self._deliver(record)
        elif how == "another meanwhile":
            second = self.pending[other % len(self.pending)]
            with self._before_write(writes, lambda: self._deliver(second)):
                self._deliver(record)
        elif how == "a command meanwhile":
            self.inside = (which, writes)
        else:
            self._deliver(record)
            if how == "once":
                self.pending.remove(record)

    @rule(seed=st.integers(0, 3))
    def drain(self, seed: int) -> None:
        self._drain(random.Random(seed))
        self._compare()

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:  # nothing failed before
            self._drain(random.Random(0))
            self._compare()
            for sent in self.sent[-12:]:
                self._resend(sent)
            self._redeliver()

    # -- how it is carried out ------------------------------------------------------------------------------------

    def _events(self, shapes: Sequence[str], age: int | None) -> Iterator[dict[str, Any]]:
        self.count += 1
        for number, shape in enumerate(shapes):
            id_ = "again" if shape == "twice" else f"v{self.count}-{number}"
            found: dict[str, Any] = {"type": "view", "second": None}
            if shape not in ("plain", "late"):
                found["id"] = id_
            if shape not in ("plain", "id"):
                found["second"] = self._second((age or 0) + number)
            yield found

    def _second(self, age: int) -> int:
        return max(self.seconds + 2 - age, 0)

    def _said(self) -> dict[str, Any]:
        self.count += 1
        return {"properties": {("plan", "city")[self.count % 2]: self.count}}

    def _named(self, which: int) -> dict[str, Any]:
        profiles = sorted(set(self.reference.sessions.values()))
        if which < len(profiles) and which < 3:
            return {"profile": {"id": profiles[which].value}}
        return {"profile": {"id": "nobody"}} if which == 3 else {}

    def _aged(
        self, kind: str, session: str | None, source: str, body: dict[str, Any], age: int | None
    ) -> Sent:
        if age is None:
            return Sent(kind, session, source, body)
        second = self._second(age)
        return Sent(kind, session, source, {**body, "time": moment(second)}, second)

    def _perform(self, sent: Sent) -> None:
        self.seconds += 2
        self.world.at(self.seconds)
        explored["commands"] += 1
        outcomes: list[Outcome] = []
        if self.inside and self.pending:
            which, writes = self.inside
            with self._before_write(writes, lambda: outcomes.append(self._send(sent))):
                self._deliver(self.pending[which % len(self.pending)])
        self.inside = None
        if not outcomes:
            outcomes.append(self._send(sent))
        else:
            explored["commands meanwhile"] += 1
        self.pending += self.world.tables.taken()
        self._expect(sent, outcomes[0])

    def _send(self, sent: Sent) -> Outcome:
        if sent.kind == "unlink":
            assert sent.session
            return self.world.unlink(sent.session)
        if sent.kind == "anonymize":
            assert sent.session
            return self.world.anonymize(sent.session)
        act: Callable[..., Outcome] = getattr(self.world, sent.kind)
        if sent.kind == "consent":
            return act(sent.session, sent.body["tracking"])
        return act(sent.session, source=sent.source, **sent.body)

    def _expect(self, sent: Sent, outcome: Outcome) -> None:
        """Tell the reference, and compare what both answer."""
        reference = self.reference
        reference.warnings.clear()
        profile = self._opened(sent, outcome)
        expected, refused = None, None
        try:
            expected = self._told(sent, profile, outcome)
        except Refusal as refusal:
            refused = refusal.code
        if refused:
            assert outcome == refused
            explored[refused] += 1
            return
        assert not isinstance(outcome, str), outcome
        if sent.kind in ("unlink", "anonymize", "consent"):
            return
        warnings = [k for w in outcome["warnings"] for text, k in KINDS.items() if text in w]
        assert sorted(warnings) == sorted(reference.warnings)
        explored.update(warnings)
        if "customer" in outcome:
            assert outcome["customer"] == expected
        denied = any("opted out" in warning for warning in outcome["warnings"])
        if sent.at is not None and not denied:
            self.sent.append(sent._replace(day=self.disturbed))

    def _opened(self, sent: Sent, outcome: Outcome) -> Name | None:
        if sent.session is None or sent.kind == "unlink":
            return None
        if sent.kind == "anonymize":
            return self.reference.sessions.get(sent.session)
        named = sent.body.get("profile", {}).get("id")
        if self.world.tables.get([layout.session(SPACE, sent.session)]) == [None]:
            # who is refused, or opted out, opens no session
            known = Name("profile", named) if named else None
            assert isinstance(outcome, str) or known in self.reference.denied
            assert sent.session not in self.reference.sessions
            return known if known in self.reference.sessions.values() else None
        actual = Name(*self.world.profile(sent.session))
        profile = self.reference.open(
            sent.session, Name("profile", named) if named else None, actual
        )
        assert profile == actual
        assert profile.value != "nobody"
        return profile

    def _told(self, sent: Sent, profile: Name | None, outcome: Outcome) -> Any:
        reference, now = self.reference, _micros(self.seconds)
        if sent.kind == "unlink":
            assert sent.session
            self.disturbed += 1
            reference.undo(reference.sessions[sent.session], now)
            explored["undone"] += 1
        elif sent.kind == "anonymize":
            assert not isinstance(outcome, str)
            fresh = Name("profile", outcome["profile"]["id"])
            assert fresh not in reference.sessions.values()
            assert outcome["session"]["id"] not in reference.sessions
            reference.sessions[outcome["session"]["id"]] = fresh
            if profile in reference.denied:
                reference.denied = reference.denied | {fresh}
        elif sent.kind == "consent":
            assert profile
            reference.consent(profile, sent.body["tracking"], now)
        elif profile in reference.denied:
            return self._told_nothing(sent, outcome)
        else:
            return self._told_about(sent, profile, outcome)
        return None

    def _told_nothing(self, sent: Sent, outcome: Outcome) -> None:
        assert not isinstance(outcome, str)
        assert all(result["status"] == "dropped" for result in outcome.get("results", []))
        assert outcome["warnings"]

    def _told_about(self, sent: Sent, profile: Name | None, outcome: Outcome) -> Any:
        reference, now = self.reference, _micros(self.seconds)
        said = now if sent.at is None else _micros(sent.at)
        ids = [Name(type_, value) for type_, value in sent.body["ids"].items()]
        opened = sent.session in reference.sessions
        at = None if sent.at is None else said
        customer = reference.customer(sent.session, at) if sent.session and opened else None
        if ids:
            if said < self.latest:
                self.disturbed += 1
            self.latest = max(self.latest, said)
            claim = Claim(profile, ids, sent.source, said, timed=sent.at is not None)
            customer = reference.claim(claim)
        if sent.kind == "track":
            self._stored(sent, outcome)
            return None
        target = customer or profile
        assert target
        reference.say(target, "attributes", sent.body.get("properties", {}), said)
        first = min(ids, key=lambda name: ORDER.index(name.type), default=None)
        shown = customer if customer in ids else first
        return {"type": shown.type, "value": shown.value} if shown else None

    def _stored(self, sent: Sent, outcome: Outcome) -> None:
        assert sent.session
        assert not isinstance(outcome, str)
        stored = self.reference.events[sent.session]
        for number, (event, result) in enumerate(
            zip(sent.body["events"], outcome["results"], strict=True)
        ):
            time = instants.parse(event["time"], "time") if "time" in event else None
            place = (_micros(self.seconds) + number if time is None else time, result["id"])
            assert result["status"] == ("duplicate" if place in stored else "stored")
            assert result["id"] == event.get("id", result["id"])
            stored.add(place)
            explored["events"] += 1

    def _resend(self, sent: Sent) -> None:
        """Nothing is written, unless what it was said after has been unsaid, or something else came late since."""
        snapshot, before = self.world.tables.snapshot(), self.world.tables.dump()
        self.seconds += 2
        self.world.at(self.seconds)
        self._send(sent)
        after = self.world.tables.dump()
        calm = self._is_placed(sent)
        kept = all("id" in event and "time" in event for event in sent.body.get("events", []))
        if after != before:
            explored["resent, and it changed something"] += 1
            assert not (calm and kept), _difference(before, after)
            self.world.tables.restore(snapshot)
        else:
            explored["resent, calm" if calm else "resent"] += 1

    def _is_placed(self, sent: Sent) -> bool:
        """Whether nothing was unsaid or late since; without IDs, whether it stands where it would be said again.

        Soft identifiers alone mean whoever they find by now: what was learned of them since may add a link.
        """
        if sent.body["ids"]:
            return sent.day == self.disturbed and not HARD[SPACE].isdisjoint(sent.body["ids"])
        if sent.kind == "track":
            return True
        assert sent.session
        assert sent.at is not None
        found = [self.reference.values[name] for name in self.reference.chain(sent.session)]
        return all(
            any(values.get(("attributes", key)) == (_micros(sent.at), value) for values in found)
            for key, value in sent.body["properties"].items()
        )

    def _die(self) -> None:
        explored["crashes"] += 1
        raise Crash

    def _deliver(self, record: Change) -> None:
        explored["delivered"] += 1
        with self._few_rows_at_once():
            self.world.deliver(record)
        self.pending += self.world.tables.taken()

    @contextmanager
    def _few_rows_at_once(self) -> Iterator[None]:
        """Association writes in many transactions, so that it can die between any two."""
        whole, most = association._batches, self.rows_at_once
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                association, "_batches", lambda actions, room: whole(actions, min(most, room))
            )
            yield

    @contextmanager
    def _before_write(self, writes: int, act: Callable[[], None]) -> Iterator[None]:
        left = [writes]

        def before(request: str, _: Sequence[Key]) -> None:
            if request == "write":
                left[0] -= 1
                if left[0] == -1:
                    act()

        self.world.tables.before = before
        try:
            yield
        finally:
            self.world.tables.before = None

    def _drain(self, chance: random.Random) -> None:
        self.pending += self.world.tables.taken()
        while self.pending:
            record = self.pending.pop(chance.randrange(len(self.pending)))
            other = chance.choice([*self.pending, record])
            act = chance.choice((self._die, partial(self._deliver, other), None, None))
            try:
                with self._before_write(chance.choice((0, 0, 1, 3)), act or (lambda: None)):
                    self._deliver(record)
            except Crash:
                self.pending.append(record)

    # -- what has to be so ----------------------------------------------------------------------------------------

    def _compare(self) -> None:
        explored["compared"] += 1
        dump = self.world.tables.dump()
        check(dump, HARD)
        self._events_are_as_they_were(dump)
        for session in self.reference.sessions:
            customer = self.reference.customer(session)
            assert self.world.whose(session) == (_text(customer) if customer else None), session
        answers = {
            name: self.reference.answers(name)
            for name in (*NAMES, *set(self.reference.sessions.values()))
        }
        for name, root in answers.items():
            self._compare_one(name, root)
        shown = {root for root in answers.values() if root}
        found = [place for root in shown for place in self.reference.timeline(root)]
        assert len(found) == len(set(found))

    def _compare_one(self, name: Name, root: Name | None) -> None:
        if root is None:
            with pytest.raises(NotFound):
                self.world.customer(_text(name))
            return
        reference = self.reference
        view = self.world.customer(_text(name))
        identifiers = {Name(t, v) for t, found in view["identifiers"].items() for v in found}
        facts = {
            (kind, key): value
            for kind in ("attributes", "segments", "traits", "consents")
            for key, value in dict(view[kind]).items()
        }
        assert view["customer"] == {"type": root.type, "value": root.value}, name
        assert {s["id"]: s["profile"] for s in view["sessions"]} == {
            session: reference.sessions[session].value for session in reference.visits(root)
        }, name
        assert identifiers == reference.identifiers(root), name
        assert facts == reference.facts(root), name
        assert self._timeline(name) == reference.timeline(root), name

    def _timeline(self, name: Name) -> list[tuple[int, str, str]]:
        """As a reader finds it page by page."""
        found: list[tuple[int, str, str]] = []
        query: dict[str, str] = {"limit": "25"}
        while True:
            page = self.world.reading.customer_events(SPACE, *name, query.get)
            found += [
                (instants.parse(event["time"], "time"), event["id"], event["session"])
                for event in page["events"]
                if not event["id"].startswith("!")  # derived, and tested by themselves
            ]
            if not page["cursor"]:
                return found
            query["cursor"] = page["cursor"]

    def _events_are_as_they_were(self, dump: Dump) -> None:
        now = {key: item for key, item in dump.items() if key.item.startswith("e/")}
        assert all(now.get(key) == item for key, item in self.events.items())
        self.events = now

    def _redeliver(self) -> None:
        """Every record, delivered again once all were, writes nothing."""
        before = self.world.tables.dump()
        wrote: list[Key] = []

        def refuse(request: str, keys: Sequence[Key]) -> None:
            if request in ("write", "insert"):
                wrote.extend(keys)

        self.world.tables.before = refuse
        for key in before:
            if key.item == HEAD:
                self._deliver((key.table, key.partition))
        self.world.tables.before = None
        assert not wrote


def _timed(event: dict[str, Any], second: int | None) -> dict[str, Any]:
    return event if second is None else {**event, "time": moment(second)}


def _micros(second: int) -> int:
    return MONDAY + second * SECOND


def _text(name: Name) -> str:
    return f"{name.type}={name.value}"


def _difference(before: Dump, after: Dump) -> str:
    return "\n".join(
        f"{key}\n  {before.get(key)}\n  {after.get(key)}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )


def histories(examples: int, *, chance: bool = False, shrink: bool = True) -> None:
    """Try so many, the same ones each time unless by chance. Raises what shows that one went wrong."""
    machine = Histories if chance else seed(SEED)(Histories)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
        ),
    )


def test_every_history_is_as_the_rules_say() -> None:
    explored.clear()
    started = time.monotonic()
    histories(EXAMPLES, shrink=SHRINK)
    while time.monotonic() - started < SOAK * 60:
        histories(EXAMPLES, chance=True, shrink=SHRINK)
    print(dict(explored))  # noqa: T201 - what was explored is the result
