"""Read and open sessions, and the anonymous profiles behind them (rule 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from hardlink.domain import clock_skew, events, synthetic_ids
from hardlink.domain.call import Call, NewId
from hardlink.domain.errors import Busy, Invalid
from hardlink.domain.graph import NOBODY, Node, State, profile_node
from hardlink.domain.identifiers import parse_session_id
from hardlink.domain.records import LATE, Item, Record, Session, erased_before
from hardlink.domain.times import DAY, MINUTE
from hardlink.storage import activity, event_store, items, keys, nodes
from hardlink.storage.node_reader import BEING_ERASED, LivingNodeReader
from hardlink.storage.retries import optimistic_retries, retry_conflicts
from hardlink.storage.sessions import find_session, find_sessions
from hardlink.storage.store import (
    Absent,
    Action,
    Check,
    Condition,
    ConditionFailed,
    Lacks,
    Patch,
    Put,
    Rev,
    Same,
    Store,
)

AHEAD = 30 * MINUTE
"""How far a bound is moved beyond an event, so that a visit moves it once or twice."""


class Visit(NamedTuple):
    """The session that a call names, and all that a new session is made of.

    - `session_id`: unknown sessions are opened under it.
    - `profile`: the profile ID in the call; `forwarded_profile`: one that counts only if it exists.
    - `device_times`: the times of its events, on the device's clock (`None`: now).
    - `device_time`: the device's time of the call itself.
    - `linked`: another session of the same visitor, which exists.
    - `is_opened`: an unknown session is made.
    - `is_generated`: no client knows the ID yet, so no session has it.
    - `is_quiet`: it begins no visit, and so without events of its own.
    - `opts_in`: a visitor who had opted out is tracked again.
    """

    session_id: str
    profile: object = None
    forwarded_profile: object = None
    device_times: Sequence[int | None] = ()
    device_time: int | None = None
    linked: Session | None = None
    is_opened: bool = True
    is_generated: bool = False
    is_quiet: bool = False
    opts_in: bool = False


class Opening(NamedTuple):
    """A session to be made. `replaces`: the erased session in whose place it is made."""

    session: Session
    is_new_profile: bool
    profile_rev: int = 0
    is_quiet: bool = False
    replaces: Session | None = None

    def without_session(self) -> Session:
        """Return the session to answer where it is not made, and no profile for it either."""
        if self.is_new_profile:
            return self.session._replace(profile=NOBODY)
        return self.session


class _ProfileLookup(NamedTuple):
    """A profile that a call names, or the successor of the erased profile that it names.

    `erased_at`: when its predecessor was erased, 0 is never; `denied`: the visitor had opted out.
    """

    profile: Node
    record: Record = Record()
    erased_at: int = 0
    denied: bool = False


class Sessions:
    """Reads and opens sessions."""

    def __init__(self, store: Store, new_id: NewId) -> None:
        self._store = store
        self._new_id = new_id

    def read(self, project_id: str, id_: str) -> Session | None:
        """Read a session, also one that was erased."""
        return find_session(self._store, project_id, id_)

    def find(self, call: Call, id_: str) -> Session | None:
        """Read a session with the consent that counts, also one that was erased."""
        session = self.read(call.project_id, id_)
        if session is None or session.is_erased or session.is_visited(call.now):
            return session
        profile = nodes.read_record(self._store, call.project_id, session.profile)
        if not profile.exists:
            # Its erasure is under way, and ends the session or a part of it. Who asked for it with
            # an opt-out is opted out until then.
            return session._replace(denied=session.denied or profile.denied)
        return session._replace(denied=profile.denied)

    def find_living(self, call: Call, id_: str) -> Session | None:
        """Read a session that was not erased, with the consent that counts."""
        session = self.find(call, id_)
        return None if session is None or session.is_erased else session

    def recall(self, call: Call, id_: str) -> Session | None:
        """Take a session as an earlier command of the call left it, else read it.

        It is taken once: a command that loses a race, and is decided again, reads it anew.
        """
        known = call.sessions.pop(id_, None) if call.sessions else None
        return known or self.find(call, id_)

    def find_existing(self, project_id: str, ids: Sequence[str]) -> list[str]:
        """List which of these sessions exist, in their order, with one request."""
        existing = find_sessions(self._store, project_id, ids)
        return [session.id for session in existing if not session.is_erased]

    @retry_conflicts
    def open(self, call: Call, visit: Visit) -> Session:
        """Read the session of a visit, or make it.

        The session of a visitor who opted out is not made, and its profile is `NOBODY` where it has
        none.
        """
        known = self.find(call, visit.session_id)
        if known and not known.is_erased:
            return known
        reader = LivingNodeReader(self._store, call.project_id)
        opening = self.plan_opening(call, reader, visit, known)
        # Nothing is recorded of a visitor who opted out, not even a session.
        if opening.session.denied:
            return opening.without_session()
        self.list_as_active(call, opening)
        self._store.write(self.opening_actions(call, opening))
        return opening.session

    def begin_anew(self, call: Call, *, denied: bool) -> Session:
        """Make a new session of a new profile (rule 5); a visitor who opted out stays so."""
        session = Session(
            self._new_id(),
            profile_node(self._new_id()),
            call.name,
            call.now,
            call.now,
            call.now,
            denied=denied,
            earliest=call.now,
        )
        opening = Opening(session, is_new_profile=True, is_quiet=denied)
        self.list_as_active(call, opening)
        self._store.write(self.opening_actions(call, opening))
        return opening.session

    def find_profile(self, call: Call, named: object) -> Node | None:
        """Find the profile that a call names, or the successor of an erased one, if it exists."""
        reader = LivingNodeReader(self._store, call.project_id)
        found = _look_up_profile(call, reader, named)
        return found.profile if found and found.record.exists else None

    def plan_opening(
        self,
        call: Call,
        reader: LivingNodeReader,
        visit: Visit,
        replaces: Session | None,
    ) -> Opening:
        """Plan a new session on the profile that the call names, else on a new one.

        `replaces`: the erased session of this ID. The new session takes over what was erased, so
        that nothing of that time is stored again, and that the visitor opted out. Raises `Busy`,
        `Invalid`.
        """
        session = _new_session(call, visit, replaces)
        opening = self._plan_on_profile(call, reader, visit, session)
        if replaces:
            session = _take_over(opening.session, visit, replaces)
            opening = opening._replace(session=session, replaces=replaces)
        if _begins_visit(call, opening):
            opening = opening._replace(session=events.raise_bounds(opening.session))
        return opening

    def _plan_on_profile(
        self, call: Call, reader: LivingNodeReader, visit: Visit, session: Session
    ) -> Opening:
        """Choose the profile of a new session: the named one, its successor, or a new one."""
        named = self._choose_profile(call, reader, visit)
        if named and named.erased_at:
            # nothing that the visitor did before the erasure is stored under the successor
            denied = named.denied and not visit.opts_in
            session = session._replace(
                erased=(erased_before(named.erased_at + 1),), denied=denied
            )
        if named and named.record.exists:
            return _join_profile(session, named, visit)
        # always a new ID for an unknown profile: a made-up one could be another visitor's (rule 1)
        new_profile = profile_node(
            synthetic_ids.profile_id_like(session.id, self._new_id())
        )
        if named and (named.erased_at or call.source.static_profile_id):
            new_profile = named.profile
        reader.create(new_profile, Record())
        session = session._replace(profile=new_profile)
        return Opening(session, is_new_profile=True, is_quiet=visit.is_quiet)

    def _choose_profile(
        self, call: Call, reader: LivingNodeReader, visit: Visit
    ) -> _ProfileLookup | None:
        """Look up the profile that a visit names: that of a link between sites comes first."""
        forwarded = _look_up_profile(call, reader, visit.forwarded_profile)
        if forwarded and forwarded.record.exists:
            return forwarded
        return _look_up_profile(call, reader, visit.profile)

    def opening_actions(self, call: Call, opening: Opening) -> list[Action]:
        """Return the actions that make a session, for one transaction.

        Raises `ConditionFailed` where they are written and the session was made meanwhile, or the
        profile changed: it may have opted out, or been erased.
        """
        session, project_id = opening.session, call.project_id
        condition: Condition = Absent()
        if opening.replaces:
            condition = Same("erased_at", opening.replaces.erased_at)
        head = keys.session_head(project_id, session.id)
        member = keys.profile_session(project_id, session.profile, session.id)
        return [
            Put(head, items.encode_session(session), condition),
            Put(member, items.encode_profile_session(session)),
            _profile_action(call, opening),
            *self._first_events(call, opening),
        ]

    def list_as_active(self, call: Call, opening: Opening) -> None:
        """List a session for the live view, before the transaction that makes it.

        In a request of its own, so that no transaction waits for the index. A session that is
        listed and not made costs a reader one look; one that is made and not listed would hide its
        events.
        """
        session = opening.session
        put = activity.put_active_session(call.project_id, session.id, session.latest)
        self._store.write([put])

    def _first_events(self, call: Call, opening: Opening) -> list[Action]:
        """Make the actions that store the events with which a visit begins."""
        if not _begins_visit(call, opening):
            return []
        session, is_new = opening.session, opening.is_new_profile
        found = events.events_of_opening(call, session, new_profile=is_new)
        return [
            event_store.put_event(self._store, call.project_id, session.id, event)
            for event in found
        ]

    def widen_bounds(self, call: Call, session: Session, first: int, last: int) -> None:
        """Widen the bounds of a session's event times, before events beyond them are written.

        `first`, `last`: times of these events, microseconds. Late events are announced as well.
        Costs no request where they lie within the bounds, as in the middle of a visit. Raises
        `ConditionFailed` where the visitor opted out meanwhile.
        """
        for _ in optimistic_retries():
            is_within = session.spans(first) and session.spans(last)
            if is_within and session.expects(first, call.now):
                return
            wider = _with_bounds(session, first, last, call.now)
            # the index first: a session that is listed too early costs a reader one look, and one
            # that is not listed hides its events
            self._store.write(
                [activity.put_active_session(call.project_id, wider.id, wider.latest)]
            )
            with suppress(ConditionFailed):
                self._store.write(_bound_actions(call, session, wider))
                remember_session(call, wider)
                return
            # another call widened them otherwise, or the session was erased meanwhile
            found = self.find_living(call, session.id)
            if found is None:
                return
            if found.denied:
                raise ConditionFailed
            session = found

    def announce_change(self, call: Call, id_: str, time: int) -> None:
        """Announce that an event of this time changes, before it does, unless it is recent.

        So that what was made of the session's events is made anew (see `Session.expects`).
        """
        session = self.read(call.project_id, id_)
        if session is None or session.is_erased or session.expects(time, call.now):
            return
        late: Item = {"late_until": call.now + AHEAD}
        same = Same("profile", session.profile.value)
        with suppress(ConditionFailed):  # it was erased meanwhile
            key = keys.session_head(call.project_id, id_)
            self._store.write([Patch(key, late, same)])

    def store_clock(self, call: Call, session: Session) -> None:
        """Store the clock of a session's device (see `clock_skew.with_clock_offset`)."""
        key = keys.session_head(call.project_id, session.id)
        same = Same("profile", session.profile.value)
        with suppress(ConditionFailed):  # it was erased meanwhile
            put: Item = {"offset": session.clock.offset}
            past = items.encode_clock_past(session.clock)
            if past:
                put["clock"] = past
            remove = () if past else ("clock",)
            self._store.write([Patch(key, put, same, remove)])
            remember_session(call, session)


