"""Export all data of one customer as one JSON document (GDPR, article 15)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hardlink.domain.events import MOST_ANSWERED_BYTES
from hardlink.domain.graph import NOBODY, PROFILE, Entry, Node
from hardlink.domain.records import Record, Session
from hardlink.domain.times import END, to_iso
from hardlink.queries.customer import Customer
from hardlink.queries.customer_view import describe_customer
from hardlink.queries.explanation import describe_entry
from hardlink.queries.export_budget import Budget
from hardlink.queries.export_reader import ExportReader, ExportRequest
from hardlink.queries.paging import EventQuery
from hardlink.queries.timeline import Timeline
from hardlink.queries.visible_session import without_entries_of_erasing
from hardlink.storage import nodes
from hardlink.storage.sessions import find_sessions
from hardlink.storage.store import Store

MOST_ZIPPED = 16 * 1024 * 1024
"""Bytes of a document that is answered zipped."""
HINT = (
    "send Accept-Encoding: gzip, or read it in parts by the time of events: "
    "since (included), until"
)


class CustomerExport:
    """Exports customers. `clock` returns microseconds since 1970."""

    def __init__(
        self, store: Store, clock: Callable[[], int], timeline: Timeline
    ) -> None:
        self._store = store
        self._clock = clock
        self._timeline = timeline
        self._reader = ExportReader(store, clock)

    def export_customer(
        self, customer: Customer, query: EventQuery, *, zipped: bool
    ) -> dict[str, Any]:
        """Export view, sessions, links and events, the oldest first, each complete.

        Only `since` and `until` of the query count, and only for events. Raises `TooLarge`.
        """
        most = MOST_ZIPPED if zipped else MOST_ANSWERED_BYTES
        budget = self._reader.open_budget(most, HINT)
        request = ExportRequest(since=query.since, until=query.until, derived=False)
        view = describe_customer(self._store, self._timeline, customer)
        return {
            "exported": to_iso(self._clock()),
            "since": to_iso(query.since) if query.since else None,
            "until": to_iso(query.until) if query.until != END else None,
            **view,
            "sessions": list(
                budget.charge(self._describe_sessions(customer, view["sessions"]))
            ),
            "links": list(budget.charge(self._describe_links(customer, budget))),
            "events": self._reader.read_events(customer, request, budget),
        }

    def _describe_sessions(
        self, customer: Customer, sessions: list[dict[str, Any]]
    ) -> Iterator[Mapping[str, Any]]:
        """Add to each session of the view what its own item holds."""
        ids = [one["id"] for one in sessions]
        found = find_sessions(self._store, customer.project_id, ids)
        stored = {one.id: one for one in found}
        # The profile's consent counts; a session's copy of it may be written a moment later.
        profiles = nodes.read_records(
            self._store, customer.project_id, {one.profile for one in found}
        )
        for session in sessions:
            one = stored.get(session["id"])
            if one is None:  # deleted since
                yield session
            else:
                yield {**session, **_session_details(one, profiles[one.profile])}

    def _describe_links(
        self, customer: Customer, budget: Budget
    ) -> Iterator[Mapping[str, Any]]:
        """Describe the link histories of identifiers and profiles, oldest entry first."""
        history: list[tuple[Node, Entry]] = []
        for node in _linked_nodes(customer):
            # A read for every identifier and profile: the function must answer before it is ended.
            budget.check_time()
            entries = nodes.read_history(self._store, customer.project_id, node)
            history += [(node, entry) for entry in entries if NOBODY not in entry]
        history = without_entries_of_erasing(self._store, customer.project_id, history)
        history.sort(key=_write_order)
        for node, entry in history:
            owner = str(entry.owner) if entry.owner else None
            yield {**describe_entry(node, entry), "found": owner}


def _linked_nodes(customer: Customer) -> Iterator[Node]:
    """List the nodes whose history is the customer's: identifiers, then profiles."""
    for type_, values in customer.identifiers.items():
        yield from (Node(type_, value) for value in values)
    profiles = {row.profile for row in customer.sessions}
    if customer.root.type == PROFILE:
        profiles.add(customer.root)
    yield from sorted(profiles)


def _write_order(pair: tuple[Node, Entry]) -> tuple[int, int, Node]:
    """Order entries by the time at which they were written."""
    node, entry = pair
    return entry.at, entry.rev, node


def _session_details(session: Session, profile: Record) -> dict[str, Any]:
    """Describe what a session's own item holds, and its profile's consent."""
    denied = profile.denied if profile.exists else session.denied
    return {
        "source": session.source,
        "created": to_iso(session.created),
        "tracking": "denied" if denied else "granted",
    }
