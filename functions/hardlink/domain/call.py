"""Who calls, when, and under which name it can be found again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from uuid import uuid4

from hardlink.domain.sources import Policy, Project, Source
from hardlink.domain.times import DAY, SECOND

NewId = Callable[[], str]


def new_id() -> str:
    """A random ID that nobody can guess."""
    return str(uuid4())


class Call(NamedTuple):
    """One call of a source.

    `now`: when it was received, microseconds. `evidence`: the ID under which every change that it
    makes is explained. `policy`: what a second login on one profile does: the source's, else that
    of the client's own system. `sent`: the device's clock when it was sent, where the client says
    so (Tracardi's `x-timestamp`). `trusted`: it carries a key that only the shop's backend has, and
    so need not prove who its customers are. `bot`: it is one, and is not wanted.
    """

    name: str
    source: Source
    project: Project
    now: int
    evidence: str
    policy: Policy = "move"
    sent: int | None = None
    trusted: bool = False
    bot: bool = False

    @property
    def project_id(self) -> str:
        """The name of the project, in which identities are unique."""
        return self.source.project

    def expires(self, time: int) -> int | None:
        """When an event of this time is past its retention: seconds, as DynamoDB wants them."""
        days = self.source.retention_days
        return None if days is None else (time + days * DAY) // SECOND