def _with_bounds(session: Session, first: int, last: int, now: int) -> Session:
    """Return a session with bounds that hold these times, and so another `latest` (see `Session`).

    Each is moved half an hour further than it has to be, so that a visit moves it once or twice.
    """
    wider = session._replace(latest=session.latest + 1)
    if not session.expects(first, now):
        wider = wider._replace(late_until=now + AHEAD)
    if first < session.earliest:
        wider = wider._replace(earliest=max(0, first - AHEAD))
    if last > session.latest:
        wider = wider._replace(latest=last + AHEAD, last_event_at=last)
    return wider


def _bound_actions(call: Call, before: Session, wider: Session) -> list[Action]:
    """Make the actions that store a session's bounds, for one transaction."""
    if before.is_visited(call.now):
        return [_store_bounds(call.project_id, before, wider, remove=())]
    # From here on the session's own copy of the consent counts. An opt-out that is written just
    # now may have left it as it was, and an opt-in that came long ago as well.
    profile = keys.node_head(call.project_id, before.profile)
    return [
        _store_bounds(call.project_id, before, wider, remove=("denied",)),
        Check(profile, Lacks("denied")),
    ]


def _store_bounds(
    project_id: str, before: Session, wider: Session, remove: tuple[str, ...]
) -> Patch:
    """Make the action that stores a session's bounds, unless another call changed them.

    `remove`: attributes that it loses.
    """
    bounds: Item = {
        "earliest": wider.earliest,
        "latest": wider.latest,
        "last_event_at": wider.last_event_at,
    }
    # Another call may have announced late events since: its time must not be taken back.
    if wider.late_until != before.late_until:
        bounds["late_until"] = wider.late_until
    key = keys.session_head(project_id, wider.id)
    return Patch(key, bounds, Same("latest", before.latest), remove)


