"""Carry out `track`: link the visitor of a payload, then store its events (seed 002).

One payload goes from value to value: parsed (`batch`), dated and without what predates an erasure
(`visitors`), judged and stored (`event_writer`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hardlink import metrics
from hardlink.domain import events, synthetic_ids
from hardlink.domain.call import Call, NewId
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOBODY
from hardlink.domain.records import Session
from hardlink.domain.times import SECOND
from hardlink.services import batch as batches
from hardlink.services.answers import (
    BOT,
    ERASED,
    OPTED_OUT,
    Answer,
    anonymous_answer,
    bot_answer,
    visitor_answer,
    with_left_out,
)
from hardlink.services.batch import Batch, Status, Verdict
from hardlink.services.event_writer import EventWriter, Judged
from hardlink.services.sessions import Sessions, Visit
from hardlink.services.statements import VisitorUpdate
from hardlink.services.verification import Verification, VerifiedIds
from hardlink.services.visitors import Visitors, VisitOutcome, date_session
from hardlink.storage.retries import retry_conflicts


class Tracking:
    """Stores events, and links the visitors that they identify."""

    def __init__(
        self,
        visitors: Visitors,
        sessions: Sessions,
        writer: EventWriter,
        verification: Verification,
        new_id: NewId,
    ) -> None:
        self._visitors = visitors
        self._sessions = sessions
        self._writer = writer
        self._verification = verification
        self._new_id = new_id

    def track(self, call: Call, command: Track) -> Answer:
        """Store events under a session; with `ids`, link its visitor first.

        Every event gets a verdict: `stored`, `duplicate`, `rejected` or `dropped`. A refused link
        (409) and a link without the token that its source wants (403) store nothing.
        """
        ids = self._verification.verify_ids(call, command)
        batch = batches.parse_batch(command)
        if call.source.signed == "required" and not (ids.nodes or call.trusted):
            batch = batch.with_unverified_orders()
        if call.bot:
            answer = bot_answer(command.session_id or self._new_id())
            return {**answer, "results": _count_results(batch.drop(BOT).verdicts)}
        if command.profile_less:
            answer = self._track_profile_less(call, command, batch)
            return with_left_out(answer, command.left_out)
        own_id = command.own_session_id(ids.nodes)
        if own_id:
            # events of one customer never move to another, and a backend's clock is no device's
            call = call._replace(policy="split", sent=call.now)
        answer = self._track_visitor(call, command, batch, ids, own_id)
        return with_left_out(answer, command.left_out, answer.get("left_out", ()))

    @retry_conflicts
    def _track_visitor(
        self,
        call: Call,
        command: Track,
        batch: Batch,
        ids: VerifiedIds,
        own_id: str | None,
    ) -> Answer:
        """Track a visitor, once more where they opt out while their events are stored.

        `own_id`: the customer's own session, for events of no device.
        """
        session_id = own_id or command.session_id or self._new_id()
        linked = self._read_linked(call, command, session_id)
        update = VisitorUpdate.of_track(command, ids, call.name)
        visit = _make_visit(command, batch, session_id, linked)
        if not update.is_empty():
            # what a call says of its visitor needs a session, whatever its options say of events
            visit = visit._replace(is_opened=True)
        outcome = self._visitors.apply(call, visit, batch, update)
        session = outcome.session
        if outcome.status == "erased" or session is None or session.profile == NOBODY:
            return self._answer_without_storing(call, visit, outcome)
        if linked is None:
            self._open_linked(call, command, session)
        return self._store(call, command, session, outcome)

    def _answer_without_storing(
        self, call: Call, visit: Visit, outcome: VisitOutcome[Batch]
    ) -> Answer:
        here = self._visitors.answer_without_storing(call, visit, outcome.session)
        batch, warnings = _drop_denied(outcome)
        if outcome.status == "erased":
            warnings.append(ERASED)
        return {**here, "results": _count_results(batch.verdicts), "warnings": warnings}

    def _store(
        self, call: Call, command: Track, session: Session, outcome: VisitOutcome[Batch]
    ) -> Answer:
        batch, warnings = _drop_denied(outcome)
        if outcome.clock_changed and batch.events:
            # before the events, so that a call that repeats them dates them alike
            self._sessions.store_clock(call, session)
        judged = self._writer.store(call, session, command, batch)
        is_own = synthetic_ids.is_synthetic(session.id)
        here = anonymous_answer() if is_own else visitor_answer(session)
        answer = {
            **here,
            "results": _count_results(judged.verdicts),
            "warnings": warnings,
        }
        if batches.wants_debug(command, batch):
            answer["debug"] = _debug_answer(session, judged)
        return with_left_out(answer, outcome.left_out)

    def _track_profile_less(self, call: Call, command: Track, batch: Batch) -> Answer:
        """Store events without a visitor under the source's own session, which is never linked.

        They keep the session that they name in their context; a visitor who opted out there is not
        recorded here either.
        """
        update = VisitorUpdate.of_track(command, VerifiedIds(), call.name)
        if command.ids or not update.is_empty() or command.server_side:
            raise Invalid(
                "profile_less events are of no visitor: leave it out, or leave out the visitor",
                "profile_less",
            )
        named = command.session_id
        batch, warnings = self._without_opted_out(call, named, batch)
        batch = batch.without_orders()  # an order would link the source's own session
        own_id = synthetic_ids.source_session(call.name)
        verdicts: Sequence[Verdict] = batch.verdicts
        if batch.events:
            # many devices send these, so none of their clocks is the session's
            visit = Visit(own_id, is_quiet=True)
            own = self._sessions.open(call._replace(sent=None), visit)
            context = {"session": {"id": named}} if named else {}
            kept = replace(command, context={**context, **command.context})
            verdicts = self._writer.store(call, own, kept, batch).verdicts
        answer: Answer = {
            "session": {"id": named or own_id},
            "profile": {"id": None},
            "results": _count_results(verdicts),
            "warnings": warnings,
        }
        if batches.wants_debug(command, batch):
            # without its profile, which another call could join
            answer["debug"] = {"session": {"id": own_id}}
        return answer

    def _without_opted_out(
        self, call: Call, session_id: str | None, batch: Batch
    ) -> tuple[Batch, list[str]]:
        """Drop the events of a named session that opted out, or that was erased at their time."""
        session = self._sessions.find(call, session_id) if session_id else None
        if session is None:
            return batch, []
        if session.denied:
            return batch.drop(OPTED_OUT), [OPTED_OUT]
        return batch.without_erased(call, date_session(call, session, batch)), []

    def _read_linked(
        self, call: Call, command: Track, session_id: str
    ) -> Session | None:
        """Read the other session of a visitor who sends two."""
        other_id = _other_session(command, session_id)
        if other_id is None:
            return None
        return self._sessions.find_living(call, other_id)

    def _open_linked(self, call: Call, command: Track, session: Session) -> None:
        """Open the other session on the same profile: the next call may carry that one alone."""
        other_id = _other_session(command, session.id)
        if other_id:
            visit = Visit(other_id, profile=session.profile.value, is_quiet=True)
            self._sessions.open(call, visit)


def _other_session(command: Track, session_id: str) -> str | None:
    """Return the session that a visitor sends beside their own one, if it is another one."""
    other_id = command.linked_session_id
    return None if other_id == session_id else other_id


def _make_visit(
    command: Track, batch: Batch, session_id: str, linked: Session | None
) -> Visit:
    """Return the session of a payload, and the profile that it joins if it is new."""
    visit = Visit(
        session_id,
        profile=command.profile,
        forwarded_profile=command.forwarded_profile,
        device_times=batch.device_times,
        linked=linked,
        is_opened=batches.opens_session(command, batch),
        is_generated=command.session_id is None and not command.is_server_side,
        is_quiet=not batches.begins_visit(command),
    )
    if command.is_server_side:
        return visit._replace(profile=None, forwarded_profile=None)
    if linked:
        return visit._replace(profile=linked.profile.value, forwarded_profile=None)
    return visit


def _drop_denied(outcome: VisitOutcome[Batch]) -> tuple[Batch, list[str]]:
    """Drop the events of a visitor who opted out; return the batch and the warnings so far."""
    warnings = [*outcome.said.warnings, *outcome.warnings]
    if outcome.status != "denied":
        return outcome.said, warnings
    return outcome.said.drop(OPTED_OUT), [*warnings, OPTED_OUT]


def _debug_answer(session: Session, judged: Judged) -> dict[str, Any]:
    """Answer `options.debugger`: what was made of the call, without events too large to show."""
    stored = [one.stored for one in judged.events]
    shown = stored[: events.count_fitting(stored)]
    return {
        "session": {
            "id": session.id,
            "profile": session.profile.value,
            "clock_offset": session.offset / SECOND,
        },
        "events": [event.as_json(session.id, session.profile.value) for event in shown],
    }


_COUNTED: Mapping[Status, metrics.Name] = {
    "stored": "events_stored",
    "duplicate": "events_duplicate",
    "rejected": "events_rejected",
    "dropped": "events_dropped",
}


def _count_results(verdicts: Sequence[Verdict]) -> list[Mapping[str, Any]]:
    """Count the verdicts of a payload, and return them as they are answered."""
    counts = Counter(verdict.status for verdict in verdicts)
    for status, count in counts.items():
        metrics.count(_COUNTED[status], count)
    return list(map(Verdict.shown, verdicts))
