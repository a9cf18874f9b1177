"""How many visitors one call may be about: each costs requests of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

Command = TypeVar("Command")


def split_by_budget(
    commands: Iterable[Command], visitor_of: Callable[[Command], str], most: int
) -> tuple[list[Command], list[Command]]:
    """Split the commands of a call into those of its first visitors, and those of the others.

    Both keep their order. `visitor_of`: names the visitor of a command. `most`: visitors of a call.
    """
    within: list[Command] = []
    beyond: list[Command] = []
    visitors: set[str] = set()
    for command in commands:
        visitor = visitor_of(command)
        if len(visitors) < most:
            visitors.add(visitor)
        (within if visitor in visitors else beyond).append(command)
    return within, beyond


def explain_budget(most: int) -> str:
    """Tell the client why a part of its call was not stored, and what to do."""
    return (
        f"a call is about at most {most} visitors, and this is one more: nothing of it was stored, "
        "send it again in another call"
    )
