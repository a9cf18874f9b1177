"""POST /session: keep a visitor's session in a cookie of the API's own domain.

Safari deletes what a script stored after a week, but not what the shop's own servers set. So this
is for an API below a path of the shop's own site. A subdomain that leads to AWS counts as somebody
else's in Safari, which keeps its cookie for a week; on any other domain browsers do not keep it,
and the page's own storage is used as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hardlink.domain import commands
from hardlink.domain.commands import Keep
from hardlink.domain.errors import Invalid
from hardlink.domain.values import LeftOut
from hardlink.services.answers import with_warnings
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer
from session import cookie

service = caller.service()


@entrypoint
def handler(request: Request) -> Answer:
    """Answer the session of the browser's cookie; without one, keep the session that was sent.

    `renew`: replace the cookie's session by the sent one. `forget`: delete the cookie.
    """
    command = commands.read(Keep, request.json)
    caller.authenticate(request, command.write_key)
    sent = command.session_id
    if sent is None:
        raise Invalid("send the session that is to be kept", "session.id")
    kept = cookie.read(request)
    left_out = (*request.left_out, *command.left_out)
    if command.forget:
        return Answer(_session(sent, left_out), headers=cookie.forget())
    if kept and not command.renew:
        return Answer(_session(kept, left_out))
    return Answer(_session(sent, left_out), headers=cookie.keep(sent))


def _session(id_: str, left_out: Sequence[LeftOut]) -> dict[str, Any]:
    return with_warnings({"session": {"id": id_}}, left_out)
