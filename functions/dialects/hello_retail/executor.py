"""Commands -> results: store a tracking call, without the parts that Hardlink refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dialects.hello_retail.commands import (
    Command,
    drop_identifier,
    drop_order,
    wire_field,
)
from dialects.partial_failure import Attempt, execute_without_faults
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.domain.errors import HardlinkError, Invalid, located_message
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
        """Store what can be stored. Raises `Invalid` or `Refused` if nothing can."""
        result, stored = self._track(command)
        order_fault = _find_order_fault(result)
        # The activity counts even if it is of no order.
        if order_fault:
            self._warnings.append(order_fault)
            result, _ = self._track(drop_order(stored))
        _raise_if_rejected(result)
        return Outcome(result, [*self._warnings, *result["warnings"]])

    def _track(self, command: Command) -> tuple[Result, Command]:
        """The result, and the part of the command that it is about."""
        attempt: Attempt[Command, tuple[Result, Command]] = execute_without_faults(
            command, self._track_whole, drop_identifier
        )
        for failure in attempt.failures:
            _use_wire_field(failure.error, command)
        if attempt.result is None:
            raise attempt.failures[-1].error
        self._warnings += [
            located_message(failure.error) for failure in attempt.failures
        ]
        return attempt.result

    def _track_whole(self, command: Command) -> tuple[Result, Command]:
        result = self._service.track(self._call, commands.read(Track, command.body))
        return result, command


def _use_wire_field(error: HardlinkError, command: Command) -> None:
    error.field = wire_field(error.field, command.project)


def _find_order_fault(result: Result) -> str | None:
    """Message about an order number, total or address that cannot be one."""
    for event in result["results"]:
        _, is_order, name = str(event.get("field", "")).partition(".order.")
        if is_order:
            field = "orderNumber" if name == "number" else name
            return f"{field}: {event['reason']}"
    return None


def _raise_if_rejected(result: Result) -> None:
    for event in result["results"]:
        if event["status"] == "rejected":
            field = str(event.get("field", "")).partition("properties.")[2]
            raise Invalid(str(event["reason"]), field or None)
