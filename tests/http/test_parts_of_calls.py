"""What each client's call makes of its parts: their order, their times, and parts that cannot be kept."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
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


def shop_events(shop: Shop, session: str) -> list[dict[str, Any]]:
    opening = ("profile-created", "session-opened", "visit-started")
    return [event for event in shop.events(session) if event["type"] not in opening]


def properties_of(call: Call, event: dict[str, Any]) -> dict[str, Any]:
    """Read what the client sent as properties; XO keeps it as an activity's metadata."""
    properties: dict[str, Any] = event["properties"]
    found = properties.get("metadata", {}) if call is xo else properties
    return {n: v for n, v in found.items() if n != "$process_person_profile"}


@pytest.mark.parametrize("call", CALLS)
def test_s1_names_in_any_alphabet_are_stored_as_sent(local: Shop, call: Call) -> None:
    session = fresh()
    sent: list[dict[str, Any]] = [
        {"type": "Bestellung übermittelt", "properties": {"Größe": "XL", "a": 1}},
        {"type": "Order Completed ✅", "properties": {"尺寸": 42}},
    ]
    answer = call(local, session, sent)
    assert answer.status == 200
    assert not answer.body.get("warnings"), answer.body
    found = shop_events(local, session)
    assert [event["type"] for event in found] == [event["type"] for event in sent]
    assert [properties_of(call, one) for one in found] == [
        event["properties"] for event in sent
    ]


BAD = {"a\nb": 1, "x" * 129: 2}


@pytest.mark.parametrize("call", [native, tracardi, exponea, segment, posthog])
def test_s1_a_name_that_cannot_be_kept_is_left_out_and_named(
    local: Shop, call: Call
) -> None:
    session = fresh()
    sent: list[dict[str, Any]] = [
        {"type": "good"},
        {"type": "view", "properties": {"price": 5, **BAD}},
    ]
    answer = call(local, session, sent)
    assert answer.status == 200
    good, view = shop_events(local, session)
    assert (good["type"], properties_of(call, view)) == ("good", {"price": 5})
    told = str(answer.body)
    assert "properties.a\\\\u000ab: a name must have no control characters" in told or (
        "'field': 'properties.a\\\\u000ab'" in told
    )
    assert "x" * 128 in told


LINES = [{"sku": f"{n:05d}", "name": "Ein Artikel " * 10} for n in range(150)]


@pytest.mark.parametrize("call", [native, tracardi, exponea, xo])
def test_s2_an_order_of_150_lines_is_stored(local: Shop, call: Call) -> None:
    session = fresh()
    sent = {"type": "Order Completed", "properties": {"products": LINES}}
    assert call(local, session, [sent]).status == 200
    (found,) = shop_events(local, session)
    assert properties_of(call, found) == {"products": LINES}


def test_s2_segments_messages_hold_50_lines(local: Shop) -> None:
    """Segment's own limit is 32 KB a message."""
    session = fresh()
    sent = {"type": "Order Completed", "properties": {"products": LINES[:130]}}
    assert segment(local, session, [sent]).body == {"success": True, "status": 1}
    (found,) = shop_events(local, session)
    assert found["properties"] == {"products": LINES[:130]}


def test_s2_a_property_that_fits_no_item_is_left_out_and_named(local: Shop) -> None:
    session = fresh()
    sent = {"type": "a", "properties": {"big": "é" * 210_000, "b": 1}}
    answer = native(local, session, [sent])
    reason = "larger than 401408 bytes: shorten it, left out"
    assert answer.body["warnings"] == [f"events[0].properties.big: {reason}"]
    assert answer.body["results"][0]["left_out"] == [
        {"field": "properties.big", "reason": reason}
    ]
    (found,) = shop_events(local, session)
    assert found["properties"] == {"b": 1}


NAN = float("nan")


