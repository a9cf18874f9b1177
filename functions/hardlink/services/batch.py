"""Parse the events of one payload (seed 002): a verdict for every one, in its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hardlink.domain import clock_skew, commands, values
from hardlink.domain.call import Call
from hardlink.domain.commands import Event, Track
from hardlink.domain.errors import Invalid, TooLarge
from hardlink.domain.json_types import as_object
from hardlink.domain.orders.matching import OrderClaim
from hardlink.domain.orders.purchase_events import EventOrder
from hardlink.domain.records import Session
from hardlink.domain.values import LeftOut
from hardlink.services.answers import ERASED
from hardlink.services.statements import server_time

Status = Literal["stored", "duplicate", "rejected", "dropped"]
MOST_INHERITED = 5 * 1024 * 1024
"""Bytes that a payload's context and properties may come to in all of its events."""
_LONGEST_SHOWN = 256


class Verdict(NamedTuple):
    """The result of one event. `left_out`: parts without which it is stored."""

    id: str | None
    status: Status
    reason: str | None = None
    field: str | None = None
    left_out: tuple[LeftOut, ...] = ()

    def shown(self) -> dict[str, Any]:
        """Return the verdict as it is answered: `id`, `status`, and what else there is to say."""
        left_out = [part.as_json() for part in self.left_out]
        details = {"reason": self.reason, "field": self.field, "left_out": left_out}
        said = {name: value for name, value in details.items() if value}
        return {"id": self.id, "status": self.status, **said}


class ParsedEvent(NamedTuple):
    """A valid event.

    `number`: its place in the payload. `device_time`: on the device's clock, if it names one;
    `first_received`: of one that names none, when its ID came first, on the server's clock.
    """

    number: int
    event: Event
    id: str | None
    device_time: int | None
    order: EventOrder | None = None
    first_received: int | None = None

    @property
    def id_without_time(self) -> str | None:
        """The ID of an event of which only that can show that it was stored before.

        `None` for one with a time of its own, and for an order's, which is known by the order.
        """
        has_other_mark = self.device_time is not None or self.order is not None
        return None if has_other_mark else self.id

    def with_receipt(self, receipts: Mapping[str, int]) -> ParsedEvent:
        """Date an event that only its ID can tell by when that came first (ID -> time)."""
        id_ = self.id_without_time
        if id_ is None:
            return self
        return self._replace(first_received=receipts.get(id_))

    def with_unverified_order(self) -> ParsedEvent:
        """Take off its order what would prove who placed it: the total and the address."""
        if self.order is None:
            return self
        claim = self.order.claim._replace(total=None, email=None)
        return self._replace(order=self.order._replace(claim=claim))

    def time(self, call: Call, session: Session) -> int:
        """Return the server time, in the payload's order where the device names none."""
        if self.first_received is not None:
            return self.first_received
        if self.device_time is None:
            # a microsecond apart, as events are read in order of time
            return call.now + self.number
        return clock_skew.correct_time(self.device_time, session.offset)


class Batch(NamedTuple):
    """The events of a payload that are still to be stored, and the verdicts of all.

    `warnings`: parts of events that were not used, each as `events[n].field: why`.
    """

    verdicts: tuple[Verdict, ...]
    events: tuple[ParsedEvent, ...] = ()
    is_erased: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def device_times(self) -> Sequence[int | None]:
        """The time of each event on the device's clock, where it names one."""
        return [parsed.device_time for parsed in self.events]

    def time(self, call: Call, offset: int) -> int | None:
        """Return the earliest time that the device names, on the server's clock, microseconds.

        `offset`: server minus device clock. `None` where the device names no time.
        """
        named = [time for time in self.device_times if time is not None]
        return server_time(min(named, default=None), call, offset)

    def without_erased(self, call: Call, session: Session) -> Batch:
        """Drop the events that happened in a time that was erased of the session."""
        if not session.erased:
            return self
        erased = [
            parsed
            for parsed in self.events
            if session.was_erased(parsed.time(call, session))
        ]
        if not erased:
            return self
        rest = self._settle(erased, "dropped", ERASED)
        return rest._replace(is_erased=not rest.events)

    def erase(self) -> Batch:
        """Drop all events, as they predate an erasure."""
        return self.drop(ERASED)._replace(is_erased=True)

    def with_receipts(self, receipts: Mapping[str, int]) -> Batch:
        """Date the events that only their ID can tell by when it came first.

        `receipts`: ID -> time on the server's clock, microseconds.
        """
        dated = (parsed.with_receipt(receipts) for parsed in self.events)
        return self._replace(events=tuple(dated))

    def with_duplicates(self, duplicates: Iterable[ParsedEvent]) -> Batch:
        """Give events the verdict that they were stored before."""
        return self._settle(duplicates, "duplicate")

    def drop(self, reason: str) -> Batch:
        """Drop all events that are still to be stored. `reason`: as their results answer it."""
        return self._settle(self.events, "dropped", reason)

    def without_orders(self) -> Batch:
        """Store orders like any other event: as often as they are sent."""
        plain = (parsed._replace(order=None) for parsed in self.events)
        return self._replace(events=tuple(plain))

    def with_unverified_orders(self) -> Batch:
        """Count orders once, without the total and the address that would prove who placed them."""
        unverified = map(ParsedEvent.with_unverified_order, self.events)
        return self._replace(events=tuple(unverified))

    def _settle(
        self, settled: Iterable[ParsedEvent], status: Status, reason: str | None = None
    ) -> Batch:
        """Give events their verdict, and take them out of what is still to be stored."""
        verdicts = list(self.verdicts)
        numbers: set[int] = set()
        for parsed in settled:
            verdicts[parsed.number] = Verdict(parsed.id, status, reason)
            numbers.add(parsed.number)
        rest = tuple(parsed for parsed in self.events if parsed.number not in numbers)
        return self._replace(verdicts=tuple(verdicts), events=rest)


