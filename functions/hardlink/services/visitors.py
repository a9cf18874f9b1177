"""Apply a call to its session's visitor: read, plan, and write all of it in one transaction.

A session that is not known is opened, and its visitor linked, in the same transaction. So a call
that is refused leaves no session behind, and no reader ever sees a session that is opened but not
linked yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Literal, NamedTuple, TypeVar

from hardlink.domain import clock_skew, identity, synthetic_ids
from hardlink.domain.call import Call
from hardlink.domain.changeset import Decision
from hardlink.domain.errors import BeforeErasure
from hardlink.domain.graph import NOBODY, Node
from hardlink.domain.identity import Claim
from hardlink.domain.records import Session, erased_before
from hardlink.domain.times import DAY
from hardlink.domain.values import LeftOut
from hardlink.services import links
from hardlink.services.answers import Answer, anonymous_answer, visitor_answer
from hardlink.services.links import LinkPlan, Links
from hardlink.services.sessions import (
    Opening,
    Sessions,
    Visit,
    named_profiles,
    remember_session,
)
from hardlink.services.statements import Dated, VisitorUpdate
from hardlink.storage.node_reader import LivingNodeReader
from hardlink.storage.retries import retry_conflicts
from hardlink.storage.store import Action, merged_actions

_D = TypeVar("_D", bound=Dated)
Status = Literal["applied", "erased", "denied", "unopened"]


class VisitOutcome(NamedTuple, Generic[_D]):
    """The result of applying a call to its visitor.

    - `status`: `applied`; `erased`, all of it predates an erasure; `denied`, the visitor opted out;
      `unopened`, the session is not known, and is not to be opened. With the last three nothing is
      written.
    - `session`: with the clock offset of this call; `None` where there is none.
    - `said`: the statement or batch, without the parts that predate an erasure.
    - `decision`: of the link, where the call has identifiers; `warnings`: of all its links.
    - `left_out`: values for which the customer has no room.
    - `clock_changed`: the session's clock is not the one that is stored.
    """

    status: Status
    session: Session | None
    said: _D
    decision: Decision | None = None
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    clock_changed: bool = False


class _Attempt(NamedTuple, Generic[_D]):
    """One attempt at a call, once its session is read or planned.

    `session`: with the offset that dates `said`. `opening`: where the session is to be made.
    `profiles`: the profiles of the visitor, that of the session first. `is_denied`: the visitor
    opted out, in this session or in another one that the call names as theirs.
    """

    call: Call
    reader: LivingNodeReader
    update: VisitorUpdate
    session: Session
    said: _D
    opening: Opening | None
    profiles: tuple[Node, ...]
    is_denied: bool

    @property
    def time(self) -> int | None:
        """The earliest time of the call on the server's clock, if the device names one."""
        return self.said.time(self.call, self.session.offset)

    @property
    def effective_at(self) -> int:
        """The time of its claims and values."""
        return self.call.now if self.time is None else self.time

    def redated(self, session: Session) -> _Attempt[_D]:
        """Date the call by a session, and leave out what happened in its erased times."""
        dated = date_session(self.call, session, self.said)
        said = self.said.without_erased(self.call, dated)
        return self._replace(session=dated, said=said)


