"""Commands -> faults: store the activities of a call, without identities that Hardlink refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from dialects.attraqt_xo.commands import (
    Command,
    drop_identity,
    event_wire_field,
    session_of,
    wire_field,
)
from dialects.call_order import call_at
from dialects.partial_failure import (
    Attempt,
    Failure,
    Fault,
    execute_without_faults,
    left_out_parts,
    rejected_events,
    split_warnings,
)
from dialects.visitor_budget import explain_budget, split_by_budget
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.services.service import Service

MOST_VISITORS = 100
"""Visitors of one call. They are stored one after the other, each with some eight requests to
DynamoDB, within the function's time."""

Result = dict[str, Any]
Results = Sequence[Mapping[str, Any]]


class Outcome(NamedTuple):
    """Activities that were not stored as sent, and why all were dropped (an opt-out, a bot).

    `unused`: parts of stored activities that were not used.
    """

    faults: list[Fault]
    dropped: str | None = None
    unused: Sequence[Fault] = ()


class Executor:
    """Executes the commands of one call, one after the other."""

    def __init__(self, service: Service, call: Call) -> None:
        self._service = service
        self._call = call

    def execute(self, xo_commands: Sequence[Command]) -> Outcome:
        """Store what can be stored, and report the rest.

        One command that is refused keeps no other from being stored. The activities of visitors
        beyond `MOST_VISITORS` are not stored.
        """
        within, beyond = split_by_budget(xo_commands, session_of, MOST_VISITORS)
        faults = list(_budget_faults(beyond))
        unused: list[Fault] = []
        dropped: str | None = None
        for command in within:
            outcome = self._execute_command(command)
            faults += outcome.faults
            unused += outcome.unused
            dropped = dropped or outcome.dropped
        return Outcome(faults, dropped, unused)

    def _execute_command(self, command: Command) -> Outcome:
        """Store the activities of one user, again without each identity that is refused."""
        attempt: Attempt[Command, Result] = execute_without_faults(
            command, self._track, partial(drop_identity, project=self._call.project)
        )
        faults: list[Fault] = []
        for failure in attempt.failures:
            faults += _command_faults(failure)
        if attempt.result is None:
            return Outcome(faults)
        results = attempt.result["results"]
        return Outcome(
            [
                *faults,
                *_left_out_faults(command, attempt.result),
                *_event_faults(command, results),
            ],
            _find_drop_reason(results),
            list(_unused_parts(command, attempt.result["warnings"])),
        )

    def _track(self, command: Command) -> Result:
        """Store events at the time of their place in the call."""
        call = call_at(self._call, command.numbers[0])
        return self._service.track(call, commands.read(Track, command.body))


def _budget_faults(beyond: Sequence[Command]) -> Iterator[Fault]:
    """List a fault for every activity of the visitors that are too many for one call."""
    for command in beyond:
        for number in command.numbers:
            yield Fault(number, "user", explain_budget(MOST_VISITORS))


def _command_faults(failure: Failure[Command]) -> Iterator[Fault]:
    """List a fault for every activity of a command that was refused."""
    field = wire_field(failure.error.field_path)
    for number in failure.command.numbers:
        yield Fault(number, field, failure.error.message)


def _left_out_faults(command: Command, result: Result) -> Iterator[Fault]:
    """List the values of the user that cannot be kept, for each activity that carries them.

    `result`: of `Service.track`.
    """
    for part in result.get("left_out", ()):
        for number in command.numbers:
            yield Fault(number, wire_field(f"user.{part.field}"), part.reason)


def _unused_parts(command: Command, warnings: Sequence[str]) -> Iterator[Fault]:
    """List the parts of stored activities that were not used.

    Warnings about the command as a whole have no place in an answer of XO's.
    """
    about_events, _ = split_warnings(command.numbers, warnings)
    for fault in about_events:
        yield fault._replace(field=event_wire_field(fault.field))


def _event_faults(command: Command, results: Results) -> Iterator[Fault]:
    """List the activities that were not stored as sent, with the field at fault."""
    rejected = rejected_events(command.numbers, results)
    for fault in (*rejected, *left_out_parts(command.numbers, results)):
        yield fault._replace(field=event_wire_field(fault.field))


def _find_drop_reason(results: Results) -> str | None:
    """Find why all was dropped: an opt-out, or a bot. `None` where nothing was."""
    for result in results:
        if result["status"] == "dropped":
            return str(result["reason"])
    return None
