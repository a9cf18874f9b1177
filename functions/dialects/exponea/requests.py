"""Wire -> raw commands: the bodies of batches, bulks and single calls.

Source: Exponea's tracking API v2, its web SDK 3.15.0 (`/bulk`), exponea-python-sdk 0.2.0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hardlink.domain.errors import Invalid, UnknownSource
from hardlink.domain.json_types import as_object, require_object
from hardlink.web.request import Request

MOST_COMMANDS = 50
"""Commands of one call."""
_NO_COMMANDS = "no_commands"


class RawCommand(NamedTuple):
    """A command as sent. `number`: its place in the call; `data`: its object, not yet validated."""

    number: int
    name: str
    data: Mapping[str, Any]


RawCommands = Sequence[RawCommand | Invalid]
"""The commands of one call; the errors of those that are malformed stand in their places."""


def read_commands(body: object) -> RawCommands:
    """Read the commands of a batch or a bulk, each by itself.

    Raises `Invalid` if there are none, or more than 50.
    """
    listed = as_object(body).get("commands")
    if not listed or not isinstance(listed, list):
        raise Invalid("No commands", code=_NO_COMMANDS)
    if len(listed) > MOST_COMMANDS:
        message = f"{len(listed)} commands: send at most {MOST_COMMANDS} a call"
        raise Invalid(message, code=_NO_COMMANDS)
    return [_read_command(number, command) for number, command in enumerate(listed)]


def read_single_command(name: str, body: object) -> RawCommand:
    """Read the command of a call that is one. Raises `Invalid` where the body is no object."""
    return RawCommand(0, name, require_object(body))


def read_command_token(data: Mapping[str, Any]) -> str:
    """Read the project token that a command of the web SDK names. Raises `Invalid`."""
    token = _find_token(data)
    if token is None:
        raise Invalid("send the project token as company_id", "company_id")
    return token


def read_bulk_tokens(raw_commands: RawCommands) -> list[str]:
    """List the distinct project tokens of a bulk, in the order of its commands.

    The web SDK sends one; of several, the first one's project has the cookie.
    """
    tokens = dict.fromkeys(map(_find_token, command_data(raw_commands)))
    return [token for token in tokens if token is not None]


def read_call_token(request: Request) -> str:
    """Read the project token in the path, or the stream ID in the query.

    Raises `UnknownSource` where the query has none.
    """
    if not is_stream_call(request):
        return request.path("token")
    token = request.query("stream_id")
    if not token:
        raise UnknownSource("send the write key of a source as stream_id", "stream_id")
    return token


def is_stream_call(request: Request) -> bool:
    """Tell the calls of the newer SDKs, which name a stream, from those that name a project."""
    return "/track/u/v1/" in request.route


def command_data(raw_commands: RawCommands) -> list[Mapping[str, Any]]:
    """List the data of the commands that are not malformed, in their order."""
    return [command.data for command in well_formed(raw_commands)]


def well_formed(raw_commands: RawCommands) -> list[RawCommand]:
    """Leave out the errors that stand in the places of malformed commands."""
    return [command for command in raw_commands if isinstance(command, RawCommand)]


def _find_token(data: Mapping[str, Any]) -> str | None:
    """Find the project token in a command's data, `None` if it has none or an odd one.

    The web SDK has one name or the other, by the kind of its command.
    """
    token = data.get("company_id") or data.get("project_id")
    if isinstance(token, str):
        return token
    return None


def _read_command(number: int, command: object) -> RawCommand | Invalid:
    """Read one command of a batch; the error of a malformed one takes its place.

    `number`: its place in the call, from 0. Its data are not validated yet.
    """
    sent = as_object(command)
    name, data = sent.get("name"), sent.get("data")
    if not isinstance(name, str):
        return Invalid('a command is {"name": ..., "data": {...}}', "name")
    # exponea-python-sdk sends `system/time` without data.
    if data is None:
        return RawCommand(number, name, {})
    if not isinstance(data, Mapping):
        return Invalid("must be an object", "data")
    return RawCommand(number, name, data)
