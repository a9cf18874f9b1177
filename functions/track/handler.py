"""POST /track, the native call and Tracardi's; PUT /track, which Tracardi answers with nothing."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from dialects.tracardi import answers, calls, payload
from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=answers.error_answer)
def handler(request: Request) -> Answer:
    """See `Service.track`."""
    began = perf_counter()
    found = Answer(None) if request.route == "PUT /track" else _track(request)
    return answers.timed(found, perf_counter() - began)


def _track(request: Request) -> Answer:
    """A source says whether its clients are Tracardi's: the smallest payload of theirs looks like a native one."""
    sent = payload.read(request.json, request.query("profile_less"))
    source = caller.declared().find(payload.write_key(sent))
    if source is None or not source.tracardi:
        command = commands.read(Track, sent)
        call = caller.authenticate(request, command.write_key, sent=command.sent)
        return answers.answer(service.track(call, command), call.evidence)
    try:
        return calls.carry_out(service, request, sent)
    except Invalid as error:
        return answers.invalid(error)
