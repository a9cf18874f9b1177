"""What was done under a session belongs to the customer behind it: moved, taken back, split, refused."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.http.service import Client, eventually, fresh

ODD_NAMES = ["😀 session", "\uffff", "ÿ", "a/b", "#", "e/1", "~", "日本"]


def test_history_joins_the_customer_on_the_first_link(shop: Client) -> None:
    session, who = fresh(), fresh()
    shop.track(session, "view", "add", "view")
    shop.identify(session, {"registered": who})
    shop.track(session, "buy")
    shop.settles("registered", who, "view", "add", "view", "buy")
    assert shop.get("sessions", session).json["customer"] == {
        "type": "registered",
        "value": who,
    }


def test_all_sessions_of_a_profile_join_and_later_ones_too(shop: Client) -> None:
    first, second, third, who = fresh(), fresh(), fresh(), fresh()
    profile = shop.track(first, "1").json["profile"]
    shop.track(second, "2", profile=profile)
    shop.identify(first, {"registered": who})
    shop.track(third, "3", profile=profile)
    shop.settles("registered", who, "1", "2", "3")
    sessions = shop.get("customers", "registered", who).json["sessions"]
    assert {s["id"] for s in sessions} == {first, second, third}


def test_a_second_device_joins_the_same_customer(shop: Client) -> None:
    phone, laptop, who = fresh(), fresh(), fresh()
    shop.track(phone, "phone")
    shop.track(laptop, "laptop")
    shop.identify(phone, {"registered": who})
    shop.identify(laptop, {"registered": who})
    shop.settles("registered", who, "phone", "laptop")


def test_a_second_login_moves_only_this_profile_and_undo_brings_it_back(
    shop: Client,
) -> None:
    moved, stays, a, b = fresh(), fresh(), fresh("a"), fresh("b")
    shop.track(moved, "moved")
    shop.track(stays, "stays")
    for session in (moved, stays):
        shop.identify(session, {"registered": a})
    shop.settles("registered", a, "moved", "stays")
    shop.identify(moved, {"registered": b})
    shop.settles("registered", a, "stays")
    shop.settles("registered", b, "moved")
    undone = shop.unlink(moved)
    assert undone.status == 200
    assert undone.json["customer"] == {"type": "registered", "value": a}
    assert [bool(link["undone"]) for link in undone.json["why"]] == [True, False]
    shop.settles("registered", a, "moved", "stays")
    shop.settles("registered", b)


def test_undoing_everything_leaves_the_visitor_anonymous(shop: Client) -> None:
    session, who = fresh(), fresh()
    shop.track(session, "a")
    shop.identify(session, {"registered": who})
    shop.settles("registered", who, "a")
    assert shop.unlink(session).json["customer"] is None
    shop.settles("registered", who)
    again = shop.unlink(session)
    assert (again.status, again.error["code"]) == (409, "nothing_to_undo")


def test_a_split_source_leaves_the_past_with_the_first_customer(shop: Client) -> None:
    session, a, b = fresh(), fresh("a"), fresh("b")
    shop.track(session, "one", source="split-key")
    shop.identify(session, {"registered": a}, source="split-key")
    shop.track(session, "two", source="split-key")
    shop.identify(session, {"registered": b}, source="split-key")
    shop.track(session, "three", source="split-key")
    shop.settles("registered", a, "one", "two")
    shop.settles("registered", b, "three")
    shop.unlink(session)
    shop.settles("registered", a, "one", "two", "three")
    shop.settles("registered", b)


def test_a_refusing_source_answers_409_and_changes_nothing(shop: Client) -> None:
    session, a, b = fresh(), fresh("a"), fresh("b")
    shop.track(session, "one", source="refuse-key")
    shop.identify(session, {"registered": a}, source="refuse-key")
    refused = shop.identify(session, {"registered": b}, source="refuse-key")
    assert (refused.status, refused.error["code"]) == (409, "another_customer")
    assert "anonymize" in refused.error["message"]
    with_ids = shop.track(session, "two", source="refuse-key", ids={"registered": b})
    assert with_ids.status == 409
    shop.settles("registered", a, "one")
    assert shop.get("customers", "registered", b).status == 404
    anew = shop.post(
        "/anonymize", {"source": {"id": "refuse-key"}, "session": {"id": session}}
    ).json
    assert (
        shop.identify(
            anew["session"]["id"], {"registered": b}, source="refuse-key"
        ).status
        == 200
    )


def test_identifying_again_changes_nothing(shop: Client) -> None:
    session, who = fresh(), fresh()
    shop.track(session, "a")
    for _ in range(3):
        assert (
            shop.identify(session, {"registered": who}, properties={"n": 1}).status
            == 200
        )
    assert len(shop.get("sessions", session).json["why"]) == 1
    shop.settles("registered", who, "a")


def test_soft_alone_then_known(shop: Client) -> None:
    session, mail, who = fresh(), f"{fresh()}@example.com", fresh()
    shop.track(session, "newsletter")
    shop.identify(session, {"email": mail})
    shop.settles("email", mail, "newsletter")
    shop.identify(session, {"registered": who, "email": mail})
    shop.settles("registered", who, "newsletter")
    shop.settles("email", mail, "newsletter")
    assert shop.get("customers", "email", mail).json["customer"]["type"] == "registered"


def test_a_soft_identifier_goes_to_the_later_customer_and_no_history_moves(
    shop: Client,
) -> None:
    first, second, mail = fresh(), fresh(), f"{fresh()}@example.com"
    a, b = fresh("a"), fresh("b")
    shop.track(first, "a")
    shop.identify(first, {"registered": a, "email": mail})
    shop.track(second, "b")
    warned = shop.identify(second, {"registered": b, "email": mail})
    assert any("email" in warning for warning in warned.json["warnings"])
    shop.settles("registered", a, "a")
    shop.settles("registered", b, "b")
    shop.settles("email", mail, "b")


def test_two_customers_are_never_merged(shop: Client) -> None:
    first, second, a, card = fresh(), fresh(), fresh("a"), fresh("card")
    shop.identify(first, {"registered": a})
    shop.identify(second, {"loyalty": card})
    both = shop.identify(first, {"registered": a, "loyalty": card})
    assert (both.status, both.error["code"]) == (409, "identifier_conflict")
    second_card = shop.identify(second, {"loyalty": card, "registered": fresh("b")})
    assert second_card.status == 200


def test_a_type_may_cap_its_values(shop: Client) -> None:
    session, who = fresh(), fresh()
    for number in range(3):
        assert (
            shop.identify(
                session, {"registered": who, "device": fresh(f"d{number}")}
            ).status
            == 200
        )
    fourth = shop.identify(session, {"registered": who, "device": fresh()})
    assert (fourth.status, fourth.error["field"]) == (409, "ids.device")


def test_a_visitors_attributes_go_where_the_visitor_goes(shop: Client) -> None:
    session, a, b = fresh(), fresh("a"), fresh("b")
    shop.post(
        "/update",
        {
            "source": {"id": "web-key"},
            "session": {"id": session},
            "properties": {"n": 1},
        },
    )
    shop.identify(session, {"registered": a}, properties={"told": "a"})

    def attributes(who: str) -> object:
        reply = shop.get("customers", "registered", who)
        return reply.json["attributes"] if reply.status == 200 else None

    eventually(lambda: attributes(a), {"n": 1, "told": "a"})
    shop.identify(session, {"registered": b})
    eventually(lambda: attributes(b), {"n": 1})
    eventually(lambda: attributes(a), {"told": "a"})


@pytest.mark.parametrize("odd", ODD_NAMES)
def test_sessions_with_odd_names_are_re_homed_too(shop: Client, odd: str) -> None:
    session, who = f"{odd}{fresh()}", fresh()
    profile = shop.track(session, "odd").json["profile"]
    shop.identify(fresh(), {"registered": who}, profile=profile)
    shop.settles("registered", who, "odd")
    assert session in {
        s["id"] for s in shop.get("customers", "registered", who).json["sessions"]
    }


@pytest.mark.parametrize("odd", ODD_NAMES)
def test_events_with_odd_ids_are_read(shop: Client, odd: str) -> None:
    session = fresh()
    events = [{"type": "a", "id": odd}, {"type": "b", "id": odd, "time": 0}]
    body = {"source": {"id": "web-key"}, "session": {"id": session}, "events": events}
    assert [r["status"] for r in shop.post("/track", body).json["results"]] == [
        "stored",
        "stored",
    ]
    found = shop.get("sessions", session, "events", limit=1).json
    rest = shop.get("sessions", session, "events", cursor=found["cursor"]).json
    assert [e["id"] for e in (*found["events"], *rest["events"])] == [odd, odd]


@pytest.mark.parametrize("odd", ODD_NAMES)
def test_identifiers_with_odd_values_find_their_customer(
    shop: Client, odd: str
) -> None:
    session, who, soft = fresh(), f"{odd}{fresh()}", f"{odd}{fresh()}"
    shop.track(session, "a")
    shop.identify(session, {"registered": who, "user_id": soft})
    shop.settles("user_id", soft, "a")
    assert shop.get("customers", "registered", who).json["identifiers"] == {
        "registered": [who],
        "user_id": [soft],
    }
    shop.identify(session, {"registered": fresh()})
    shop.settles("registered", who)


def test_calls_of_one_new_visitor_at_once(shop: Client) -> None:
    """Sixteen first calls of one session: one profile, every event, and the login among them holds."""
    session, who = fresh(), fresh()

    def call(number: int) -> tuple[int, str]:
        login = number == 7
        reply = (
            shop.identify(session, {"registered": who})
            if login
            else shop.track(session, f"e{number}")
        )
        return reply.status, reply.json["profile"]["id"]

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(call, range(16)))
    assert {status for status, _ in answers} == {200}
    assert len({profile for _, profile in answers}) == 1
    expected = sorted(f"e{n}" for n in range(16) if n != 7)
    eventually(lambda: sorted(shop.types("registered", who)), expected)


# -- the limits of seed 004: 255 attributes, or properties of an event, of 16 KB each -------------


def full(letter: str) -> dict[str, str]:
    """As many values as large as they may be."""
    longest = 16 * 1024 // len(letter.encode())
    return {
        f"name_{n:03}": f"{n:03}".ljust(longest - 3 * len(letter.encode()), letter)
        for n in range(255)
    }


@pytest.mark.parametrize("letter", ["x", "ü", "日"])
def test_a_full_customer_is_kept_and_read_back_whole(shop: Client, letter: str) -> None:
    session, who = fresh(), fresh()
    body = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "ids": {"registered": who},
        "properties": full(letter),
    }
    text = json.dumps(body, ensure_ascii=False).encode()
    assert (
        shop.send(
            "POST", "/identify", text, {"content-type": "application/json"}
        ).status
        == 200
    )
    found = shop.get("customers", "registered", who)
    assert found.status == 200
    assert found.json["attributes"] == full(letter)
    one_more = shop.identify(session, {"registered": who}, properties={"one_more": 1})
    assert one_more.status == 200
    (warning,) = one_more.json["warnings"]
    assert warning.startswith("properties.one_more: ")
    found = shop.get("customers", "registered", who)
    assert found.json["attributes"] == full(letter)


@pytest.mark.parametrize("letter", ["x", "ü", "日"])
def test_full_events_are_kept_and_read_back_whole(shop: Client, letter: str) -> None:
    """Two of them together are more than Lambda may answer: then a page has fewer, and a cursor."""
    session, who = fresh(), fresh()
    for name in ("first", "second"):
        event = {"type": name, "properties": full(letter)}
        body = {
            "source": {"id": "web-key"},
            "session": {"id": session},
            "events": [event],
        }
        text = json.dumps(body, ensure_ascii=False).encode()
        reply = shop.send("POST", "/track", text, {"content-type": "application/json"})
        assert reply.json["results"][0]["status"] == "stored"
    shop.identify(session, {"registered": who})
    eventually(
        lambda: len(shop.get("customers", "registered", who).json["sessions"]), 1
    )
    for path in (
        ["customers", "registered", who, "events"],
        ["sessions", session, "events"],
    ):
        events: list[Any] = []
        cursor: dict[str, str] = {}
        for _ in range(3):
            page = shop.get(*path, **cursor)
            assert page.status == 200, page.body
            events += page.json["events"]
            if not page.json["cursor"]:
                break
            cursor = {"cursor": page.json["cursor"]}
        assert [event["type"] for event in events] == ["second", "first"]
        assert all(event["properties"] == full(letter) for event in events)


def test_a_call_that_was_carried_out_is_not_answered_as_an_error(shop: Client) -> None:
    """What the debugger would show is more than Lambda may answer."""
    body = {
        "source": {"id": "web-key"},
        "session": {"id": fresh()},
        "context": {"large": "x" * 1_000_000},
        "events": [{"type": "a"}] * 8,
        "options": {"debugger": True},
    }
    reply = shop.post("/track", body)
    assert reply.status in (200, 413), reply.body
