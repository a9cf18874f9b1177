"""Whatever is sent, the answer is JSON that names what is wrong with it, and nothing breaks."""

from __future__ import annotations

import base64
import gzip
import json
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.http.service import KEY, Client, Reply, exchange, fresh

WRITES = ("/track", "/identify", "/update", "/anonymize", "/consent")
JSON = {"content-type": "application/json"}
GZIP = {**JSON, "content-encoding": "gzip"}
DEEP = b"[" * 100_000 + b"]" * 100_000
NO_TIMES: list[Any] = [
    *(
        "",
        "yesterday",
        "2026-13-01",
        "2026-01-01T25:00",
        "12:00",
        "1e400",
        "NaN",
        "\ud800",
        "9" * 5000,
    ),
    *(
        True,
        False,
        [],
        {},
        [1],
        -1,
        -0.001,
        1e300,
        10**400,
        253402300800000000,
        "1969-12-31T23:59:59Z",
    ),
    *("2287-01-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"),
    *({"x": 1}, {"insert": "never"}, {"insert": ""}, {"insert": False, "create": None}),
    *({"create": {"x": 1}}, {"update": "2026-01-02", "process_time": 0}),
]
TIMES: list[tuple[Any, str]] = [
    ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000Z"),
    ("2026-01-02T03:04:05.123456Z", "2026-01-02T03:04:05.123456Z"),
    ("2026-01-02T03:04:05.1234567+02:00", "2026-01-02T01:04:05.123456Z"),
    ("2026-01-02 03:04:05", "2026-01-02T03:04:05.000000Z"),
    ("2026-01-02", "2026-01-02T00:00:00.000000Z"),
    ("20260102T030405Z", "2026-01-02T03:04:05.000000Z"),
    (" 2026-01-02T03:04:05Z ", "2026-01-02T03:04:05.000000Z"),
    (1767323045, "2026-01-02T03:04:05.000000Z"),
    (1767323045.5, "2026-01-02T03:04:05.500000Z"),
    (1767323045123, "2026-01-02T03:04:05.123000Z"),
    (0, "1970-01-01T00:00:00.000000Z"),
    ({"insert": "2026-01-02T03:04:05Z"}, "2026-01-02T03:04:05.000000Z"),
    ({"create": 1767323045, "insert": None}, "2026-01-02T03:04:05.000000Z"),
]
NOBODY: list[Any] = [
    *(
        "",
        "  ",
        "undefined",
        "NULL",
        "None",
        "nil",
        "nan",
        "0",
        "-1",
        "true",
        "False",
        "anonymous",
        "Guest",
    ),
    *(
        "unknown",
        "id",
        "user",
        "email",
        "distinct_id",
        "not_authenticated",
        "[object Object]",
        "(not set)",
    ),
    *(
        "00000000-0000-0000-0000-000000000000",
        "\uff4e\uff55\uff4c\uff4c",
        "\u00a0null\u00a0",
        "[]",
        "{}",
        0,
        -1,
        "000",
    ),
]
WRONG_IDS: list[Any] = [
    True,
    1.5,
    [],
    {},
    ["a"],
    {"id": "a"},
    "a\x00b",
    "a\nb",
    "x" * 257,
    "ü" * 129,
    "\ud800",
]


def raw(
    shop: Client, path: str, body: bytes, headers: dict[str, str] | None = None
) -> Reply:
    reply = shop.send("POST", path, body, JSON if headers is None else headers)
    assert reply.headers["content-type"] == "application/json"
    return reply


def event(session: str | None = None, **more: Any) -> dict[str, Any]:
    """A payload of one event."""
    return {
        "source": {"id": "web-key"},
        "session": {"id": session or fresh()},
        "events": [{"type": "a", **more}],
    }


def refused(reply: Reply, status: int = 400) -> Any:
    """The error of an answer that is one, as every error is."""
    assert reply.status == status, reply.body
    assert reply.error["code"]
    assert reply.error["message"]
    return reply.error


# -- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"no",
        b"{'a': 1}",
        b"\xff\xfe",
        b"\x00",
        b'{"a":}',
        b'"\\ud8"',
        DEEP,
        b'{"a":' * 50_000,
        b'{"a":' + b"9" * 5000 + b"}",
        b"\x80\x81",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_no_json(shop: Client, path: str, body: bytes) -> None:
    error = refused(raw(shop, path, body))
    assert error["code"] == "bad_json"


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("body", [b"null", b"[]", b"1", b'"a"', b"true", b"[{}]"])
def test_json_that_is_no_object(shop: Client, path: str, body: bytes) -> None:
    assert "object" in refused(raw(shop, path, body))["message"]


