"""Values of the rows of the tables: keys, sessions, nodes, contributions, notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from hardlink.domain.graph import NOTHING, Node, State
from hardlink.domain.times import END, MINUTE
from hardlink.domain.values import Values

Table = Literal["sessions", "customers", "events"]

Attribute: TypeAlias = str | int | bool | bytes

Item: TypeAlias = dict[str, Attribute]

Intervals: TypeAlias = tuple[tuple[int, int], ...]
"""Half-open, of event time."""


LATE = 5 * MINUTE
"""An event that lies further behind its call is late: what looks at recent times misses it."""

UNDER_WAY = MINUTE
"""A write call ends within this time, or fails."""


class Key(NamedTuple):
    """The place of an item: its table, partition key and sort key."""

    table: Table
    partition: str
    item: str


class Erased(NamedTuple):
    """A part of a history that was a customer's who was erased. Times are microseconds.

    - `start`, `end`: the half-open interval of event time that was theirs.
    - `until`: when it was erased, on the server's clock.

    What is stored is judged by the interval as it was, and by when it came in: a device's clock may
    be ahead of the erasure. What comes later is judged by its time alone, as others may have the
    device or the address by then.
    """

    start: int
    end: int
    until: int

    def includes(self, time: int) -> bool:
        """Tell whether an event of this time that comes now is refused.

        Others may have the device or the address since the erasure.
        """
        return self.start <= time < min(self.end, self.until)

    def includes_stored(self, time: int, received: int) -> bool:
        """Tell whether a stored event of this time, which came in at `received`, was erased.

        One that is dated ahead of the erasure came in before it all the same.
        """
        came_before = min(time, received) < self.until
        return came_before and self.start <= time < self.end


def stored_was_erased(parts: Iterable[Erased], time: int, received: int) -> bool:
    """Tell whether a stored event of this time, which came in at `received`, was erased.

    `parts`: what was erased of its session.
    """
    return any(part.includes_stored(time, received) for part in parts)


def time_was_erased(parts: Iterable[Erased], time: int) -> bool:
    """Tell whether what happened at this time, and comes now, is refused.

    `parts`: what was erased of a session or a node.
    """
    return any(part.includes(time) for part in parts)


def erased_before(until: int) -> Erased:
    """Make the part that is all of a history before it was erased."""
    return Erased(0, END, until)


class Clock(NamedTuple):
    """A device's clock, as a session knows it (see `clock_skew`). Microseconds.

    `clock`: of its device; `offset`: by which the
    call at hand is dated. `doubted`: a larger estimate, and when it came: the clock
    was set back, or a call was delayed. `used`: other offsets by which events were dated, and when
    last; the latest first.
    """

    offset: int = 0
    doubted: tuple[int, int] | None = None
    used: tuple[tuple[int, int], ...] = ()


class Session(NamedTuple):
    """`sessions` `#`: a visit.

    `earliest`, `latest`: bounds of its events' times. Each change of a bound raises `latest`: of
    two states of a session, the one with the higher one is the later. `offset`: server minus device
    clock. `erased`: what of it was erased, and is not stored again. `is_erased`: as a whole; the
    next call opens it anew. `late_until`: until then late events may come in unannounced.
    """

    id: str
    profile: Node
    source: str
    created: int
    latest: int
    last_event_at: int
    offset: int = 0
    denied: bool = False
    erased: tuple[Erased, ...] = ()
    is_erased: bool = False
    clock: Clock = Clock()
    earliest: int = 0
    late_until: int = 0

    @property
    def erased_at(self) -> int:
        """The time of its last erasure. Raises `ValueError` where nothing of it was erased."""
        return max(part.until for part in self.erased)

    def was_erased(self, time: int) -> bool:
        """Tell whether events of this time were erased, however late they come."""
        return time_was_erased(self.erased, time)

    def spans(self, time: int) -> bool:
        """Tell whether a time lies within the bounds of its events' times."""
        return self.earliest <= time <= self.latest

    def is_visited(self, time: int) -> bool:
        """Tell whether a visit may be going on at a time: its own copy of the consent counts.

        Else the profile's consent counts. So an opt-out holds once it is written to the profile
        and to those of its sessions that are visited, and a call in a visit reads no profile.
        """
        return time <= self.latest

    def expects(self, time: int, now: int) -> bool:
        """Tell whether a call at `now` may store an event of this time without announcing it.

        A late one is announced by `late_until`, before it is stored: what was made of the session's
        events by then does not hold it.
        """
        return time >= now - LATE or now + UNDER_WAY <= self.late_until


