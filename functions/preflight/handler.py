"""OPTIONS of every path, which browsers send before a call; and calls that no route takes."""

from __future__ import annotations

from hardlink.domain.errors import NotFound, WrongMethod
from hardlink.web import cors
from hardlink.web.entrypoint import entrypoint, native_error
from hardlink.web.request import Request
from hardlink.web.response import Answer, File
from preflight import right_call

_NO_CONTENT = 204


@entrypoint
def handler(request: Request) -> Answer | File:
    """Allow the call. Whether its origin is allowed is decided for the source that it names."""
    if request.method != "OPTIONS":
        return _name_right_call(request)
    return File(b"", _NO_CONTENT, cors.preflight_headers(request.header("origin")))


def _name_right_call(request: Request) -> Answer:
    """Answer 404 or 405 with the call that was probably meant; a page of any origin may read it."""
    wrong = right_call.explain(request.method, request.raw_path)
    if wrong.allowed is None:
        answer = native_error(NotFound(wrong.message))
        return answer._replace(is_refusal=True)
    # RFC 9110, 15.5.6: 405 names the methods that are allowed.
    headers = {"allow": wrong.allowed}
    answer = native_error(WrongMethod(wrong.message))
    return answer._replace(is_refusal=True, headers=headers)
