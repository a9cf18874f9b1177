"""Verdicts -> wire: Exponea's answers and error bodies. Clients depend on their shape.

Source: Exponea's tracking API error messages; what its web SDK 3.15.0 and exponea-python-sdk 0.2.0
read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from dialects.partial_failure import Fault
from hardlink.domain.errors import (
    HardlinkError,
    Unauthorized,
    UnknownSource,
    located_message,
)
from hardlink.domain.graph import NOTHING
from hardlink.domain.times import SECOND
from hardlink.web.response import Answer

_BAD_REQUEST = 400


class Verdict(NamedTuple):
    """Result of one command.

    `messages`: why it was not stored, else warnings; `more`: further fields of its answer.
    """

    stored: bool = True
    messages: tuple[str, ...] = ()
    more: Mapping[str, Any] = NOTHING

    def with_first(self, messages: Iterable[str]) -> Verdict:
        """The same verdict with these messages before its own."""
        return self._replace(messages=(*messages, *self.messages))


def with_faults(verdicts: Sequence[Verdict], faults: Iterable[Fault]) -> list[Verdict]:
    """Add to the verdicts of commands what was left out of their data."""
    named: dict[int, list[str]] = {}
    for fault in faults:
        field = fault.field.removeprefix("data.")
        named.setdefault(fault.number, []).append(f"{field}: {fault.message}")
    complete: list[Verdict] = []
    for number, verdict in enumerate(verdicts):
        complete.append(verdict.with_first(named.get(number, ())))
    return complete


def answer_bulk(verdicts: Iterable[Verdict], start: int, end: int) -> dict[str, Any]:
    """Answer a bulk: exactly one result a command, in their order. Times: microseconds."""
    return _answer_results(_show_bulk_result, verdicts, start, end)


def answer_batch(verdicts: Iterable[Verdict], start: int, end: int) -> dict[str, Any]:
    """Answer a batch of the tracking API: it succeeds, each command has its own result."""
    return _answer_results(_show_batch_result, verdicts, start, end)


def answer_single(verdict: Verdict) -> Answer:
    """Answer one call of the tracking API: 400 if it was not stored.

    `errors` is there in any case, as Exponea's clients read it; with 200 it has the warnings.
    """
    if not verdict.stored:
        return Answer(_show_result(verdict), _BAD_REQUEST)
    return Answer({"success": True, "errors": list(verdict.messages), **verdict.more})


def answer_error(error: HardlinkError) -> Answer:
    """Answer an error of a whole call, in Exponea's words, and what to do beside them.

    The status is 400 for an unknown project and a wrong key too, as Exponea answers them.
    """
    message = located_message(error)
    if isinstance(error, UnknownSource):
        return _fail(error="Invalid project id")
    if isinstance(error, Unauthorized):
        return _fail(error="Could not authenticate", message=message)
    # The texts of Exponea's reference.
    if error.code == "bad_json":
        return _fail(message="Invalid JSON", errors=[message])
    if error.code == "no_commands":
        return _fail(message=message)
    return _fail(error.status, errors=[message])


def with_errors_by_field(answer: Answer) -> Answer:
    """The answer with its errors by field, each a list of texts, for the web SDK's single calls.

    Answers of the tracking API have a list, which the web SDK does not read.
    """
    errors = answer.body.get("errors")
    if answer.status < _BAD_REQUEST or isinstance(errors, Mapping):
        return answer
    by_field = {"_global": errors or _list_texts(answer.body)}
    return answer._replace(body={**answer.body, "errors": by_field})


def _list_texts(body: Mapping[str, Any]) -> list[str]:
    """List the one text of an error that has no list: `error`, else `message`."""
    text = body.get("error") or body.get("message")
    return [str(text)]


def answer_segments() -> Answer:
    """Answer a visitor's segments by category: none, because none are computed."""
    return Answer({"discovery": [], "content": [], "merchandising": []})


def answer_bundle() -> Answer:
    """Answer what a project shows on its pages: nothing, because campaigns are not offered."""
    nothing: dict[str, Any] = {
        "constantManagedTags": [],
        "webLayers": [],
        "experiments": [],
    }
    return Answer({"success": True, **nothing, "vars": {}})


def answer_managed_tags() -> Answer:
    """Answer the tags for a page: none."""
    return Answer({"success": True, "data": []})


def answer_missing_ids(message: str) -> Answer:
    """Answer a request for managed tags that names no visitor."""
    return _fail(errors={"customer_ids": [message]})


def to_seconds(micros: int) -> float:
    """A time in UNIX seconds, as Exponea has them."""
    return micros / SECOND


def _answer_results(
    show: Callable[[Verdict], dict[str, Any]],
    verdicts: Iterable[Verdict],
    start: int,
    end: int,
) -> dict[str, Any]:
    """Answer the results of several commands, and the times of receipt and answer, in seconds."""
    return {
        "success": True,
        "start_time": to_seconds(start),
        "end_time": to_seconds(end),
        "results": list(map(show, verdicts)),
    }


def _show_bulk_result(verdict: Verdict) -> dict[str, Any]:
    """Show a result as the web SDK reads it: `status` is `ok` or `error`."""
    if not verdict.stored:
        return {"status": "error", "errors": list(verdict.messages)}
    return {"status": "ok", **verdict.more, **_show_warnings(verdict)}


def _show_batch_result(verdict: Verdict) -> dict[str, Any]:
    """Show a result in a batch of the tracking API, with what its command asked for."""
    return {**_show_result(verdict), **verdict.more}


def _show_result(verdict: Verdict) -> dict[str, Any]:
    """Show a result as the tracking API answers it."""
    if not verdict.stored:
        return {"success": False, "errors": list(verdict.messages)}
    return {"success": True, **_show_warnings(verdict)}


def _show_warnings(verdict: Verdict) -> dict[str, Any]:
    """Show warnings in a field that Exponea's answers do not have; none where there are none."""
    if not verdict.messages:
        return {}
    return {"warnings": list(verdict.messages)}


def _fail(status: int = _BAD_REQUEST, **fields: Any) -> Answer:
    """Answer that a call failed. Which fields say why depends on the call, as in Exponea."""
    return Answer({"success": False, **fields}, status)
