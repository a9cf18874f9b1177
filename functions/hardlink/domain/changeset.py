"""The states of nodes while a decision changes them: what it read, what it writes, and what must hold still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hardlink.domain.errors import Refused, TooManyIdentifiers
from hardlink.domain.graph import (
    NOTHING,
    PROFILE,
    Entry,
    Node,
    Span,
    State,
    current_owner,
    fold_spans,
    newest_root,
)

MOST_SOFT_LINKS = 40
"""Links of one profile to soft identifiers: a re-homing holds them all still in one transaction of 100 actions."""
MOST_LINKS = 200
"""Entries in one profile's history: where more customers than this log in, the device identifies nobody."""

LINKS_A_DAY = 100
"""Of them on one day, where a source says nothing else: a till in a shop has as many customers, a browser has not."""

Facts = Mapping[Node, State]
Histories = Mapping[Node, Sequence[Entry]]


class NeedsRead(Exception):
    """The decision needs these nodes, or their histories, as well."""

    def __init__(self, nodes: Iterable[Node], *, history: bool = False) -> None:
        self.nodes = tuple(nodes)
        self.history = history
        super().__init__(", ".join(map(str, self.nodes)))


class NewEntry(NamedTuple):
    """What a decision adds to a node's history."""

    rule: str
    effective_at: int
    link: Node | None = None
    starts_span: bool = False
    owner: Node | None = None


class Decision(NamedTuple):
    """One transaction's worth of changes; `customer` is the root that the claim is about.

    `states`: nodes that change, as they will be (`rev` is still the one read). `checks`: nodes that must not have
    changed. `owned`: identifier, the customer that loses it, the one that gets it. `children`: soft node, profile.
    `settled`: hard roots that it counts on. `undone`: history entries to mark. `warnings`: what the caller may not
    expect.
    """

    customer: Node
    states: Mapping[Node, State] = NOTHING
    checks: Mapping[Node, int] = NOTHING
    settled: tuple[Node, ...] = ()
    entries: Mapping[Node, NewEntry] = NOTHING
    owned: tuple[tuple[Node, Node | None, Node | None], ...] = ()
    children: tuple[tuple[Node, Node], ...] = ()
    undone: tuple[tuple[Node, Entry], ...] = ()
    warnings: tuple[str, ...] = ()


