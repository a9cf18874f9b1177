"""The nodes of the identity forest and the link history of each: plain values, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from hardlink.domain.times import END

PROFILE = "profile"
NOBODY_TYPE = "~"
NOTHING: Mapping[Any, Any] = MappingProxyType({})
"""An empty mapping that all may share, as nobody can change it."""


class Node(NamedTuple):
    """A profile, a soft identifier or a hard identifier: `type=value`, unique in its project."""

    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.type}={self.value}"

    @classmethod
    def parse(cls, text: str) -> Node:
        """The node that `str()` wrote: types hold no `=`, values may."""
        type_, _, value = text.partition("=")
        return cls(type_, value)


NOBODY = Node(NOBODY_TYPE, "")
"""Whom an entry names that named somebody who was erased: what was theirs is nobody's, and nobody else's either."""


def profile_node(value: str) -> Node:
    """The node of an anonymous visitor."""
    return Node(PROFILE, value)


class State(NamedTuple):
    """What is said of a node now. `State()` is a node that nobody mentioned yet. Times are microseconds.

    `rev` grows by one with every write. `known`: a customer of its own (a root), not merely an alias.
    `owner`: the customer that a look-up of this identifier finds, where that is another node, since `owner_said`.
    `link`: target of the newest span; `said`: the latest time at which a link was said, `undone`: or was taken back.
    `links`: links ever written, `soft_links`: those to soft nodes, `today`: those of a profile on `day` (of days since
    1970, as they came in). `ids`: hard identifiers of this root, by type.
    `counts`: its soft ones of capped types.
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


class Entry(NamedTuple):
    """One entry of a node's link history. Entries are only ever added, and marked `undone` (an instant; 0 is not).

    `link`: whom the node belongs to from the time `said` on; `begins`: what came before stays where it was, else the
    span before is replaced. `owner`: whom a look-up finds from now on. `at`: when it was written. `nodes`: every node
    that got an entry from the same command, whose evidence ID is `evidence`.
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


class Span(NamedTuple):
    """From `start` up to, not including, `end` (microseconds of event time) a node links to `target`."""

    start: int
    end: int
    target: Node


def fold_spans(entries: Iterable[Entry]) -> tuple[Span, ...]:
    """The pure fold of a history, in the order in which things were said, whenever they arrived.

    The first link not undone brings the whole history along. What belonged to somebody who was erased lies in no span.
    """
    found: list[tuple[int, Node]] = []
    for entry in sorted(entries, key=lambda e: (e.effective_at, e.rev)):
        if entry.link is None or entry.undone:
            continue
        if not found:
            found.append((0, entry.link))
        elif entry.starts_span and entry.effective_at > found[-1][0]:
            found.append((entry.effective_at, entry.link))
        else:
            found[-1] = (found[-1][0], entry.link)
    ends = [*(start for start, _ in found[1:]), END]
    return tuple(
        Span(start, end, target)
        for (start, target), end in zip(found, ends, strict=False)
        if target != NOBODY
    )


def newest_root(found: Sequence[Span]) -> Node | None:
    """Whom the next event belongs to."""
    return found[-1].target if found and found[-1].end == END else None


def unlinked_intervals(found: Sequence[Span]) -> tuple[tuple[int, int], ...]:
    """When a node belonged to nobody."""
    starts = (0, *(span.end for span in found))
    ends = (*(span.start for span in found), END)
    return tuple((a, b) for a, b in zip(starts, ends, strict=True) if a < b)


def merging_link(entries: Iterable[Entry]) -> Entry | None:
    """The link that brought the whole history along, where the policy was one that lets history stay otherwise.

    With such a policy it is worth telling: a later link brings nothing along.
    """
    live = [entry for entry in entries if entry.link and not entry.undone]
    first = min(live, key=lambda e: (e.effective_at, e.rev), default=None)
    is_told = first and first.starts_span and first.rule == "first" and first.link != NOBODY
    return first if is_told else None


def current_owner(entries: Iterable[Entry]) -> Node | None:
    """Whom a look-up finds after a history: the owner that was said last and not undone."""
    live = [entry for entry in entries if entry.owner and not entry.undone]
    last = max(live, key=lambda e: (e.effective_at, e.rev)).owner if live else None
    return None if last == NOBODY else last
