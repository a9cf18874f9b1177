"""Values of the rows of both tables: keys, sessions, nodes, contributions, notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from hardlink.domain.graph import NOTHING, Node, State
from hardlink.domain.values import Values

Table = Literal["sessions", "customers"]

Attribute: TypeAlias = str | int | bool

Item: TypeAlias = dict[str, Attribute]

Intervals: TypeAlias = tuple[tuple[int, int], ...]
"""Half-open, of event time."""


class Key(NamedTuple):
    """Where an item lies."""

    table: Table
    partition: str
    item: str


class Session(NamedTuple):
    """`sessions` `#`: a visit. `latest`: an upper bound of its events' times. `offset`: server minus device clock.

    `erased`: what happened then was erased, and is not stored again. `gone`: all else of it was erased as well: whoever
    comes back is new.
    """

    id: str
    profile: Node
    source: str
    created: int
    latest: int
    last_event_at: int
    offset: int = 0
    denied: bool = False
    customer: Node | None = None
    erased: Intervals = ()
    is_erased: bool = False

    def was_erased(self, time: int) -> bool:
        """Whether what happened at this time was erased, however late it comes."""
        return any(start <= time < end for start, end in self.erased)


class Record(NamedTuple):
    """`customers` `#`: a node, what is said of it, and its own values.

    `erased`: of a profile, what was erased of its history, as its sessions have it; of an identifier, when it found
    somebody who was erased. `dying`: it is being erased, since then, by `erasure`. `before`: when this identifier was
    erased last (read beside it, see `tombstone`).
    """

    state: State = State()
    created: int = 0
    values: Values = NOTHING
    denied: bool = False
    erased: Intervals = ()
    erasing_since: int = 0
    erasure: str = ""
    last_erased_at: int = 0

    def was_erased(self, time: int) -> bool:
        """Whether what was said of it at this time was said of somebody who was erased."""
        return any(start <= time < end for start, end in self.erased)

    @property
    def exists(self) -> bool:
        """Whether somebody mentioned it, and nobody erases it."""
        return bool(self.state.rev) and not self.erasing_since

    @property
    def next_rev(self) -> int:
        """The revision that its next write makes it: beyond those that it had before it was erased."""
        return max(self.state.rev, self.last_erased_at) + 1


class SessionRow(NamedTuple):
    """`s/<session>` under a root: a session that has an interval here."""

    session: str
    profile: Node
    created: int
    latest: int
    last_event_at: int
    since: int = 0
    """What happened before was erased."""


class MergeNotice(NamedTuple):
    """When a visitor's whole history was brought to a customer: said, and written (see `nodes.joined`)."""

    effective_at: int
    at: int
    source: str


class Contribution(NamedTuple):
    """`p/<node>` under a root: the values of a node and the half-open intervals of time in which it belongs here."""

    node: Node
    intervals: tuple[tuple[int, int], ...]
    values: Values
    identifiers: tuple[Node, ...] = ()
    merge_notice: MergeNotice | None = None


class Note(NamedTuple):
    """`n/<time>/<evidence>` under a session: what a call did not store, and what it stored far behind its own time.

    `source`: who called; `verdicts`: of the first of `refused` events; `late`: time and ID of the others.
    """

    source: str
    verdicts: tuple[Mapping[str, Any], ...]
    refused: int
    late: tuple[tuple[int, str], ...] = ()
