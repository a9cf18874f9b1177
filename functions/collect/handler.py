"""GET and POST /collect/{event_type}/{source_id}[/{session_id}], /redirect/{redirect_id}[/{session_id}]: Tracardi's."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from collect import dialect
from hardlink import writing
from hardlink.errors import Throttled
from hardlink.http import Answer, Request, entrypoint
from track.tracardi import answers, calls

service = writing.service()


@partial(entrypoint, error_answer=answers.invalid)
def handler(request: Request) -> Answer:
    """An event that is told by a URL; for a redirect, on to where it leads."""
    began = perf_counter()
    found = _redirect(request) if "/redirect/" in request.route else _collect(request)
    return answers.timed(found, perf_counter() - began)


def _collect(request: Request) -> Answer:
    return calls.carry_out(service, request, dialect.collected(request))


def _redirect(request: Request) -> Answer:
    """Where it leads is the source's own declaration, never the caller's word; nobody is held up by what is counted."""
    write_key, redirect = dialect.redirect(request, writing.declared().redirects)
    try:
        call = writing.call(request, write_key)
    except Throttled as error:
        return dialect.onward(Answer(None), redirect, [error.message])
    session = dialect.session(request)
    known = session if session and service.knows(call, session) else None
    sent, warnings = dialect.followed(request, write_key, redirect, known)
    found = calls.carry_out(service, request, sent, call)
    return dialect.onward(found, redirect, warnings)
