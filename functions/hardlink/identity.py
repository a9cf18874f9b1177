"""What identifying a visitor does: pure decisions over the nodes they read. No I/O, no clock, no randomness.

A decision that needs a node it was not given raises `Unread`; its caller reads the node and decides again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from hardlink.errors import Refused
from hardlink.instants import END
from hardlink.nodes import NOTHING, Entry, Node, Span, State, owner, spans

Policy = Literal["move", "split", "refuse"]
MOST_SOFT_LINKS = 40
"""Links of one profile to soft identifiers: a re-homing holds them all still in one transaction of 100 actions."""
MOST_LINKS = 200
"""Entries in one profile's history: where more customers than this log in, the device identifies nobody."""

Facts = Mapping[Node, State]
Histories = Mapping[Node, Sequence[Entry]]


class Unread(Exception):
    """The decision needs these nodes, or their histories, as well."""

    def __init__(self, nodes: Iterable[Node], *, history: bool = False) -> None:
        self.nodes = tuple(nodes)
        self.history = history
        super().__init__(", ".join(map(str, self.nodes)))


class Claim(NamedTuple):
    """A command says: whoever is behind `profile` is the customer with these identifiers.

    `ids`: in order of preference. `hard_types`: the project's. `said`: when it was said, microseconds;
    `timed`: the client named that time, so it may be late. `caps`: most values of a type for one customer.
    """

    profile: Node | None
    ids: tuple[Node, ...]
    hard_types: frozenset[str]
    policy: Policy
    said: int
    timed: bool = False
    caps: Mapping[str, int] = NOTHING


class NewEntry(NamedTuple):
    """What a decision adds to a node's history."""

    rule: str
    said: int
    link: Node | None = None
    begins: bool = False
    owner: Node | None = None


class Decision(NamedTuple):
    """One transaction's worth of changes; `customer` is the root that the claim is about.

    `states`: nodes that change, as they will be (`rev` is still the one read). `checks`: nodes that must not have
    changed. `owned`: identifier, the customer that loses it, the one that gets it. `children`: soft node, profile.
    `undone`: history entries to mark. `warnings`: what the caller may not expect.
    """

    customer: Node
    states: Mapping[Node, State] = NOTHING
    checks: Mapping[Node, int] = NOTHING
    entries: Mapping[Node, NewEntry] = NOTHING
    owned: tuple[tuple[Node, Node | None, Node | None], ...] = ()
    children: tuple[tuple[Node, Node], ...] = ()
    undone: tuple[tuple[Node, Entry], ...] = ()
    warnings: tuple[str, ...] = ()


def decide(claim: Claim, facts: Facts, histories: Histories | None = None) -> Decision:
    """What a claim changes. Raises `Refused` where a rule forbids it, `Unread` where facts are missing."""
    named = [*claim.ids, claim.profile] if claim.profile else claim.ids
    if missing := [node for node in named if node not in facts]:
        raise Unread(missing)
    draft = _Draft(facts, claim.hard_types, claim.said, claim, histories or {})
    hard = [node for node in claim.ids if node.type in claim.hard_types]
    soft = [node for node in claim.ids if node.type not in claim.hard_types]
    customer = _known_customer(draft, hard) if hard else _soft_customer(draft, soft)
    if customer.type in claim.hard_types:
        _bring_along(draft, soft, customer)
    if claim.profile:
        _relink(draft, claim, claim.profile, customer)
    return draft.decision(customer)


