"""Carries out the commands: read, decide, write, answer. What a command means is said here, once, for every dialect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from hardlink import metrics
from hardlink.domain import ip_addresses, returning_clock, synthetic_ids, times, values
from hardlink.domain.call import Call, NewId, new_id
from hardlink.domain.changeset import Decision
from hardlink.domain.commands import Anonymize, Consent, Identify, Track, Update
from hardlink.domain.errors import BeforeErasure, Invalid, Refused, UnverifiedIdentity
from hardlink.domain.graph import NOBODY, Node
from hardlink.domain.identity import Claim
from hardlink.domain.records import Session
from hardlink.domain.returning_clock import Statement
from hardlink.domain.signed_identity import IdentityVerifier, Keys, NoKeys
from hardlink.domain.sources import Policy, Sources
from hardlink.domain.times import DAY
from hardlink.domain.values import Name, Value
from hardlink.services.consent import Consents
from hardlink.services.erasure import Erasure
from hardlink.services.links import NO_VISITOR, Links, NewVisitor
from hardlink.services.orders import Orders, Outcome, Purchase
from hardlink.services.sessions import Opening, Visits
from hardlink.services.track import ERASED, Batch, Status, Tracking, debug
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.store import ConditionFailed, Store

OPTED_OUT = "opted out: this visitor denied tracking, nothing was stored"
BOT = "sent by a bot: this source drops what bots send, nothing was stored or linked"
NOT_KEPT = frozenset({OPTED_OUT, BOT})
"""Warnings that say: nothing of this call was kept."""
Answer = dict[str, Any]


class _Erased(Exception):
    """All that a command says was said before somebody whom it is about was erased: it changes nothing."""


class Service:
    """All write calls. `clock` answers microseconds since 1970; both it and `new_id` are given, for tests.

    `signing_keys`: by which identities are signed.
    """

    def __init__(
        self,
        store: Store,
        sources: Sources,
        clock: Callable[[], int],
        new_id: NewId = new_id,
        signing_keys: Keys | None = None,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._new_id = new_id
        self._visits = Visits(store, new_id)
        self._links = Links(store)
        self._orders = Orders(store, self._visits, self._links)
        self._tracking = Tracking(store, self._visits, self._orders, new_id)
        self._consents = Consents(store)
        self._signatures = IdentityVerifier(signing_keys or NoKeys())
        self._erasing = Erasure(store, clock, new_id)

    def call(
        self,
        write_key: str,
        *,
        policy: Policy = "move",
        evidence: str | None = None,
        sent: int | None = None,
    ) -> Call:
        """A call of the source with this write key, received now; `policy`: where the source declares none.

        Raises `UnknownSource`.
        """
        name, source, project = self._sources.named(write_key)
        return Call(
            name,
            source,
            project,
            self._clock(),
            evidence or self._new_id(),
            source.policy or policy,
            sent,
        )

    def track(self, call: Call, command: Track) -> Answer:
        """Store events under a session; with `ids`, link its visitor first.

        Every event gets a verdict: `stored`, `duplicate`, `rejected` or `dropped`. A refused link (409), and one that
        is not proven where it has to be (403), stores nothing.
        """
        ids = self._proven(call, command)
        batch = Batch(command)
        if call.source.signed == "required" and not (ids or call.trusted):
            batch.doubt_orders()
        if call.bot:
            batch.drop(BOT)
            return {**self._of_bot(command), "results": _results(batch)}
        if command.profile_less:
            return self._of_nobody(call, command, batch)
        own = command.own_session_id(ids)
        if own:
            # what was said of one customer stays with them, and a backend's clock is nobody's device
            call = call._replace(policy="split", sent=call.now)
        session_id = own or command.session_id or self._new_id()
        try:
            return self._tracked(call, command, ids, batch, session_id)
        except _Erased:
            here = self._unrecorded(call, session_id, command)
            return {**here, "results": _results(batch), "warnings": [ERASED]}

    def _tracked(
        self, call: Call, command: Track, ids: tuple[Node, ...], batch: Batch, session_id: str
    ) -> Answer:
        """Raises `_Erased` where all of it happened before somebody was erased: every event has its verdict then."""
        other = self._other(call, command, session_id)
        for _ in optimistic_retries():
            known = self._visits.find(call.project_id, session_id)
            with suppress(
                ConditionFailed
            ):  # another call opened the session, or changed its profile
                return self._track_once(call, command, ids, batch, session_id, known, other)
        raise AssertionError("attempts end in an answer or an error")

    def _track_once(
        self,
        call: Call,
        command: Track,
        ids: tuple[Node, ...],
        batch: Batch,
        session_id: str,
        known: Session | None,
        other: Session | None,
    ) -> Answer:
        """Raises `_Erased` like `_tracked`, and `ConditionFailed` where the session is not as it was read."""
        told = bool(ids) or command.says_values
        opening = None
        if (known is None or known.is_erased) and (batch.saves_session or told):
            opening = self._visits.plan(
                call,
                session_id,
                self._named_profile(call, command, other),
                known=known,
                happened=batch.happened,
                quiet=not batch.begins_visit,
            )
        found = opening.session if opening else known
        if opening and opening.session.denied:  # the visitor is recognised, and not recorded
            found, opening = opening.unrecorded_session, None
        session = found and returning_clock.with_clock_offset(call, found, batch.happened)
        if session and batch.drop_erased(call, session):
            raise _Erased
        warnings: list[str] = []
        if session and session.denied:
            batch.drop(OPTED_OUT)
            warnings.append(OPTED_OUT)
        if found is None or session is None or session.profile == NOBODY:
            here = self._unrecorded(call, session_id, command)
            return {**here, "results": _results(batch), "warnings": warnings}
        if told and not session.denied:
            session = self._lasting(
                call,
                session,
                batch,
                lambda at: warnings.extend(
                    self._told(call, at, other, ids, command, batch.earliest, opening)
                ),
            )
        elif opening:
            made = opening._replace(session=opening.session._replace(offset=session.offset))
            self._visits.make(call, made)
        if other is None:
            self._open_other(call, command, session)
        if opening is None and batch.parsed and session.offset != found.offset:
            self._visits.keep_clock(call, session)
        own = command.is_of_no_device
        stored = self._tracking.store(call, session, command, batch)
        visitor = (
            _NOBODY if own else _visitor(session)
        )  # a customer's own session is no caller's to join
        answer = {**visitor, "results": _results(batch), "warnings": warnings}
        return answer | ({"debug": debug(session, stored)} if batch.debugger else {})

    def _lasting(
        self, call: Call, session: Session, what: Batch | Statement, say: Callable[[Session], None]
    ) -> Session:
        """Say something of a visitor, but for what happened before somebody was erased whom it names.

        `say` is given the session as it is to be dated, and that one is answered. Raises `_Erased`.
        """
        at = session
        while True:
            at = returning_clock.with_clock_offset(call, at, what.happened)
            if what.drop_erased(call, at):
                raise _Erased
            try:
                say(at)
            except BeforeErasure as late:
                before = (len(what.happened), at.offset)
                known = at._replace(erased=(*at.erased, (0, late.erased + 1)))
                at = returning_clock.with_clock_offset(call, known, what.happened)
                all_of_it = what.drop_erased(call, at)
                if all_of_it or (len(what.happened), at.offset) == before:
                    what.drop(ERASED)
                    raise _Erased from late
            else:
                return session._replace(offset=at.offset)

    def _unrecorded(self, call: Call, session_id: str, command: Track | Identify) -> Answer:
        """What a call answers of which nothing is kept: the profile that its session has, else the one it names.

        Never one that is not there: clients keep what they are told, some of them for ever.
        """
        if synthetic_ids.is_synthetic(session_id):
            return _NOBODY  # a customer's own session is no caller's to join
        session = self._visits.find(call.project_id, session_id)
        if session and session.profile != NOBODY:
            return _visitor(session)
        known = self._visits.known_profile(call, command.profile)
        return {"session": {"id": session_id}, "profile": {"id": known and known.value}}

    def knows(self, call: Call, session_id: str) -> bool:
        """Whether there is such a session."""
        found = self._visits.find(call.project_id, session_id)
        return found is not None and not found.is_erased

    def identify(self, call: Call, command: Identify) -> Answer:
        """Say who a session's visitor is, and something about them. Raises `Refused` where a rule forbids it."""
        ids = self._proven(call, command)
        if not ids:
            raise Invalid("say who this is: send at least one identifier", "ids")
        return self._about(call, command, ids)

    def alias(self, call: Call, command: Identify) -> Answer:
        """Identify a session that the caller knows as an ID of its own, which may be a customer's: two never merge.

        Raises `Refused` where it is one, of the type of the first of `ids`.
        """
        ids = self._proven(call, command)
        if command.session_id is None or not ids:
            raise Invalid("say which ID is whose: send session.id and ids", "session.id")
        namesake = call.project.identifier(ids[0].type, command.session_id, "session.id")
        if self._links.known(call, namesake):
            raise Refused(
                "this is a customer of its own already, and two customers never merge",
                "session.id",
                code="another_customer",
            )
        return self._about(call, command, ids)

    def update(self, call: Call, command: Update) -> Answer:
        """Say something about a session's visitor, or about the customer with these `ids`."""
        ids = self._proven(call, command)
        if command.session_id is None and not ids:
            raise Invalid("say about whom: send session.id or ids", "session.id")
        if ids and command.session_id is None and not call.bot:
            time = _word(command).time(call, 0)
            claim = self._claim(call, None, ids, time)
            try:
                decision = self._links.identify(call, claim, _said(command, call, time))
            except BeforeErasure:
                return {"customer": None, "warnings": [ERASED]}
            return {"customer": _named(decision, ids), "warnings": list(decision.warnings)}
        return self._about(call, command, ids)

    def order(self, call: Call, told: Purchase) -> Outcome:
        """What the shop itself tells of an order: once, however often it is told and whoever tracked it.

        Raises `Invalid`, and `Refused` where a rule forbids it: then nothing changed.
        """
        try:
            outcome = self._orders.record(call, told)
        except BeforeErasure as late:
            raise Refused(ERASED, "orderNumber", code="erased") from late
        if outcome.status == "stored":
            metrics.count("events_stored")
        return outcome

    def anonymize(self, call: Call, command: Anonymize) -> Answer:
        """From now on this device is somebody else's (rule 5): a new session, a new profile; the old ones stay."""
        session = (
            self._visits.find(call.project_id, command.session_id) if command.session_id else None
        )
        return _visitor(self._visits.begin_anew(call, denied=bool(session and session.denied)))

    def consent(self, call: Call, command: Consent) -> Answer:
        """Opt a visitor out of being tracked, on all sessions of the profile, or in again."""
        denied = command.tracking == "denied"
        if command.erase and not denied:
            raise Invalid("whoever is erased is not tracked: send tracking as denied", "erase")
        id_ = command.session_id or self._new_id()
        session = self._visits.open(call, id_, command.profile, anew=not denied)
        answer = {**_visitor(session), "tracking": command.tracking}
        if session.profile == NOBODY:  # they opted out before they were erased, and that stays so
            return answer
        self._consents.set(call, session, denied=denied)
        if not command.erase:
            return answer
        erasure = self._erasing.erase_node(call.project_id, session.profile)
        return {**answer, "profile": {"id": None}, "erasure": {"id": erasure}}

    def _proven(self, call: Call, command: Track | Identify) -> tuple[Node, ...]:
        """Whom a command names, where it may. Raises `Invalid`, and `Unproven` where its source wants a token."""
        ids = call.project.resolve(command.ids)
        try:
            self._signatures.check(call, command.token, ids)
        except UnverifiedIdentity:
            metrics.count("links_unproven")
            raise
        return ids

    def _about(self, call: Call, command: Identify, ids: tuple[Node, ...]) -> Answer:
        """Identify where there are IDs, then say the values: one transaction; nothing where it was said too early."""
        if call.bot:
            return {**self._of_bot(command), "customer": None}
        try:
            return self._said_about(call, command, ids)
        except (BeforeErasure, _Erased):
            here = self._unrecorded(call, command.session_id or self._new_id(), command)
            return {**here, "customer": None, "warnings": [ERASED]}

    def _said_about(self, call: Call, command: Identify, ids: tuple[Node, ...]) -> Answer:
        """Raises `Late`, `_Erased` where somebody whom this names was erased since."""
        session_id = command.session_id or self._new_id()
        for _ in optimistic_retries():
            known = self._visits.find(call.project_id, session_id) if command.session_id else None
            with suppress(
                ConditionFailed
            ):  # another call opened the session, or changed its profile
                return self._said_once(call, command, ids, session_id, known)
        raise AssertionError("attempts end in an answer or an error")

    def _said_once(
        self,
        call: Call,
        command: Identify,
        ids: tuple[Node, ...],
        session_id: str,
        known: Session | None,
    ) -> Answer:
        """Raises `ConditionFailed` where the session is not as it was read."""
        word = _word(command)
        if known and word.drop_erased(
            call, returning_clock.with_clock_offset(call, known, word.happened)
        ):
            raise _Erased
        session, opening = known, None
        if session is None or session.is_erased:
            opening = self._visits.plan(
                call, session_id, command.profile, known=known, told=word.told
            )
            session = opening.session
        if session.denied:
            here = self._unrecorded(call, session_id, command)
            return {**here, "customer": None, "warnings": [OPTED_OUT]}
        answer = {**_visitor(session), "warnings": []}
        self._lasting(
            call,
            session,
            word,
            lambda at: answer.update(
                self._say(call, at, ids, command, word.time(call, at.offset), opening)
            ),
        )
        return answer

    def _new_visitor(self, call: Call, opening: Opening | None, at: Session) -> NewVisitor:
        """What makes the session of a command, dated by the clock that the command is dated by."""
        if opening is None:
            return NO_VISITOR
        session = opening.session._replace(offset=at.offset)
        return self._visits.new_visitor(call, opening._replace(session=session))

    def _say(
        self,
        call: Call,
        session: Session,
        ids: tuple[Node, ...],
        command: Identify,
        time: int | None,
        opening: Opening | None,
    ) -> Answer:
        said = _said(command, call, time)
        made = self._new_visitor(call, opening, session)
        if not ids:
            self._links.say(call, session.profile, said, time, made)
            return {}
        claim = self._claim(call, session.profile, ids, time)
        decision = self._links.identify(call, claim, said, made)
        return {"customer": _named(decision, ids), "warnings": list(decision.warnings)}

    def _of_bot(self, command: Track | Identify) -> Answer:
        """Nothing is kept, and nothing is looked up."""
        metrics.count("bots_dropped")
        return {
            "session": {"id": command.session_id or self._new_id()},
            "profile": {"id": None},
            "warnings": [BOT],
        }

    def _told(
        self,
        call: Call,
        session: Session,
        other: Session | None,
        ids: tuple[Node, ...],
        command: Track,
        happened: int | None,
        opening: Opening | None,
    ) -> list[str]:
        """What events say of their visitor, from the first of them on; answers warnings."""
        time = self._happened_at(call, happened, session)
        said = _said(command, call, time)
        made = self._new_visitor(call, opening, session)
        if not ids:
            self._links.say(call, session.profile, said, time, made)
            return []
        if command.only_current_customer and made.profile is None:
            root = self._links.root(call, session.profile, time)
            ids = (root, *ids) if root.type in call.project.hard_types else ids
        warnings: list[str] = []
        profiles = [session.profile, *([other.profile] if other else [])]
        for profile in dict.fromkeys(profiles):
            claim = self._claim(call, profile, ids, time)
            along = made if profile == session.profile else NO_VISITOR
            warnings += self._links.identify(call, claim, said, along).warnings
        return warnings

    def _of_nobody(self, call: Call, command: Track, batch: Batch) -> Answer:
        """Store events that are no visitor's under the source's own session, which nobody is ever linked to.

        They keep the session that they name in their context; whoever opted out there is not recorded here either.
        """
        if command.ids or command.says_values or command.server_side:
            raise Invalid("this says whose events they are: leave profile_less out", "profile_less")
        named = command.session_id
        sent_with = self._visits.find(call.project_id, named) if named else None
        warnings: list[str] = []
        if sent_with and sent_with.denied:
            batch.drop(OPTED_OUT)
            warnings.append(OPTED_OUT)
        elif sent_with:
            batch.drop_erased(
                call, returning_clock.with_clock_offset(call, sent_with, batch.happened)
            )
        own_id = synthetic_ids.source_session(call.name)
        batch.forget_orders()  # an order would make somebody of nobody
        if batch.parsed:
            # many devices send these, so none of their clocks is the session's
            own = self._visits.open(call._replace(sent=None), own_id, None)
            context = {"session": {"id": named}} if named else {}
            kept = replace(command, context={**context, **command.context})
            self._tracking.store(call, own, kept, batch)
        return {
            "session": {"id": named or own_id},
            "profile": {"id": None},
            "results": _results(batch),
            "warnings": warnings,
            # whose profile it is nobody learns, who could join it
            **({"debug": {"session": {"id": own_id}}} if batch.debugger else {}),
        }

    def _named_profile(self, call: Call, command: Track, other: Session | None) -> object:
        """The profile that a new session joins: of its visitor's other session, passed on to it, or named by it."""
        if command.is_of_no_device:
            return None
        if other:
            return other.profile.value
        passed = command.forwarded_profile and self._visits.known_profile(
            call, command.forwarded_profile
        )
        return passed.value if passed else command.profile

    def _other(self, call: Call, command: Track, session_id: str) -> Session | None:
        """The other session of a visitor who sends two."""
        other = command.other_session_id
        found = self._visits.find(call.project_id, other) if other and other != session_id else None
        return found if found and not found.is_erased else None

    def _open_other(self, call: Call, command: Track, session: Session) -> None:
        """The other session of a visitor who sends two, on the profile of the first: it may come alone next time."""
        other = command.other_session_id
        if other and other != session.id:
            self._visits.open(call, other, session.profile.value)

    def _happened_at(self, call: Call, happened: int | None, session: Session) -> int | None:
        """When the first of a call's events happened, on the server's clock, if one says so; never in the future."""
        return Statement(happened).time(call, session.offset)

    def _claim(
        self, call: Call, profile: Node | None, ids: tuple[Node, ...], time: int | None
    ) -> Claim:
        return Claim(
            profile=profile,
            ids=ids,
            hard_types=call.project.hard_types,
            policy=call.policy,
            effective_at=call.now if time is None else time,
            timed=time is not None,
            caps=call.project.caps,
            own=profile is not None and synthetic_ids.is_synthetic(profile.value),
            day=call.now // DAY,
            links_a_day=call.source.links_a_day,
        )


