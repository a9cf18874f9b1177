"""Every route answers what it says, to the keys that may ask, and nothing else does."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from infra import routes
from tests.http.service import KEY, OTHER_KEY, Client, eventually, fresh

WRITES = ("/track", "/identify", "/update", "/anonymize", "/consent")
READS = [
    (
        route.method,
        route.path.replace("{type}", "registered")
        .replace("{value}", "x")
        .replace("{id}", "x"),
    )
    for route in routes.ROUTES
    if route.function == "customers"
]


def test_health(shop: Client) -> None:
    reply = shop.get("health", key=None)
    assert (reply.status, reply.json) == (200, {"status": "ok"})


def test_track_answers_a_verdict_for_every_event_in_order(shop: Client) -> None:
    session = fresh()
    reply = shop.track(session, "page-view", "", "cart-add")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["session"] == {"id": session}
    assert [r["status"] for r in reply.json["results"]] == [
        "stored",
        "rejected",
        "stored",
    ]
    assert reply.json["results"][1]["field"].startswith("events[1].type")


def test_identify_answers_session_profile_and_customer(shop: Client) -> None:
    session, who = fresh(), fresh("gordon")
    profile = shop.track(session, "a").json["profile"]["id"]
    reply = shop.identify(
        session,
        {"ecommerceID": who},
        properties={"first_name": "Gordon", "age": 27},
        segments=["vip"],
        traits={"size": "L"},
    )
    assert reply.json == {
        "session": {"id": session},
        "profile": {"id": profile},
        "customer": {"type": "registered", "value": who},
        "warnings": [],
    }
    shop.settles("registered", who, "a")
    found = shop.get("customers", "registered", who).json
    assert found["customer"] == {"type": "registered", "value": who}
    assert found["identifiers"] == {"registered": [who]}
    assert found["attributes"] == {"first_name": "Gordon", "age": 27}
    assert found["segments"] == ["vip"]
    assert found["traits"] == {"size": "L"}
    assert found["consents"] == {}
    assert [(s["id"], s["profile"]) for s in found["sessions"]] == [(session, profile)]
    assert (
        found["first_seen"] <= found["last_seen"] == found["sessions"][0]["last_seen"]
    )


def test_update_says_something_about_a_session_or_about_ids(shop: Client) -> None:
    session, who = fresh(), fresh()
    about_visitor = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "properties": {"a": 1},
    }
    assert shop.post("/update", about_visitor).status == 200
    shop.identify(session, {"registered": who})
    about_customer = {
        "source": {"id": "web-key"},
        "ids": {"registered": who},
        "properties": {"b": 2},
    }
    reply = shop.post("/update", about_customer)
    assert reply.json == {
        "customer": {"type": "registered", "value": who},
        "warnings": [],
    }

    def attributes() -> object:
        return shop.get("customers", "registered", who).json.get("attributes")

    eventually(attributes, {"a": 1, "b": 2})


def test_update_needs_to_know_about_whom(shop: Client) -> None:
    reply = shop.post("/update", {"source": {"id": "web-key"}, "properties": {"a": 1}})
    assert reply.status == 400
    assert reply.error["field"] == "session.id"


def test_anonymize_gives_a_new_session_and_a_new_profile(shop: Client) -> None:
    session, who = fresh(), fresh()
    old = shop.track(session, "before").json
    shop.identify(session, {"registered": who})
    reply = shop.post(
        "/anonymize", {"source": {"id": "web-key"}, "session": {"id": session}}
    )
    new = reply.json
    assert reply.status == 200
    assert new["session"]["id"] != session
    assert new["profile"]["id"] != old["profile"]["id"]
    shop.track(new["session"]["id"], "after")
    shop.settles("registered", who, "before")
    assert shop.get("sessions", new["session"]["id"]).json["customer"] is None


def test_consent_denied_stores_nothing_until_it_is_granted(shop: Client) -> None:
    session = fresh()
    shop.track(session, "before")
    consent = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "tracking": "denied",
    }
    assert shop.post("/consent", consent).json["tracking"] == "denied"
    dropped = shop.track(session, "while")
    assert [r["status"] for r in dropped.json["results"]] == ["dropped"]
    assert "opted out" in dropped.json["results"][0]["reason"]
    assert shop.identify(session, {"registered": fresh()}).json["customer"] is None
    shop.post("/consent", {**consent, "tracking": "granted"})
    shop.track(session, "after")
    stored = shop.get("sessions", session, "events").json["events"]
    assert [event["type"] for event in stored] == ["after", "before"]


def test_an_opt_out_holds_on_every_session_of_the_profile_and_after_anonymize(
    shop: Client,
) -> None:
    first, second = fresh(), fresh()
    profile = shop.track(first, "a").json["profile"]
    shop.post(
        "/consent",
        {"source": {"id": "web-key"}, "session": {"id": first}, "tracking": "denied"},
    )
    assert (
        shop.track(second, "b", profile=profile).json["results"][0]["status"]
        == "dropped"
    )
    anew = shop.post(
        "/anonymize", {"source": {"id": "web-key"}, "session": {"id": first}}
    ).json
    assert (
        shop.track(anew["session"]["id"], "c").json["results"][0]["status"] == "dropped"
    )


def test_sessions_and_why(shop: Client) -> None:
    session, who = fresh(), fresh()
    shop.track(session, "a")
    before = shop.get("sessions", session).json
    assert (before["customer"], before["why"]) == (None, [])
    shop.identify(session, {"registered": who})
    after = shop.get("sessions", session).json
    assert after["session"] == {"id": session}
    assert after["customer"] == {"type": "registered", "value": who}
    (why,) = after["why"]
    assert (why["to"], why["rule"], why["source"]) == (
        f"registered={who}",
        "first",
        "web",
    )
    assert why["evidence"]
    assert why["undone"] is None


def test_an_unknown_session_customer_and_visitor_are_404(shop: Client) -> None:
    for path in (
        ["sessions", fresh()],
        ["sessions", fresh(), "events"],
        ["customers", "registered", fresh()],
    ):
        reply = shop.get(*path)
        assert (reply.status, reply.error["code"]) == (404, "not_found")
    assert shop.get("tracking-user", email="nobody@example.com").status == 404
    assert shop.unlink(fresh()).status == 404


def test_tracking_user_is_the_most_recent_visit(shop: Client) -> None:
    mail = f"{fresh('a')}@example.com"
    old, new, who = fresh(), fresh(), fresh()
    for session in (old, new):
        shop.track(session, "a")
        shop.identify(session, {"registered": who, "email": f" {mail.upper()} "})
    profile = shop.track(old, "b").json["profile"]
    shop.settles("registered", who, "a", "a", "b")
    for query in ({"email": mail}, {"customer_id": who}):
        found = shop.send(
            "GET",
            "/tracking-user?" + "&".join(f"{k}={v}" for k, v in query.items()),
            None,
            {"authorization": f"Bearer {KEY}"},
        )
        assert found.json == {"session": {"id": old}, "profile": profile}
    assert shop.get("tracking-user").status == 400
    assert shop.get("tracking-user", email=mail, customer_id=who).status == 400


def test_pages_of_a_timeline_follow_on_without_gap_or_repeat(shop: Client) -> None:
    session, who = fresh(), fresh()
    shop.track(session, *[f"e{n}" for n in range(25)])
    shop.identify(session, {"registered": who})
    shop.settles("registered", who, *[f"e{n}" for n in range(25)])
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = shop.get(
            "customers", "registered", who, "events", limit=10, **cursor
        ).json
        seen += [event["type"] for event in page["events"]]
        if not page["cursor"]:
            break
        cursor = {"cursor": page["cursor"]}
    assert seen == [f"e{n}" for n in reversed(range(25))]
    assert shop.types("registered", who, type="e7") == ["e7"]


def test_since_and_until(shop: Client) -> None:
    session = fresh()
    events = [{"type": f"e{n}", "time": f"2026-01-0{n}T00:00:00Z"} for n in range(1, 6)]
    shop.post(
        "/track",
        {"source": {"id": "web-key"}, "session": {"id": session}, "events": events},
    )
    page = shop.get(
        "sessions", session, "events", since="2026-01-02T00:00:00Z", until="2026-01-04"
    ).json
    assert [event["type"] for event in page["events"]] == ["e3", "e2"]


@pytest.mark.parametrize("path", WRITES)
def test_an_unknown_source_is_401(shop: Client, path: str) -> None:
    body = {
        "source": {"id": fresh("key")},
        "session": {"id": fresh()},
        "tracking": "denied",
    }
    reply = shop.post(
        path, {**body, "ids": {"registered": "a"}, "events": [{"type": "a"}]}
    )
    assert (reply.status, reply.error["code"]) == (401, "unknown_source")
    assert reply.error["message"].startswith("Unauthorized Access")
    assert reply.error["field"] == "source.id"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "web-key",
        "Bearer",
        "Bearer web-key",
        "Bearer web",
        f"Basic {KEY}",
        f"Bearer {KEY}x",
        f"Bearer {KEY} {KEY}",
    ],
)
@pytest.mark.parametrize(("method", "path"), READS)
def test_nothing_but_a_server_key_reads(
    shop: Client, method: str, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    reply = shop.send(method, path, None, headers)
    assert (reply.status, reply.error["code"]) == (401, "unauthorized")


def test_a_server_key_reads_its_own_project_only(shop: Client) -> None:
    session, who = fresh(), fresh()
    shop.track(session, "a")
    shop.identify(session, {"registered": who})
    shop.settles("registered", who, "a")
    assert shop.get("sessions", session, key=OTHER_KEY).status == 404
    assert shop.get("customers", "registered", who, key=OTHER_KEY).status == 404
    assert shop.unlink(session, key=OTHER_KEY).status == 404
    shop.track(session, "b", source="other-key")
    events = shop.get("sessions", session, "events", key=OTHER_KEY).json["events"]
    assert [event["type"] for event in events] == ["b"]
    shop.settles("registered", who, "a")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/track", 405, "wrong_method"),
        ("POST", "/track/", 404, "not_found"),
        ("DELETE", "/track", 405, "wrong_method"),
        ("GET", "/collect/a", 404, "not_found"),
        ("PUT", "/redirect/sale", 404, "not_found"),
        ("DELETE", "/sessions/a", 404, "not_found"),
        ("GET", "/customers/a", 404, "not_found"),
        ("GET", "/customers//a", 404, "not_found"),
        ("GET", "/customers/a/b/c/d", 404, "not_found"),
        ("GET", "/Health", 404, "not_found"),
        ("POST", "/nothing/at/all", 404, "not_found"),
        ("GET", "/sessions/a/b/c", 404, "not_found"),
        ("PATCH", "/identify", 405, "wrong_method"),
    ],
)
def test_what_is_no_route_is_refused_in_the_services_own_form(
    shop: Client, method: str, path: str, status: int, code: str
) -> None:
    reply = shop.send(method, path, b"")
    assert (reply.status, reply.error["code"]) == (status, code)


@pytest.mark.parametrize(
    "value", ["a/b", "ü ö", "a+b@example.com", "50%", "a?b&c=d", "%2F", "日本"]
)
def test_p8_values_in_the_query_are_decoded_once(shop: Client, value: str) -> None:
    session, who = f"{fresh()}{value}", f"{value}{fresh()}"
    shop.track(session, "a")
    shop.identify(session, {"registered": who})
    shop.settles("registered", who, "a")
    assert shop.get("customers", "registered", who).json["customer"]["value"] == who
    assert shop.get("customers", "ECOMMERCEid", who).status == 200
    assert shop.get("sessions", session).json["session"] == {"id": session}
    assert len(shop.get("sessions", session, "events").json["events"]) == 1
    query = urlencode({"registered": who})
    authorized = {"authorization": f"Bearer {KEY}"}
    reply = shop.send("POST", f"/customers/erase?{query}", b"", authorized)
    assert reply.status == 202
    assert shop.get("customers", "registered", who).status == 404


@pytest.mark.parametrize("value", ["simple", "ü ö", "a+b@example.com", "日本#"])
def test_p8_a_path_names_a_customer_with_a_simple_value(
    shop: Client, value: str
) -> None:
    session, who = fresh(), f"{value}{fresh()}"
    shop.track(session, "a")
    shop.identify(session, {"registered": who})
    shop.settles("registered", who, "a")
    authorized = {"authorization": f"Bearer {KEY}"}
    path = f"/customers/registered/{quote(who, safe='')}"
    for part in ("", "/events", "/export"):
        assert shop.send("GET", path + part, None, authorized).status == 200
    for part in ("", "/events", "/verdicts"):
        path = f"/sessions/{session}{part}"
        assert shop.send("GET", path, None, authorized).status == 200


@pytest.mark.parametrize("value", ["a/b", "a?b", "50%"])
def test_p8_a_path_that_aws_would_misread_names_the_query(
    shop: Client, value: str
) -> None:
    path = f"/customers/registered/{quote(value, safe='')}"
    reply = shop.send("GET", path, None, {"authorization": f"Bearer {KEY}"})
    assert reply.status == 400
    assert "in the query string" in reply.json["message"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/customers", "send an identifier of the customer in the query string"),
        ("/customers/events?limit=5&type=view", "send an identifier of the customer"),
        ("/customers?registered=a&email=b", "not 'registered', 'email' at once"),
        ("/customers?registered=a&from=yesterday", "not 'registered', 'from' at once"),
        ("/customers?registered=a&registered=b", "sent twice: send one value"),
        ("/customers?phone=1", "identifier type 'phone' is not declared"),
        ("/customers?registered=", "a placeholder, not an ID"),
        ("/customers?registered={{id}}", "a placeholder, not an ID"),
        ("/sessions", "send the session's ID in the query string"),
        ("/sessions/events?session=s", "send the session's ID in the query string"),
        ("/sessions?id=a&id=b", "sent twice: send one value"),
    ],
)
def test_p8_a_query_that_names_no_one_customer_or_session_is_400(
    shop: Client, path: str, message: str
) -> None:
    reply = shop.send("GET", path, None, {"authorization": f"Bearer {KEY}"})
    assert reply.status == 400
    assert message in reply.error["message"]


def test_an_undeclared_type_in_a_path_names_the_declared_ones(shop: Client) -> None:
    reply = shop.get("customers", "phone", "1234")
    assert reply.status == 400
    assert "'phone'" in reply.error["message"]
    assert "registered" in reply.error["message"]
