"""The commands of callers: every body is validated once, here, and nowhere again.

Unknown fields are named, and the rest is used. Every error is an `Invalid` that names its
field. The schemas are for pydantic's engine, without its models: importing those takes as long as a
quarter of a cold start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic_core import SchemaValidator
from pydantic_core import core_schema as core
from pydantic_core.core_schema import TypedDictField

from hardlink.domain import synthetic_ids, times, values
from hardlink.domain.errors import Invalid, TooLarge
from hardlink.domain.graph import NOTHING, Node
from hardlink.domain.identifiers import parse_id, parse_session_id
from hardlink.domain.json_types import is_text_or_integer
from hardlink.domain.orders import purchase_events
from hardlink.domain.orders.purchase_events import EventOrder, UnusableOrder
from hardlink.domain.schema import (
    ANY,
    OBJECT,
    TEXT,
    defaulted,
    object_validator,
    option,
    required,
    validate,
)
from hardlink.domain.values import MOST_CUSTOMER_BYTES, LeftOut

MOST_EVENTS = 500
"""Events of one call."""
TRACKING = "tracking"
"""The consent to store anything at all, which only `/consent` sets."""

_TIMES_OF_TRACARDI = dict.fromkeys(("insert", "create")).keys()
"""The names of an event's time in Tracardi's payload, the one that counts first."""

Properties = Mapping[str, Any]
_C = TypeVar("_C", bound="WriteCommand")


class Options(NamedTuple):
    """Options of the tracker payload or of one event of it.

    Source: seed 002; `save` and `saveEvents` are in Tracardi's code.
    """

    save: bool = True
    save_event: bool = True
    save_events: bool = True
    save_session: bool = True
    debugger: bool = False

    @property
    def saves(self) -> bool:
        """True if the events with these options are stored."""
        return all((self.save, self.save_event, self.save_events))


class Event(NamedTuple):
    """One event of a tracker payload (seed 002). `time`: when it happened, on the device's clock.

    `order`: the order that it is (`number`, `total?`, `email?`, `currency?`, `status?`): it is
    stored once, however often it is sent. Its parts are parsed by `purchase_events`. `left_out`:
    its parts that cannot be stored.
    """

    type: str
    id: Any
    time: Any
    properties: Properties
    context: Properties
    options: Options
    tags: Sequence[str]
    order: Any = None
    left_out: tuple[LeftOut, ...] = ()

    def without(self, field: str, reason: str) -> Event:
        """Name a part that was left out, by its path in the event."""
        return self._replace(left_out=(*self.left_out, LeftOut(field, reason)))

    @property
    def happened(self) -> object:
        """The time as the client wrote it: `time` itself, or its `insert` or `create` (Tracardi).

        `None` where it names no time. Anything else that is no time is refused where it is parsed.
        """
        if isinstance(self.time, Mapping):
            return _time_of_tracardi(self.time)
        return self.time


@dataclass(eq=False, repr=False)
class WriteCommand:
    """The common fields of all write calls: source, session, clock and token.

    `sent`: the device's clock when it sent the call, milliseconds. It stands in the body, because
    browsers ask for permission before they send a header of that kind.
    `token`: what proves who its visitor is. `left_out`: values that cannot be stored.
    """

    source: Any
    session: Any
    sent: Any = field(default=None, kw_only=True)
    token: Any = field(default=None, kw_only=True, repr=False)
    left_out: tuple[LeftOut, ...] = field(default=(), kw_only=True, repr=False)

    @property
    def write_key(self) -> str:
        """The ID of the source. Raises `Invalid`.

        An integer is taken as well, because a key of digits may be sent as one.
        """
        if not is_text_or_integer(self.source):
            raise Invalid("send the write key of a source", "source.id")
        return str(self.source).strip()

    @cached_property
    def session_id(self) -> str | None:
        """The session that the client made up, if it sent one. Raises `Invalid`."""
        return _parse_session(self.session, "session.id")

    def check_payload(self) -> None:
        """Check the payload as a whole, before its values are looked at. Raises `HardlinkError`."""

    def check_values(self) -> None:
        """Check the values that can be stored, and leave out what they forbid. Raises `Invalid`."""


@dataclass(eq=False, repr=False)
class Track(WriteCommand):
    """`POST /track`: the tracker payload of seed 002, plus identifiers and values of the visitor.

    `ids`, `segments`, `traits`, `attributes` and `consents` are about the visitor. `events` are
    validated one by one, by `event`. Fields that only dialects set:

    - `linked_session`: another session ID that this visitor sends as well.
    - `only_current_customer`: soft `ids` are set on the customer who is logged in here, and look up
      no other customer.
    - `server_side`: the shop's backend reports events of the customer with these `ids`, without a
      session: they are kept under the customer's own session.
    - `profile_less`: events of no visitor, kept under the source's own session (also a native
      field).
    - `forwarded_profile`: the profile in a link from another site. If it exists, a new session
      joins it rather than `profile`.
    - `replace_lists`: `segments` and `traits` replace those that the same source set in such calls
      (also a native field); empty ones say nothing.
    - `jitter`: microseconds by which the times of events may differ when a client sends them again.
    """

    profile: Any
    linked_session: Any
    only_current_customer: bool
    server_side: bool
    profile_less: bool
    forwarded_profile: Any
    context: Properties
    properties: Properties
    events: Sequence[Any]
    options: Options
    ids: Properties
    segments: Mapping[str, bool]
    traits: Properties
    attributes: Properties
    consents: Properties
    replace_lists: bool = False
    jitter: int = 0

    @property
    def has_values(self) -> bool:
        """True if the call sets values of the visitor."""
        return any((self.segments, self.traits, self.attributes, self.consents))

    @property
    def is_server_side(self) -> bool:
        """True if its events are stored under the customer's own session.

        A call that names a session is about a visit, whoever sends it.
        """
        return self.server_side and self.session is None

    def from_backend(self) -> Track:
        """Return the command as a backend means it, which is no browser.

        Where it names a customer, and neither a session nor a profile, it happened on no device.
        Events of no visitor (`profile_less`) stay what they are.
        """
        if self.session is not None or self.profile is not None:
            return self
        if self.profile_less or not self.ids:
            return self
        return replace(self, server_side=True)

    def check_payload(self) -> None:
        """Refuse too many events, and a payload of which only unknown fields are left.

        Nothing of such a payload would be stored. Events are counted before any is parsed: a
        hostile call must cost no more than its bytes. Raises `TooLarge` and `Invalid`.
        """
        if len(self.events) > MOST_EVENTS:
            raise TooLarge(
                f"{len(self.events)} events: send at most {MOST_EVENTS} a call",
                "events",
            )
        is_empty = not any((self.events, self.ids, self.has_values))
        if is_empty and self.left_out:
            first = self.left_out[0]
            raise Invalid(first.reason, first.field)

    def check_values(self) -> None:
        """Let traits that are too large for one value be added to the earlier ones, and say so.

        Segments are never too large: 255 names of 200 bytes fit. Raises `Invalid` for an opt-out.
        """
        _refuse_opt_out(self.consents)
        if not self.replace_lists:
            return
        if values.json_size(self.traits) > MOST_CUSTOMER_BYTES:
            self.replace_lists = False
            reason = (
                f"the segments or traits have more than {MOST_CUSTOMER_BYTES} bytes: "
                "added to the earlier ones"
            )
            self.left_out += (LeftOut("replace_lists", reason),)

    def own_session_id(self, ids: Sequence[Node]) -> str | None:
        """The customer's own session, for what happened on no device.

        `ids`: the parsed identifiers of the call, the first of which names it. `None` for what
        happened on a device. Raises `Invalid` without identifiers.
        """
        if not self.is_server_side:
            return None
        if not ids:
            raise Invalid("send at least one identifier of the customer", "ids")
        return synthetic_ids.customer_session(ids[0])

    @property
    def linked_session_id(self) -> str | None:
        """The visitor's other session, if there is one. Raises `Invalid`."""
        return _parse_session(self.linked_session, "linked_session.id")


