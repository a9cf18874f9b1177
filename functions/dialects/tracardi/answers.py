"""Results -> wire: what Tracardi's clients read in an answer, beside the native fields.

Source: Tracardi's server; what tracardi-track-client 0.7.3 and Tracardi's tracker read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dialects.tracardi.executor import Part
from hardlink.domain.errors import HardlinkError, Invalid
from hardlink.domain.sources.registry import Redirect
from hardlink.domain.values import LeftOut
from hardlink.services.answers import with_warnings
from hardlink.web.response import Answer

_IM_USED = 226
_TEMPORARY_REDIRECT = 307
_UNPROCESSABLE = 422
_EVENT_NUMBER = re.compile(r"^events\[(\d+)\]")


def answer_track(
    result: Mapping[str, Any], task: str, of_body: Iterable[LeftOut] = ()
) -> Answer:
    """Answer the native fields and Tracardi's. `task`: the ID under which the log has the call.

    `of_body`: what was left out before the body became a payload.

    `events`: IDs of the stored events, with the option `debugger` only; `errors`: why the others
    were rejected.
    """
    rejected = [event for event in result["results"] if event["status"] == "rejected"]
    body = {
        "task": task,
        # Answers of Tracardi's have both, though widgets and workflows are not offered.
        "ux": [],
        "response": {},
        "events": _list_debug_ids(result),
        "errors": [f"{event['field']}: {event['reason']}" for event in rejected],
        # Last, so that a native field always has its native value.
        **with_warnings(dict(result), of_body),
    }
    return Answer(body)


def _list_debug_ids(result: Mapping[str, Any]) -> list[str]:
    """List the IDs of the stored events for a call with the option `debugger`, else none."""
    if "debug" not in result:
        return []
    events = result["results"]
    return [event["id"] for event in events if event["status"] == "stored"]


def with_tracardi_status(answer: Answer) -> Answer:
    """The answer with Tracardi's status: 226 if an event was rejected."""
    if answer.body and answer.body["errors"]:
        return answer._replace(status=_IM_USED)
    return answer


def join_results(parts: Sequence[Part], warnings: Sequence[str]) -> dict[str, Any]:
    """Join the results of the commands of one payload."""
    results: list[dict[str, Any]] = []
    every_warning = list(warnings)
    left_out: list[LeftOut] = []
    debugs: list[Mapping[str, Any]] = []
    for first, result in parts:
        results += [_renumber(event, first) for event in result["results"]]
        every_warning += result["warnings"]
        left_out += result.get("left_out", ())
        if "debug" in result:
            debugs.append(result["debug"])
    last = parts[-1].result
    joined = {
        **last,
        "results": results,
        "warnings": list(dict.fromkeys(every_warning)),
        "left_out": list(dict.fromkeys(left_out)),
    }
    if debugs:
        joined["debug"] = {**debugs[-1], "events": _join_debug_events(debugs)}
    return joined


def answer_redirect(
    answer: Answer, redirect: Redirect, warnings: Sequence[str]
) -> Answer:
    """Redirect to the declared URL; the body is the result of storing the event."""
    body = {**(answer.body or {})}
    body["warnings"] = [*body.get("warnings", []), *warnings]
    return Answer(body, _TEMPORARY_REDIRECT, {"location": redirect.url})


def answer_error(error: HardlinkError) -> Answer:
    """Answer the native error, and `detail` as Tracardi has it (401: "Unauthorized Access")."""
    return Answer({**error.body(), "detail": error.message}, error.status)


def answer_tracardi_error(error: HardlinkError) -> Answer:
    """Answer an error as Tracardi's server does: an invalid payload is 422, with its faults."""
    if not isinstance(error, Invalid):
        return answer_error(error)
    location = ["body"]
    if error.field:
        location += error.field.split(".")
    detail = [{"loc": location, "msg": error.message, "type": error.code}]
    return Answer({**error.body(), "detail": detail}, _UNPROCESSABLE)


def with_duration(answer: Answer, seconds: float) -> Answer:
    """The answer with the header `x-process-time`."""
    return answer._replace(
        headers={**answer.headers, "x-process-time": f"{seconds:.6f}"}
    )


def _renumber(event: Mapping[str, Any], first: int) -> dict[str, Any]:
    """A result whose field counts events from the beginning of the payload."""
    match = _EVENT_NUMBER.match(event.get("field", ""))
    if match is None:
        return dict(event)
    number = int(match[1]) + first
    rest = event["field"][match.end() :]
    return {**event, "field": f"events[{number}]{rest}"}


def _join_debug_events(debugs: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Join what the commands of one payload answered about their events."""
    events: list[Any] = []
    for debug in debugs:
        events += debug.get("events", ())
    return events
