"""POST /consent."""

from __future__ import annotations

from functools import partial

from hardlink.domain import commands
from hardlink.domain.commands import Consent
from hardlink.services.answers import with_warnings
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.refusals import record_refusal
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, record_refusal=record_refusal)
def handler(request: Request) -> Answer:
    """Grant or deny tracking, see `Service.consent`."""
    command = commands.read(Consent, request.json)
    call = caller.authenticate(request, command.write_key, sent=command.sent)
    return Answer(with_warnings(service.consent(call, command), command.left_out))