@dataclass(eq=False, repr=False)
class Identify(WriteCommand):
    """`POST /identify`: link a session's visitor to a customer.

    `time`: of the login, on the device's clock. `recipient`: a newsletter's token, whose link the
    visitor followed, instead of `ids`.
    """

    profile: Any
    ids: Properties
    properties: Properties
    set_once: Properties
    segments: Mapping[str, bool]
    traits: Properties
    consents: Properties
    time: Any
    recipient: Any = None

    def check_values(self) -> None:
        """Leave out a time that cannot be read. Raises `Invalid` for an opt-out."""
        _refuse_opt_out(self.consents)
        if self.time is None:
            return
        try:
            times.parse_time(self.time, "time")
        except Invalid as error:
            # a log-in counts, whatever its client's clock says
            self.time = None
            self.left_out += (unreadable_time(error),)


@dataclass(eq=False, repr=False)
class Update(Identify):
    """`POST /update`: set values of a session's visitor, or of the customer with these `ids`."""


@dataclass(eq=False, repr=False)
class Anonymize(WriteCommand):
    """`POST /anonymize`: whoever uses this device from now on is somebody else."""


@dataclass(eq=False, repr=False)
class Consent(WriteCommand):
    """`POST /consent`: `denied` stores nothing from now on."""

    profile: Any
    tracking: Literal["granted", "denied"]
    erase: bool


