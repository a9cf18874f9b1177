"""A customer folded from one partition: identifiers, values, sessions, and their intervals."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hardlink.domain import synthetic_ids
from hardlink.domain.graph import PROFILE, Entry, Node, fold_spans, unlinked_intervals
from hardlink.domain.records import (
    Contribution,
    Erased,
    Item,
    Key,
    MergeNotice,
    Record,
    SessionRow,
    stored_was_erased,
)
from hardlink.domain.times import END
from hardlink.domain.values import (
    NULL,
    SHOWN_KINDS,
    Name,
    Value,
    Values,
    values_set_within,
    with_lists,
)
from hardlink.storage import items, keys, nodes
from hardlink.storage.store import Store


@dataclass(frozen=True, slots=True)
class SessionInterval:
    """The part of a session that belongs to one customer: from `start` up to, not including, `end`.

    Times are microseconds of event time. `first`, `bound`: no event of it is earlier or later;
    `seen`: the latest event is expected here. `erased`: what of it was erased, and may not be
    deleted yet.
    """

    session: str
    profile: str
    start: int
    end: int
    bound: int
    seen: int
    erased: tuple[Erased, ...] = ()
    first: int = 0

    def shows(self, time: int, received: int) -> bool:
        """Tell whether readers are shown an event of this time, which came in at `received`."""
        return not stored_was_erased(self.erased, time, received)


@dataclass(frozen=True, slots=True)
class Customer:
    """A root of the identity forest with its rows.

    `owned`: identifiers whose owner it is. `merged`: customers that the shop made part of it.
    `unread`: roots under which values are contributed that were not read with these rows.
    `is_shared`: the identifier that led here is another customer by itself.
    """

    project_id: str
    root: Node
    record: Record
    contributions: tuple[Contribution, ...]
    sessions: tuple[SessionRow, ...]
    owned: tuple[Node, ...]
    merged: tuple[Node, ...] = ()
    unread: tuple[Node, ...] = ()
    is_shared: bool = False

    @classmethod
    def from_items(
        cls,
        project_id: str,
        root: Node,
        partition: Iterable[tuple[Key, Item]],
        *,
        has_values: bool = False,
    ) -> Customer:
        """Build a customer from the items of its partition.

        `partition`: items from `#` to the end of `s/`, in any order; those of other kinds are
        ignored. `has_values`: the values that are contributed are among them. Of an anonymous
        profile, what it did while it was linked is left out.
        """
        record = Record()
        contributions: list[Contribution] = []
        values: dict[Node, Values] = {}
        sessions: list[SessionRow] = []
        owned: list[Node] = []
        merged: list[Node] = []
        history: list[Entry] = []
        for key, item in partition:
            match key.item[:2]:
                case keys.HEAD:
                    record = items.decode_record(item)
                case keys.CUSTOMER_IDENTIFIER:
                    owned.append(Node.parse(key.item[2:]))
                case keys.MERGED_CUSTOMER:
                    merged.append(Node.parse(key.item[2:]))
                case keys.LINK_ENTRY:
                    history.append(items.decode_entry(key, item))
                case keys.CONTRIBUTION:
                    contributions.append(items.decode_contribution(key, item))
                case keys.CONTRIBUTED_VALUES:
                    values.update([items.decode_contributed_values(key, item)])
                case keys.ROOT_SESSION:
                    sessions.append(items.decode_session_row(key, item))
        customer = cls(
            project_id,
            root,
            record,
            tuple(_with_values(contributions, values)),
            tuple(sessions),
            tuple(owned),
            tuple(merged),
            unread=() if has_values or not contributions else (root,),
        )
        if root.type == PROFILE:
            return customer._unlinked_part(history)
        return customer._without_erased_visitors()

    def _unlinked_part(self, history: Iterable[Entry]) -> Customer:
        """Drop what an anonymous profile did while it was linked: that belongs to the customer."""
        unlinked = unlinked_intervals(fold_spans(history))
        values = values_set_within(self.record.values, unlinked)
        own = Contribution(self.root, unlinked, {}, erased=self.record.erased)
        return replace(
            self,
            record=self.record._replace(values=values),
            contributions=(*self.contributions, own),
        )

    def absorb(self, other: Customer) -> Customer:
        """Return this customer together with one that the shop merged into it.

        The other one's own values and identifiers are a contribution, like those of a visitor.
        """
        ids = [Node(type_, value) for type_, value in other.record.state.ids.items()]
        own = Contribution(
            other.root, ((0, END),), other.record.values, (*ids, *other.owned)
        )
        contributions = (*self.contributions, *other.contributions, own)
        sessions = {row.session: row for row in (*other.sessions, *self.sessions)}
        return replace(
            self,
            contributions=_join_contributions(contributions),
            sessions=tuple(sessions.values()),
            unread=(*self.unread, *other.unread),
        )

    def with_all_identifiers(self, store: Store) -> Customer:
        """Return it with the identifiers that its contributions have no room for.

        Costs a request for each soft identifier that brought so many others along.
        """
        if all(one.lists_all for one in self.contributions):
            return self
        complete = [self._complete(store, one) for one in self.contributions]
        return replace(self, contributions=tuple(complete))

    def _complete(self, store: Store, contribution: Contribution) -> Contribution:
        """Return a contribution with every identifier that found its node."""
        if contribution.lists_all:
            return contribution
        owned = nodes.read_named_nodes(
            store, self.project_id, contribution.node, keys.CUSTOMER_IDENTIFIER
        )
        return contribution._replace(identifiers=tuple(owned), lists_all=True)

    def _without_erased_visitors(self) -> Customer:
        """Drop the sessions of profiles that contribute nothing any more.

        The erasure of a profile takes away its contribution at once, and later the rows of its
        sessions, which other visitors may have by then.
        """
        contributing = {one.node for one in self.contributions}
        kept = [row for row in self.sessions if row.profile in contributing]
        return replace(self, sessions=tuple(kept))

    @property
    def identifiers(self) -> dict[str, list[str]]:
        """Values of every identifier that finds this customer, by type, both sorted.

        Profiles are none: only the service knows their IDs.
        """
        nodes = {self.root, *self.owned}
        nodes.update(map(Node._make, self.record.state.ids.items()))
        for contribution in self.contributions:
            nodes.update((contribution.node, *contribution.identifiers))
        by_type: dict[str, list[str]] = {}
        for node in sorted(nodes):
            if node.type != PROFILE:
                by_type.setdefault(node.type, []).append(node.value)
        return by_type

    @property
    def is_known(self) -> bool:
        """True if it is a root that a call named, and it is not being erased."""
        state = self.record.state
        return state.known and state.link is None and not self.record.erasing_since

    @property
    def is_anonymous(self) -> bool:
        """True if it is a visitor whom no call named, and it is not being erased."""
        is_profile = self.root.type == PROFILE and self.record.exists
        return is_profile and self.record.state.link is None

    @property
    def visits(self) -> list[SessionRow]:
        """The sessions that clients made, oldest first; not the customer's own synthetic ones."""
        rows = sorted(self.sessions, key=_creation_order)
        return [row for row in rows if not synthetic_ids.is_synthetic(row.session)]

    def first_sessions(self) -> dict[Node, str]:
        """Find the ID of each profile's first visit."""
        newest_first = reversed(self.visits)
        return {row.profile: row.session for row in newest_first}

    @property
    def current_sessions(self) -> list[str]:
        """The sessions whose next event will be this customer's, oldest first."""
        intervals = self.session_intervals()
        current = {one.session for one in intervals if one.end == END}
        return [row.session for row in self.visits if row.session in current]

    def read_values(self, store: Store) -> Mapping[str, Any]:
        """Read attributes, segments, traits and consents; of each name the value set last.

        Returns kind -> name -> value; `segments` is a list of labels. Costs a query for each of the
        `unread` roots, and a request for large values.
        """
        newest: dict[Name, tuple[Value, Node]] = {}
        _fold_newest(newest, self.root, self.record.values)
        for contribution in self.contributions:
            _fold_newest(newest, contribution.node, contribution.values)
        for root in self.unread:
            contributed = nodes.read_contributed_values(store, self.project_id, root)
            for node, values in contributed:
                _fold_newest(newest, node, values)
        texts = _read_spilled(store, self.project_id, newest)
        dated = {name: (newest[name][0].time, text) for name, text in texts.items()}
        return _by_kind(with_lists(dated))

    def list_merges(self) -> Iterator[tuple[Node, MergeNotice]]:
        """List the visitors whose history joined a customer who was known already."""
        for contribution in self.contributions:
            notice = contribution.merge_notice
            if notice is None or contribution.node.type != PROFILE:
                continue
            # The first visitor makes the customer, and so joins nobody.
            if notice.at > self.record.created:
                yield contribution.node, notice

    def session_intervals(self) -> list[SessionInterval]:
        """List every part of a session whose events are this customer's.

        A session has several where its visitor became another customer in between.
        """
        contributions = {one.node: one for one in self.contributions}
        found: list[SessionInterval] = []
        for row in self.sessions:
            contribution = contributions.get(row.profile)
            if contribution:
                found += _session_intervals(row, contribution)
        return found


