"""Wire -> payloads: bodies, and URLs that stand for a payload of one event.

Source: Tracardi's tracker payload (seed 002), its collector (0.8.2), and its clients' requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from hardlink.domain import values
from hardlink.domain.errors import Invalid, NotFound, TooLarge, located_message
from hardlink.domain.identifiers import parse_identifier, parse_session_id
from hardlink.domain.json_types import as_object, require_object
from hardlink.domain.sources.registry import Redirect
from hardlink.web.request import Request

SESSION_COOKIE = "tracardi-session-id"
"""Cookie in which Tracardi's tracker keeps its session."""
RECIPIENT = "hardlink_recipient"
"""Query parameter of a link in a newsletter: a token that names the mail's recipient."""
_TOKEN = re.compile(r"[A-Za-z0-9_.-]{1,4096}")
"""Characters of a JWT, none of which means anything in a URL."""
_TRUE = ("1", "true", "t", "yes", "y", "on")

Payload = Mapping[str, Any]


class ForwardedProfile(NamedTuple):
    """The profile that another site of the shop passes on, or a warning why it is not used."""

    id: str | None = None
    warning: str | None = None


class RedirectPayload(NamedTuple):
    """The payload of a redirect, and warnings about properties that were left out."""

    payload: Payload
    warnings: list[str]


def read_payload(body: object, profile_less: str | None) -> Payload:
    """Return the payload of a call. Raises `Invalid`.

    `profile_less`: the query parameter, `None` if it was not sent, which wins over the body's.
    """
    payload = require_object(body)
    if profile_less is not None and profile_less.strip().lower() in _TRUE:
        return {**payload, "profile_less": True}
    return payload


def read_write_key(payload: object) -> str:
    """Return the ID of the source that a payload names, empty if it names none."""
    id_ = as_object(payload).get("source")
    if isinstance(id_, Mapping):
        id_ = id_.get("id")
    if isinstance(id_, str | int):
        return str(id_).strip()
    return ""


def read_forwarded_profile(
    payload: Payload, is_same_project: Callable[[str], bool]
) -> ForwardedProfile:
    """The profile in `context.tracardi.pass` (`__tr_pid` and `__tr_src` of a link).

    `is_same_project`: tells if the source with this write key shares the caller's profiles.
    """
    tracardi = as_object(payload.get("context")).get("tracardi")
    forwarded = as_object(tracardi).get("pass")
    if not isinstance(forwarded, Mapping):
        return ForwardedProfile()
    source = forwarded.get("source")
    if not isinstance(source, str) or not is_same_project(source.strip()):
        message = "context.tracardi.pass.source: no source of this project has this ID"
        return ForwardedProfile(warning=message)
    field = "context.tracardi.pass.profile"
    try:
        return ForwardedProfile(parse_identifier(forwarded.get("profile"), field))
    except Invalid as error:
        return ForwardedProfile(warning=located_message(error))


def read_collected(request: Request) -> Payload:
    """The payload of `/collect`: an event with the query and the body. Raises `Invalid`."""
    session = _session_in_path(request)
    event = {
        "type": request.path("event_type"),
        "properties": _read_properties(request),
    }
    source = request.path("source_id")
    return _build_payload(source, session, event, opens_session=session is not None)


def find_redirect(
    request: Request, declared: Mapping[str, tuple[str, Redirect]]
) -> tuple[str, Redirect]:
    """Write key and redirect with the ID in the path. Raises `NotFound`."""
    redirect = declared.get(request.path("redirect_id").strip())
    if redirect is None:
        raise NotFound(
            "no source has this redirect: declare it in sources.toml", "redirect_id"
        )
    return redirect


def with_recipient(redirect: Redirect, request: Request) -> Redirect:
    """Add the recipient of a newsletter to the URL of a redirect that passes it on.

    The token is not verified: it only stands in the URL of a page of the shop, where anybody could
    write it, and the page's call is held to what its source allows.
    """
    token = request.query(RECIPIENT) or ""
    if not redirect.passes_recipient or not _TOKEN.fullmatch(token):
        return redirect
    url = urlsplit(redirect.url)
    separator = "&" if url.query else ""
    query = f"{url.query}{separator}{RECIPIENT}={token}"
    return replace(redirect, url=url._replace(query=query).geturl())


def read_redirect_session(request: Request) -> str | None:
    """Read the session in the path or in the tracker's cookie, if it is a valid ID."""
    # Scripts percent-encode the cookies that they write.
    in_cookie = unquote(request.cookie(SESSION_COOKIE) or "")
    try:
        return parse_session_id(_session_in_path(request) or in_cookie, "session_id")
    except Invalid:
        return None


def read_redirect(
    request: Request, write_key: str, redirect: Redirect, session: str | None
) -> RedirectPayload:
    """The payload of a redirect. Invalid properties are left out: the visitor is sent on anyway."""
    warnings: list[str] = []
    try:
        sent = _read_properties(request)
    except (Invalid, TooLarge) as error:
        # Without the body, which is what could not be read.
        sent = request.parameters
        warnings.append(error.message)
    # It names a customer, and opens what a mail may show of them: no event has it.
    sent.pop(RECIPIENT, None)
    properties, left_out = values.keep_storable(
        {**sent, **redirect.properties}, "properties"
    )
    warnings += [part.warning for part in left_out]
    event = {"type": redirect.event_type, "properties": properties}
    payload = _build_payload(write_key, session, event, opens_session=False)
    return RedirectPayload(payload, warnings)


def _session_in_path(request: Request) -> str | None:
    """Read the session from the path of a route that has it."""
    if "{session_id}" not in request.route:
        return None
    return request.path("session_id")


def _build_payload(
    source: str, session: str | None, event: Mapping[str, Any], *, opens_session: bool
) -> dict[str, Any]:
    """Build a payload of one event. Without a session it belongs to no visitor.

    `opens_session`: whether the event may open the session, if it is not known yet.
    """
    payload = {
        "source": {"id": source},
        "session": None,
        "events": [event],
        "options": {"saveSession": opens_session},
        "profile_less": session is None,
    }
    if session:
        payload["session"] = {"id": session}
    return payload


def _read_properties(request: Request) -> dict[str, Any]:
    """Merge the query and, of a POST, the body.

    Raises `Invalid` where the body is neither an object nor a form.
    """
    if not request.route.startswith("POST "):
        return request.parameters
    fields = request.fields
    if not isinstance(fields, Mapping):
        raise Invalid(
            "send the event's properties as a JSON object, or as a form", "properties"
        )
    return {**request.parameters, **fields}
