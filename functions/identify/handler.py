"""POST /identify."""

from __future__ import annotations

from functools import partial

from hardlink.domain import commands
from hardlink.domain.commands import Identify
from hardlink.services.answers import with_warnings
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.refusals import record_refusal
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, record_refusal=record_refusal)
def handler(request: Request) -> Answer:
    """Link a session's visitor to a customer, see `Service.identify`."""
    command = commands.read(Identify, request.json)
    call = caller.authenticate(request, command.write_key, sent=command.sent)
    return Answer(with_warnings(service.identify(call, command), request.left_out))
