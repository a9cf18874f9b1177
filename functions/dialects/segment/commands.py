"""Messages -> commands: translate a batch, and group the commands that must keep their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dialects.partial_failure import (
    Failure,
    Fault,
    left_out_parts,
    rejected_events,
)
from dialects.visitor_budget import explain_budget, split_by_budget
from hardlink.domain.commands import MOST_EVENTS, Identify, Track, Update
from hardlink.domain.errors import HardlinkError, Refused
from hardlink.domain.identifiers import normal_email, normal_text
from hardlink.domain.values import LeftOut

MOST_VISITORS = 250
"""Visitors of one batch: the most messages that a client sends at once by default (Segment's for
Java). Each new one takes some eight requests to DynamoDB, of eight visitors at a time."""
_UNSTORED = ("rejected", "dropped")


class CommandGroup(NamedTuple):
    """One command, which stores one or more messages of a batch.

    `numbers`: places of the messages in the batch; `wire`: fields of the command -> the client's
    spelling; `renames`: the message is an alias, so the session's ID may also be a customer's;
    `either_way`: an alias whose client may name the two IDs the other way round.
    """

    numbers: Sequence[int]
    command: type[Track | Identify | Update]
    body: Mapping[str, Any]
    wire: Mapping[str, str]
    renames: bool = False
    either_way: bool = False

    @property
    def names(self) -> list[str]:
        """The visitor and customers that it is about, such as `session=a1` and `user_id=7`."""
        session, ids = self.body.get("session"), self.ids
        names = _identifier_names(ids)
        if session:
            names.append(f"session={session}")
        if self.renames:
            names += _identifier_names(dict.fromkeys(ids, session))
        if self.either_way:
            names += [f"session={id_}" for id_ in ids.values()]
        return names

    @property
    def visitor(self) -> str:
        """The visitor that it is about: its session, else the identifier that it begins with."""
        session = self.body.get("session")
        return f"session={session}" if session else next(iter(self.names), "")

    @property
    def ids(self) -> Mapping[str, Any]:
        """The identifiers of the command: the user's own ID first, then an address."""
        ids: Mapping[str, Any] = self.body.get("ids", {})
        return ids

    @property
    def events(self) -> Sequence[Mapping[str, Any]]:
        """The events of a `Track` command."""
        events: Sequence[Mapping[str, Any]] = self.body.get("events", ())
        return events


Chain = list[CommandGroup]


def split_by_visitors(
    groups: Sequence[CommandGroup],
) -> tuple[list[CommandGroup], list[CommandGroup]]:
    """Split the commands of a batch into those of its first visitors, and those of the others.

    All commands of a message are on one side.
    """
    visitors: dict[int, str] = {}
    for group in groups:
        visitors.setdefault(group.numbers[0], group.visitor)

    def visitor_of(group: CommandGroup) -> str:
        return visitors[group.numbers[0]]

    return split_by_budget(groups, visitor_of, MOST_VISITORS)


def budget_faults(beyond: Sequence[CommandGroup]) -> Iterator[Fault]:
    """List a fault for every message of the visitors that are too many for one batch."""
    for group in beyond:
        for number in group.numbers:
            yield Fault(number, "", explain_budget(MOST_VISITORS))


def build_chains(groups: Sequence[CommandGroup]) -> list[Chain]:
    """Group the commands that share a visitor or a customer, each chain in the batch's order.

    Chains are independent of each other, so that they may be executed at once. Within a chain,
    neighbouring events of one visitor become one command.
    """
    leaders = _choose_leaders(groups)
    chains: dict[int, Chain] = {}
    for number, group in enumerate(groups):
        chains.setdefault(_find_leader(leaders, number), []).append(group)
    return list(map(_join_events, chains.values()))


def _choose_leaders(groups: Sequence[CommandGroup]) -> list[int]:
    """Choose a command for each chain that stands for it: its leader.

    Returns the `leaders` of `_find_leader`. The commands that share a name, directly or by others
    between them, have one leader (union-find).
    """
    leaders = list(range(len(groups)))
    first_with_name: dict[str, int] = {}
    for number, group in enumerate(groups):
        for name in group.names:
            first = first_with_name.setdefault(name, number)
            # A command about two chains makes them one.
            leaders[_find_leader(leaders, number)] = _find_leader(leaders, first)
    return leaders


