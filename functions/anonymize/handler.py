"""POST /anonymize."""

from __future__ import annotations

from hardlink import commands, writing
from hardlink.commands import Anonymize
from hardlink.http import Answer, Request, entrypoint

service = writing.service()


@entrypoint
def handler(request: Request) -> Answer:
    """See `Service.anonymize`."""
    command = commands.read(Anonymize, request.json)
    return Answer(
        service.anonymize(writing.call(request, command.write_key, sent=command.sent), command)
    )
