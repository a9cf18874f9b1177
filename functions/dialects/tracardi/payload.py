"""Tracardi's tracker payload: wire -> commands. What a command means is the library's.

Source: Tracardi's tracker payload (seed 002), what its clients send, and how its server reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dialects.tracardi import profile_updates
from dialects.tracardi.profile_updates import ProfileUpdate
from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import NOTHING
from hardlink.domain.identifiers import parse_identifier
from hardlink.domain.sources import Project

_TRUE = ("1", "true", "t", "yes", "y", "on")


class Step(NamedTuple):
    """Neighbouring events of one payload, and what they mean. `first`: the number of the first of them."""

    first: int
    sent: Mapping[str, Any]
    meaning: ProfileUpdate = ProfileUpdate()

    @property
    def body(self) -> dict[str, Any]:
        """The body of a `Track` command: what the payload says itself, and what its events mean."""
        said = {
            name: {**(self.sent.get(name) or {}), **getattr(self.meaning, name)}
            for name in ("ids", "attributes", "consents")
        }
        return {
            **self.sent,
            **said,
            "only_current_customer": self.sent.get("only_current_customer")
            or self.meaning.only_current_customer,
        }


def read(sent: object, profile_less: str | None) -> Mapping[str, Any]:
    """The payload of a call, with what its query says. Raises `Invalid`."""
    if not isinstance(sent, Mapping):
        raise Invalid("the body is a JSON object")
    if (profile_less or "").strip().lower() in _TRUE:
        return {**sent, "profile_less": True}
    return sent


def write_key(sent: Mapping[str, Any]) -> str:
    """The ID of the source that a payload names, if it names one."""
    source = sent.get("source")
    id_ = source.get("id") if isinstance(source, Mapping) else source
    return str(id_).strip() if isinstance(id_, str | int) else ""


def passed_on(
    sent: Mapping[str, Any], is_ours: Callable[[str], bool]
) -> tuple[str | None, str | None]:
    """The profile that another of the shop's sites passes on (`__tr_pid`, `__tr_src`), or why it is not taken.

    `is_ours`: whether a source knows the same profiles.
    """
    context = sent.get("context")
    tracardi = context.get("tracardi") if isinstance(context, Mapping) else None
    found = tracardi.get("pass") if isinstance(tracardi, Mapping) else None
    if not isinstance(found, Mapping):
        return None, None
    source = found.get("source")
    if not isinstance(source, str) or not is_ours(source.strip()):
        return None, "context.tracardi.pass.source: no source of this project has this ID"
    try:
        return parse_identifier(found.get("profile"), "context.tracardi.pass.profile"), None
    except Invalid as error:
        return None, f"{error.field}: {error.message}"


def steps(sent: Mapping[str, Any], command: Track, project: Project) -> list[Step]:
    """A payload as commands in their order: an event that says who the visitor is begins a new one.

    Its events so far stay with whoever was there, as the source's policy says.
    """
    shared = {**sent, **_saving(sent, command)}
    found: list[tuple[int, list[Any], ProfileUpdate]] = []
    for number, event in enumerate(command.events):
        meaning, timed = _meaning(event, number, shared, command, project)
        if not found or _begins(meaning, found[-1][2], timed=timed):
            found.append((number, [event], meaning))
        else:
            first, events, before = found[-1]
            found[-1] = (first, [*events, event], _both(before, meaning))
    return [
        Step(first, {**shared, "events": events}, meaning) for first, events, meaning in found
    ] or [Step(0, shared)]


def lighter(step: Step, *, with_ids: bool) -> Step:
    """A step whose events mean less: what can't be said must not keep them from being stored."""
    ids = step.meaning.ids if with_ids else NOTHING
    return step._replace(
        meaning=ProfileUpdate(ids, only_current_customer=step.meaning.only_current_customer)
    )


def webhook(
    source: str,
    session: str | None,
    event: Mapping[str, Any],
    *,
    opens_session: bool,
) -> dict[str, Any]:
    """One event that is told by a URL as a payload; without a session it is nobody's."""
    return {
        "source": {"id": source},
        "session": {"id": session} if session else None,
        "events": [event],
        "options": {"saveSession": opens_session},
        "profile_less": session is None,
    }


def _saving(sent: Mapping[str, Any], command: Track) -> dict[str, Any]:
    """A visit that is told to have ended does not begin."""
    if any(_type(event) == "visit-ended" for event in command.events):
        return {"options": {**(sent.get("options") or {}), "saveSession": False}}
    return {}


def _meaning(
    event: Any, number: int, shared: Mapping[str, Any], command: Track, project: Project
) -> tuple[ProfileUpdate, bool]:
    """What an event means for its visitor, and whether it says when it happened."""
    saves_profile = (shared.get("options") or {}).get("saveProfile") is not False
    if _type(event) not in profile_updates.TYPES or command.profile_less or not saves_profile:
        return ProfileUpdate(), False
    try:
        found = commands.event(event, number)
        timed = commands.event_time(found, number) is not None
        commands.event_id(found, number)
        commands.event_order(found, number)
    except Invalid:
        return ProfileUpdate(), False  # it is rejected, with its reason
    meaning = profile_updates.of(
        found.type, found.properties, f"events[{number}].properties", project
    )
    if command.ids:
        meaning = meaning._replace(ids=NOTHING)  # the caller says itself who this is
    return meaning, timed


def _begins(meaning: ProfileUpdate, before: ProfileUpdate, *, timed: bool) -> bool:
    """Whether an event says something that can't be said together with what those before it say."""
    says_who = bool(meaning.ids) and (meaning.ids, meaning.only_current_customer) != (
        before.ids,
        before.only_current_customer,
    )
    return says_who or (timed and meaning.says_something)


def _both(before: ProfileUpdate, meaning: ProfileUpdate) -> ProfileUpdate:
    return before._replace(
        attributes={**before.attributes, **meaning.attributes},
        consents={**before.consents, **meaning.consents},
        warnings=(*before.warnings, *meaning.warnings),
    )


def _type(event: object) -> str | None:
    type_ = event.get("type") if isinstance(event, Mapping) else None
    return type_.strip() if isinstance(type_, str) else None
