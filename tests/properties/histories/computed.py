"""Traits and segments once more, as plainly as can be: of the events that a customer has at that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hardlink.domain.times import to_iso

Place = tuple[int, str, str]
"""Time, ID and session of an event."""
Properties = Mapping[Place, Mapping[str, Any]]
"""What was sent with each event."""

TRAITS = {
    "pages": {"compute": "latest", "of": "page", "most": 3},
    "every_page": {"compute": "distinct", "of": "page", "most": 50},
    "spent": {"compute": "sum", "of": "price", "within": "2 days"},
    "dearest": {"compute": "max", "of": "price"},
    "seen": {"compute": "count", "where": "price > 2"},
    "here": {"compute": "count", "within": "visit"},
    "last_page": {"compute": "last", "of": "page"},
}
SEGMENTS = {
    "regular": {"when": "seen >= 2 within 2 days and not visits = 1"},
    "planned": {"when": "attributes.plan or dearest > 5"},
}
NAMES = ",".join((*TRAITS, "visits", "first_seen", "last_seen", "orders"))


def sent_with(number: int) -> dict[str, Any]:
    """The properties of the event of this number: few values, so that they come again."""
    return {"page": f"p{number % 5}", "price": number % 7}


def compute(
    shown: Sequence[Place], properties: Properties, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """What the service has to answer. `shown`: the customer's events, newest first."""
    pages = [properties[place]["page"] for place in shown]
    prices = [properties[place]["price"] for place in shown]
    visits = [session for _, _, session in shown if not session.startswith("@")]
    dear = [price for price in prices if price > 2]
    dearest = max(prices, default=None)
    traits = {
        "pages": list(dict.fromkeys(pages))[:3],
        "every_page": sorted(set(pages)),
        "spent": sum(prices),
        "dearest": dearest,
        "seen": len(dear),
        "here": visits.count(visits[0]) if visits else 0,
        "last_page": pages[0] if pages else None,
        "visits": len(set(visits)),
        "first_seen": to_iso(shown[-1][0]) if shown else None,
        "last_seen": to_iso(shown[0][0]) if shown else None,
        "orders": 0,
    }
    segments = {
        "regular": len(dear) >= 2 and len(set(visits)) != 1,
        "planned": bool(attributes.get("plan")) or (dearest or 0) > 5,
    }
    return {
        "traits": traits,
        "segments": segments,
        "events": len(shown),
        "incomplete": {},
    }