@pytest.mark.parametrize("call", CALLS)
def test_s3_one_bad_number_costs_no_event(local: Shop, call: Call) -> None:
    session = fresh()
    sent: list[dict[str, Any]] = [
        {"type": "first", "properties": {"price": 1}},
        {"type": "second", "properties": {"price": NAN, "lines": [1, NAN], "b": 2}},
        {"type": "third", "properties": {"price": 3}},
    ]
    answer = call(local, session, sent)
    # XO's clients read what was not stored as sent from a 422
    assert answer.status == (422 if call is xo else 200)
    kept = [properties_of(call, event) for event in shop_events(local, session)]
    assert kept == [{"price": 1}, {"lines": [1, None], "b": 2}, {"price": 3}]
    named = str(answer.body)
    assert "not a finite number, left out" in named
    assert "price" in named
    assert "lines[1]" in named


def test_s3_segment_names_the_message_and_the_field(local: Shop) -> None:
    session = fresh()
    more = {"messageId": f"m-{session}"}
    sent: list[dict[str, Any]] = [
        {"type": "a"},
        {"type": "b", "properties": {"price": float("inf")}, "more": more},
    ]
    assert segment(local, session, sent).body["errors"] == [
        {
            "index": 1,
            "messageId": f"m-{session}",
            "field": "properties.price",
            "message": "not a finite number, left out",
        }
    ]


def test_s3_exponea_names_it_in_the_result_of_the_command(local: Shop) -> None:
    sent: list[dict[str, Any]] = [
        {"type": "a"},
        {"type": "b", "properties": {"price": NAN}},
    ]
    results = exponea(local, fresh(), sent).body["results"]
    message = "properties.price: not a finite number, left out"
    assert results == [{"success": True}, {"success": True, "warnings": [message]}]


def test_s3_hello_retail_names_it_in_its_warnings(local: Shop) -> None:
    session = fresh()
    body = {"websiteUuid": "web-key", "trackingUserId": session, "total": NAN}
    answer = local.post("/serve/collect/cart", {**body, "url": "https://x.example"})
    assert answer.body["warnings"] == ["total: not a finite number, left out"]
    (found,) = shop_events(local, session)
    assert found["properties"] == {"url": "https://x.example"}


@pytest.mark.parametrize("path", ["/identify", "/update"])
def test_s3_a_bad_number_costs_no_login(local: Shop, path: str) -> None:
    session = fresh()
    body = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "ids": {"registered": session},
        "properties": {"first_name": "Gordon", "spent": NAN},
    }
    answer = local.post(path, body)
    assert answer.status == 200
    assert answer.body["customer"] == {"type": "registered", "value": session}
    assert answer.body["warnings"] == [
        "properties.spent: not a finite number, left out"
    ]
    found = local.get(f"/customers/registered/{session}").body
    assert found["attributes"] == {"first_name": "Gordon"}


UNREADABLE = ["", "soon", "29.11.2026 10:00", {"a": 1}, [], True, -5, "9999-12-31"]


@pytest.mark.parametrize("time", UNREADABLE, ids=repr)
def test_t5_an_event_whose_time_cannot_be_read_has_that_of_its_receipt(
    local: Shop, time: object
) -> None:
    session, before = fresh(), to_iso(read_clock())
    sent = {"type": "a", "more": {"time": time}}
    answer = native(local, session, [sent])
    assert answer.body["results"][0]["status"] == "stored"
    (warning,) = answer.body["warnings"]
    assert warning.startswith("events[0].time: not a valid time")
    assert warning.endswith("stored with the time of its receipt")
    (found,) = shop_events(local, session)
    assert before <= found["time"] <= to_iso(read_clock())
    assert found["sent_time"] == time


READABLE = ["1795341600000", "1795341600", "2026-11-22 10:00:00 UTC"]
READABLE += ["2026-11-22t10:00:00z"]


@pytest.mark.parametrize("time", READABLE)
def test_t5_a_time_that_is_unambiguous_is_read(local: Shop, time: str) -> None:
    session = fresh()
    answer = native(local, session, [{"type": "a", "more": {"time": time}}])
    assert answer.body["warnings"] == []
    (found,) = shop_events(local, session)
    assert found["time"] == "2026-11-22T10:00:00.000000Z"