@dataclass(eq=False, repr=False)
class Keep(WriteCommand):
    """`POST /session`: keep the session's ID in a cookie, unless one is kept already.

    `renew`: this one from now on. `forget`: none from now on.
    """

    renew: bool
    forget: bool


def read(command: type[_C], body: object) -> _C:
    """Read a command from a parsed JSON body.

    Events are not looked at yet: each is validated by itself, so that one that is wrong keeps no
    other from being stored. Values that cannot be stored are left out of the command, and named in
    its `left_out`. Raises `Invalid`, and `TooLarge` for too many events.
    """
    if not isinstance(body, Mapping):
        raise Invalid("the body must be a JSON object")
    found = command(**validate(_COMMANDS[command], body))
    found.left_out = (
        *_unknown_fields(body, _FIELDS[command]),
        *unused_options(body.get("options")),
    )
    # before values are left out, because a payload of them alone is to be refused as it was sent
    found.check_payload()
    for part, most_bytes in _VALUES.get(command, NOTHING).items():
        _keep_storable(found, part, most_bytes)
    found.check_values()
    return found


def _refuse_opt_out(consents: Properties) -> None:
    """Refuse the consent to store anything at all among a customer's consents. Raises `Invalid`.

    An opt-out must hold from its answer on, which a value of a customer could not promise.
    """
    if TRACKING in consents:
        raise Invalid(
            "only /consent sets this consent: leave it out here", f"consents.{TRACKING}"
        )


def _unknown_fields(body: Mapping[str, Any], known: Set[str]) -> tuple[LeftOut, ...]:
    """Name the fields that a call or event does not have, and what they may be meant to be."""
    unknown = [name for name in body if name not in known]

    def describe(name: str) -> LeftOut:
        field = values.name_path("", name).removeprefix(".")
        return LeftOut(field, _describe_unknown(name, known))

    # only the first are compared with the known names: that takes long, and there may be many
    return values.describe_first(unknown, describe, "fields")


def _describe_unknown(name: str, known: Set[str]) -> str:
    """Say that a field is unknown, and which known one it resembles, if any does."""
    from difflib import get_close_matches  # noqa: PLC0415 - next to no call has such a field

    # comparing takes the square of the length
    shown = name[: values.LONGEST_NAME]
    similar = get_close_matches(shown, sorted(known), n=1, cutoff=0.75)
    hint = f": did you mean {similar[0]}?" if similar else ""
    return f"not a field of this call, ignored{hint}"


def unused_options(options: object) -> tuple[LeftOut, ...]:
    """Name the options of seed 002 that have no effect here.

    Tracardi's code has neither any more: up to 0.7 its answer showed the profile where `profile`
    asked for it, which a public write key must not.
    """
    if not isinstance(options, Mapping):
        return ()
    return tuple(
        LeftOut(f"options.{name}", reason)
        for name, reason in _UNUSED_OPTIONS.items()
        if name in options
    )


def _keep_storable(command: WriteCommand, part: str, most_bytes: int) -> None:
    """Leave out the values of a command that cannot be stored.

    `part`: the field that holds them, name -> value; `most_bytes`: of one value.
    """
    sent = getattr(command, part)
    if not sent:  # as most parts of most calls
        return
    kept = values.keep_storable(sent, part, most_bytes)
    setattr(command, part, kept.values)
    command.left_out += kept.left_out


def unreadable_time(error: Invalid) -> LeftOut:
    """Name a time that cannot be read: what it dates is stored with the time of its receipt.

    `error`: as `times.parse_time` raised it, naming the field that holds the time.
    """
    reason = f"{error.message}; stored with the time of its receipt"
    return LeftOut(str(error.field), reason)


def _parse_session(sent: object, field: str) -> str | None:
    """Parse the ID of a session, if one was sent. Raises `Invalid` naming `field`."""
    if sent is None:
        return None
    return parse_session_id(sent, field)