@pytest.mark.parametrize("path", WRITES)
def test_an_empty_object_names_the_source(shop: Client, path: str) -> None:
    error = refused(raw(shop, path, b"{}"))
    assert error["field"].startswith("source") or error["field"] == "tracking"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        JSON,
        {"content-type": "text/plain;charset=UTF-8"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/octet-stream"},
        {"content-type": "nonsense"},
        {"content-type": ""},
        {"content-type": "application/vnd.api+json"},
        {"content-type": "multipart/form-data"},
    ],
    ids=str,
)
def test_any_content_type_will_do(shop: Client, headers: dict[str, str]) -> None:
    body = json.dumps(event(properties={"name": "ü 😀"}), ensure_ascii=False).encode()
    assert raw(shop, "/track", body, headers).json["results"][0]["status"] == "stored"


def test_utf_8_with_a_byte_order_mark_and_utf_16(shop: Client) -> None:
    text = json.dumps(event())
    for encoding in ("utf-8-sig", "utf-16", "utf-32"):
        assert raw(shop, "/track", text.encode(encoding), {}).status in (200, 400)


def test_gzip(shop: Client) -> None:
    body = gzip.compress(json.dumps(event()).encode())
    for headers in (
        GZIP,
        {"content-encoding": "gzip"},
        {**JSON, "content-encoding": " GZIP "},
    ):
        assert (
            raw(shop, "/track", body, headers).json["results"][0]["status"] == "stored"
        )


@pytest.mark.parametrize(
    "body",
    [
        b"\xff{}",
        b"",
        gzip.compress(b"{}", mtime=0)[:-4],
        gzip.compress(b"{}", mtime=0)[:12],
        b"\x1f\x8b",
        gzip.compress(b"no json", mtime=0),
    ],
    ids=repr,
)
def test_bad_gzip(shop: Client, body: bytes) -> None:
    assert refused(raw(shop, "/track", body, GZIP))["code"] == "bad_json"


def test_a_gzip_bomb_is_not_unpacked(shop: Client) -> None:
    bomb = gzip.compress(b" " * 300_000_000, 9)
    assert len(bomb) < 400_000
    assert refused(raw(shop, "/track", bomb, GZIP), 413)["code"] == "too_large"


def test_a_large_body_is_413_and_says_so(shop: Client) -> None:
    body = json.dumps(event(properties={"a": "x" * 5 * 1024 * 1024})).encode()
    assert refused(raw(shop, "/track", body), 413)["code"] == "too_large"
    for size in (7, 11, 40):  # Lambda takes less than 7 MB, API Gateway less than 11
        reply = shop.send("POST", "/track", b" " * size * 1024 * 1024, JSON)
        assert (reply.status, reply.json) == (
            413,
            {"message": "Request Entity Too Large"},
        )


def test_too_many_events_are_413(shop: Client) -> None:
    body = {**event(), "events": [{"type": "a"}] * 501}
    error = refused(shop.post("/track", body), 413)
    assert error["field"] == "events"
    assert "500" in error["message"]


def test_chunked_bodies(shop: Client) -> None:
    connection = HTTPConnection("127.0.0.1", shop.port, timeout=30)
    for _ in range(2):  # and the connection is kept
        text = json.dumps(event()).encode()
        connection.request(
            "POST", "/track", body=iter([text[:20], text[20:]]), encode_chunked=True
        )
        response = connection.getresponse()
        assert response.status == 200
        assert json.loads(response.read())["results"][0]["status"] == "stored"
    connection.close()


@pytest.mark.parametrize("length", ["x", "-1", "1.5", "99999999999999999999x"])
def test_a_length_that_is_none(shop: Client, length: str) -> None:
    connection = HTTPConnection("127.0.0.1", shop.port, timeout=30)
    connection.putrequest("POST", "/track")
    connection.putheader("content-length", length)
    connection.endheaders(b"{}")
    assert connection.getresponse().status == 400
    connection.close()


def test_a_connection_is_kept_after_errors(shop: Client) -> None:
    connection = HTTPConnection("127.0.0.1", shop.port, timeout=30)
    for body, status in (
        (b"{", 400),
        (b"{}", 400),
        (json.dumps(event()).encode(), 200),
        (b"", 400),
    ):
        assert exchange(connection, "POST", "/track", body, JSON).status == status
    assert exchange(connection, "GET", "/health").status == 200
    connection.close()


