"""Outcomes -> wire: XO's answers and error bodies.

Source: Attraqt's REST reference (200 with `profiles`, 401, 422).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dialects.attraqt_xo.executor import Outcome
from dialects.partial_failure import Fault
from hardlink.domain.errors import (
    HardlinkError,
    Invalid,
    UnknownSource,
    located_message,
)
from hardlink.web.response import Answer

_UNPROCESSABLE = 422
_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    409: "Conflict",
    413: "Payload Too Large",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    503: "Service Unavailable",
}


def answer_call(faults: Sequence[Fault], outcome: Outcome) -> Answer:
    """Answer 200 if every activity was stored; 422 names the others.

    `faults`: of activities that were not valid and so are in no outcome.
    """
    body: dict[str, Any] = {"profiles": {}}
    if outcome.dropped:
        body["message"] = outcome.dropped
    if outcome.unused:
        body["warnings"] = list(map(_format_fault, outcome.unused))
    every = sorted([*faults, *outcome.faults])
    if not every:
        return Answer(body)
    body |= _error_body(_UNPROCESSABLE, _format_fault(every[0]))
    body["errors"] = list(map(_show_fault, every))
    return Answer(body, _UNPROCESSABLE)


def answer_error(error: HardlinkError) -> Answer:
    """Answer an error of the whole call; an invalid body is 422."""
    if isinstance(error, UnknownSource):
        return Answer(_error_body(error.status, "Unknown tracker key"), error.status)
    status = error.status
    if isinstance(error, Invalid):
        status = _UNPROCESSABLE
    return Answer(_error_body(status, located_message(error)), status)


def _show_fault(fault: Fault) -> dict[str, Any]:
    """Show a fault of one activity, whose number is its place in the call, from 0."""
    return {"activity": fault.number, "field": fault.field, "message": fault.message}


def _format_fault(fault: Fault) -> str:
    """Format a fault for answers of one text, such as XO's own `message`."""
    return f"activity {fault.number}: {fault.field}: {fault.message}"


def _error_body(status: int, message: str) -> dict[str, str]:
    """Make the body of an error as XO has it: the name of the status, and what is wrong."""
    return {"error": _TITLES.get(status, "Error"), "message": message}