def remember_session(call: Call, session: Session) -> None:
    """Leave a session, as it is stored now, to the next command of a call of several."""
    if call.sessions is not None:
        call.sessions[session.id] = session


def named_profiles(call: Call, visit: Visit) -> list[Node]:
    """List the profiles that a visit names, as far as they can be profile IDs."""
    named = [
        _parse_profile(call, visit.forwarded_profile),
        _parse_profile(call, visit.profile),
    ]
    return [profile for profile in named if profile]


def _look_up_profile(
    call: Call, reader: LivingNodeReader, named: object
) -> _ProfileLookup | None:
    """Look up a profile; instead of one that was erased its successor, which need not exist yet.

    Raises `Busy` where its erasure has only begun.
    """
    profile = _parse_profile(call, named)
    if profile is None:
        return None
    found = _ProfileLookup(profile)
    while True:
        # both in one request: a tombstone is written in the transaction that begins an erasure
        tombstone = reader.tombstone(found.profile)
        record = reader.record(found.profile)
        if tombstone is None and record.erasing_since:
            raise Busy(BEING_ERASED)
        if tombstone is None or record.exists:
            return found._replace(record=record)
        successor = _successor_profile(found.profile, str(tombstone["successor_seed"]))
        erased_at = nodes.erasure_time(tombstone)
        found = _ProfileLookup(
            successor, erased_at=erased_at, denied="denied" in tombstone
        )