def _time_of_tracardi(time: Mapping[str, Any]) -> object:
    """Read the time of an event from Tracardi's object, which has it by one of two names.

    `{}` and `{"insert": null}` name no time. An object with neither name is returned as it is.
    """
    for name in _TIMES_OF_TRACARDI:
        if time.get(name) is not None:
            return time[name]
    if not time or _TIMES_OF_TRACARDI & time.keys():
        return None
    return time


def parse_event(body: object, number: int) -> Event:
    """Parse one event of a payload.

    `number`: its place in the payload, from 0. Properties and tags that cannot be stored are left
    out, and named in its `left_out`. Raises `Invalid` naming `events[number]` where nothing can be
    stored.
    """
    field = f"events[{number}]"
    if not isinstance(body, Mapping):
        raise Invalid("must be a JSON object with a type", field)
    found = Event(**validate(_EVENT, body, f"{field}."))
    values.check_name(found.type, f"{field}.type")
    kept = values.keep_storable(found.properties, "properties")
    unknown = (
        *_unknown_fields(body, _EVENT_NAMES),
        *unused_options(body.get("options")),
    )
    found = found._replace(properties=kept.values, left_out=(*kept.left_out, *unknown))
    # Tags are stored beside the properties, whose limit they share.
    if found.tags and values.json_size(found.tags) > values.MOST_BYTES:
        reason = f"larger than {values.MOST_BYTES} bytes: shorten them, left out"
        found = found._replace(tags=[]).without("tags", reason)
    return found


def parse_event_id(found: Event, number: int) -> str | None:
    """Parse the ID that the client gave an event, if it gave one. Raises `Invalid`.

    With it and the event's time, an event that is sent again is stored once.
    """
    if found.id in (None, ""):
        return None
    return parse_id(found.id, f"events[{number}].id")


def parse_event_time(found: Event) -> int | None:
    """Parse the time of an event on the device's clock, if it has one. Raises `Invalid`.

    In microseconds; `clock_skew` corrects it to the server's clock.
    """
    if found.happened is None:
        return None
    return times.parse_time(found.happened, "time")


def read_event_order(found: Event, number: int) -> EventOrder | UnusableOrder | None:
    """Read the order that an event stands for, if it stands for one."""
    return purchase_events.read_event_order(
        found.type, found.properties, found.order, f"events[{number}]"
    )


def _reference(value: object) -> object:
    """Read the ID of `{"id": ...}`, or a bare one; a blank ID is none.

    The IDs themselves are parsed where they are used, so that an error names its field.
    """
    id_ = value
    if isinstance(value, Mapping):
        id_ = value.get("id")
    if isinstance(id_, str) and not id_.strip():
        return None
    return id_


def _labels(value: object) -> object:
    """Read segments, which come as a list of labels, or as label -> true or false.

    Returns label -> true for a list. A label that is no text gets a value that is no boolean, so
    that the schema's error names it. Anything else is returned as it is.
    """
    if not isinstance(value, list):
        return value
    labels: dict[str, bool | None] = {}
    for label in value:
        if isinstance(label, str):
            labels[label] = True
        else:
            labels[repr(label)] = None
    return labels


