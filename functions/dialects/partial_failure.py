"""Execute a command again without the part at fault: the one loop that all dialects share.

The other systems store what they can and report the rest. Hardlink's services refuse a command as
a whole, so a dialect drops the part at fault and tries again. What is dropped is its own decision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from hardlink.domain.errors import HardlinkError, Invalid, Refused
from hardlink.domain.sources.registry import Project
from hardlink.web.request import NOT_FINITE, Path, format_path

Command = TypeVar("Command")
Result = TypeVar("Result")
REFUSALS: tuple[type[HardlinkError], ...] = (Invalid, Refused)
"""Errors that a part of a command causes. All others fail the whole call."""


class Fault(NamedTuple):
    """One message of a call that was not stored as sent.

    `number`: its place in the call, from 0; `field`: in the client's spelling, may be empty.
    """

    number: int
    field: str
    message: str


def fault_of(number: int, error: HardlinkError) -> Fault:
    """Make the fault of a message for which this error was raised."""
    return Fault(number, error.field_path, error.message)


_EVENT_WARNING = re.compile(r"events\[(\d+)\]\.([^:]*): (.*)", re.DOTALL)
"""A warning about one event, as `Service.track` answers it."""


class Failure(NamedTuple, Generic[Command]):
    """A command that was refused, and why."""

    command: Command
    error: HardlinkError


class Attempt(NamedTuple, Generic[Command, Result]):
    """Outcome of a command.

    `result`: of the part that was executed, `None` if nothing was left of it. `failures`: one for
    every part that was dropped, in that order; the last one is final where there is no result.
    """

    result: Result | None
    failures: Sequence[Failure[Command]]


def execute_without_faults(
    command: Command,
    execute: Callable[[Command], Result],
    drop_fault: Callable[[Command, HardlinkError], Command | None],
    refusals: tuple[type[HardlinkError], ...] = REFUSALS,
) -> Attempt[Command, Result]:
    """Execute a command; where a part of it is refused, execute the rest.

    `drop_fault`: the command without the part that the error names, `None` if nothing is left. Each
    call must return a smaller command, which ends the loop.
    """
    failures: list[Failure[Command]] = []
    rest: Command | None = command
    while rest is not None:
        try:
            return Attempt(execute(rest), failures)
        except refusals as error:
            # Nothing of the command was stored, because a refusal comes before its transaction.
            failures.append(Failure(rest, error))
            rest = drop_fault(rest, error)
    return Attempt(None, failures)


def without_identifier_type(
    ids: Mapping[str, Any], type_: str, project: Project
) -> dict[str, Any] | None:
    """Leave out the identifiers of a type; `None` if there are none of it.

    Clients spell a type as they like, while an error names it in the project's spelling.
    """
    rest = {
        name: id_ for name, id_ in ids.items() if not project.matches_type(name, type_)
    }
    if len(rest) == len(ids):
        return None
    return rest


def not_finite_faults(
    paths: Iterable[Path], listed: str | None = None
) -> tuple[list[Fault], list[str]]:
    """Faults of numbers that are not finite in the messages of a call, and warnings about others.

    `paths`: of `Request.not_finite`; `listed`: the field of the body that lists the messages, where
    the body itself is none and lists none.
    """
    faults: list[Fault] = []
    warnings: list[str] = []
    for path in paths:
        inner = path[1:] if listed and path[0] == listed else path
        if inner and isinstance(inner[0], int):
            faults.append(Fault(inner[0], format_path(inner[1:]), NOT_FINITE))
        elif listed:
            warnings.append(f"{format_path(path)}: {NOT_FINITE}")
        else:
            faults.append(Fault(0, format_path(path), NOT_FINITE))
    return faults, warnings


def left_out_parts(
    numbers: Sequence[int], results: Sequence[Mapping[str, Any]]
) -> Iterator[Fault]:
    """Faults of the parts without which events were stored. Arguments as of `rejected_events`."""
    for number, result in zip(numbers, results, strict=True):
        for part in result.get("left_out", ()):
            yield Fault(number, part["field"], part["reason"])


def rejected_events(
    numbers: Sequence[int],
    results: Sequence[Mapping[str, Any]],
    statuses: tuple[str, ...] = ("rejected",),
) -> Iterator[Fault]:
    """Faults of the events with one of these statuses.

    `numbers`: places of the events in the call; `results`: of `Service.track`, in the same order.
    The fields are those of an event (`properties.a`), without `events[n].` before them.
    """
    for number, result in zip(numbers, results, strict=True):
        if result["status"] in statuses:
            field = str(result.get("field", "")).partition(".")[2]
            yield Fault(number, field, str(result["reason"]))


def split_warnings(
    numbers: Sequence[int], warnings: Sequence[str]
) -> tuple[list[Fault], list[str]]:
    """Split the warnings of `Service.track` into those about single events, and the others.

    `numbers`: places of the events in the call. The events were stored; the faults name what of
    them was not used, with the fields of an event (`properties.a`).
    """
    about_events: list[Fault] = []
    others: list[str] = []
    for warning in warnings:
        match = _EVENT_WARNING.fullmatch(warning)
        if match is None:
            others.append(warning)
        else:
            number, field, message = match.groups()
            about_events.append(Fault(numbers[int(number)], field, message))
    return about_events, others