# -- fields ---------------------------------------------------------------------------------------

TYPES: list[Any] = [True, 1, 1.5, "text", [], [1], {}, {"a": 1}]
FIELDS: dict[tuple[str, str], tuple[type, ...]] = {
    ("/track", "context"): (dict,),
    ("/track", "properties"): (dict,),
    ("/track", "events"): (list,),
    ("/track", "options"): (dict,),
    ("/track", "ids"): (dict,),
    ("/identify", "ids"): (dict,),
    ("/identify", "properties"): (dict,),
    ("/identify", "traits"): (dict,),
    ("/update", "properties"): (dict,),
    ("/update", "traits"): (dict,),
}


@pytest.mark.parametrize(("path", "field"), FIELDS)
@pytest.mark.parametrize("value", TYPES, ids=repr)
def test_the_type_of_every_field(
    shop: Client, path: str, field: str, value: Any
) -> None:
    body = {**event(), "ids": {"registered": fresh()}, field: value}
    reply = shop.post(path, body)
    if isinstance(value, FIELDS[path, field]):
        assert reply.status in (200, 400)
    else:
        assert refused(reply)["field"].startswith(field)


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    "source",
    [None, "", True, [], {}, {"id": None}, {"id": []}, {"id": {}}, 1.5],
    ids=repr,
)
def test_a_source_that_is_none(shop: Client, path: str, source: Any) -> None:
    body = {
        **event(),
        "ids": {"registered": fresh()},
        "tracking": "denied",
        "source": source,
    }
    reply = shop.post(path, body)
    assert reply.status in (400, 401)
    assert reply.error["field"].startswith("source")


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize("wrong", WRONG_IDS, ids=lambda wrong: repr(wrong)[:20])
def test_a_session_that_is_none(shop: Client, path: str, wrong: Any) -> None:
    body = {
        **event(),
        "ids": {"registered": fresh()},
        "tracking": "denied",
        "session": {"id": wrong},
    }
    assert refused(shop.post(path, body))["field"].startswith("session")


@pytest.mark.parametrize("nobody", ["undefined", "null", "0", "[object Object]"])
def test_a_session_that_many_visitors_would_share(shop: Client, nobody: str) -> None:
    assert refused(shop.track(nobody, "a"))["field"] == "session.id"


@pytest.mark.parametrize(
    "wrong", [*WRONG_IDS, None], ids=lambda wrong: repr(wrong)[:20]
)
@pytest.mark.parametrize("field", ["type", "id"])
def test_an_event_that_is_none_is_rejected_and_the_others_stored(
    shop: Client, field: str, wrong: Any
) -> None:
    body = event(**{field: wrong})
    body["events"].append({"type": "b"})
    reply = shop.post("/track", body)
    assert reply.status == 200
    first, second = reply.json["results"]
    assert second["status"] == "stored"
    if first["status"] == "rejected":
        assert first["field"].startswith(f"events[0].{field}")
        assert first["reason"]
    else:
        assert (field, wrong) in [("id", None)]


@pytest.mark.parametrize("wrong", [None, 1, "a", [], [{"type": "a"}], True], ids=repr)
def test_an_event_that_is_no_object(shop: Client, wrong: Any) -> None:
    reply = shop.post("/track", {**event(), "events": [wrong, {"type": "b"}]})
    assert [r["status"] for r in reply.json["results"]] == ["rejected", "stored"]
    assert reply.json["results"][0]["field"] == "events[0]"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [(f, w) for f in ("properties", "context", "options") for w in (1, "a", [1], True)]
    + [("tags", w) for w in (1, "a", [1], {"a": 1})],
    ids=repr,
)
def test_the_type_of_every_field_of_an_event(
    shop: Client, field: str, wrong: Any
) -> None:
    (result,) = shop.post("/track", event(**{field: wrong})).json["results"]
    assert result["status"] == "rejected"
    assert result["field"].startswith(f"events[0].{field}")


@pytest.mark.parametrize(
    "option", ["save", "saveEvent", "saveEvents", "saveSession", "debugger"]
)
@pytest.mark.parametrize("wrong", ["maybe", [], {}, 7], ids=repr)
def test_an_option_that_is_no_switch(shop: Client, option: str, wrong: Any) -> None:
    assert refused(shop.post("/track", {**event(), "options": {option: wrong}}))[
        "field"
    ].startswith("options")


