"""One walk, five clients: whatever a shop's pages speak, a visitor ends as one customer with one timeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients import npm, pip
from tests.http.service import KEY, Client, eventually, fresh
from tests.support.engines import Unavailable

EACH = {
    "exponea": ("basket", "purchase"),
    "xo": ("add-to-cart", "view"),
    "tracardi": ("page-view", "product-in-basket", "sign-in"),
    "hello-retail": ("pageview", "conversion"),
    "segment": ("Product Viewed", "Order Completed"),
}
"""Events that no client but this one sends, or not under this session."""


def python(requirements: str) -> Path:
    try:
        return pip.installed(f"{requirements}-requirements.txt")
    except Unavailable as error:
        pytest.skip(str(error))


def visit(
    shop: Client, packages: Path, sessions: dict[str, str], customer: str
) -> None:
    """Five pages, each with another client: real ones, but for Hello Retail, which has none."""
    url = f"http://127.0.0.1:{shop.port}"
    cookie = sessions["exponea"]
    pip.run(
        python("exponea"), "exponea_visit.py", url, "web-key", KEY, cookie, customer
    )
    npm.run(
        packages, "xo", url=f"{url}/web-key", session=sessions["xo"], customer=customer
    )
    pip.run(
        python("tracardi"),
        "tracardi_visit.py",
        url,
        "tracardi-key",
        session := sessions["tracardi"],
    )
    signed_in = {"type": "sign-in", "properties": {"pk": customer}}
    payload = {
        "source": {"id": "tracardi-key"},
        "session": {"id": session},
        "events": [signed_in],
    }
    assert shop.post("/track", payload).status == 200
    who = {"websiteUuid": "web-key", "trackingUserId": sessions["hello-retail"]}
    assert (
        shop.post("/serve/collect/pageview", {**who, "url": "/crowbar"}).status == 200
    )
    bought = {**who, "total": 10, "orderNumber": fresh("order"), "customerId": customer}
    assert shop.post("/serve/collect/conversion", bought).status == 200
    libraries = python("segment")
    pip.run(
        libraries,
        "segment_visit.py",
        "segment",
        url,
        "web-key",
        sessions["segment"],
        customer,
    )


def sent(shop: Client, *path: str) -> list[tuple[str, str, str]]:
    """What was sent, oldest first: time, ID, type."""
    events = shop.get(*path, "events", limit=1000).json["events"]
    return [
        (e["time"], e["id"], e["type"]) for e in reversed(events) if e["id"][0] != "!"
    ]


def test_one_walk_five_clients(shop: Client, packages: Path) -> None:
    customer = fresh("gordon")
    sessions = {client: fresh(client) for client in EACH}
    visit(shop, packages, sessions, customer)
    eventually(
        lambda: (
            set(sessions.values())
            <= {
                s["id"]
                for s in shop.get("customers", "registered", customer).json["sessions"]
            }
        ),
        wanted=True,
    )
    found = shop.get("customers", "registered", customer).json
    timeline = sent(shop, "customers", "registered", customer)
    times = [time for time, _, _ in timeline]
    assert times == sorted(
        times
    )  # those of one moment stand in the order of their call
    assert len(set(timeline)) == len(timeline)
    of_sessions = [
        e for s in found["sessions"] for e in sent(shop, "sessions", s["id"])
    ]
    assert sorted(of_sessions) == sorted(timeline)
    for client, types in EACH.items():
        seen = {type_ for _, _, type_ in sent(shop, "sessions", sessions[client])}
        assert seen & set(types), (client, seen)
        assert {type_ for _, _, type_ in timeline} >= set(types)
    assert found["attributes"]["first_name"] == "Gordon"
    assert found["segments"] == ["new", "prospect"]
    assert found["identifiers"]["email"] == [f"{customer}@x.y"]