def parse_batch(command: Track) -> Batch:
    """Parse the events of a payload. Raises `Invalid` and `TooLarge` for what all of them share."""
    _check_shared(command)
    verdicts: list[Verdict] = []
    events: list[ParsedEvent] = []
    warnings: list[str] = []
    lines: Counter[OrderClaim] = Counter()
    for number, body in enumerate(command.events):
        parsed = _parse_event(command, number, body, warnings)
        if isinstance(parsed, Verdict):
            verdicts.append(parsed)
        else:
            verdicts.append(Verdict(parsed.id, "stored"))
            events.append(_number_line(parsed, lines))
    return Batch(tuple(verdicts), tuple(events), warnings=tuple(warnings))


def opens_session(command: Track, batch: Batch) -> bool:
    """Tell whether an unknown session is opened: events need one, else the options decide.

    The options are Tracardi's `saveSession`, of the payload and of its events (seed 002).
    """
    return bool(batch.events) or _wants_session(command)


def begins_visit(command: Track) -> bool:
    """Tell whether a session that this payload opens begins with events of its own.

    Not where the options say that nothing is stored: nobody asked for these events either.
    """
    return command.options.saves and _wants_session(command)


def wants_debug(command: Track, batch: Batch) -> bool:
    """Tell whether the answer shows what was made of the events (seed 002, `debugger`)."""
    debugged = [parsed.event.options.debugger for parsed in batch.events]
    return command.options.debugger or True in debugged


def given_type(body: object) -> str | None:
    """Return the type of an event that is not valid, as far as it can be shown."""
    return _given_text(body, "type")


def _parse_event(
    command: Track, number: int, body: object, warnings: list[str]
) -> ParsedEvent | Verdict:
    """Parse an event; `warnings` gets a message for each part of it that is not used."""
    id_ = None
    try:
        event = commands.parse_event(body, number)
        id_ = commands.parse_event_id(event, number)
    except Invalid as error:
        shown_id = id_ or _given_text(body, "id")
        # one invalid event must not keep back the others (I10: every event gets a verdict)
        return Verdict(shown_id, "rejected", error.message, error.field)
    if not (command.options.saves and event.options.saves):
        return Verdict(id_, "dropped", "not saved: the options say so")
    device_time = None
    try:
        device_time = commands.parse_event_time(event)
    except Invalid as error:
        # the event happened all the same, and the client may never send it again
        event = event.without(*commands.unreadable_time(error))
    order = commands.read_event_order(event, number)
    if order is not None:
        warnings += order.faults
    event_order = order if isinstance(order, EventOrder) else None
    return ParsedEvent(number, event, id_, device_time, event_order)


def _number_line(parsed: ParsedEvent, lines: Counter[OrderClaim]) -> ParsedEvent:
    """Number the copies of one line of an order in a call.

    A page that is loaded anew repeats them.
    """
    order = parsed.order
    if order is None or order.claim.line is None:
        return parsed
    lines[order.claim] += 1
    copy = lines[order.claim]
    if copy == 1:
        return parsed
    claim = order.claim._replace(line=f"{order.claim.line}-{copy}")
    return parsed._replace(order=order._replace(claim=claim))


def _check_shared(command: Track) -> None:
    """Hold the parts that every event inherits to what one call may carry. Raises `TooLarge`."""
    if not (command.context or command.properties):
        return
    shared = values.json_size(command.context) + values.json_size(command.properties)
    if shared * len(command.events) > MOST_INHERITED:
        raise TooLarge(
            "context and properties are kept with every event, and would come to more than "
            f"{MOST_INHERITED} bytes: send fewer events a call",
            "context",
        )


def _wants_session(command: Track) -> bool:
    """Tell whether the options of the payload or of any event let a session be opened.

    A payload without events is judged by its own options alone.
    """
    if not command.options.save_session:
        return False
    saving = list(map(_saves_session, command.events))
    return True in saving or not saving


def _saves_session(body: object) -> bool:
    """Tell whether an event lets a session be opened; only `saveSession: false` does not."""
    options = as_object(as_object(body).get("options"))
    return options.get("saveSession") is not False


def _given_text(body: object, name: str) -> str | None:
    """Read a text of an event that is not valid, cut to what an answer shows.

    Nothing where it is no text, or the event is no object.
    """
    text = as_object(body).get(name)
    if not isinstance(text, str):
        return None
    return text[:_LONGEST_SHOWN]
