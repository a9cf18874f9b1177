"""POST /serve/trackingUser and /serve/collect/{kind}: Hello Retail's tracking calls, and `customer` in their style."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from hardlink import commands, writing
from hardlink.call import Call
from hardlink.commands import Track
from hardlink.errors import Invalid
from hardlink.http import Answer, Request, entrypoint
from helloretail import dialect

service = writing.service()


@partial(entrypoint, error_answer=dialect.error_answer)
def handler(request: Request) -> Answer:
    """A new tracking user's ID; or what a tracking user did, and who it is."""
    if request.route == "POST /serve/trackingUser":
        writing.call(request, dialect.website(request.json))
        return Answer({"success": True, "trackingUserId": secrets.token_hex(12)})
    kind = dialect.kind(request.path("kind"))
    said = dialect.read(kind, request.json)
    call = writing.call(request, said["websiteUuid"])
    return _collected(call, dialect.command(kind, said, call.project))


def _collected(call: Call, body: dict[str, Any]) -> Answer:
    """What was done is kept, though who did it can't be, or which order it was."""
    warnings: list[str] = []
    try:
        found = service.track(call, commands.read(Track, body))
    except Invalid as error:
        if not (error.field or "").startswith("ids.") or not body["events"]:
            raise
        warnings.append(f"{error.field}: {error.message}")
        body = dialect.without_ids(body)
        found = service.track(call, commands.read(Track, body))
    if fault := dialect.order_fault(found):
        warnings.append(fault)
        found = service.track(call, commands.read(Track, dialect.without_order(body)))
    return dialect.answer(found, warnings)
