"""GET and POST /collect/... and /redirect/...: Tracardi's webhook bridge and redirects."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from dialects.tracardi import answers, calls
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=answers.answer_tracardi_error)
def handler(request: Request) -> Answer:
    """Store an event that a URL stands for; a redirect leads on."""
    started = perf_counter()
    call = calls.follow_redirect if "/redirect/" in request.route else calls.collect
    return answers.with_duration(call(service, request), perf_counter() - started)
