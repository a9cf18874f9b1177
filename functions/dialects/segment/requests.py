"""Wire -> batches: the messages of one call, its write key and its clock.

Source: Segment's HTTP API, and the requests of Segment's, RudderStack's and PostHog's clients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from hardlink.domain.json_types import as_object, require_object
from hardlink.web.request import Request

MOST_MESSAGES = 2500
MOST_BYTES = 500 * 1000
MOST_BYTES_A_MESSAGE = 32 * 1000
"""Segment's limits of a batch and of one message. Its kilobytes are a thousand bytes."""
KINDS = ("track", "identify", "page", "screen", "group", "alias")
_KIND_OF_CALL: Mapping[str, str | None] = {
    **{kind: kind for kind in KINDS},
    **{kind[0]: kind for kind in KINDS},
    **dict.fromkeys(("batch", "b", "import")),
}
"""Call in the path -> kind of its one message, `None` for a batch.

Browser clients call each kind by its first letter.
"""


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
    """Read the messages of a call, none of which is validated yet.

    Raises `Invalid`, `TooLarge`, `NotFound` for an unknown path.
    """
    kind = _read_kind(request)
    body = require_object(request.json)
    if kind:
        _check_size(len(request.raw), MOST_BYTES_A_MESSAGE, "a message")
        return Batch([body], {}, kind)
    _check_size(len(request.raw), MOST_BYTES, "a batch")
    # A batch may have one context for all its messages (Segment's spec).
    shared = as_object(body.get("context"))
    is_posthog = request.route.startswith("POST /batch")
    return Batch(_list_messages(body), shared, posthog=is_posthog)


def _list_messages(body: Mapping[str, Any]) -> list[Any]:
    """List the messages of a batch. Raises `Invalid`, `TooLarge` for more than `MOST_MESSAGES`."""
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise Invalid("send a list of messages", "batch")
    if len(messages) > MOST_MESSAGES:
        raise TooLarge(
            f"{len(messages)} messages: send at most {MOST_MESSAGES} a batch", "batch"
        )
    return messages


def read_write_key(request: Request) -> str:
    """Read the write key, from wherever one of the clients sends it. Raises `UnknownSource`."""
    for key in _list_write_keys(request):
        if isinstance(key, str) and key:
            return key.strip()
    raise UnknownSource(
        "send the write key of a source as the user of Authorization: Basic"
    )


def _list_write_keys(request: Request) -> Iterator[object]:
    """List what may be the write key, the header first: parts of a body are of any type."""
    basic = read_basic_auth(request.header_text("authorization"))
    if basic is not None:
        yield basic.user
    # A beacon sets no headers, so its key is in the body or the query.
    body = request.json_object
    yield body.get("writeKey")
    yield body.get("api_key")
    yield request.query("writeKey")


def read_sent_at(request: Request) -> SentAt:
    """Read the device's clock. An invalid one is no reason to refuse the call."""
    body = request.json_object
    # Segment's name, PostHog's, and the header of RudderStack's browser client.
    for value in (body.get("sentAt"), body.get("sent_at"), request.header("sentat")):
        if is_given(value):
            return _parse_sent_at(value)
    return SentAt()


def is_given(value: object) -> bool:
    """Tell a value from null and blank strings, which clients send for what they do not know."""
    if isinstance(value, str):
        return bool(value.strip())
    return value is not None


def _parse_sent_at(value: object) -> SentAt:
    """Parse the device's clock; an invalid one becomes a warning."""
    try:
        return SentAt(times.parse_time(value, "sentAt"))
    except Invalid as error:
        return SentAt(warnings=[located_message(error)])


def _read_kind(request: Request) -> str | None:
    """Read the kind of message that the path names; `None` for a batch. Raises `NotFound`."""
    # PostHog's calls have a route each, and all of them are batches.
    if not request.has_path("call"):
        return None
    call = request.path("call")
    if call not in _KIND_OF_CALL:
        names = ", ".join(_KIND_OF_CALL)
        raise NotFound(f"there is no such call: use one of {names}", "path")
    return _KIND_OF_CALL[call]


def _check_size(size: int, most: int, subject: str) -> None:
    """Raise `TooLarge` for more bytes than Segment allows. `subject`: what has them."""
    if size > most:
        raise TooLarge(f"{size} bytes: {subject} has at most {most}")