class Visitors:
    """Opens sessions and links their visitors."""

    def __init__(self, sessions: Sessions, links_: Links) -> None:
        self._sessions = sessions
        self._links = links_

    @retry_conflicts
    def apply(
        self,
        call: Call,
        visit: Visit,
        said: _D,
        update: VisitorUpdate,
    ) -> VisitOutcome[_D]:
        """Open the session of a visit if it is not known, and apply an update to its visitor.

        `said`: the statement or batch that the update comes with, whose times date it.
        Raises `Refused` and `Invalid`, and then nothing is written.
        """
        known = self._read_session(call, visit)
        attempt = self._begin(call, visit, said, update, known)
        if attempt is None:
            return VisitOutcome("unopened", None, said)
        status = _status_of(attempt)
        if status == "applied" and update.ids:
            # in memory, over nodes that are read in one batch: nothing is written before
            # it is certain that something of the call stands
            attempt = _without_erased_claims(attempt)
            status = _status_of(attempt)
        if status != "applied":
            session = _session_to_answer(attempt, known, status)
            return VisitOutcome(status, session, attempt.said)
        try:
            return self._write(attempt, known)
        except BeforeErasure:
            return VisitOutcome("erased", attempt.session, attempt.said.erase())

    @retry_conflicts
    def open_own_session(
        self, call: Call, session_id: str, claim: Claim, *, happened: int
    ) -> tuple[Session, Decision]:
        """Open a customer's own session, for an event of no device, and link it by a claim.

        `claim`: its profile is that of the session. `happened`: the time of the event.
        Raises `Refused`, `BeforeErasure`, and then nothing is written.
        """
        visit = Visit(session_id, device_times=[happened])
        reader = self._links.reader(call.project_id)
        session, opening = self._sessions.read(call.project_id, session_id), None
        if session is None or session.is_erased:
            opening = self._sessions.plan_opening(call, reader, visit, session)
            session = opening.session
        own_claim = claim._replace(profile=session.profile)
        links.check_not_erased(reader, own_claim.nodes, claim.effective_at)
        opening_actions = self._opening_actions(call, opening, session)
        reserved = len(opening_actions)
        plan = links.plan_identify(call, reader, own_claim, {}, reserved=reserved)
        self._write_actions(call, opening, opening_actions, plan)
        self._links.complete(call, plan, claim.effective_at)
        return session, plan.decision

    def answer_without_storing(
        self, call: Call, visit: Visit, session: Session | None
    ) -> Answer:
        """Answer a call of which nothing is stored: the session's profile, else the named one.

        Never answer a profile ID that does not exist, because clients persist it.
        """
        if synthetic_ids.is_synthetic(visit.session_id):
            return anonymous_answer()
        if session and session.profile != NOBODY:
            return visitor_answer(session)
        known = self._sessions.find_profile(call, visit.profile)
        profile_id = known.value if known else None
        return {"session": {"id": visit.session_id}, "profile": {"id": profile_id}}

    def _read_session(self, call: Call, visit: Visit) -> Session | None:
        if visit.is_generated:
            return None  # no other call knows this ID
        return self._sessions.recall(call, visit.session_id)

    def _begin(
        self,
        call: Call,
        visit: Visit,
        said: _D,
        update: VisitorUpdate,
        known: Session | None,
    ) -> _Attempt[_D] | None:
        """Plan the session if it is to be opened, and date the call by it."""
        reader = self._links.reader(call.project_id)
        session, opening = known, None
        if visit.is_opened and (known is None or known.is_erased):
            # one request for the profile and the identifiers, which two plans use
            reader.load(update.ids, profiles=named_profiles(call, visit))
            opening = self._sessions.plan_opening(call, reader, visit, known)
            session = opening.session
        if session is None:
            return None
        profiles = [session.profile]
        if visit.linked and visit.linked.profile != session.profile:
            profiles.append(visit.linked.profile)
        is_denied = session.denied or (visit.linked is not None and visit.linked.denied)
        attempt = _Attempt(
            call, reader, update, session, said, opening, tuple(profiles), is_denied
        )
        return attempt.redated(session)

    def _write(self, attempt: _Attempt[_D], known: Session | None) -> VisitOutcome[_D]:
        call, session = attempt.call, attempt.session
        opening_actions = self._opening_actions(call, attempt.opening, session)
        plan = _plan_update(attempt, reserved=len(opening_actions))
        self._write_actions(call, attempt.opening, opening_actions, plan)
        # A known session keeps its stored offset, by which a changed one is told later.
        remember_session(call, session if attempt.opening else known or session)
        self._links.complete(call, plan, attempt.effective_at)
        warnings = (*plan.decision.warnings, *self._link_others(attempt))
        return VisitOutcome(
            "applied",
            session,
            attempt.said,
            decision=plan.decision if attempt.update.ids else None,
            warnings=warnings,
            left_out=plan.decision.left_out,
            clock_changed=_is_clock_changed(attempt, known),
        )

    def _link_others(self, attempt: _Attempt[_D]) -> list[str]:
        """Link the visitor's other profile as well, and return the warnings."""
        warnings: list[str] = []
        if not attempt.update.ids:
            return warnings
        values = attempt.update.timestamped_values(attempt.effective_at)
        for profile in attempt.profiles[1:]:
            # in a transaction of its own: a call that is sent again links what is missing
            claim = _make_claim(attempt, profile)
            warnings += self._links.identify(attempt.call, claim, values).warnings
        return warnings

    def _write_actions(
        self,
        call: Call,
        opening: Opening | None,
        opening_actions: Sequence[Action],
        plan: LinkPlan,
    ) -> None:
        """Write a plan, and the session if it is to be made. Raises `ConditionFailed`."""
        if opening:
            self._sessions.list_as_active(call, opening)
        self._links.write(merged_actions(opening_actions, plan.actions))

    def _opening_actions(
        self, call: Call, opening: Opening | None, session: Session
    ) -> Sequence[Action]:
        if opening is None:
            return []
        return self._sessions.opening_actions(call, opening._replace(session=session))


