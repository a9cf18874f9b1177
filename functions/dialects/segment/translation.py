"""Segment's, RudderStack's and PostHog's calls: wire -> commands, results -> wire.

What a command means is the library's. Source: Segment's HTTP API (limits, answers), and what all their clients send.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dialects.segment import messages, posthog
from dialects.segment.command_group import CommandGroup, Fault
from dialects.segment.message import Nobody, given
from dialects.segment.messages import KINDS
from hardlink.domain import times, values
from hardlink.domain.errors import HardlinkError, Invalid, NotFound, TooLarge, UnknownSource
from hardlink.domain.sources import Project
from hardlink.web.request import Request
from hardlink.web.response import Answer

MOST_MESSAGES = 2500
MOST_BYTES = 500 * 1000
MOST_BYTES_A_MESSAGE = 32 * 1000
"""What Segment's API takes of a batch, and of one message (its kilobytes are a thousand bytes)."""
_CALLS = {kind: kind for kind in KINDS} | {kind[0]: kind for kind in KINDS}
_BATCHES = ("batch", "b", "import")


class Batch(NamedTuple):
    """The messages of one call. `kind`: of the path, where it carries one message alone."""

    messages: Sequence[Any]
    context: Mapping[str, Any]
    kind: str | None = None
    posthog: bool = False


def batch(request: Request) -> Batch:
    """What a call carries. Raises `Invalid`, `TooLarge`, `NotFound`."""
    kind = _kind(request)
    body = request.json
    if not isinstance(body, Mapping):
        raise Invalid("the body is a JSON object")
    if kind:
        _check_size(len(request.raw), MOST_BYTES_A_MESSAGE, "a message")
        return Batch([body], {}, kind)
    _check_size(len(request.raw), MOST_BYTES, "a batch")
    found, context = body.get("batch"), body.get("context")
    if not isinstance(found, list):
        raise Invalid("send a list of messages", "batch")
    if len(found) > MOST_MESSAGES:
        raise TooLarge(f"{len(found)} messages: send at most {MOST_MESSAGES} a batch", "batch")
    shared = context if isinstance(context, Mapping) else {}
    return Batch(found, shared, posthog=request.route.startswith("POST /batch"))


def key(request: Request) -> str:
    """The write key: as a user without a password, else in the body, else in the query. Raises `UnknownSource`."""
    body = request.json if request.has_body else {}
    named = body if isinstance(body, Mapping) else {}
    places = (
        _user(request),
        named.get("writeKey"),
        named.get("api_key"),
        request.query("writeKey"),
    )
    for found in places:
        if isinstance(found, str) and found:
            return found.strip()
    raise UnknownSource("send the write key of a source as the user of Authorization: Basic")


def sent(request: Request) -> tuple[int | None, list[str]]:
    """The device's clock when it sent the call, if it says so, and a warning where that is no time."""
    body = request.json
    named = body if isinstance(body, Mapping) else {}
    places = (named.get("sentAt"), named.get("sent_at"), request.header("sentat"))
    found = next((value for value in places if given(value)), None)
    try:
        return None if found is None else times.parse_time(found, "sentAt"), []
    except Invalid as error:
        return None, [f"{error.field}: {error.message}"]


def said(batch: Batch, project: Project) -> tuple[list[CommandGroup], list[Fault]]:
    """What the messages of a call say, in their order, and what is wrong with them."""
    faults: list[Fault] = []
    found: list[CommandGroup] = []
    for number, message in enumerate(batch.messages):
        try:
            found += _said(number, message, batch, project, faults)
        except Invalid as error:
            faults.append(Fault(number, error.field or "", error.message))
        except Nobody:
            continue
    return found, faults


def answer(batch: Batch, faults: Iterable[Fault], warnings: Iterable[str]) -> Answer:
    """200, as these clients take nothing else: what was not stored is named in the body."""
    body: dict[str, Any] = {"success": True, "status": 1}
    if errors := [_named(batch, fault) for fault in sorted(dict.fromkeys(faults))]:
        body["errors"] = errors
    if told := list(dict.fromkeys(warnings)):
        body["warnings"] = told
    return Answer(body)


def source_config(name: str, write_key: str) -> Answer:
    """What RudderStack's browser and mobile clients ask before they start: a source without destinations."""
    off = {"enabled": False}
    source = {
        "id": name,
        "name": name,
        "writeKey": write_key,
        "enabled": True,
        "config": {"statsCollection": {"errors": off, "metrics": off}},
        "connections": [],
        "destinations": [],
        "dataplanes": {},
    }
    return Answer({"source": source, "updatedAt": "2026-01-01T00:00:00.000Z"})


def error_answer(error: HardlinkError) -> Answer:
    """An error in the words of all of them: RudderStack's clients read `code` and `message`, PostHog's `detail`."""
    status = 400 if isinstance(error, TooLarge) else error.status
    message = f"{error.field}: {error.message}" if error.field else error.message
    body = {"success": False, "code": error.code, "message": message, "detail": message}
    return Answer({**body, **({"field": error.field} if error.field else {})}, status)


def _kind(request: Request) -> str | None:
    """The kind of message that the path names; `None` for a batch. Raises `NotFound`."""
    if not request.route.endswith("/{call}"):
        return None
    call = request.path("call")
    if call in _BATCHES:
        return None
    if call not in _CALLS:
        names = ", ".join((*_CALLS, *_BATCHES))
        raise NotFound(f"there is no such call: use one of {names}", "path")
    return _CALLS[call]


def _said(
    number: int, message: object, batch: Batch, project: Project, faults: list[Fault]
) -> list[CommandGroup]:
    if not batch.kind and values.json_size(message) > MOST_BYTES_A_MESSAGE:
        raise Invalid(f"larger than {MOST_BYTES_A_MESSAGE} bytes: send less")
    if batch.posthog:
        return posthog.said(number, message, project, faults)
    return messages.said(number, message, project, faults, batch.kind, batch.context)


def _named(batch: Batch, fault: Fault) -> dict[str, Any]:
    message = batch.messages[fault.number]
    id_ = (
        message.get("uuid" if batch.posthog else "messageId")
        if isinstance(message, Mapping)
        else None
    )
    shown = id_ if isinstance(id_, str | int) else None
    named = {"index": fault.number, "messageId": shown, "field": fault.field}
    return {n: v for n, v in named.items() if v not in (None, "")} | {"message": fault.message}


def _check_size(size: int, most: int, what: str) -> None:
    if size > most:
        raise TooLarge(f"{size} bytes: {what} has at most {most}")


def _user(request: Request) -> str | None:
    """The user of `Authorization: Basic`."""
    scheme, _, coded = (request.header("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(coded.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None
