"""Sessions and the anonymous profiles behind them (rule 1)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple
from uuid import UUID

from hardlink.domain import clock_skew, returning_clock, synthetic_ids, visit_events
from hardlink.domain.call import Call, NewId
from hardlink.domain.errors import Busy, Invalid
from hardlink.domain.graph import NOBODY, Node, State, profile_node
from hardlink.domain.identifiers import parse_session_id
from hardlink.domain.records import Record, Session
from hardlink.domain.times import DAY, MINUTE
from hardlink.services.links import BEING_ERASED, NewVisitor
from hardlink.storage import activity, event_store, items, keys, nodes
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.store import (
    Absent,
    Action,
    Below,
    Check,
    ConditionFailed,
    Patch,
    Put,
    Rev,
    Same,
    Store,
)

AHEAD = 30 * MINUTE
"""How far `latest` is raised beyond an event, so that a visit raises it once or twice."""


class Opening(NamedTuple):
    """A session to be made, of which nothing is written yet.

    `profile_action`: what its profile needs for that. `in_place_of`: the erased session that it replaces.
    `quiet`: it begins no visit, and so with no events of its own.
    """

    session: Session
    profile_action: Action
    in_place_of: Session | None = None
    quiet: bool = False

    @property
    def new_profile(self) -> Node | None:
        """The profile that is made along with the session, if there is none yet."""
        return self.session.profile if isinstance(self.profile_action, Put) else None

    @property
    def unrecorded_session(self) -> Session:
        """The session if it is not made: a profile that would have been made is `NOBODY`."""
        return self.session._replace(profile=NOBODY) if self.new_profile else self.session


class _Found(NamedTuple):
    """A profile that a call names, or the one that came after it was erased.

    `erased`: when that was, 0 is never; `denied`: they had opted out.
    """

    profile: Node
    record: Record = Record()
    erased: int = 0
    denied: bool = False


class Visits:
    """Finds and opens sessions."""

    def __init__(self, store: Store, new_id: NewId) -> None:
        self._store = store
        self._new_id = new_id

    def find(self, project_id: str, id_: str) -> Session | None:
        """A session that is known, also one that is `gone`."""
        key = keys.session_head(project_id, id_)
        item = self._store.get([key])[0]
        return items.decode_session(key, item) if item else None

    def open(
        self,
        call: Call,
        id_: str,
        named_profile: object,
        *,
        anew: bool = False,
    ) -> Session:
        """The session of a call that tells no events, made if it is not known (rule 1). See `plan`."""
        for _ in optimistic_retries():
            known = self.find(call.project_id, id_)
            if known and not known.is_erased:
                return known
            opening = self.plan(call, id_, named_profile, known=known, quiet=True, anew=anew)
            if opening.session.denied:
                return opening.unrecorded_session
            with suppress(ConditionFailed):  # another call opened it, or changed the profile
                return self.make(call, opening)
        raise AssertionError("attempts end in an answer or an error")

    def plan(
        self,
        call: Call,
        id_: str,
        named_profile: object,
        *,
        known: Session | None,
        happened: Sequence[int | None] = (),
        told: int | None = None,
        quiet: bool = False,
        anew: bool = False,
    ) -> Opening:
        """Plan a session that is not there (rule 1), and write nothing.

        A session that was erased (`known`) begins anew, with a new profile; not for a visitor who had opted out,
        unless `anew` says so. The session of a visitor who opted out is planned as `denied`: do not make it.

        `happened`: the times of the events that come with it, on the device's clock (`None`: now). `told`: the
        device's time of the call itself. Raises `Invalid` for a profile ID that cannot be one, `Busy` while the
        profile is being erased.
        """
        begun = _fresh(call, id_, happened, told, known)
        opening = self._placed(call, begun, named_profile, anew=anew)
        if known:
            opening = _come_back(opening, known, anew=anew)
        opening = opening._replace(in_place_of=known, quiet=quiet)
        if _begins_visit(call, opening):
            return opening._replace(session=visit_events.raised(opening.session))
        return opening

    def begin_anew(self, call: Call, *, denied: bool) -> Session:
        """A new session of a new profile (rule 5); somebody who opted out stays so."""
        fresh = Session(
            self._new_id(),
            profile_node(self._new_id()),
            call.name,
            call.now,
            call.now,
            call.now,
            denied=denied,
        )
        record = Record(State(rev=1), call.now, denied=denied)
        made = Put(
            keys.node_head(call.project_id, fresh.profile), items.encode_record(record), Absent()
        )
        return self.make(call, Opening(fresh, made, quiet=denied))

    def known_profile(self, call: Call, named_profile: object) -> Node | None:
        """The profile that a call names, or that came after it was erased, if there is one."""
        named = _named(call, named_profile)
        found = self._living(call, named) if named else None
        return found.profile if found and found.record.exists else None

    def _living(self, call: Call, named: Node) -> _Found:
        """A profile; of one that was erased the one that came after it, or will."""
        found = _Found(named)
        while True:
            head = keys.node_head(call.project_id, found.profile)
            item, stone = self._store.get([head, keys.tombstone(call.project_id, found.profile)])
            record = items.decode_record(item)
            if stone is None and record.erasing_since:
                raise Busy(BEING_ERASED)  # a moment ago
            if stone is None or record.exists:
                return found._replace(record=record)
            after = _after(found.profile, str(stone["next"]))
            found = _Found(after, erased=nodes.erasure_time(stone), denied="denied" in stone)

    def expect(self, call: Call, session: Session, time: int) -> None:
        """Raise the upper bound of a session's event times, before an event beyond it is written."""
        if time <= session.latest:
            return
        latest = time + AHEAD
        key = keys.session_head(call.project_id, session.id)
        self._store.write([activity.put_active_session(call.project_id, session.id, latest)])
        with suppress(ConditionFailed):  # somebody raised it further
            self._store.write(
                [Patch(key, {"latest": latest, "last_event_at": time}, Below("latest", latest))]
            )

    def keep_clock(self, call: Call, session: Session) -> None:
        """Date what this device says by another clock from now on (see `returning`)."""
        key = keys.session_head(call.project_id, session.id)
        same = Same("profile", session.profile.value)
        with suppress(ConditionFailed):  # it was erased meanwhile
            self._store.write([Patch(key, {"offset": session.offset}, same)])

    def _placed(self, call: Call, fresh: Session, named_profile: object, *, anew: bool) -> Opening:
        """A new session on the profile that the call names, else on a new one."""
        named = _named(call, named_profile)
        found = self._living(call, named) if named else None
        if found and found.erased:  # nothing of what it did before is stored under the next one
            denied = found.denied and not anew
            fresh = fresh._replace(erased=((0, found.erased + 1),), denied=denied)
        if found and found.record.exists:
            record = found.record
            unchanged = Check(keys.node_head(call.project_id, found.profile), Rev(record.state.rev))
            erased = tuple(dict.fromkeys((*record.erased, *fresh.erased)))
            known = fresh._replace(profile=found.profile, denied=record.denied, erased=erased)
            return Opening(known, unchanged)
        made_up = synthetic_ids.profile_id_like(fresh.id, self._new_id())
        adopts = found and (found.erased or call.source.static_profile_id)
        adopted = found.profile if found and adopts else profile_node(made_up)
        item = items.encode_record(Record(State(rev=1), call.now))
        made = Put(keys.node_head(call.project_id, adopted), item, Absent())
        return Opening(fresh._replace(profile=adopted), made)

    def make(self, call: Call, opening: Opening) -> Session:
        """Write a session and its profile. Raises `ConditionFailed` where it cannot be made as planned."""
        self._store.write(self.opening_actions(call, opening))
        return opening.session

    def new_visitor(self, call: Call, opening: Opening) -> NewVisitor:
        """Give what makes a session to whoever writes more in the same transaction."""
        return NewVisitor(opening.new_profile, self.opening_actions(call, opening))

    def opening_actions(self, call: Call, opening: Opening) -> list[Action]:
        """List what makes a session: all of it belongs into one transaction."""
        session = opening.session
        begins: list[Action] = []
        if _begins_visit(call, opening):
            first_events = visit_events.of(call, session, new_profile=bool(opening.new_profile))
            begins = [
                event_store.put_event(self._store, call.project_id, session.id, event)
                for event in first_events
            ]
        return [
            Put(
                keys.session_head(call.project_id, session.id),
                items.encode_session(session),
                _still_gone(opening.in_place_of) if opening.in_place_of else Absent(),
            ),
            Put(
                keys.profile_session(call.project_id, session.profile, session.id),
                {"created": session.created},
            ),
            opening.profile_action,
            activity.put_active_session(call.project_id, session.id, session.latest),
            *begins,
        ]


