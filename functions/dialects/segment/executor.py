"""Commands -> outcomes: commands about different people run at once, those about one in order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from dialects.call_order import call_at
from dialects.partial_failure import (
    REFUSALS,
    Attempt,
    Fault,
    execute_without_faults,
    split_warnings,
)
from dialects.segment.commands import (
    Chain,
    CommandGroup,
    budget_faults,
    build_chains,
    command_faults,
    drop_fault,
    event_faults,
    left_out_faults,
    split_by_visitors,
    wire_field,
)
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Identify, Track, Update
from hardlink.domain.errors import Busy, TooLarge
from hardlink.services.service import Service

_THREADS = 8
"""A backend's batch is about many customers, who need not wait for each other."""

Result = dict[str, Any]


class Outcome(NamedTuple):
    """Messages that were not stored as sent, and warnings."""

    faults: list[Fault]
    warnings: list[str]


class _ChainOutcome(NamedTuple):
    """`busy`: the tables were too busy for the rest of the chain."""

    faults: list[Fault]
    warnings: list[str]
    busy: Busy | None = None


class Executor:
    """Executes commands, and keeps the threads for it from one call to the next."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="segment")

    def execute(self, call: Call, groups: Sequence[CommandGroup]) -> Outcome:
        """Store what can be stored, and report the rest.

        Of a call about more than `MOST_VISITORS`, the messages of the others are the rest. Raises
        `Busy` when nothing is under way any more, because the client sends all again.
        """
        within, beyond = split_by_visitors(groups)
        chains = build_chains(within)
        # One chain has nothing to wait for beside itself, and so needs no thread.
        run_all = self._threads.map if len(chains) > 1 else map
        outcome = Outcome(list(budget_faults(beyond)), [])
        busy: Busy | None = None
        for done in run_all(partial(self._execute_chain, call), chains):
            outcome.faults.extend(done.faults)
            outcome.warnings.extend(done.warnings)
            busy = busy or done.busy
        if busy:
            raise busy
        return outcome

    def _execute_chain(self, call: Call, chain: Chain) -> _ChainOutcome:
        """Execute the commands of a chain one after the other, until AWS does not answer."""
        outcome = _ChainOutcome([], [])
        for group in chain:
            number = group.numbers[0]
            # With an evidence ID of its own, so that each link can be undone alone.
            own_call = call_at(call, number)._replace(
                evidence=f"{call.evidence}/{number}"
            )
            try:
                self._execute_group(own_call, group, outcome)
            except Busy as busy:
                return outcome._replace(busy=busy)
        return outcome

    def _execute_group(
        self, call: Call, group: CommandGroup, outcome: _ChainOutcome
    ) -> None:
        """Execute a command, again without each part that is refused, and add to the outcome."""
        attempt: Attempt[CommandGroup, Result] = execute_without_faults(
            group,
            partial(self._execute_command, call),
            drop_fault,
            (*REFUSALS, TooLarge),
        )
        for failure in attempt.failures:
            outcome.faults.extend(command_faults(failure))
        if attempt.result is None:
            return
        warnings = attempt.result["warnings"]
        if group.command is Track:
            outcome.faults.extend(event_faults(group, attempt.result["results"]))
            warnings = _use_wire_fields(group, warnings)
        left_out = attempt.result.get("left_out", ())
        outcome.faults.extend(left_out_faults(group, left_out))
        outcome.warnings.extend(warnings)

    def _execute_command(self, call: Call, group: CommandGroup) -> Result:
        """Call the service's method for the command."""
        if group.command is Track:
            return self._service.track(call, commands.read(Track, group.body))
        if group.command is Update:
            return self._service.update(call, commands.read(Update, group.body))
        command = commands.read(Identify, group.body)
        if group.renames:
            return self._service.alias(call, command, either_way=group.either_way)
        return self._service.identify(call, command)


def _use_wire_fields(group: CommandGroup, warnings: Sequence[str]) -> list[str]:
    """The warnings of a result, with the messages' places and fields as the client knows them."""
    about_events, others = split_warnings(group.numbers, warnings)
    shown: list[str] = []
    for fault in about_events:
        field = wire_field(group, fault.field)
        shown.append(f"message {fault.number}: {field}: {fault.message}")
    return [*shown, *others]