@pytest.mark.parametrize("wrong", NO_TIMES, ids=lambda wrong: repr(wrong)[:30])
def test_t5_a_time_that_is_none_costs_neither_event_nor_login(
    shop: Client, wrong: Any
) -> None:
    answer = shop.post("/track", event(time=wrong)).json
    assert answer["results"][0]["status"] == "stored"
    if wrong == {}:  # Tracardi's clients send one for no time
        assert answer["warnings"] == []
        return
    (warning,) = answer["warnings"]
    assert warning.startswith("events[0].time: not a valid time")
    if not isinstance(wrong, dict):
        said = {
            "source": {"id": "web-key"},
            "session": {"id": fresh()},
            "ids": {"registered": fresh()},
        }
        answer = shop.post("/identify", {**said, "time": wrong}).json
        assert answer["customer"]["value"] == said["ids"]["registered"]
        assert answer["warnings"][0].startswith("time: not a valid time")


@pytest.mark.parametrize(("given", "stored"), TIMES, ids=lambda given: repr(given)[:40])
def test_times_in_all_forms(shop: Client, given: Any, stored: str) -> None:
    session = fresh()
    shop.post("/track", event(session, time=given))
    (found,) = shop.get("sessions", session, "events").json["events"]
    assert found["time"] == stored


@pytest.mark.parametrize("nobody", NOBODY, ids=repr)
@pytest.mark.parametrize("type_", ["registered", "email", "user_id"])
def test_values_that_identify_nobody(shop: Client, type_: str, nobody: Any) -> None:
    session = fresh()
    error = refused(shop.identify(session, {type_: nobody}))
    assert error["field"] == f"ids.{type_}"
    assert "a placeholder" in error["message"]
    assert (
        refused(shop.track(session, "a", ids={type_: nobody}))["field"]
        == f"ids.{type_}"
    )


@pytest.mark.parametrize("wrong", WRONG_IDS, ids=lambda wrong: repr(wrong)[:20])
def test_identifiers_that_are_none(shop: Client, wrong: Any) -> None:
    assert (
        refused(shop.identify(fresh(), {"registered": wrong}))["field"]
        == "ids.registered"
    )


@pytest.mark.parametrize(
    "type_",
    [
        "phone",
        "",
        "cookie",
        "profile",
        "session",
        "régistered",
        "a.b",
        "x" * 5000,
        "\ud800",
    ],
)
def test_an_undeclared_identifier_type_is_named(shop: Client, type_: str) -> None:
    error = refused(shop.identify(fresh(), {type_: "a"}))
    assert type_[:64] in error["field"]
    assert "registered" in error["message"]


def test_identify_needs_an_identifier(shop: Client) -> None:
    for ids in ({}, None, {"registered": None}):
        body = {"source": {"id": "web-key"}, "session": {"id": fresh()}, "ids": ids}
        assert refused(shop.post("/identify", body))["field"] == "ids"


def test_two_values_of_one_type(shop: Client) -> None:
    error = refused(shop.identify(fresh(), {"registered": "a-1", "customerId": "b-1"}))
    assert error["field"].startswith("ids.")


@pytest.mark.parametrize("tracking", [None, "", "maybe", True, [], "DENIED"])
def test_a_consent_that_is_none(shop: Client, tracking: Any) -> None:
    body = {
        "source": {"id": "web-key"},
        "session": {"id": fresh()},
        "tracking": tracking,
    }
    assert refused(shop.post("/consent", body))["field"].startswith("tracking")


# -- limits of seed 004 ---------------------------------------------------------------------------

LIMITS: list[tuple[dict[str, Any], str]] = [
    ({f"n{n}": n for n in range(256)}, ""),
    ({"large": "x" * 400 * 1024}, ".large"),
    ({"large": "ü" * 200 * 1024}, ".large"),
    ({"large": ["x" * 400 * 1024]}, ".large"),
    ({"": 1}, "."),
    ({"a\nb": 1}, ".a"),
    ({"n" * 129: 1}, ".nnn"),
]