class ChangeSet:
    """The states of nodes as a decision changes them, and what it read on the way."""

    def __init__(
        self,
        facts: Facts,
        hard_types: frozenset[str],
        said: int,
        *,
        timed: bool = False,
        caps: Mapping[str, int] = NOTHING,
        histories: Histories = NOTHING,
        day: int = 0,
        links_a_day: int = LINKS_A_DAY,
    ) -> None:
        self.hard_types = hard_types
        self.warnings: list[str] = []
        self._facts = facts
        self._histories = histories
        self._caps = caps
        self._day = day
        self._links_a_day = links_a_day
        self._timed = timed
        self._said = said
        self._read: set[Node] = set()
        self._states: dict[Node, State] = {}
        self._entries: dict[Node, NewEntry] = {}
        self._owned: list[tuple[Node, Node | None, Node | None]] = []
        self._children: list[tuple[Node, Node]] = []
        self._undone: list[tuple[Node, Entry]] = []

    def history(self, node: Node) -> Sequence[Entry]:
        """A node's link history."""
        if node not in self._histories:
            raise NeedsRead([node], history=True)
        return self._histories[node]

    def state(self, node: Node) -> State:
        """A node as the decision has it so far. Raises `Unread`."""
        if node not in self._facts:
            raise NeedsRead([node])
        self._read.add(node)
        return self._states.get(node, self._facts[node])

    def root(self, node: Node) -> Node:
        """Where a link to this node ends: hard identifiers link to nothing."""
        return node if node.type in self.hard_types else self.state(node).link or node

    def roots(self, found: Sequence[Span]) -> tuple[Span, ...]:
        """Spans with their targets followed to the root; neighbours with one root become one."""
        joined: list[Span] = []
        for span in found:
            root = self.root(span.target)
            if joined and joined[-1].target == root and joined[-1].end == span.start:
                joined[-1] = joined[-1]._replace(end=span.end)
            else:
                joined.append(span._replace(target=root))
        return tuple(joined)

    def look_up(self, node: Node) -> Node | None:
        """The customer that an identifier finds, at the time of a claim that says its time."""
        state = self.state(node)
        found = state.owner
        is_soft = node.type not in self.hard_types  # whose a hard one is was never otherwise
        if is_soft and self._timed and self._said < state.owner_effective_at:
            found = current_owner(
                entry for entry in self.history(node) if entry.effective_at <= self._said
            )
        if found:
            return self.root(found)
        return self.root(node) if state.known or state.link else None

    def know(self, node: Node) -> None:
        """From now on somebody is known by this node."""
        state = self.state(node)
        if not state.known:
            self._states[node] = state._replace(known=True)

    def alias(self, node: Node, root: Node) -> None:
        """Give a customer one more hard identifier: one of each type, and none that is another's."""
        ids = {root.type: root.value, **self.state(root).ids}
        if ids.get(node.type, node.value) != node.value:
            raise Refused(
                f"the customer has another {node.type!r} already: a customer has one",
                f"ids.{node.type}",
                code="identifier_conflict",
            )
        if node.type in ids:
            return
        if self._timed and self._said <= self.state(node).undone:
            self.supersede(f"{node.type!r} was unlinked")
            return
        self._states[root] = self.state(root)._replace(
            ids={**self.state(root).ids, node.type: node.value}
        )
        self._states[node] = self.state(node)._replace(owner=root)
        self._add(node, NewEntry("claim", self._said, owner=root))

    def own(self, node: Node, customer: Node) -> None:
        """From now on a look-up of this soft identifier finds `customer`, unless a later word says otherwise."""
        state = self.state(node)
        if customer in (node, state.owner):
            return
        if self._timed and self._said <= max(state.owner_effective_at, state.undone):
            self.supersede(f"{node.type!r} changed hands")
            return
        before = self.root(state.owner) if state.owner else None
        if before and before.type in self.hard_types and before != customer:
            self.warnings.append(
                f"ids.{node.type}: it belonged to another customer; from now on it finds this one, "
                "no history was moved"
            )
        said = max(self._said, state.owner_effective_at + 1)
        self._states[node] = state._replace(owner=customer)
        self._add(node, NewEntry("own", said, owner=customer))
        self._hand_over(node, state.owner, customer)

    def link_once(self, soft: Node, customer: Node) -> None:
        """A soft identifier links to a hard one once, with all that was known by it alone."""
        state = self.state(soft)
        if state.link or (self._timed and self._said <= state.undone):
            return
        said = max(self._said, state.effective_at + 1, state.owner_effective_at)
        self.link(soft, NewEntry("known", said, customer), target=customer)

    def supersede(self, what: str) -> None:
        """Say that a claim came too late."""
        self.warnings.append(f"superseded: {what} at a later time, which stands")

    def link(self, node: Node, entry: NewEntry, *, target: Node | None) -> None:
        """Add a link to a node's history, after which `target` is the root of its newest span."""
        state = self.state(node)
        is_soft = entry.link is not None and entry.link.type not in self.hard_types
        if state.links >= MOST_LINKS or (is_soft and state.soft_links >= MOST_SOFT_LINKS):
            most = MOST_SOFT_LINKS if is_soft else MOST_LINKS
            raise Refused(
                f"{most} such links are kept for one visitor, and all are used: call anonymize first",
                "session.id",
                code="too_many_links",
            )
        if self._day and node.type == PROFILE:
            state = self._one_more_today(state)
        said = max(state.effective_at, entry.effective_at)
        self._states[node] = state._replace(
            links=state.links + 1,
            soft_links=state.soft_links + is_soft,
            effective_at=said,
            link=target,
        )
        self._add(node, entry)
        if entry.link and is_soft:
            self._children.append((entry.link, node))

    def _one_more_today(self, state: State) -> State:
        """A profile with one more link on this day."""
        today = state.links_that_day if state.day == self._day else 0
        if today >= self._links_a_day:
            raise Refused(
                f"this visitor was linked {today} times today, which is the most there may be: try again tomorrow, "
                "or call anonymize first",
                "session.id",
                code="too_many_links_a_day",
            )
        return state._replace(day=self._day, links_that_day=today + 1)

    def take_back(self, node: Node, evidence: str, history: Sequence[Entry]) -> None:
        """Mark the entries of one evidence ID undone and fold the rest again."""
        gone = [entry for entry in history if entry.evidence == evidence and not entry.undone]
        rest = [entry for entry in history if entry not in gone]
        found = fold_spans(rest)
        before, after = self.state(node).owner, current_owner(rest)
        self._states[node] = self.state(node)._replace(
            owner=after,
            link=newest_root(found),
            undone=self._said,
        )
        self._undone += [(node, entry) for entry in gone]
        if before == after:
            return
        if node.type in self.hard_types:
            self._forget_alias(node, before)
        else:
            self._hand_over(node, before, after)

    def decision(self, customer: Node) -> Decision:
        """What all of it comes to."""
        held = self._read - self._states.keys()
        return Decision(
            customer=customer,
            states=self._states,
            checks={n: self._facts[n].rev for n in held if not self._is_settled(n)},
            settled=tuple(sorted(n for n in held if self._is_settled(n))),
            entries=self._entries,
            owned=tuple(self._owned),
            children=tuple(self._children),
            undone=tuple(self._undone),
            warnings=tuple(self.warnings),
        )

    def _is_settled(self, node: Node) -> bool:
        """A hard root stays one until it is erased, so nobody need hold it still: its values may change meanwhile."""
        state = self._facts[node]
        return node.type in self.hard_types and state.known and state.owner is None

    def _add(self, node: Node, entry: NewEntry) -> None:
        """One entry a node and command: what it says of owner and link stands together, at one time."""
        before = self._entries.get(node)
        if before:
            said = max(entry.effective_at, before.effective_at)
            entry = entry._replace(owner=entry.owner or before.owner, effective_at=said)
        self._entries[node] = entry
        if entry.owner:
            self._states[node] = self.state(node)._replace(owner_effective_at=entry.effective_at)

    def _hand_over(self, node: Node, before: Node | None, after: Node | None) -> None:
        """Move an identifier from one customer's list to another's, and count it where its type has a cap."""
        self._owned.append((node, before, after))
        for customer, step in ((before, -1), (after, 1)):
            if customer is None:
                continue
            if customer.type not in self.hard_types:
                self._states[customer] = self.state(
                    customer
                )  # its own contribution lists its identifiers
            self._count(node, customer, step)

    def _count(self, node: Node, customer: Node, step: int) -> None:
        state = self.state(customer)
        if node.type not in self._caps and node.type not in state.counts:
            return
        count = max(0, state.counts.get(node.type, 0) + step)
        most = self._caps.get(node.type)
        if step > 0 and most and count > most:
            raise TooManyIdentifiers(
                f"the customer has {most} values of {node.type!r} already, and may have no more",
                f"ids.{node.type}",
            )
        self._states[customer] = state._replace(counts={**state.counts, node.type: count})

    def _forget_alias(self, node: Node, root: Node | None) -> None:
        if root is None:
            return
        ids = {type_: value for type_, value in self.state(root).ids.items() if type_ != node.type}
        self._states[root] = self.state(root)._replace(ids=ids)
