"""Tracardi: a real client and the recordings of two, against the local service."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.clients import pip
from tests.http.service import Client, Reply, eventually, fresh
from tests.support.engines import Unavailable

CAPTURES = sorted((Path(__file__).parent / "captures").glob("tracardi_*.json"))
RECORDED = [
    request
    for path in CAPTURES
    for request in json.loads(path.read_text())
    if request["method"] == "POST"
]
EVENTS = {"minimal": [{"type": "page-view", "properties": {"pageTitle": "My Page"}}]}
KEY = "tracardi-key"
BEGINNING = {"profile-created": 1, "session-opened": 1, "visit-started": 1}


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has the client."""
    try:
        return pip.installed("tracardi-requirements.txt")
    except Unavailable as error:
        pytest.skip(str(error))


def send(shop: Client, body: dict[str, Any], **headers: str) -> Reply:
    return shop.post("/track", {"source": {"id": KEY}, **body}, **headers)


def types(shop: Client, session: str) -> list[str]:
    """The types of a session's events, oldest first, without those with which it began."""
    events = shop.get("sessions", session, "events", limit=1000).json["events"]
    return [
        event["type"] for event in reversed(events) if event["type"] not in BEGINNING
    ]


def all_types(shop: Client, session: str) -> Counter[str]:
    events = shop.get("sessions", session, "events", limit=1000).json["events"]
    return Counter(event["type"] for event in events)


def test_the_real_client(shop: Client, python: Path) -> None:
    """TR-01, TR-04, TR-05: no Content-Type; the profile is the server's, a made-up one never adopted."""
    session = fresh("tracardi")
    url = f"http://127.0.0.1:{shop.port}"
    printed = pip.run(python, "tracardi_visit.py", url, KEY, session)
    assert printed.count(f"{url}/track 200") == 2
    assert printed.count(f"'session': {{'id': '{session}'}}") == 2
    assert "made-up-by-the-client" not in printed
    assert types(shop, session) == ["page-view", "product-in-basket"]
    (newest, *_) = shop.get("sessions", session, "events").json["events"]
    assert newest["properties"] == {"price": 34.43}
    assert newest["context"] == {"tag": "product-in-basket"}


def test_the_real_client_without_a_session_is_given_one(
    shop: Client, python: Path
) -> None:
    """TR-11."""
    url = f"http://127.0.0.1:{shop.port}"
    assert pip.run(python, "tracardi_visit.py", url, KEY, "").count(" 200 ") == 2


def test_the_real_client_of_an_unknown_source_is_unauthorized(
    shop: Client, python: Path
) -> None:
    """TR-02."""
    url = f"http://127.0.0.1:{shop.port}"
    printed = pip.run(python, "tracardi_visit.py", url, "no such source", fresh())
    assert "401 {" in printed
    assert "'detail': 'Unauthorized Access" in printed


@pytest.mark.parametrize(
    "request_", RECORDED, ids=lambda r: r["headers"]["User-Agent"][:15]
)
def test_every_recording_is_answered_as_its_client_needs(
    shop: Client, request_: dict[str, Any]
) -> None:
    """TR-03, TR-16: the keys of the answer that Tracardi's server gave, and of what kind each is."""
    body = {**request_["body"], "source": {"id": KEY}}
    sent = request_["headers"].get("x-timestamp")
    reply = send(shop, body, **({"x_timestamp": sent} if sent else {}))
    assert reply.status == 200
    assert float(reply.headers["x-process-time"]) > 0
    answer = reply.json
    assert (answer["ux"], answer["response"], answer["errors"]) == ([], {}, [])
    assert isinstance(answer["task"], str)
    assert isinstance(answer["warnings"], list)
    assert answer["events"] == []
    assert answer["profile"]["id"]
    assert [r["status"] for r in answer["results"]] == ["stored"] * len(body["events"])


def test_the_debugger_names_the_events_that_were_stored(shop: Client) -> None:
    """TR-14."""
    events = [
        {"type": "a", "id": "one"},
        {"type": "b", "id": "two", "options": {"save": False}},
    ]
    body = {"session": {"id": fresh()}, "events": events, "options": {"debugger": True}}
    assert send(shop, body).json["events"] == ["one"]


