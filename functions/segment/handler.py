"""POST /v1/{call}, /beacon/v1/batch, /batch and GET /sourceConfig: Segment's, RudderStack's and PostHog's clients."""

from __future__ import annotations

from functools import partial

from hardlink import writing
from hardlink.http import Answer, Request, entrypoint
from segment import dialect
from segment.carry import Carrier

carrier = Carrier(writing.service())


@partial(entrypoint, error_answer=dialect.error_answer)
def handler(request: Request) -> Answer:
    """What happened is stored, and who it was is linked; or a client asks whether it may start."""
    if request.route.startswith("GET "):
        key = dialect.key(request)
        return dialect.source_config(writing.call(request, key).name, key)
    batch = dialect.batch(request)
    sent, warnings = dialect.sent(request)
    call = writing.call(request, dialect.key(request), policy="split")._replace(sent=sent)
    found, faults = dialect.said(batch, call.project)
    for outcome in carrier.carry_out(call, found):
        faults += outcome.faults
        warnings += outcome.warnings
    return dialect.answer(batch, faults, warnings)