def _session_intervals(
    row: SessionRow, contribution: Contribution
) -> list[SessionInterval]:
    """List the parts of a session in which its profile is the customer's, but for empty ones."""
    erased = tuple(dict.fromkeys((*row.erased, *contribution.erased)))
    intervals = [
        session_interval(row, start, end, erased)
        for start, end in contribution.intervals
    ]
    return [interval for interval in intervals if interval.start < interval.end]


def session_interval(
    row: SessionRow, start: int, end: int, erased: tuple[Erased, ...]
) -> SessionInterval:
    """Make the part of a session that lies in an interval, without an erased beginning.

    Bounds beyond its end are cut.
    """
    for part in sorted(erased):
        if part.start <= start:
            start = max(start, min(part.end, part.until))
    return SessionInterval(
        row.session,
        row.profile.value,
        start,
        end,
        min(row.latest, end - 1),
        min(row.last_event_at, end - 1),
        erased,
        row.earliest,
    )


def _with_values(
    contributions: Iterable[Contribution], values: Mapping[Node, Values]
) -> Iterator[Contribution]:
    """Give contributions their values, as far as these were read."""
    for one in contributions:
        yield one._replace(values=values.get(one.node, one.values))


def _join_contributions(
    contributions: Iterable[Contribution],
) -> tuple[Contribution, ...]:
    """Make one contribution of all that a node has under several roots."""
    joined: dict[Node, Contribution] = {}
    for one in contributions:
        before = joined.get(one.node)
        joined[one.node] = _join_two(before, one) if before else one
    return tuple(joined.values())


