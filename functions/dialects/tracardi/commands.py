"""Payload -> commands: a payload is one command, unless its events identify the visitor.

Source: how Tracardi's server reads a payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dialects.tracardi.profile_updates import (
    UPDATING_TYPES,
    ProfileUpdate,
    read_profile_update,
)
from dialects.tracardi.requests import Payload
from hardlink.domain import commands
from hardlink.domain.commands import Event, Track
from hardlink.domain.errors import HardlinkError, Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.json_types import as_object
from hardlink.domain.sources.registry import Project

_NO_UPDATE = ProfileUpdate()


class Command(NamedTuple):
    """Neighbouring events of one payload, and what they change on the profile.

    `first`: place of the first event in the payload; `payload`: with these events only.
    """

    first: int
    payload: Payload
    update: ProfileUpdate = _NO_UPDATE

    @property
    def body(self) -> dict[str, Any]:
        """The body of a `Track` command. The events' values win over the payload's own."""
        sent, update = self.payload, self.update
        only_current = sent.get("only_current_customer") or update.only_current_customer
        return {
            **sent,
            "ids": {**as_object(sent.get("ids")), **update.ids},
            "attributes": {**as_object(sent.get("attributes")), **update.attributes},
            "consents": {**as_object(sent.get("consents")), **update.consents},
            "only_current_customer": only_current,
        }

    def in_session(self, session: Mapping[str, Any]) -> Command:
        """The same command in another session."""
        return self._replace(payload={**self.payload, "session": session})


class _EventUpdate(NamedTuple):
    """The changes of an event on the profile, and if it has a time of its own."""

    update: ProfileUpdate = _NO_UPDATE
    has_time: bool = False


def build_commands(payload: Payload, track: Track, project: Project) -> list[Command]:
    """Translate a payload. `track`: the same payload, validated.

    An event that identifies the visitor begins a new command: what happened before it is handled
    as the source's policy has it.
    """
    shared = {**payload, **_change_options(payload, track)}
    built: list[Command] = []
    for number, event in enumerate(track.events):
        update, has_time = _read_event(event, number, shared, track, project)
        # One command if possible, because each one costs requests to the tables.
        if built and not _begins_command(update, built[-1].update, has_time=has_time):
            built[-1] = _append_event(built[-1], event, update)
        else:
            built.append(Command(number, {**shared, "events": [event]}, update))
    return built or [Command(0, shared)]


def drop_update(command: Command, error: HardlinkError) -> Command | None:
    """Build the command with fewer changes of the profile; its events remain.

    An invalid value costs the values, everything else the identifiers too. `None` if it has no
    changes.
    """
    update = command.update
    if not update.changes_profile:
        return None
    ids: Mapping[str, Any] = NOTHING
    if isinstance(error, Invalid) and (update.attributes or update.consents):
        ids = update.ids
    only_current_customer = update.only_current_customer
    reduced = ProfileUpdate(ids, only_current_customer=only_current_customer)
    return command._replace(update=reduced)


def _change_options(payload: Payload, track: Track) -> dict[str, Any]:
    """Options without `saveSession` for a visit that has ended: it must not begin."""
    for event in track.events:
        if _event_type(event) == "visit-ended":
            sent = as_object(payload.get("options"))
            return {"options": {**sent, "saveSession": False}}
    return {}


def _read_event(
    event: object, number: int, payload: Payload, track: Track, project: Project
) -> _EventUpdate:
    """Read the changes of an event on the profile; none where the call does not let it change.

    `payload`: of the call, whose options count; `number`: place of the event in it.
    """
    if _event_type(event) not in UPDATING_TYPES or track.profile_less:
        return _EventUpdate()
    if as_object(payload.get("options")).get("saveProfile") is False:
        return _EventUpdate()
    try:
        parsed, has_time = _validate_event(event, number)
    except Invalid:
        # It will be rejected with its reason, so it must change nothing.
        return _EventUpdate()
    field = f"events[{number}].properties"
    update = read_profile_update(parsed.type, parsed.properties, field, project)
    if track.ids:
        # The caller names the visitor itself.
        update = update._replace(ids=NOTHING)
    return _EventUpdate(update, has_time)


def _validate_event(event: object, number: int) -> tuple[Event, bool]:
    """The event, and if it has a time. Raises `Invalid` for whatever `Service.track` rejects."""
    parsed = commands.parse_event(event, number)
    commands.parse_event_id(parsed, number)
    try:
        return parsed, commands.parse_event_time(parsed) is not None
    except Invalid:
        return parsed, False


def _begins_command(
    update: ProfileUpdate, before: ProfileUpdate, *, has_time: bool
) -> bool:
    """Tell if an event's changes cannot be in one command with those before it.

    They cannot where it has its own time, or identifies someone else.
    """
    if has_time and update.changes_profile:
        return True
    if not update.ids:
        return False
    return (update.ids, update.only_current_customer) != (
        before.ids,
        before.only_current_customer,
    )


def _append_event(command: Command, event: object, update: ProfileUpdate) -> Command:
    """Add an event to a command, and what it changes on the profile."""
    events: Sequence[object] = command.payload["events"]
    before = command.update
    # The event has no other identifiers, or it would have begun a command.
    joined = before._replace(
        attributes={**before.attributes, **update.attributes},
        consents={**before.consents, **update.consents},
        warnings=(*before.warnings, *update.warnings),
    )
    return command._replace(
        payload={**command.payload, "events": [*events, event]}, update=joined
    )


def _event_type(event: object) -> str | None:
    """Read the type of an event that was not validated yet; `None` if it has none."""
    type_ = as_object(event).get("type")
    if isinstance(type_, str):
        return type_.strip()
    return None