def undo(
    profile: Node,
    facts: Facts,
    histories: Histories,
    hard_types: frozenset[str],
    now: int,
    evidence: str | None = None,
) -> Decision:
    """Takes back the newest link of a profile, with everything that the same command linked.

    `evidence`: of the link that is meant; where it was taken back already, nothing changes. Raises `Refused` where
    nothing is linked or another link is the newest, `Unread` where facts or histories are missing.
    """
    chain = _chain(profile, histories, hard_types)
    if any(e.evidence == evidence and e.undone for entries in chain.values() for e in entries):
        return Decision(profile)
    newest = _newest(chain)
    if newest and evidence not in (None, newest.evidence):
        raise Refused("this is not the newest link: take back the newer ones first", "evidence")
    if newest is None:
        raise Refused("nothing is linked here that could be undone", code="nothing_to_undo")
    if missing := [node for node in newest.nodes if node not in histories]:
        raise Unread(missing, history=True)
    if missing := [node for node in (*chain, *newest.nodes) if node not in facts]:
        raise Unread(missing)
    draft = _Draft(facts, hard_types, now)
    for node in chain:
        draft.state(node)  # what chose the evidence must not change either
    for node in newest.nodes:
        draft.take_back(node, newest.evidence, histories[node])
    return draft.decision(profile)


def roots(found: Sequence[Span], facts: Facts, hard_types: frozenset[str]) -> tuple[Span, ...]:
    """Spans followed to the roots, neighbours joined. Raises `Unread`."""
    return _Draft(facts, hard_types, 0).roots(found)


def look_up(node: Node, facts: Facts, hard_types: frozenset[str]) -> Node | None:
    """The customer that an identifier finds, `None` when nobody is known by it. Raises `Unread`."""
    return _Draft(facts, hard_types, 0).look_up(node)


def _known_customer(draft: _Draft, hard: Sequence[Node]) -> Node:
    """The one customer that these hard identifiers are, with those it did not have yet (they never merge two)."""
    known = {root for node in hard if (root := draft.look_up(node))}
    if len(known) > 1:
        raise Refused(
            "these identifiers belong to different customers, who are never merged: send those of one customer",
            f"ids.{hard[1].type}",
            code="identifier_conflict",
        )
    root = known.pop() if known else hard[0]
    draft.know(root)
    for node in hard:
        draft.alias(node, root)
    return root


def _bring_along(draft: _Draft, soft: Sequence[Node], customer: Node) -> None:
    """Soft identifiers belong to the customer they are sent with, and so does who was known by them alone."""
    for node in soft:
        found = draft.look_up(node)
        if found == customer:
            continue
        if found and found.type in draft.hard_types:
            draft.own(node, customer)
            continue
        for member in dict.fromkeys((found or node, node)):
            draft.own(member, customer)
            draft.link_once(member, customer)


def _soft_customer(draft: _Draft, soft: Sequence[Node]) -> Node:
    """The customer that owns these identifiers: one with a hard ID first, else one known by them, else a new one."""
    found = {node: draft.look_up(node) for node in soft}
    known = [root for root in found.values() if root]
    customer = next((r for r in known if r.type in draft.hard_types), (known or soft)[0])
    draft.know(customer)
    if customer.type in draft.hard_types:
        return customer
    for node, root in found.items():
        if root is None:
            draft.own(node, customer)
        elif root != customer:
            draft.warnings.append(
                f"ids.{node.type}: another customer is known by it; send both with a hard ID to join them"
            )
    return customer


def _relink(draft: _Draft, claim: Claim, profile: Node, customer: Node) -> None:
    """What being identified as `customer` does to the link of a profile."""
    state = draft.state(profile)
    if claim.timed and claim.said <= state.undone:
        draft.supersede("a link was undone")
        return
    if claim.timed and state.links and claim.said <= state.said:
        _relink_late(draft, claim, profile, customer)
        return
    current = draft.root(state.link) if state.link else None
    if current == customer:
        return
    rule = _rule(claim, current, customer)
    said = max(claim.said, state.said + 1)
    entry = NewEntry(rule, said, customer, begins=_begins(claim, rule))
    draft.link(profile, entry, newest=customer)