def drop_fault(group: CommandGroup, error: HardlinkError) -> CommandGroup | None:
    """Build the command without the email address that the error names.

    `None` if the error is about anything else, or if there is no address: without the user's own
    ID nothing is left to store.
    """
    if len(group.ids) <= 1:
        return None
    own_type, own_id = next(iter(group.ids.items()))
    part, _, type_ = error.field_path.partition(".")
    is_about_address = part == "ids" and type_ != own_type
    if is_about_address or isinstance(error, Refused):
        return _with_part(group, "ids", {own_type: own_id})
    return None


def command_faults(failure: Failure[CommandGroup]) -> Iterator[Fault]:
    """List the faults of every message of a command that was refused."""
    group, error = failure
    for number in group.numbers:
        yield Fault(number, wire_field(group, error.field_path), error.message)


def event_faults(
    group: CommandGroup, results: Sequence[Mapping[str, Any]]
) -> Iterator[Fault]:
    """List the faults of the events that were not stored as sent, and of parts left out of others.

    `results`: of `Service.track`, one for each event of the group.
    """
    rejected = rejected_events(group.numbers, results, _UNSTORED)
    for fault in (*rejected, *left_out_parts(group.numbers, results)):
        yield fault._replace(field=wire_field(group, fault.field))


def left_out_faults(
    group: CommandGroup, left_out: Sequence[LeftOut]
) -> Iterator[Fault]:
    """List the faults of the values without which a command was carried out.

    They are of the command as a whole, so each of its messages gets one.
    """
    for part in left_out:
        for number in group.numbers:
            yield Fault(number, wire_field(group, part.field), part.reason)


def wire_field(group: CommandGroup, field: str) -> str:
    """Translate a field of the command into the client's spelling, with the rest of its path.

    A field that the client's format does not rename stays as it is.
    """
    for name, wire in group.wire.items():
        if field == name or field.startswith(f"{name}."):
            return wire + field.removeprefix(name)
    return field


def _find_leader(leaders: list[int], number: int) -> int:
    """Find the command that stands for the chain of another one.

    `leaders`: of each command another one of its chain, nearer to that one, or itself.
    """
    while leaders[number] != number:
        # Half of the way is left for the next look-up, so that long chains take no quadratic time.
        leaders[number] = leaders[leaders[number]]
        number = leaders[number]
    return number


def _join_events(groups: Sequence[CommandGroup]) -> Chain:
    """Make one command of neighbouring events that have everything else in common."""
    runs: list[Chain] = []
    for group in groups:
        if runs and _can_join(runs[-1], group):
            runs[-1].append(group)
        else:
            runs.append([group])
    return [_join_run(run) for run in runs]


def _can_join(run: Chain, group: CommandGroup) -> bool:
    """Tell whether a command may take the events of the next one as well."""
    # One command if possible: each costs a read of the session and a write.
    if group.command is not Track or len(run) >= MOST_EVENTS:
        return False
    return _shared_part(group) == _shared_part(run[0])


def _join_run(run: Chain) -> CommandGroup:
    """Join the events of commands that differ in nothing else."""
    if len(run) == 1:
        return run[0]
    numbers: list[int] = []
    events: list[Mapping[str, Any]] = []
    for group in run:
        numbers += group.numbers
        events += group.events
    return _with_part(run[0], "events", events)._replace(numbers=numbers)


def _shared_part(group: CommandGroup) -> tuple[object, ...]:
    """Everything but its events and their numbers: two equal ones make one command."""
    return group.command, group.wire, {**group.body, "events": None}


def _with_part(group: CommandGroup, part: str, value: object) -> CommandGroup:
    """The same command with another value in this part of its body."""
    return group._replace(body={**group.body, part: value})


def _identifier_names(ids: Mapping[str, Any]) -> list[str]:
    """Name identifiers as they are compared: trimmed, in any case."""
    names: list[str] = []
    for type_, value in ids.items():
        # in the normal form of addresses, which no two spellings of any other type have apart
        normal = normal_email(normal_text(str(value)))
        names.append(f"{type_}={normal}")
    return names