@pytest.mark.parametrize("call", [segment, posthog])
def test_t5_segments_messages_with_a_bad_time_are_stored_and_named(
    local: Shop, call: Call
) -> None:
    session = fresh()
    answer = call(local, session, [{"type": "a", "more": {"timestamp": "soon"}}])
    (fault,) = answer.body["errors"]
    assert (fault["index"], fault["field"]) == (0, "timestamp")
    assert fault["message"].endswith("stored with the time of its receipt")
    assert len(shop_events(local, session)) == 1


def test_t5_an_activity_with_a_bad_time_is_stored_and_named(local: Shop) -> None:
    session = fresh()
    activity = {
        "action": "view",
        "target": {"productId": "p"},
        "user": {"identities": {"sessionId": session}},
        "timestamp": "soon",
    }
    answer = local.post("/web-key", activity)
    assert answer.status == 422
    assert answer.body["errors"][0]["field"] == "timestamp"
    assert len(shop_events(local, session)) == 1


def test_t5_an_exponea_event_with_a_bad_time_is_stored_and_named(local: Shop) -> None:
    session = fresh()
    data = {"customer_ids": {"cookie": session}, "event_type": "a", "timestamp": "x"}
    path = "/track/v2/projects/PROJTOKEN/customers/events"
    answer = local.post(path, data, authorization="Token PROJTOKEN")
    assert answer.status == 200
    assert "stored with the time of its receipt" in str(answer.body["errors"])
    assert len(shop_events(local, session)) == 1


def test_t5_a_login_whose_time_cannot_be_read_is_linked(local: Shop) -> None:
    session = fresh()
    body = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "ids": {"registered": session},
        "time": "gestern",
    }
    answer = local.post("/identify", body)
    assert answer.body["customer"] == {"type": "registered", "value": session}
    assert answer.body["warnings"][0].startswith("time: not a valid time")


def test_w13_a_customer_with_255_attributes_logs_in_with_one_more(local: Shop) -> None:
    session = fresh()
    body = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "ids": {"registered": session},
    }
    full = {f"a{n}": n for n in range(255)}
    assert local.post("/identify", {**body, "properties": full}).body["warnings"] == []
    other = {**body, "session": {"id": fresh()}, "properties": {"one_more": 1, "a7": 8}}
    answer = local.post("/identify", other)
    assert answer.body["customer"] == {"type": "registered", "value": session}
    assert answer.body["warnings"] == [
        "properties.one_more: the customer has 255 attributes already, left out"
    ]
    found = local.get(f"/customers/registered/{session}").body
    assert found["attributes"] == {**full, "a7": 8}


@pytest.mark.parametrize(("call", "field"), [(segment, "messageId"), (posthog, "uuid")])
def test_t6_a_message_sent_twice_without_a_time_is_one_event(
    local: Shop, call: Call, field: str
) -> None:
    session = fresh()
    message = {"type": "view", "more": {field: f"m-{session}"}}
    for _ in range(2):
        assert call(local, session, [message]).status == 200
    assert types(local, session) == ["view"]


@pytest.mark.parametrize("zone", [-9 * 60, 0, 5 * 60])
def test_t2_tracardis_tracker_is_dated_by_the_time_of_the_event(
    local: Shop, zone: int
) -> None:
    """Its `X-Timestamp` is off by the visitor's zone: Tokyo, London and New York.

    The body is the recorded one of Tracardi's tracker (tests/clients/captures), with a time of now.
    """
    session, now = fresh(), read_clock()
    payload = _recorded_payload()
    event = {**payload["events"][0], "type": "a", "time": {"create": to_iso(now)}}
    body = {
        **payload,
        "source": {"id": "tracardi-key"},
        "session": {"id": session},
        "profile": None,
        "events": [event],
    }
    stamp = str(now // 1000 + zone * 60_000)
    for _ in range(2):  # also what comes later is not moved
        answer = local.post("/track", body, x_timestamp=stamp)
        assert answer.body["results"][0]["status"] == "stored", answer.body
        (found,) = [one for one in shop_events(local, session) if one["type"] == "a"]
        assert found["time"] == to_iso(now)
        session = body["session"]["id"] = fresh()


def _recorded_payload() -> dict[str, Any]:
    recording = Path(__file__).parents[1] / "clients/captures/tracardi_js_tracker.json"
    for request in _requests_of(json.loads(recording.read_text())):
        body = request.get("body")
        payload = json.loads(body) if isinstance(body, str) and body else body
        if isinstance(payload, dict) and payload.get("events"):
            return payload
    raise AssertionError("the recording has no payload with events")


def _requests_of(value: Any) -> Iterator[dict[str, Any]]:
    members = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict) and "body" in value:
        yield value
    if isinstance(value, dict | list):
        for member in members:
            yield from _requests_of(member)


