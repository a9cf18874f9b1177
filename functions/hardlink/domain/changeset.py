"""Accumulate the changes of one decision: nodes that it read, writes and holds still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple, Protocol

from hardlink.domain.errors import Refused, TooManyIdentifiers
from hardlink.domain.graph import (
    NOBODY,
    NOTHING,
    PROFILE,
    Entry,
    Node,
    Span,
    State,
    current_owner,
    existing,
    fold_spans,
    is_own_customer,
    newest_root,
)
from hardlink.domain.values import LeftOut

MOST_SOFT_LINKS = 40
"""Links of one profile to soft identifiers: association holds them all still in one transaction."""
MOST_LINKS = 200
"""Entries in one profile's history; a device that more customers use identifies nobody."""
MOST_MERGES = 8
"""Merges between a customer and the one that it is part of: a reader follows each."""
LINKS_A_DAY = 100
"""Of them on one day, by default: a till in a shop has as many customers, a browser has not."""
MERGE, REMOVAL = "merge", "removed"
"""Rules of the entries that corrections of the shop write."""

Facts = Mapping[Node, State]
Histories = Mapping[Node, Sequence[Entry]]


class ForestReader(Protocol):
    """Reads nodes of the identity forest for one decision, each with one answer."""

    def load(self, nodes: Iterable[Node], /) -> None:
        """Read these nodes in one batch, as `state` is going to ask for them.

        A node that is not loaded is read when `state` asks for it.
        """

    def state(self, node: Node) -> State:
        """Read the state of a node; `State()` for a node that does not exist.

        Asked again, the answer is the same, as the decision is written only if it still is.
        """

    def history(self, node: Node) -> Sequence[Entry]:
        """Read the link history of a node, oldest first, and never before its state.

        Entries that were undone are part of it.
        """


class ForestSnapshot(NamedTuple):
    """A `ForestReader` over nodes that were read before. Raises `KeyError` for any other node."""

    states: Facts
    histories: Histories = NOTHING

    def load(self, nodes: Iterable[Node], /) -> None:
        """Read nothing: it is all here."""

    def state(self, node: Node) -> State:
        """Return the state of a node."""
        return self.states[node]

    def history(self, node: Node) -> Sequence[Entry]:
        """Return the link history of a node."""
        return self.histories[node]


class NewEntry(NamedTuple):
    """The entry that a decision adds to a node's history."""

    rule: str
    effective_at: int
    link: Node | None = None
    starts_span: bool = False
    owner: Node | None = None


