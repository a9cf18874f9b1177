"""Results -> wire: answers to Hello Retail's tracking calls.

Hello Retail documents no answers, so their shape is Hardlink's own.
"""

from __future__ import annotations

from dialects.hello_retail.executor import Outcome
from hardlink.domain.errors import HardlinkError
from hardlink.web.response import Answer


def answer_tracking_user(tracking_user: str) -> Answer:
    """Answer the ID of a new tracking user."""
    return Answer({"success": True, "trackingUserId": tracking_user})


def answer_call(outcome: Outcome) -> Answer:
    """Answer a tracking call: its tracking user, and what was left out."""
    tracking_user = outcome.result["session"]["id"]
    warnings = list(outcome.warnings)
    return Answer(
        {"success": True, "trackingUserId": tracking_user, "warnings": warnings}
    )


def answer_error(error: HardlinkError) -> Answer:
    """Answer an error: the native one, and `success`."""
    return Answer({"success": False, **error.body()}, error.status)
