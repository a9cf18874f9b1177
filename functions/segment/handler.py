"""POST /v1/{call}, /beacon/v1/batch, /batch and GET /sourceConfig: Segment's, RudderStack's and PostHog's clients."""

from __future__ import annotations

from functools import partial

from dialects.segment import translation
from dialects.segment.executor import Executor
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

carrier = Executor(caller.service())


@partial(entrypoint, error_answer=translation.error_answer)
def handler(request: Request) -> Answer:
    """What happened is stored, and who it was is linked; or a client asks whether it may start."""
    if request.route.startswith("GET "):
        key = translation.key(request)
        return translation.source_config(caller.authenticate(request, key).name, key)
    batch = translation.batch(request)
    sent, warnings = translation.sent(request)
    call = caller.authenticate(request, translation.key(request), policy="split")._replace(
        sent=sent
    )
    found, faults = translation.said(batch, call.project)
    for outcome in carrier.carry_out(call, found):
        faults += outcome.faults
        warnings += outcome.warnings
    return translation.answer(batch, faults, warnings)
