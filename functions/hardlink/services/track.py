"""Carries out `track`: a verdict for every event of a payload, in its order (seed 002)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from hardlink.domain import clock_skew, commands, events, ip_addresses, values
from hardlink.domain.call import Call, NewId
from hardlink.domain.commands import Event, Track
from hardlink.domain.errors import Invalid, TooLarge
from hardlink.domain.events import StoredEvent
from hardlink.domain.order_matching import OrderClaim, order_event_id
from hardlink.domain.records import Session
from hardlink.domain.times import SECOND
from hardlink.services.orders import Orders
from hardlink.services.sessions import Visits
from hardlink.storage import activity, event_store, keys
from hardlink.storage.store import Store

Status = Literal["stored", "duplicate", "rejected", "dropped"]
ERASED = (
    "erased: it happened before somebody whom this names was erased, and nothing of it is stored"
)
"""What came too late to be stored."""
MOST_INHERITED = 5 * 1024 * 1024
"""Bytes that a payload's context and properties may come to in all of its events."""


@dataclass(slots=True)
class Verdict:
    """What became of one event."""

    id: str | None
    status: Status
    reason: str | None = None
    field: str | None = None

    def shown(self) -> dict[str, str | None]:
        """The verdict as it is answered."""
        shown = {"id": self.id, "status": self.status, "reason": self.reason, "field": self.field}
        return {name: value for name, value in shown.items() if name in ("id", "status") or value}


class Parsed(NamedTuple):
    """An event that was understood. `happened`: its time on the device's clock, `order`: which it is, if it says so."""

    number: int
    event: Event
    id: str | None
    happened: int | None
    order: OrderClaim | None = None


class Batch:
    """The events of one payload on their way to a verdict each."""

    def __init__(self, command: Track) -> None:
        self._command = command
        self.verdicts: list[Verdict] = []
        self.parsed: list[Parsed] = []
        values.check_values(command.properties, "properties")
        _check_shared(command)
        for number, body in enumerate(command.events):
            self.verdicts.append(self._judge(number, body))

    @property
    def happened(self) -> list[int | None]:
        """When each event happened on the device's own clock, where the device says so."""
        return [parsed.happened for parsed in self.parsed]

    @property
    def earliest(self) -> int | None:
        """The earliest time that the device says, on its own clock."""
        return min((time for time in self.happened if time is not None), default=None)

    @property
    def saves_session(self) -> bool:
        """Whether this call opens a session: an event to store needs one, else the options may say no."""
        return bool(self.parsed) or self._wants_session

    @property
    def begins_visit(self) -> bool:
        """Whether a session that this call opens begins with events of its own: the options may say no."""
        return self._command.options.saves and self._wants_session

    @property
    def _wants_session(self) -> bool:
        asked = [_save_session(body) for body in self._command.events]
        return self._command.options.save_session and (not asked or any(asked))

    @property
    def debugger(self) -> bool:
        """Whether the caller wants to see what was made of its events."""
        asked = (parsed.event.options.debugger for parsed in self.parsed)
        return self._command.options.debugger or any(asked)

    def forget_orders(self) -> None:
        """Orders are events like any other."""
        self.parsed = [parsed._replace(order=None) for parsed in self.parsed]

    def doubt_orders(self) -> None:
        """Orders count once, and what is said of them proves nothing about who said it."""
        self.parsed = [
            parsed._replace(order=parsed.order and parsed.order._replace(total=None, email=None))
            for parsed in self.parsed
        ]

    def drop(self, reason: str) -> None:
        """None of the events that would be stored is."""
        for parsed in self.parsed:
            self.verdicts[parsed.number] = Verdict(parsed.id, "dropped", reason)
        self.parsed = []

    def drop_erased(self, call: Call, session: Session) -> bool:
        """Drop what happened when somebody was here who was erased; answers whether that was all there is."""
        gone = [p for p in self.parsed if session.was_erased(_time(call, session, p))]
        for parsed in gone:
            self.verdicts[parsed.number] = Verdict(parsed.id, "dropped", ERASED)
        self.parsed = [parsed for parsed in self.parsed if parsed not in gone]
        return bool(gone) and not self.parsed

    def _judge(self, number: int, body: object) -> Verdict:
        id_ = None
        try:
            event = commands.event(body, number)
            id_ = commands.event_id(event, number)
            order = commands.event_order(event, number)
            happened = commands.event_time(event, number)
        except Invalid as error:
            return Verdict(id_ or _given_id(body), "rejected", error.message, error.field)
        if not (self._command.options.saves and event.options.saves):
            return Verdict(id_, "dropped", "not saved: the options say so")
        self.parsed.append(Parsed(number, event, id_, happened, order))
        return Verdict(id_, "stored")


