"""POST /track, the native call and Tracardi's; PUT /track, which Tracardi answers with nothing."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from hardlink import commands, writing
from hardlink.commands import Track
from hardlink.errors import Invalid
from hardlink.http import Answer, Request, entrypoint
from track.tracardi import answers, calls, payload

service = writing.service()


@partial(entrypoint, error_answer=answers.error_answer)
def handler(request: Request) -> Answer:
    """See `Service.track`."""
    began = perf_counter()
    found = Answer(None) if request.route == "PUT /track" else _track(request)
    return answers.timed(found, perf_counter() - began)


def _track(request: Request) -> Answer:
    """A source says whether its clients are Tracardi's: the smallest payload of theirs looks like a native one."""
    sent = payload.read(request.json, request.query("profile_less"))
    source = writing.declared().find(payload.write_key(sent))
    if source is None or not source.tracardi:
        command = commands.read(Track, sent)
        call = writing.call(request, command.write_key, sent=command.sent)
        return answers.answer(service.track(call, command), call.evidence)
    try:
        return calls.carry_out(service, request, sent)
    except Invalid as error:
        return answers.invalid(error)
