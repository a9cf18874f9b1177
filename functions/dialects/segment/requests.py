"""Wire -> batches: the messages of one call, its write key and its clock.

Source: Segment's HTTP API, and the requests of Segment's, RudderStack's and PostHog's clients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dialects.basic_auth import read_basic_auth
from hardlink.domain import times
from hardlink.domain.errors import (
    Invalid,
    NotFound,
    TooLarge,
    UnknownSource,
    located_message,
)
from hardlink.domain.json_types import as_object
from hardlink.web.request import Request

MOST_MESSAGES = 2500
MOST_BYTES = 500 * 1000
MOST_BYTES_A_MESSAGE = 32 * 1000
"""Segment's limits of a batch and of one message. Its kilobytes are a thousand bytes."""
KINDS = ("track", "identify", "page", "screen", "group", "alias")
_KIND_OF_CALL = {**{kind: kind for kind in KINDS}, **{kind[0]: kind for kind in KINDS}}
"""Browser clients call each kind by its first letter."""
_BATCH_CALLS = ("batch", "b", "import")


class Batch(NamedTuple):
    """The messages of one call.

    `context`: shared by all; `kind`: named by the path of a call that is one message; `posthog`:
    the messages are PostHog's events.
    """

    messages: Sequence[Any]
    context: Mapping[str, Any]
    kind: str | None = None
    posthog: bool = False


class SentAt(NamedTuple):
    """The device's clock when it sent the call, in microseconds, or a warning."""

    time: int | None = None
    warnings: Sequence[str] = ()


def read_batch(request: Request) -> Batch:
    """The messages of a call. Raises `Invalid`, `TooLarge`, `NotFound` for an unknown path."""
    kind = _read_kind(request)
    body = request.json
    if not isinstance(body, Mapping):
        raise Invalid("the body must be a JSON object")
    if kind:
        _check_size(len(request.raw), MOST_BYTES_A_MESSAGE, "a message")
        return Batch([body], {}, kind)
    _check_size(len(request.raw), MOST_BYTES, "a batch")
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise Invalid("send a list of messages", "batch")
    if len(messages) > MOST_MESSAGES:
        raise TooLarge(
            f"{len(messages)} messages: send at most {MOST_MESSAGES} a batch", "batch"
        )
    # A batch may have one context for all its messages (Segment's spec).
    shared = as_object(body.get("context"))
    return Batch(messages, shared, posthog=request.route.startswith("POST /batch"))


def read_write_key(request: Request) -> str:
    """The write key, from wherever one of the clients sends it. Raises `UnknownSource`."""
    # A beacon sets no headers, so its key is in the body or the query.
    basic = read_basic_auth(request.header("authorization"))
    body = _read_object(request)
    candidates = (
        basic.user if basic else None,
        body.get("writeKey"),
        body.get("api_key"),
        request.query("writeKey"),
    )
    for key in candidates:
        if isinstance(key, str) and key:
            return key.strip()
    raise UnknownSource(
        "send the write key of a source as the user of Authorization: Basic"
    )


def read_sent_at(request: Request) -> SentAt:
    """The device's clock. An invalid one is no reason to refuse the call."""
    body = _read_object(request)
    # Segment's name, PostHog's, and the header of RudderStack's browser client.
    for value in (body.get("sentAt"), body.get("sent_at"), request.header("sentat")):
        if is_given(value):
            return _parse_sent_at(value)
    return SentAt()


def is_given(value: object) -> bool:
    """Tell a value from null and blank strings, which clients send for what they do not know."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def _parse_sent_at(value: object) -> SentAt:
    """Parse the device's clock; an invalid one becomes a warning."""
    try:
        return SentAt(times.parse_time(value, "sentAt"))
    except Invalid as error:
        return SentAt(warnings=[located_message(error)])


def _read_object(request: Request) -> Mapping[str, Any]:
    # A GET has its key in the query.
    return as_object(request.json) if request.has_body else {}


def _read_kind(request: Request) -> str | None:
    """The kind of message that the path names; `None` for a batch. Raises `NotFound`."""
    if not request.route.endswith("/{call}"):
        return None
    call = request.path("call")
    if call in _BATCH_CALLS:
        return None
    if call not in _KIND_OF_CALL:
        names = ", ".join((*_KIND_OF_CALL, *_BATCH_CALLS))
        raise NotFound(f"there is no such call: use one of {names}", "path")
    return _KIND_OF_CALL[call]


def _check_size(size: int, most: int, subject: str) -> None:
    if size > most:
        raise TooLarge(f"{size} bytes: {subject} has at most {most}")
