"""GET /console and /openapi.json: static files; scripts read all data with a server key."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

from hardlink.domain.errors import NotFound
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import File

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css;charset=utf-8",
    ".html": "text/html;charset=utf-8",
    ".js": "text/javascript;charset=utf-8",
    ".json": "application/json",
}
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src https: data:",  # photos of customers
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # no script may turn text into markup
        "trusted-types 'none'",
    )
)
_PAGES = {"GET /console": "index.html", "GET /openapi.json": "openapi.json"}
"""The files of routes that name none."""
HEADERS = {
    "cache-control": "public, no-cache",  # browsers revalidate their copy by its ETag
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class StaticFile(NamedTuple):
    """Content and headers of a file."""

    content: bytes
    type: str
    etag: str


def _read(path: Path) -> StaticFile:
    """Read a file when the process starts. Raises `KeyError` where `TYPES` lacks its suffix."""
    raw = path.read_bytes()
    etag = f'"{hashlib.sha256(raw).hexdigest()[:32]}"'
    return StaticFile(raw, TYPES[path.suffix], etag)


FILES = {path.name: _read(path) for path in STATIC.iterdir()}


@entrypoint
def handler(request: Request) -> File:
    """Return a file, or 304 if the browser has it already. Raises `NotFound`.

    No key is needed: the files hold no data.
    """
    file = _find_file(request)
    headers = {**HEADERS, "content-type": file.type, "etag": file.etag}
    # A proxy that zips marks the tag as weak (`W/"..."`), which changes nothing between its quotes.
    if file.etag in request.header_text("if-none-match"):
        return File(b"", 304, headers)
    return File(file.content, 200, headers)


def _find_file(request: Request) -> StaticFile:
    """Find the file that the path names, its page where it names none. Raises `NotFound`."""
    name = _PAGES.get(request.route) or request.path("file")
    if name not in FILES:
        raise NotFound("the console has no such file")
    return FILES[name]
