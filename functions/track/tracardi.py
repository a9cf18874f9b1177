"""What Tracardi's clients look for in an answer, beside what the native call says: one call serves both.

Source: Tracardi's tracker payload (seed 002) and what tracardi-track-client 0.7.3 and Tracardi's tracker read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hardlink.errors import HardlinkError
from hardlink.http import Answer


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


def error_answer(error: HardlinkError) -> Answer:
    """The native error, and `detail` as Tracardi has it (401: "Unauthorized Access")."""
    return Answer({**error.body(), "detail": error.message}, error.status)
