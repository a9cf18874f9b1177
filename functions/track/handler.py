"""POST /track, the native call and Tracardi's; PUT /track, which Tracardi answers with nothing."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from dialects.tracardi import answers, calls, requests
from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=answers.answer_error)
def handler(request: Request) -> Answer:
    """See `Service.track`."""
    began = perf_counter()
    found = Answer(None) if request.route == "PUT /track" else _track(request)
    return answers.with_duration(found, perf_counter() - began)


def _track(request: Request) -> Answer:
    """A source says whether its clients are Tracardi's: the smallest payload of theirs looks like a native one."""
    sent = requests.read_payload(request.json, request.query("profile_less"))
    source = caller.deployed_sources().find(requests.read_write_key(sent))
    if source is None or not source.tracardi:
        command = commands.read(Track, sent)
        call = caller.authenticate(request, command.write_key, sent=command.sent)
        return answers.answer_track(service.track(call, command), call.evidence)
    try:
        return calls.track(service, request, sent)
    except Invalid as error:
        return answers.answer_tracardi_error(error)
