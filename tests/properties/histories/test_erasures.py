"""Random histories in which people are erased: by any identifier or session, swept late, twice and in any order.

What was said before comes again, late; people come back on the same sessions, with the same addresses. The reference
says what goes, what stays and who is new; of what goes nothing is left in either table (I8), and nobody else loses
anything (I1, I4).
"""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Node
from hardlink.domain.times import MINUTE, SECOND
from hardlink.queries.customer import Customer
from hardlink.queries.customer_lookup import find_customer
from tests.properties.histories.machine import (
    NAMES,
    ORDER,
    SHRINK,
    Sent,
    Shop,
    explored,
    histories,
    small,
)
from tests.properties.histories.reference import OWN, Name
from tests.properties.histories.schedules import Crash
from tests.properties.histories.world import SPACE, Outcome
from tests.support.memory_store import Dump

EXAMPLES = int(os.environ.get("HARDLINK_EXAMPLES") or 100)
TOKEN = re.compile(r"[\w.@-]+")
MEANWHILE = (
    "plain",
    "plain",
    "plain",
    "dies",
    "a delivery meanwhile",
    "another sweep meanwhile",
)
NOT_BEGUN = "not begun"
PEOPLE: tuple[Mapping[str, str], ...] = (
    {"registered": "Ada"},
    {"registered": "Bob"},
    {"registered": "Ada", "email": "e@x.com"},
    {"registered": "Bob", "email": "e@x.com"},
    {"registered": "Ada", "loyalty": "card-L"},
    {"registered": "Bob", "phone": "tel-1"},
    {"loyalty": "card-L", "email": "e@x.com"},
)
ADDRESSES: tuple[Mapping[str, str], ...] = (
    {"email": "e@x.com"},
    {"email": "e@x.com"},
    {"phone": "tel-1"},
    {"email": "e@x.com", "phone": "tel-1"},
    {"email": "f@x.com", "phone": "tel-1"},
)
WHOM = (
    "registered=Ada",
    "registered=Ada",
    "registered=Bob",
    "email=e@x.com",
    "phone=tel-1",
)
sessions = st.sampled_from(("S1", "S1", "S2", "S3"))
more_sessions = st.sampled_from(("S1", "S3", "S4", "S5", "S6"))
sources = st.sampled_from(("split", "split", "move"))
people = st.sampled_from(PEOPLE)
addresses = st.sampled_from(ADDRESSES)
ages = st.sampled_from((None, None, None, 0, 2, 5, 9, 20, 4000))
"""How many seconds ago a command says that it was said."""
late = st.sampled_from((2, 5, 9, 20, 4000, None))
shapes = st.lists(
    st.sampled_from(("both", "both", "late", "plain")), min_size=1, max_size=3
)


