"""POST /consent."""

from __future__ import annotations

from hardlink import commands, writing
from hardlink.commands import Consent
from hardlink.http import Answer, Request, entrypoint

service = writing.service()


@entrypoint
def handler(request: Request) -> Answer:
    """See `Service.consent`."""
    command = commands.read(Consent, request.json)
    return Answer(
        service.consent(writing.call(request, command.write_key, sent=command.sent), command)
    )
