"""`GET /customers/recent`: the customers who were here lately, at a bounded cost per call.

No index orders customers by time, and no call reads a whole table. The live view's rows name the
sessions that were active in the last day, and each of these has a copy of its customer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Node
from hardlink.domain.times import to_iso
from hardlink.queries.customer import Customer
from hardlink.queries.customer_lookup import find_customer
from hardlink.storage import activity, items, keys
from hardlink.storage.store import Store

MOST_CUSTOMERS = 100
"""Customers of an answer. Each costs two queries, and more where they have many sessions."""
MOST_SESSIONS = 1000
"""Rows of sessions that one call looks at."""
_PARALLEL_READS = 16
_SHOWN = ("first_name", "last_name", "company_name", "email", "phone")
"""Attributes that are answered: what a person knows a customer by."""


class _Found(NamedTuple):
    """A customer, and the time of their last event, known to half an hour."""

    customer: Customer
    last_seen: int


class RecentCustomers:
    """Reads the customers of the sessions that were active in the last day.

    `clock` returns microseconds since 1970.
    """

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._threads = ThreadPoolExecutor(_PARALLEL_READS, thread_name_prefix="recent")

    def read(self, project_id: str) -> dict[str, Any]:
        """Answer the customers who were seen last, the latest first.

        `sessions`: how many were looked at. `more`: there may be other customers.
        """
        sessions, has_more = activity.list_active_sessions(
            self._store, project_id, self._clock(), MOST_SESSIONS
        )
        named = list(dict.fromkeys(self._read_customers_of(project_id, sessions)))
        shown = self._read_customers(project_id, named[:MOST_CUSTOMERS])
        return {
            "customers": list(shown),
            "sessions": len(sessions),
            "more": has_more or len(named) > MOST_CUSTOMERS,
        }

    def _read_customers_of(
        self, project_id: str, sessions: Iterable[str]
    ) -> Iterator[Node]:
        """Read the customers of sessions, in their order; an anonymous one has none."""
        wanted = [keys.session_customer(project_id, session) for session in sessions]
        if not wanted:
            return
        copies = self._store.get(wanted)
        yield from filter(None, map(items.decode_session_customer, copies))

    def _read_customers(
        self, project_id: str, nodes: Iterable[Node]
    ) -> Iterator[dict[str, Any]]:
        found: dict[Node, _Found] = {}
        for one in self._threads.map(partial(self._find, project_id), nodes):
            if one:  # two that the shop merged are one
                found[one.customer.root] = one
        latest_first = sorted(found.values(), key=_last_seen, reverse=True)
        return self._threads.map(self._describe, latest_first)

    def _find(self, project_id: str, node: Node) -> _Found | None:
        """Find a customer; `None` for one who is erased, or whose visits all belong to others."""
        try:
            customer = find_customer(self._store, project_id, node)
        except NotFound:
            return None
        last_seen = [row.last_event_at for row in customer.sessions]
        return _Found(customer, max(last_seen)) if last_seen else None

    def _describe(self, found: _Found) -> dict[str, Any]:
        customer, last_seen = found
        attributes = customer.read_values(self._store)["attributes"]
        return {
            "customer": customer.root._asdict(),
            "identifiers": customer.identifiers,
            "attributes": {
                name: attributes[name] for name in _SHOWN if name in attributes
            },
            "last_seen": to_iso(last_seen),
        }


def _last_seen(found: _Found) -> int:
    return found.last_seen
