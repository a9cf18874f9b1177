"""POST /{trackerKey}: Attraqt XO's activities."""

from __future__ import annotations

from functools import partial

from dialects.attraqt_xo import calls
from dialects.attraqt_xo.answers import answer_error
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=answer_error)
def handler(request: Request) -> Answer:
    """Store a call's activities."""
    return calls.track_activities(service, request)
