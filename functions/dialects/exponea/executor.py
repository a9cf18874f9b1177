"""Commands -> verdicts: one for every command of a call, and none keeps back another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from dialects.call_order import call_at
from dialects.exponea.answers import Verdict
from dialects.exponea.commands import (
    Command,
    batch_key,
    build_track,
    build_update,
    without_identifier,
)
from dialects.exponea.requests import RawCommand, RawCommands
from dialects.exponea.system_commands import BulkCommand
from dialects.partial_failure import (
    REFUSALS,
    Attempt,
    Fault,
    execute_without_faults,
    left_out_parts,
    split_warnings,
)
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track, Update
from hardlink.domain.errors import HardlinkError, Invalid, TooLarge, TooManyIdentifiers
from hardlink.domain.records import Session
from hardlink.domain.sources.registry import Project
from hardlink.services.answers import NOT_KEPT
from hardlink.services.service import Service

CallOfToken = Callable[[str], Call]
"""Returns the call of the source with this project token. Raises `UnknownSource`."""
Translate = Callable[[RawCommand], BulkCommand]
Verdicts = list[Verdict]
_STORED = ("stored", "duplicate")


class Executor:
    """Executes the commands of one call, one after the other."""

    def __init__(self, service: Service, call_of_token: CallOfToken) -> None:
        self._service = service
        self._call_of_token = call_of_token
        self._sessions: dict[str, dict[str, Session]] = {}
        """By project: the sessions as the commands so far left them."""

    def execute(self, raw_commands: RawCommands, translate: Translate) -> Verdicts:
        """Store what can be stored, and return a verdict for every command, in their order."""
        verdicts: dict[int, Verdict] = {}
        translated: list[Command] = []
        for number, raw in enumerate(raw_commands):
            verdict, command = _translate(raw, translate)
            if verdict is not None:
                verdicts[number] = verdict
            if command is not None:
                translated.append(command)
        for number, verdict in self._execute_commands(translated).items():
            # The SDK throws where a system command fails: its answer only takes on the messages.
            answered = verdicts.get(number, verdict)
            verdicts[number] = answered._replace(messages=verdict.messages)
        return [verdicts[number] for number in range(len(raw_commands))]

    def _execute_commands(self, translated: Sequence[Command]) -> Mapping[int, Verdict]:
        """Execute neighbours that can be one command together, in the order of the call."""
        verdicts: dict[int, Verdict] = {}
        # Neighbours only: what comes in between may change whose the next is.
        for _, neighbours in groupby(translated, key=batch_key):
            group = list(neighbours)
            numbers = [command.number for command in group]
            verdicts.update(zip(numbers, self._execute_group(group), strict=True))
        return verdicts

    def _execute_group(self, group: list[Command]) -> Verdicts:
        """Execute commands of one project and one visitor; all get the error of the first.

        Later ones of the call find the session as these left it, without another read.
        """
        first = group[0]
        try:
            call = self._call_of_token(first.token)
            # Before anything is stored: such a call is discarded whole.
            _check_declared(first, call.project)
        except HardlinkError as error:
            return [Verdict(stored=False, messages=(error.message,))] * len(group)
        sessions = self._sessions.setdefault(call.project_id, {})
        call = call_at(call, first.number)._replace(sessions=sessions)
        return self._execute_without_faults(call, group)

    def _execute_without_faults(self, call: Call, group: list[Command]) -> Verdicts:
        """Execute commands, again without each identifier that is refused."""
        attempt: Attempt[list[Command], Verdicts] = execute_without_faults(
            group,
            partial(self._store, call),
            partial(_drop_identifier, project=call.project),
            (*REFUSALS, TooLarge),
        )
        dropped = [failure.error for failure in attempt.failures]
        verdicts = attempt.result
        if verdicts is None:
            # The last error is why nothing was left to store.
            verdicts = [_refuse(dropped.pop())] * len(group)
        warnings = [f"{_wire_message(error)} (stored without it)" for error in dropped]
        return _with_warnings(verdicts, warnings)

    def _store(self, call: Call, group: list[Command]) -> Verdicts:
        """Store events, or the values of an update."""
        if group[0].event is None:
            return [self._update(call, group[0])]
        return self._track(call, group)

    def _update(self, call: Call, command: Command) -> Verdict:
        """Set values. A visitor who opted out and a bot get the verdict that nothing was stored."""
        result = self._service.update(
            call, commands.read(Update, build_update(command))
        )
        warnings = tuple(result["warnings"])
        left_out = _left_out_of_command(result)
        return Verdict(NOT_KEPT.isdisjoint(warnings), (*warnings, *left_out))

    def _track(self, call: Call, group: list[Command]) -> Verdicts:
        """Store the events of commands, and return a verdict for each: an event may be rejected.

        What was left out of an event is a message of its own command; what was left out of what
        they share is one of all of them.
        """
        track = commands.read(Track, build_track(group))
        track.jitter = group[0].jitter
        result = self._service.track(call, track)
        numbers = [command.number for command in group]
        about_events, about_all = split_warnings(numbers, result["warnings"])
        about_events += left_out_parts(numbers, result["results"])
        warnings = [warning for warning in about_all if warning not in NOT_KEPT]
        warnings += _left_out_of_command(result)
        verdicts: Verdicts = []
        for command, event in zip(group, result["results"], strict=True):
            own = _messages_about(command, about_events)
            verdicts.append(_event_verdict(command, event, (*own, *warnings)))
        return verdicts


def _event_verdict(
    command: Command, event: Mapping[str, str], warnings: Sequence[str]
) -> Verdict:
    """Make the verdict of a command from the result of its event (`Service.track`).

    A duplicate was stored before, so its client need not send it again. `warnings`: what the event
    was stored without.
    """
    if event["status"] in _STORED:
        return Verdict(messages=(*command.warnings, *warnings))
    return Verdict(stored=False, messages=(_event_reason(event),))


def _with_warnings(verdicts: Verdicts, warnings: Sequence[str]) -> Verdicts:
    """Put warnings about what all commands of a group share before the messages of each."""
    return [verdict.with_first(warnings) for verdict in verdicts]


def _messages_about(command: Command, faults: Sequence[Fault]) -> list[str]:
    """Format the faults of one command's event, which was stored without these parts."""
    return [
        f"{fault.field}: {fault.message}"
        for fault in faults
        if fault.number == command.number
    ]


