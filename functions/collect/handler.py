"""GET and POST /collect/{event_type}/{source_id}[/{session_id}], /redirect/{redirect_id}[/{session_id}]: Tracardi's."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from dialects.tracardi import answers, calls, collect
from hardlink.domain.errors import Throttled
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=answers.invalid)
def handler(request: Request) -> Answer:
    """An event that is told by a URL; for a redirect, on to where it leads."""
    began = perf_counter()
    found = _redirect(request) if "/redirect/" in request.route else _collect(request)
    return answers.timed(found, perf_counter() - began)


def _collect(request: Request) -> Answer:
    return calls.carry_out(service, request, collect.collected(request))


def _redirect(request: Request) -> Answer:
    """Where it leads is the source's own declaration, never the caller's word; nobody is held up by what is counted."""
    write_key, redirect = collect.redirect(request, caller.declared().redirects)
    try:
        call = caller.authenticate(request, write_key)
    except Throttled as error:
        return collect.onward(Answer(None), redirect, [error.message])
    session = collect.session(request)
    known = session if session and service.knows(call, session) else None
    sent, warnings = collect.followed(request, write_key, redirect, known)
    found = calls.carry_out(service, request, sent, call)
    return collect.onward(found, redirect, warnings)
