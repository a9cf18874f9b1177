"""The cookie that names a browser's session."""

from __future__ import annotations

from urllib.parse import quote, unquote

from hardlink.domain.errors import Invalid
from hardlink.domain.identifiers import parse_session_id
from hardlink.web.request import Request

_NAME = "hardlink_session"
_LIFETIME = 395 * 24 * 3600
"""Seconds: 13 months, which a tracking cookie may live in Europe. A visit does not extend it."""
# Only the API reads the cookie, so scripts need not: an injected one can't steal the session.
_FLAGS = "Path=/; Secure; HttpOnly; SameSite=Lax"


def read(request: Request) -> str | None:
    """Read the session ID from the cookie. `None`: there is none, or it is not valid."""
    value = request.cookie(_NAME)
    if not value:
        return None
    try:
        return parse_session_id(unquote(value), _NAME)
    except Invalid:
        # Another application of the domain may use the same name.
        return None


def keep(session: str) -> dict[str, str]:
    """Build the header that makes the browser keep a session."""
    return {
        "set-cookie": f"{_NAME}={quote(session, safe='')}; Max-Age={_LIFETIME}; {_FLAGS}"
    }


def forget() -> dict[str, str]:
    """Build the header that makes the browser forget its session."""
    return {"set-cookie": f"{_NAME}=; Max-Age=0; {_FLAGS}"}
