"""POST /serve/trackingUser and /serve/collect/{kind}: Hello Retail's tracking calls, and `customer` in their style."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any

from dialects.hello_retail import tracking_calls
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid, Refused
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=tracking_calls.error_answer)
def handler(request: Request) -> Answer:
    """A new tracking user's ID; or what a tracking user did, and who it is."""
    if request.route == "POST /serve/trackingUser":
        caller.authenticate(request, tracking_calls.website(request.json))
        return Answer({"success": True, "trackingUserId": secrets.token_hex(12)})
    kind = tracking_calls.kind(request.path("kind"))
    said = tracking_calls.read(kind, request.json)
    call = caller.authenticate(request, said["websiteUuid"])
    return _collected(call, tracking_calls.command(kind, said, call.project))


def _collected(call: Call, body: dict[str, Any]) -> Answer:
    """What was done is kept, though who did it can't be, or which order it was."""
    warnings: list[str] = []
    found, body = _tracked(call, body, warnings)
    if fault := tracking_calls.order_fault(found):
        warnings.append(fault)
        found, _ = _tracked(call, tracking_calls.without_order(body), warnings)
    return tracking_calls.answer(found, warnings)


def _tracked(
    call: Call, body: dict[str, Any], warnings: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What became of a command, and the command without the IDs that could not be any; `warnings` names them."""
    try:
        return service.track(call, commands.read(Track, body)), body
    except (Invalid, Refused) as error:
        rest = tracking_calls.without_id(body, error, call.project)
        named = tracking_calls.named(error, call.project)
        if rest is None:
            raise named from None
        warnings.append(f"{named.field}: {named.message}")
        return _tracked(call, rest, warnings)
