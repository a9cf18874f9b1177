"""POST /update."""

from __future__ import annotations

from hardlink import commands, writing
from hardlink.commands import Update
from hardlink.http import Answer, Request, entrypoint

service = writing.service()


@entrypoint
def handler(request: Request) -> Answer:
    """See `Service.update`."""
    command = commands.read(Update, request.json)
    return Answer(
        service.update(writing.call(request, command.write_key, sent=command.sent), command)
    )
