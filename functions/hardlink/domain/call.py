"""The context of one call: its source, its time, and the ID of its evidence."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import NamedTuple
from uuid import uuid4

from hardlink.domain.graph import Policy
from hardlink.domain.records import Session
from hardlink.domain.sources.registry import Project, Source
from hardlink.domain.times import DAY, SECOND

NewId = Callable[[], str]


def new_id() -> str:
    """Make a random ID that cannot be guessed: whoever knows a session's may write to it."""
    return str(uuid4())


class Change(NamedTuple):
    """A change of links, as their entries explain it: when, under which evidence, who asked."""

    project_id: str
    now: int
    evidence: str
    source: str


class Call(NamedTuple):
    """One call of a source.

    - `now`: when it was received, microseconds since 1970.
    - `evidence`: the ID under which each change that it makes is explained.
    - `policy`: what a second login on one profile does: the source's policy, else that of the
      client's own system.
    - `sent`: the device's clock when it was sent, if it names it.
    - `trusted`: it has a key of the shop's backend, and so needs no token for its customers.
    - `soft_ids_log_in`: soft identifiers alone are a log-in, also where somebody is logged in.
    - `bot`: a bot sent it, and the source drops what bots send.
    - `sessions`: of a call of several commands, its sessions by ID as the commands before left
      them, so that each is read once. `None`: every command reads its session.
    """

    name: str
    source: Source
    project: Project
    now: int
    evidence: str
    policy: Policy = "split"
    sent: int | None = None
    trusted: bool = False
    bot: bool = False
    sessions: MutableMapping[str, Session] | None = None
    soft_ids_log_in: bool = False

    @property
    def project_id(self) -> str:
        """The name of the project, in which identities are unique."""
        return self.source.project

    @property
    def change(self) -> Change:
        """The change that this call makes."""
        return Change(self.project_id, self.now, self.evidence, self.name)

    def expires(self, time: int) -> int | None:
        """Return when an event of this time expires: seconds since 1970, as TTL attributes are.

        `time`: microseconds. `None` where the source keeps events until they are erased.
        """
        days = self.source.retention_days
        if days is None:
            return None
        return (time + days * DAY) // SECOND