def body_of(session: str, **more: Any) -> dict[str, Any]:
    return {"source": {"id": "web-key"}, "session": {"id": session}, **more}


@pytest.mark.parametrize(
    ("path", "more", "warning"),
    [
        pytest.param(
            "/track",
            {"events": [{"type": "a", "propertis": {"b": 1}}]},
            "events[0].propertis: not a field of this call, ignored: "
            "did you mean properties?",
            id="in an event",
        ),
        pytest.param(
            "/track",
            {"events": [{"type": "a"}], "evnets": []},
            "evnets: not a field of this call, ignored: did you mean events?",
            id="in a call",
        ),
        pytest.param(
            "/identify",
            {"ids": {"registered": "g-1"}, "attributes": {"a": 1}},
            "attributes: not a field of this call, ignored",
            id="in a login",
        ),
        pytest.param(
            "/update",
            {"properties": {"a": 1}, "trait": {"b": 1}},
            "trait: not a field of this call, ignored: did you mean traits?",
            id="in an update",
        ),
        pytest.param(
            "/consent",
            {"tracking": "granted", "erased": True},
            "erased: not a field of this call, ignored: did you mean erase?",
            id="in a consent",
        ),
    ],
)
def test_s4_an_unknown_field_is_named(
    local: Shop, path: str, more: dict[str, Any], warning: str
) -> None:
    answer = local.post(path, body_of(fresh(), **more))
    assert (answer.status, answer.body["warnings"]) == (200, [warning])


@pytest.mark.parametrize("name", ["event", "evnets"])
@pytest.mark.parametrize("source", ["web-key", "tracardi-key"])
def test_s4_where_nothing_else_is_left_the_call_is_refused(
    local: Shop, source: str, name: str
) -> None:
    session = fresh()
    body = {**body_of(session, **{name: [{"type": "a"}]}), "source": {"id": source}}
    answer = local.post("/track", body)
    assert answer.status == (422 if source == "tracardi-key" else 400)
    assert answer.body["error"]["field"] == name
    assert "did you mean events?" in answer.body["error"]["message"]
    assert local.get(f"/sessions/{session}").status == 404


def test_s4_an_unknown_parameter_of_a_read_is_named(local: Shop) -> None:
    session = fresh()
    native(local, session, [{"type": "a"}])
    answer = local.get(f"/sessions/{session}/events?from=2026-01-01&limit=5")
    assert answer.body["warnings"] == ["from: not a parameter of this call, ignored"]
    assert len(answer.body["events"]) == 1
    assert "warnings" not in local.get(f"/sessions/{session}/events?limit=5").body


def test_s4_what_tracardis_clients_always_send_is_not_named(local: Shop) -> None:
    payload = {**_recorded_payload(), "source": {"id": "tracardi-key"}}
    answer = local.post("/track", {**payload, "session": {"id": fresh()}})
    assert answer.body["warnings"] == []


@pytest.mark.parametrize("source", ["web-key", "tracardi-key"])
def test_s5_options_without_effect_are_named(local: Shop, source: str) -> None:
    """Seed 002 has them in an event; the clients of Tracardi send one with a payload."""
    event = {"type": "a", "options": {"profile": False, "logs": False}}
    body = body_of(fresh(), events=[event], options={"profile": False})
    answer = local.post("/track", {**body, "source": {"id": source}})
    assert answer.body["results"][0]["status"] == "stored"
    profile = "options.profile: no effect: an answer never shows the profile"
    logs = "events[0].options.logs: no effect: no log holds what a client sent"
    assert answer.body["warnings"] == [profile, f"events[0].{profile}", logs]
