"""Carries out a payload of Tracardi's clients: for `/track`, `/collect` and `/redirect` alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dialects.tracardi import answers, payload
from dialects.tracardi.payload import Step
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.domain.errors import HardlinkError, Invalid, Refused
from hardlink.services.service import Service
from hardlink.web import caller
from hardlink.web.request import Request
from hardlink.web.response import Answer


def carry_out(
    service: Service, request: Request, sent: Mapping[str, Any], call: Call | None = None
) -> Answer:
    """Store a payload's events, and what they say of their visitor where the source's clients are Tracardi's.

    `call`: who calls, where that is known already.
    """
    command = commands.read(Track, sent)
    call = call or caller.authenticate(request, command.write_key)
    if not (command.events or command.ids or command.says_values):
        return Answer(None)
    if not call.source.tracardi:
        return answers.tracardis(answers.answer(service.track(call, command), call.evidence))
    referred, refusal = payload.passed_on(sent, lambda key: _is_ours(call, key))
    warnings = [refusal] if refusal else []
    shared = {**sent, "forwarded_profile": referred}
    parts: list[tuple[int, Mapping[str, Any]]] = []
    for step in payload.steps(shared, command, call.project):
        at_its_place = call._replace(now=call.now + step.first)
        found, why_not = _track(service, at_its_place, _following(step, parts))
        parts.append((step.first, found))
        warnings += [*step.meaning.warnings, *why_not]
    found = answers.joined(parts, warnings)
    if referred and found["profile"]["id"] not in (referred, None):
        found["warnings"].append("context.tracardi.pass: unknown, or the session has a profile")
    return answers.tracardis(answers.answer(found, call.evidence))


def _track(service: Service, call: Call, step: Step) -> tuple[Mapping[str, Any], list[str]]:
    """Store a step's events; what they say of their visitor is left out where it can't be said, and why is answered."""
    try:
        return service.track(call, commands.read(Track, step.body)), []
    except (Invalid, Refused) as error:
        if not step.meaning.says_something:
            raise
        says_values = bool(step.meaning.attributes or step.meaning.consents)
        with_ids = says_values and isinstance(error, Invalid)
        found, more = _track(service, call, payload.lighter(step, with_ids=with_ids))
        return found, [_said(error), *more]


def _following(step: Step, parts: list[tuple[int, Mapping[str, Any]]]) -> Step:
    """A step in the session that the first one was given."""
    if not parts:
        return step
    return step._replace(sent={**step.sent, "session": parts[-1][1]["session"]})


def _is_ours(call: Call, write_key: str) -> bool:
    source = caller.declared().find(write_key)
    return source is not None and source.project == call.source.project


def _said(error: HardlinkError) -> str:
    return f"{error.field}: {error.message}" if error.field else error.message
