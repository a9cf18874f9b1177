"""Hello Retail's calls: authenticate, translate, execute, answer."""

from __future__ import annotations

import secrets

from dialects.hello_retail import answers, commands, requests
from dialects.hello_retail.executor import Executor
from hardlink.domain.graph import Policy
from hardlink.services.service import Service
from hardlink.web import caller
from hardlink.web.request import Request
from hardlink.web.response import Answer

POLICY: Policy = "move"
"""A tracking user with another customer ID takes all its activity to that customer (seed 003)."""

_TRACKING_USER_BYTES = 12
"""Hello Retail's own IDs are 24 hexadecimal digits."""


def create_tracking_user(request: Request) -> Answer:
    """Make the ID of a new tracking user. Nothing is stored until its first event.

    Raises `Invalid` for a body without a write key, and what `caller.authenticate` raises.
    """
    caller.authenticate(request, requests.read_website(request.json))
    return answers.answer_tracking_user(secrets.token_hex(_TRACKING_USER_BYTES))


def collect(service: Service, request: Request) -> Answer:
    """Store the activity of a tracking user, and link it to the customer that the call names.

    Raises `NotFound`, `Invalid`, `Refused`, and what `caller.authenticate` raises.
    """
    tracking_call = requests.read_tracking_call(request.path("kind"), request.json)
    call = caller.authenticate(request, tracking_call.write_key, POLICY)
    command = commands.build_command(tracking_call, call.project)
    outcome = Executor(service, call).execute(command)
    not_finite = [part.warning for part in request.left_out]
    return answers.answer_call(
        outcome._replace(warnings=[*not_finite, *outcome.warnings])
    )
