"""The rules of identity once more, as plainly as they can be said: one list of words, and everything else asked of it.

Shares nothing with the library. Nothing here is quick, stored, or partly done; times are plain numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

END = 10**16 - 1
"""After any time."""
OWN = "@"
"""Of a customer's own session, named after an identifier: what happened on no device."""
ALWAYS = -1
"""Before any time: where the first stretch of a history begins."""


class Name(NamedTuple):
    """A profile, or an identifier."""

    type: str
    value: str


NOBODY = Name("nobody", "")
"""Whom a word names that named somebody who was erased."""
Stretch = tuple[int, int]
"""From a time on, up to and not including another one."""


class Erased(Exception):
    """It was said before somebody was erased whom it names, up to and with `until`: of that time nothing is taken."""

    def __init__(self, until: int) -> None:
        self.until = until
        super().__init__(until)


class Refusal(Exception):
    """The call changes nothing."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass
class Word:
    """What one command said of one name: whom it belongs to (`link`), or whom it finds from now on (`owner`)."""

    of: Name
    command: int
    said: int
    link: Name | None = None
    begins: bool = False
    upgrade: bool = False
    owner: Name | None = None
    undone: bool = False
    removal: int = 0
    """The correction that took it back."""
    ended: int | None = None
    """When the one whom `link` named was erased: from then on nobody is linked by this word."""


class Claim(NamedTuple):
    """Who is behind a profile, by whose word, and when that was said (`timed`: by the client)."""

    profile: Name | None
    ids: Sequence[Name]
    policy: str
    said: int
    timed: bool


@dataclass
class Reference:
    """All that was said in one project. `order`: its identifier types, the preferred first."""

    hard: frozenset[str]
    order: Sequence[str]
    caps: Mapping[str, int]
    sessions: dict[str, Name] = field(default_factory=dict)
    denied: set[Name] = field(default_factory=set)
    events: dict[str, set[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(set)
    )
    words: list[Word] = field(default_factory=list)
    known: set[Name] = field(default_factory=set)
    undone: dict[Name, int] = field(default_factory=dict)
    values: dict[Name, dict[tuple[str, str], tuple[int, object]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    merged: dict[Name, Name] = field(default_factory=dict)
    """Customers whom the shop made part of others."""
    stones: dict[Name, int] = field(default_factory=dict)
    """When names were erased."""
    heirs: dict[Name, Name] = field(default_factory=dict)
    """Of profiles that were erased: who came back by that name."""
    refusing: set[Name] = field(default_factory=set)
    """Those of them who had opted out."""
    ended: dict[str, bool] = field(default_factory=dict)
    """Sessions that were erased and to which nobody came back; whether they had opted out."""
    erased: dict[str | Name, set[Stretch]] = field(
        default_factory=lambda: defaultdict(set)
    )
    """Of sessions, profiles and identifiers: what of their past was somebody's who was erased."""
    commands: int = 0
    warnings: list[str] = field(default_factory=list)

    # -- what is said ---------------------------------------------------------------------------------------------

    def open(self, session: str, named: Name | None, made: Name) -> Name:
        """The profile of a session; `made`: the one that is new if one has to be."""
        if session not in self.sessions:
            self.erased[session] = {*self.lost(session, named)}
            found, _ = self.living(named)
            known = found in self.sessions.values()
            self.sessions[session] = found if found and known else made
            self.ended.pop(session, None)
            if found in self.stones:
                self.heirs[found] = made
        return self.sessions[session]

    def lost(self, session: str, named: Name | None) -> set[Stretch]:
        """Of what time nothing is taken of a session, which is on this profile if it is new."""
        if session in self.sessions:
            return self.erased[session]
        found, stone = self.living(named)
        own = self.erased[found] if found in self.sessions.values() and found else set()
        return (
            self.erased[session]
            | own
            | ({(0, stone + 1)} if stone is not None else set())
        )

    def living(self, named: Name | None) -> tuple[Name | None, int | None]:
        """Who comes back by the name of a profile that was erased, and when the last of these was; else itself."""
        stone = None
        while named in self.stones:
            stone = self.stones[named]
            if named not in self.heirs:
                break
            named = self.heirs[named]
        return named, stone

    def is_denied(self, session: str, named: Name | None) -> bool:
        """Whether the visitor of a session, which is on this profile if it is new, opted out."""
        if session in self.sessions:
            return self.sessions[session] in self.denied
        found, _ = self.living(named)
        return self.ended.get(session, False) or found in self.denied | self.refusing

    def claim(self, claim: Claim) -> Name:
        """Identify a profile, or only say that identifiers belong together; answers the customer."""
        until = max(
            (self.stones.get(name, ALWAYS) for name in claim.ids), default=ALWAYS
        )
        if claim.said <= until:
            raise Erased(until)
        if any(within(claim.said, self.erased[name]) for name in claim.ids):
            raise Erased(claim.said)  # it was theirs then who were erased since
        self.commands += 1
        words, known = len(self.words), set(self.known)
        try:
            customer = self._customer(claim)
            if customer.type in self.hard:
                self._bring(claim, claim.ids, customer)
            if claim.profile:
                self._identify(claim, claim.profile, customer)
        except (Refusal, Erased):
            del self.words[words:]
            self.known = known
            raise
        return customer

    def undo(self, profile: Name, now: int) -> None:
        """Take back what the newest command said that linked this profile, or the soft identifier above it."""
        blocks = self._blocks(profile)
        above = [blocks[-1][1]] if blocks else []
        newest = [
            w
            for w in self.words
            if w.of in (profile, *above) and w.link and not w.undone
        ]
        own = [w for w in newest if w.of == profile]
        if own and own[-1].link == NOBODY:
            raise Refusal(
                "nothing_to_undo"
            )  # of who was there before nothing is taken back
        newest = [w for w in newest if w.link != NOBODY]
        if not newest:
            raise Refusal("nothing_to_undo")
        command = newest[-1].command
        words = [word for word in self.words if word.command == command]
        # for good: undoing a removal that took it back before does not bring it back
        self._mark(words, undone=True, removal=0)
        for word in words:
            self.undone[word.of] = now

    def merge(self, absorbed: Name, into: Name) -> Name | None:
        """Two customers are one; answers the one that is part of the other from now on, if that is new."""
        found = [self._find(name) for name in (absorbed, into)]
        if None in found:
            raise Refusal("not_found")
        if any(root and root.type not in self.hard for root in found):
            raise Refusal("refused")
        lower, upper = (self.survivor(root) for root in found if root)
        if lower == upper:
            return None
        self.merged[lower] = upper
        return lower

    def separate(self, lower: Name) -> None:
        """Undo a merge."""
        del self.merged[lower]

    def remove(self, identifier: Name, customer: Name, now: int) -> int:
        """Take an identifier off a customer; answers the number of the correction, or 0 where nobody has it."""
        root = self._find(customer)
        if root is None:
            raise Refusal("not_found")
        is_hard = identifier.type in self.hard
        if is_hard and identifier in self.known and not self.owner(identifier):
            raise Refusal("refused")
        owner, onward = self.owner(identifier), self.root(identifier)
        holders = {self.root(owner)} if owner else set()
        holders |= {onward} - {identifier}
        if not holders:
            return 0
        theirs = {holder for holder in holders if self._are_one(holder, root)}
        if not theirs:
            raise Refusal("refused")
        self.commands += 1
        # what an earlier removal took back is taken back by this one as well
        said = [w for w in self.words if w.of == identifier]
        held = [w for w in said if not w.undone or w.removal]
        led = {id(w): [self.root(n) for n in (w.owner, w.link) if n] for w in held}
        leading = [word for word in held if theirs.intersection(led[id(word)])]
        self._mark(leading, undone=True, removal=self.commands)
        self.undone[identifier] = now
        return self.commands

    def give_back(self, removal: int) -> None:
        """Undo a removal, also beyond the most that may be sent: the customer had it before."""
        words = [word for word in self.words if word.removal == removal]
        self._mark(words, undone=False, removal=0)

    def _mark(self, words: Sequence[Word], *, undone: bool, removal: int) -> None:
        """Mark words; raise `Refusal` where a customer got a second hard one of a type."""
        before = [(word, word.undone, word.removal) for word in words]
        for word in words:
            word.undone, word.removal = undone, removal
        if any(self._is_second(word.of) for word in words):
            for word, was_undone, by in before:
                word.undone, word.removal = was_undone, by
            raise Refusal("identifier_conflict")

    def _is_second(self, name: Name) -> bool:
        """Whether the customer whom a hard identifier finds has another one of its type."""
        customer = self.owner(name)
        if customer is None or name.type not in self.hard:
            return False
        return any(n.type == name.type for n in self._aliases(customer) - {name})

    def survivor(self, name: Name) -> Name:
        """The customer of whom this one is part."""
        while name in self.merged:
            name = self.merged[name]
        return name

    def _are_one(self, one: Name | None, other: Name | None) -> bool:
        if one is None or other is None:
            return one == other
        return self.survivor(one) == self.survivor(other)

    def say(
        self, name: Name, kind: str, values: Mapping[str, object], time: int
    ) -> None:
        """Values of a customer or profile: of each, the one set last stands."""
        for key, value in values.items():
            old = self.values[name].get((kind, key))
            if (
                old is None
                or old[0] < time
                or (old[0] == time and repr(old[1]) < repr(value))
            ):
                self.values[name][kind, key] = (time, value)

    def consent(self, profile: Name, tracking: str, now: int) -> None:
        """Opt out or in: what was so already is not said anew."""
        before = self.values[profile].get(("consents", "tracking"))
        if (
            before is None
            or before[1] != tracking
            or (profile in self.denied) != _out(tracking)
        ):
            self.values[profile]["consents", "tracking"] = (now, tracking)
        self.denied = (
            self.denied | {profile} if _out(tracking) else self.denied - {profile}
        )

    # -- who is forgotten -----------------------------------------------------------------------------------------

    def erase(self, name: Name, now: int, named: Name | None = None) -> set[Name]:
        """Forget a customer or a profile, and who was theirs alone; answers everybody who goes.

        `named`: the identifier that found the customer; it goes too if it is a customer of its own.
        Who was there for others as well stays, names nobody where they named the dead, and keeps nothing of that.
        """
        dead = {name}
        if named and named.type != "profile" and self._is_own_customer(named):
            dead |= {named}
        while more := {n for n in self._everybody() - dead if self._goes_with(n, dead)}:
            dead |= more
        stay = {n for n in self._everybody() - dead if n.type != "profile"}
        freed = {n for n in stay if self.root(n) in dead}
        for profile in {*self.sessions.values()} - dead:
            whole = self._lost_with(profile, dead)
            # whatever is there goes, also what is dated ahead; what comes later is judged by its time
            self._let_go(profile, whole)
            past = {(start, min(end, now + 1)) for start, end in whole}
            self.erased[profile] |= past
            for session in [s for s, p in self.sessions.items() if p == profile]:
                self.erased[session] |= past
        for identifier in freed:
            self._let_go(identifier, {(0, END)})
        for identifier in stay:
            self.erased[identifier] |= self._found_them(identifier, dead | freed, now)
        self._end(dead, now)
        self._redact(dead, freed, now)
        for one in dead:
            self.stones[one] = now
            for known in (self.values, self.undone, self.erased):
                known.pop(one, None)
        self.known -= dead | freed
        self.refusing |= self.denied & dead
        self.denied = self.denied - dead
        return dead

    # -- what is so -----------------------------------------------------------------------------------------------

    def owner(self, name: Name, at: int | None = None) -> Name | None:
        """Whom a name finds, by the word said last (up to a time)."""
        found = self._last_owner(name, at)
        return None if found == NOBODY else found

    def root(self, name: Name) -> Name:
        """Where a link to this name ends."""
        links = [w.link for w in self.words if w.of == name and w.link and not w.undone]
        found = links[-1] if links and name.type not in self.hard else None
        return name if found in (None, NOBODY) else found

    def whose(self, profile: Name, time: int) -> Name | None:
        """Whose what a profile did at a time is."""
        return self._somebody(
            [block for block in self._blocks(profile) if block[0] <= time]
        )

    def customer(self, session: str, at: int | None = None) -> Name | None:
        """Whose the next event of a session will be, or would have been at a time."""
        return self._somebody(self._blocks(self.sessions[session], at))

    def answers(self, name: Name) -> Name | None:
        """The customer that a reader of this identifier or profile is shown."""
        if name.type == "profile":
            if name not in self.sessions.values():
                return None
            return self.survivor(self._somebody(self._blocks(name)) or name)
        found = self._find(name)
        return self.survivor(found) if found else None

    def chain(self, session: str, at: int) -> list[Name]:
        """A session's profile, and what its newest link at a time leads to."""
        profile = self.sessions[session]
        return [
            profile,
            *(
                n
                for _, name in self._blocks(profile, at)[-1:]
                for n in (name, self.root(name))
            ),
        ]

    def timeline(self, root: Name) -> list[tuple[int, str, str]]:
        """Time, ID and session of every event of a customer, or of a profile that is nobody's; the newest first."""
        found = (
            (time, id_, session)
            for session, profile in self.sessions.items()
            for time, id_ in self.events[session]
            if self.survivor(self.whose(profile, time) or profile) == root
        )
        return sorted(found, reverse=True)

    def visits(self, root: Name) -> set[str]:
        """The sessions that a customer was behind at some time."""
        return {
            session
            for session, profile in self.sessions.items()
            if root in {self.survivor(one) for one in self._roots(profile)}
            or root == self.answers(profile)
        }

    def identifiers(self, root: Name) -> set[Name]:
        """What finds a customer, what brought it history, and what is found through that."""
        parts = {root} | {one for one in self.merged if self.survivor(one) == root}
        below = parts | {
            word.of
            for word in self.words
            if any(self._is_below(word.of, part) for part in parts)
        }
        finding = {
            word.of
            for word in self.words
            if word.owner and self.owner(word.of) in below
        }
        return {name for name in below | finding if name.type != "profile"}

    def facts(self, root: Name) -> dict[tuple[str, str], object]:
        """Of every attribute and consent the value set last, by the customer or whoever turned out to be it."""
        found: dict[tuple[str, str], tuple[int, str, object]] = {}
        for name, values in self.values.items():
            for key, (time, value) in values.items():
                mine = (
                    self.survivor(self.whose(name, time) or name) == root
                    if name.type == "profile"
                    else self.survivor(self.root(name)) == root
                )
                if mine and (key not in found or (time, repr(value)) > found[key][:2]):
                    found[key] = (time, repr(value), value)
        return {key: value for key, (_, _, value) in found.items()}

    # -- one claim ------------------------------------------------------------------------------------------------

    def _customer(self, claim: Claim) -> Name:
        ids = sorted(claim.ids, key=lambda name: self.order.index(name.type))
        hard = [name for name in ids if name.type in self.hard]
        return self._by_hard(claim, hard) if hard else self._by_soft(claim, ids)

    def _by_hard(self, claim: Claim, hard: Sequence[Name]) -> Name:
        found = [customer for name in hard if (customer := self._find(name))]
        if not all(self._are_one(one, found[0]) for one in found):
            raise Refusal("identifier_conflict")
        customer = next(iter(found), hard[0])
        self.known.add(customer)
        for name in hard:
            if self._find(name) not in (None, customer):
                continue
            same_type = {n for n in self._aliases(customer) if n.type == name.type}
            if same_type - {name}:
                raise Refusal("identifier_conflict")
            if not same_type and self._is_undone(name, claim):
                self.warnings.append("superseded")
            elif not same_type:
                self.words.append(Word(name, self.commands, claim.said, owner=customer))
        return customer

    def _by_soft(self, claim: Claim, soft: Sequence[Name]) -> Name:
        at = claim.said if claim.timed else None
        found = {name: self._find(name, at) for name in soft}
        known = [customer for customer in found.values() if customer]
        hard = [customer for customer in known if customer.type in self.hard]
        here = self._logged_in(claim)
        if here and (here in hard or not hard):
            return here
        customer = (hard or known or [self.root(name) for name in soft])[0]
        self.known.add(customer)
        if here and not self._are_one(here, customer):
            self.warnings.append("another")
        for name, other in found.items():
            if hard or other == customer:
                continue
            if other:
                self.warnings.append("separate")
            else:
                self._own(claim, name, customer)
        return customer

    def _logged_in(self, claim: Claim) -> Name | None:
        """Who with a hard identifier was behind the claim's profile then."""
        if claim.profile is None:
            return None
        found = self._somebody(self._blocks(claim.profile, claim.said))
        return found if found and found.type in self.hard else None

    def _bring(self, claim: Claim, names: Sequence[Name], customer: Name) -> None:
        """Soft identifiers come to a hard customer, and so does who was known by them alone."""
        for name in sorted(names, key=lambda name: self.order.index(name.type)):
            if name.type in self.hard:
                continue
            found = self._find(name, claim.said if claim.timed else None)
            if self._are_one(found, customer):
                continue
            if found and found.type in self.hard:
                self._own(claim, name, customer)
                continue
            for one in {found or name: 0, name: 0}:
                self._own(claim, one, customer)
                if self.root(one) == one and not self._is_undone(one, claim):
                    self.words.append(
                        Word(one, self.commands, claim.said, link=customer)
                    )

    def _own(self, claim: Claim, name: Name, customer: Name) -> None:
        before = self.owner(name)
        if customer in (name, before):
            return
        ever = [w.said for w in self.words if w.of == name and w.owner]
        if claim.timed and any(claim.said <= said for said in ever):
            self.warnings.append("superseded")
            return
        if self._is_undone(name, claim):
            self.warnings.append("superseded")
            return
        if (
            before
            and self.root(before).type in self.hard
            and self.root(before) != customer
        ):
            self.warnings.append("owner")
        self.words.append(Word(name, self.commands, claim.said, owner=customer))
        others = [n for n in {w.of for w in self.words} if self.owner(n) == customer]
        if sum(1 for n in others if n.type == name.type) > self.caps.get(
            name.type, len(others)
        ):
            raise Refusal("too_many_identifiers")

    def _identify(self, claim: Claim, profile: Name, customer: Name) -> None:
        command = self.commands
        if self._is_own(profile):
            # told by itself, so that nobody who undoes another link takes it back
            self.commands += 1
            command = self.commands
            if self._somebody(self._blocks(profile)) is None:
                said = [w.said for w in self.words if w.of == profile and w.link]
                latest = max([claim.said, *(time + 1 for time in said)])
                word = Word(profile, command, latest, customer, begins=True)
                self.words.append(word)
                return
        if self._is_undone(profile, claim):
            self.warnings.append("superseded")
            return
        then = self._blocks(profile, claim.said)
        current = self._somebody(then)
        if self._are_one(current, customer):
            if current == customer and self._comes_along(claim, profile, then):
                # by a word of its own: who takes the identifier off takes nobody away
                word = Word(profile, command, claim.said, customer, upgrade=True)
                self.words.append(word)
            return
        upgrade = bool(
            current and current.type not in self.hard and customer.type in self.hard
        )
        if current and not upgrade and claim.policy == "refuse":
            raise Refusal("another_customer")
        before = self._stretches(profile)
        splits = claim.policy == "split" and not upgrade
        word = Word(profile, command, claim.said, customer, splits, upgrade)
        is_again = self._is_again(claim, profile, customer)
        upgraded_later = any(
            w.of == profile and w.upgrade and not w.undone and w.said >= claim.said
            for w in self.words
        )
        self.words.append(word)
        if is_again or upgraded_later or self._stretches(profile) == before:
            self.words.pop()
            if self.whose(profile, claim.said) != customer:
                self.warnings.append("superseded")
        elif upgrade and current:
            self._upgrade(claim, current, customer)

    def _is_again(self, claim: Claim, profile: Name, customer: Name) -> bool:
        """Whether the same may have been said before, at the same time as what stands there."""
        at_once = [
            w for w in self.words if w.of == profile and w.link and w.said == claim.said
        ]
        if any(w.link and self.root(w.link) == customer for w in at_once):
            return True
        if not claim.timed or all(w.undone for w in at_once):
            return False
        # it came first, and said nothing new then
        return self._somebody(self._blocks(profile, claim.said - 1)) == customer

    def _comes_along(
        self, claim: Claim, profile: Name, blocks: Sequence[tuple[int, Name]]
    ) -> bool:
        """Whether who was known by a soft identifier alone says the hard one as well; not so if it is late."""
        says_hard = any(name.type in self.hard for name in claim.ids)
        said = [w.said for w in self.words if w.of == profile and w.link]
        is_late = claim.timed and claim.said <= max(said)
        return says_hard and blocks[-1][1].type not in self.hard and not is_late

    def _upgrade(self, claim: Claim, soft: Name, customer: Name) -> None:
        """Who was known by a soft identifier alone is the hard customer now, with all that was theirs."""
        found = self._find(soft, claim.said if claim.timed else None)
        if found and found.type in self.hard and found != customer:
            return
        mine = [n for n in {w.of for w in self.words} if self.owner(n) == customer]
        count = sum(1 for n in mine if n.type == soft.type)
        if count < self.caps.get(soft.type, count + 1):
            self._bring(claim, [soft], customer)

    def _is_own(self, profile: Name) -> bool:
        return any(
            session.startswith(OWN) and found == profile
            for session, found in self.sessions.items()
        )

    # -- of who is forgotten --------------------------------------------------------------------------------------

    def _everybody(self) -> set[Name]:
        return {*self.sessions.values(), *(word.of for word in self.words)}

    def _goes_with(self, name: Name, dead: set[Name]) -> bool:
        own = {f"{OWN}{one.type}={one.value}" for one in dead}
        if any(self.sessions.get(session) == name for session in own):
            return True  # the session is named after them
        return self._is_theirs_alone(name, dead)

    def _is_theirs_alone(self, name: Name, dead: set[Name]) -> bool:
        found = self._belongs_to(name)
        return bool(found) and found <= dead

    def _belongs_to(self, name: Name) -> set[Name]:
        """Whose a profile or an identifier is; `NOBODY` is one of them where a profile's next event is nobody's."""
        if name.type == "profile":
            blocks = self._blocks(name)
            last = {NOBODY} if blocks and blocks[-1][1] == NOBODY else set()
            return self._roots(name) | last
        found = {self.root(name), self.root(self.owner(name) or name)}
        return found if self._is_own_customer(name) else found - {name}

    def _is_own_customer(self, name: Name) -> bool:
        return name in self.known and self.root(name) == name

    def _lost_with(self, profile: Name, dead: set[Name]) -> set[Stretch]:
        blocks = self._blocks(profile)
        ends = [*(start for start, _ in blocks[1:]), END]
        return {
            (max(start, 0), end)
            for (start, name), end in zip(blocks, ends, strict=False)
            if self.root(name) in dead
        }

    def _found_them(self, name: Name, dead: set[Name], now: int) -> set[Stretch]:
        said = [w for w in self.words if w.of == name and w.owner and not w.undone]
        said.sort(key=lambda w: w.said)
        ends = [*(w.said for w in said[1:]), now + 1]
        return {
            (w.said, e) for w, e in zip(said, ends, strict=False) if w.owner in dead
        }

    def _let_go(self, name: Name, stretches: set[Stretch]) -> None:
        """What was said and happened then is not known any more."""
        kept = {
            k: v
            for k, v in self.values.pop(name, {}).items()
            if not within(v[0], stretches)
        }
        self.values[name].update(kept)
        for session in [s for s, profile in self.sessions.items() if profile == name]:
            events = self.events[session]
            events -= {place for place in events if within(place[0], stretches)}

    def _end(self, profiles: set[Name], now: int) -> None:
        for session in [
            s for s, profile in self.sessions.items() if profile in profiles
        ]:
            self.ended[session] = self.sessions.pop(session) in self.denied
            self.erased[session] = {(0, now + 1)}
            self.events[session].clear()

    def _redact(self, dead: set[Name], freed: set[Name], now: int) -> None:
        self.words = [word for word in self.words if word.of not in dead]
        ends = [self._end_of(word) for word in self.words]
        for word, end in zip(self.words, ends, strict=True):
            if word.link in dead | freed:
                word.link = NOBODY
                word.ended = min(end, now + 1)
            if word.owner in dead | freed:
                word.owner = NOBODY

    # -- asked of the words ---------------------------------------------------------------------------------------

    def _last_owner(self, name: Name, at: int | None = None) -> Name | None:
        said = [w for w in self.words if w.of == name and w.owner and not w.undone]
        said = [w for w in said if at is None or w.said <= at]
        return sorted(said, key=lambda w: w.said)[-1].owner if said else None

    def _find(self, name: Name, at: int | None = None) -> Name | None:
        owner = self._last_owner(name, at)
        if owner == NOBODY:
            # whoever had it before does not get it back
            return name if self._is_own_customer(name) else None
        if owner:
            return self.root(owner)
        root = self.root(name)
        return root if name in self.known or root != name else None

    def _aliases(self, customer: Name) -> set[Name]:
        hard = {word.of for word in self.words if word.of.type in self.hard}
        return {customer} | {name for name in hard if self.owner(name) == customer}

    def _is_undone(self, name: Name, claim: Claim) -> bool:
        return claim.timed and name in self.undone and claim.said <= self.undone[name]

    def _is_below(self, name: Name, root: Name) -> bool:
        return name.type != "profile" and name != root and self.root(name) == root

    def _somebody(self, blocks: Sequence[tuple[int, Name]]) -> Name | None:
        """Whose the last of these blocks is."""
        found = self.root(blocks[-1][1]) if blocks else NOBODY
        return None if found == NOBODY else found

    def _roots(self, profile: Name) -> set[Name]:
        return {self.root(name) for _, name in self._blocks(profile)} - {NOBODY}

    def _blocks(
        self, profile: Name, until: int | None = None
    ) -> list[tuple[int, Name]]:
        """A profile's links as they were said, one block for each that began anew: of each, the last one stands."""
        links = [w for w in self.words if w.of == profile and w.link and not w.undone]
        links = [w for w in links if until is None or w.said <= until]
        return [(start, name) for start, name, _ in self._blocks_of(links)]

    def _end_of(self, word: Word) -> int:
        """Where what a word's customer had of a visitor's past ends: at once if that had none of it."""
        links = [w for w in self.words if w.of == word.of and w.link and not w.undone]
        blocks = self._blocks_of(links)
        for number, (_, _, by) in enumerate(blocks):
            if by is word:
                return blocks[number + 1][0] if number + 1 < len(blocks) else END
        return ALWAYS

    def _blocks_of(self, links: list[Word]) -> list[tuple[int, Name, Word | None]]:
        blocks: list[tuple[int, Name, Word | None]] = []
        ended: int | None = None
        for word in sorted(links, key=lambda w: w.said):
            is_vacant = ended is not None and ended <= word.said
            if is_vacant:  # what nobody did since the erasure is brought along
                assert ended is not None
                blocks.append((max(ended, blocks[-1][0]), NOBODY, None))
            start = blocks[-1][0] if blocks else ALWAYS
            if word.begins and blocks and word.said > start and not is_vacant:
                start = word.said
            elif blocks:
                blocks.pop()
            assert word.link
            blocks.append((start, word.link, word))
            ended = word.ended
        return blocks

    def _stretches(self, profile: Name) -> list[tuple[int, Name]]:
        """Since when which customer, changes only."""
        return list(
            _changes((start, self.root(name)) for start, name in self._blocks(profile))
        )


def _changes(found: Iterator[tuple[int, Name]]) -> Iterator[tuple[int, Name]]:
    last: Name | None = None
    for start, root in found:
        if root != last:
            yield start, root
        last = root


def within(time: int, stretches: Iterable[Stretch]) -> bool:
    """Whether a time lies in one of them."""
    return any(start <= time < end for start, end in stretches)


def _out(tracking: str) -> bool:
    return tracking == "denied"
