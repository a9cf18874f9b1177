"""Carry out `consent`: a visitor who opts out is not tracked on any session of the profile (I9).

The profile's consent counts. A session has a copy of it, which counts while the session is visited
(`Session.is_visited`): the call writes these, and association the others.
"""

from __future__ import annotations

from hardlink.domain import values
from hardlink.domain.call import Call, NewId
from hardlink.domain.commands import TRACKING, Consent
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOBODY
from hardlink.domain.records import Record, Session
from hardlink.domain.times import MINUTE
from hardlink.services.answers import Answer, visitor_answer
from hardlink.services.erasure.begin import Erasure
from hardlink.services.sessions import Opening, Sessions, Visit
from hardlink.storage import items, keys, nodes
from hardlink.storage.node_reader import LivingNodeReader
from hardlink.storage.retries import retry_conflicts
from hardlink.storage.sessions import consent_patch, find_sessions
from hardlink.storage.store import (
    MOST_ACTIONS,
    Action,
    Check,
    Put,
    Rev,
    Store,
    merged_actions,
)

_CLOCKS_APART = MINUTE
"""Most by which clocks of two processes differ, which both tell whether a session is visited."""


class Consents:
    """Writes the consent of a profile, then of each of its sessions that is visited.

    The profile comes first: a session that is opened meanwhile copies its consent from there, or
    fails and reads again; a session that was opened before is one of the profile's sessions.
    """

    def __init__(
        self, store: Store, sessions: Sessions, erasure: Erasure, new_id: NewId
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._erasure = erasure
        self._new_id = new_id

    def set_consent(self, call: Call, command: Consent) -> Answer:
        """Opt a visitor out of tracking, on all sessions of the profile, or in again.

        It holds from the moment of the answer. With `erase` the visitor is erased as well.
        """
        denied = command.tracking == "denied"
        if command.erase and not denied:
            raise Invalid(
                "an erased visitor cannot be tracked: send tracking as denied", "erase"
            )
        visit = Visit(
            command.session_id or self._new_id(),
            profile=command.profile,
            is_generated=command.session_id is None,
            is_quiet=True,
            opts_in=not denied,
        )
        session = self._set(call, visit, denied=denied)
        answer = {**visitor_answer(session), "tracking": command.tracking}
        if not command.erase:
            return answer
        if session.profile == NOBODY:
            # the visitor was erased before, and asks again
            erasure = self._erasure.find_erasure(call.project_id, session.id)
            return {**answer, "erasure": {"id": erasure}} if erasure else answer
        erasure = self._erasure.erase_session(call.project_id, session.id)
        return {**answer, "profile": {"id": None}, "erasure": {"id": erasure}}

    @retry_conflicts
    def _set(self, call: Call, visit: Visit, *, denied: bool) -> Session:
        """Record a consent on the profile and on its visited sessions, and return the session."""
        reader = LivingNodeReader(self._store, call.project_id)
        session, opening = self._begin(call, reader, visit)
        if session.profile == NOBODY:
            return session  # the visitor had opted out before the erasure, and that stays so
        rev = self._write(call, reader, session, opening, denied=denied)
        # A new profile has no other session.
        if opening is None or not opening.is_new_profile:
            self._set_sessions(call, session, rev, denied=denied)
        return session

    def _begin(
        self, call: Call, reader: LivingNodeReader, visit: Visit
    ) -> tuple[Session, Opening | None]:
        """Read the session of a visit, or plan to open it.

        Nothing is planned for a visitor who opted out before.
        """
        known = None
        if not visit.is_generated:
            known = self._sessions.read(call.project_id, visit.session_id)
        if known and not known.is_erased:
            return known, None
        opening = self._sessions.plan_opening(call, reader, visit, known)
        if opening.session.denied:
            # who opted out is recognised, and no session of theirs is recorded
            return opening.without_session(), None
        return opening.session, opening

    def _write(
        self,
        call: Call,
        reader: LivingNodeReader,
        session: Session,
        opening: Opening | None,
        *,
        denied: bool,
    ) -> int:
        """Write the profile's consent, and the session if it is new; return the profile's `rev`.

        Raises `ConditionFailed`.
        """
        reader.check(session.profile)
        record = reader.record(session.profile)
        fresh = _with_consent(record, call.now, denied=denied)
        actions: list[Action] = []
        if fresh.state.rev != record.state.rev:
            head = keys.node_head(call.project_id, session.profile)
            actions = [Put(head, items.encode_record(fresh), Rev(record.state.rev))]
        if opening:
            denied_session = session._replace(denied=denied)
            opening_actions = self._sessions.opening_actions(
                call, opening._replace(session=denied_session)
            )
            actions = merged_actions(opening_actions, actions)
            self._sessions.list_as_active(call, opening)
        if actions:
            self._store.write(actions)
        return fresh.state.rev

    def _set_sessions(
        self, call: Call, session: Session, rev: int, *, denied: bool
    ) -> None:
        """Write the visited sessions with another consent. Raises `ConditionFailed`."""
        profile = session.profile
        ids = nodes.read_session_ids(self._store, call.project_id, profile)
        patches: list[Action] = []
        for one in find_sessions(self._store, call.project_id, ids):
            is_visited = one.id == session.id or one.is_visited(
                call.now - _CLOCKS_APART
            )
            if is_visited and one.denied != denied and one.profile == profile:
                patches.append(consent_patch(call.project_id, one, denied=denied))
        # Each transaction has the check: an opposite consent that came later wins.
        unchanged = Check(keys.node_head(call.project_id, profile), Rev(rev))
        for start in range(0, len(patches), MOST_ACTIONS - 1):
            some = patches[start : start + MOST_ACTIONS - 1]
            self._store.write([unchanged, *some])


def _with_consent(record: Record, now: int, *, denied: bool) -> Record:
    """Return a profile with a consent, of its next revision if that changes it."""
    tracking = "denied" if denied else "granted"
    stated = values.with_timestamp("consents", {TRACKING: tracking}, now)
    before = record.values.get(("consents", TRACKING))
    is_same = before is not None and before.json == stated["consents", TRACKING].json
    if record.denied == denied and is_same:
        return record
    return record._replace(
        denied=denied,
        created=record.created or now,
        values={**record.values, **stated},
        state=record.state._replace(rev=record.state.rev + 1),
    )
