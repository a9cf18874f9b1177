"""POST /session: keep a visitor's session in a cookie of the API's own domain.

Safari deletes after a week what a script stored, and what the shop's own servers set it keeps. So this is for an API on
the shop's own domain (`hardlink.shop.example`); on any other one browsers keep no such cookie, and nothing is lost.
"""

from __future__ import annotations

from hardlink.domain import commands
from hardlink.domain.commands import Keep
from hardlink.domain.errors import Invalid
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer
from session import cookie

service = caller.service()


@entrypoint
def handler(request: Request) -> Answer:
    """The session that the browser's cookie names, else the one that was sent, which it names from now on."""
    command = commands.read(Keep, request.json)
    caller.authenticate(request, command.write_key)
    sent = command.session_id
    if sent is None:
        raise Invalid("send the session that is to be kept", "session.id")
    kept = cookie.read(request)
    if command.forget:
        return Answer(_session(sent), headers=cookie.forget())
    if kept and not command.renew:
        return Answer(_session(kept))
    return Answer(_session(sent), headers=cookie.keep(sent))


def _session(id_: str) -> dict[str, dict[str, str]]:
    return {"session": {"id": id_}}