def _begins_visit(call: Call, opening: Opening) -> bool:
    """Say whether a session begins with events of its own; nobody visits under a customer's own session."""
    is_synthetic = synthetic_ids.is_synthetic(opening.session.id)
    return call.source.system_events and not opening.quiet and not is_synthetic


def _come_back(fresh: Opening, gone: Session, *, anew: bool) -> Opening:
    """A new session in place of one that was erased: of the same device, and of nothing that came before."""
    erased = tuple(dict.fromkeys((*gone.erased, *fresh.session.erased)))
    denied = fresh.session.denied or (gone.denied and not anew)
    return fresh._replace(session=fresh.session._replace(erased=erased, denied=denied))


def _after(named: Node, random: str) -> Node:
    """Who comes back by the ID of a profile that was erased: always the same one, of whom nothing leads back to it."""
    digest = hashlib.sha256(f"{named}/{random}".encode()).digest()
    return profile_node(str(UUID(bytes=digest[:16], version=4)))


def _still_gone(gone: Session) -> Same:
    return Same("erased_at", int(items.encode_erased_session(gone)["erased_at"]))


def _named(call: Call, profile_id: object) -> Node | None:
    """The profile that a call names. Raises `Invalid` only where callers make them up; else it is an unknown one."""
    if profile_id is None:
        return None
    try:
        return profile_node(parse_session_id(profile_id, "profile.id"))
    except Invalid:
        if call.source.static_profile_id:
            raise
        return None


def _fresh(
    call: Call,
    id_: str,
    happened: Sequence[int | None],
    told: int | None,
    gone: Session | None,
) -> Session:
    times = [time for time in (*happened, told) if time is not None]
    back = returning_clock.with_clock_offset(call, gone, times) if gone else None
    offset = back.offset if back else clock_skew.offset(call.now, call.sent, times)
    dated = (call.now if time is None else clock_skew.corrected(time, offset) for time in happened)
    seen = max((min(time, call.now + DAY) for time in dated), default=call.now)
    latest = seen + AHEAD if happened else seen
    return Session(id_, profile_node(""), call.name, call.now, latest, seen, offset)