def _join_two(first: Contribution, second: Contribution) -> Contribution:
    # intervals of one node under two roots never overlap, and neither do the values set in them
    identifiers = dict.fromkeys((*first.identifiers, *second.identifiers))
    return Contribution(
        first.node,
        tuple(sorted((*first.intervals, *second.intervals))),
        {**first.values, **second.values},
        tuple(identifiers),
        first.merge_notice or second.merge_notice,
        tuple(dict.fromkeys((*first.erased, *second.erased))),
        lists_all=first.lists_all and second.lists_all,
    )


def _creation_order(row: SessionRow) -> tuple[int, str]:
    """Order sessions by their creation, and those of one moment by ID."""
    return row.created, row.session


def _fold_newest(
    newest: dict[Name, tuple[Value, Node]], node: Node, values: Values
) -> None:
    """Keep the later value of each name, with the node whose partition holds it."""
    for name, value in values.items():
        before = newest.get(name)
        if before is None or value.newer_than(before[0]):
            newest[name] = (value, node)


def _read_spilled(
    store: Store, project_id: str, newest: Mapping[Name, tuple[Value, Node]]
) -> dict[Name, str]:
    """Replace values by their JSON, read from items of their own where they are large."""
    texts: dict[Name, str] = {}
    spilled: dict[Name, Key] = {}
    for name, (value, node) in newest.items():
        if value.spilled:
            spilled[name] = keys.spilled_value(project_id, node, name)
        else:
            texts[name] = value.json
    found = nodes.read_items(store, list(spilled.values()))
    for name, key in spilled.items():
        if key in found:
            texts[name] = str(found[key]["json"])
    return texts


def _by_kind(texts: Mapping[Name, str]) -> dict[str, Any]:
    """Parse values and group them by kind; segments become a list of those that hold."""
    grouped: dict[str, Any] = {kind: {} for kind in SHOWN_KINDS}
    for (kind, name), text in sorted(texts.items()):
        if text != NULL:  # else it was removed
            grouped[kind][name] = json.loads(text)
    segments = grouped["segments"]
    grouped["segments"] = list(filter(segments.get, segments))
    return grouped
