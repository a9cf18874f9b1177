"""GET /sdk.js and /sdk.mjs: the browser SDK. Imports nothing that the other functions need."""

from __future__ import annotations

from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import File
from sdk import scripts

_HEADERS = {
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "public, max-age=3600, stale-while-revalidate=86400",
    "cross-origin-resource-policy": "cross-origin",
    "vary": "accept-encoding",
    "x-content-type-options": "nosniff",
}


@entrypoint
def handler(request: Request) -> File:
    """Return the SDK with the adapters in `?with=`, or 304 if the browser has it already.

    The path decides the form: `/sdk.mjs` is a module. Raises `Invalid` for an unknown adapter.
    """
    script = scripts.build_script(
        scripts.parse_adapters(request.query("with")),
        module=request.route.endswith(".mjs"),
    )
    headers = {**_HEADERS, "etag": script.etag}
    # A page asks again after an hour, and mostly has the same script still.
    if script.etag in request.header_text("if-none-match"):
        return File(b"", 304, headers)
    if request.accepts_gzip:
        return File(script.gzipped, 200, {**headers, "content-encoding": "gzip"})
    return File(script.content, 200, headers)
