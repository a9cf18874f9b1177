"""GET /visitor: public traits and segments of the visitor whose session a page holds."""

from __future__ import annotations

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
    """Answer `traits` and `segments`.

    A token travels in a header, so that no log of URLs has it.
    """
    write_key, session = request.query("source"), request.query("session")
    if write_key is None:
        raise Invalid("send the write key of the page's source", "source")
    call = caller.authenticate(request, write_key)
    token = request.header_text("authorization").removeprefix(_SCHEME)
    answer = visitors.read(call, session, token)
    return Answer(with_warnings(answer, request.unused_parameters))