class Tracking:
    """Stores the events of a payload."""

    def __init__(self, store: Store, visits: Visits, orders: Orders, new_id: NewId) -> None:
        self._store = store
        self._visits = visits
        self._orders = orders
        self._new_id = new_id

    def store(
        self, call: Call, session: Session, command: Track, batch: Batch
    ) -> list[StoredEvent]:
        """Store what can be stored, and give its verdict; answers the events as they were stored."""
        kept = self._kept(call, session, command, batch)
        self._note(call, session, command, batch, kept)
        return [event for _, event in kept]

    def _note(
        self,
        call: Call,
        session: Session,
        command: Track,
        batch: Batch,
        kept: Sequence[tuple[Parsed, StoredEvent]],
    ) -> None:
        """Leave word of what who looks on would not see; an ordinary call leaves none."""
        late = [
            (event.time, event.id)
            for parsed, event in kept
            if event.time < call.now - activity.LATE
            and batch.verdicts[parsed.number].status == "stored"
        ]
        refused = [
            {"type": _given_type(command.events[number]), **verdict.shown()}
            for number, verdict in enumerate(batch.verdicts)
            if verdict.status in ("rejected", "dropped") and verdict.reason != ERASED
        ]
        if (late or refused) and not session.denied:
            activity.record_note(self._store, call, session, refused, late)

    def _kept(
        self, call: Call, session: Session, command: Track, batch: Batch
    ) -> Sequence[tuple[Parsed, StoredEvent]]:
        new: dict[tuple[int, str], tuple[Parsed, StoredEvent]] = {}
        for parsed in batch.parsed:
            event = self._event(call, session, command, parsed)
            batch.verdicts[parsed.number].id = event.id
            if refused := events.find_storage_fault(event, call.now):
                reason, part = refused
                field = f"events[{parsed.number}].{part}"
                batch.verdicts[parsed.number] = Verdict(event.id, "rejected", reason, field)
            elif new.setdefault((event.time, event.id), (parsed, event))[0] is not parsed:
                batch.verdicts[parsed.number].status = "duplicate"
        for place in self._stored_before(call, session, command, list(new)):
            batch.verdicts[new.pop(place)[0].number].status = "duplicate"
        if not new:
            return []
        self._visits.expect(call, session, max(time for time, _ in new))
        plain = [(parsed, event) for parsed, event in new.values() if parsed.order is None]
        added = event_store.insert_events(
            self._store, call.project_id, session.id, [event for _, event in plain]
        )
        for (parsed, _), is_new in zip(plain, added, strict=True):
            batch.verdicts[parsed.number].status = "stored" if is_new else "duplicate"
        for parsed, event in new.values():
            if parsed.order and not self._orders.track(call, session, parsed.order, event):
                batch.verdicts[parsed.number].status = "duplicate"
        return list(new.values())

    def _stored_before(
        self, call: Call, session: Session, command: Track, places: Sequence[tuple[int, str]]
    ) -> list[tuple[int, str]]:
        """Which of these events are stored already, with a time that is a little off."""
        if not command.jitter:
            return []
        partition = keys.session_head(call.project_id, session.id).partition
        known: list[tuple[int, str]] = []
        for first, last in _around([time for time, _ in places], command.jitter):
            scan = self._store.scan("sessions", partition, f"e/{first:016d}/", f"e/{last + 1:016d}")
            known += [(keys.event_time(key), key.item.split("/", 2)[2]) for key, _ in scan]
        return [
            (time, id_)
            for time, id_ in places
            if any(id_ == other and abs(time - at) <= command.jitter for at, other in known)
        ]

    def _event(self, call: Call, session: Session, command: Track, parsed: Parsed) -> StoredEvent:
        event = parsed.event
        time = _time(call, session, parsed)
        body: dict[str, Any] = {
            "properties": ip_addresses.strip_ip_addresses(
                {**command.properties, **event.properties}
            ),
            "context": ip_addresses.strip_ip_addresses(_over(command.context, event.context)),
        }
        if event.tags:
            body["tags"] = event.tags
        if parsed.happened is not None:
            body["sent_time"] = event.happened
        return StoredEvent(
            id=parsed.id
            or (order_event_id(parsed.order.number) if parsed.order else self._new_id()),
            type=event.type,
            time=time,
            received=call.now,
            source=call.name,
            body=body,
            expires=call.expires(time),
            order=parsed.order.number if parsed.order else None,
        )


def _time(call: Call, session: Session, parsed: Parsed) -> int:
    """When an event happened, on the server's clock: in the payload's order where the device names no time."""
    if parsed.happened is None:
        return call.now + parsed.number
    return clock_skew.corrected(parsed.happened, session.offset)


def _around(times: Sequence[int], margin: int) -> list[tuple[int, int]]:
    """From when to when to look, where what is looked for may lie so far beside these times."""
    found: list[tuple[int, int]] = []
    for time in sorted(times):
        first, last = max(0, time - margin), time + margin
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def _check_shared(command: Track) -> None:
    """Hold what every event of a payload inherits to what one call may carry. Raises `TooLarge`."""
    shared = values.json_size(command.context) + values.json_size(command.properties)
    if shared * len(command.events) > MOST_INHERITED:
        raise TooLarge(
            f"context and properties are kept with every event, and would come to more than "
            f"{MOST_INHERITED} bytes: send fewer events a call",
            "context",
        )


def debug(session: Session, stored: list[StoredEvent]) -> dict[str, Any]:
    """What `options.debugger` asks for: what was made of the call; events that are too large to show are left out."""
    return {
        "session": {
            "id": session.id,
            "profile": session.profile.value,
            "clock_offset": session.offset / SECOND,
        },
        "events": [
            event.as_json(session.id, session.profile.value)
            for event in stored[: events.count_fitting(stored)]
        ],
    }


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """An event's context over its payload's, object by object."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        merged[name] = (
            _over(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _save_session(body: object) -> bool:
    options = body.get("options") if isinstance(body, Mapping) else None
    return not isinstance(options, Mapping) or options.get("saveSession") is not False


def _given_id(body: object) -> str | None:
    id_ = body.get("id") if isinstance(body, Mapping) else None
    return id_[:256] if isinstance(id_, str) else None


def _given_type(body: object) -> str | None:
    type_ = body.get("type") if isinstance(body, Mapping) else None
    return type_[:256] if isinstance(type_, str) else None
