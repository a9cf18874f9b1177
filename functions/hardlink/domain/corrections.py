"""Decide what the shop corrects: two customers who are one, an identifier that is not theirs.

Only a server key may ask for a correction. Each is one entry in a node's history, with evidence, so
that it is explained and undone like every link, whatever was linked since.
"""

from __future__ import annotations

from collections.abc import Sequence

from hardlink.domain.changeset import (
    MERGE,
    MOST_MERGES,
    REMOVAL,
    ChangeSet,
    Decision,
    ForestReader,
)
from hardlink.domain.errors import UNKNOWN_IDENTIFIER, NotFound, Refused
from hardlink.domain.graph import Entry, Node, existing


def merge(
    absorbed: Node,
    into: Node,
    reader: ForestReader,
    hard_types: frozenset[str],
    now: int,
) -> Decision:
    """Make the customer of one identifier part of the customer of another one.

    What both have stays where it is; readers see it together. Nothing changes where they are one
    already. Raises `NotFound` where one is unknown, and `Refused` where one is known by a soft
    identifier alone, or too many merges lie one above the other.
    """
    reader.load([absorbed, into])
    changes = ChangeSet(reader, hard_types, now)
    roots = [_find_hard_root(changes, node) for node in (absorbed, into)]
    lower, upper = roots[0], changes.survivor(roots[1])
    if changes.survivor(lower) == upper:
        return changes.to_decision(upper)
    lower = changes.survivor(lower)
    if changes.state(lower).merges + 1 >= MOST_MERGES:
        raise Refused(
            f"at most {MOST_MERGES} merges may lie one above the other: "
            "merge the other customer into this one",
            "from",
        )
    changes.merge(lower, upper)
    return changes.to_decision(upper)


def remove_identifier(
    identifier: Node,
    customer: Node,
    reader: ForestReader,
    hard_types: frozenset[str],
    now: int,
) -> Decision:
    """Take an identifier off a customer, whichever link is the newest (rule 11).

    What was known by it alone is a customer of its own again; what came by a log-in stays. Nothing
    changes where nobody has it. Raises `NotFound` for an unknown customer, and `Refused` where
    another customer has it, or it is the main identifier of a customer.
    """
    reader.load([identifier, customer])
    changes = ChangeSet(reader, hard_types, now)
    root = changes.look_up(customer)
    if root is None:
        raise NotFound(UNKNOWN_IDENTIFIER)
    holders = _find_holders(changes, identifier)
    # it may be that of a customer who was merged into this one
    theirs = {holder for holder in holders if changes.are_one(holder, root)}
    if holders and not theirs:
        raise Refused("another customer has this identifier", "identifier")
    if theirs:
        changes.remove_identifier(identifier, theirs)
    return changes.to_decision(root)


def _find_holders(changes: ChangeSet, identifier: Node) -> set[Node]:
    """Find the roots that a look-up of an identifier finds, and to which its history went.

    One whose customer was erased has none by that. Raises `Refused` for the main identifier of a
    customer: nobody but that customer has it.
    """
    state = changes.state(identifier)
    is_root = state.known and state.owner is None
    if is_root and changes.is_hard(identifier):
        raise Refused(
            "this is a customer's main ID: merge or erase the customer, or undo a merge",
            "identifier",
        )
    targets = (existing(state.owner), state.link)
    return set(map(changes.resolve_root, filter(None, targets)))


def undo_correction(
    identifier: Node,
    evidence: str,
    reader: ForestReader,
    hard_types: frozenset[str],
    now: int,
) -> Decision:
    """Undo a merge of the customer with this identifier, or the identifier's removal.

    `evidence`: of the correction. Nothing changes where it was undone before. A removal is undone
    also beyond the most values that a customer may have of a soft type. Raises `NotFound` where the
    identifier has no such correction, and `Refused` where it is a hard one, of whose type the
    customer got another since.
    """
    reader.load([identifier])
    changes = ChangeSet(reader, hard_types, now)
    for node in (identifier, changes.state(identifier).owner):
        found = _find_correction(changes.history(node), evidence) if node else None
        if node and found:
            _undo(changes, node, found)
            return changes.to_decision(changes.look_up(node) or node)
    raise NotFound("this identifier has no correction with this evidence")


def _undo(changes: ChangeSet, node: Node, found: Entry) -> None:
    """Undo a correction in the history of a node, unless it was undone before."""
    if found.undone:
        return
    if found.rule == MERGE:
        changes.separate(node, found.evidence)
    else:
        changes.restore_identifier(node, found)


def _find_correction(history: Sequence[Entry], evidence: str) -> Entry | None:
    """Find the correction with this evidence in a history, whether it was undone or not.

    Links of clients are none, whatever evidence they have.
    """
    corrections = [entry for entry in history if entry.rule in (MERGE, REMOVAL)]
    for entry in corrections:
        if entry.evidence == evidence:
            return entry
    return None


def _find_hard_root(changes: ChangeSet, node: Node) -> Node:
    """Find the customer of an identifier, who must have a hard one.

    Raises `NotFound` where nobody has it, and `Refused` for a customer known by a soft one alone.
    """
    root = changes.look_up(node)
    if root is None:
        raise NotFound(UNKNOWN_IDENTIFIER)
    if not changes.is_hard(root):
        raise Refused(
            f"the customer is known by {root.type!r} alone: "
            "identify one of their visitors with a hard ID instead",
            node.type,
        )
    return root
