"""Commands -> results: store a tracking call, without the parts that Hardlink refuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dialects.hello_retail.commands import (
    Command,
    drop_identifier,
    wire_field,
)
from dialects.partial_failure import Attempt, execute_without_faults, split_warnings
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid, located_message
from hardlink.services.service import Service

Result = dict[str, Any]


class Outcome(NamedTuple):
    """Result of `Service.track`, and warnings about the parts that were left out."""

    result: Mapping[str, Any]
    warnings: Sequence[str]


class Executor:
    """Executes the command of one tracking call."""

    def __init__(self, service: Service, call: Call) -> None:
        self._service = service
        self._call = call
        self._warnings: list[str] = []

    def execute(self, command: Command) -> Outcome:
        """Store what can be stored. Raises `Invalid` or `Refused` if nothing can.

        The error and the warnings name fields in Hello Retail's spelling.
        """
        result = self._track(command)
        _raise_if_rejected(result)
        warnings = _use_wire_fields(result["warnings"], command)
        left_out = _left_out(result)
        return Outcome(result, [*self._warnings, *warnings, *left_out])

    def _track(self, command: Command) -> Result:
        """Store the parts of a command that are not refused, and note those that are.

        Raises the last refusal where nothing was left to store.
        """
        attempt: Attempt[Command, Result] = execute_without_faults(
            command, self._track_whole, drop_identifier
        )
        refusals = [failure.error for failure in attempt.failures]
        for error in refusals:
            error.field = wire_field(error.field_path, command.project)
        if attempt.result is None:
            raise refusals[-1]
        self._warnings += map(located_message, refusals)
        return attempt.result

    def _track_whole(self, command: Command) -> Result:
        """Store a command as it is. Raises whatever the service refuses it with."""
        return self._service.track(self._call, commands.read(Track, command.body))


def _use_wire_fields(warnings: Sequence[str], command: Command) -> list[str]:
    """Name the fields of the one event in Hello Retail's spelling in the warnings of a result."""
    about_event, others = split_warnings([0], warnings)
    shown: list[str] = []
    for fault in about_event:
        field = wire_field(fault.field, command.project)
        shown.append(f"{field.removeprefix('order.')}: {fault.message}")
    return [*shown, *others]


def _left_out(result: Result) -> Iterator[str]:
    """Warn of the parts that were left out of a call, and of its event.

    A tracking call's fields are its event's properties, so they stand without `properties.`.
    """
    for part in result.get("left_out", ()):
        yield part.warning
    for event in result["results"]:
        for part in event.get("left_out", ()):
            field = part["field"].removeprefix("properties.")
            yield f"{field}: {part['reason']}"


def _raise_if_rejected(result: Result) -> None:
    """Raise `Invalid` with the reason of an event that was rejected: then the call is refused."""
    for event in result["results"]:
        if event["status"] == "rejected":
            field = str(event.get("field", "")).partition("properties.")[2]
            raise Invalid(str(event["reason"]), field or None)