def test_the_real_client_signs_in(shop: Client, python: Path) -> None:
    """TR-17, TR-19: two devices of one address become one customer, each visit with its beginning."""
    mail, first, second = f"{fresh()}@example.com", fresh(), fresh()
    url = f"http://127.0.0.1:{shop.port}"
    for session in (first, second):
        pip.run(python, "tracardi_visit.py", url, KEY, session, mail)
        assert all_types(shop, session) == {
            **BEGINNING,
            "page-view": 1,
            "product-in-basket": 1,
            "sign-in": 1,
        }
    both = {"page-view": 2, "product-in-basket": 2, "sign-in": 2}
    eventually(
        lambda: Counter(shop.types("email", mail)),
        {
            **both,
            **{name: 2 * count for name, count in BEGINNING.items()},
            "merge": 1,  # the second device joined a customer who was known already
        },
    )
    found = shop.get("customers", "email", mail).json
    assert found["visits"] == 2
    assert found["attributes"] == {"contact.email.main": mail}


def test_errors_say_why_an_event_was_not_stored_and_the_rest_is(shop: Client) -> None:
    """TR-16: 226."""
    session = fresh()
    bad: dict[str, Any] = {"properties": {}}
    signs_in = {"type": "sign-in", "properties": {"pk": fresh()}}
    reply = send(
        shop, {"session": {"id": session}, "events": [{"type": "a"}, signs_in, bad]}
    )
    assert (reply.status, reply.json["errors"]) == (226, ["events[2].type: is missing"])
    assert [r["status"] for r in reply.json["results"]] == [
        "stored",
        "stored",
        "rejected",
    ]
    assert types(shop, session) == ["a", "sign-in"]


@pytest.mark.parametrize(
    "body", [{}, {"events": []}, {"events": None, "profile": {"id": "x"}}]
)
def test_no_events_are_answered_with_nothing_and_leave_nothing(
    shop: Client, body: dict[str, Any]
) -> None:
    """TR-16."""
    session = fresh()
    reply = send(shop, {"session": {"id": session}, **body})
    assert (reply.status, reply.body) == (200, b"null")
    assert shop.get("sessions", session).status == 404


def test_put_is_answered_with_nothing(shop: Client) -> None:
    reply = shop.send("PUT", "/track", b"{}")
    assert (reply.status, reply.body) == (200, b"null")
    assert "x-process-time" in reply.headers


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"events": 5}, "events"),
        ({"context": []}, "context"),
        ({"session": {"id": "undefined"}}, "session.id"),
        ({"options": {"saveSession": "maybe"}}, "options.saveSession"),
        ({"session": {"id": []}, "events": [{"type": "sign-in"}]}, "session.id"),
        (
            {
                "session": {"id": "null"},
                "events": [{"type": "sign-in", "properties": {"pk": "a"}}],
            },
            "session.id",
        ),
    ],
)
def test_a_payload_that_is_not_valid_is_422(
    shop: Client, body: dict[str, Any], field: str
) -> None:
    """TR-16."""
    reply = send(shop, {"events": EVENTS["minimal"], **body})
    assert reply.status == 422
    (fault,) = reply.json["detail"]
    assert fault["loc"] == ["body", *field.split(".")]
    assert fault["msg"] == reply.error["message"]


@pytest.mark.parametrize(
    "wrong",
    [{"tags": "x"}, {"context": 1}, {"id": []}],
)
def test_what_is_rejected_logs_nobody_in(shop: Client, wrong: dict[str, Any]) -> None:
    session = fresh()
    signs_in = {"type": "sign-in", "properties": {"pk": fresh("gordon")}, **wrong}
    events = [{"type": "view"}, signs_in]
    reply = send(shop, {"session": {"id": session}, "events": events})
    assert reply.status == 226
    assert [r["status"] for r in reply.json["results"]] == ["stored", "rejected"]
    assert shop.get("sessions", session).json["why"] == []