class Erasures(Shop):
    """One shop of which people want to be forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.erasures: list[str] = []
        self.named: dict[str, str] = {}
        """The erasure that each name or session led to last."""
        self.forgotten: set[str] = set()
        self.early: list[Sent] = []
        self.how: tuple[str, int, int] = ("plain", 0, 0)

    # -- commands -------------------------------------------------------------------------------------------------

    @rule(session=sessions, source=sources, shapes=shapes, age=ages, profile=small)
    def view(
        self,
        session: str,
        source: str,
        shapes: list[str],
        age: int | None,
        profile: int,
    ) -> None:
        self._perform(
            self._tracked(
                session, source, {}, self._events(shapes, age), self._named(profile)
            )
        )

    @rule(ids=st.one_of(people, addresses), age=ages)
    def tell(self, ids: Mapping[str, str], age: int | None) -> None:
        """The backend tells what a customer did on no device."""
        type_ = min(ids, key=ORDER.index)
        own = f"{OWN}{type_}={ids[type_]}"
        events = self._events(["both"], age)
        self._perform(self._tracked(own, "split", ids, events, {}))
        explored["told by the backend"] += 1

    @precondition(lambda self: self.reference.sessions)
    @rule(which=small, source=sources, minutes=st.integers(1, 20))
    def view_ahead(self, which: int, source: str, minutes: int) -> None:
        """An event that is dated ahead beside one that is not, so that no clock is corrected: it is sent once."""
        known = sorted(s for s in self.reference.sessions if not s.startswith(OWN))
        if not known:
            return
        session = known[which % len(known)]
        ahead = self._events(["both"], -MINUTE // SECOND * minutes)
        events = [*self._events(["both"], 4), *ahead]
        sent = self._tracked(session, source, {}, events, {})
        self._perform(sent._replace(at=None))
        explored["dated ahead"] += 1

    @rule(
        session=sessions,
        source=sources,
        ids=st.one_of(people, addresses),
        shapes=shapes,
        age=ages,
    )
    def view_as(
        self,
        session: str,
        source: str,
        ids: Mapping[str, str],
        shapes: list[str],
        age: int | None,
    ) -> None:
        self._perform(
            self._tracked(session, source, ids, self._events(shapes, age), {})
        )

    @rule(session=sessions, source=sources, ids=people, age=ages)
    def log_in(
        self, session: str, source: str, ids: Mapping[str, str], age: int | None
    ) -> None:
        self._perform(
            self._aged("identify", session, source, {"ids": ids, **self._said()}, age)
        )

    @rule(session=sessions, source=sources, ids=addresses, age=ages)
    def give(
        self, session: str, source: str, ids: Mapping[str, str], age: int | None
    ) -> None:
        self._perform(
            self._aged("identify", session, source, {"ids": ids, **self._said()}, age)
        )

    @rule(
        session=sessions, one=people, other=people, erased=st.integers(0, 2), age=ages
    )
    def share(
        self,
        session: str,
        one: Mapping[str, str],
        other: Mapping[str, str],
        erased: int,
        age: int | None,
    ) -> None:
        """Nobody is known at first, then one after the other; some are erased, and what they did comes late."""
        for ids in ({}, one, other, {"registered": "Cyd"} if erased else other):
            self._perform(
                self._tracked(session, "split", ids, self._events(["both"], None), {})
            )
            said = {"ids": {}, **self._said()}
            self._perform(self._aged("update", session, "split", said, 0))
        for ids in (one, other)[:erased]:
            self._erase_one(ids)
        if erased:
            late = self._events(["both"] * 4, age)
            self._perform(self._tracked(session, "split", {}, late, {}))

    @rule(
        session=sessions,
        ids=addresses,
        first=st.sampled_from(("Ada", "Bob")),
        erased=st.integers(0, 2),
        age=late,
    )
    def hand_over(
        self,
        session: str,
        ids: Mapping[str, str],
        first: str,
        erased: int,
        age: int | None,
    ) -> None:
        """An address is given by itself, turns out to be somebody's, and is somebody else's in the end."""
        self._perform(
            self._tracked(session, "split", ids, self._events(["both"], None), {})
        )
        address = {"email": ids["email"]} if "email" in ids else ids
        names = (first, "Bob" if first == "Ada" else "Ada")
        for name in names:
            said = {"ids": {"registered": name, **address}, **self._said()}
            self._perform(self._aged("update", None, "split", said, None))
        if erased:
            self._erase_one({"registered": names[erased - 1]})
            said = {"ids": address, **self._said()}
            self._perform(self._aged("update", None, "split", said, age))

    @rule(session=sessions, ids=addresses, erased=st.booleans())
    def reclaim(self, session: str, ids: Mapping[str, str], *, erased: bool) -> None:
        """Who gave an address that is Ada's logs in with it as Bob, which is taken back once Ada was erased."""
        events = self._events(["both"], None)
        self._perform(self._tracked(session, "split", ids, events, {}))
        said = {"ids": {"registered": "Ada", **ids}, **self._said()}
        self._perform(self._aged("update", None, "split", said, None))
        said = {"ids": {"registered": "Bob", **ids}, **self._said()}
        self._perform(self._aged("identify", session, "split", said, None))
        if erased:
            self._erase_one({"registered": "Ada"})
        self.seldom(session, "unlink")

    @rule(session=sessions, source=sources, age=ages)
    def say(self, session: str, source: str, age: int | None) -> None:
        self._perform(
            self._aged("update", session, source, {"ids": {}, **self._said()}, age)
        )

    @rule(source=sources, ids=st.one_of(people, addresses, addresses), age=late)
    def say_of(self, source: str, ids: Mapping[str, str], age: int | None) -> None:
        self._perform(
            self._aged("update", None, source, {"ids": ids, **self._said()}, age)
        )

    @rule(
        session=sessions,
        what=st.sampled_from(("granted", "denied", "granted", "unlink")),
    )
    def seldom(self, session: str, what: str) -> None:
        if what == "unlink" and session in self.reference.sessions:
            self._perform(Sent("unlink", session, "move", {}))
        elif what != "unlink":
            self._perform(Sent("consent", session, "move", {"tracking": what}))

    @rule(
        whom=st.sampled_from(WHOM),
        how=st.sampled_from(MEANWHILE),
        writes=small,
        which=small,
    )
    def erase(self, whom: str, how: str, writes: int, which: int) -> None:
        self._erase(Sent("erase", None, "", {"whom": whom}), how, writes, which)

    @rule(session=sessions, how=st.sampled_from(MEANWHILE), writes=small, which=small)
    def erase_a_visitor(self, session: str, how: str, writes: int, which: int) -> None:
        self._erase(Sent("erase", session, "", {}), how, writes, which)

    @precondition(lambda self: self._gone())
    @rule(session=more_sessions, other=more_sessions, which=st.integers(-2, 1))
    def come_back(self, session: str, other: str, which: int) -> None:
        """Clients may name a profile long after it was erased; who opts out, and is erased again, stays so."""
        gone = self._gone()
        named = {"profile": {"id": gone[which % len(gone)]}}
        self._perform(
            self._tracked(session, "split", {}, self._events(["both"], None), named)
        )
        if which > 0:
            self._perform(Sent("consent", session, "move", {"tracking": "denied"}))
            self._erase(Sent("erase", session, "", {}), "plain", 0, 0)
        self._perform(
            self._tracked(other, "split", {}, self._events(["both"], None), named)
        )

    @precondition(lambda self: self.early)
    @rule(which=st.integers(0, 20))
    def say_again(self, which: int) -> None:
        """A queue, a feed, a device that was offline."""
        self._perform(self.early[which % len(self.early)])

    # -- streams --------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.erasures)
    @rule(
        which=small, how=st.sampled_from(MEANWHILE), writes=small, waits=st.booleans()
    )
    def sweep(self, which: int, how: str, writes: int, *, waits: bool) -> None:
        if waits:
            self.seconds += MINUTE // SECOND + 1
            self.world.at(self.seconds)
        id_ = self.erasures[which % len(self.erasures)]
        with suppress(Crash), self._before_write(writes, self._meanwhile(how, which)):
            self.world.sweep_once(id_)
        self.pending += self.world.tables.taken()

    # -- how it is carried out ------------------------------------------------------------------------------------

    def _gone(self) -> list[str]:
        profiles = (n for n in self.reference.stones if n.type == "profile")
        return sorted(n.value for n in profiles if not n.value.startswith(OWN))

    def _erase_one(self, ids: Mapping[str, str]) -> None:
        type_, value = next(iter(ids.items()))
        self._erase(
            Sent("erase", None, "", {"whom": f"{type_}={value}"}), "plain", 0, 0
        )

    def _erase(self, sent: Sent, how: str, writes: int, which: int) -> None:
        self.how = (how, writes, which)
        self._perform(sent)

    def _perform(self, sent: Sent) -> None:
        super()._perform(sent)
        if sent.at is not None:
            self.early.append(sent)

    def _send(self, sent: Sent) -> Outcome:
        if sent.kind != "erase":
            return super()._send(sent)
        how, writes, which = self.how
        before = set(self.world.running)
        try:
            with self._before_write(writes, self._meanwhile(how, which)):
                answer = self._asked(sent)
                for id_ in set(self.world.running) - before:  # as the queue does
                    self.world.sweep_once(id_)
        except Crash:
            begun = set(self.world.running) - before
            if not begun:
                return NOT_BEGUN
            answer = {"id": begun.pop()}
            if which % 2:
                self.world.sweep_once(answer["id"])
            else:  # it answered nothing, so it is sent again, by the same name
                assert self._asked(sent) == answer
                self.world.sweep_once(answer["id"])
                explored["sent again after a crash"] += 1
        self.erasures += set(self.world.running) - before
        return answer

    def _asked(self, sent: Sent) -> Outcome:
        if sent.session is None:
            return self.world.erase(sent.body["whom"])
        return self.world.erase_session(sent.session)

    def _meanwhile(self, how: str, which: int) -> Callable[[], None]:
        if how == "dies":
            return self._die
        if how == "a delivery meanwhile" and self.pending:
            return lambda: self._deliver(self.pending[which % len(self.pending)])
        if how == "another sweep meanwhile":
            return self._sweep_all
        return lambda: None

    def _sweep_all(self) -> None:
        for id_ in self.world.running:
            self.world.sweep_once(id_)

    def _expect(self, sent: Sent, outcome: Outcome) -> None:
        if sent.kind != "erase":
            super()._expect(sent, outcome)
            return
        reference = self.reference
        whom = (
            reference.sessions.get(sent.session)
            if sent.session
            else reference.answers(Name(*sent.body["whom"].split("=")))
        )
        named = sent.session or sent.body["whom"]
        if whom is None:
            expected = {"id": self.named[named]} if named in self.named else "not_found"
            assert outcome == expected
            explored["erased again by the same name"] += named in self.named
            return
        if outcome == NOT_BEGUN:
            return
        assert not isinstance(outcome, str), outcome
        self.named[named] = outcome["id"]
        before = self._told_of()
        by_name = None if sent.session else Name(*sent.body["whom"].split("="))
        gone = reference.erase(whom, self.world.now, by_name)
        self.forgotten |= before - self._told_of()
        self.disturbed += 1
        explored["people erased"] += 1
        explored["names and profiles erased"] += len(gone)

    # -- what has to be so ----------------------------------------------------------------------------------------

    def _drain(self, chance: random.Random) -> None:
        super()._drain(chance)
        self._expect_one_customer_each()
        self._sweep_all()
        how = chance.choice(("no further", "no further", "together", "one by one"))
        if how == "together":
            while self.world.running:
                self._wait()
                self._sweep_all()
        elif how == "one by one":
            self._finish_one_by_one(chance)
        super()._drain(chance)

    def _expect_one_customer_each(self) -> None:
        """No event is shown under two customers, wherever the erasures are that began."""
        customers: dict[Node, Customer] = {}
        for name in NAMES:
            with suppress(NotFound):
                customer = find_customer(self.world.tables, SPACE, Node(*name))
                customers[customer.root] = customer
        shown: Counter[tuple[int, str, str]] = Counter()
        for customer in customers.values():
            shown.update(set(self._shown_events(customer)))
        twice = [event for event, count in shown.items() if count > 1]
        assert not twice, twice
        explored["customers compared amid erasures"] += len(self.world.running)

    def _wait(self) -> None:
        self.seconds += MINUTE // SECOND + 1
        self.world.at(self.seconds)

    def _finish_one_by_one(self, chance: random.Random) -> None:
        """Finish each erasure while the messages of all others wait: none waits for another message."""
        erasures = self.world.running
        chance.shuffle(erasures)
        for id_ in erasures:
            for _ in range(100):
                if not self.world.sweep_once(id_):
                    break
                self._wait()
            assert id_ not in self.world.running
            explored["erasures finished alone"] += 1

    def _compare(self) -> None:
        super()._compare()
        if not self.world.running:
            self._nothing_is_left(self.world.tables.dump(), self._told_of())

    def _nothing_is_left(self, dump: Dump, told_of: set[str]) -> None:
        explored["nothing left"] += 1
        left = set(TOKEN.findall(repr(dump))) & (self.forgotten - told_of)
        assert not left, left

    def _told_of(self) -> set[str]:
        """Every name, profile, event and value that is somebody's."""
        reference = self.reference
        names = {*reference.known, *reference.sessions.values(), *reference.values}
        for word in reference.words:
            names |= {name for name in (word.of, word.link, word.owner) if name}
        events = {id_ for found in reference.events.values() for _, id_ in found}
        values = {
            str(value)
            for said in reference.values.values()
            for (kind, _), (_, value) in said.items()
            if kind == "attributes"
        }
        return {name.value for name in names} | events | values


def test_whoever_is_erased_stays_so_and_nobody_else_is_touched() -> None:
    explored.clear()
    histories(Erasures, EXAMPLES, shrink=SHRINK)
    print(dict(explored))  # noqa: T201 - what was explored is the result
    assert explored["people erased"] > EXAMPLES
