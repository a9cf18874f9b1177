"""Values of the rows of both tables: keys, sessions, nodes, contributions, notes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from hardlink.domain.graph import NOTHING, Node, State
from hardlink.domain.times import lies_within
from hardlink.domain.values import Values

Table = Literal["sessions", "customers"]

Attribute: TypeAlias = str | int | bool

Item: TypeAlias = dict[str, Attribute]

Intervals: TypeAlias = tuple[tuple[int, int], ...]
"""Half-open, of event time."""


class Key(NamedTuple):
    """The place of an item: its table, partition key and sort key."""

    table: Table
    partition: str
    item: str


class Session(NamedTuple):
    """`sessions` `#`: a visit.

    `latest`: an upper bound of its events' times. `offset`: server minus device clock. `erased`:
    events of these intervals were erased, and are not stored again. `is_erased`: as a whole; the
    next call opens it anew.
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
        """Tell whether events of this time were erased, however late they come."""
        return lies_within(time, self.erased)


class Record(NamedTuple):
    """`customers` `#`: a node, its state and its own values.

    `erased`: of a profile, the intervals of its history that were erased, as its sessions have
    them; of an identifier, when a look-up found a customer who was erased. `erasing_since`: when
    the erasure `erasure` began to erase it. `last_erased_at`: when this identifier was erased last
    (read from its tombstone).
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
        """Tell whether values of this time belonged to a customer who was erased."""
        return lies_within(time, self.erased)

    @property
    def exists(self) -> bool:
        """Tell whether a call mentioned it, and it is not being erased."""
        return bool(self.state.rev) and not self.erasing_since

    @property
    def next_rev(self) -> int:
        """The revision of its next write: beyond those that it had before it was erased."""
        return max(self.state.rev, self.last_erased_at) + 1


class SessionRow(NamedTuple):
    """`s/<session>` under a root: a session that has an interval here."""

    session: str
    profile: Node
    created: int
    latest: int
    last_event_at: int
    since: int = 0
    """Events before this time were erased."""


class MergeNotice(NamedTuple):
    """The link that brought a visitor's whole history to a customer (see `graph.merging_link`)."""

    effective_at: int
    at: int
    source: str


class Contribution(NamedTuple):
    """`p/<node>` under a root: a node's values, and the intervals in which it belongs here."""

    node: Node
    intervals: Intervals
    values: Values
    identifiers: tuple[Node, ...] = ()
    merge_notice: MergeNotice | None = None


class FirstCall(NamedTuple):
    """The first call of a browser, which its client may send again.

    `session`: made for it; `happened`: the time of its first event, and `sent`: of the call, both
    on the device's clock, microseconds; `expires`: in seconds.
    """

    session: str
    happened: int
    sent: int
    expires: int


class Note(NamedTuple):
    """`n/<time>/<evidence>` under a session: events of a call that the live view misses.

    `source`: of the call; `verdicts`: on the first of `refused` events; `late`: time and ID of
    events that were stored far behind the call's own time.
    """

    source: str
    verdicts: tuple[Mapping[str, Any], ...]
    refused: int
    late: tuple[tuple[int, str], ...] = ()
