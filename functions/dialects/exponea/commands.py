"""Raw commands -> commands. Both families of Exponea's commands are one here.

`crm/events` of the web SDK means what `customers/events` of the tracking API means.
Source: Exponea's tracking API v2, its web SDK 3.15.0, exponea-python-sdk 0.2.0, and seed 004.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import core_schema

from dialects.content_ids import ContentIds
from dialects.exponea import events
from dialects.exponea.requests import RawCommand
from dialects.partial_failure import without_identifier_type
from hardlink.domain.commands import TRACKING as OPT_OUT
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.json_types import as_object, is_text_or_integer, without_blanks
from hardlink.domain.schema import (
    ANY,
    OBJECT,
    TEXT,
    object_validator,
    optional,
    validate,
)
from hardlink.domain.sources.registry import Project
from hardlink.domain.values import to_json

COOKIE = "cookie"
"""Exponea's identifier of a browser, which is the session."""
NO_ID = "At least one id should be specified."
_NO_VISITOR = "customer_ids: none are sent, so the event belongs to no visitor"
_OPT_OUT_REFUSED = f"properties.category: only POST /consent sets {OPT_OUT}"
_KIND_OF_NAME = {
    "crm/customers": "customers",
    "crm/events": "customers/events",
    "customers": "customers",
    "customers/events": "customers/events",
    "campaigns/clicks": "campaigns/clicks",
}


class Context(NamedTuple):
    """The values that the commands of one call share.

    `now`: time of receipt, microseconds; `cookie`: for commands that name none; `content_ids`:
    IDs of the events.
    """

    now: int
    content_ids: ContentIds
    cookie: str | None = None


class Command(NamedTuple):
    """A translated command.

    `number`: its place in the call; `cookie`: the session; `event`: of a `Track` command, without
    one `update` is the body of an `Update`; `consents`: set by the event; `jitter`: microseconds,
    see `Track.jitter`; `warnings`: about what is left out.
    """

    number: int
    token: str
    cookie: str | None
    ids: Mapping[str, Any]
    event: Mapping[str, Any] | None = None
    update: Mapping[str, Any] = NOTHING
    consents: Mapping[str, Any] = NOTHING
    jitter: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def names_visitor(self) -> bool:
        """True if it names a session or a customer. Android's campaign clicks name neither."""
        return self.cookie is not None or bool(self.ids)

    @property
    def session(self) -> dict[str, str] | None:
        """The session of the body, `None` for a command of the shop's backend."""
        if self.cookie is None:
            return None
        return {"id": self.cookie}

    def with_warnings(self, warnings: tuple[str, ...]) -> Command:
        """The same command with further warnings."""
        return self._replace(warnings=(*self.warnings, *warnings))


def translate_command(raw: RawCommand, token: str, context: Context) -> Command:
    """Translate a command for the project with this token.

    Raises `Invalid` for an unknown command, a body of another shape, and a command without a
    visitor.
    """
    kind = _KIND_OF_NAME.get(raw.name)
    if kind is None:
        known = ", ".join(_KIND_OF_NAME)
        raise Invalid(f"unknown command {raw.name[:64]!r}: use one of {known}", "name")
    data = validate(_BODIES[kind], raw.data)
    command = _address_command(raw.number, token, data, context)
    if kind == "campaigns/clicks":
        return _add_click(command, data, context)
    if not command.names_visitor:
        raise Invalid(NO_ID)
    if kind == "customers":
        return command._replace(update=_read_update(data))
    return _add_event(command, data, context)


def batch_key(command: Command) -> tuple[object, ...]:
    """Equal for neighbouring events that become one `Track` command; all others go alone.

    One command costs one read of the session and one write, however many events it has.
    """
    ids = to_json(sorted(command.ids.items()))
    shared = (command.token, command.cookie, ids, command.jitter)
    # A command sets its consents once, so an event with one has a command of its own.
    if command.event is None or command.consents:
        return (*shared, command.number)
    return shared


