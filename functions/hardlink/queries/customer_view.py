"""Describe a customer: identifiers, values, sessions, and when it was first and last seen."""

from __future__ import annotations

from typing import Any

from hardlink.domain.times import to_iso
from hardlink.queries.customer import Customer
from hardlink.queries.timeline import Timeline
from hardlink.storage.store import Store


def describe_customer(
    store: Store, timeline: Timeline, customer: Customer
) -> dict[str, Any]:
    """Answer `GET /customers`.

    `contributions`: of how many visitors and identifiers the values were folded.
    """
    sessions = timeline.list_sessions(customer)
    times = [customer.record.created]
    for row, last_seen in sessions:
        times += (row.created, last_seen)
    return {
        "customer": customer.root._asdict(),
        "identifiers": customer.identifiers,
        **customer.read_values(store),
        "sessions": [
            {
                "id": row.session,
                "profile": row.profile.value,
                "last_seen": to_iso(last_seen),
            }
            for row, last_seen in sessions
        ],
        "visits": len(customer.visits),
        "contributions": len(customer.contributions),
        "first_seen": to_iso(min(times)),
        "last_seen": to_iso(max(times[1:], default=customer.record.created)),
    }
