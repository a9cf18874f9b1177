"""POST /v1/{call}, /beacon/v1/batch, /batch and GET /sourceConfig.

Clients of Segment, RudderStack and PostHog.
"""

from __future__ import annotations

from functools import partial

from dialects.segment import calls
from dialects.segment.answers import answer_error
from dialects.segment.executor import Executor
from hardlink.web import caller
from hardlink.web.entrypoint import entrypoint
from hardlink.web.request import Request
from hardlink.web.response import Answer

executor = Executor(caller.service())


@partial(entrypoint, error_answer=answer_error)
def handler(request: Request) -> Answer:
    """Store messages, or answer a client's configuration."""
    if request.route.startswith("GET "):
        return calls.read_source_config(request)
    return calls.store_messages(executor, request)
