"""Describe a customer: identifiers, values, sessions, and when it was first and last seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hardlink.domain.graph import NOTHING
from hardlink.domain.times import to_iso
from hardlink.queries.customer import Customer
from hardlink.queries.timeline import Timeline
from hardlink.storage.store import Store


def describe_customer(
    store: Store,
    timeline: Timeline,
    customer: Customer,
    last_seen: Mapping[str, int] = NOTHING,
) -> dict[str, Any]:
    """Answer `GET /customers`.

    `contributions`: of how many visitors and identifiers the values were folded. `last_seen`: the
    times of sessions' last events, as far as they were read.
    """
    sessions = timeline.list_sessions(customer, last_seen)
    times = [customer.record.created]
    for row, time in sessions:
        times += (row.created, time)
    return {
        "customer": customer.root._asdict(),
        "identifiers": customer.identifiers,
        **customer.read_values(store),
        "sessions": [
            {
                "id": row.session,
                "profile": row.profile.value,
                "last_seen": to_iso(time),
            }
            for row, time in sessions
        ],
        "visits": len(customer.visits),
        "contributions": len(customer.contributions),
        "first_seen": to_iso(min(times)),
        "last_seen": to_iso(max(times[1:], default=customer.record.created)),
    }