def _translate(raw: RawCommand | Invalid, translate: Translate) -> BulkCommand:
    """Translate a command; one that is malformed or not valid is a verdict alone."""
    if isinstance(raw, Invalid):
        return BulkCommand(_refuse(raw), None)
    try:
        return translate(raw)
    except Invalid as error:
        return BulkCommand(_refuse(error), None)


def _check_declared(command: Command, project: Project) -> None:
    """Raise `Invalid` for an undeclared identifier type (seed 004: such calls are discarded).

    The message names the field itself, because a verdict has no other place for it.
    """
    for type_ in command.ids:
        if not project.declares(type_):
            known = ", ".join(project.identifiers)
            field = f"customer_ids.{type_[:64]}"
            raise Invalid(
                f"{field}: not declared, the call is discarded: use one of {known}"
            )


def _drop_identifier(
    group: list[Command], error: HardlinkError, project: Project
) -> list[Command] | None:
    """Build the commands without the identifier that the error names; all have the same ones.

    `None` where the error is about anything else, or where nothing would tell whose they are.
    """
    part, _, type_ = error.field_path.partition(".")
    if part != "ids" or not isinstance(error, Invalid | TooManyIdentifiers):
        return None
    left: list[Command] = []
    for command in group:
        reduced = without_identifier(command, type_, project)
        if reduced is None:
            return None
        left.append(reduced)
    return left


def _refuse(error: HardlinkError) -> Verdict:
    """Make the verdict of a command that was refused."""
    return Verdict(stored=False, messages=(_wire_message(error),))


def _wire_message(error: HardlinkError) -> str:
    """`field: message`, with the field in Exponea's spelling."""
    if not error.field:
        return error.message
    field = error.field.replace("ids.", "customer_ids.").replace("session.id", "cookie")
    return f"{field}: {error.message}"


def _left_out_of_command(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Warn of the values that a command was stored without. `result`: of the service."""
    return tuple(part.warning for part in result.get("left_out", ()))


def _event_reason(event: Mapping[str, str]) -> str:
    """Format why an event was not stored, with the field below the event."""
    field = event.get("field", "").partition(".")[2]
    if not field:
        return event["reason"]
    return f"{field}: {event['reason']}"
