"""Exponea's tracking commands: wire -> steps. What a step means is the library's.

Source: Exponea's tracking API v2, its web SDK 3.15.0 (`/bulk`), exponea-python-sdk 0.2.0, and seed 004. Both families
of commands are one here: `crm/events` of the web SDK says what `customers/events` says, in other words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from hardlink.domain import times
from hardlink.domain.commands import TRACKING as OPT_OUT
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.sources import Project
from hardlink.domain.times import SECOND, to_iso
from hardlink.domain.values import to_json

MOST_COMMANDS = 50
"""Commands of one call."""
NO_ID = "At least one id should be specified."
_OF_NOBODY = "customer_ids: none are sent, so this is kept as nobody's event"
COOKIE = "cookie"
_NAMES = {
    "crm/customers": "customers",
    "crm/events": "customers/events",
    "customers": "customers",
    "customers/events": "customers/events",
    "campaigns/clicks": "campaigns/clicks",
}
_RESENT_FROM = 4.0
"""Seconds: the web SDK sends a bulk again after five at the earliest, with the ages of its events grown by that."""
_JITTER = SECOND
"""An age is taken from when the call came in: by how much one sending may be slower than another.

Wider, and of two alike that came late the second might be taken for the first.
"""
_DATED_JITTER = SECOND // 10
"""With the time of sending beside the age, both are of one clock."""
Copies = dict[str, int]


class Command(NamedTuple):
    """What one command says. `number`: its place in the call; `cookie`: the session, if it names one.

    `event`: of a `Track` command, else `said` is the body of an `Update`. `consents` are told with an event;
    `jitter`: by how many microseconds its time may be off (`Track.jitter`). `told`: what its client should know.
    """

    number: int
    token: str
    cookie: str | None
    ids: Mapping[str, Any]
    event: Mapping[str, Any] | None = None
    said: Mapping[str, Any] = NOTHING
    consents: Mapping[str, Any] = NOTHING
    jitter: int = 0
    told: tuple[str, ...] = ()

    @property
    def is_of_somebody(self) -> bool:
        """Whether it names anybody. Android's campaign clicks don't: whose the link was its campaign knows."""
        return self.cookie is not None or bool(self.ids)


class RawCommand(NamedTuple):
    """A command as it came. `data` is its object, whatever it holds."""

    number: int
    name: str
    data: Mapping[str, Any]


def commands(body: object) -> list[RawCommand | Invalid]:
    """The commands of a batch or a bulk, each understood or at fault. Raises `Invalid` where there are none."""
    listed = body.get("commands") if isinstance(body, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise Invalid("No commands", code="no_commands")
    if len(listed) > MOST_COMMANDS:
        raise Invalid(
            f"{len(listed)} commands: send at most {MOST_COMMANDS} a call", code="no_commands"
        )
    return [_wire(number, one) for number, one in enumerate(listed)]


def single(name: str, body: object) -> RawCommand:
    """A call that says one command. Raises `Invalid`."""
    if not isinstance(body, Mapping):
        raise Invalid("the body is a JSON object")
    return RawCommand(0, name, body)


def token(data: Mapping[str, Any]) -> str:
    """The project token that a command of the web SDK names. Raises `Invalid`."""
    named = data.get("company_id") or data.get("project_id")
    if not isinstance(named, str):
        raise Invalid("send the project token as company_id", "company_id")
    return named


def step(
    wire: RawCommand, project: str, now: int, copies: Copies, handed_out: str | None = None
) -> Command:
    """What a command says. `now`: when it was received, microseconds; `handed_out`: the cookie of who names none.

    `copies` counts events that are alike in one call. Raises `Invalid`.
    """
    kind = _NAMES.get(wire.name)
    if kind is None:
        raise Invalid(f"unknown command {wire.name[:64]!r}: use one of {', '.join(_NAMES)}", "name")
    data = _validated(_BODIES[kind], wire.data)
    ids = {type_: value for type_, value in _ids(data).items() if value not in (None, "")}
    cookie = ids.pop(COOKIE, None)
    found = Command(wire.number, project, handed_out if cookie is None else _text(cookie), ids)
    if kind == "campaigns/clicks":
        data = {**data, "type": "campaign", "properties": _click(data)}
        found = found if found.is_of_somebody else found._replace(told=(_OF_NOBODY,))
    elif not found.is_of_somebody:
        raise Invalid(NO_ID)
    if kind == "customers":
        return found._replace(said=_said(data))
    return _event(found, data, now, copies)


def batch_key(one: Command) -> tuple[object, ...]:
    """Neighbouring events for which this is the same go in one `Track` command; all else goes alone."""
    alone = one.event is None or bool(one.consents)
    ids = to_json(sorted(one.ids.items(), key=lambda pair: pair[0]))
    return (one.token, one.cookie, ids, one.jitter, one.number if alone else -1)


def track(steps: Sequence[Command]) -> dict[str, Any]:
    """Steps that are alike, as the body of a `Track` command."""
    first = steps[0]
    if not first.is_of_somebody:
        return {"profile_less": True, "events": [one.event for one in steps]}
    return {
        "session": _session(first),
        "server_side": first.cookie is None,
        "ids": first.ids,
        "consents": first.consents,
        "events": [one.event for one in steps],
    }


def update(one: Command) -> dict[str, Any]:
    """A step that says something about a customer, as the body of an `Update` command."""
    return {"session": _session(one), "ids": one.ids, **one.said}


def without_identifier(one: Command, named: str, project: Project) -> Command | None:
    """A step without an identifier that can't be one, if somebody is left whom it is about."""
    ids = {name: value for name, value in one.ids.items() if not project.means(name, named)}
    if len(ids) == len(one.ids) or (one.cookie is None and not ids):
        return None
    return one._replace(ids=ids)


