"""The identity forest: nodes, the link history of each node, and the spans folded from it.

A profile links to a soft or a hard identifier, a soft identifier to a hard one. A hard identifier
is a root: the customer. Links are never overwritten: a history of entries is only added to,
and an entry is undone by marking it. Everything else follows from the entries. No I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from hardlink.domain.times import END

Policy = Literal["move", "split", "refuse"]
"""A source's rule for a visitor who is known as one customer, and logs in as another (rule 4)."""
PROFILE = "profile"
NOBODY_TYPE = "~"
NOTHING: Mapping[Any, Any] = MappingProxyType({})
"""An empty mapping that is safe to share, because it cannot be changed."""


class Node(NamedTuple):
    """A profile, a soft identifier or a hard identifier: `type=value`, unique in its project."""

    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.type}={self.value}"

    @classmethod
    def parse(cls, text: str) -> Node:
        """Parse `type=value`, as a node stands in keys. A value may hold `=` itself."""
        type_, _, value = text.partition("=")
        return cls(type_, value)


NOBODY = Node(NOBODY_TYPE, "")
"""Placeholder for an erased node in a link history: what was linked to it has no customer."""


def profile_node(value: str) -> Node:
    """Return the node of an anonymous visitor."""
    return Node(PROFILE, value)


class State(NamedTuple):
    """The current state of a node. `State()` is a node that does not exist yet.

    Times are microseconds of the server's clock, unless they are called event time.

    - `rev`: revision, grows by one with every write.
    - `known`: it is a customer of its own (a root), not merely an alias of one.
    - `owner`: the customer that a look-up of this identifier finds, since `owner_effective_at`.
      `NOBODY`: that customer was erased, and no call gave the identifier to another one since.
    - `link`: target of the newest span. `effective_at`: the latest event time of a link, `undone`:
      the latest time at which one was undone.
    - `links`: number of entries with a link ever written, `soft_links`: those to soft identifiers,
      `links_that_day`: those of a profile on `day` (days since 1970, by receipt).
    - `merges`: of a root, the most merges that lay one above the other below it since it had none.
      `merged`: how many customers are merged into it.
    - `ids`: hard identifiers of this root, by type. `counts`: its number of soft identifiers, by
      type, for types with a cap.
    """

    rev: int = 0
    known: bool = False
    owner: Node | None = None
    owner_effective_at: int = 0
    link: Node | None = None
    effective_at: int = 0
    undone: int = 0
    links: int = 0
    soft_links: int = 0
    ids: Mapping[str, str] = NOTHING
    counts: Mapping[str, int] = NOTHING
    day: int = 0
    links_that_day: int = 0
    merges: int = 0
    merged: int = 0


class Entry(NamedTuple):
    """One entry of a node's link history.

    - `rev`: revision of the node that wrote it. `rule`: the rule of identity that led to it.
    - `evidence`: ID of the command that wrote it. `nodes`: every node with an entry of the command.
    - `at`: when it was written. `effective_at`: event time from which it holds.
    - `link`: the node's target from `effective_at` on. `starts_span`: earlier events stay with the
      previous target; otherwise this target replaces that of the whole previous span.
    - `owner`: the customer that a look-up of the node finds from now on.
    - `undone`: when it was undone; 0 if it holds.
    """

    rev: int
    rule: str
    evidence: str
    at: int
    effective_at: int
    source: str
    nodes: tuple[Node, ...]
    link: Node | None = None
    starts_span: bool = False
    owner: Node | None = None
    undone: int = 0

    @property
    def is_link(self) -> bool:
        """True if it links its node, also to an erased one, and was not undone."""
        return self.link is not None and not self.undone

    @property
    def targets(self) -> set[Node]:
        """The nodes that it leads to, its link and its owner; not those that were erased."""
        return set(filter(None, (existing(self.link), existing(self.owner))))


class Span(NamedTuple):
    """A node links to `target` from `start` up to, not including, `end` (event time)."""

    start: int
    end: int
    target: Node


def fold_spans(entries: Iterable[Entry]) -> tuple[Span, ...]:
    """Fold a link history into spans, in order of event time, whatever the order of arrival.

    The first link that is not undone covers the whole history before it. Spans of erased targets
    are left out: nobody is linked then, and the next link takes that time over. All that was stored
    of the erased one's time was deleted, so it brings only what happened since.
    """
    # By event time, not as they were written: clients queue calls, and send them late.
    starts: list[_Start] = []
    for entry in sorted(entries, key=_effective_order):
        if entry.is_link:
            _add_start(starts, entry)
    return _spans_from(starts)


