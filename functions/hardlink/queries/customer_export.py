"""Everything that is kept of one customer, as one JSON document: what a person may ask for (GDPR, article 15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hardlink.domain import records
from hardlink.domain.events import MOST_ANSWERED_BYTES
from hardlink.domain.graph import NOBODY, PROFILE, Entry, Node
from hardlink.domain.records import Key
from hardlink.domain.times import to_iso
from hardlink.queries.customer import Customer
from hardlink.queries.export_reader import Budget, ExportRequest, Exports
from hardlink.queries.paging import EventQuery
from hardlink.queries.timeline import Timeline
from hardlink.storage import items, keys, nodes
from hardlink.storage.store import Store

MOST_ZIPPED = 16 * 1024 * 1024
"""Bytes of a document that is answered zipped."""
HINT = (
    "send Accept-Encoding: gzip, or read it in parts by the time of events: since (included), until"
)


class Documents:
    """Reads whole customers. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._timeline = Timeline(store, clock)
        self._exports = Exports(store, clock)

    def export(self, customer: Customer, wanted: EventQuery, *, zipped: bool) -> dict[str, Any]:
        """The customer's view, identity and events, the oldest first, each part whole. Raises `TooLarge`.

        `wanted`: only its `since` and `until` count, and only for events.
        """
        budget = self._exports.budget(MOST_ZIPPED if zipped else MOST_ANSWERED_BYTES, HINT)
        asked = ExportRequest(since=wanted.since, until=wanted.until, derived=False)
        shown = self._timeline.shown(customer)
        return {
            "exported": to_iso(self._clock()),
            "since": to_iso(wanted.since) if wanted.since else None,
            "until": to_iso(wanted.until) if wanted.until != EventQuery().until else None,
            **shown,
            "sessions": list(budget.held(self._sessions(customer, shown["sessions"]))),
            "links": list(budget.held(self._links(customer, budget))),
            "events": self._exports.events(customer, asked, budget),
        }

    def _sessions(
        self, customer: Customer, shown: list[dict[str, Any]]
    ) -> Iterator[Mapping[str, Any]]:
        """Sessions with what is kept of each beside its events."""
        item_keys = [keys.session_head(customer.project_id, one["id"]) for one in shown]
        found_items = self._store.get(item_keys) if item_keys else []
        for one, key, item in zip(shown, item_keys, found_items, strict=True):
            yield {**one, **(_told(key, item) if item else {})}

    def _links(self, customer: Customer, budget: Budget) -> Iterator[Mapping[str, Any]]:
        """Every word on who this is, and whom its identifiers found, the oldest first."""
        named = [Node(t, value) for t, found in customer.identifiers.items() for value in found]
        profiles = {row.profile for row in customer.sessions}
        if customer.root.type == PROFILE:
            profiles.add(customer.root)
        found: list[tuple[Node, Entry]] = []
        for node in [*named, *sorted(profiles)]:
            budget.spend(0)
            found += [(node, e) for e in nodes.read_history(self._store, customer.project_id, node)]
        found.sort(key=lambda pair: (pair[1].at, pair[1].rev, pair[0]))
        return (_explained(node, entry) for node, entry in found if NOBODY not in entry)


def _told(key: Key, item: records.Item) -> dict[str, Any]:
    session = items.decode_session(key, item)
    return {
        "source": session.source,
        "created": to_iso(session.created),
        "tracking": "denied" if session.denied else "granted",
    }


def _explained(node: Node, entry: Entry) -> dict[str, Any]:
    return {
        "from": str(node),
        "to": str(entry.link) if entry.link else None,
        "found": str(entry.owner) if entry.owner else None,
        "rule": entry.rule,
        "said": to_iso(entry.effective_at),
        "at": to_iso(entry.at),
        "evidence": entry.evidence,
        "source": entry.source,
        "undone": to_iso(entry.undone) if entry.undone else None,
    }