class Record(NamedTuple):
    """`customers` `#`: a node, its state and its own values.

    `erased`: of a profile, what of its history was erased, as its sessions have it; of an
    identifier, when a look-up found a customer who was erased. `erasing_since`: when
    the erasure `erasure` began to erase it. `last_erased_at`: when this identifier was erased last
    (read from its tombstone).
    """

    state: State = State()
    created: int = 0
    values: Values = NOTHING
    denied: bool = False
    erased: tuple[Erased, ...] = ()
    erasing_since: int = 0
    erasure: str = ""
    last_erased_at: int = 0

    def was_erased(self, time: int) -> bool:
        """Tell whether values of this time belonged to a customer who was erased."""
        return time_was_erased(self.erased, time)

    @property
    def exists(self) -> bool:
        """Tell whether a call mentioned it, and it is not being erased.

        A node whose erasure is in progress has a head still, so that every run finds its rows.
        """
        return self.state.rev > 0 and not self.erasing_since

    @property
    def next_rev(self) -> int:
        """The revision of its next write: beyond those that it had before it was erased.

        So no write that was decided then finds the revision that it expects.
        """
        return max(self.state.rev, self.last_erased_at) + 1


class SessionRow(NamedTuple):
    """`s/<session>` under a root: a session that has an interval here.

    `earliest`, `latest`: bounds of its events' times. `erased`: what of the session was erased;
    until it is deleted, readers leave it out.
    """

    session: str
    profile: Node
    created: int
    latest: int
    last_event_at: int
    erased: tuple[Erased, ...] = ()
    earliest: int = 0


class MergeNotice(NamedTuple):
    """The link that brought a visitor's whole history to a customer (see `graph.merging_link`)."""

    effective_at: int
    at: int
    source: str


class Contribution(NamedTuple):
    """`p/<node>` under a root: the intervals in which a node belongs here, and what it brings.

    `values` are a row of their own, `u/<node>`: a timeline needs none, and a customer with many
    visitors would read the values of all of them for each page. Empty where they were not read.
    `erased`: what of a profile was erased; until it is deleted, readers leave it out. `lists_all`:
    it has room for all `identifiers` of the node; the rest is read from the node's own rows.
    """

    node: Node
    intervals: Intervals
    values: Values = NOTHING
    identifiers: tuple[Node, ...] = ()
    merge_notice: MergeNotice | None = None
    erased: tuple[Erased, ...] = ()
    lists_all: bool = True


class FirstCall(NamedTuple):
    """The first call of a browser, which its client may send again.

    `session`: made for it; `happened`: the time of its first event, and `sent`: of the call, both
    on the device's clock, microseconds; `expires`: in seconds.
    """

    session: str
    happened: int
    sent: int
    expires: int


class RefusedCall(NamedTuple):
    """`r/<time>/<request>` under the project's refused calls: a call of which nothing was stored.

    `code`: of its error; `field`: of that, as far as its name is declared. `origin`: of the page
    that made it, and `source` whose write key it had, where there is one. Nothing else that the
    caller sent, because it may be personal data.
    """

    route: str
    code: str
    field: str = ""
    origin: str = ""
    source: str = ""


class Note(NamedTuple):
    """`n/<time>/<evidence>` under a session: events of a call that the live view misses.

    `source`: of the call; `verdicts`: on the first of `refused` events; `late`: time and ID of
    events that were stored far behind the call's own time.
    """

    source: str
    verdicts: tuple[Mapping[str, Any], ...]
    refused: int
    late: tuple[tuple[int, str], ...] = ()
