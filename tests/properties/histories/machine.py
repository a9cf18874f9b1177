"""One shop under test and its reference, for machines of random histories: how a command is carried out and judged,
how stream records are delivered, and what has to be so whenever they are.
"""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
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

from hardlink.domain import records, times
from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Node
from hardlink.domain.records import Item, Key
from hardlink.domain.times import SECOND
from hardlink.domain.traits import session_summary
from hardlink.queries.customer import Customer
from hardlink.queries.customer_lookup import find_customer
from hardlink.services import association, sessions
from hardlink.services.answers import ERASED
from hardlink.storage import event_store, keys
from hardlink.storage.keys import HEAD
from tests.properties.histories import computed
from tests.properties.histories.reference import (
    OWN,
    Claim,
    Erased,
    Name,
    Reference,
    Refusal,
    Stretch,
    within,
)
from tests.properties.histories.schedules import Crash
from tests.properties.histories.world import (
    CAP,
    HARD,
    MONDAY,
    SPACE,
    Outcome,
    World,
    moment,
)
from tests.support.invariants import check
from tests.support.memory_store import Change, Dump

SHRINK = not os.environ.get("HARDLINK_AS_FOUND")
SEED = 20261122
"""Of the histories that every run tries; their order of names needs PYTHONHASHSEED=0, as `make test` sets it."""
ROWS = (1, 2, 100)
"""How many rows an association writes in one step."""
STEPS = int(os.environ.get("HARDLINK_STEPS") or 50)
ORDER = ("registered", "loyalty", "user_id", "email", "phone")
VALUES = {
    "registered": ("Ada", "Bob", "Cyd"),
    "loyalty": ("card-L", "card-M"),
    "user_id": ("user-7", "user-8"),
    "email": ("e@x.com", "f@x.com"),
    "phone": ("tel-1", "tel-2", "tel-3", "tel-4"),
}
"""None is part of anything else that the tables hold."""
NAMES = tuple(Name(type_, value) for type_, found in VALUES.items() for value in found)
SESSIONS = ("S1", "S2", "S3", "S4")
POLICIES = ("move", "split", "refuse")
DELIVERIES = ("once", "twice", "dies", "another meanwhile", "a command meanwhile")
KINDS = {
    "superseded": "superseded",
    "belonged": "owner",
    "another customer is": "separate",
    "somebody else than": "another",
}
explored: Counter[str] = Counter()
small = st.integers(0, 7)


class Sent(NamedTuple):
    """A command as it was sent. `at`: the second that it names; `day`: how often a link had been undone, or late."""

    kind: str
    session: str | None
    source: str
    body: Mapping[str, Any]
    at: int | None = None
    day: int = 0