def _relink_late(draft: _Draft, claim: Claim, profile: Node, customer: Node) -> None:
    """A claim that was said before the newest link: it takes its place in the history, what came later stands."""
    history = draft.history(profile)
    before = spans(history)
    said_before = spans(entry for entry in history if entry.said <= claim.said)
    current = draft.root(said_before[-1].target) if said_before else None
    if current == customer:
        return  # it said nothing new then, and moves nothing back now
    rule = _rule(claim, current, customer)
    entry = NewEntry(rule, claim.said, customer, begins=_begins(claim, rule))
    trial = Entry(END, rule, "", 0, claim.said, "", (), customer, entry.begins)
    after = spans([*history, trial])
    placed = any(
        e.said == claim.said and e.link and draft.root(e.link) == customer for e in history
    )
    replaced = any(e.rule == "known" and e.said >= claim.said and not e.undone for e in history)
    if not (placed or replaced) and draft.roots(before) != draft.roots(after):
        draft.link(profile, entry, newest=after[-1].target)
    elif not any(
        s.start <= claim.said < s.end and s.target == customer for s in draft.roots(before)
    ):
        draft.supersede("this visitor was identified")


def _rule(claim: Claim, current: Node | None, customer: Node) -> str:
    """Why the link changes. Raises `Refused` where the source's policy forbids it."""
    if current is None:
        return "first"
    if current.type not in claim.hard_types and customer.type in claim.hard_types:
        return "known"  # who was known by a soft identifier alone gets the hard one
    if claim.policy == "refuse" and current != customer:
        raise _refused()
    return claim.policy


def _begins(claim: Claim, rule: str) -> bool:
    """Whether the link begins a new span, so that earlier events stay where they are."""
    return claim.policy == "split" and rule != "known"


def _refused() -> Refused:
    return Refused(
        "another customer is logged in here: call anonymize first", "ids", code="another_customer"
    )


def _chain(
    profile: Node, histories: Histories, hard_types: frozenset[str]
) -> dict[Node, Sequence[Entry]]:
    """The histories that a profile's customer hangs on: its own, and that of the soft identifier between."""
    if profile not in histories:
        raise Unread([profile], history=True)
    last = spans(histories[profile])[-1:]
    nodes = [profile, *(span.target for span in last if span.target.type not in hard_types)]
    if missing := [node for node in nodes if node not in histories]:
        raise Unread(missing, history=True)
    return {node: histories[node] for node in nodes}


def _newest(chain: Mapping[Node, Sequence[Entry]]) -> Entry | None:
    """The link that came last: of one node by its revisions, of two by the clock."""
    live = [[e for e in entries if e.link and not e.undone] for entries in chain.values()]
    newest = [max(entries, key=lambda e: e.rev) for entries in live if entries]
    return max(newest, key=lambda e: e.at, default=None)