def test_native_callers_are_answered_as_ever(shop: Client) -> None:
    native: dict[str, Any] = {"source": {"id": "web-key"}, "session": {"id": fresh()}}
    assert shop.post("/track", {**native, "events": 5}).status == 400
    partly = shop.post("/track", {**native, "events": [{"properties": {}}]})
    assert partly.status == 200
    assert partly.json.keys() == {"session", "profile", "results", "warnings"}
    (refused,) = partly.json["results"]
    assert (refused["field"], refused["reason"]) == ("events[0].type", "is missing")
    none = shop.post("/track", {**native, "events": []})
    assert (none.status, none.json["session"]) == (200, native["session"])
    signs_in = {"type": "sign-in", "properties": {"pk": fresh()}}
    shop.post("/track", {**native, "events": [signs_in]})
    assert all_types(shop, native["session"]["id"]) == {"sign-in": 1}
    assert shop.get("sessions", native["session"]["id"]).json["customer"] is None


def test_ids_are_trimmed_and_headers_are_not_kept(shop: Client) -> None:
    """TR-15."""
    session = fresh()
    headers = {"authorization": "secret-1", "cookie": "secret-2", "x-other": "secret-3"}
    body = {
        "source": {"id": f" {KEY} "},
        "session": {"id": f" {session} "},
        "events": [{"type": " a "}],
        "request": {"headers": headers},
    }
    answer = shop.post("/track", body, cookie="secret-4", authorization="secret-5").json
    assert answer["session"] == {"id": session}
    found = shop.get("sessions", session, "events")
    assert b"secret" not in found.body
    assert types(shop, session) == ["a"]


# -- what events mean ----------------------------------------------------------------------------------------------


def test_events_say_who_the_visitor_is_and_what_they_agree_to(shop: Client) -> None:
    """TR-19, TR-20."""
    session, who = fresh(), fresh("gordon")
    events: list[dict[str, Any]] = [
        {"type": "page-view"},
        {
            "type": "consent-granted",
            "properties": {"marketing": False, "general": True},
        },
        {"type": "sign-in", "properties": {"pk": who, "firstname": "Gordon"}},
        {
            "type": "consent-update",
            "properties": {"consents": {"marketing": {"revoke": None}}},
        },
        {"type": "profile-update", "properties": {"pii": {"lastname": "Freeman"}}},
        {"type": "page-view"},
    ]
    reply = send(shop, {"session": {"id": session}, "events": events})
    assert (reply.status, reply.json["warnings"]) == (200, [])
    assert types(shop, session) == [event["type"] for event in events]
    eventually(
        lambda: Counter(shop.types("registered", who)),
        {**BEGINNING, **Counter(str(event["type"]) for event in events)},
    )
    found = shop.get("customers", "registered", who).json
    assert found["consents"] == {"general": True, "marketing": True}
    assert found["attributes"] == {
        "identifier.pk": who,
        "pii.firstname": "Gordon",
        "pii.lastname": "Freeman",
    }
    assert found["visits"] == 1


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"email": "undefined"}, "events[0].properties.contact.email.main"),
        ({"pk": ["a"]}, "events[0].properties.identifier.pk"),
    ],
)
def test_an_identity_that_can_be_none_is_named_and_the_event_is_stored(
    shop: Client, properties: dict[str, Any], named: str
) -> None:
    session = fresh()
    events = [{"type": "sign-in", "properties": properties}]
    reply = send(shop, {"session": {"id": session}, "events": events})
    assert reply.status == 200
    assert reply.json["warnings"][0].startswith(named)
    assert types(shop, session) == ["sign-in"]
    assert shop.get("sessions", session).json["customer"] is None


def test_an_identity_that_a_rule_refuses_is_named_and_the_event_is_stored(
    shop: Client,
) -> None:
    session = fresh()
    for who in (fresh("gordon"), fresh("alyx")):
        events = [{"type": "sign-in", "properties": {"pk": who, "firstname": who}}]
        body = {"source": {"id": "tracardi-refuse-key"}, "session": {"id": session}}
        reply = send(shop, {**body, "events": events})
        assert (reply.status, reply.json["results"][0]["status"]) == (200, "stored")
    assert "anonymize" in reply.json["warnings"][0]
    assert types(shop, session) == ["sign-in", "sign-in"]
    assert shop.get("sessions", session).json["customer"]["value"].startswith("gordon")


