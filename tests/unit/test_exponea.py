"""Exponea's dialect: its commands as commands of the library, its answers, its keys."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from dialects.content_ids import ContentIds
from dialects.exponea import answers, commands, cookies, credentials, requests
from dialects.exponea.answers import Verdict
from dialects.exponea.commands import Command, Context
from dialects.exponea.credentials import Credentials
from dialects.exponea.requests import RawCommand, RawCommands
from dialects.exponea.system_commands import BulkCommand, translate_bulk_command
from hardlink.domain.errors import (
    Busy,
    Forbidden,
    HardlinkError,
    Invalid,
    TooLarge,
    Unauthorized,
    UnknownSource,
)
from hardlink.domain.sources import file_schema
from hardlink.domain.times import SECOND
from infra import topology

NOW = 1_795_319_534 * SECOND
PROJECT = file_schema.load_sources(topology.SOURCES).projects["demo"]
WHO = {"customer_ids": {"cookie": "c1"}}


def translate(
    name: str,
    data: Mapping[str, Any],
    cookie: str | None = None,
    content_ids: ContentIds | None = None,
) -> Command:
    context = Context(NOW, content_ids or ContentIds(), cookie)
    return commands.translate_command(RawCommand(0, name, data), "token", context)


def event(**data: Any) -> Mapping[str, Any]:
    found = translate("customers/events", {**WHO, "event_type": "view", **data}).event
    assert found is not None
    return found


@pytest.mark.parametrize(
    "body", [{}, [], "x", None, {"commands": []}, {"commands": {}}, {"commands": None}]
)
def test_no_commands(body: object) -> None:
    with pytest.raises(Invalid, match="No commands"):
        requests.read_commands(body)


def test_at_most_50_commands() -> None:
    assert (
        len(requests.read_commands({"commands": [{"name": "system/time"}] * 50})) == 50
    )
    with pytest.raises(Invalid, match="at most 50"):
        requests.read_commands({"commands": [{"name": "system/time"}] * 51})


@pytest.mark.parametrize(
    "one", [None, 1, [], {}, {"name": 1}, {"name": "x", "data": []}]
)
def test_a_command_that_is_none_does_not_keep_back_the_others(one: object) -> None:
    bad, good = requests.read_commands({"commands": [one, {"name": "system/time"}]})
    assert isinstance(bad, Invalid)
    assert good == RawCommand(1, "system/time", {})


@pytest.mark.parametrize("name", ["customers/events", "crm/events"])
def test_an_event_in_the_words_of_the_tracking_api_and_of_the_web_sdk(
    name: str,
) -> None:
    for type_ in ("event_type", "type"):
        found = translate(name, {**WHO, type_: "view", "properties": {"a": [1]}})
        assert found.event == {"type": "view", "properties": {"a": [1]}}
        assert (found.cookie, found.ids) == ("c1", {})


def test_nulls_are_nothing() -> None:
    """EX-23: the Python SDK sends them."""
    assert event(timestamp=None, properties=None) == {"type": "view", "properties": {}}


def test_empty_ids_are_left_out() -> None:
    """EX-02."""
    ids = {"cookie": "c1", "registered": "", "user_id": None, "email": "a@b.c"}
    assert translate("customers", {"customer_ids": ids}).ids == {"email": "a@b.c"}


@pytest.mark.parametrize("ids", [{}, {"cookie": ""}, {"registered": None}])
def test_a_command_names_a_visitor_or_is_refused(ids: Mapping[str, Any]) -> None:
    with pytest.raises(Invalid, match=r"At least one id should be specified\."):
        translate("customers", {"customer_ids": ids})


def test_a_command_without_a_cookie_belongs_to_the_bulks_cookie() -> None:
    assert (
        translate("crm/events", {"customer_ids": {}, "type": "x"}, "new").cookie
        == "new"
    )
    assert translate("crm/events", {**WHO, "type": "x"}, "new").cookie == "c1"


@pytest.mark.parametrize(
    ("data", "time"),
    [
        pytest.param(
            {"timestamp": 1533663283.5}, "2018-08-07T17:34:43.500000Z", id="seconds"
        ),
        pytest.param(
            {"timestamp": "2018-08-07T17:34:43Z"},
            "2018-08-07T17:34:43.000000Z",
            id="iso",
        ),
        pytest.param({"age": 4.0}, "2026-11-22T03:52:10.000000Z", id="age"),
        pytest.param({"age": 0.25}, "2026-11-22T03:52:13.750000Z", id="fraction"),
        pytest.param(
            {"age": -5.0}, "2026-11-22T03:52:14.000000Z", id="never later than now"
        ),
        pytest.param(
            {"age": 1e300}, "1970-01-01T00:00:00.000000Z", id="never before all time"
        ),
        pytest.param(
            {"age": 3, "timestamp": 1533663283},
            "2018-08-07T17:34:40.000000Z",
            id="both",
        ),
    ],
)
def test_the_time_of_an_event(data: Mapping[str, Any], time: str) -> None:
    """EX-31: `age` seconds before it was sent, or before it was received."""
    assert event(**data)["time"] == time


@pytest.mark.parametrize(
    ("data", "jitter"),
    [
        ({"timestamp": 1533663283}, 0),
        ({"age": 0.1}, 0),
        ({"age": 3.9}, 0),
        ({"age": 5.1}, SECOND),
        ({"age": 5.1, "timestamp": 1533663283}, SECOND // 10),
    ],
)
def test_a_repeated_event_may_be_off_by_its_jitter(data: Any, jitter: int) -> None:
    assert translate("crm/events", {**WHO, "type": "x", **data}).jitter == jitter


def test_an_event_that_is_sent_again_has_the_same_id() -> None:
    first, again = event(age=0.1), event(age=5.1)
    assert first["id"] == again["id"]
    assert event(age=0.1, properties={"a": 1})["id"] != first["id"]
    assert (
        event(timestamp=1)["id"] == event(timestamp=1)["id"] != event(timestamp=2)["id"]
    )
    assert "id" not in event()


def test_of_two_alike_in_one_call_both_count() -> None:
    content_ids = ContentIds()
    data = {**WHO, "type": "add", "age": 0.1}
    one, two = (
        translate("crm/events", data, content_ids=content_ids) for _ in range(2)
    )
    assert one.event is not None
    assert two.event is not None
    assert two.event["id"] == f"{one.event['id']}-2"


@pytest.mark.parametrize("name", ["customers", "crm/customers"])
def test_an_update_in_both_vocabularies(name: str) -> None:
    for ids in ("ids", "customer_ids"):
        data = {ids: {"cookie": "c1", "registered": "r"}, "properties": {"vip": True}}
        found = translate(name, {**data, "update_timestamp": 7, "timestamp": 9})
        assert found.ids == {"registered": "r"}
        assert commands.build_update(found) == {
            "session": {"id": "c1"},
            "ids": {"registered": "r"},
            "properties": {"vip": True},
            "time": 7,
        }
        assert (
            commands.build_update(translate(name, {**data, "timestamp": 9}))["time"]
            == 9
        )


def test_a_campaign_click_is_an_event() -> None:
    found = translate(
        "campaigns/clicks",
        {**WHO, "url": "https://x", "properties": {"platform": "iOS"}},
    )
    assert found.event == {
        "type": "campaign",
        "properties": {"status": "clicked", "url": "https://x", "platform": "iOS"},
    }


def test_a_consent_is_an_event_and_a_value() -> None:
    """EX-27."""
    properties = {
        "category": "newsletter",
        "action": "accept",
        "valid_until": "unlimited",
    }
    data = {**WHO, "event_type": "consent", "properties": properties, "timestamp": 7}
    assert translate("customers/events", data).consents == {
        "newsletter": {"action": "accept", "valid_until": "unlimited", "timestamp": 7.0}
    }
    for category, consents, told in (("tracking", {}, 1), ("other", {"other"}, 0)):
        found = translate(
            "customers/events",
            {**data, "properties": {**properties, "category": category}},
        )
        assert found.consents.keys() == set(consents)
        assert len(found.warnings) == told
    with pytest.raises(Invalid, match="a category, and an action"):
        translate(
            "customers/events",
            {**WHO, "event_type": "consent", "properties": {"action": "x"}},
        )


@pytest.mark.parametrize(
    ("name", "data", "field"),
    [
        ("customers", {"customer_ids": []}, "customer_ids"),
        ("customers", {"customer_ids": {"cookie": ["c"]}}, "customer_ids.cookie"),
        ("customers", {**WHO, "properties": [1]}, "properties"),
        ("customers/events", {**WHO}, "event_type"),
        ("customers/events", {**WHO, "event_type": 7}, "event_type"),
        ("customers/events", {**WHO, "event_type": "x", "age": "old"}, "age"),
        ("customers/events", {**WHO, "event_type": "x", "age": True}, "age"),
        ("crm/nothing", WHO, "name"),
    ],
)
def test_a_fault_names_its_field(
    name: str, data: Mapping[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as raised:
        translate(name, data)
    assert raised.value.field == field


def test_t5_a_timestamp_that_cannot_be_read_counts_as_none_and_is_named() -> None:
    found = translate(
        "customers/events", {**WHO, "event_type": "x", "timestamp": "soon"}
    )
    assert found.event == {"type": "x", "properties": {}}
    (warning,) = found.warnings
    assert warning.startswith("timestamp: not a valid time")
    assert warning.endswith("stored with the time of its receipt")


def test_neighbours_of_one_visitor_go_together_and_all_else_alone() -> None:
    view = translate("crm/events", {**WHO, "type": "x"})
    assert commands.batch_key(view) == commands.batch_key(view._replace(number=1))
    other = translate("crm/events", {"customer_ids": {"cookie": "c2"}, "type": "x"})
    assert commands.batch_key(view) != commands.batch_key(other)
    said = translate("crm/customers", {"ids": {"cookie": "c1"}})
    assert commands.batch_key(said) != commands.batch_key(said._replace(number=1))
    body = commands.build_track([view, view])
    assert body["session"] == {"id": "c1"}
    assert body["events"] == [view.event, view.event]
    assert not body["server_side"]
    assert commands.build_track(
        [translate("crm/events", {"ids": {"a": "b"}, "type": "x"})]
    )["server_side"]


def test_a_command_keeps_at_least_one_identifier() -> None:
    both = translate("customers", {"customer_ids": {"cookie": "c1", "registered": "0"}})
    assert commands.without_identifier(both, "registered", PROJECT) == both._replace(
        ids={}
    )
    assert commands.without_identifier(both, "other", PROJECT) is None
    alone = translate("customers", {"customer_ids": {"registered": "0"}})
    assert commands.without_identifier(alone, "registered", PROJECT) is None


# -- /bulk ----------------------------------------------------------------------------------------

IDS = {"name": "system/ids", "data": {"project_id": "t", "customer": {}, "expires": 1}}


def clocked(ts: float, age: float, location: str = "/") -> RawCommands:
    ping = {"company_id": "t", "type": "session_ping", "age": age, "customer_ids": {}}
    return requests.read_commands(
        {
            "commands": [
                IDS,
                {"name": "system/time", "data": {"clientTS": ts}},
                {
                    "name": "crm/events",
                    "data": {**ping, "properties": {"location": location}},
                },
            ]
        }
    )


def read_first(found: RawCommands, *browser: str) -> cookies.FirstBulk:
    first = cookies.read_first_bulk(found, browser)
    assert first is not None
    return first


def test_the_cookie_of_a_bulk() -> None:
    own = requests.read_commands({"commands": [{**IDS, "data": {"cookie": "own"}}]})
    assert cookies.choose_cookie(own, "sent") == "own"
    asking = requests.read_commands({"commands": [IDS]})
    assert cookies.choose_cookie(asking, "sent") == "sent"
    assert cookies.choose_cookie(asking, None) is None
    assert cookies.asks_for_cookie(asking)
    others = requests.read_commands({"commands": [{"name": "system/time"}]})
    assert cookies.choose_cookie(others, "sent") == "sent"
    assert cookies.choose_cookie(others, None) is None
    assert not cookies.asks_for_cookie(others)


@pytest.mark.parametrize("cookie", ["0", "@registered=eve", " ", "x" * 300])
def test_a_cookie_that_could_never_be_used_is_replaced(cookie: str) -> None:
    named = requests.read_commands({"commands": [{**IDS, "data": {"cookie": cookie}}]})
    assert cookies.choose_cookie(named, "sent") == "sent"
    assert cookies.choose_cookie(named, cookie) is None


def test_a_first_bulk_tells_its_times_on_the_devices_clock() -> None:
    first = read_first(clocked(1795319534.191, 0.125), "Chrome")
    assert (first.happened, first.sent) == (1795319534066000, 1795319534191000)
    again = read_first(clocked(1795319539.203, 5.137), "Chrome")
    assert again == first._replace(sent=1795319539203000)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param((clocked(1.0, 0.1), "Firefox"), id="another browser"),
        pytest.param((clocked(1.0, 0.1, "/other"), "Chrome"), id="another page"),
    ],
)
def test_a_first_bulk_is_told_from_another_browsers(
    other: tuple[RawCommands, str],
) -> None:
    first = read_first(clocked(1.0, 0.1), "Chrome")
    assert read_first(*other).fingerprint != first.fingerprint


def test_a_first_bulk_without_a_clock_is_not_recognized() -> None:
    assert cookies.read_first_bulk(requests.read_commands({"commands": [IDS]}), ()) is (
        None
    )


def test_the_cookie_on_the_apis_own_domain() -> None:
    header = cookies.build_cookie_header("token", "c1")["set-cookie"]
    assert header.startswith("xnpe_token=c1; Max-Age=94608000; ")
    assert {"Secure", "HttpOnly", "SameSite=None"} <= set(header.split("; "))
    assert cookies.build_cookie_header("to;ken", "c1") == {}
    assert cookies.build_cookie_header("token", "c1; Domain=evil") == {}
    assert cookies.build_cookie_header("token", "c1\r\nx: y") == {}


def translate_bulk(name: str, **data: Any) -> BulkCommand:
    context = Context(NOW, ContentIds(), "cookie")
    return translate_bulk_command(RawCommand(0, name, data), "t", context)


def test_commands_about_the_sdk_itself() -> None:
    """EX-22: the SDK throws where one of these has no data."""
    expected = {
        "system/ids": Verdict(more={"data": {"cookie": "cookie"}}),
        "system/time": Verdict(more={"time": 1795319534.0}),
        "system/tracking": Verdict(more={"data": []}),
    }
    for name, verdict in expected.items():
        assert translate_bulk(name) == (verdict, None)
    vapid = translate_bulk("system/push-notifications-vapid-key").verdict
    assert vapid is not None
    assert not vapid.stored


def test_the_customer_that_the_sdk_was_started_with_is_identified() -> None:
    answer, command = translate_bulk(
        "system/ids", customer={"registered": "r", "cookie": "forged"}
    )
    assert answer == Verdict(more={"data": {"registered": "r", "cookie": "cookie"}})
    assert command is not None
    assert (command.cookie, command.ids) == ("cookie", {"registered": "r"})


def test_results_as_each_family_has_them() -> None:
    ok, bad = Verdict(), Verdict(stored=False, messages=("no",))
    timed = Verdict(more={"time": 1.5})
    assert answers.answer_bulk([ok, bad, timed], NOW, NOW + SECOND) == {
        "success": True,
        "start_time": 1795319534.0,
        "end_time": 1795319535.0,
        "results": [
            {"status": "ok"},
            {"status": "error", "errors": ["no"]},
            {"status": "ok", "time": 1.5},
        ],
    }
    assert answers.answer_batch([ok, bad, timed], NOW, NOW)["results"] == [
        {"success": True},
        {"success": False, "errors": ["no"]},
        {"success": True, "time": 1.5},
    ]
    assert answers.answer_single(ok)[:2] == ({"success": True, "errors": []}, 200)
    assert answers.answer_single(bad)[:2] == ({"success": False, "errors": ["no"]}, 400)


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (UnknownSource("x"), 400, {"success": False, "error": "Invalid project id"}),
        (
            Unauthorized("mend"),
            400,
            {"success": False, "error": "Could not authenticate", "message": "mend"},
        ),
        (Invalid("x", code="bad_json"), 400, {"message": "Invalid JSON"}),
        (Invalid("No commands", code="no_commands"), 400, {"message": "No commands"}),
        (Invalid(commands.NO_ID), 400, {"errors": [commands.NO_ID]}),
        (Invalid("wrong", "age"), 400, {"errors": ["age: wrong"]}),
        (TooLarge("big"), 413, {"errors": ["big"]}),
        (Forbidden("origin"), 403, {"errors": ["origin"]}),
        (Busy("later"), 503, {"errors": ["later"]}),
    ],
)
def test_error_bodies(
    error: HardlinkError, status: int, body: Mapping[str, Any]
) -> None:
    """EX-29."""
    answer = answers.answer_error(error)
    assert answer.status == status
    assert answer.body["success"] is False
    assert {name: answer.body[name] for name in body} == body


def test_keys() -> None:
    """EX-28."""
    assert credentials.parse_credentials("Token abc") == Credentials("public", "abc")
    assert credentials.parse_credentials("", "abc") == Credentials("public", "abc")
    basic = base64.b64encode(b"id:se:cret").decode()
    assert credentials.parse_credentials(f"Basic {basic}") == Credentials(
        "private", "se:cret"
    )
    for bad in ("", "Basic ***", "Digest x", "Bearer x", "Basic /w=="):
        with pytest.raises(Unauthorized, match="send a key"):
            credentials.parse_credentials(bad)