def _spans_from(starts: Sequence[_Start]) -> tuple[Span, ...]:
    """Make spans of their starts: each ends where the next one begins. Unlinked time has none."""
    spans: list[Span] = []
    end = END
    for start in reversed(starts):
        if start.target != NOBODY:
            spans.append(Span(start.time, end, start.target))
        end = start.time
    return tuple(reversed(spans))


class _Start(NamedTuple):
    """The start of a span. `target`: `NOBODY` where it was erased."""

    time: int
    target: Node


def _add_start(starts: list[_Start], entry: Entry) -> None:
    """Add the start of a link's span; it replaces a span that begins no earlier."""
    start = _Start(_span_start(starts, entry), entry.link or NOBODY)
    if starts and start.time <= starts[-1].time:
        starts.pop()
    starts.append(start)


def _span_start(starts: Sequence[_Start], entry: Entry) -> int:
    """Return the time from which an entry's target has the history.

    The first link takes all that was before it (rule 3). A later one takes over the last span
    (`move`), or begins its own (`split`). Time in which nobody was linked goes along with either.
    """
    if not starts:
        return 0
    last = starts[-1]
    if entry.starts_span and last.target != NOBODY:
        return max(last.time, entry.effective_at)
    return last.time


def newest_root(spans: Sequence[Span]) -> Node | None:
    """Return the target to which the next event belongs; `None` where it is no customer.

    `spans`: in order of time, as `fold_spans` returns them. The last one is open unless its target
    was erased.
    """
    if spans and spans[-1].end == END:
        return spans[-1].target
    return None


def unlinked_intervals(spans: Sequence[Span]) -> tuple[tuple[int, int], ...]:
    """List the intervals of event time in which a node is linked to no customer.

    `spans`: in order of time, as `fold_spans` returns them. Each interval is without its end.
    """
    intervals: list[tuple[int, int]] = []
    start = 0
    for span in spans:
        if start < span.start:
            intervals.append((start, span.start))
        start = span.end
    if start < END:
        intervals.append((start, END))
    return tuple(intervals)


def merging_link(entries: Iterable[Entry]) -> Entry | None:
    """Return the first link, if it moved a visitor's history to a customer under policy `split`.

    Only then is the merge worth an event of its own: under that policy, later links move no
    history. With policy `move`, every link does.
    """
    live = [entry for entry in entries if entry.is_link]
    first = min(live, key=_effective_order, default=None)
    return first if first and _is_merge(first) else None


def _is_merge(first: Entry) -> bool:
    """Tell whether a first link joined two histories.

    A link under policy `move` starts no span; one to an erased customer joined nothing that is
    left.
    """
    return first.starts_span and first.rule == "first" and first.link != NOBODY


def current_owner(entries: Iterable[Entry]) -> Node | None:
    """Return the customer that a look-up finds: the latest owner that is not undone.

    `NOBODY` where that one was erased: an earlier owner does not get the identifier back.
    """
    # also `NOBODY` counts: otherwise an erased customer's address would go back to the one before
    live = [entry for entry in entries if entry.owner and not entry.undone]
    latest = max(live, key=_effective_order, default=None)
    return latest.owner if latest else None


def existing(node: Node | None) -> Node | None:
    """Return a node, but none for the placeholder of an erased one.

    For readers, who must not tell an erased customer from one that never was (I8).
    """
    return None if node == NOBODY else node


def next_node(state: State, *, is_named: bool) -> Node | None:
    """Return the node to which a search for a customer goes on; `None` where this one is the last.

    `is_named`: it is the identifier that was asked for. Only that one has an owner; beyond it,
    links lead to the root. `NOBODY`: its owner was erased, and it does not lead to an earlier one.
    """
    # An owner is for look-ups of its own identifier alone; history follows the links.
    if not is_named or state.owner is None:
        return state.link
    if state.owner == NOBODY and is_own_customer(state):
        return None
    return state.owner


def is_own_customer(state: State) -> bool:
    """Tell whether a node is a customer of its own: one whom no link leads on from.

    An identifier that is only an alias of a customer, or was linked to one, is none.
    """
    return state.known and state.link is None


def _effective_order(entry: Entry) -> tuple[int, int]:
    """Order entries by the time from which they hold; those of one time as they were written.

    Entries arrive in any order: streams repeat, clients queue, and clocks differ.
    """
    return entry.effective_at, entry.rev
