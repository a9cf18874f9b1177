"""Public traits and segments: of the visitor whose session a page holds, of a mail's recipient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hardlink.domain.call import Call
from hardlink.domain.errors import Invalid
from hardlink.queries.visitor import VisitorValues
from hardlink.services.answers import with_warnings
from hardlink.web import caller, declarations
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer
from hardlink.web.wiring import read_clock, tables

_SCHEME = "Bearer "
visitors = VisitorValues(
    tables(), declarations.deployed_sources(), read_clock, caller.signing_keys()
)


@entrypoint
def handler(request: Request) -> Answer:
    """Answer `traits` and `segments`."""
    write_key = request.query("source")
    if write_key is None:
        raise Invalid("send the write key of the page's source", "source")
    call = caller.authenticate(request, write_key)
    answer = ROUTES[request.route](call, request)
    return Answer(with_warnings(answer, request.unused_parameters))


def _visitor(call: Call, request: Request) -> dict[str, Any]:
    """A token of a page travels in a header, so that no log of URLs has it."""
    token = request.header_text("authorization").removeprefix(_SCHEME)
    return visitors.read(call, request.query("session"), token)


def _recipient(call: Call, request: Request) -> dict[str, Any]:
    """A mail client can only open a URL: so this token is in it, and opens nothing else."""
    return visitors.read_recipient(call, request.query("token"))


ROUTES: Mapping[str, Callable[[Call, Request], dict[str, Any]]] = {
    "GET /visitor": _visitor,
    "GET /newsletter/content/signed": _recipient,
}
