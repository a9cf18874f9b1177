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
    current_owner,
    existing,
    fold_spans,
    newest_root,
)
from hardlink.domain.records import Erased, Record, erased_before
from hardlink.domain.times import END
from hardlink.domain.values import Name, Value

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

    `freed`: one of the erased ones that stays as an identifier of somebody else.
    """
    # An identifier has one link, for all time: only what a visitor does comes before or after it.
    ended = now + 1 if node.type == PROFILE else 0
    naming = [entry for entry in history if names_any(entry, erased, freed)]
    changed = {
        entry.rev: redact_entry(entry, erased, ended, freed)
        for entry in naming[:MOST_ENTRIES]
    }
    rest = [changed.get(entry.rev, entry) for entry in history]
    lost = find_lost_intervals(node, history, erased, now)
    kept = _keep_values(record.values, lost)
    spilled = [
        name
        for name, value in record.values.items()
        if value.spilled and name not in kept
    ]
    state = record.state._replace(
        rev=record.state.rev + 1,
        link=newest_root(fold_spans(rest)),
        owner=current_owner(rest),
        # whoever was known by an identifier alone was the erased customer
        known=record.state.known and not (lost and node.type != PROFILE),
    )
    # A profile refuses what happened while it was an erased customer's; an identifier, what was
    # sent with it while a look-up found one.
    refused = (
        lost if node.type == PROFILE else find_owned_intervals(history, erased, now)
    )
    return Redaction(
        record=record._replace(
            state=state, values=kept, erased=join_parts(record.erased, refused)
        ),
        entries=tuple(changed.values()),
        lost=lost,
        spilled=tuple(spilled),
        is_complete=len(changed) == len(naming),
    )


def find_owners(node: Node, record: Record, history: Sequence[Entry]) -> set[Node]:
    """Find the nodes that a node belongs to, by the entries that are not undone.

    An identifier that is a customer of its own belongs to itself, whoever a look-up of it finds.
    One that the shop took off a customer, and that nobody has, belongs to that one still.
    """
    spans = fold_spans(history)
    if node.type != PROFILE:
        own = node if record.state.known else None
        found = {newest_root(spans) or own, existing(current_owner(history))}
        return {one for one in found if one} or _removed_from(history)
    owners = {span.target for span in spans}
    if spans and newest_root(spans) is None:
        # Its last customer was erased before: the time since belongs to no customer, and not to the
        # first one.
        owners.add(NOBODY)
    return owners


def _removed_from(history: Sequence[Entry]) -> set[Node]:
    """Find the customers whom the shop took an identifier off, if nobody has it since."""
    found: set[Node] = set()
    for entry in select_removed(history):
        found.update(target for target in (entry.link, entry.owner) if target)
    return found - {NOBODY}


def find_named_nodes(node: Node, history: Sequence[Entry]) -> set[Node]:
    """Find all other nodes that a node's history names."""
    named: set[Node] = set()
    for entry in history:
        named.update(entry.nodes)
        named.update(target for target in (entry.link, entry.owner) if target)
    return named - {node, NOBODY}


def names_any(
    entry: Entry, erased: Collection[Node], freed: Node | None = None
) -> bool:
    """Tell whether an entry leads to an erased node, or names one that is not merely freed."""
    return (
        entry.link in erased
        or entry.owner in erased
        or any(node in erased and node != freed for node in entry.nodes)
    )


def redact_entry(
    entry: Entry, erased: Collection[Node], ended: int, freed: Node | None = None
) -> Entry:
    """Replace erased nodes in an entry by `NOBODY`: what was theirs is no other customer's.

    `ended`: when the span of such a link ends, microseconds. A `freed` one stays among the nodes
    that the command changed, so that it is undone with them.
    """
    is_target_erased = entry.link in erased
    return entry._replace(
        link=NOBODY if is_target_erased else entry.link,
        erased_at=ended if is_target_erased else entry.erased_at,
        owner=NOBODY if entry.owner in erased else entry.owner,
        nodes=tuple(
            node for node in entry.nodes if node not in erased or node == freed
        ),
    )


def find_lost_intervals(
    node: Node, history: Sequence[Entry], erased: Collection[Node], now: int
) -> tuple[Erased, ...]:
    """Find the parts of a node's history in which it belonged to an erased one."""
    spans = [span for span in fold_spans(history) if span.target in erased]
    if spans and node.type != PROFILE:
        # an identifier has one link, and all of its values belong there
        return (erased_before(now + 1),)
    return tuple(Erased(span.start, span.end, now + 1) for span in spans)


def find_owned_intervals(
    history: Sequence[Entry], erased: Collection[Node], now: int
) -> tuple[Erased, ...]:
    """Find the parts of its history in which a look-up of an identifier found an erased node.

    `now`: microseconds. An owner holds until the next one that was not undone.
    """
    standing = [entry for entry in history if entry.owner and not entry.undone]
    standing.sort(key=_effective_order)
    ends = [*(entry.effective_at for entry in standing[1:]), END]
    owned: list[Erased] = []
    for entry, end in zip(standing, ends, strict=False):
        if entry.owner in erased and entry.effective_at <= now:
            owned.append(Erased(entry.effective_at, end, now + 1))
    return tuple(owned)


def join_parts(
    one: tuple[Erased, ...], other: tuple[Erased, ...]
) -> tuple[Erased, ...]:
    """Join two sets of erased parts, in order. Parts that overlap stay two."""
    return tuple(sorted({*one, *other}))


def _effective_order(entry: Entry) -> tuple[int, int]:
    """Order entries by the time from which they hold; those of one time as they were written."""
    return entry.effective_at, entry.rev


def _keep_values(
    values: Mapping[Name, Value], lost: tuple[Erased, ...]
) -> dict[Name, Value]:
    """Keep the values that were set outside of the erased parts."""
    return {
        name: value for name, value in values.items() if not _lies_in(value.time, lost)
    }


def _lies_in(time: int, lost: tuple[Erased, ...]) -> bool:
    # by the interval alone: all of these values came in before the erasure
    return any(part.start <= time < part.end for part in lost)
