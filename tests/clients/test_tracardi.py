"""Tracardi: a real client and the recordings of two, against the local service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients import pip
from tests.engines import Unavailable
from tests.http.service import Client, Reply, eventually, fresh

CAPTURES = sorted((Path(__file__).parent / "captures").glob("tracardi_*.json"))
RECORDED = [
    request
    for path in CAPTURES
    for request in json.loads(path.read_text())
    if request["method"] == "POST"
]
EVENTS = {"minimal": [{"type": "page-view", "properties": {"pageTitle": "My Page"}}]}


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has the client."""
    try:
        return pip.installed("tracardi-requirements.txt")
    except Unavailable as error:
        pytest.skip(str(error))


def send(shop: Client, body: dict[str, Any], **headers: str) -> Reply:
    return shop.post("/track", {"source": {"id": "web-key"}, **body}, **headers)


def types(shop: Client, session: str) -> list[str]:
    events = shop.get("sessions", session, "events").json["events"]
    return [event["type"] for event in reversed(events)]


def test_the_real_client(shop: Client, python: Path) -> None:
    """TR-01, TR-04, TR-05: no Content-Type; the profile is the server's, a made-up one never adopted."""
    session = fresh("tracardi")
    url = f"http://127.0.0.1:{shop.port}"
    printed = pip.run(python, "tracardi_visit.py", url, "web-key", session)
    assert printed.count(f"{url}/track 200") == 2
    assert printed.count(f"'session': {{'id': '{session}'}}") == 2
    assert "made-up-by-the-client" not in printed
    assert types(shop, session) == ["page-view", "product-in-basket"]
    (newest, _) = shop.get("sessions", session, "events").json["events"]
    assert newest["properties"] == {"price": 34.43}
    assert newest["context"] == {"tag": "product-in-basket"}


def test_the_real_client_without_a_session_is_given_one(shop: Client, python: Path) -> None:
    """TR-11."""
    url = f"http://127.0.0.1:{shop.port}"
    assert pip.run(python, "tracardi_visit.py", url, "web-key", "").count(" 200 ") == 2


def test_the_real_client_of_an_unknown_source_is_unauthorized(shop: Client, python: Path) -> None:
    """TR-02."""
    url = f"http://127.0.0.1:{shop.port}"
    printed = pip.run(python, "tracardi_visit.py", url, "no such source", fresh())
    assert "401 {" in printed
    assert "'detail': 'Unauthorized Access" in printed


@pytest.mark.parametrize("request_", RECORDED, ids=lambda r: r["headers"]["User-Agent"][:15])
def test_every_recording_is_answered_as_its_client_needs(
    shop: Client, request_: dict[str, Any]
) -> None:
    """TR-03, TR-16: the keys of the answer that Tracardi's server gave, and of what kind each is."""
    body = {**request_["body"], "source": {"id": "web-key"}}
    sent = request_["headers"].get("x-timestamp")
    reply = send(shop, body, **({"x_timestamp": sent} if sent else {}))
    assert reply.status == 200
    answer = reply.json
    assert (answer["ux"], answer["response"], answer["errors"]) == ([], {}, [])
    assert isinstance(answer["task"], str)
    assert isinstance(answer["warnings"], list)
    assert answer["events"] == []
    assert answer["profile"]["id"]
    assert [r["status"] for r in answer["results"]] == ["stored"] * len(body["events"])


def test_the_debugger_names_the_events_that_were_stored(shop: Client) -> None:
    """TR-14."""
    events = [{"type": "a", "id": "one"}, {"type": "b", "id": "two", "options": {"save": False}}]
    body = {"session": {"id": fresh()}, "events": events, "options": {"debugger": True}}
    assert send(shop, body).json["events"] == ["one"]


def test_errors_say_why_an_event_was_not_stored(shop: Client) -> None:
    body = {"session": {"id": fresh()}, "events": [{"properties": {}}]}
    assert send(shop, body).json["errors"] == ["events[0].type: field required"]


def test_a_lost_profile_is_found_by_its_session_and_a_new_visit_keeps_it(shop: Client) -> None:
    """TR-06, TR-08, TR-09."""
    first, second = fresh(), fresh()
    profile = send(shop, {"session": {"id": first}, "events": EVENTS["minimal"]}).json["profile"]
    lost = send(shop, {"session": {"id": first}, "events": EVENTS["minimal"]}).json
    assert lost["profile"] == profile
    later = {"session": {"id": second}, "profile": profile, "events": EVENTS["minimal"]}
    assert send(shop, later).json["profile"] == profile
    eventually(lambda: len(visits(shop, profile["id"])), 2)


def visits(shop: Client, profile: str) -> list[str]:
    return [s["id"] for s in shop.get("customers", "profile", profile).json["sessions"]]


def test_a_preflight_allows_the_headers_that_the_tracker_sends(shop: Client) -> None:
    reply = shop.send(
        "OPTIONS",
        "/track",
        None,
        {
            "origin": "https://shop.example",
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-timestamp",
        },
    )
    assert reply.status == 204
    assert "x-timestamp" in reply.headers["access-control-allow-headers"]
