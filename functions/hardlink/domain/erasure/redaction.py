"""Redacts a node that is kept when others are erased: its history names them no more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from hardlink.domain.changeset import select_removed
from hardlink.domain.graph import (
    NOBODY,
    PROFILE,
    Entry,
    Node,
    State,
    current_owner,
    existing,
    fold_spans,
    newest_root,
)
from hardlink.domain.records import Erased, Record, erased_before
from hardlink.domain.times import END
from hardlink.domain.values import Name, Value, values_set_within

MOST_ENTRIES = 60
"""Entries that one redaction changes: it is one transaction, and the next one goes on."""


class Redaction(NamedTuple):
    """The changes of a redaction. `record`: the node, `entries`: changed ones, both afterwards.

    `lost`: the parts of its history in which it belonged to an erased one. `spilled`: names of
    large values that it loses. `is_complete`: no entry names an erased node any more.
    """

    record: Record
    entries: tuple[Entry, ...]
    lost: tuple[Erased, ...]
    spilled: tuple[Name, ...]
    is_complete: bool


def redact_node(
    node: Node,
    record: Record,
    history: Sequence[Entry],
    erased: Collection[Node],
    now: int,
    freed: Node | None = None,
) -> Redaction:
    """Take erased nodes out of a node's history, with the values that it held for them.

    `record`, `history`: the node as it was read. `now`: microseconds. `freed`: one of the erased
    ones that stays as an identifier of somebody else. At most `MOST_ENTRIES` entries change.
    """
    naming = [entry for entry in history if names_any(entry, erased, freed)]
    changed = {
        entry.rev: redact_entry(entry, erased, freed) for entry in naming[:MOST_ENTRIES]
    }
    rest = [changed.get(entry.rev, entry) for entry in history]
    lost = find_lost_intervals(node, history, erased, now)
    # by the interval alone: all of these values came in before the erasure
    gone = values_set_within(record.values, [(part.start, part.end) for part in lost])
    refused = find_refused_intervals(node, history, erased, now)
    redacted = record._replace(
        state=_redact_state(node, record.state, rest, lost),
        values=_without(record.values, gone),
        erased=join_parts(record.erased, refused),
    )
    return Redaction(
        record=redacted,
        entries=tuple(changed.values()),
        lost=lost,
        spilled=tuple(name for name, value in gone.items() if value.spilled),
        is_complete=len(changed) == len(naming),
    )


def _redact_state(
    node: Node, state: State, history: Sequence[Entry], lost: tuple[Erased, ...]
) -> State:
    """Bring a node's state in line with its redacted history.

    `lost`: the parts of it in which the node belonged to an erased one. Whoever was known by an
    identifier alone was the erased customer.
    """
    was_erased_customer = node.type != PROFILE and bool(lost)
    return state._replace(
        rev=state.rev + 1,
        link=newest_root(fold_spans(history)),
        owner=current_owner(history),
        known=state.known and not was_erased_customer,
    )


def _without(
    values: Mapping[Name, Value], gone: Mapping[Name, Value]
) -> dict[Name, Value]:
    """Return values without some of them, in their order: equal values make equal items."""
    return {name: value for name, value in values.items() if name not in gone}


def find_owners(node: Node, record: Record, history: Sequence[Entry]) -> set[Node]:
    """Find the nodes that a node belongs to, by the entries that are not undone.

    `record`, `history`: the node as it was read. It belongs to nobody where the set is empty.
    """
    if node.type == PROFILE:
        return _find_customers(history)
    return _find_holders(node, record, history) or _removed_from(history)


def _find_holders(node: Node, record: Record, history: Sequence[Entry]) -> set[Node]:
    """Find the customers who have an identifier: by its link, and by what a look-up finds.

    An identifier that is a customer of its own belongs to itself, whoever a look-up of it finds:
    its visitors do not go with a customer who has the address by now.
    """
    root = newest_root(fold_spans(history))
    if root is None and record.state.known:
        root = node
    holders = (root, existing(current_owner(history)))
    return {holder for holder in holders if holder}


def _find_customers(history: Sequence[Entry]) -> set[Node]:
    """Find the customers to whom the parts of a profile's history belong.

    `NOBODY` is among them where its last customer was erased before: the time since belongs to no
    customer, and not to the first one. A profile that nobody has is its own, and has none.
    """
    spans = fold_spans(history)
    customers = {span.target for span in spans}
    if spans and newest_root(spans) is None:
        customers.add(NOBODY)
    return customers


def _removed_from(history: Sequence[Entry]) -> set[Node]:
    """Find the customers whom the shop took an identifier off, and who were not erased before.

    Where nobody has the identifier since, it belongs to them still: it names nobody else.
    """
    found: set[Node] = set()
    for entry in select_removed(history):
        found.update(entry.targets)
    return found


def find_named_nodes(node: Node, history: Sequence[Entry]) -> set[Node]:
    """Find all other nodes that a node's history names.

    Entries that were undone name nodes as well: they must name no erased one.
    """
    named: set[Node] = set()
    for entry in history:
        named.update(entry.nodes, entry.targets)
    return named - {node, NOBODY}


def names_any(
    entry: Entry, erased: Collection[Node], freed: Node | None = None
) -> bool:
    """Tell whether an entry leads to an erased node, or names one that is not merely freed.

    `freed`: one of the erased ones that stays as an identifier of somebody else.
    """
    if entry.link in erased or entry.owner in erased:
        return True
    gone = set(erased) - {freed}
    return not gone.isdisjoint(entry.nodes)


def redact_entry(
    entry: Entry, erased: Collection[Node], freed: Node | None = None
) -> Entry:
    """Replace erased nodes in an entry by `NOBODY`: what was theirs is no other customer's.

    A `freed` one stays among the nodes that the command changed, so that it is undone with them.
    All else stays: whether the entry was undone, its evidence and its times.
    """
    gone = set(erased) - {freed}
    nodes = tuple(node for node in entry.nodes if node not in gone)
    redacted = entry._replace(nodes=nodes)
    if entry.link in erased:
        redacted = redacted._replace(link=NOBODY)
    if entry.owner in erased:
        redacted = redacted._replace(owner=NOBODY)
    return redacted


def find_lost_intervals(
    node: Node, history: Sequence[Entry], erased: Collection[Node], now: int
) -> tuple[Erased, ...]:
    """Find the parts of a node's history in which it belonged to an erased one.

    Of an identifier that is all of it, or nothing: it has one link, and all of its values belong
    there. `now`: microseconds. What is stored of these parts goes, and what comes late is refused.
    """
    spans = [span for span in fold_spans(history) if span.target in erased]
    if spans and node.type != PROFILE:
        return (erased_before(now + 1),)
    return tuple(Erased(span.start, span.end, now + 1) for span in spans)


def find_refused_intervals(
    node: Node, history: Sequence[Entry], erased: Collection[Node], now: int
) -> tuple[Erased, ...]:
    """Find the parts of a node's history of which nothing is stored any more.

    A profile refuses what happened while it was an erased customer's; an identifier, what was sent
    with it while a look-up found one.
    """
    if node.type == PROFILE:
        return find_lost_intervals(node, history, erased, now)
    return find_owned_intervals(history, erased, now)


def find_owned_intervals(
    history: Sequence[Entry], erased: Collection[Node], now: int
) -> tuple[Erased, ...]:
    """Find the parts of its history in which a look-up of an identifier found an erased node.

    `now`: microseconds. An owner holds until the next one that was not undone, the last one for
    ever. Returned in order of time.
    """
    standing = [entry for entry in history if entry.owner and not entry.undone]
    standing.sort(key=_effective_order, reverse=True)
    owned: list[Erased] = []
    end = END
    for entry in standing:
        if entry.owner in erased and entry.effective_at <= now:
            owned.append(Erased(entry.effective_at, end, now + 1))
        end = entry.effective_at
    return tuple(reversed(owned))


def join_parts(
    one: tuple[Erased, ...], other: tuple[Erased, ...]
) -> tuple[Erased, ...]:
    """Join two sets of erased parts, in order. Parts that overlap stay two.

    Each has a time of its own until which it counts.
    """
    return tuple(sorted({*one, *other}))


def _effective_order(entry: Entry) -> tuple[int, int]:
    """Order entries by the time from which they hold; those of one time as they were written."""
    return entry.effective_at, entry.rev
