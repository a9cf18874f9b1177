"""What identifying a visitor does: pure decisions over the nodes they read. No I/O, no clock, no randomness.

A decision that needs a node it was not given raises `Unread`; its caller reads the node and decides again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from hardlink.domain.changeset import (
    LINKS_A_DAY,
    ChangeSet,
    Decision,
    Facts,
    Histories,
    NeedsRead,
    NewEntry,
)
from hardlink.domain.errors import Refused
from hardlink.domain.graph import NOBODY, NOTHING, Entry, Node, Span, fold_spans
from hardlink.domain.graph import newest_root as newest_of
from hardlink.domain.times import END

Policy = Literal["move", "split", "refuse"]


class Claim(NamedTuple):
    """A command says: whoever is behind `profile` is the customer with these identifiers.

    `ids`: in order of preference. `hard_types`: the project's. `said`: when it was said, microseconds;
    `timed`: the client named that time, so it may be late. `caps`: most values of a type for one customer.
    `stranger`: what proves who somebody is; with `refuse` it takes nobody from a customer, not even from before they
    were one. `own`: `profile` is this customer's own, of what happened on no device: it can be nobody else's, so it is
    linked whatever was taken back. `day`: on which it came in (of days since 1970), for `links_a_day`; 0 counts
    nothing.
    """

    profile: Node | None
    ids: tuple[Node, ...]
    hard_types: frozenset[str]
    policy: Policy
    effective_at: int
    timed: bool = False
    caps: Mapping[str, int] = NOTHING
    stranger: bool = False
    own: bool = False
    day: int = 0
    links_a_day: int = LINKS_A_DAY


def decide(claim: Claim, facts: Facts, histories: Histories | None = None) -> Decision:
    """What a claim changes. Raises `Refused` where a rule forbids it, `Unread` where facts are missing."""
    named = [*claim.ids, claim.profile] if claim.profile else claim.ids
    if missing := [node for node in named if node not in facts]:
        raise NeedsRead(missing)
    draft = ChangeSet(
        facts,
        claim.hard_types,
        claim.effective_at,
        timed=claim.timed,
        caps=claim.caps,
        histories=histories or NOTHING,
        day=claim.day,
        links_a_day=claim.links_a_day,
    )
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
    chain = _chain(profile, facts, histories, hard_types)
    if any(e.evidence == evidence and e.undone for entries in chain.values() for e in entries):
        return Decision(profile)
    newest = _newest(chain)
    if newest and evidence not in (None, newest.evidence):
        raise Refused("this is not the newest link: take back the newer ones first", "evidence")
    if newest is None:
        raise Refused("nothing is linked here that could be undone", code="nothing_to_undo")
    # a node before its history: what is written holds the node as it was read, and so no history that is older
    if missing := [node for node in newest.nodes if node not in facts]:
        raise NeedsRead(missing)
    if missing := [node for node in newest.nodes if node not in histories]:
        raise NeedsRead(missing, history=True)
    draft = ChangeSet(facts, hard_types, now)
    for node in chain:
        draft.state(node)  # what chose the evidence must not change either
    for node in newest.nodes:
        draft.take_back(node, newest.evidence, histories[node])
    return draft.decision(profile)


def roots(found: Sequence[Span], facts: Facts, hard_types: frozenset[str]) -> tuple[Span, ...]:
    """Spans followed to the roots, neighbours joined. Raises `Unread`."""
    return ChangeSet(facts, hard_types, 0).roots(found)


def look_up(node: Node, facts: Facts, hard_types: frozenset[str]) -> Node | None:
    """The customer that an identifier finds, `None` when nobody is known by it. Raises `Unread`."""
    return ChangeSet(facts, hard_types, 0).look_up(node)


def _known_customer(draft: ChangeSet, hard: Sequence[Node]) -> Node:
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


def _bring_along(draft: ChangeSet, soft: Sequence[Node], customer: Node) -> None:
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


def _soft_customer(draft: ChangeSet, soft: Sequence[Node]) -> Node:
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


def _relink(draft: ChangeSet, claim: Claim, profile: Node, customer: Node) -> None:
    """What being identified as `customer` does to the link of a profile."""
    state = draft.state(profile)
    if not (claim.own and state.link is None):
        if claim.timed and claim.effective_at <= state.undone:
            draft.supersede("a link was undone")
            return
        if (
            claim.timed
            and state.links
            and claim.effective_at <= state.effective_at
            and not claim.stranger
        ):
            _relink_late(draft, claim, profile, customer)
            return
    current = draft.root(state.link) if state.link else None
    if current == customer:
        return
    rule = _rule(claim, current, customer)
    said = max(claim.effective_at, state.effective_at + 1)
    entry = NewEntry(rule, said, customer, starts_span=_begins(claim, rule))
    draft.link(profile, entry, target=customer)


def _relink_late(draft: ChangeSet, claim: Claim, profile: Node, customer: Node) -> None:
    """A claim that was said before the newest link: it takes its place in the history, what came later stands."""
    history = draft.history(profile)
    before = fold_spans(history)
    said_before = fold_spans(entry for entry in history if entry.effective_at <= claim.effective_at)
    target = newest_of(said_before)
    current = draft.root(target) if target else None
    if current == customer:
        return  # it said nothing new then, and moves nothing back now
    rule = _rule(claim, current, customer)
    entry = NewEntry(rule, claim.effective_at, customer, starts_span=_begins(claim, rule))
    trial = Entry(END, rule, "", 0, claim.effective_at, "", (), customer, entry.starts_span)
    after = fold_spans([*history, trial])
    placed = any(
        e.effective_at == claim.effective_at and e.link and draft.root(e.link) == customer
        for e in history
    )
    replaced = any(
        e.rule == "known" and e.effective_at >= claim.effective_at and not e.undone for e in history
    )
    if not (placed or replaced) and draft.roots(before) != draft.roots(after):
        draft.link(profile, entry, target=newest_of(after))
    elif not any(
        s.start <= claim.effective_at < s.end and s.target == customer for s in draft.roots(before)
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
    profile: Node, facts: Facts, histories: Histories, hard_types: frozenset[str]
) -> dict[Node, Sequence[Entry]]:
    """The histories that a profile's customer hangs on: its own, and that of the soft identifier between."""
    if profile not in facts:
        raise NeedsRead([profile])
    if profile not in histories:
        raise NeedsRead([profile], history=True)
    last = newest_of(fold_spans(histories[profile]))
    nodes = [profile, *([last] if last and last.type not in hard_types else [])]
    if missing := [node for node in nodes if node not in facts]:
        raise NeedsRead(missing)
    if missing := [node for node in nodes if node not in histories]:
        raise NeedsRead(missing, history=True)
    return {node: histories[node] for node in nodes}


def _newest(chain: Mapping[Node, Sequence[Entry]]) -> Entry | None:
    """The link that came last: of one node by its revisions, of two by the clock.

    None where it led to somebody who was erased: the one before it is another's, and stays.
    """
    live = [[e for e in entries if e.link and not e.undone] for entries in chain.values()]
    newest = [max(entries, key=lambda e: e.rev) for entries in live if entries]
    if newest and newest[0].link == NOBODY:
        return None
    newest = [entry for entry in newest if entry.link != NOBODY]
    return max(newest, key=lambda e: e.at, default=None)
