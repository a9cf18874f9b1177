"""Tracardi's webhook bridge and redirects: URLs and what is sent with them -> payloads.

Source: Tracardi's collector (0.8.2), whose payloads these are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from dialects.tracardi import payload
from hardlink.domain import values
from hardlink.domain.errors import Invalid, NotFound, TooLarge
from hardlink.domain.identifiers import parse_session_id
from hardlink.domain.sources import Redirect
from hardlink.web.request import Request
from hardlink.web.response import Answer

COOKIE = "tracardi-session-id"
"""In which Tracardi's tracker keeps its session."""
_TEMPORARY_REDIRECT = 307


def collected(request: Request) -> dict[str, Any]:
    """The payload of `/collect`: an event with what the query and the body say. Raises `Invalid`."""
    session = request.path("session_id") if "{session_id}" in request.route else None
    event = {"type": request.path("event_type"), "properties": _properties(request)}
    source = request.path("source_id")
    return payload.webhook(source, session, event, opens_session=session is not None)


def redirect(
    request: Request, declared: Mapping[str, tuple[str, Redirect]]
) -> tuple[str, Redirect]:
    """Write key and redirect that a call asks for. Raises `NotFound`."""
    found = declared.get(request.path("redirect_id").strip())
    if found is None:
        raise NotFound("no source has this redirect: declare it in sources.toml", "redirect_id")
    return found


def session(request: Request) -> str | None:
    """The session of whoever follows a redirect, from the path or the tracker's cookie, if it can be one."""
    named = request.path("session_id") if "{session_id}" in request.route else None
    try:
        return parse_session_id(named or unquote(request.cookie(COOKIE) or ""), "session_id")
    except Invalid:
        return None


def followed(
    request: Request, source: str, redirect: Redirect, session: str | None
) -> tuple[dict[str, Any], list[str]]:
    """The payload of a redirect that is followed, and what of the call it leaves out: nobody is held up by that."""
    said: dict[str, Any] = {}
    warnings: list[str] = []
    try:
        found = _properties(request)
    except (Invalid, TooLarge) as error:
        found = request.parameters
        warnings.append(error.message)
    for name, value in {**found, **redirect.properties}.items():
        try:
            values.check_values({name: value}, "properties")
            said[name] = value
        except Invalid as error:
            warnings.append(f"{error.field}: {error.message}")
    event = {"type": redirect.event_type, "properties": said}
    return payload.webhook(source, session, event, opens_session=False), warnings


def onward(found: Answer, redirect: Redirect, warnings: list[str]) -> Answer:
    """On to the declared URL; the body says what became of the event."""
    body = {**(found.body or {})}
    body["warnings"] = [*body.get("warnings", []), *warnings]
    return Answer(body, _TEMPORARY_REDIRECT, {"location": redirect.url})


def _properties(request: Request) -> dict[str, Any]:
    fields = request.fields if request.route.startswith("POST ") else {}
    if not isinstance(fields, Mapping):
        raise Invalid("send the event's properties as a JSON object, or as a form", "properties")
    return {**request.parameters, **fields}