def test_values_that_have_no_room_are_named_and_the_rest_is_kept(shop: Client) -> None:
    session, who = fresh(), fresh("gordon")
    full = {f"a{number}": number for number in range(255)}
    shop.identify(session, {"registered": who}, source=KEY, properties=full)
    events = [{"type": "sign-in", "properties": {"pk": who, "firstname": "Gordon"}}]
    reply = send(shop, {"session": {"id": fresh()}, "events": events})
    assert "255" in reply.json["warnings"][0]
    assert reply.json["results"][0]["status"] == "stored"
    other = reply.json["session"]["id"]
    eventually(
        lambda: (shop.get("sessions", other).json["customer"] or {}).get("value"), who
    )


def test_a_visitor_who_opted_out_is_not_recorded(shop: Client) -> None:
    session = fresh()
    body = {"source": {"id": KEY}, "session": {"id": session}}
    shop.post("/consent", {**body, "tracking": "denied"})
    events = [{"type": "sign-in", "properties": {"pk": fresh()}}]
    reply = send(shop, {**body, "events": events})
    assert (reply.status, reply.json["errors"]) == (200, [])
    assert "opted out" in reply.json["warnings"][0]
    assert [r["status"] for r in reply.json["results"]] == ["dropped"]
    assert all_types(shop, session) == {}
    assert shop.get("sessions", session).json["customer"] is None


# -- profiles and sessions -----------------------------------------------------------------------------------------


def profile_of(
    shop: Client, session: str | None, named: str | None = None, **more: Any
) -> str:
    body = {
        "session": {"id": session} if session else None,
        "profile": {"id": named} if named else None,
        "events": EVENTS["minimal"],
    }
    return str(send(shop, {**body, **more}).json["profile"]["id"])


def test_a_new_session_without_a_profile_gets_a_new_one(shop: Client) -> None:
    """TR-04."""
    assert profile_of(shop, fresh()) != profile_of(shop, fresh())


def test_an_old_profile_keeps_resolving_after_two_devices_became_one_customer(
    shop: Client,
) -> None:
    """TR-10: there is no merge after which an ID would be gone."""
    who, first, second = fresh(), fresh(), fresh()
    signs_in = [{"type": "sign-in", "properties": {"pk": who}}]
    profiles = [
        profile_of(shop, session, events=signs_in) for session in (first, second)
    ]
    assert [profile_of(shop, fresh(), profile) for profile in profiles] == profiles
    eventually(
        lambda: len(shop.get("customers", "registered", who).json["sessions"]), 4
    )


def test_the_session_wins_over_another_profile(shop: Client) -> None:
    """TR-07."""
    session = fresh()
    own, other = profile_of(shop, session), profile_of(shop, fresh())
    assert profile_of(shop, session, other) == own


def test_a_missing_session_is_made_for_the_profile_that_is_named(shop: Client) -> None:
    """TR-11."""
    own = profile_of(shop, fresh())
    assert profile_of(shop, None, own) == own
    assert profile_of(shop, None, "unknown") != "unknown"


@pytest.mark.parametrize("known", [False, True])
def test_a_static_source_takes_the_id_as_it_is(shop: Client, *, known: bool) -> None:
    """TR-12."""
    named, source = fresh("static"), {"id": "tracardi-static-key"}
    if known:
        profile_of(shop, fresh(), named, source=source)
    session = fresh()
    assert profile_of(shop, session, named, source=source) == named
    created = {} if known else {"profile-created": 1}
    begun = {"session-opened": 1, "visit-started": 1, "page-view": 1}
    assert all_types(shop, session) == {**created, **begun}
    assert profile_of(shop, session, fresh("other"), source=source) == named


def test_a_static_source_without_an_id_makes_one(shop: Client) -> None:
    """TR-12: Tracardi refuses the call; here nothing is lost."""
    assert profile_of(shop, fresh(), source={"id": "tracardi-static-key"})


def test_a_profile_is_passed_on_to_another_site(shop: Client) -> None:
    """TR-18."""
    passed, other = profile_of(shop, fresh()), profile_of(shop, fresh())
    on: dict[str, Any] = {
        "context": {"tracardi": {"pass": {"profile": passed, "source": "web-key"}}}
    }
    assert profile_of(shop, fresh(), **on) == passed
    assert profile_of(shop, fresh(), other, **on) == passed
    session = fresh()
    own = profile_of(shop, session)
    body = {"session": {"id": session}, "events": EVENTS["minimal"], **on}
    reply = send(shop, body).json
    assert reply["profile"] == {"id": own}
    assert "context.tracardi.pass" in reply["warnings"][0]


