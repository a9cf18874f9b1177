"""Results -> wire: the answer to `POST /orders`, and the lines of a result file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from dialects.order_feed.executor import Result
from hardlink.web.response import Answer

STATUSES = ("stored", "associated", "known", "rejected")


def answer_import(results: Sequence[Result]) -> Answer:
    """Answer how many orders have each status, and the result of every row.

    The body: `{"stored": 1, "associated": 0, "known": 0, "rejected": 0, "results": [...]}`.
    """
    counts = Counter(result.status for result in results)
    body: dict[str, Any] = {status: counts[status] for status in STATUSES}
    body["results"] = [show_result(result) for result in results]
    return Answer(body)


def show_result(result: Result) -> dict[str, Any]:
    """Show a result as JSON, without the fields that do not apply to it.

    `row`: its number, from 1; `orderNumber`: as far as it could be read; `reason` and `field`: of
    a row that was rejected; `warnings`: what of a row was left out, or read in doubt.
    """
    shown = {
        "row": result.row,
        "orderNumber": result.order,
        "status": result.status,
        "reason": result.reason,
        "field": result.field,
        "warnings": list(result.warnings),
    }
    # A line of a result file is as short as it can be: a file may have millions of rows.
    return {name: value for name, value in shown.items() if value}
