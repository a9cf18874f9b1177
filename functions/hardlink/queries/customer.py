"""A customer as one partition tells it: own values and contributions folded, identifiers, sessions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hardlink.domain import synthetic_ids
from hardlink.domain.graph import PROFILE, Node, fold_spans, intervals_between
from hardlink.domain.records import Contribution, Item, Key, MergeNotice, Record, SessionRow
from hardlink.domain.times import END
from hardlink.domain.values import KINDS, Name, Value
from hardlink.storage import items, keys
from hardlink.storage.store import Store


@dataclass(frozen=True, slots=True)
class SessionInterval:
    """A session's events from `start` up to, not including, `end` belong to the customer read.

    `bound`: no event of it is later; `seen`: one may be as late as this (microseconds).
    """

    session: str
    profile: str
    start: int
    end: int
    bound: int
    seen: int


@dataclass(frozen=True, slots=True)
class Customer:
    """A root and its rows."""

    project_id: str
    root: Node
    record: Record
    contributions: tuple[Contribution, ...]
    sessions: tuple[SessionRow, ...]
    owned: tuple[Node, ...]

    @classmethod
    def of(cls, project_id: str, root: Node, found: Iterable[tuple[Key, Item]]) -> Customer:
        """A customer from the items of its partition."""
        record = Record()
        contributions, sessions, owned, history = [], [], [], []
        for key, item in found:
            match key.item[:2]:
                case keys.HEAD:
                    record = items.decode_record(item)
                case "i/":
                    owned.append(Node.parse(key.item[2:]))
                case "l/":
                    history.append(items.decode_entry(key, item))
                case "p/":
                    contributions.append(items.decode_contribution(key, item))
                case "s/":
                    sessions.append(items.decode_session_row(key, item))
        if root.type == PROFILE:  # what it did as somebody else is theirs
            own = intervals_between(fold_spans(history))
            said = record.values.items()
            kept = {n: v for n, v in said if any(start <= v.time < end for start, end in own)}
            record = record._replace(values=kept)
            contributions.append(Contribution(root, own, {}))
        return cls(project_id, root, record, tuple(contributions), tuple(sessions), tuple(owned))

    @property
    def identifiers(self) -> dict[str, list[str]]:
        """Every identifier that finds this customer, by type."""
        lent = (node for c in self.contributions for node in (c.node, *c.identifiers))
        nodes = {
            self.root,
            *self.owned,
            *lent,
            *(Node(t, v) for t, v in self.record.state.ids.items()),
        }
        by_type: dict[str, list[str]] = {}
        for node in sorted(nodes):
            if node.type != PROFILE:
                by_type.setdefault(node.type, []).append(node.value)
        return by_type

    @property
    def devices(self) -> list[str]:
        """The sessions whose next event will be this customer's, the oldest first; not the customer's own."""
        current = {stretch.session for stretch in self.stretches() if stretch.end == END}
        rows = sorted(self.sessions, key=lambda row: (row.created, row.session))
        return [
            row.session
            for row in rows
            if row.session in current and not synthetic_ids.is_synthetic(row.session)
        ]

    def values(self, store: Store) -> Mapping[str, Any]:
        """Attributes, segments, traits and consents: of every name the value set last."""
        newest: dict[Name, tuple[Value, Node]] = {}
        lent = [(c.node, c.values) for c in self.contributions]
        for node, said in [(self.root, self.record.values), *lent]:
            for name, value in said.items():
                if value.newer_than(newest[name][0] if name in newest else None):
                    newest[name] = (value, node)
        return _shown(_unspilled(store, self.project_id, newest))

    def joined(self) -> Iterator[tuple[Node, MergeNotice]]:
        """Visitors whose history was brought here when this customer was known already, and when that was."""
        for c in self.contributions:
            if (
                c.merge_notice
                and c.node.type == PROFILE
                and c.merge_notice.at > self.record.created
            ):
                yield c.node, c.merge_notice

    def stretches(self) -> list[SessionInterval]:
        """Every session and stretch of time whose events are this customer's."""
        intervals = {c.node: c.intervals for c in self.contributions}
        return [
            SessionInterval(
                row.session,
                row.profile.value,
                max(start, row.since),
                end,
                min(row.latest, end - 1),
                min(row.last_event_at, end - 1),
            )
            for row in self.sessions
            for start, end in intervals.get(row.profile, ())
            if row.since < end
        ]


def _unspilled(
    store: Store, project_id: str, newest: Mapping[Name, tuple[Value, Node]]
) -> dict[Name, str]:
    item_keys = {
        name: keys.spilled_value(project_id, node, name)
        for name, (value, node) in newest.items()
        if value.spilled
    }
    found_items = (
        dict(zip(item_keys, store.get(list(item_keys.values())), strict=True)) if item_keys else {}
    )
    found = {name: value.json for name, (value, _) in newest.items() if not value.spilled}
    return found | {name: str(item["json"]) for name, item in found_items.items() if item}


def _shown(found: Mapping[Name, str]) -> dict[str, Any]:
    shown: dict[str, Any] = {kind: {} for kind in KINDS}
    for (kind, name), text in sorted(found.items()):
        shown[kind][name] = json.loads(text)
    shown["segments"] = [label for label, holds in shown["segments"].items() if holds]
    return shown