@pytest.mark.parametrize(
    ("properties", "field"), LIMITS, ids=[str(n) for n in range(len(LIMITS))]
)
def test_s1_what_is_beyond_the_limits_is_left_out_and_named(
    shop: Client, properties: dict[str, Any], field: str
) -> None:
    ids = {"registered": fresh()}
    for path in ("/identify", "/update"):
        for kind in ("properties", "traits"):
            body = {
                "source": {"id": "web-key"},
                "session": {"id": fresh()},
                "ids": ids,
                kind: properties,
            }
            (warning,) = shop.post(path, body).json["warnings"]
            assert warning.startswith(f"{kind}{field}")
    answer = shop.post("/track", event(properties=properties)).json
    assert answer["results"][0]["status"] == "stored"
    assert answer["warnings"][0].startswith(f"events[0].properties{field}")


@pytest.mark.parametrize("name", ["", " ", "a\x00", "x" * 129])
def test_s1_an_event_without_a_name_that_can_be_kept_is_rejected(
    shop: Client, name: str
) -> None:
    (result,) = shop.track(fresh(), name).json["results"]
    assert result["status"] == "rejected"
    assert result["field"].startswith("events[0].type")


def test_lone_surrogates_come_back_as_they_were(shop: Client) -> None:
    session = fresh()
    assert (
        shop.post("/track", event(session, properties={"half": "\ud83d"})).status == 200
    )
    (found,) = shop.get("sessions", session, "events").json["events"]
    assert found["properties"] == {"half": "\ud83d"}


def test_deep_but_valid_properties(shop: Client) -> None:
    session = fresh()
    deep: Any = 1
    for _ in range(
        60
    ):  # the body, its events, the event and its properties are four more
        deep = {"a": deep}
    taken = shop.post("/track", event(session, properties={"deep": deep}))
    assert taken.json["results"][0]["status"] == "stored"
    (found,) = shop.get("sessions", session, "events").json["events"]
    assert found["properties"] == {"deep": deep}
    refused = shop.post("/track", event(session, properties={"deep": {"a": deep}}))
    assert (refused.status, refused.error["code"]) == (400, "bad_json")


# -- read calls -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", v) for v in ("0", "-1", "1001", "x", "", "1.5", "9" * 5000, "٣")]
    + [("since", v) for v in ("x", "", "NaN", "inf", "-1", "1e400", "9" * 400)]
    + [("until", v) for v in ("x", "2026-99-99")]
    + [("cursor", v) for v in ("x", "", "AAAA", "é", "a" * 5000, "=", "\x00", "####")]
    + [
        ("cursor", base64.urlsafe_b64encode(v).decode())
        for v in (
            b"1\n2",
            b"x\na\nb",
            b"1\n2\n3\n4",
            b"\xff\n\n",
            b"9" * 5000 + b"\na\nb",
            b"-5\na\nb",
        )
    ],
    ids=lambda v: repr(v)[:20],
)
def test_query_parameters_that_are_none(shop: Client, name: str, value: str) -> None:
    session = fresh()
    shop.track(session, "a", "b")
    reply = shop.get("sessions", session, "events", **{name: value})
    if reply.status == 200:  # a cursor before everything, which reads nothing
        assert (name, reply.json) == ("cursor", {"events": [], "cursor": None})
    else:
        assert refused(reply)["field"] == name


@pytest.mark.parametrize(
    "target",
    [
        "/sessions/%00",
        "/sessions/%ff/events",
        "/sessions/" + "x" * 5000,
        "/customers/registered/%ED%A0%80",
        "/customers/%00/a",
        "/customers/profile/x",
        "/customers/email/" + "x" * 5000,
        "/tracking-user?email=%00",
        "/tracking-user?customer_id=" + "x" * 300,
        "/sessions/%",
    ],
)
def test_paths_that_name_nothing(shop: Client, target: str) -> None:
    reply = shop.send("GET", target, None, {"authorization": f"Bearer {KEY}"})
    assert reply.status in (400, 404), reply.body
    assert reply.error["message"]


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"email": "e" * 450_000}, "email"),
        ({"email": "e" * 404_000}, "email"),
        ({"total": 1e308}, "total"),
        ({"total": "Infinity"}, "total"),
        ({"total": "nan"}, "total"),
        ({"number": ""}, "number"),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_s3_what_is_no_order_is_named_and_its_event_stored(
    shop: Client, order: dict[str, Any], field: str
) -> None:
    answer = shop.post("/track", event(order={"number": fresh(), **order})).json
    assert [result["status"] for result in answer["results"]] == ["stored"]
    (warning,) = answer["warnings"]
    assert warning.startswith(f"events[0].order.{field}: ")