def _without_nulls(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out nulls: what is set only if it has no value is not removed.

    Anywhere else, null removes a value.
    """
    return {name: value for name, value in fields.items() if value is not None}


def _stripped(value: object) -> object:
    """Trim a text. Anything else stays as it is, and is refused by the schema."""
    if isinstance(value, str):
        return value.strip()
    return value


def _to_options(fields: dict[str, bool]) -> Options:
    """Make options of the validated fields, which have the same names."""
    return Options(**fields)


def _none() -> None:
    """Return what a missing field becomes, if nothing else."""


_PROPERTIES = defaulted(OBJECT, dict)
_REFERENCE = defaulted(core.no_info_plain_validator_function(_reference), _none)
_ANYTHING = defaulted(ANY, _none)
_OPTIONS = defaulted(
    core.no_info_after_validator_function(
        _to_options,
        core.typed_dict_schema(
            {
                "save": option(default=True),
                "save_event": option(default=True, alias="saveEvent"),
                "save_events": option(default=True, alias="saveEvents"),
                "save_session": option(default=True, alias="saveSession"),
                "debugger": option(default=False),
            }
        ),
    ),
    Options,
)
_SEGMENTS = defaulted(
    core.no_info_before_validator_function(
        _labels, core.dict_schema(TEXT, core.bool_schema())
    ),
    dict,
)
_COMMON_FIELDS = {
    "source": _REFERENCE,
    "session": _REFERENCE,
    "sent": _ANYTHING,
    "token": _ANYTHING,
}
_IDENTIFY_FIELDS = {
    **_COMMON_FIELDS,
    "profile": _REFERENCE,
    "ids": _PROPERTIES,
    "properties": _PROPERTIES,
    "set_once": defaulted(
        core.no_info_after_validator_function(_without_nulls, OBJECT), dict
    ),
    "segments": _SEGMENTS,
    "traits": _PROPERTIES,
    "consents": _PROPERTIES,
    "time": _ANYTHING,
    "recipient": _ANYTHING,
}
_UPDATE_FIELDS = {
    name: field for name, field in _IDENTIFY_FIELDS.items() if name != "recipient"
}
_TRACK_FIELDS = {
    **_COMMON_FIELDS,
    "profile": _REFERENCE,
    "context": _PROPERTIES,
    "properties": _PROPERTIES,
    "events": defaulted(core.list_schema(ANY), list),
    "options": _OPTIONS,
    "ids": _PROPERTIES,
    "segments": _SEGMENTS,
    "traits": _PROPERTIES,
    "linked_session": _REFERENCE,
    "only_current_customer": option(default=False),
    "server_side": option(default=False),
    "profile_less": option(default=False),
    "replace_lists": option(default=False),
    "forwarded_profile": _REFERENCE,
    "attributes": _PROPERTIES,
    "consents": _PROPERTIES,
}
_CONSENT_FIELDS = {
    **_COMMON_FIELDS,
    "profile": _REFERENCE,
    "tracking": required(core.literal_schema(["granted", "denied"])),
    "erase": option(default=False),
}
_KEEP_FIELDS = {
    **_COMMON_FIELDS,
    "renew": option(default=False),
    "forget": option(default=False),
}
_UNUSED_OPTIONS = {
    "profile": "no effect: an answer never shows the profile",
    "logs": "no effect: no log holds what a client sent",
}
EVENT_FIELDS = {
    "type": required(core.no_info_before_validator_function(_stripped, TEXT)),
    "id": _ANYTHING,
    "time": _ANYTHING,
    "properties": _PROPERTIES,
    "context": _PROPERTIES,
    "options": _OPTIONS,
    "tags": defaulted(core.list_schema(TEXT), list),
    "order": _ANYTHING,
}
"""The fields of one event of a payload, with their schemas."""
_EVENT = object_validator(EVENT_FIELDS)
_EVENT_NAMES = frozenset(EVENT_FIELDS)
_OF_TRACKERS = ("device", "metadata", "request", "debug")
"""Fields that Tracardi's clients send with every payload, and its server overwrites or ignores."""
_OF_SDK = ("profile", "time")
"""Fields that the SDK sends with every call, also where they say nothing."""
_FIELDS: dict[type[WriteCommand], frozenset[str]] = {
    Track: frozenset((*_TRACK_FIELDS, *_OF_TRACKERS)),
    Identify: frozenset(_IDENTIFY_FIELDS),
    Update: frozenset(_UPDATE_FIELDS),
    Anonymize: frozenset((*_COMMON_FIELDS, *_OF_SDK)),
    Consent: frozenset((*_CONSENT_FIELDS, *_OF_SDK)),
    Keep: frozenset((*_KEEP_FIELDS, *_OF_SDK)),
}
"""The fields that a body may have: others are named in `warnings`."""
BODY_FIELDS: dict[type[WriteCommand], Mapping[str, TypedDictField]] = {
    Track: _TRACK_FIELDS,
    Identify: _IDENTIFY_FIELDS,
    Update: _UPDATE_FIELDS,
    Anonymize: _COMMON_FIELDS,
    Consent: _CONSENT_FIELDS,
    Keep: _KEEP_FIELDS,
}
"""The fields of each body, with their schemas."""
_COMMANDS: dict[type[WriteCommand], SchemaValidator] = {
    command: object_validator(fields) for command, fields in BODY_FIELDS.items()
}
_OF_VISITOR = dict.fromkeys(("segments", "traits", "consents"), MOST_CUSTOMER_BYTES)
_OF_CUSTOMER = {
    "properties": MOST_CUSTOMER_BYTES,
    "set_once": MOST_CUSTOMER_BYTES,
    **_OF_VISITOR,
}
_VALUES: Mapping[type[WriteCommand], Mapping[str, int]] = {
    Track: {
        "properties": values.MOST_BYTES,
        "attributes": MOST_CUSTOMER_BYTES,
        **_OF_VISITOR,
    },
    Identify: _OF_CUSTOMER,
    Update: _OF_CUSTOMER,
}
"""Command -> its fields that hold values, with the bytes that one of them may have."""
