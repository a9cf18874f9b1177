"""POST /serve/trackingUser and /serve/collect/{kind}: Hello Retail's tracking calls, and `customer` in their style."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from hardlink import commands, writing
from hardlink.call import Call
from hardlink.commands import Track
from hardlink.errors import Invalid, Refused
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
    found, body = _tracked(call, body, warnings)
    if fault := dialect.order_fault(found):
        warnings.append(fault)
        found, _ = _tracked(call, dialect.without_order(body), warnings)
    return dialect.answer(found, warnings)


def _tracked(
    call: Call, body: dict[str, Any], warnings: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What became of a command, and the command without the IDs that could not be any; `warnings` names them."""
    try:
        return service.track(call, commands.read(Track, body)), body
    except (Invalid, Refused) as error:
        rest = dialect.without_id(body, error, call.project)
        named = dialect.named(error, call.project)
        if rest is None:
            raise named from None
        warnings.append(f"{named.field}: {named.message}")
        return _tracked(call, rest, warnings)
