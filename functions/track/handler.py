"""POST /track: the native call, or Tracardi's for a source of its clients. PUT: Tracardi's."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from dialects.tracardi import answers, calls, requests
from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid
from hardlink.services.answers import with_warnings
from hardlink.web import caller, declarations
from hardlink.web.entrypoint import entrypoint
from hardlink.web.refusals import record_refusal
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=answers.answer_error, record_refusal=record_refusal)
def handler(request: Request) -> Answer:
    """Store events, and answer as the source's clients expect it.

    The source decides, because the smallest payload of Tracardi's clients looks like a native one.
    Every error has Tracardi's `detail`: the client of an unknown source may be of either kind.
    """
    if _is_from_tracardi(request):
        return _track_tracardi(request)
    command = commands.read(Track, request.json)
    if request.header("origin") is None:  # which every browser sends
        command = command.from_backend()
    call = caller.authenticate(request, command.write_key, sent=command.sent)
    return Answer(with_warnings(service.track(call, command), request.left_out))


def _is_from_tracardi(request: Request) -> bool:
    """Tell whether a call comes from a client of Tracardi's."""
    if request.route == "PUT /track":
        return True
    source = declarations.deployed_sources().find_source(
        requests.read_write_key(request.json)
    )
    return source is not None and source.tracardi


def _track_tracardi(request: Request) -> Answer:
    """Answer as Tracardi does, which names the time that it took."""
    start = perf_counter()
    if request.route == "PUT /track":
        answer = Answer(None)
    else:
        payload = requests.read_payload(request.json, request.query("profile_less"))
        try:
            answer = calls.track(service, request, payload)
        # Tracardi answers 422 where the native call answers 400.
        except Invalid as error:
            answer = answers.answer_tracardi_error(error)
    return answers.with_duration(answer, perf_counter() - start)
