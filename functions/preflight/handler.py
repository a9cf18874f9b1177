"""OPTIONS of every path: a browser asks whether a page may make a call."""

from __future__ import annotations

from hardlink.web import cors
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import File

_NO_CONTENT = 204


@entrypoint
def handler(request: Request) -> File:
    """Allow the call. Whether its origin is allowed is decided for the source that it names."""
    return File(b"", _NO_CONTENT, cors.preflight_headers(request.header("origin")))
