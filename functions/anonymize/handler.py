"""POST /anonymize."""

from __future__ import annotations

from functools import partial

from hardlink.domain import commands
from hardlink.domain.commands import Anonymize
from hardlink.services.answers import with_warnings
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.refusals import record_refusal
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, record_refusal=record_refusal)
def handler(request: Request) -> Answer:
    """Give a session's device a new visitor, see `Service.anonymize`."""
    command = commands.read(Anonymize, request.json)
    call = caller.authenticate(request, command.write_key, sent=command.sent)
    left_out = (*request.left_out, *command.left_out)
    return Answer(with_warnings(service.anonymize(call, command), left_out))
