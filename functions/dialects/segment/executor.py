"""Carries out what the messages of a call say: those about different people at once, those about one in their order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from dialects.segment import command_group
from dialects.segment.command_group import CommandGroup, Fault
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Identify, Track, Update
from hardlink.domain.errors import Busy, Invalid, Refused, TooLarge
from hardlink.services.service import Service

_AT_ONCE = 8
"""A backend's batch is about many customers: they do not wait for each other."""


class Outcome(NamedTuple):
    """What became of some commands. `busy`: the tables could not take all of them."""

    faults: list[Fault]
    warnings: list[str]
    busy: Busy | None = None


class Executor:
    """Carries out commands with a service, and keeps the threads for it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="segment")

    def carry_out(self, call: Call, found: Sequence[CommandGroup]) -> list[Outcome]:
        """What became of them. Raises `Busy` once nothing is under way any more: the client sends all again."""
        chains = command_group.chains(found)
        each = partial(self._chain, call)
        at_once = self._threads.map if len(chains) > 1 else map
        outcomes = list(at_once(each, chains))
        busy = next((outcome.busy for outcome in outcomes if outcome.busy), None)
        if busy:
            raise busy
        return outcomes

    def _chain(self, call: Call, chain: Sequence[CommandGroup]) -> Outcome:
        """One command after the other, as if they came so; each can be taken back by itself."""
        outcome = Outcome([], [])
        for one in chain:
            number = one.numbers[0]
            at_its_place = call._replace(
                now=call.now + number, evidence=f"{call.evidence}/{number}"
            )
            try:
                self._carry_out(at_its_place, one, outcome)
            except Busy as busy:
                return outcome._replace(busy=busy)
        return outcome

    def _carry_out(self, call: Call, one: CommandGroup, outcome: Outcome) -> None:
        """A command; what of it can't be is named, and the rest is carried out without."""
        rest: CommandGroup | None = one
        while rest:
            try:
                found = self._command(call, rest)
            except (Invalid, Refused, TooLarge) as error:
                outcome.faults.extend(command_group.faults(rest, error))
                rest = command_group.without_fault(rest, error)
                continue
            if rest.command is Track:
                outcome.faults.extend(command_group.unstored(rest, found["results"]))
            outcome.warnings.extend(found["warnings"])
            return

    def _command(self, call: Call, one: CommandGroup) -> dict[str, Any]:
        if one.command is Track:
            return self._service.track(call, commands.read(Track, one.body))
        if one.command is Update:
            return self._service.update(call, commands.read(Update, one.body))
        command = commands.read(Identify, one.body)
        if one.renames:
            return self._service.alias(call, command)
        return self._service.identify(call, command)
