"""What Tracardi's clients look for in an answer, beside what the native call says: one call serves both.

Source: Tracardi's server, and what tracardi-track-client 0.7.3 and Tracardi's tracker read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hardlink.domain.errors import HardlinkError, Invalid
from hardlink.web.response import Answer

_IM_USED = 226
_UNPROCESSABLE = 422
_NUMBER = re.compile(r"^events\[(\d+)\]")


def answer(found: Mapping[str, Any], task: str) -> Answer:
    """The native answer and Tracardi's in one. `task`: the ID under which the call can be found again.

    `events`: their IDs, where the caller asked for a debugger. `errors`: why events were not stored.
    """
    stored = [result["id"] for result in found["results"] if result["status"] == "stored"]
    refused = [result for result in found["results"] if result["status"] == "rejected"]
    return Answer(
        {
            "task": task,
            "ux": [],
            "response": {},
            "events": stored if "debug" in found else [],
            "errors": [f"{result['field']}: {result['reason']}" for result in refused],
            **found,
        }
    )


def tracardis(found: Answer) -> Answer:
    """The answer with the status that Tracardi has for it: 226 where something was not stored."""
    errors = found.body and found.body["errors"]
    return found._replace(status=_IM_USED) if errors else found


def joined(
    parts: Sequence[tuple[int, Mapping[str, Any]]], warnings: Sequence[str]
) -> dict[str, Any]:
    """The answers to the steps of one payload as one answer. `parts`: the number of the first event, the answer."""
    last = parts[-1][1]
    results = [_numbered(result, first) for first, part in parts for result in part["results"]]
    said = [warning for _, part in parts for warning in part["warnings"]]
    debugs = [part["debug"] for _, part in parts if "debug" in part]
    shown = [event for debug in debugs for event in debug.get("events", ())]
    return {
        **last,
        "results": results,
        "warnings": list(dict.fromkeys([*warnings, *said])),
        **({"debug": {**debugs[-1], "events": shown}} if debugs else {}),
    }


def error_answer(error: HardlinkError) -> Answer:
    """The native error, and `detail` as Tracardi has it (401: "Unauthorized Access")."""
    return Answer({**error.body(), "detail": error.message}, error.status)


def invalid(error: HardlinkError) -> Answer:
    """An error as Tracardi's server answers it: a payload that is not valid is 422, and `detail` lists its faults."""
    if not isinstance(error, Invalid):
        return error_answer(error)
    location = ["body", *(error.field or "").split(".")] if error.field else ["body"]
    detail = [{"loc": location, "msg": error.message, "type": error.code}]
    return Answer({**error.body(), "detail": detail}, _UNPROCESSABLE)


def timed(found: Answer, seconds: float) -> Answer:
    """The answer, and how long it took."""
    return found._replace(headers={**found.headers, "x-process-time": f"{seconds:.6f}"})


def _numbered(result: Mapping[str, Any], first: int) -> dict[str, Any]:
    """A verdict whose field counts from the beginning of the payload."""
    if not first or "field" not in result:
        return dict(result)
    field = _NUMBER.sub(lambda m: f"events[{int(m[1]) + first}]", result["field"])
    return {**result, "field": field}
