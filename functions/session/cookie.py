"""The cookie that names a browser's session."""

from __future__ import annotations

from urllib.parse import quote, unquote

from hardlink.domain.errors import Invalid
from hardlink.domain.identifiers import parse_session_id
from hardlink.web.request import Request

_NAME = "hardlink_session"
_LIFETIME = 395 * 24 * 3600
"""Seconds: 13 months, which is as long as a tracking cookie may live in Europe. A visit does not prolong it."""
_FLAGS = "Path=/; Secure; HttpOnly; SameSite=Lax"


def read(request: Request) -> str | None:
    """The session that the browser's cookie names, if that can be one."""
    found = request.cookie(_NAME)
    try:
        return parse_session_id(unquote(found), _NAME) if found else None
    except Invalid:
        return None


def keep(session: str) -> dict[str, str]:
    """The header that makes the browser keep it."""
    return {
        "set-cookie": f"{_NAME}={quote(session, safe='')}; Max-Age={_LIFETIME}; {_FLAGS}"
    }


def forget() -> dict[str, str]:
    """The header that makes the browser forget it."""
    return {"set-cookie": f"{_NAME}=; Max-Age=0; {_FLAGS}"}
