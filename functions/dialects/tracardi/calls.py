"""Calls to `/track`, `/collect` and `/redirect`: authenticate, translate, execute, answer."""

from __future__ import annotations

from typing import Any

from dialects.tracardi import answers, requests
from dialects.tracardi.commands import build_commands
from dialects.tracardi.executor import Executor
from dialects.tracardi.requests import Payload
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.domain.errors import Throttled
from hardlink.services.service import Service
from hardlink.web import caller, declarations
from hardlink.web.request import Request
from hardlink.web.response import Answer


def track(
    service: Service, request: Request, payload: Payload, call: Call | None = None
) -> Answer:
    """Store a payload's events; if the source is Tracardi's, also what they change on the profile.

    `call`: of this request, if it was authenticated before.
    """
    command = commands.read(Track, payload)
    call = call or caller.authenticate(request, command.write_key)
    # Tracardi opens no session for a payload without events, and answers null.
    if not (command.events or command.ids or command.has_values):
        return Answer(None)
    if call.source.tracardi:
        result = _track_with_updates(service, call, payload, command)
    else:
        result = service.track(call, command)
    answer = answers.answer_track(result, call.evidence, request.left_out)
    return answers.with_tracardi_status(answer)


def collect(service: Service, request: Request) -> Answer:
    """Store an event that is sent as a URL."""
    return track(service, request, requests.read_collected(request))


def follow_redirect(service: Service, request: Request) -> Answer:
    """Store an event, and redirect to the URL that the source declares.

    The target is never the caller's word. The visitor is redirected even if nothing is stored.
    """
    write_key, declared = requests.find_redirect(
        request, declarations.deployed_sources().redirects
    )
    redirect = requests.with_recipient(declared, request)
    try:
        call = caller.authenticate(request, write_key)
    # A visitor who follows a link must arrive, however many others follow it.
    except Throttled as error:
        return answers.answer_redirect(Answer(None), redirect, [error.message])
    session = requests.read_redirect_session(request)
    # A redirect opens no session: a link may be followed by anybody, on any device.
    existing = service.existing_sessions(call, [session]) if session else []
    known_session = existing[0] if existing else None
    payload, warnings = requests.read_redirect(
        request, write_key, redirect, known_session
    )
    answer = track(service, request, payload, call)
    return answers.answer_redirect(answer, redirect, warnings)


def _track_with_updates(
    service: Service, call: Call, payload: Payload, command: Track
) -> dict[str, Any]:
    """Execute a payload as the commands that its events make of it, and join their results."""

    def is_same_project(write_key: str) -> bool:
        """Tell whether the profiles of another source are this source's as well."""
        source = declarations.deployed_sources().find_source(write_key)
        return source is not None and source.project == call.source.project

    forwarded = requests.read_forwarded_profile(payload, is_same_project)
    built = build_commands(
        {**payload, "forwarded_profile": forwarded.id}, command, call.project
    )
    parts, warnings = Executor(service, call).execute(built)
    if forwarded.warning:
        warnings = [forwarded.warning, *warnings]
    result = answers.join_results(parts, warnings)
    if forwarded.id and result["profile"]["id"] not in (forwarded.id, None):
        unused = (
            "context.tracardi.pass: unknown profile, or the session has another profile"
        )
        result["warnings"].append(unused)
    return result
