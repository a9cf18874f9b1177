"""What the messages of a call say, as commands: which belong together, and what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from hardlink.domain.commands import MOST_EVENTS, Identify, Track, Update
from hardlink.domain.errors import HardlinkError, NoRoom, Refused


class Fault(NamedTuple):
    """What is wrong with one message of a call: its place in the batch, the field, and what to do."""

    number: int
    field: str
    message: str


class CommandGroup(NamedTuple):
    """One command. `numbers`: the messages that it carries out, by their places in the batch.

    `wire`: what this client calls the fields of the command. `renames`: the session is an ID that the message calls by
    another name, which may be a customer's of its own (alias).
    """

    numbers: Sequence[int]
    command: type[Track | Identify | Update]
    body: Mapping[str, Any]
    wire: Mapping[str, str]
    renames: bool = False

    @property
    def names(self) -> list[str]:
        """Everybody that it is about: commands that share one of these keep their order."""
        session, ids = self.body.get("session"), self.body.get("ids", {})
        found = [*([f"session={session}"] if session else []), *_pairs(ids)]
        return [*found, *_pairs(dict.fromkeys(ids, session))] if self.renames else found

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The events, where it is a `Track`."""
        found: Sequence[Mapping[str, Any]] = self.body.get("events", ())
        return found


def chains(said: Sequence[CommandGroup]) -> list[list[CommandGroup]]:
    """Commands that share a visitor or a customer, each chain in its order; chains know nothing of each other.

    Within a chain neighbouring events of one visitor are one command.
    """
    home: dict[str, list[int]] = {}
    for number, one in enumerate(said):
        kin = {id(chain): chain for name in one.names if (chain := home.get(name)) is not None}
        chain, *others = sorted(kin.values(), key=len, reverse=True) or [[]]
        for other in others:
            chain += other
            home.update((name, chain) for n in other for name in said[n].names)
        chain.append(number)
        home.update((name, chain) for name in one.names)
    distinct = {id(chain): chain for chain in home.values()}.values()
    return [list(_joined([said[n] for n in sorted(chain)])) for chain in distinct]


def without_fault(said: CommandGroup, error: HardlinkError) -> CommandGroup | None:
    """The command without the part that can't be: values, or the e-mail address beside the customer's ID."""
    part, _, name = (error.field or "").partition(".")
    found = said.body.get(part)
    if part in ("properties", "traits") and found:
        at_fault = {field.partition(".")[2] for field in _fields(error)}
        rest = {n: v for n, v in found.items() if n not in at_fault} if name in found else {}
        return said._replace(body={**said.body, part: rest})
    first, *others = said.body.get("ids") or ("",)
    if others and (isinstance(error, Refused) or (part == "ids" and name != first)):
        return said._replace(body={**said.body, "ids": {first: said.body["ids"][first]}})
    return None


def faults(said: CommandGroup, error: HardlinkError) -> Iterator[Fault]:
    """What is wrong with every message of a command."""
    return (
        Fault(number, wire_field(said, field), error.message)
        for number in said.numbers
        for field in _fields(error)
    )


def unstored(said: CommandGroup, results: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    """The events of a command that were not stored, and why."""
    for number, result in zip(said.numbers, results, strict=True):
        if result["status"] in ("rejected", "dropped"):
            field = str(result.get("field", "")).partition(".")[2]
            yield Fault(number, wire_field(said, field), str(result["reason"]))


def wire_field(said: CommandGroup, field: str) -> str:
    """A command's field as the client wrote it: the longest name that is known, and what follows it."""
    for name, wire in said.wire.items():
        if field == name or field.startswith(f"{name}."):
            return wire + field.removeprefix(name)
    return field


def _fields(error: HardlinkError) -> Sequence[str]:
    """Everything that an error names."""
    return error.fields if isinstance(error, NoRoom) else (error.field or "",)


def _pairs(ids: Mapping[str, Any]) -> Iterator[str]:
    return (f"{type_}={str(value).strip().lower()}" for type_, value in ids.items())


def _joined(said: Sequence[CommandGroup]) -> Iterator[CommandGroup]:
    """Neighbouring events of one visitor as one command, of as many events as one takes."""
    for _, some in groupby(enumerate(said), key=_kind):
        alike = [one for _, one in some]
        for start in range(0, len(alike), MOST_EVENTS):
            part = alike[start : start + MOST_EVENTS]
            first = part[0]
            numbers = [number for one in part for number in one.numbers]
            events = [event for one in part for event in one.events]
            body = {**first.body, "events": events} if events else first.body
            yield first._replace(numbers=numbers, body=body)


def _kind(numbered: tuple[int, CommandGroup]) -> Mapping[str, Any]:
    """Equal for events that one command can carry; all else is a command of its own."""
    number, one = numbered
    if one.command is not Track:
        return {"number": number}
    visitor = {name: value for name, value in one.body.items() if name != "events"}
    return {"visitor": visitor, "wire": one.wire}
