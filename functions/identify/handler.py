"""POST /identify."""

from __future__ import annotations

from hardlink import commands, writing
from hardlink.commands import Identify
from hardlink.http import Answer, Request, entrypoint

service = writing.service()


@entrypoint
def handler(request: Request) -> Answer:
    """See `Service.identify`."""
    command = commands.read(Identify, request.json)
    return Answer(
        service.identify(writing.call(request, command.write_key, sent=command.sent), command)
    )
