"""Commands of a bulk about the web SDK itself, which are answered and store nothing.

Source: Exponea's web SDK 3.15.0 and its snippet, recorded in a browser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dialects.exponea import commands
from dialects.exponea.answers import Verdict, to_seconds
from dialects.exponea.commands import COOKIE, Command, Context
from dialects.exponea.requests import RawCommand, read_command_token
from hardlink.domain.json_types import as_object

IDS = "system/ids"


class BulkCommand(NamedTuple):
    """Meaning of a command of a bulk: an answer, a command to execute, or both."""

    verdict: Verdict | None = None
    command: Command | None = None


def translate_bulk_command(
    raw: RawCommand, token: str | None, context: Context
) -> BulkCommand:
    """Translate a command of a bulk. `token`: of the bulk's project. Raises `Invalid`."""
    answer = _ANSWERS.get(raw.name)
    if answer is None:
        own_token = read_command_token(raw.data)
        return BulkCommand(command=commands.translate_command(raw, own_token, context))
    verdict = answer(raw.data, context)
    ids = as_object(raw.data.get("customer"))
    if raw.name != IDS or not token or not any(ids.values()):
        return BulkCommand(verdict)
    # The SDK was started with a customer, whom no other command of the bulk identifies.
    data = {"ids": {**ids, COOKIE: context.cookie}}
    identify = raw._replace(name="crm/customers", data=data)
    return BulkCommand(
        verdict,
        commands.translate_command(identify, token, context._replace(cookie=None)),
    )


def _answer_ids(data: Mapping[str, Any], context: Context) -> Verdict:
    """The cookie, and the IDs that the call itself carried: a write key reads no others."""
    sent = data.get("customer")
    ids = dict(as_object(sent))
    return Verdict(more={"data": {**ids, COOKIE: context.cookie}})


def _answer_time(_: Mapping[str, Any], context: Context) -> Verdict:
    """The time of receipt, in seconds: clients take their clock's error from it."""
    return Verdict(more={"time": to_seconds(context.now)})


def _answer_tracking(_: Mapping[str, Any], __: Context) -> Verdict:
    """No rules of automatic tracking. The SDK needs a list."""
    return Verdict(more={"data": []})


def _answer_push_key(_: Mapping[str, Any], __: Context) -> Verdict:
    """Web push is not offered: an error, which costs no other command of the bulk."""
    return Verdict(stored=False, messages=("web push is not offered",))


_ANSWERS: Mapping[str, Callable[[Mapping[str, Any], Context], Verdict]] = {
    IDS: _answer_ids,
    "system/time": _answer_time,
    "system/tracking": _answer_tracking,
    "system/push-notifications-vapid-key": _answer_push_key,
}