class _Draft:
    """The states of nodes as a decision changes them, and what it read on the way."""

    def __init__(
        self,
        facts: Facts,
        hard_types: frozenset[str],
        said: int,
        claim: Claim | None = None,
        histories: Histories = NOTHING,
    ) -> None:
        self.hard_types = hard_types
        self.warnings: list[str] = []
        self._facts = facts
        self._histories = histories
        self._caps: Mapping[str, int] = claim.caps if claim else NOTHING
        self._timed = bool(claim and claim.timed)
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
            raise Unread([node], history=True)
        return self._histories[node]

    def state(self, node: Node) -> State:
        if node not in self._facts:
            raise Unread([node])
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
            if joined and joined[-1].target == root:
                joined[-1] = joined[-1]._replace(end=span.end)
            else:
                joined.append(span._replace(target=root))
        return tuple(joined)

    def look_up(self, node: Node) -> Node | None:
        """The customer that an identifier finds, at the time of a claim that says its time."""
        state = self.state(node)
        found = state.owner
        is_soft = node.type not in self.hard_types  # whose a hard one is was never otherwise
        if is_soft and self._timed and self._said < state.owner_said:
            found = owner(entry for entry in self.history(node) if entry.said <= self._said)
        if found:
            return self.root(found)
        return self.root(node) if state.known or state.link else None

    def know(self, node: Node) -> None:
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
        if self._timed and self._said <= max(state.owner_said, state.undone):
            self.supersede(f"{node.type!r} changed hands")
            return
        before = self.root(state.owner) if state.owner else None
        if before and before.type in self.hard_types and before != customer:
            self.warnings.append(
                f"ids.{node.type}: it belonged to another customer; from now on it finds this one, "
                "no history was moved"
            )
        said = max(self._said, state.owner_said + 1)
        self._states[node] = state._replace(owner=customer)
        self._add(node, NewEntry("own", said, owner=customer))
        self._hand_over(node, state.owner, customer)

    def link_once(self, soft: Node, customer: Node) -> None:
        """A soft identifier links to a hard one once, with all that was known by it alone."""
        state = self.state(soft)
        if state.link or (self._timed and self._said <= state.undone):
            return
        said = max(self._said, state.said + 1, state.owner_said)
        self.link(soft, NewEntry("known", said, customer), newest=customer)

    def supersede(self, what: str) -> None:
        """Say that a claim came too late."""
        self.warnings.append(f"superseded: {what} at a later time, which stands")

    def link(self, node: Node, entry: NewEntry, *, newest: Node) -> None:
        """Add a link to a node's history, after which `newest` is the target of its newest span."""
        state = self.state(node)
        is_soft = entry.link is not None and entry.link.type not in self.hard_types
        if state.links >= MOST_LINKS or (is_soft and state.soft_links >= MOST_SOFT_LINKS):
            most = MOST_SOFT_LINKS if is_soft else MOST_LINKS
            raise Refused(
                f"{most} such links are kept for one visitor, and all are used: call anonymize first",
                "session.id",
                code="too_many_links",
            )
        said = max(state.said, entry.said)
        self._states[node] = state._replace(
            links=state.links + 1,
            soft_links=state.soft_links + is_soft,
            said=said,
            link=newest,
        )
        self._add(node, entry)
        if entry.link and is_soft:
            self._children.append((entry.link, node))

    def take_back(self, node: Node, evidence: str, history: Sequence[Entry]) -> None:
        """Mark the entries of one evidence ID undone and fold the rest again."""
        gone = [entry for entry in history if entry.evidence == evidence and not entry.undone]
        rest = [entry for entry in history if entry not in gone]
        found = spans(rest)
        before, after = self.state(node).owner, owner(rest)
        self._states[node] = self.state(node)._replace(
            owner=after,
            link=found[-1].target if found else None,
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
        return Decision(
            customer=customer,
            states=self._states,
            checks={
                n: self._facts[n].rev
                for n in self._read - self._states.keys()
                if not self._is_settled(n)
            },
            entries=self._entries,
            owned=tuple(self._owned),
            children=tuple(self._children),
            undone=tuple(self._undone),
            warnings=tuple(self.warnings),
        )

    def _is_settled(self, node: Node) -> bool:
        """A hard root stays one for ever, so nobody need hold it still: a popular customer never contends."""
        state = self._facts[node]
        return node.type in self.hard_types and state.known and state.owner is None

    def _add(self, node: Node, entry: NewEntry) -> None:
        """One entry a node and command: what it says of owner and link stands together, at one time."""
        before = self._entries.get(node)
        if before:
            said = max(entry.said, before.said)
            entry = entry._replace(owner=entry.owner or before.owner, said=said)
        self._entries[node] = entry
        if entry.owner:
            self._states[node] = self.state(node)._replace(owner_said=entry.said)

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
            raise Refused(
                f"the customer has {most} values of {node.type!r} already, and may have no more",
                f"ids.{node.type}",
                code="too_many_identifiers",
            )
        self._states[customer] = state._replace(counts={**state.counts, node.type: count})

    def _forget_alias(self, node: Node, root: Node | None) -> None:
        if root is None:
            return
        ids = {type_: value for type_, value in self.state(root).ids.items() if type_ != node.type}
        self._states[root] = self.state(root)._replace(ids=ids)
