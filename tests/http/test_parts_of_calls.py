"""What each client's call makes of its parts: their order, their times, and parts that cannot be kept."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hardlink.domain.times import to_iso
from hardlink.web.wiring import read_clock
from tests.http.in_process import Answered, Shop, deployed
from tests.http.service import fresh

SEGMENT_KEY = base64.b64encode(b"split-key:").decode()


@pytest.fixture(scope="module")
def local() -> Iterator[Shop]:
    with deployed() as shop:
        yield shop


Call = Callable[[Shop, str, list[dict[str, Any]]], Answered]
"""Sends events of a session, each with `type`, `time` (microseconds) and `properties`."""


def native(shop: Shop, session: str, events: list[dict[str, Any]]) -> Answered:
    sent = [_dated(event, "time") for event in events]
    body = {"source": {"id": "web-key"}, "session": {"id": session}, "events": sent}
    return shop.post("/track", body)


def tracardi(shop: Shop, session: str, events: list[dict[str, Any]]) -> Answered:
    sent = []
    for event in events:
        dated = _dated(event, "time")
        if "time" in dated:
            dated["time"] = {"create": dated["time"]}
        sent.append(dated)
    body = {"source": {"id": "tracardi-key"}, "session": {"id": session}}
    return shop.post("/track", {**body, "events": sent})


def exponea(shop: Shop, session: str, events: list[dict[str, Any]]) -> Answered:
    commands = []
    for event in events:
        data: dict[str, Any] = {
            "customer_ids": {"cookie": session},
            "event_type": event["type"],
            "properties": event.get("properties", {}),
        }
        if "time" in event:
            data["timestamp"] = event["time"] / 1_000_000
        commands.append({"name": "customers/events", "data": data})
    path = "/track/v2/projects/PROJTOKEN/batch"
    return shop.post(path, {"commands": commands}, authorization="Token PROJTOKEN")


def xo(shop: Shop, session: str, events: list[dict[str, Any]]) -> Answered:
    activities = []
    for event in events:
        activity = {
            "action": event["type"],
            "target": {"productId": "p"},
            "user": {"identities": {"sessionId": session}},
            "metadata": event.get("properties", {}),
        }
        if "time" in event:
            activity["timestamp"] = to_iso(event["time"])
        activities.append(activity)
    return shop.post("/web-key", activities)


def segment(shop: Shop, session: str, events: list[dict[str, Any]]) -> Answered:
    messages = []
    for event in events:
        message = {
            "type": "track",
            "event": event["type"],
            "anonymousId": session,
            "properties": event.get("properties", {}),
        }
        if "time" in event:
            message["timestamp"] = to_iso(event["time"])
        messages.append({**message, **event.get("more", {})})
    body = {"batch": messages}
    return shop.post("/v1/batch", body, authorization=f"Basic {SEGMENT_KEY}")


def posthog(shop: Shop, session: str, events: list[dict[str, Any]]) -> Answered:
    messages = []
    for event in events:
        message = {
            "event": event["type"],
            "distinct_id": session,
            "properties": {
                **event.get("properties", {}),
                "$process_person_profile": False,
            },
        }
        if "time" in event:
            message["timestamp"] = to_iso(event["time"])
        messages.append({**message, **event.get("more", {})})
    return shop.post("/batch/", {"api_key": "split-key", "batch": messages})


def _dated(event: dict[str, Any], name: str) -> dict[str, Any]:
    rest = {field: value for field, value in event.items() if field != "more"}
    if "time" in event:
        rest[name] = to_iso(event["time"])
    return {**rest, **event.get("more", {})}


CALLS = [native, tracardi, exponea, xo, segment, posthog]


def types(shop: Shop, session: str) -> list[str]:
    opening = ("profile-created", "session-opened", "visit-started")
    return [e["type"] for e in shop.events(session) if e["type"] not in opening]


@pytest.mark.parametrize("call", CALLS)
def test_t4_equal_times_keep_the_order_of_the_call(local: Shop, call: Call) -> None:
    session, time = fresh(), read_clock() - 5_000_000
    names = ["search", "view", "add", "cart", "pay", "buy", "leave"]
    assert (
        call(local, session, [{"type": n, "time": time} for n in names]).status == 200
    )
    assert types(local, session) == names


def test_t4_a_message_of_another_kind_between_keeps_the_order(local: Shop) -> None:
    """Segment's batch becomes a command for each run of events; receipts tell their order."""
    session, time = fresh(), to_iso(read_clock() - 5_000_000)
    common = {"anonymousId": session, "timestamp": time}
    messages = [
        {"type": "track", "event": "third", **common, "messageId": "9"},
        {"type": "identify", "userId": f"g-{session}", **common},
        {"type": "track", "event": "second", **common, "messageId": "5"},
        {"type": "track", "event": "first", **common, "messageId": "1"},
    ]
    body = {"batch": messages}
    local.post("/v1/batch", body, authorization=f"Basic {SEGMENT_KEY}")
    assert types(local, session) == ["third", "second", "first"]