class Decision(NamedTuple):
    """The changes of one transaction.

    - `customer`: the root that the claim is about.
    - `states`: the nodes that change, as they will be; their `rev` is still the one that was read.
    - `checks`: node -> `rev` of the nodes that must not have changed.
    - `stable_roots`: hard roots that it counts on; their values may change meanwhile.
    - `entries`: node -> the entry added to its history.
    - `owned`: identifier, the customer that loses it, the customer that gets it.
    - `children`: soft node, the profile that links to it.
    - `undone`: history entries to mark. `restored`: entries whose mark is taken away.
    - `merged`: the customer that absorbs, the absorbed one, and whether it is one from now on.
    - `warnings`: what the caller may not expect.
    - `left_out`: values for which the customer has no room.
    """

    customer: Node
    states: Mapping[Node, State] = NOTHING
    checks: Mapping[Node, int] = NOTHING
    stable_roots: tuple[Node, ...] = ()
    entries: Mapping[Node, NewEntry] = NOTHING
    owned: tuple[tuple[Node, Node | None, Node | None], ...] = ()
    children: tuple[tuple[Node, Node], ...] = ()
    undone: tuple[tuple[Node, Entry], ...] = ()
    restored: tuple[tuple[Node, Entry], ...] = ()
    merged: tuple[tuple[Node, Node, bool], ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class ChangeSet:
    """The nodes as a decision changes them, over what it reads on the way.

    - `effective_at`: when the claim was made, microseconds; `timed`: its client named that time.
    - `caps`: the most values of a type that one customer may have.
    - `day`: the day of the claim, counted since 1970, for `links_a_day`; 0 counts nothing.
    """

    def __init__(
        self,
        reader: ForestReader,
        hard_types: frozenset[str],
        effective_at: int,
        *,
        timed: bool = False,
        caps: Mapping[str, int] = NOTHING,
        day: int = 0,
        links_a_day: int = LINKS_A_DAY,
    ) -> None:
        self.hard_types = hard_types
        self.warnings: list[str] = []
        self._reader = reader
        self._caps = caps
        self._day = day
        self._links_a_day = links_a_day
        self._timed = timed
        self._effective_at = effective_at
        self._read: dict[Node, State] = {}
        self._states: dict[Node, State] = {}
        self._entries: dict[Node, NewEntry] = {}
        self._owned: list[tuple[Node, Node | None, Node | None]] = []
        self._children: list[tuple[Node, Node]] = []
        self._undone: list[tuple[Node, Entry]] = []
        self._restored: list[tuple[Node, Entry]] = []
        self._merged: list[tuple[Node, Node, bool]] = []

    def is_hard(self, node: Node) -> bool:
        """Tell whether a node is a hard identifier."""
        return node.type in self.hard_types

    def history(self, node: Node) -> Sequence[Entry]:
        """Return a node's link history."""
        return self._reader.history(node)

    def state(self, node: Node) -> State:
        """Return a node as the decision has it so far."""
        if node not in self._read:
            self._read[node] = self._reader.state(node)
        return self._states.get(node, self._read[node])

    def resolve_root(self, node: Node) -> Node:
        """Follow a link to this node to its root: hard identifiers link to nothing.

        The shop's merges are not followed: see `survivor`.
        """
        if self.is_hard(node):
            return node
        return self.state(node).link or node

    def survivor(self, root: Node) -> Node:
        """Follow the shop's merges from a hard identifier to the customer that it is part of.

        A customer known by a soft identifier alone is merged into nobody. At most `MOST_MERGES`
        merges are followed.
        """
        if not self.is_hard(root):
            return root
        for _ in range(MOST_MERGES):
            target = self.state(root).link
            if target is None:
                break
            root = target
        return root

    def are_one(self, root: Node, other: Node) -> bool:
        """Tell whether two roots are one customer: equal, or merged by the shop.

        Only hard identifiers are merged, so that no other root has to be read.
        """
        if root == other:
            return True
        if not self.is_hard(root) or not self.is_hard(other):
            return False
        return self.survivor(root) == self.survivor(other)

    def resolve_spans(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """Follow the targets of spans to their roots; neighbours with one root become one span.

        `spans`: in order of time, as `fold_spans` returns them.
        """
        resolved: list[Span] = []
        for span in spans:
            following = span._replace(target=self.resolve_root(span.target))
            if resolved and _continues(resolved[-1], following):
                following = following._replace(start=resolved.pop().start)
            resolved.append(following)
        return tuple(resolved)

    def look_up(self, node: Node) -> Node | None:
        """Find the customer of an identifier, at the time of a claim that names its time.

        `None` where no customer has it: no call linked it, or the customer who had it was erased.
        Whoever had it before that one does not get it back (I8).
        """
        state = self.state(node)
        owner = self._owner_at_claim(node)
        if owner == NOBODY:
            return node if is_own_customer(state) else None
        if owner:
            return self.resolve_root(owner)
        is_customer = state.known or state.link is not None
        return self.resolve_root(node) if is_customer else None

    def _owner_at_claim(self, node: Node) -> Node | None:
        """Find the owner of an identifier when the claim was made, of entries not undone since.

        A hard identifier never had another owner: only a soft one has to be looked up in time. The
        history is read only for a claim that is older than the owner.
        """
        state = self.state(node)
        if not self._predates(state.owner_effective_at) or self.is_hard(node):
            return state.owner
        history = self.history(node)
        return current_owner(
            entry for entry in history if entry.effective_at <= self._effective_at
        )

    def _predates(self, time: int) -> bool:
        """Tell whether the claim is older than a time. One whose client names no time is new."""
        if not self._timed:
            return False
        return self._effective_at < time

    def _is_superseded(self, time: int) -> bool:
        """Tell whether what was changed at a time stands against this claim.

        It does where the claim is not newer. One whose client names no time is new.
        """
        if not self._timed:
            return False
        return self._effective_at <= time

    def mark_known(self, node: Node) -> None:
        """Make this node a customer of its own, which look-ups find.

        Nothing changes where it is one already.
        """
        state = self.state(node)
        if not state.known:
            self._states[node] = state._replace(known=True)

    def add_alias(self, node: Node, root: Node) -> None:
        """Give a customer one more hard identifier.

        A late claim changes nothing where the alias was unlinked after its time, and warns. Raises
        `Refused` where the customer has another one of its type.
        """
        ids = self._check_room_for_alias(node, root)
        if node.type in ids:
            return
        if self._is_superseded(self.state(node).undone):
            self.warn_superseded(f"{node.type!r} was unlinked")
            return
        self._give_alias(node, root)
        self._states[node] = self.state(node)._replace(owner=root)
        self._add_entry(node, NewEntry("claim", self._effective_at, owner=root))

    def set_owner(self, node: Node, customer: Node) -> None:
        """Make a look-up of this soft identifier find `customer`, unless a later claim stands.

        No history moves: events stay with the customer who had the identifier at their time.
        """
        state = self.state(node)
        if customer in (node, state.owner):
            return
        if self._is_superseded(max(state.owner_effective_at, state.undone)):
            self.warn_superseded(f"{node.type!r} changed hands")
            return
        owner = existing(state.owner)
        self._warn_previous_owner(node, owner, customer)
        # Later than the claim it replaces, whatever the clocks of the clients say.
        effective_at = max(self._effective_at, state.owner_effective_at + 1)
        self._states[node] = state._replace(owner=customer)
        self._add_entry(node, NewEntry("own", effective_at, owner=customer))
        self._transfer_identifier(node, owner, customer)

    def _warn_previous_owner(
        self, node: Node, owner: Node | None, customer: Node
    ) -> None:
        """Warn that an identifier passes from one customer to another.

        A customer known by a soft identifier alone comes along, so that nothing is lost to warn of.
        """
        if owner is None:
            return
        previous = self.resolve_root(owner)
        if self.is_hard(previous) and previous != customer:
            self.warnings.append(
                f"ids.{node.type}: it belonged to another customer; from now on it finds this one, "
                "no history was moved"
            )

    def link_once(self, soft: Node, customer: Node) -> None:
        """Link a soft identifier to a hard one, once, with all that was known by it alone.

        Values, consents and visitors that were recorded under the identifier are the customer's
        from then on. Where it is linked already, or was unlinked after this claim, nothing changes.
        """
        state = self.state(soft)
        if state.link or self._is_superseded(state.undone):
            return
        effective_at = max(
            self._effective_at, state.effective_at + 1, state.owner_effective_at
        )
        self.add_link(soft, NewEntry("known", effective_at, customer), target=customer)

    def has_room(self, soft: Node, customer: Node) -> bool:
        """Tell whether a customer may have one more identifier of this one's type.

        Only types with a cap are counted.
        """
        most = self._caps.get(soft.type)
        if most is None:
            return True
        return self.state(customer).counts.get(soft.type, 0) < most

    def warn_superseded(self, what: str) -> None:
        """Warn that a claim came too late."""
        self.warnings.append(f"superseded: {what} at a later time, which stands")

    def add_link(self, node: Node, entry: NewEntry, *, target: Node | None) -> None:
        """Add a link to a node's history, after which `target` is the root of its newest span.

        Raises `Refused` where the node has as many links as it may have.
        """
        state = self.state(node)
        is_soft = entry.link is not None and not self.is_hard(entry.link)
        _check_room_for_link(state, is_soft=is_soft)
        if self._day and node.type == PROFILE:
            state = self._with_link_today(state)
        self._states[node] = state._replace(
            links=state.links + 1,
            soft_links=state.soft_links + is_soft,
            effective_at=max(state.effective_at, entry.effective_at),
            link=target,
        )
        self._add_entry(node, entry)
        if entry.link and is_soft:
            self._children.append((entry.link, node))

    def _with_link_today(self, state: State) -> State:
        """Count one more link of this day. Raises `Refused` beyond `links_a_day`."""
        count = state.links_that_day if state.day == self._day else 0
        if count >= self._links_a_day:
            raise Refused(
                f"this visitor was linked {count} times today, which is the most there may be: "
                "try again tomorrow, or call anonymize first",
                "session.id",
                code="too_many_links_a_day",
            )
        return state._replace(day=self._day, links_that_day=count + 1)

    def undo_entries(self, node: Node, evidence: str) -> None:
        """Mark a node's entries of one evidence ID undone, and fold the others again.

        Its owner, its link, and the identifiers of the customers concerned follow from what is
        left. Entries that were undone before keep their mark.
        """
        undoable = select_undoable(self.history(node))
        undone = [entry for entry in undoable if entry.evidence == evidence]
        self._mark_undone(node, undone)

    def _mark_undone(self, node: Node, undone: Sequence[Entry]) -> None:
        """Mark entries of a node, and bring it in line with what is left of its history.

        The node notes when that was, because a late claim must not bring back what was undone.
        """
        self._undone += [(node, entry) for entry in undone]
        rest = [entry for entry in self.history(node) if entry not in undone]
        self._refold(node, rest)
        self._states[node] = self.state(node)._replace(undone=self._effective_at)

    def _refold(self, node: Node, history: Sequence[Entry]) -> None:
        """Bring a node's link and its owner in line with what is left of its history."""
        owner_before, owner_after = self.state(node).owner, current_owner(history)
        self._states[node] = self.state(node)._replace(
            owner=owner_after, link=newest_root(fold_spans(history))
        )
        if owner_before == owner_after:
            return
        before, after = existing(owner_before), existing(owner_after)
        if not self.is_hard(node):
            self._transfer_identifier(node, before, after)
            return
        if before:
            self._remove_alias(node, before)
        if after:
            self._give_alias(node, after)

    def merge(self, absorbed: Node, customer: Node) -> None:
        """Make a hard root part of another customer. Their rows stay as they are."""
        state = self.state(absorbed)
        effective_at = max(self._effective_at, state.effective_at + 1)
        self.add_link(
            absorbed, NewEntry(MERGE, effective_at, customer), target=customer
        )
        # written, not only checked: two merges at once, each into the other, would be a circle
        above = self.state(customer)
        merges = max(above.merges, state.merges + 1)
        self._states[customer] = above._replace(merges=merges, merged=above.merged + 1)
        self._merged.append((customer, absorbed, True))

    def separate(self, absorbed: Node, evidence: str) -> None:
        """Take a merge back. Each of both has again what is theirs, as no row had moved."""
        customer = self.state(absorbed).link
        self.undo_entries(absorbed, evidence)
        if customer:
            self._merged.append((customer, absorbed, False))
            self._count_separated(customer)

    def _count_separated(self, customer: Node) -> None:
        """Count one merged customer less: the last one leaves no merge below."""
        above = self.state(customer)
        merged = max(0, above.merged - 1)
        merges = above.merges if merged else 0
        self._states[customer] = above._replace(merges=merges, merged=merged)

    def remove_identifier(self, node: Node, roots: Set[Node]) -> None:
        """Take an identifier off these roots: its entries that lead there hold no longer.

        Entries that lead to other customers stay, so that it may go back to an earlier one. Raises
        `Refused` where that one has another hard identifier of its type by now.
        """
        # A merge has rows and counts besides its entry: only `separate` takes one back.
        undoable = [e for e in select_undoable(self.history(node)) if e.rule != MERGE]
        leading = [entry for entry in undoable if self._leads_to(entry, roots)]
        self._mark_undone(node, leading)
        self._add_entry(node, NewEntry(REMOVAL, self._effective_at))

    def restore_identifier(self, node: Node, removal: Entry) -> None:
        """Give an identifier back that was taken off: the entries that it marked hold again.

        What was linked since stays linked. Raises `Refused` where the customer got another hard
        identifier of its type since.
        """
        self._undone.append((node, removal))
        history: list[Entry] = []
        for entry in self.history(node):
            if entry.undone == removal.at:
                self._restored.append((node, entry))
                history.append(entry._replace(undone=0))
            elif entry != removal:
                history.append(entry)
        self._refold(node, history)

    def _leads_to(self, entry: Entry, roots: Set[Node]) -> bool:
        """Tell whether an entry makes one of these roots the owner or the target of its node.

        Erased nodes are no roots, and are not read.
        """
        return any(self.resolve_root(target) in roots for target in entry.targets)

    def to_decision(self, customer: Node) -> Decision:
        """Return the changes as one transaction about a customer."""
        unchanged = self._read.keys() - self._states.keys()
        stable_roots = list(filter(self._is_stable_root, unchanged))
        checked = unchanged.difference(stable_roots)
        return Decision(
            customer=customer,
            states=self._states,
            checks={node: self._read[node].rev for node in checked},
            stable_roots=tuple(sorted(stable_roots)),
            entries=self._entries,
            owned=tuple(self._owned),
            children=tuple(self._children),
            undone=tuple(self._undone),
            restored=tuple(self._restored),
            merged=tuple(self._merged),
            warnings=tuple(self.warnings),
        )

    def _is_stable_root(self, node: Node) -> bool:
        """Tell whether a node need not be held still, although the decision counts on it.

        A hard root stays one until it is erased: holding its `rev` still would make every call
        about a popular customer wait for the others.
        """
        state = self._read[node]
        is_root = state.known and state.owner is None
        return is_root and self.is_hard(node)

    def _add_entry(self, node: Node, entry: NewEntry) -> None:
        """Add an entry to a node's history, joined with one that this decision added before."""
        # One entry a node and command, so that its owner and its link are undone together.
        previous = self._entries.get(node)
        if previous:
            entry = entry._replace(
                owner=entry.owner or previous.owner,
                effective_at=max(entry.effective_at, previous.effective_at),
            )
        self._entries[node] = entry
        if entry.owner:
            state = self.state(node)
            self._states[node] = state._replace(owner_effective_at=entry.effective_at)

    def _transfer_identifier(
        self, node: Node, before: Node | None, after: Node | None
    ) -> None:
        """Take an identifier from one customer and give it to another; `None` is no customer.

        Raises `TooManyIdentifiers` where the other one has no room for it.
        """
        self._owned.append((node, before, after))
        for customer, step in ((before, -1), (after, 1)):
            if customer is None:
                continue
            if not self.is_hard(customer):
                # Its contribution lists its identifiers, and only a write lets association see it.
                self._states[customer] = self.state(customer)
            self._count_identifier(node, customer, step)

    def _count_identifier(self, node: Node, customer: Node, step: int) -> None:
        """Count an identifier of a type with a cap. Raises `TooManyIdentifiers` beyond it.

        `step`: 1 where the customer gets it, -1 where the customer loses it. A type whose cap was
        taken away is counted on where it was counted before.
        """
        state = self.state(customer)
        most = self._caps.get(node.type)
        if most is None and node.type not in state.counts:
            return
        count = max(0, state.counts.get(node.type, 0) + step)
        if most and count > most and step > 0:
            raise TooManyIdentifiers(
                f"the customer has {most} values of {node.type!r} already, and may have no more",
                f"ids.{node.type}",
            )
        counts = {**state.counts, node.type: count}
        self._states[customer] = state._replace(counts=counts)

    def _check_room_for_alias(self, node: Node, root: Node) -> Mapping[str, str]:
        """Return a customer's hard identifiers by type. Raises `Refused` for a second of a type."""
        ids = {root.type: root.value, **self.state(root).ids}
        if ids.get(node.type, node.value) != node.value:
            raise Refused(
                f"the customer has another {node.type!r} already: a customer has one",
                f"ids.{node.type}",
                code="identifier_conflict",
            )
        return ids

    def _give_alias(self, node: Node, root: Node) -> None:
        """Make a hard identifier another name of a customer. Raises `Refused`."""
        self._check_room_for_alias(node, root)
        state = self.state(root)
        ids = {**state.ids, node.type: node.value}
        self._states[root] = state._replace(ids=ids)

    def _remove_alias(self, node: Node, root: Node) -> None:
        """Take a hard identifier from the customer of whom it was another name."""
        state = self.state(root)
        ids = dict(state.ids)
        ids.pop(node.type, None)
        self._states[root] = state._replace(ids=ids)


def select_removed(history: Sequence[Entry]) -> list[Entry]:
    """Select the entries that a removal which holds took back: they bear its time as their mark.

    `history`: of one node. Entries that an undo took back are not among them.
    """
    removed_at: set[int] = set()
    for entry in history:
        if entry.rule == REMOVAL and not entry.undone:
            removed_at.add(entry.at)
    return [entry for entry in history if entry.undone in removed_at]


def select_undoable(history: Sequence[Entry]) -> list[Entry]:
    """Select the entries that an undo or a removal may mark.

    Those that a removal took back are among them: the later mark replaces the removal's. Otherwise
    undoing the removal would bring back what was undone, or removed again, after it.
    """
    removed = select_removed(history)
    return [entry for entry in history if not entry.undone or entry in removed]


def _continues(span: Span, following: Span) -> bool:
    """Tell whether a span goes on with the same target where another one ends."""
    return (span.end, span.target) == (following.start, following.target)


def _check_room_for_link(state: State, *, is_soft: bool) -> None:
    """Hold a node to its number of links. Raises `Refused`.

    Links to soft identifiers have a cap of their own, because association checks each of them.
    """
    count, most = state.links, MOST_LINKS
    if is_soft and state.soft_links >= MOST_SOFT_LINKS:
        # The smaller cap is the one to name.
        count, most = state.soft_links, MOST_SOFT_LINKS
    if count < most:
        return
    raise Refused(
        f"{most} such links are kept for one visitor, and all are used: call anonymize first",
        "session.id",
        code="too_many_links",
    )
