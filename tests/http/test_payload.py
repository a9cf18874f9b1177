"""Every field of the tracker payload (seed 002), minimal and full."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.service import Client, fresh

MINIMAL: dict[str, Any] = {
    "events": [
        {"type": "page-view", "properties": {"pageTitle": "My Page"}},
        {
            "type": "consent-granted",
            "properties": {"marketing": False, "general": True},
        },
        {
            "type": "product-in-basket",
            "properties": {"product": "Adidas sneakers", "price": 34.43},
        },
    ]
}
FULL: dict[str, Any] = {
    "context": {
        "system": "webstore-backend",
        "webstore": {"url": "http://magento-store.com", "name": "Shoe store"},
        "client": {"browser": "Mozilla Firefox"},
    },
    "properties": {},
    "events": [
        {
            "type": "page-view",
            "properties": {"pageTitle": "My Page"},
            "options": {"saveEvent": False, "saveSession": False, "debugger": False},
            "context": {"tag": "product-details-page"},
        },
        {
            "type": "consent-granted",
            "properties": {"marketing": False, "general": True},
            "options": {"profile": True, "saveSession": False},
        },
        {
            "type": "product-in-basket",
            "properties": {"product": "Adidas sneakers", "price": 34.43},
            "options": {"profile": False, "logs": False},
        },
    ],
    "options": {},
}


def payload(session: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"source": {"id": "web-key"}, "session": {"id": session}, **body}


def stored(shop: Client, session: str) -> list[dict[str, Any]]:
    """The events of a session, oldest first."""
    events: list[dict[str, Any]] = shop.get("sessions", session, "events").json[
        "events"
    ]
    return events[::-1]


def test_the_minimal_payload(shop: Client) -> None:
    session = fresh()
    reply = shop.post("/track", payload(session, MINIMAL))
    assert reply.status == 200
    assert reply.json.keys() == {"session", "profile", "results", "warnings"}
    assert "x-process-time" not in reply.headers
    assert reply.json["profile"]["id"]
    assert [r["status"] for r in reply.json["results"]] == ["stored"] * 3
    found = stored(shop, session)
    assert [(e["type"], e["properties"]) for e in found] == [
        (e["type"], e["properties"]) for e in MINIMAL["events"]
    ]
    assert [e["id"] for e in found] == [r["id"] for r in reply.json["results"]]
    assert {e["profile"] for e in found} == {reply.json["profile"]["id"]}
    assert {e["source"] for e in found} == {"web"}


def test_the_full_payload(shop: Client) -> None:
    session = fresh()
    profile = shop.track(session, "first").json["profile"]
    reply = shop.post("/track", payload(session, {**FULL, "profile": profile}))
    assert reply.json["profile"] == profile
    assert [r["status"] for r in reply.json["results"]] == [
        "dropped",
        "stored",
        "stored",
    ]
    _, consent, basket = stored(shop, session)
    assert consent["context"] == basket["context"] == FULL["context"]
    assert basket["properties"] == {"product": "Adidas sneakers", "price": 34.43}


def test_an_events_context_and_properties_stand_over_the_payloads(shop: Client) -> None:
    session = fresh()
    body = {
        "context": {
            "system": "web",
            "client": {"browser": "Firefox", "os": {"name": "Linux"}},
        },
        "properties": {"currency": "EUR", "price": 1},
        "events": [
            {
                "type": "a",
                "context": {"client": {"browser": "Chrome", "os": "none"}, "tag": "t"},
            },
            {"type": "b", "properties": {"price": 2}, "context": {}},
        ],
    }
    shop.post("/track", payload(session, body))
    first, second = stored(shop, session)
    assert first["context"] == {
        "system": "web",
        "client": {"browser": "Chrome", "os": "none"},
        "tag": "t",
    }
    assert first["properties"] == {"currency": "EUR", "price": 1}
    assert second["context"] == body["context"]
    assert second["properties"] == {"currency": "EUR", "price": 2}


@pytest.mark.parametrize("option", ["saveEvent", "save", "saveEvents"])
@pytest.mark.parametrize("level", ["payload", "event"])
def test_options_that_do_not_save(shop: Client, option: str, level: str) -> None:
    session = fresh()
    shop.track(session, "first")
    off = {"options": {option: False}}
    body = (
        {"events": [{"type": "a"}, {"type": "b", "options": {option: True}}], **off}
        if level == "payload"
        else {"events": [{"type": "a", **off}, {"type": "b"}]}
    )
    results = shop.post("/track", payload(session, body)).json["results"]
    assert results[0]["status"] == "dropped"
    assert "options" in results[0]["reason"]
    assert results[1]["status"] == ("dropped" if level == "payload" else "stored")
    assert [e["type"] for e in stored(shop, session)] == (
        ["first"] if level == "payload" else ["first", "b"]
    )


def test_save_session_false_leaves_no_session_behind(shop: Client) -> None:
    session = fresh()
    body = {
        "events": [{"type": "a", "options": {"saveEvent": False}}],
        "options": {"saveSession": False},
    }
    reply = shop.post("/track", payload(session, body))
    assert reply.status == 200
    assert reply.json["session"] == {"id": session}
    assert shop.get("sessions", session).status == 404


def test_an_event_that_is_stored_has_a_session_whatever_the_options_say(
    shop: Client,
) -> None:
    session = fresh()
    shop.post(
        "/track",
        payload(
            session, {"events": [{"type": "a"}], "options": {"saveSession": False}}
        ),
    )
    assert [e["type"] for e in stored(shop, session)] == ["a"]


def test_no_events_open_a_session(shop: Client) -> None:
    nothing: list[list[Any] | None] = [[], None]
    for events in nothing:
        session = fresh()
        reply = shop.post("/track", payload(session, {"events": events}))
        assert (reply.status, reply.json["results"]) == (200, [])
        assert shop.get("sessions", session).json["profile"] == reply.json["profile"]


@pytest.mark.parametrize("level", ["payload", "event"])
def test_the_debugger_shows_what_was_made_of_the_call(shop: Client, level: str) -> None:
    session = fresh()
    on = {"options": {"debugger": True}}
    body = (
        {"events": [{"type": "a"}], **on}
        if level == "payload"
        else {"events": [{"type": "a", **on}]}
    )
    reply = shop.post("/track", payload(session, body)).json
    assert reply["debug"]["session"]["id"] == session
    assert reply["debug"]["events"] == stored(shop, session)
    assert "debug" not in shop.track(session, "b").json


def test_tags_and_the_time_of_an_event_are_kept(shop: Client) -> None:
    session = fresh()
    events: list[dict[str, Any]] = [
        {
            "type": "a",
            "id": "first",
            "time": "2026-01-02T03:04:05.678Z",
            "tags": ["x", "y"],
        },
        {"type": "b", "time": {"insert": "2026-01-02 03:04:06"}},
    ]
    shop.post("/track", payload(session, {"events": events}))
    first, second = stored(shop, session)
    assert (first["id"], first["time"]) == ("first", "2026-01-02T03:04:05.678000Z")
    assert first["tags"] == ["x", "y"]
    assert first["sent_time"] == "2026-01-02T03:04:05.678Z"
    assert second["time"] == "2026-01-02T03:04:06.000000Z"
    assert first["received"] > first["time"]


def test_an_event_sent_again_is_stored_once(shop: Client) -> None:
    session = fresh()
    events: list[dict[str, Any]] = [
        {"type": "a", "id": "e-1", "time": 1767322800},
        {"type": "b", "id": "e-2", "time": 1767322801},
    ]
    for expected in (["stored", "stored"], ["duplicate", "duplicate"]):
        results = shop.post("/track", payload(session, {"events": events})).json[
            "results"
        ]
        assert [r["status"] for r in results] == expected
        assert [r["id"] for r in results] == ["e-1", "e-2"]
    assert [e["id"] for e in stored(shop, session)] == ["e-1", "e-2"]


def test_an_event_twice_in_one_payload_is_stored_once(shop: Client) -> None:
    session = fresh()
    event = {"type": "a", "id": "e-1", "time": 1767322800}
    results = shop.post(
        "/track", payload(session, {"events": [event, {"type": "b"}, event]})
    ).json["results"]
    assert [r["status"] for r in results] == ["stored", "stored", "duplicate"]
    assert len(stored(shop, session)) == 2


def test_ids_of_a_payload_link_the_visitor(shop: Client) -> None:
    session, who = fresh(), fresh()
    shop.track(session, "before")
    assert shop.track(session, "order", ids={"customerId": who}).status == 200
    shop.settles("registered", who, "before", "order")


def test_a_large_payload_of_many_events(shop: Client) -> None:
    session = fresh()
    events = [{"type": f"e{n}", "properties": {"n": n}} for n in range(500)]
    results = shop.post("/track", payload(session, {"events": events})).json["results"]
    assert [r["status"] for r in results] == ["stored"] * 500
    found = shop.get("sessions", session, "events", limit=1000).json
    assert [e["properties"]["n"] for e in found["events"]] == list(range(499, -1, -1))


def test_an_event_past_its_retention_is_rejected(shop: Client) -> None:
    body = {
        "source": {"id": "month-key"},
        "session": {"id": fresh()},
        "events": [{"type": "a", "time": 0}],
    }
    (result,) = shop.post("/track", body).json["results"]
    assert (result["status"], result["field"]) == ("rejected", "events[0].time")


def test_an_event_of_the_far_future_is_rejected(shop: Client) -> None:
    session = fresh()
    shop.track(session, "a")  # the session's clock is known to be right
    events = [{"type": "b", "time": "2199-01-01T00:00:00Z"}, {"type": "c"}]
    results = shop.post("/track", payload(session, {"events": events})).json["results"]
    assert [r["status"] for r in results] == ["rejected", "stored"]
    assert results[0]["field"] == "events[0].time"


def test_a_device_clock_that_runs_ahead_keeps_the_order_of_its_events(
    shop: Client,
) -> None:
    session = fresh()
    events = [
        {"type": "a", "time": "2199-01-01T00:00:00Z"},
        {"type": "b", "time": "2199-01-01T00:00:01Z"},
    ]
    results = shop.post("/track", payload(session, {"events": events})).json["results"]
    assert [r["status"] for r in results] == ["stored", "stored"]
    found = stored(shop, session)
    assert [e["type"] for e in found] == ["a", "b"]
    assert all(e["time"] <= e["received"] for e in found)
