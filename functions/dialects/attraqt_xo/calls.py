"""XO's one call: authenticate, translate, execute, answer."""

from __future__ import annotations

from dialects.attraqt_xo import answers, commands, requests
from dialects.attraqt_xo.executor import Executor
from dialects.partial_failure import not_finite_faults
from hardlink.services.service import Service
from hardlink.web import caller
from hardlink.web.request import Request
from hardlink.web.response import Answer


def track_activities(service: Service, request: Request) -> Answer:
    """Store activities as events of their sessions; a session with an identity is linked."""
    call = caller.authenticate(
        request, requests.read_tracker_key(request.path("trackerKey"))
    )
    activities, faults = requests.read_activities(request.json)
    outcome = Executor(service, call).execute(commands.build_commands(activities))
    not_finite, _ = not_finite_faults(request.not_finite)
    return answers.answer_call([*faults, *not_finite], outcome)
