"""Commands -> results: store a payload's events; where an update is refused, store them anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dialects.call_order import call_at
from dialects.partial_failure import Attempt, execute_without_faults
from dialects.tracardi.commands import Command, drop_update
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.domain.errors import located_message
from hardlink.services.service import Service

Result = Mapping[str, Any]


class Part(NamedTuple):
    """Result of one command. `first`: place of its first event in the payload."""

    first: int
    result: Result


class Outcome(NamedTuple):
    """Results of the commands, and warnings about updates that were left out."""

    parts: Sequence[Part]
    warnings: list[str]


class Executor:
    """Executes the commands of one payload, one after the other."""

    def __init__(self, service: Service, call: Call) -> None:
        self._service = service
        self._call = call

    def execute(self, tracardi_commands: Sequence[Command]) -> Outcome:
        """Store the events. Raises `Invalid` or `Refused` where the payload itself is at fault."""
        parts: list[Part] = []
        warnings: list[str] = []
        for command in tracardi_commands:
            # All commands belong to the session that the first one was given.
            current = (
                command.in_session(parts[-1].result["session"]) if parts else command
            )
            attempt: Attempt[Command, Result] = execute_without_faults(
                current, self._track, drop_update
            )
            if attempt.result is None:
                raise attempt.failures[-1].error
            parts.append(Part(command.first, attempt.result))
            warnings += command.update.warnings
            warnings += [located_message(failure.error) for failure in attempt.failures]
        return Outcome(parts, warnings)

    def _track(self, command: Command) -> Result:
        """Store the events of a command, a moment after those of the commands before it."""
        call = call_at(self._call, command.first)
        return self._service.track(call, commands.read(Track, command.body))