@pytest.mark.parametrize(
    ("profile", "source"),
    [
        ("known", "no such source"),
        ("known", "other-key"),
        ("unknown", KEY),
        ("null", KEY),
    ],
)
def test_a_profile_that_can_not_be_passed_on(
    shop: Client, profile: str, source: str
) -> None:
    """TR-18."""
    own = profile_of(shop, fresh())
    named = {"known": profile_of(shop, fresh())}.get(profile, profile)
    on = {"context": {"tracardi": {"pass": {"profile": named, "source": source}}}}
    body = {
        "session": {"id": fresh()},
        "profile": {"id": own},
        "events": EVENTS["minimal"],
        **on,
    }
    reply = send(shop, body).json
    assert reply["profile"] == {"id": own}
    assert "context.tracardi.pass" in reply["warnings"][0]


@pytest.mark.parametrize("where", ["query", "payload"])
def test_an_event_without_a_profile(shop: Client, where: str) -> None:
    """TR-13."""
    session, type_ = fresh(), fresh("alone")
    body = {
        "source": {"id": KEY},
        "session": {"id": session},
        "events": [{"type": type_}],
    }
    reply = (
        shop.post("/track?profile_less=true", body)
        if where == "query"
        else shop.post("/track", {**body, "profile_less": True})
    )
    assert (reply.status, reply.json["profile"]) == (200, {"id": None})
    assert shop.get("sessions", session).status == 404
    (event,) = shop.get("sessions", "@tracardi", "events", type=type_).json["events"]
    assert event["context"] == {"session": {"id": session}}
    profile = profile_of(shop, session)
    assert profile != event["profile"]


# -- URLs ----------------------------------------------------------------------------------------------------------


def get(shop: Client, path: str, **headers: str) -> Reply:
    return shop.send("GET", path, None, headers)


@pytest.mark.parametrize(
    ("method", "path", "body", "type_", "properties"),
    [
        ("GET", "?a=1&b=x%20y&b=2", None, "", {"a": "1", "b": ["x y", "2"]}),
        ("POST", "", b'{"a": {"b": 1}}', "application/json", {"a": {"b": 1}}),
        ("POST", "?c=1", b'{"a": 1}', "", {"c": "1", "a": 1}),
        (
            "POST",
            "",
            b"a=1&b=%C3%BC",
            "application/x-www-form-urlencoded",
            {"a": "1", "b": "ü"},
        ),
        ("POST", "", b"", "", {}),
    ],
)
@pytest.mark.parametrize("with_session", [True, False])
def test_an_event_that_a_url_tells(
    shop: Client,
    method: str,
    path: str,
    body: bytes | None,
    type_: str,
    properties: dict[str, Any],
    *,
    with_session: bool,
) -> None:
    """TR-13."""
    event, session = fresh("hook"), fresh()
    target = f"/collect/{event}/{KEY}" + (f"/{session}" if with_session else "")
    reply = shop.send(
        method, target + path, body, {"content-type": type_} if type_ else {}
    )
    assert reply.status == 200
    assert "x-process-time" in reply.headers
    kept = session if with_session else "@tracardi"
    assert reply.json["session"] == {"id": kept}
    assert bool(reply.json["profile"]["id"]) is with_session
    (found,) = shop.get("sessions", kept, "events", type=event).json["events"]
    assert found["properties"] == properties
    if with_session:
        assert all_types(shop, session) == {**BEGINNING, event: 1}


def test_a_webhook_of_a_known_session_is_its_visitors(shop: Client) -> None:
    session = fresh()
    own = profile_of(shop, session)
    assert get(shop, f"/collect/opened/{KEY}/{session}").json["profile"] == {"id": own}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/collect/a/unknown", None, 401),
        ("POST", f"/collect/a/{KEY}", b"[1]", 422),
        ("POST", f"/collect/a/{KEY}", b"{", 422),
        ("POST", f"/collect/a/{KEY}/undefined", b"{}", 422),
        ("POST", f"/collect/a/{KEY}/@tracardi", b"{}", 422),
        ("GET", f"/collect/%0A/{KEY}", None, 226),
    ],
)
def test_a_webhook_that_is_wrong(
    shop: Client, method: str, path: str, body: bytes | None, status: int
) -> None:
    reply = shop.send(method, path, body, {})
    assert reply.status == status
    assert reply.json["errors"] if status == 226 else reply.json["detail"]


