"""Decide what identifying a visitor changes: rules over nodes, without clock or randomness.

A decision asks a `ForestReader` for the nodes that it needs, and its caller writes it only if none
of them changed since.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hardlink.domain.changeset import (
    LINKS_A_DAY,
    ChangeSet,
    Decision,
    ForestReader,
    NewEntry,
)
from hardlink.domain.errors import Refused
from hardlink.domain.graph import (
    NOBODY,
    NOTHING,
    Entry,
    Node,
    Policy,
    Span,
    State,
    fold_spans,
    newest_root,
)
from hardlink.domain.times import END


class Claim(NamedTuple):
    """The claim that the visitor behind `profile` is the customer with these identifiers.

    - `ids`: in order of preference; `hard_types`: the project's.
    - `effective_at`: when it was made, microseconds; `timed`: the client named that time, so the
      claim may be late.
    - `caps`: the most values of a type for one customer.
    - `evidence_only`: it proves who somebody is, as an order does; with the policy `refuse` it
      takes nobody from a customer, not even from before they were one.
    - `own`: `profile` is this customer's own, of events that happened on no device; no other
      customer can have it, so it is linked whatever was undone.
    - `day`: the day on which it came in, counted since 1970, for `links_a_day`; 0 counts nothing.
    - `soft_ids_log_in`: soft identifiers sent alone are a log-in of their own, also where a
      customer with a hard identifier is logged in (Exponea's rule, seed 004).
    - `proven`: the identifiers that a token proves; a soft identifier by which somebody else is
      known counts only if it is one of them. `None`: no proof is needed.
    """

    profile: Node | None
    ids: tuple[Node, ...]
    hard_types: frozenset[str]
    policy: Policy
    effective_at: int
    timed: bool = False
    caps: Mapping[str, int] = NOTHING
    evidence_only: bool = False
    own: bool = False
    day: int = 0
    links_a_day: int = LINKS_A_DAY
    soft_ids_log_in: bool = False
    proven: frozenset[Node] | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node that it names."""
        return (*self.ids, self.profile) if self.profile else self.ids

    @property
    def hard_ids(self) -> tuple[Node, ...]:
        """Its hard identifiers: those of one customer."""
        return tuple(node for node in self.ids if node.type in self.hard_types)

    @property
    def soft_ids(self) -> tuple[Node, ...]:
        """Its soft identifiers."""
        return tuple(node for node in self.ids if node.type not in self.hard_types)

    def predates(self, time: int) -> bool:
        """Tell whether its client says that it was made no later than a time of the past."""
        return self.timed and self.effective_at <= time

    def proves(self, node: Node) -> bool:
        """Tell whether the claim may take what is known by this soft identifier."""
        return self.proven is None or node in self.proven


def decide(claim: Claim, reader: ForestReader) -> Decision:
    """Decide what a claim changes, without writing it.

    The decision holds every node still that it was derived from. Raises `Refused` where a rule
    forbids the claim, and `TooManyIdentifiers` where the customer has no room for an identifier.
    """
    reader.load(claim.nodes)  # one request for all that the claim names
    changes = ChangeSet(
        reader,
        claim.hard_types,
        claim.effective_at,
        timed=claim.timed,
        caps=claim.caps,
        day=claim.day,
        links_a_day=claim.links_a_day,
    )
    customer = _choose_customer(changes, claim)
    if changes.is_hard(customer):
        _bring_along(changes, claim, claim.soft_ids, customer)
    if claim.profile:
        _relink(changes, claim, claim.profile, customer)
    return changes.to_decision(customer)


def undo(
    profile: Node,
    reader: ForestReader,
    hard_types: frozenset[str],
    now: int,
    evidence: str | None = None,
) -> Decision:
    """Undo the newest link of a profile, with everything that the same command linked (rule 11).

    `evidence`: of the link that is meant; nothing changes where it was undone before.
    Raises `Refused` where nothing is linked, or another link is the newest.
    """
    chain = _read_chain(profile, reader, hard_types)
    if evidence and _was_undone(chain, evidence):
        return Decision(profile)
    newest = _require_newest_link(chain, evidence)
    reader.load(newest.nodes)
    changes = ChangeSet(reader, hard_types, now)
    for node in chain:
        changes.state(
            node
        )  # the evidence was chosen by them, so they must not change either
    for node in newest.nodes:
        changes.undo_entries(node, newest.evidence)
    return changes.to_decision(profile)


def _require_newest_link(
    chain: Mapping[Node, Sequence[Entry]], evidence: str | None
) -> Entry:
    """Return the newest link. Raises `Refused` where there is none, or another one is meant."""
    newest = _newest_link(chain)
    if newest is None:
        raise Refused(
            "nothing is linked here that could be undone", code="nothing_to_undo"
        )
    if evidence and evidence != newest.evidence:
        raise Refused(
            "this is not the newest link: take back the newer ones first", "evidence"
        )
    return newest


def resolve_spans(
    spans: Sequence[Span], reader: ForestReader, hard_types: frozenset[str]
) -> tuple[Span, ...]:
    """Follow spans to their roots; neighbours with one root become one span.

    `reader`: has the soft identifiers that spans end at. Hard ones are roots by themselves.
    """
    return ChangeSet(reader, hard_types, 0).resolve_spans(spans)


def look_up(
    node: Node, reader: ForestReader, hard_types: frozenset[str]
) -> Node | None:
    """Find the customer of an identifier; `None` where no customer has it.

    Linked identifiers are followed to their root.
    """
    return ChangeSet(reader, hard_types, 0).look_up(node)


def find_survivor(root: Node, reader: ForestReader, hard_types: frozenset[str]) -> Node:
    """Follow the shop's merges from a root to the customer that it is part of by now.

    A root that was not merged, or is no customer, is returned itself.
    """
    return ChangeSet(reader, hard_types, 0).survivor(root)


def find_root(
    profile: Node, reader: ForestReader, hard_types: frozenset[str], time: int | None
) -> Node:
    """Find the customer behind a profile at a time (`None`: now), or the profile itself.

    `time`: event time in microseconds. Without it no history is read.
    """
    target = _target_at(profile, reader, time)
    if target is None:
        return profile
    if target.type in hard_types:
        return target
    return reader.state(target).link or target


def _target_at(
    profile: Node, reader: ForestReader | ChangeSet, time: int | None
) -> Node | None:
    """Return the target of a profile's link at a time (`None`: now).

    The history is read only where it has a later link.
    """
    state = reader.state(profile)
    if time is None or not state.links or time >= state.effective_at:
        return state.link
    return _link_at(reader.history(profile), time)


def _link_at(history: Sequence[Entry], time: int) -> Node | None:
    """Return the target of a history's newest span as it was at a time."""
    return newest_root(
        fold_spans(entry for entry in history if entry.effective_at <= time)
    )


def _choose_customer(changes: ChangeSet, claim: Claim) -> Node:
    """Choose the customer that a claim is about: by its hard identifiers, if it has any.

    Soft identifiers beside a hard one choose nobody: they are brought along (rule 6).
    """
    if claim.hard_ids:
        return _known_customer(changes, claim.hard_ids)
    return _soft_customer(changes, claim, claim.soft_ids)


def _known_customer(changes: ChangeSet, hard: Sequence[Node]) -> Node:
    """Return the one customer with these hard identifiers, and give it those that it lacks.

    The preferred identifier makes the customer where nobody has any of them. Raises `Refused` where
    they belong to two customers: no client's call merges customers (I7).
    """
    roots = {node: changes.look_up(node) for node in hard}
    known = _distinct(roots.values())
    root = known[0] if known else hard[0]
    if not all(changes.are_one(root, other) for other in known):
        raise Refused(
            "these identifiers belong to different customers, who are never merged: "
            "send those of one customer",
            f"ids.{hard[1].type}",
            code="identifier_conflict",
        )
    changes.mark_known(root)
    for node, owner in roots.items():
        # Any other owner is a customer that the shop merged into this one: undoing the merge would
        # give that one's identifiers back to it, so they stay where they are.
        if owner in (None, root):
            changes.add_alias(node, root)
    return root


def _distinct(found: Iterable[Node | None]) -> list[Node]:
    """List the nodes that were found, each once, in order."""
    return list(dict.fromkeys(node for node in found if node))


def _bring_along(
    changes: ChangeSet, claim: Claim, soft: Sequence[Node], customer: Node
) -> None:
    """Give a customer soft identifiers, with all that was known by them alone (rule 6).

    Those that are the customer's already cost nothing, also where they came by a merge.
    """
    for node in soft:
        owner = changes.look_up(node)
        if owner is None:
            _give_with_history(changes, [node], customer)
        elif not changes.are_one(owner, customer):
            _take_over(changes, claim, node, owner, customer)


def _take_over(
    changes: ChangeSet, claim: Claim, node: Node, owner: Node, customer: Node
) -> None:
    """Give a customer a soft identifier by which somebody else is known so far (rule 6).

    - A hard customer has it: look-ups find the newer customer from now on, and no history moves.
    - A customer known by soft identifiers alone has it: that customer becomes this one.
    - A token was needed, and does not claim it: nothing changes, and the answer warns.
    """
    if not claim.proves(node):
        # else one's own token and a stranger's address would take over the stranger's history
        changes.warnings.append(
            f"ids.{node.type}: somebody else is known by it, and the token does not claim it: "
            "it was left out"
        )
    elif changes.is_hard(owner):
        changes.set_owner(node, customer)
    else:
        _give_with_history(changes, _distinct([owner, node]), customer)


def _give_with_history(
    changes: ChangeSet, soft: Sequence[Node], customer: Node
) -> None:
    """Give a customer soft identifiers, and what was recorded under them.

    The owner is for look-ups, and may change again; the link is for the history, and is made once.
    """
    for node in soft:
        changes.set_owner(node, customer)
        changes.link_once(node, customer)


def _soft_customer(changes: ChangeSet, claim: Claim, soft: Sequence[Node]) -> Node:
    """Choose the customer of soft identifiers that are sent alone (rule 6).

    It is their owner with a hard identifier, else the customer who is logged in here, else a
    customer who is known by one of them, else a new one.
    """
    owners = {node: changes.look_up(node) for node in soft}
    known = _distinct(owners.values())
    hard = list(filter(changes.is_hard, known))
    current = _logged_in_customer(changes, claim)
    is_theirs = current in hard or not hard
    if current and is_theirs and not claim.soft_ids_log_in:
        changes.mark_known(current)
        return current
    # An identifier whose customer was erased leads to who is known by it still, if it is anybody.
    remaining = map(changes.resolve_root, soft)
    customer = [*hard, *known, *remaining][0]
    changes.mark_known(customer)
    _warn_of_log_in(changes, soft[0], current, customer)
    if not hard:
        _take_free_identifiers(changes, owners, customer)
    return customer


def _warn_of_log_in(
    changes: ChangeSet, soft: Node, current: Node | None, customer: Node
) -> None:
    """Warn where a soft identifier alone logs in another customer than the current one.

    A shop that only meant to add an address would lose the visitor's next events to somebody else,
    and see nothing of it.
    """
    if current and not changes.are_one(current, customer):
        changes.warnings.append(
            f"ids.{soft.type}: it logs in somebody else than the customer who was logged in here: "
            "send the hard ID as well to say that they are one"
        )


def _take_free_identifiers(
    changes: ChangeSet, owners: Mapping[Node, Node | None], customer: Node
) -> None:
    """Give a customer the soft identifiers that nobody has, and warn of the others.

    `owners`: each identifier, and the customer who has it. Two customers who are known by soft
    identifiers alone stay two: only a hard identifier says that they are one (rule 6).
    """
    for node, owner in owners.items():
        if owner is None:
            changes.set_owner(node, customer)
        elif owner != customer:
            changes.warnings.append(
                f"ids.{node.type}: another customer is known by it; "
                "send both with a hard ID to join them"
            )


def _logged_in_customer(changes: ChangeSet, claim: Claim) -> Node | None:
    """Return the customer with a hard identifier behind the profile when the claim was made.

    `None` where the visitor was anonymous then, or known by soft identifiers alone.
    """
    if claim.profile is None:
        return None
    time = claim.effective_at if claim.timed else None
    target = _target_at(claim.profile, changes, time)
    root = changes.resolve_root(target) if target else None
    return root if root and changes.is_hard(root) else None


def _relink(changes: ChangeSet, claim: Claim, profile: Node, customer: Node) -> None:
    """Link a profile to the customer that it is identified as (rules 3 and 4).

    A claim whose time its client names may come after others that were made later: then it takes
    its place among them, unless something was undone since, which nobody redoes unknowingly.
    """
    state = changes.state(profile)
    if claim.own and state.link is None:
        _relink_now(changes, claim, profile, customer)
    elif claim.predates(state.undone):
        changes.warn_superseded("a link was undone")
    elif _is_late(claim, state):
        _relink_late(changes, claim, profile, customer)
    else:
        _relink_now(changes, claim, profile, customer)


def _is_late(claim: Claim, state: State) -> bool:
    """Tell whether a claim was made before the newest link of its profile.

    An order proves who somebody is whenever it arrives, so it is never late.
    """
    return (
        claim.predates(state.effective_at)
        and state.links > 0
        and not claim.evidence_only
    )


def _relink_now(
    changes: ChangeSet, claim: Claim, profile: Node, customer: Node
) -> None:
    """Add a link that is newer than every other one of the profile.

    Nothing is added where the profile is this customer's already, so that a call that is sent again
    writes nothing (I6).
    """
    state = changes.state(profile)
    current = changes.resolve_root(state.link) if state.link else None
    # later than every other link, also where two calls came in the same microsecond
    effective_at = max(claim.effective_at, state.effective_at + 1)
    if not current or not changes.are_one(current, customer):
        entry = _entry(claim, current, customer, effective_at)
        _add_link(changes, claim, profile, current, entry, target=customer)
    elif _is_known_by_soft_id(claim, state, current, customer):
        # The link alone: the log-in does not name the identifier, which may be free by now, as the
        # customer who had it last was erased.
        entry = _entry(claim, state.link, customer, effective_at)
        changes.add_link(profile, entry, target=customer)


def _is_known_by_soft_id(
    claim: Claim, state: State, current: Node, customer: Node
) -> bool:
    """Tell whether a visitor logs in who was this customer's by a soft identifier alone so far.

    A link of their own keeps their history with the customer where the shop takes that identifier
    off again. Not so for a customer that was merged: each keeps what came by its own identifiers.
    """
    is_by_soft_id = state.link is not None and state.link.type not in claim.hard_types
    return is_by_soft_id and bool(claim.hard_ids) and current == customer


def _relink_late(
    changes: ChangeSet, claim: Claim, profile: Node, customer: Node
) -> None:
    """Put a claim older than the newest link in its place in the history; later links stand.

    It is written only where it changes to whom a time belongs. Where a later link covers its time,
    as under policy `move`, the answer warns that the later one stands.
    """
    history = changes.history(profile)
    target = _link_at(history, claim.effective_at)
    current = changes.resolve_root(target) if target else None
    if current and changes.are_one(current, customer):
        return  # it changed nothing then, and moves nothing back now
    entry = _entry(claim, current, customer, claim.effective_at)
    before, after = fold_spans(history), fold_spans([*history, _trial_entry(entry)])
    changes_spans = changes.resolve_spans(before) != changes.resolve_spans(after)
    if changes_spans and not _is_placed(changes, claim, history, customer):
        _add_link(changes, claim, profile, current, entry, target=newest_root(after))
    elif not _belongs_to(changes.resolve_spans(before), claim.effective_at, customer):
        changes.warn_superseded("this visitor was identified")


def _add_link(
    changes: ChangeSet,
    claim: Claim,
    profile: Node,
    current: Node | None,
    entry: NewEntry,
    *,
    target: Node | None,
) -> None:
    """Add a link of a profile; a customer known by a soft identifier alone comes along with it.

    `current`: the root that the profile has so far. `target`: the root of its newest span after it.
    """
    if entry.rule == "known" and current and entry.link:
        _upgrade(changes, claim, current, entry.link)
    changes.add_link(profile, entry, target=target)


def _upgrade(changes: ChangeSet, claim: Claim, soft: Node, customer: Node) -> None:
    """Make a customer known by a soft identifier alone the one with the hard identifier.

    All that was said of them goes along: values, consents, look-ups, and every other visitor known
    by that identifier. The visitor's own link does not depend on it: where another customer has
    the identifier by now, or a rule keeps it, the history of this visitor goes alone.
    """
    owner = changes.look_up(soft)
    is_anothers = owner is not None and changes.is_hard(owner) and owner != customer
    may_take = claim.proves(soft) and changes.has_room(soft, customer)
    if may_take and not is_anothers:
        _bring_along(changes, claim, [soft], customer)


def _trial_entry(entry: NewEntry) -> Entry:
    """Return the entry as it would stand in the history, newer than all of the same time.

    Folding the history with it shows what the entry would change, before anything is written.
    """
    return Entry(
        rev=END,
        rule=entry.rule,
        evidence="",
        at=0,
        effective_at=entry.effective_at,
        source="",
        nodes=(),
        link=entry.link,
        starts_span=entry.starts_span,
    )


def _is_placed(
    changes: ChangeSet, claim: Claim, history: Sequence[Entry], customer: Node
) -> bool:
    """Tell whether a late claim is in the history already, or a later hard ID took its place.

    Both mean that the claim was sent again: it must write nothing (I6).
    """
    if any(_is_later_hard_id(entry, claim.effective_at) for entry in history):
        return True
    same_time = [one for one in history if one.effective_at == claim.effective_at]
    targets = [entry.link for entry in same_time if entry.link]
    # At the same time as a link to another customer: while the visitor was this one's until then,
    # the claim wrote nothing when it came first.
    before = _link_at(history, claim.effective_at - 1)
    if targets and before:
        targets.append(before)
    return customer in map(changes.resolve_root, targets)


def _is_later_hard_id(entry: Entry, time: int) -> bool:
    """Tell whether an entry gave a customer known by a soft identifier a hard one, since a time."""
    return entry.is_link and entry.rule == "known" and entry.effective_at >= time


def _belongs_to(spans: Sequence[Span], time: int, customer: Node) -> bool:
    """Tell whether a time is in a span of this customer."""
    return any(
        span.start <= time < span.end and span.target == customer for span in spans
    )


def _entry(
    claim: Claim, current: Node | None, customer: Node, effective_at: int
) -> NewEntry:
    """Make the entry of a link, by the rule that applies.

    Raises `Refused` where the source's policy forbids another customer on this device.
    """
    rule = _rule(claim, current, customer)
    # an earlier event stays where it is, but for one that was known by a soft identifier alone
    starts_span = claim.policy == "split" and rule != "known"
    return NewEntry(rule, effective_at, customer, starts_span=starts_span)


def _rule(claim: Claim, current: Node | None, customer: Node) -> str:
    """Return the rule by which a link changes: `first`, `known`, or the source's policy.

    The rule stands in the history, where `GET /sessions` shows it. Raises `Refused` where the
    policy is `refuse` and another customer is logged in.
    """
    if current is None:
        return "first"
    if current.type not in claim.hard_types and customer.type in claim.hard_types:
        return "known"  # a customer known by a soft identifier alone gets its hard one
    if claim.policy == "refuse" and current != customer:
        raise Refused(
            "another customer is logged in here: call anonymize first",
            "ids",
            code="another_customer",
        )
    return claim.policy


def _read_chain(
    profile: Node, reader: ForestReader, hard_types: frozenset[str]
) -> dict[Node, Sequence[Entry]]:
    """Read the histories of a profile and of the soft identifier that it links to.

    The command that is undone may have linked either, or both.
    """
    chain = {profile: reader.history(profile)}
    last = newest_root(fold_spans(chain[profile]))
    if last and last.type not in hard_types:
        chain[last] = reader.history(last)
    return chain


def _was_undone(chain: Mapping[Node, Sequence[Entry]], evidence: str) -> bool:
    """Tell whether the command with this evidence linked something that was undone since.

    Then an undo that is sent again has nothing left to do (I6).
    """
    entries = itertools.chain.from_iterable(chain.values())
    return any(entry.undone and entry.evidence == evidence for entry in entries)


def _newest_link(chain: Mapping[Node, Sequence[Entry]]) -> Entry | None:
    """Return the link that came last: of one node by its revisions, of two by the clock.

    `None` where it led to an erased customer: the link before it is another customer's, and stays.
    """
    newest = list(filter(None, map(_newest_of, chain.values())))
    if newest and newest[0].link == NOBODY:
        return None
    remaining = [entry for entry in newest if entry.link != NOBODY]
    return max(remaining, key=_written_at, default=None)


def _newest_of(history: Sequence[Entry]) -> Entry | None:
    """Return the link that was written last to the history of one node."""
    live = [entry for entry in history if entry.is_link]
    return max(live, key=_revision, default=None)


def _revision(entry: Entry) -> int:
    """Order the entries of one node as they were written."""
    return entry.rev


def _written_at(entry: Entry) -> int:
    return entry.at
