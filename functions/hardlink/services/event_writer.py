"""Store the events of a batch: judge each, then write those that are new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hardlink.domain import clock_skew, events, ip_addresses
from hardlink.domain.call import Call, NewId
from hardlink.domain.commands import Track
from hardlink.domain.events import StoredEvent
from hardlink.domain.orders.matching import order_event_id
from hardlink.domain.records import LATE, Key, Session
from hardlink.domain.values import LeftOut, json_size
from hardlink.services.answers import ERASED
from hardlink.services.batch import Batch, ParsedEvent, Verdict, given_type
from hardlink.services.orders import Orders
from hardlink.services.sessions import Sessions
from hardlink.storage import activity, event_store, keys, nodes
from hardlink.storage.store import Store

MOST_SENT_TIME = 256
"""Bytes of a time as its client wrote it, which is kept beside the event's own."""
Place = tuple[int, str]
"""Time and ID of an event, which make its key."""


class JudgedEvent(NamedTuple):
    """An event as it is to be stored, and as it was parsed."""

    parsed: ParsedEvent
    stored: StoredEvent

    @property
    def place(self) -> Place:
        """Time and ID."""
        return self.stored.time, self.stored.id


class Judged(NamedTuple):
    """The events of a payload that are to be written, and the verdicts of all so far."""

    verdicts: tuple[Verdict, ...]
    events: tuple[JudgedEvent, ...]

    def with_duplicates(self, duplicates: Iterable[JudgedEvent]) -> Judged:
        """Give events the verdict that they were stored before."""
        verdicts = list(self.verdicts)
        for one in duplicates:
            verdicts[one.parsed.number] = Verdict(one.stored.id, "duplicate")
        return self._replace(verdicts=tuple(verdicts))


