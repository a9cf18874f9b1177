"""POST /track."""

from __future__ import annotations

from functools import partial

from hardlink import commands, writing
from hardlink.commands import Track
from hardlink.http import Answer, Request, entrypoint
from track import tracardi

service = writing.service()


@partial(entrypoint, error_answer=tracardi.error_answer)
def handler(request: Request) -> Answer:
    """See `Service.track`."""
    command = commands.read(Track, request.json)
    call = writing.call(request, command.write_key)
    return tracardi.answer(service.track(call, command), call.evidence)
