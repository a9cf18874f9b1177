"""Activities -> commands: neighbouring activities of one user are one command.

Source: Attraqt's "Working with identities".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from dialects.attraqt_xo.requests import Activity, is_session
from hardlink.domain.errors import HardlinkError, Invalid, TooManyIdentifiers
from hardlink.domain.sources.registry import Project
from hardlink.domain.values import to_json

_USER_FIELDS = {
    "session.id": "user.identities.sessionId",
    "linked_session.id": "user.identities.sessionid",
    "replace_lists": "user",
}
_EVENT_FIELDS = {"type": "action", "time": "timestamp"}


class Command(NamedTuple):
    """The body of a `Track` command. `numbers`: places of its activities in the call."""

    numbers: Sequence[int]
    body: Mapping[str, Any]


def build_commands(activities: Sequence[Activity]) -> list[Command]:
    """Translate the activities of a call, in their order.

    Neighbours of one user are one command, which reads the session once.
    """
    # Only neighbours: an activity of another user in between may change whose the next is.
    groups = groupby(activities, key=lambda activity: to_json(activity.user))
    return [_build_command(list(group)) for _, group in groups]


def drop_identity(
    command: Command, error: HardlinkError, project: Project
) -> Command | None:
    """Build the command without the identity that the error names.

    `None` if it names none of the command's.
    """
    if not isinstance(error, Invalid | TooManyIdentifiers):
        return None
    type_ = (error.field or "").removeprefix("ids.")
    ids: Mapping[str, str] = command.body["ids"]
    rest = {
        name: id_ for name, id_ in ids.items() if not project.matches_type(name, type_)
    }
    if len(rest) == len(ids):
        return None
    return command._replace(body={**command.body, "ids": rest})


def wire_field(field: str) -> str:
    """Translate a field of a command into XO's spelling."""
    identity = field.replace("ids.", "user.identities.")
    return _USER_FIELDS.get(identity, identity)


def event_wire_field(field: str) -> str:
    """Translate a field of an event into XO's spelling, where properties are fields themselves."""
    return _EVENT_FIELDS.get(field, field.removeprefix("properties."))


def _build_command(activities: Sequence[Activity]) -> Command:
    """Make one command of the activities of one user."""
    user = activities[0].user
    current, other = _read_sessions(user["identities"])
    ids = {
        name: id_ for name, id_ in user["identities"].items() if not is_session(name)
    }
    body = {
        "session": {"id": current},
        "linked_session": {"id": other} if other is not None else None,
        "ids": ids,
        "segments": user.get("segments"),
        "traits": user.get("traits"),
        # every activity carries what its page has set by then, as a whole
        "replace_lists": True,
        "events": [activity.event for activity in activities],
    }
    return Command([activity.number for activity in activities], body)


def _read_sessions(identities: Mapping[str, str]) -> tuple[str, str | None]:
    """The current session ID, and another one that the SDK sends beside it.

    The SDK sends its own `sessionid` beside the `sessionId` that the shop set, which comes first.
    """
    sessions = {name: id_ for name, id_ in identities.items() if is_session(name)}
    # The shop's own has the spelling of the documents, the SDK's is in lower case.
    set_by_shop = [id_ for name, id_ in sessions.items() if name != name.lower()]
    current = (set_by_shop or list(sessions.values()))[0]
    others = [id_ for id_ in sessions.values() if id_ != current]
    return current, others[0] if others else None