def date_session(call: Call, session: Session, said: Dated) -> Session:
    """Return the session with the clock offset by which a call is dated."""
    return clock_skew.with_clock_offset(
        session, said.device_times, now=call.now, sent=call.sent
    )


def make_claim(
    call: Call,
    profile: Node | None,
    ids: tuple[Node, ...],
    time: int | None,
    *,
    proven: frozenset[Node] | None = None,
) -> Claim:
    """Make the claim that the visitor behind a profile is the customer with these identifiers.

    `time`: when it was made, microseconds, if the client names it. `proven`: the identifiers that
    a token proves; `None` where no proof is needed.
    """
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
        soft_ids_log_in=call.soft_ids_log_in,
        proven=proven,
    )


def _is_clock_changed(attempt: _Attempt[_D], known: Session | None) -> bool:
    if known is None or attempt.opening:
        return False  # a new session is written with its offset
    return attempt.session.clock != known.clock


def _status_of(attempt: _Attempt[_D]) -> Status:
    if attempt.said.is_erased:
        return "erased"
    if attempt.is_denied:
        return "denied"
    if attempt.session.is_erased:
        return "unopened"
    return "applied"


def _session_to_answer(
    attempt: _Attempt[_D], known: Session | None, status: Status
) -> Session | None:
    """Return the session of a call that writes nothing."""
    if attempt.opening is None:
        return attempt.session
    return attempt.opening.without_session() if status == "denied" else known


def _without_erased_claims(attempt: _Attempt[_D]) -> _Attempt[_D]:
    """Drop the parts that predate the erasure of a named node, until nothing more is dropped.

    What is left may be dated anew, and so predate another erasure. Where neither changes, the whole
    call predates it.
    """
    session = attempt.session
    while not attempt.said.is_erased:
        named = [*_claimed_ids(attempt), *attempt.profiles]
        erased_at = links.last_erasure(attempt.reader, named, attempt.effective_at)
        if erased_at is None:
            break
        erased = (*attempt.session.erased, erased_before(erased_at + 1))
        rest = attempt.redated(attempt.session._replace(erased=erased))
        if _is_dated_alike(attempt, rest):
            rest = rest._replace(said=rest.said.erase())
        attempt = rest
    # what was erased of the nodes that the call names was not erased of the session
    dated = attempt.session
    return attempt._replace(
        session=session._replace(offset=dated.offset, clock=dated.clock)
    )


def _is_dated_alike(before: _Attempt[_D], after: _Attempt[_D]) -> bool:
    """Tell whether dating a call anew left out nothing, and changed no time of it."""
    if before.session.offset != after.session.offset:
        return False
    return len(before.said.device_times) == len(after.said.device_times)


def _claimed_ids(attempt: _Attempt[_D]) -> tuple[Node, ...]:
    """Return the identifiers of a call, after the current customer where only that one counts."""
    update = attempt.update
    if not update.only_current_customer:
        return update.ids
    hard_types = attempt.call.project.hard_types
    root = identity.find_root(
        attempt.profiles[0], attempt.reader, hard_types, attempt.time
    )
    return (root, *update.ids) if root.type in hard_types else update.ids


def _make_claim(attempt: _Attempt[_D], profile: Node) -> Claim:
    proven = attempt.update.proven
    ids = _claimed_ids(attempt)
    return make_claim(attempt.call, profile, ids, attempt.time, proven=proven)


def _plan_update(attempt: _Attempt[_D], *, reserved: int) -> LinkPlan:
    call, reader, profile = attempt.call, attempt.reader, attempt.profiles[0]
    if attempt.update.is_empty():
        return LinkPlan(Decision(profile), [])
    values = attempt.update.timestamped_values(attempt.effective_at)
    if attempt.update.ids:
        claim = _make_claim(attempt, profile)
        return links.plan_identify(call, reader, claim, values, reserved=reserved)
    return links.plan_values(
        call, reader, profile, values, attempt.time, reserved=reserved
    )
