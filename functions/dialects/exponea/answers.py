"""Results -> wire: Exponea's answers and error bodies. Clients act on their shape.

Source: Exponea's tracking API error messages; what its web SDK 3.15.0 and exponea-python-sdk 0.2.0 read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from hardlink.domain.errors import HardlinkError, Unauthorized, UnknownSource
from hardlink.domain.graph import NOTHING
from hardlink.domain.times import SECOND
from hardlink.web.response import Answer

_BAD_REQUEST = 400


class Verdict(NamedTuple):
    """What became of one command. `told`: what its client should know; `more`: what the answer carries beside."""

    taken: bool = True
    told: tuple[str, ...] = ()
    more: Mapping[str, Any] = NOTHING


def bulk(verdicts: Iterable[Verdict], start: int, end: int) -> dict[str, Any]:
    """The web SDK wants exactly one result a command, in their order; `errors` is an array."""
    return _whole([_bulk_result(verdict) for verdict in verdicts], start, end)


def batch(verdicts: Iterable[Verdict], start: int, end: int) -> dict[str, Any]:
    """A batch of the tracking API: taken as a whole, and each command has its own result."""
    return _whole([{**_result(verdict), **verdict.more} for verdict in verdicts], start, end)


def single(verdict: Verdict) -> Answer:
    """One call of the tracking API: 400 where it was not taken."""
    if verdict.taken:
        return Answer({"success": True, "errors": list(verdict.told), **verdict.more})
    return Answer(_result(verdict), _BAD_REQUEST)


def error_answer(error: HardlinkError) -> Answer:
    """An error of a whole call, in Exponea's words and beside them what to do."""
    told = f"{error.field}: {error.message}" if error.field else error.message
    if isinstance(error, UnknownSource):
        return Answer(_failed(error="Invalid project id"), _BAD_REQUEST)
    if isinstance(error, Unauthorized):
        return Answer(_failed(error="Could not authenticate", message=told), _BAD_REQUEST)
    if error.code == "bad_json":
        return Answer(_failed(message="Invalid JSON", errors=[told]), _BAD_REQUEST)
    if error.code == "no_commands":
        return Answer(_failed(message=told), _BAD_REQUEST)
    return Answer(_failed(errors=[told]), error.status)


def by_field(found: Answer) -> Answer:
    """The answer with its errors by field, each a list of texts."""
    errors = found.body.get("errors")
    if found.status < _BAD_REQUEST or isinstance(errors, Mapping):
        return found
    told = errors or [found.body.get("error") or found.body.get("message")]
    return found._replace(body={**found.body, "errors": {"_global": told}})


def seconds(micros: int) -> float:
    """A point in time as Exponea has it: UNIX seconds."""
    return micros / SECOND


def _whole(results: list[dict[str, Any]], start: int, end: int) -> dict[str, Any]:
    times = {"start_time": seconds(start), "end_time": seconds(end)}
    return {"success": True, **times, "results": results}


def _bulk_result(verdict: Verdict) -> dict[str, Any]:
    if not verdict.taken:
        return {"status": "error", "errors": list(verdict.told)}
    warnings = {"warnings": list(verdict.told)} if verdict.told else {}
    return {"status": "ok", **verdict.more, **warnings}


def _result(verdict: Verdict) -> dict[str, Any]:
    if not verdict.taken:
        return {"success": False, "errors": list(verdict.told)}
    return {"success": True, **({"warnings": list(verdict.told)} if verdict.told else {})}


def _failed(**more: Any) -> dict[str, Any]:
    return {"success": False, **more}