def _word(command: Identify) -> Statement:
    return Statement(None if command.time is None else times.parse_time(command.time, "time"))


def _said(command: Identify | Track, call: Call, time: int | None) -> dict[Name, Value]:
    when = call.now if time is None else time
    attributes = command.attributes if isinstance(command, Track) else command.properties
    return {
        **values.with_timestamp("attributes", ip_addresses.strip_ip_addresses(attributes), when),
        **values.with_timestamp("segments", command.segments, when),
        **values.with_timestamp("traits", ip_addresses.strip_ip_addresses(command.traits), when),
        **values.with_timestamp("consents", command.consents, when),
    }


def _named(decision: Decision, ids: tuple[Node, ...]) -> dict[str, str]:
    """The customer by an identifier that the call itself carried: a write key never reads another one."""
    shown = decision.customer if decision.customer in ids else ids[0]
    return {"type": shown.type, "value": shown.value}


_COUNTED: Mapping[Status, metrics.Name] = {
    "stored": "events_stored",
    "duplicate": "events_duplicate",
    "rejected": "events_rejected",
    "dropped": "events_dropped",
}
_NOBODY: Answer = {"session": {"id": None}, "profile": {"id": None}}


def _visitor(session: Session) -> Answer:
    return {"session": {"id": session.id}, "profile": {"id": session.profile.value or None}}


def _results(batch: Batch) -> list[Mapping[str, str | None]]:
    """The verdicts as they are answered, counted."""
    for status, n in Counter(verdict.status for verdict in batch.verdicts).items():
        metrics.count(_COUNTED[status], n)
    return [verdict.shown() for verdict in batch.verdicts]
