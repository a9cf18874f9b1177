"""POST /serve/trackingUser and /serve/collect/{kind}: Hello Retail's tracking calls."""

from __future__ import annotations

from functools import partial

from dialects.hello_retail import calls
from dialects.hello_retail.answers import answer_error
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

service = caller.service()


@partial(entrypoint, error_answer=answer_error)
def handler(request: Request) -> Answer:
    """Create a tracking user, or store what a tracking user did."""
    if request.route == "POST /serve/trackingUser":
        return calls.create_tracking_user(request)
    return calls.collect(service, request)
