"""POST /track."""

from __future__ import annotations

from hardlink import commands, writing
from hardlink.commands import Track
from hardlink.http import Answer, Request, entrypoint

service = writing.service()


@entrypoint
def handler(request: Request) -> Answer:
    """See `Service.track`."""
    command = commands.read(Track, request.json)
    return Answer(service.track(writing.call(request, command.write_key), command))