def _session(one: Command) -> dict[str, str] | None:
    return None if one.cookie is None else {"id": one.cookie}


def _wire(number: int, one: object) -> RawCommand | Invalid:
    name = one.get("name") if isinstance(one, Mapping) else None
    if not isinstance(one, Mapping) or not isinstance(name, str):
        return Invalid('a command is {"name": ..., "data": {...}}', "name")
    data = one.get("data")
    if data is not None and not isinstance(data, Mapping):
        return Invalid("data is an object", "data")
    return RawCommand(number, name, data or {})


def _ids(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return data.get("customer_ids") or data.get("ids") or {}


def _text(cookie: object) -> str:
    if isinstance(cookie, bool) or not isinstance(cookie, str | int):
        raise Invalid("a cookie is a text", "customer_ids.cookie")
    return str(cookie)


def _said(data: Mapping[str, Any]) -> dict[str, Any]:
    """What a `customers` command says: mobile SDKs say its time as `timestamp`."""
    time = data.get("update_timestamp")
    return {
        "properties": data.get("properties"),
        "time": data.get("timestamp") if time is None else time,
    }


def _click(data: Mapping[str, Any]) -> dict[str, Any]:
    """A visit by way of a campaign: where it led, and that it was a click."""
    url = {"url": data["url"]} if data.get("url") else {}
    return {"status": "clicked", **url, **(data.get("properties") or {})}


def _event(one: Command, data: Mapping[str, Any], now: int, copies: Copies) -> Command:
    properties = data.get("properties") or {}
    event: dict[str, Any] = {"type": _type(data), "properties": properties}
    time = _time(data, now)
    if time is not None:
        stamp = None if data.get("age") is not None else data["timestamp"]
        event |= {"time": to_iso(time), "id": _id(one, event, stamp, copies)}
    found = one._replace(event=event, jitter=_jitter(data))
    if event["type"] != "consent":
        return found
    consents = _consents(properties, time or now)
    if OPT_OUT in consents:
        return found._replace(
            told=(f"properties.category: {OPT_OUT} is said by POST /consent alone",)
        )
    return found._replace(consents=consents)


def _type(data: Mapping[str, Any]) -> str:
    found = data.get("event_type") or data.get("type")
    if not found:
        raise Invalid("say what happened", "event_type")
    return str(found)


def _time(data: Mapping[str, Any], now: int) -> int | None:
    """When it happened: `age` seconds before it was sent (`timestamp`, else: received), or at `timestamp`."""
    timestamp: object = data.get("timestamp")
    age: float | None = data.get("age")
    sent = None if timestamp is None else times.parse_time(timestamp, "timestamp")
    if age is None:
        return sent
    before = round(min(max(age, 0.0), float(times.END // SECOND)) * SECOND)
    return max(0, (now if sent is None else sent) - before)


def _jitter(data: Mapping[str, Any]) -> int:
    """By how much the time of an event that may have been sent before may be off."""
    age = data.get("age")
    if age is None or age < _RESENT_FROM:
        return 0
    return _JITTER if data.get("timestamp") is None else _DATED_JITTER


def _id(one: Command, event: Mapping[str, Any], stamp: object, copies: Copies) -> str:
    """Events have no ID: one that is sent again is known by its content, and its time where it says one.

    Of two that are alike in one call both count.
    """
    who = one.cookie or sorted(map(str, one.ids.items()))
    content = to_json([one.token, who, event["type"], event["properties"], stamp])
    digest = hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:32]
    copies[digest] = copies.get(digest, 0) + 1
    return digest if copies[digest] == 1 else f"{digest}-{copies[digest]}"


def _consents(properties: Mapping[str, Any], time: int) -> dict[str, Any]:
    """What a `consent` event says of its category: until when it is given, or that it is not."""
    category, action = properties.get("category"), properties.get("action")
    if not isinstance(category, str) or action not in ("accept", "reject"):
        raise Invalid(
            'a consent event has a category and an action, "accept" or "reject"', "properties"
        )
    until = properties.get("valid_until")
    return {category: {"action": action, "valid_until": until, "timestamp": time / SECOND}}


def _validated(validator: SchemaValidator, data: Mapping[str, Any]) -> dict[str, Any]:
    try:
        found: dict[str, Any] = validator.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise Invalid(message, ".".join(map(str, first["loc"]))) from error
    return found


def _body(**fields: schema.CoreSchema) -> SchemaValidator:
    return SchemaValidator(
        schema.typed_dict_schema(
            {
                name: schema.typed_dict_field(schema.nullable_schema(of), required=False)
                for name, of in fields.items()
            }
        )
    )


_TEXT = schema.str_schema(strict=True)
_OBJECT = schema.dict_schema(_TEXT, schema.any_schema())
_ANY = schema.any_schema()
_NUMBER = schema.float_schema(strict=True, allow_inf_nan=False)
_WHO = {"customer_ids": _OBJECT, "ids": _OBJECT, "properties": _OBJECT, "timestamp": _ANY}
_BODIES = {
    "customers": _body(**_WHO, update_timestamp=_ANY),
    "customers/events": _body(**_WHO, event_type=_TEXT, type=_TEXT, age=_NUMBER),
    "campaigns/clicks": _body(**_WHO, url=_TEXT, age=_NUMBER),
}