def _successor_profile(erased: Node, random: str) -> Node:
    """Return the profile that follows an erased one: always the same, and not traceable to it."""
    digest = hashlib.sha256(f"{erased}/{random}".encode()).digest()
    return profile_node(str(UUID(bytes=digest[:16], version=4)))


def _join_profile(session: Session, named: _ProfileLookup, visit: Visit) -> Opening:
    record = named.record
    erased = tuple(dict.fromkeys((*record.erased, *session.erased)))
    session = session._replace(
        profile=named.profile, denied=record.denied, erased=erased
    )
    return Opening(
        session,
        is_new_profile=False,
        profile_rev=record.state.rev,
        is_quiet=visit.is_quiet,
    )


def _take_over(session: Session, visit: Visit, erased: Session) -> Session:
    """Give a new session what stays of the erased one: its erased times, and that it opted out."""
    intervals = tuple(dict.fromkeys((*erased.erased, *session.erased)))
    denied = session.denied or (erased.denied and not visit.opts_in)
    return session._replace(erased=intervals, denied=denied)


def _profile_action(call: Call, opening: Opening) -> Action:
    """Make a new profile, or hold a known one still while the session is made."""
    head = keys.node_head(call.project_id, opening.session.profile)
    if not opening.is_new_profile:
        # a consent or an erasure written meanwhile must reach this session too
        return Check(head, Rev(opening.profile_rev))
    record = Record(State(rev=1), call.now, denied=opening.session.denied)
    return Put(head, items.encode_record(record), Absent())


def _begins_visit(call: Call, opening: Opening) -> bool:
    is_synthetic = synthetic_ids.is_synthetic(
        opening.session.id
    )  # no device visits there
    return call.source.system_events and not opening.is_quiet and not is_synthetic


def _parse_profile(call: Call, profile_id: object) -> Node | None:
    """Parse the profile ID of a call; an impossible one is an unknown one.

    Raises `Invalid` only where the source lets callers make up profile IDs.
    """
    if profile_id is None:
        return None
    try:
        return profile_node(parse_session_id(profile_id, "profile.id"))
    except Invalid:
        if call.source.static_profile_id:
            raise
        return None


def _new_session(call: Call, visit: Visit, replaces: Session | None) -> Session:
    """Make a session without a profile; the call's times give its clock and its bounds."""
    times = list(visit.device_times)
    if visit.device_time is not None:
        times.append(visit.device_time)
    if replaces:
        dated = clock_skew.with_clock_offset(
            replaces, times, now=call.now, sent=call.sent
        )
        offset, clock = dated.offset, dated.clock
    else:
        offset, clock = clock_skew.date_first_call(times, now=call.now, sent=call.sent)
    happened = [_bounded_time(call, time, offset) for time in visit.device_times]
    last = max(happened, default=call.now)
    latest = last + AHEAD if happened else last
    is_late = min(happened, default=call.now) < call.now - LATE
    return Session(
        visit.session_id,
        profile_node(""),
        call.name,
        call.now,
        latest,
        last,
        offset,
        clock=clock,
        # the session itself may begin with events, which lie at its creation
        earliest=max(0, min([call.now, *happened])),
        late_until=call.now + AHEAD if is_late else 0,
    )


def _bounded_time(call: Call, device_time: int | None, offset: int) -> int:
    """Return an event's time on the server's clock, at most a day ahead: no later one is stored."""
    if device_time is None:
        return call.now
    return min(clock_skew.correct_time(device_time, offset), call.now + DAY)
