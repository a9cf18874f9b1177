"""Activities -> commands: neighbouring activities of one user are one command.

Source: Attraqt's "Working with identities".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from dialects.attraqt_xo.requests import Activity, is_session
from dialects.partial_failure import without_identifier_type
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
    commands: list[Command] = []
    # Only neighbours: an activity of another user in between may change whose the next is.
    for _, group in groupby(activities, key=_user_key):
        commands.append(_build_command(list(group)))
    return commands


def session_of(command: Command) -> str:
    """The session of a command's visitor."""
    return str(command.body["session"]["id"])


def drop_identity(
    command: Command, error: HardlinkError, project: Project
) -> Command | None:
    """Build the command without the identity that the error names.

    `None` if it names none of the command's.
    """
    if not isinstance(error, Invalid | TooManyIdentifiers):
        return None
    type_ = error.field_path.removeprefix("ids.")
    # A repository is spelled as the shop likes, the error names the type that it stands for.
    rest = without_identifier_type(command.body["ids"], type_, project)
    if rest is None:
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
    sessions, ids = _split_identities(user["identities"])
    current = _find_current(sessions)
    body = {
        "session": {"id": current},
        "linked_session": _find_linked(sessions, current),
        "ids": ids,
        "segments": user.get("segments"),
        "traits": user.get("traits"),
        # every activity carries what its page has set by then, as a whole
        "replace_lists": True,
        "events": [activity.event for activity in activities],
    }
    return Command([activity.number for activity in activities], body)


def _user_key(activity: Activity) -> str:
    """Equal for activities of one user: everything that it says of them counts."""
    return to_json(activity.user)


def _split_identities(
    identities: Mapping[str, str],
) -> tuple[dict[str, str], dict[str, str]]:
    """Split the IDs of a user, by repository, into those of sessions and those of customers."""
    sessions: dict[str, str] = {}
    ids: dict[str, str] = {}
    for name, id_ in identities.items():
        if is_session(name):
            sessions[name] = id_
        else:
            ids[name] = id_
    return sessions, ids


def _find_current(sessions: Mapping[str, str]) -> str:
    """Find the session that the shop set, else the one that the SDK made up.

    The SDK sends its own `sessionid` beside it, in lower case; the shop's has the spelling of the
    documents. There is at least one, as `read_activities` refuses activities without.
    """
    for name, id_ in sessions.items():
        if name != name.lower():
            return id_
    return next(iter(sessions.values()))


def _find_linked(sessions: Mapping[str, str], current: str) -> dict[str, str] | None:
    """Find the other session of the same visitor: a later call may carry that one alone."""
    for id_ in sessions.values():
        if id_ != current:
            return {"id": id_}
    return None
