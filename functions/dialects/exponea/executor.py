"""Carries out the steps of one call, one after the other; a verdict for every one, and no step keeps back another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from dialects.exponea import tracking
from dialects.exponea.answers import Verdict
from dialects.exponea.tracking import Command, RawCommand
from hardlink.domain import commands
from hardlink.domain.call import Call
from hardlink.domain.commands import Track, Update
from hardlink.domain.errors import HardlinkError, Invalid, Refused, TooLarge, TooManyIdentifiers
from hardlink.services.service import NOT_KEPT, Service

Calls = Callable[[str], Call]
"""The call of the source with this project token. Raises `UnknownSource`."""


def execute(
    service: Service,
    calls: Calls,
    found: Sequence[RawCommand | Invalid],
    understood: Callable[[RawCommand], Iterable[Verdict | Command]],
) -> list[Verdict]:
    """A verdict for every command, in their order. `understood`: what a command says, or its answer, or both."""
    verdicts: dict[int, Verdict] = {}
    steps: list[Command] = []
    for number, wire in enumerate(found):
        try:
            if isinstance(wire, Invalid):
                raise wire
            for one in understood(wire):
                if isinstance(one, Command):
                    steps.append(one)
                else:
                    verdicts[number] = one
        except Invalid as error:
            verdicts[number] = Verdict(taken=False, told=(_told(error),))
    for number, verdict in _carried_out(service, calls, steps):
        own = verdicts.get(number)
        verdicts[number] = own._replace(told=verdict.told) if own else verdict
    return [verdicts[number] for number in range(len(found))]


def _carried_out(
    service: Service, calls: Calls, steps: Sequence[Command]
) -> Iterator[tuple[int, Verdict]]:
    for _, some in groupby(steps, key=tracking.batch_key):
        group = list(some)
        numbers = [one.number for one in group]
        yield from zip(numbers, _group(service, calls, group), strict=True)


def _group(service: Service, calls: Calls, group: list[Command]) -> list[Verdict]:
    try:
        found = calls(group[0].token)
    except HardlinkError as error:
        return [Verdict(taken=False, told=(error.message,))] * len(group)
    call = found._replace(now=found.now + group[0].number)  # one after the other
    undeclared = [type_ for type_ in group[0].ids if not call.project.declares(type_)]
    if undeclared:  # seed 004: "Otherwise, these calls will be discarded."
        known = ", ".join(call.project.identifiers)
        told = f"customer_ids.{undeclared[0][:64]}: not declared, the call is discarded: use one of {known}"
        return [Verdict(taken=False, told=(told,))] * len(group)
    return _said(service, call, group)


def _said(service: Service, call: Call, group: list[Command]) -> list[Verdict]:
    """What is said is kept without an identifier that can't be one, and the answer names it."""
    try:
        return (
            _updated(service, call, group[0])
            if group[0].event is None
            else _tracked(service, call, group)
        )
    except (Invalid, Refused, TooLarge) as error:
        told = _told(error)
        part, _, name = (error.field or "").partition(".")
        bad_id = isinstance(error, Invalid | TooManyIdentifiers) and part == "ids"
        rest = (
            [tracking.without_identifier(one, name, call.project) for one in group]
            if bad_id
            else []
        )
        left = [one for one in rest if one]
        if not left:
            return [Verdict(taken=False, told=(told,))] * len(group)
        found = _said(service, call, left)
        return [v._replace(told=(f"{told} (kept without it)", *v.told)) for v in found]


def _updated(service: Service, call: Call, one: Command) -> list[Verdict]:
    found = service.update(call, commands.read(Update, tracking.update(one)))
    warnings = tuple(found["warnings"])
    return [Verdict(NOT_KEPT.isdisjoint(warnings), warnings)]


def _tracked(service: Service, call: Call, group: list[Command]) -> list[Verdict]:
    command = commands.read(Track, tracking.track(group))
    command.jitter = group[0].jitter
    found = service.track(call, command)
    warnings = tuple(w for w in found["warnings"] if w not in NOT_KEPT)
    return [
        Verdict(told=(*one.told, *warnings))
        if result["status"] in ("stored", "duplicate")
        else Verdict(taken=False, told=(_reason(result),))
        for one, result in zip(group, found["results"], strict=True)
    ]


def _reason(result: dict[str, str]) -> str:
    field = result.get("field", "").partition(".")[2]
    return f"{field}: {result['reason']}" if field else result["reason"]


def _told(error: HardlinkError) -> str:
    field = (error.field or "").replace("ids.", "customer_ids.").replace("session.id", "cookie")
    return f"{field}: {error.message}" if field else error.message