SALE = "https://shop.example/sale?a=1"


@pytest.mark.parametrize("by", ["path", "cookie"])
def test_a_redirect_counts_who_follows_it_and_leads_on(shop: Client, by: str) -> None:
    """TR-13."""
    session = fresh()
    own = profile_of(shop, session)
    path = (
        f"/redirect/sale/{session}?from=letter"
        if by == "path"
        else "/redirect/sale?from=letter"
    )
    cookie = {"cookie": f"a=b; tracardi-session-id={session}"} if by == "cookie" else {}
    reply = get(shop, path, **cookie)
    assert (reply.status, reply.headers["location"]) == (307, SALE)
    assert reply.json["profile"] == {"id": own}
    (event,) = shop.get("sessions", session, "events", type="link-clicked").json[
        "events"
    ]
    assert event["properties"] == {"from": "letter", "campaign": "summer"}


@pytest.mark.parametrize(
    "path", ["sale", "sale/never-seen", "sale/undefined", "sale/@x"]
)
def test_a_redirect_that_nobody_known_follows_is_nobodys_event(
    shop: Client, path: str
) -> None:
    mark = fresh()
    reply = get(shop, f"/redirect/{path}?mark={mark}")
    assert (reply.status, reply.headers["location"]) == (307, SALE)
    events = shop.get(
        "sessions", "@tracardi", "events", type="link-clicked", limit=50
    ).json
    assert mark in [event["properties"].get("mark") for event in events["events"]]


@pytest.mark.parametrize(
    "path",
    [
        "sale?url=https://evil.example",
        "sale?campaign=x&location=//evil.example",
        "sale/https:evil.example",
        "sale?%0d%0alocation:%20https://evil.example",
    ],
)
def test_a_redirect_leads_where_its_source_declares_and_nowhere_else(
    shop: Client, path: str
) -> None:
    reply = get(shop, f"/redirect/{path}", host="evil.example")
    assert (reply.status, reply.headers["location"]) == (307, SALE)


def test_a_redirect_leads_on_whatever_is_sent_with_it(shop: Client) -> None:
    session = fresh()
    profile_of(shop, session)
    reply = shop.send("POST", f"/redirect/sale/{session}?%0A=1&ok=2", b"{", {})
    assert (reply.status, reply.headers["location"]) == (307, SALE)
    assert len(reply.json["warnings"]) == 2
    (event,) = shop.get("sessions", session, "events", type="link-clicked").json[
        "events"
    ]
    assert event["properties"] == {"ok": "2", "campaign": "summer"}


def test_a_redirect_keeps_out_who_opted_out(shop: Client) -> None:
    session = fresh()
    body = {"source": {"id": KEY}, "session": {"id": session}, "tracking": "denied"}
    shop.post("/consent", body)
    reply = get(shop, f"/redirect/sale/{session}")
    assert (reply.status, reply.headers["location"]) == (307, SALE)
    assert all_types(shop, session) == {}


@pytest.mark.parametrize("path", ["unknown", "unknown/s", "demo"])
def test_an_unknown_redirect_is_404(shop: Client, path: str) -> None:
    reply = get(shop, f"/redirect/{path}")
    assert (reply.status, "location" in reply.headers) == (404, False)
    assert "sources.toml" in reply.json["detail"]


def test_a_lost_profile_is_found_by_its_session_and_a_new_visit_keeps_it(
    shop: Client,
) -> None:
    """TR-06, TR-08, TR-09."""
    first, second = fresh(), fresh()
    profile = send(shop, {"session": {"id": first}, "events": EVENTS["minimal"]}).json[
        "profile"
    ]
    lost = send(shop, {"session": {"id": first}, "events": EVENTS["minimal"]}).json
    assert lost["profile"] == profile
    later = {"session": {"id": second}, "profile": profile, "events": EVENTS["minimal"]}
    assert send(shop, later).json["profile"] == profile
    assert shop.get("customers", "profile", profile["id"]).json["visits"] == 2
    assert all_types(shop, first) == {**BEGINNING, "page-view": 2}
    assert all_types(shop, second) == {
        "session-opened": 1,
        "visit-started": 1,
        "page-view": 1,
    }


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