class Shop(RuleBasedStateMachine):
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
        self.properties: dict[tuple[int, str, str], Mapping[str, Any]] = {}
        self.inside: tuple[int, int] | None = None
        self.rows_at_once = 100
        self.patch = pytest.MonkeyPatch()
        explored["histories"] += 1

    @initialize(rows=st.sampled_from(ROWS))
    def begin(self, rows: int) -> None:
        self.rows_at_once = rows
        if rows == ROWS[-1]:
            # In some histories visits are as long as they are: then calls go by the consent that
            # the session has itself. In the others most events are summarised.
            return
        self.patch.setattr(sessions, "AHEAD", 3 * SECOND)

    # -- streams --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.pending)
    @rule(
        which=small,
        other=small,
        writes=st.integers(0, 3),
        how=st.sampled_from(DELIVERIES),
    )
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
        try:
            if sys.exc_info()[0] is None:  # nothing failed before
                self._drain(random.Random(0))
                self._compare()
                for sent in self.sent[-12:]:
                    self._resend(sent)
                self._redeliver()
        finally:
            self.patch.undo()

    # -- how it is carried out ------------------------------------------------------------------------------------

    def _tracked(
        self,
        session: str,
        source: str,
        ids: Mapping[str, str],
        events: Sequence[dict[str, Any]],
        named: Mapping[str, Any],
    ) -> Sent:
        event_times = [
            event["second"] for event in events if event["second"] is not None
        ]
        timed = [_timed(event, event.pop("second")) for event in events]
        body = {"ids": ids, "events": timed, **named}
        return Sent("track", session, source, body, min(event_times, default=None))

    def _events(self, shapes: Sequence[str], age: int | None) -> list[dict[str, Any]]:
        return list(self._each(shapes, age))

    def _each(self, shapes: Sequence[str], age: int | None) -> Iterator[dict[str, Any]]:
        self.count += 1
        for number, shape in enumerate(shapes):
            id_ = "again" if shape == "twice" else f"v{self.count}-{number}"
            properties = computed.sent_with(self.count + number)
            found: dict[str, Any] = {"type": "view", "properties": properties}
            found["second"] = None
            if shape not in ("plain", "late"):
                found["id"] = id_
            if shape not in ("plain", "id"):
                found["second"] = self._second((age or 0) + number)
            yield found

    def _second(self, age: int) -> int:
        return max(self.seconds + 2 - age, 0)

    def _said(self) -> dict[str, Any]:
        self.count += 1
        return {"properties": {("plan", "city")[self.count % 2]: f"said-{self.count}"}}

    def _named(self, which: int) -> dict[str, Any]:
        known = set(self.reference.sessions.values())
        profiles = sorted(name for name in known if not name.value.startswith(OWN))
        if which < len(profiles) and which < 3:
            return {"profile": {"id": profiles[which].value}}
        return {"profile": {"id": "nobody"}} if which == 3 else {}

    def _aged(
        self,
        kind: str,
        session: str | None,
        source: str,
        body: dict[str, Any],
        age: int | None,
    ) -> Sent:
        if age is None:
            return Sent(kind, session, source, body)
        second = self._second(age)
        return Sent(kind, session, source, {**body, "time": moment(second)}, second)

    def _correct(self, ask: Callable[[], Outcome], tell: Callable[[], None]) -> None:
        """Carry a correction out, and tell the reference."""
        self.seconds += 2
        self.world.at(self.seconds)
        self.disturbed += 1
        refused: str | None = None
        outcome = ask()
        self.pending += self.world.tables.taken()
        try:
            tell()
        except Refusal as refusal:
            refused = refusal.code
        assert (outcome if isinstance(outcome, str) else None) == refused
        explored[f"corrections {refused or 'made'}"] += 1

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
        self._compare_values_at_once(sent)

    def _send(self, sent: Sent) -> Outcome:
        if sent.kind == "unlink":
            assert sent.session
            return self.world.unlink(sent.session)
        if sent.kind == "anonymize":
            assert sent.session
            return self.world.anonymize(sent.session)
        act: Callable[..., Outcome] = getattr(self.world, sent.kind)
        if sent.session and sent.session.startswith(OWN):
            return act(None, source=sent.source, server_side=True, **sent.body)
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
        except Erased:
            self._expect_nothing(outcome)
            return
        if refused:
            assert outcome == refused
            explored[refused] += 1
            return
        assert not isinstance(outcome, str), outcome
        if sent.kind not in ("track", "identify", "update"):
            return
        warnings = [
            k for w in outcome["warnings"] for text, k in KINDS.items() if text in w
        ]
        assert sorted(warnings) == sorted(reference.warnings)
        explored.update(warnings)
        if "customer" in outcome:
            assert outcome["customer"] == expected
        denied = any("opted out" in warning for warning in outcome["warnings"])
        if sent.at is not None and not denied:
            self.sent.append(sent._replace(day=self.disturbed))

    def _expect_nothing(self, outcome: Outcome) -> None:
        """All of it was said too early."""
        assert not isinstance(outcome, str), outcome
        explored["erased"] += 1
        assert outcome["warnings"] == [ERASED]
        assert outcome.get("customer") is None
        assert all(
            result["status"] == "dropped" for result in outcome.get("results", [])
        )

    def _opened(self, sent: Sent, outcome: Outcome) -> Name | None:
        if sent.session is None or sent.kind in ("unlink", "erase"):
            return None
        if sent.kind == "anonymize":
            return self.reference.sessions.get(sent.session)
        named = _named(sent)
        item = self.world.tables.get([keys.session_head(SPACE, sent.session)])[0]
        if item is None or "erased_at" in item:
            # who is refused, or opted out, or said all of it too early opens no session
            assert sent.session not in self.reference.sessions
            assert (
                isinstance(outcome, str)
                or self.reference.is_denied(sent.session, named)
                or outcome["warnings"] == [ERASED]
            )
            found, _ = self.reference.living(named)
            return found if found in self.reference.sessions.values() else None
        actual = Name(*self.world.profile(sent.session))
        profile = self.reference.open(sent.session, named, actual)
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
            if sent.session and reference.is_denied(sent.session, None):
                reference.denied = reference.denied | {fresh}
        elif sent.kind == "consent":
            assert sent.session
            if sent.session in reference.sessions:
                reference.consent(
                    reference.sessions[sent.session], sent.body["tracking"], now
                )
            else:  # who is forgotten stays opted out
                assert reference.ended[sent.session]
                assert sent.body["tracking"] == "denied"
        elif sent.session and reference.is_denied(sent.session, _named(sent)):
            return self._told_nothing(sent, outcome)
        else:
            return self._told_about(sent, profile, outcome)
        return None

    def _told_nothing(self, sent: Sent, outcome: Outcome) -> None:
        assert not isinstance(outcome, str)
        assert all(
            result["status"] == "dropped" for result in outcome.get("results", [])
        )
        assert outcome["warnings"]

    def _told_about(self, sent: Sent, profile: Name | None, outcome: Outcome) -> Any:
        reference = self.reference
        lost = reference.lost(sent.session, _named(sent)) if sent.session else set()
        while True:
            at = self._said_at(sent, lost)
            try:
                customer = self._claimed(sent, profile, at)
                break
            except Erased as erased:  # what happened after that stands
                reference.warnings.clear()
                lost = {*lost, (0, erased.until + 1)}
        if sent.kind == "track":
            self._stored(sent, outcome, lost)
            return None
        target = customer or profile
        assert target
        said = _micros(self.seconds) if at is None else at
        reference.say(target, "attributes", sent.body.get("properties", {}), said)
        ids = _ids(sent)
        first = min(ids, key=lambda name: ORDER.index(name.type), default=None)
        shown = customer if customer in ids else first
        return {"type": shown.type, "value": shown.value} if shown else None

    def _said_at(self, sent: Sent, lost: set[Stretch]) -> int | None:
        """When what is left of a command was said, if it says that. Raises `Erased` where nothing is left."""
        now = _micros(self.seconds)
        if sent.kind != "track":
            at = None if sent.at is None else _micros(sent.at)
            if within(now if at is None else at, lost):
                raise Erased(now)
            return at
        kept = [
            (time, "time" in event)
            for event, time in zip(sent.body["events"], self._times(sent), strict=True)
            if not within(time, lost)
        ]
        if sent.body["events"] and not kept:
            raise Erased(now)
        return min((time for time, timed in kept if timed), default=None)

    def _times(self, sent: Sent) -> list[int]:
        """When events happened: those that do not say it, in the payload's order."""
        return [
            times.parse_time(event["time"], "time")
            if "time" in event
            else _micros(self.seconds) + number
            for number, event in enumerate(sent.body["events"])
        ]

    def _claimed(self, sent: Sent, profile: Name | None, at: int | None) -> Name | None:
        """Whom a command is about."""
        reference = self.reference
        if not sent.body["ids"]:
            opened = sent.session in reference.sessions
            return (
                reference.customer(sent.session, at)
                if sent.session and opened
                else None
            )
        said = _micros(self.seconds) if at is None else at
        if said < self.latest:
            self.disturbed += 1
        self.latest = max(self.latest, said)
        return reference.claim(
            Claim(profile, _ids(sent), sent.source, said, timed=at is not None)
        )

    def _stored(self, sent: Sent, outcome: Outcome, lost: set[Stretch]) -> None:
        assert sent.session
        assert not isinstance(outcome, str)
        stored = self.reference.events[sent.session]
        for event, at, result in zip(
            sent.body["events"], self._times(sent), outcome["results"], strict=True
        ):
            if within(at, lost):
                assert result["status"] == "dropped"
                explored["events erased"] += 1
                continue
            place = (at, result["id"])
            assert result["status"] == ("duplicate" if place in stored else "stored")
            assert result["id"] == event.get("id", result["id"])
            if place not in stored:
                self.properties[(*place, sent.session)] = event["properties"]
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
        kept = all(
            "id" in event and "time" in event for event in sent.body.get("events", [])
        )
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
            return sent.day == self.disturbed and not HARD[SPACE].isdisjoint(
                sent.body["ids"]
            )
        if sent.kind == "track":
            return True
        assert sent.session
        assert sent.at is not None
        if sent.session not in self.reference.sessions:
            return True  # nobody came back to it
        found = [
            self.reference.values[name]
            for name in self.reference.chain(sent.session, _micros(sent.at))
        ]
        return all(
            any(
                values.get(("attributes", key)) == (_micros(sent.at), value)
                for values in found
            )
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
                association,
                "_batches",
                lambda actions, room: whole(actions, min(most, room)),
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
                with self._before_write(
                    chance.choice((0, 0, 1, 3)), act or (lambda: None)
                ):
                    self._deliver(record)
            except Crash:
                self.pending.append(record)

    # -- what has to be so ----------------------------------------------------------------------------------------

    def _compare(self) -> None:
        explored["compared"] += 1
        dump = self.world.tables.dump()
        explored["summaries"] += sum(key.item == keys.SESSION_SUMMARY for key in dump)
        check(dump, HARD)
        self._events_are_as_they_were(dump)
        for session in self.reference.sessions:
            customer = self.reference.customer(session)
            whose = _text(self.reference.survivor(customer)) if customer else None
            assert self.world.whose(session) == whose, session
        names = {*NAMES, *self.reference.sessions.values(), *self.reference.stones}
        answers = {name: self.reference.answers(name) for name in sorted(names)}
        for name, root in answers.items():
            self._compare_one(name, root)
        shown = {root for root in answers.values() if root}
        found = [place for root in shown for place in self.reference.timeline(root)]
        assert len(found) == len(set(found))
        # Complete as readers see it: each of them was compared with what a reader is shown.
        stored = {
            (time, id_, session)
            for session in self.reference.sessions
            for time, id_ in self.reference.events[session]
        }
        # What somebody did who was known by an address alone, and is another by now, while the address finds
        # yet another: it is read by the address itself.
        beside = {
            root
            for place in stored
            if (root := self._root_of(place)) not in shown and root.type != "profile"
        }
        assert all(answers[root] for root in beside)
        for root in beside:
            found += self._read_by_itself(root)
        assert set(found) == stored, set(found) ^ stored
        assert self._stored_events(dump) == stored

    def _read_by_itself(self, root: Name) -> list[tuple[int, str, str]]:
        """The timeline of a customer known by an identifier that finds another one by now."""
        shown = self._timeline(root, itself="true")
        explored["read by itself"] += len(shown)
        assert self.world.customer(_text(root))["warnings"]
        view = self.world.customer(_text(root), itself="true")
        assert view["customer"] == {"type": root.type, "value": root.value}
        assert sorted(shown, reverse=True) == self.reference.timeline(root)
        return shown

    def _root_of(self, place: tuple[int, str, str]) -> Name:
        time, _, session = place
        profile = self.reference.sessions[session]
        root = self.reference.whose(profile, time) or profile
        return self.reference.survivor(root)

    def _stored_events(self, dump: Dump) -> set[tuple[int, str, str]]:
        """Time, ID and session of every event that the tables hold, but for those of erased sessions."""
        found = set()
        for key in dump:
            session = keys.split_partition(key.partition)[1]
            if key.item.startswith("e/") and session in self.reference.sessions:
                found.add((keys.event_time(key), keys.event_id(key), session))
        return found

    def _compare_one(self, name: Name, root: Name | None) -> None:
        if root is None:
            with pytest.raises(NotFound):
                self.world.customer(_text(name))
            return
        reference = self.reference
        view = self.world.customer(_text(name), traits=computed.NAMES, segments="*")
        identifiers = {
            Name(t, v) for t, found in view["identifiers"].items() for v in found
        }
        facts = {
            (kind, key): value
            for kind in ("attributes", "segments", "traits", "consents")
            for key, value in dict(view[kind]).items()
        }
        assert view["customer"] == {"type": root.type, "value": root.value}, name
        assert {s["id"]: s["profile"] for s in view["sessions"]} == {
            session: reference.sessions[session].value
            for session in reference.visits(root)
        }, name
        assert identifiers == reference.identifiers(root), name
        assert facts == reference.facts(root), name
        shown = self._timeline(name)
        times_shown = [time for time, _, _ in shown]
        assert times_shown == sorted(times_shown, reverse=True), name
        # events of equal times stand in the order of their calls, which other tests hold
        expected = reference.timeline(root)
        assert sorted(shown, reverse=True) == expected, set(shown) ^ set(expected)
        plain = computed.compute(shown, self.properties, view["attributes"])
        assert view["computed"] == plain, name
        explored["traits computed"] += 1

    def _compare_values_at_once(self, sent: Sent) -> None:
        """Whatever the streams have not delivered yet, values are of all events in the customer's spans."""
        names = [*map(Name._make, sent.body.get("ids", {}).items())]
        if sent.session in self.reference.sessions:
            names.append(self.reference.sessions[sent.session])
        for name in names:
            try:
                view = self.world.customer(
                    _text(name), traits=computed.NAMES, segments="*"
                )
            except NotFound:
                continue
            customer = find_customer(self.world.tables, SPACE, Node(*name))
            shown = self._shown_events(customer)
            plain = computed.compute(shown, self.properties, view["attributes"])
            assert view["computed"] == plain, name
            explored["traits computed at once"] += 1

    def _shown_events(self, customer: Customer) -> list[tuple[int, str, str]]:
        """Every stored event that lies in the spans of a customer, as far as these are known there."""
        dump = self.world.tables.dump()
        found: list[tuple[int, int, str, str]] = []
        for interval in customer.session_intervals():
            partition = keys.session_partition(SPACE, interval.session)
            for key, item in dump.items():
                if key.partition == partition and key.item.startswith(keys.EVENT):
                    time = keys.event_time(key)
                    received = event_store.received_at(key, item)
                    is_within = interval.start <= time < interval.end
                    if is_within and interval.shows(time, received):
                        place = keys.event_id(key), interval.session
                        found.append((time, received, *place))
        return [
            (time, id_, session)
            for time, _, id_, session in sorted(found, reverse=True)
        ]

    def _timeline(self, name: Name, **more: str) -> list[tuple[int, str, str]]:
        """As a reader finds it page by page."""
        found: list[tuple[int, str, str]] = []
        query: dict[str, str] = {"limit": "25", **more}
        while True:
            page = self.world.queries.read_customer_events(SPACE, *name, query.get)
            found += [
                (times.parse_time(event["time"], "time"), event["id"], event["session"])
                for event in page["events"]
                if not event["id"].startswith("!")  # derived, and tested by themselves
            ]
            if not page["cursor"]:
                return found
            query["cursor"] = page["cursor"]

    def _events_are_as_they_were(self, dump: Dump) -> None:
        now = {key: item for key, item in dump.items() if key.item.startswith("e/")}
        kept = {
            keys.session_event(SPACE, session, *place)
            for session, found in self.reference.events.items()
            for place in found
        }
        assert all(
            now.get(key) == item for key, item in self.events.items() if key in kept
        )
        self.events = now

    def _redeliver(self) -> None:
        """Every record, delivered again once all were, writes nothing but tasks that write nothing."""
        before = self.world.tables.dump()
        wrote: list[Key] = []

        def refuse(request: str, item_keys: Sequence[Key]) -> None:
            if request in ("write", "insert"):
                wrote.extend(key for key in item_keys if not _is_task(key))

        self.world.tables.before = refuse
        for key in before:
            if key.item == HEAD:
                self._deliver((key.table, key.partition))
        while self.pending:
            self._deliver(self.pending.pop())
        self.world.tables.before = None
        assert not wrote
        assert self.world.tables.dump() == before


def _is_task(key: Key) -> bool:
    """Many profiles of a soft identifier are re-homed by tasks: a record that comes again adds them again."""
    return keys.is_rehoming_task(keys.split_partition(key.partition)[1])


def _named(sent: Sent) -> Name | None:
    named = sent.body.get("profile", {}).get("id")
    return Name("profile", named) if named else None


def _ids(sent: Sent) -> list[Name]:
    return [Name(type_, value) for type_, value in sent.body["ids"].items()]


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


def histories(
    of: type[Shop],
    examples: int,
    *,
    chance: bool = False,
    shrink: bool = True,
) -> None:
    """Try so many, the same ones each time unless by chance. Raises what shows that one went wrong."""
    with _quiet_soon():
        run_state_machine_as_test(
            of if chance else seed(SEED)(of),
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            ),
        )


@contextmanager
def _quiet_soon() -> Iterator[None]:
    """Sessions are quiet within seconds, as histories are: so most of their events are summarised."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (records, session_summary, sessions):
            patch.setattr(module, "LATE", 2 * SECOND)
        for module in (records, session_summary):
            patch.setattr(module, "UNDER_WAY", 1)
        yield
