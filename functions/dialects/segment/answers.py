"""Outcomes -> wire: answers in the words of Segment's, RudderStack's and PostHog's clients.

Source: Segment's HTTP API, and what the clients of all three read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dialects.partial_failure import Fault
from dialects.segment.requests import Batch
from hardlink.domain.errors import HardlinkError, TooLarge, located_message
from hardlink.domain.json_types import as_object
from hardlink.web.response import Answer

_BAD_REQUEST = 400


def answer_batch(
    batch: Batch, faults: Iterable[Fault], warnings: Iterable[str]
) -> Answer:
    """Answer 200, because the clients accept nothing else; the body names what was not stored."""
    # Segment's API answers `success`, PostHog's `status`.
    body: dict[str, Any] = {"success": True, "status": 1}
    errors = [_show_fault(batch, fault) for fault in sorted(set(faults))]
    if errors:
        body["errors"] = errors
    distinct_warnings = list(dict.fromkeys(warnings))
    if distinct_warnings:
        body["warnings"] = distinct_warnings
    return Answer(body)


def answer_source_config(name: str, write_key: str) -> Answer:
    """Answer the configuration that RudderStack's clients read first: no destinations."""
    off = {"enabled": False}
    source = {
        "id": name,
        "name": name,
        "writeKey": write_key,
        "enabled": True,
        "config": {"statsCollection": {"errors": off, "metrics": off}},
        "connections": [],
        "destinations": [],
        "dataplanes": {},
    }
    return Answer({"source": source, "updatedAt": "2026-01-01T00:00:00.000Z"})


def answer_error(error: HardlinkError) -> Answer:
    """Answer an error: RudderStack's clients read `code` and `message`, PostHog's `detail`."""
    status = error.status
    if isinstance(error, TooLarge):
        status = _BAD_REQUEST  # as Segment's API answers it
    message = located_message(error)
    body = {"success": False, "code": error.code, "message": message, "detail": message}
    if error.field:
        body["field"] = error.field
    return Answer(body, status)


def _show_fault(batch: Batch, fault: Fault) -> dict[str, Any]:
    """Show a fault: `{"index": 0, "messageId"?, "field"?, "message"}`.

    `index`: place of the message in the batch, from 0.
    """
    shown: dict[str, Any] = {"index": fault.number}
    message_id = _find_message_id(batch, fault.number)
    if message_id != "":
        shown["messageId"] = message_id
    if fault.field:
        shown["field"] = fault.field
    return {**shown, "message": fault.message}


def _find_message_id(batch: Batch, number: int) -> str | int:
    """Find the ID that the client gave a message; empty if it gave none, or an odd one."""
    message = as_object(batch.messages[number])
    name = "messageId"
    if batch.posthog:
        name = "uuid"
    message_id = message.get(name)
    if isinstance(message_id, str | int):
        return message_id
    return ""