class EventWriter:
    """Stores the events of a payload."""

    def __init__(
        self, store: Store, sessions: Sessions, orders: Orders, new_id: NewId
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._orders = orders
        self._new_id = new_id

    def store(
        self, call: Call, session: Session, command: Track, batch: Batch
    ) -> Judged:
        """Store a batch's events under a session, each once.

        Returns the verdicts of all, and the events that are stored now, by this call or by one
        before it.
        """
        batch = self._without_dated_otherwise(call, session, batch)
        batch = self._with_receipts(call, session, batch)
        judged = self._judge(call, session, command, batch)
        judged = self._without_resent(call, session, command, judged)
        if judged.events:
            judged = self._write(call, session, judged)
        self._note_unstored(call, session, command, judged)
        return judged

    def _with_receipts(self, call: Call, session: Session, batch: Batch) -> Batch:
        """Date events that have an ID and no time by when the ID came first.

        The time is written before the event: so one that is sent again, by whichever call, has the
        same key. Whatever has a time of its own costs no request here.
        """
        new_times: dict[str, int] = {}
        for parsed in batch.events:
            id_ = parsed.id_without_time
            if id_ is not None:
                new_times.setdefault(id_, parsed.time(call, session))
        if not new_times:
            return batch
        receipts = event_store.find_or_add_receipts(
            self._store, call.project_id, session.id, new_times, call.expires(call.now)
        )
        # what came first in a time that was erased since is not stored again
        return batch.with_receipts(receipts).without_erased(call, session)

    def _judge(
        self, call: Call, session: Session, command: Track, batch: Batch
    ) -> Judged:
        """Complete the events, without those that cannot be stored or are there twice."""
        verdicts = list(batch.verdicts)
        judged: dict[Place, JudgedEvent] = {}
        for parsed in batch.events:
            event, left_out = self._complete_event(call, session, command, parsed)
            one = JudgedEvent(parsed, event)
            fault = events.find_storage_fault(event, call.now)
            if fault:
                reason, part = fault
                field = f"events[{parsed.number}].{part}"
                verdicts[parsed.number] = Verdict(event.id, "rejected", reason, field)
            elif one.place in judged:
                # a batch of inserts names every key once (see `Store.insert`)
                verdicts[parsed.number] = Verdict(event.id, "duplicate")
            else:
                judged[one.place] = one
                verdicts[parsed.number] = Verdict(event.id, "stored", left_out=left_out)
        return Judged(tuple(verdicts), tuple(judged.values()))

    def _complete_event(
        self, call: Call, session: Session, command: Track, parsed: ParsedEvent
    ) -> tuple[StoredEvent, tuple[LeftOut, ...]]:
        """Complete an event with what it inherits, its time, and an ID if the client gave none.

        IP addresses are taken out. An order's event has the ID of its order. Also returns the parts
        that were left out.
        """
        event = parsed.event
        properties, excess = events.inherit_properties(
            event.properties, command.properties
        )
        context, too_large = events.limit_context(
            _merge_objects(command.context, event.context)
        )
        body: dict[str, Any] = {
            "properties": ip_addresses.strip_ip_addresses(properties),
            "context": ip_addresses.strip_ip_addresses(context),
        }
        if event.tags:
            body["tags"] = event.tags
        if event.happened is not None and json_size(event.happened) <= MOST_SENT_TIME:
            body["sent_time"] = event.happened
        number, derived_id = None, None
        if parsed.order:
            number = parsed.order.claim.number
            derived_id = order_event_id(parsed.order.claim)
            body["order"] = parsed.order.as_json()
        time = parsed.time(call, session)
        stored = StoredEvent(
            id=parsed.id or derived_id or self._new_id(),
            type=event.type,
            time=time,
            # a microsecond apart: timelines read equal times in the order of their receipt
            received=call.now + parsed.number,
            source=call.name,
            body=body,
            expires=call.expires(time),
            order=number,
        )
        return stored, (*event.left_out, *excess, *too_large)

    def _without_resent(
        self, call: Call, session: Session, command: Track, judged: Judged
    ) -> Judged:
        """Leave out events stored before with a slightly different time (`Track.jitter`)."""
        if not command.jitter:
            return judged
        known = self._read_places(call, session, judged, command.jitter)
        resent: list[JudgedEvent] = []
        new: list[JudgedEvent] = []
        for one in judged.events:
            is_resent = _is_resent(one, known, command.jitter)
            (resent if is_resent else new).append(one)
        self._widen_bounds(call, session, _find_hidden(session, resent))
        return judged.with_duplicates(resent)._replace(events=tuple(new))

    def _without_dated_otherwise(
        self, call: Call, session: Session, batch: Batch
    ) -> Batch:
        """Leave out events that were stored before the device's clock was known better.

        Only a session whose clock changed has other times, so no other one pays for the request.
        """
        places: dict[Key, ParsedEvent] = {}
        for parsed in batch.events:
            for key in _other_places(call, session, parsed):
                places[key] = parsed
        if not places:
            return batch
        found = nodes.read_items(self._store, list(places))
        return batch.with_duplicates(map(places.__getitem__, found))

    def _read_places(
        self, call: Call, session: Session, judged: Judged, jitter: int
    ) -> list[Place]:
        """Read where events are stored around the times of these."""
        partition = keys.session_partition(call.project_id, session.id)
        times = [one.stored.time for one in judged.events]
        places: list[Place] = []
        for first, last in _ranges_around(times, jitter):
            low, high = keys.first_event_item(first), keys.first_event_item(last + 1)
            for key, _ in self._store.scan("events", partition, low, high):
                places.append((keys.event_time(key), keys.event_id(key)))
        return places

    def _write(self, call: Call, session: Session, judged: Judged) -> Judged:
        """Write the events, after the bounds of their times, at which readers stop."""
        resent = self._find_resent(call, session, judged.events)
        new = [one for one in judged.events if one not in resent]
        self._widen_bounds(call, session, [*new, *_find_hidden(session, resent)])
        if not new:
            return judged.with_duplicates(resent)
        # an order's event is written together with the row of the order, so not in a batch
        plain = [one for one in new if one.parsed.order is None]
        duplicates = self._insert(call, session, plain)
        duplicates += self._track_orders(call, session, new)
        return judged.with_duplicates((*resent, *duplicates))

    def _widen_bounds(
        self, call: Call, session: Session, judged: Sequence[JudgedEvent]
    ) -> None:
        """Widen the session's bounds for these events, if there are any."""
        times = [one.stored.time for one in judged]
        if times:
            self._sessions.widen_bounds(call, session, min(times), max(times))

    def _find_resent(
        self, call: Call, session: Session, judged: Sequence[JudgedEvent]
    ) -> list[JudgedEvent]:
        """Find events that are stored already, if one is late and would have to be announced.

        So that what is sent again changes nothing. Where none is late this costs no request.
        """
        if session.expects(min(one.stored.time for one in judged), call.now):
            return []
        places: dict[Key, JudgedEvent] = {}
        for one in judged:
            # An order that is told again may say more.
            if one.parsed.order is None:
                key = keys.session_event(call.project_id, session.id, *one.place)
                places[key] = one
        stored = nodes.read_items(self._store, list(places))
        return [places[key] for key in stored]

    def _insert(
        self, call: Call, session: Session, judged: Sequence[JudgedEvent]
    ) -> list[JudgedEvent]:
        """Insert events that are no orders. Returns those that were there already."""
        stored = [one.stored for one in judged]
        added = event_store.insert_events(
            self._store, call.project_id, session.id, stored
        )
        pairs = zip(judged, added, strict=True)
        return [one for one, is_new in pairs if not is_new]

    def _track_orders(
        self, call: Call, session: Session, judged: Sequence[JudgedEvent]
    ) -> list[JudgedEvent]:
        """Store the events that are orders. Returns those whose order is known already."""
        known: list[JudgedEvent] = []
        for one in judged:
            order = one.parsed.order
            if order is None:
                continue
            is_new = self._orders.track(call, session, order.claim, one.stored)
            if not is_new:
                known.append(one)
        return known

    def _note_unstored(
        self, call: Call, session: Session, command: Track, judged: Judged
    ) -> None:
        """Note rejected and late events for the live view; a call without any writes nothing."""
        if session.denied:
            return
        late = [one.place for one in judged.events if _is_late(call, judged, one)]
        refused: list[dict[str, str | None]] = []
        pairs = zip(command.events, judged.verdicts, strict=True)
        for body, verdict in pairs:
            if _is_noted(verdict):
                refused.append({"type": given_type(body), **verdict.shown()})
        if late or refused:
            activity.record_note(self._store, call, session, refused, late)


def _find_hidden(session: Session, resent: Sequence[JudgedEvent]) -> list[JudgedEvent]:
    """Find events that are stored beyond the bounds of their session, at which readers stop.

    Only after the session was restored to a time before them: events are written after the bounds.
    """
    return [one for one in resent if not session.spans(one.stored.time)]


def _is_noted(verdict: Verdict) -> bool:
    """Tell whether the live view shows a verdict; nothing shows what was erased of a visitor."""
    return verdict.status in ("rejected", "dropped") and verdict.reason != ERASED


def _is_late(call: Call, judged: Judged, one: JudgedEvent) -> bool:
    """Tell whether an event is stored so far back in time that the live view does not look there.

    That view scans the times from `LATE` before a call on.
    """
    is_stored = judged.verdicts[one.parsed.number].status == "stored"
    return is_stored and one.stored.time < call.now - LATE


def _is_resent(one: JudgedEvent, known: Sequence[Place], jitter: int) -> bool:
    """Tell whether an event with this ID is stored at about this time.

    `known`: what is stored; `jitter`: microseconds by which its time may differ.
    """
    time, id_ = one.place
    times = [at for at, other in known if other == id_]
    return any(abs(time - at) <= jitter for at in times)


def _other_places(call: Call, session: Session, parsed: ParsedEvent) -> Iterator[Key]:
    """List where an event lies if it was dated by another offset of the device's clock."""
    device_time, id_ = parsed.device_time, parsed.id
    if device_time is None or id_ is None:
        return
    for time in clock_skew.other_times(session, device_time):
        yield keys.session_event(call.project_id, session.id, time, id_)


def _ranges_around(times: Sequence[int], margin: int) -> list[tuple[int, int]]:
    """Return the ranges that reach so far around these times, overlapping ones as one."""
    ranges: list[tuple[int, int]] = []
    for time in sorted(times):
        first, last = max(0, time - margin), time + margin
        if ranges and first <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], last)
        else:
            ranges.append((first, last))
    return ranges


def _merge_objects(
    below: Mapping[str, Any], above: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge an event's context over its payload's, object by object."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            merged[name] = _merge_objects(old, value)
        else:
            merged[name] = value
    return merged