def build_track(group: Sequence[Command]) -> dict[str, Any]:
    """Build the body of a `Track` command with the events of commands of one `batch_key`.

    Without a visitor, its events are kept under the source's own session.
    """
    first = group[0]
    group_events = [command.event for command in group]
    if not first.names_visitor:
        return {"profile_less": True, "events": group_events}
    return {
        "session": first.session,
        "server_side": first.cookie is None,
        "ids": first.ids,
        "consents": first.consents,
        "events": group_events,
    }


def build_update(command: Command) -> dict[str, Any]:
    """Build the body of an `Update` command: properties and their time."""
    return {"session": command.session, "ids": command.ids, **command.update}


def without_identifier(
    command: Command, type_: str, project: Project
) -> Command | None:
    """Build the command without an identifier.

    `None` if it has none of this type, or if nothing would be left to tell whose it is.
    """
    ids = without_identifier_type(command.ids, type_, project)
    if ids is None:
        return None
    reduced = command._replace(ids=ids)
    # Without a cookie and identifiers nothing would say whose it is.
    if not reduced.names_visitor:
        return None
    return reduced


def _address_command(
    number: int, token: str, data: Mapping[str, Any], context: Context
) -> Command:
    """Read whom a command is about: the cookie is the session, the others are identifiers.

    A command that names no cookie is in the session of its call. Raises `Invalid`.
    """
    # The web SDK calls them `ids` where it sets values.
    sent_ids = data.get("customer_ids") or data.get("ids")
    # Exponea ignores blank identifiers, too.
    ids = without_blanks(as_object(sent_ids))
    session = context.cookie
    if COOKIE in ids:
        session = _read_cookie(ids.pop(COOKIE))
    return Command(number, token, session, ids)


def _read_cookie(cookie: object) -> str:
    """Read a cookie, which some clients send as a number. Raises `Invalid`."""
    if not is_text_or_integer(cookie):
        raise Invalid("must be a string", f"customer_ids.{COOKIE}")
    return str(cookie)


def _read_update(data: Mapping[str, Any]) -> dict[str, Any]:
    """Read the properties that a command sets, and the time at which they were set.

    Mobile SDKs send the time of an update as `timestamp`.
    """
    time = data.get("update_timestamp")
    if time is None:
        time = data.get("timestamp")
    return {"properties": data.get("properties"), "time": time}


def _add_click(command: Command, data: Mapping[str, Any], context: Context) -> Command:
    """Add the event of a campaign click, which may name no visitor. Raises as `_add_event`."""
    if not command.names_visitor:
        command = command.with_warnings((_NO_VISITOR,))
    return _add_event(command, events.build_click(data), context)


def _add_event(command: Command, data: Mapping[str, Any], context: Context) -> Command:
    """Add the event of a command, with an ID that is the same when it is sent again.

    Raises `Invalid` for an event without a type, and for a consent that is none.
    """
    time, jitter, warnings = events.read_event_time(data, context.now)
    owner = command.cookie or sorted(map(str, command.ids.items()))
    event = events.build_event(data, time, (command.token, owner), context.content_ids)
    with_event = command._replace(event=event, jitter=jitter).with_warnings(warnings)
    consents = events.read_consents(event, time or context.now)
    if OPT_OUT in consents:
        return with_event.with_warnings((_OPT_OUT_REFUSED,))
    return with_event._replace(consents=consents)


_NUMBER = core_schema.float_schema(strict=True, allow_inf_nan=False)
_SHARED = {
    "customer_ids": optional(OBJECT),
    "ids": optional(OBJECT),
    "properties": optional(OBJECT),
    "timestamp": optional(ANY),
}
_BODIES = {
    "customers": object_validator({**_SHARED, "update_timestamp": optional(ANY)}),
    "customers/events": object_validator(
        {
            **_SHARED,
            "event_type": optional(TEXT),
            "type": optional(TEXT),
            "age": optional(_NUMBER),
        }
    ),
    "campaigns/clicks": object_validator(
        {**_SHARED, "url": optional(TEXT), "age": optional(_NUMBER)}
    ),
}
