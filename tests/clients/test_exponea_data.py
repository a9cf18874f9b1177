"""Exponea's data and GDPR calls: the real client and its recordings, against the local service."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hardlink.domain.times import parse_time
from tests.clients import pip
from tests.http import in_process
from tests.http.service import KEY, OTHER_KEY, Client, Reply, eventually, fresh
from tests.support.engines import Unavailable

CAPTURES = Path(__file__).parent / "captures"
RECORDED = [
    request
    for request in json.loads((CAPTURES / "exponea_python_sdk.json").read_text())
    if request["path"].startswith("/data/")
]
FAILED = [
    run
    for run in json.loads(
        (CAPTURES / "exponea_python_sdk_error_behaviour.json").read_text()
    )["runs"]
    if run["http"] in (400, 404)
]
TOKEN = "web-key"
UNKNOWN = {"success": False, "errors": {"_global": ["Customer does not exist"]}}


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has the client."""
    try:
        return pip.installed("exponea-requirements.txt")
    except Unavailable as error:
        pytest.skip(str(error))


def private(key: str = KEY) -> str:
    return f"Basic {base64.b64encode(f'key-id:{key}'.encode()).decode()}"


def ask(
    shop: Client,
    call: str,
    body: object = None,
    token: str = TOKEN,
    authorization: str | None = None,
) -> Reply:
    headers = {"authorization": authorization or private()}
    path = call if "/" in call else f"customers/{call}"
    return shop.post(f"/data/v2/projects/{token}/{path}", body, **headers)


def data(shop: Client, call: str, ids: dict[str, Any], **more: Any) -> Any:
    reply = ask(shop, call, {"customer_ids": ids, **more})
    assert (reply.status, reply.json["success"]) == (200, True), reply.body
    return reply.json


def types(shop: Client, ids: dict[str, Any]) -> list[str]:
    reply = ask(shop, "export-one", {"customer_ids": ids})
    return [event["type"] for event in reply.json.get("events", ())]


def said(
    shop: Client, python: Path, *calls: list[Any], key: str = KEY
) -> list[dict[str, Any]]:
    url = f"http://127.0.0.1:{shop.port}"
    printed = pip.run(python, "exponea_data.py", url, TOKEN, key, json.dumps(calls))
    found: list[dict[str, Any]] = json.loads(printed)
    return found


@pytest.fixture
def gordon(shop: Client) -> dict[str, str]:
    """A customer with two devices, two addresses and three events, one of them on no device."""
    name, home, work = (
        fresh("gordon"),
        f"{fresh('home')}@x.org",
        f"{fresh('work')}@x.org",
    )
    phone, laptop = fresh("phone"), fresh("laptop")
    shop.track(phone, "view")
    ids = {"registered": name, "email": home}
    shop.identify(phone, ids, properties={"first_name": "Gordon", "tags": ["a", "b"]})
    shop.track(laptop, "view")
    shop.identify(laptop, {"registered": name, "email": work}, properties={"age": 27})
    purchase = {
        "type": "purchase",
        "time": 1533663283.5,
        "id": "1",
        "properties": {"price": 7.99},
    }
    body = {"source": {"id": TOKEN}, "ids": {"registered": name}, "server_side": True}
    assert shop.post("/track", {**body, "events": [purchase]}).status == 200
    eventually(lambda: types(shop, {"registered": name}), ["purchase", "view", "view"])
    return {"name": name, "home": home, "work": work, "phone": phone, "laptop": laptop}


# -- the real client ----------------------------------------------------------------------------------------------


def test_the_real_client_reads_a_customer(
    shop: Client, python: Path, gordon: dict[str, str]
) -> None:
    """EX-25: export-one, events, attributes; EX-27: consents."""
    ids = {"registered": gordon["name"]}
    granted = {
        "newsletter": {"action": "accept", "valid_until": "unlimited", "timestamp": 1}
    }
    shop.post("/update", {"source": {"id": TOKEN}, "ids": ids, "consents": granted})
    one, events, attributes, consents = said(
        shop,
        python,
        ["get_customer", [ids]],
        ["get_events", [ids, ["purchase"]]],
        [
            "get_customer_attributes",
            [
                ids,
                ["first_name", "nothing"],
                ["vip"],
                ["registered", "cookie", "email"],
                ["x"],
            ],
        ],
        ["get_customer_consents", [ids, ["newsletter", "sms"]]],
    )
    customer = one["returned"]
    assert customer["ids"] == {
        "registered": gordon["name"],
        "email": sorted([gordon["home"], gordon["work"]]),
        "cookie": [gordon["phone"], gordon["laptop"]],
    }
    assert customer["properties"] == {
        "first_name": "Gordon",
        "tags": ["a", "b"],
        "age": 27,
    }
    assert [event["type"] for event in customer["events"]] == [
        "purchase",
        "view",
        "view",
    ]
    price = {
        "type": "purchase",
        "timestamp": 1533663283.5,
        "properties": {"price": 7.99},
    }
    assert events["returned"] == [customer["events"][0]] == [price]
    assert attributes["returned"] == {
        "properties": {"first_name": "Gordon", "nothing": None},
        "segmentations": {"vip": None},
        "ids": {
            name: customer["ids"][name] for name in ("registered", "cookie", "email")
        },
        "expressions": {"x": None},
    }
    assert consents["returned"] == {"newsletter": True, "sms": False}


def test_the_real_client_reads_everybody(
    shop: Client, python: Path, gordon: dict[str, str]
) -> None:
    """EX-25: export; the client tells identifiers from properties by their position."""
    (found,) = said(shop, python, ["get_customers", []])
    by_name = {
        customer["ids"]["registered"]: customer for customer in found["returned"]
    }
    customer = by_name[gordon["name"]]
    assert customer["ids"]["cookie"] == [gordon["phone"], gordon["laptop"]]
    assert customer["ids"]["loyalty"] is None
    known = {name: v for name, v in customer["properties"].items() if v is not None}
    assert known == {"first_name": "Gordon", "tags": ["a", "b"], "age": 27}


def test_the_real_client_is_told_what_is_wrong(shop: Client, python: Path) -> None:
    """EX-29."""
    nobody, no_ids, undeclared, anonymize = said(
        shop,
        python,
        ["get_customer", [{"registered": fresh()}]],
        ["get_customer", [{}]],
        ["get_events", [{"phone": "1"}, ["a"]]],
        ["anonymize_customer", [{"registered": fresh()}]],
    )
    assert nobody["raised"] == [["Customer does not exist"]]
    assert no_ids["raised"] == ["At least one id should be specified."]
    ((message,),) = undeclared["raised"]
    assert "'phone' is not declared: use one of registered" in message
    ((message,),) = anonymize["raised"]
    assert (
        "not offered, and nothing was changed: POST /customers/erase?<type>=<value>"
        in message
    )
    (denied,) = said(shop, python, ["get_customer", [{"registered": "x"}]], key="wrong")
    assert denied["raised"] == "Could not authenticate"


@pytest.mark.parametrize(
    "request_", RECORDED, ids=lambda r: str(r["path"]).rsplit("/", 1)[-1]
)
def test_every_recording_is_answered_as_its_client_needs(
    shop: Client, request_: dict[str, Any]
) -> None:
    shop.identify("c1", {"registered": "john@x.com"}, properties={"first_name": "John"})
    eventually(lambda: shop.get("customers", "registered", "john@x.com").status, 200)
    path = str(request_["path"]).replace("PROJTOKEN", TOKEN)
    reply = shop.post(path, request_["body"], authorization=private())
    if path.endswith("/anonymize"):
        assert (reply.status, reply.json["success"]) == (400, False)
        return
    assert reply.status == request_["responded"]["status"]
    assert _shape(reply.json) == _shape(request_["responded"]["body"])


def _shape(body: Any) -> Any:
    """The keys of an answer, and of what kind each is."""
    return {
        name: type(value).__name__ for name, value in body.items() if name != "errors"
    }


@pytest.mark.parametrize(
    ("run", "body", "key"),
    [
        pytest.param(FAILED[0], {"customer_ids": {}}, KEY, id="no identifier"),
        pytest.param(
            FAILED[1], {"customer_ids": {"registered": "x"}}, "wrong", id="a wrong key"
        ),
        pytest.param(
            FAILED[2], {"customer_ids": {"registered": "no"}}, KEY, id="nobody"
        ),
    ],
)
def test_an_error_is_word_for_word_what_was_recorded(
    shop: Client, run: dict[str, Any], body: dict[str, Any], key: str
) -> None:
    reply = ask(shop, "export-one", body, authorization=private(key))
    assert reply.status == run["http"]
    assert {name: reply.json[name] for name in run["body"]} == run["body"]


# -- whom a call finds --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "named",
    [
        ("registered", "name"),
        ("ecommerceId", "name"),
        ("email", "home"),
        ("email", "work"),
        ("cookie", "phone"),
        ("cookie", "laptop"),
    ],
)
def test_every_identifier_finds_the_customer(
    shop: Client, gordon: dict[str, str], named: tuple[str, str]
) -> None:
    type_, which = named
    assert (
        data(shop, "export-one", {type_: gordon[which]})["ids"]["registered"]
        == gordon["name"]
    )


def test_several_identifiers_of_one_customer_find_it_and_unknown_ones_say_nothing(
    shop: Client, gordon: dict[str, str]
) -> None:
    ids = {"registered": gordon["name"], "cookie": gordon["phone"], "user_id": fresh()}
    assert (
        len(data(shop, "export-one", {**ids, "loyalty": None, "email": ""})["events"])
        == 3
    )
    ids = {"registered": gordon["name"], "cookie": fresh()}
    assert len(data(shop, "export-one", ids)["events"]) == 3


def test_identifiers_of_different_customers_are_an_error(
    shop: Client, gordon: dict[str, str]
) -> None:
    stranger = fresh()
    shop.track(stranger, "view")
    ids = {"registered": gordon["name"], "cookie": stranger}
    reply = ask(shop, "attributes", {"customer_ids": ids, "attributes": []})
    assert reply.status == 400
    (message,) = reply.json["errors"]["customer_ids"]
    assert "different customers" in message


def test_an_anonymous_visitor_is_a_customer_with_a_cookie(shop: Client) -> None:
    cookie = fresh()
    shop.track(cookie, "a", "b")
    shop.post(
        "/update", {"source": {"id": TOKEN}, "session": cookie, "properties": {"x": 1}}
    )
    found = data(shop, "export-one", {"cookie": cookie})
    assert found["ids"] == {"cookie": [cookie]}
    assert found["properties"] == {"x": 1}
    assert [event["type"] for event in found["events"]] == ["a", "b"]


def test_a_cookie_that_another_customer_took_is_not_set_on_the_first(
    shop: Client,
) -> None:
    """EX-07: the cookie is the newer customer's, what was done before stays."""
    cookie, first, second = fresh(), fresh("first"), fresh("second")
    shop.track(cookie, "one", source="split-key")
    shop.identify(cookie, {"registered": first}, source="split-key")
    shop.identify(cookie, {"registered": second}, source="split-key")
    shop.track(cookie, "two", source="split-key")
    eventually(lambda: types(shop, {"registered": second}), ["two"])
    eventually(lambda: types(shop, {"registered": first}), ["one"])
    assert data(shop, "export-one", {"registered": first})["ids"] == {
        "registered": first
    }
    assert data(shop, "export-one", {"registered": second})["ids"]["cookie"] == [cookie]
    assert types(shop, {"cookie": cookie}) == ["two"]


@pytest.mark.parametrize("call", ["export-one", "attributes", "events"])
def test_nobody_does_not_exist(shop: Client, call: str) -> None:
    body = {"customer_ids": {"cookie": fresh()}, "attributes": [], "event_types": []}
    reply = ask(shop, call, body)
    assert (reply.status, reply.json) == (404, UNKNOWN)


# -- events -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def reader(shop: Client) -> str:
    """A cookie with twelve events, `a` and `b` in turn, a second apart."""
    cookie, now = fresh("reader"), time.time()
    events = [
        {
            "type": "ab"[n % 2],
            "id": str(n),
            "time": now - 60 + n,
            "properties": {"n": n},
        }
        for n in range(12)
    ]
    shop.post("/track", {"source": {"id": TOKEN}, "session": cookie, "events": events})
    return cookie


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({"event_types": ["a", "b"]}, list(range(12))),
        ({"event_types": ["a"]}, [0, 2, 4, 6, 8, 10]),
        ({"event_types": ["c"]}, []),
        ({"event_types": []}, []),
        ({"event_types": ["a", "b"], "order": "desc"}, list(range(11, -1, -1))),
        ({"event_types": ["a", "b"], "order": "asc", "limit": 3, "skip": 2}, [2, 3, 4]),
        ({"event_types": ["b"], "limit": 2, "skip": 1}, [3, 5]),
        ({"event_types": ["b"], "order": "desc", "limit": 2, "skip": 1}, [9, 7]),
        ({"event_types": ["a"], "limit": 0}, []),
        ({"event_types": ["a"], "skip": 4}, [8, 10]),
        ({"event_types": ["a"], "skip": 40, "limit": 1}, []),
        (
            {"event_types": ["a"], "skip": None, "limit": None, "order": None},
            [0, 2, 4, 6, 8, 10],
        ),
    ],
    ids=str,
)
def test_the_events_asked_for(
    shop: Client, reader: str, asked: dict[str, Any], numbers: list[int]
) -> None:
    found = data(shop, "events", {"cookie": reader}, **asked)["data"]
    assert [event["properties"]["n"] for event in found] == numbers


def test_times_are_unix_seconds_to_the_microsecond(shop: Client, reader: str) -> None:
    (event,) = data(shop, "events", {"cookie": reader}, event_types=["a"], limit=1)[
        "data"
    ]
    (native,) = shop.get(
        "sessions", reader, "events", limit=1, until=event["timestamp"] + 0.5
    ).json["events"]
    assert event["timestamp"] == parse_time(native["time"], "time") / 1_000_000
    assert event.keys() == {"type", "timestamp", "properties"}


def test_more_than_an_answer_holds_is_an_error_that_says_how_to_ask_for_less(
    shop: Client,
) -> None:
    cookie = fresh()
    large = {f"p{n}": "\\" * 12_000 for n in range(40)}
    for n in range(6):
        events = [{"type": "large", "properties": {**large, "n": n}}]
        shop.post(
            "/track", {"source": {"id": TOKEN}, "session": cookie, "events": events}
        )
    reply = ask(shop, "export-one", {"customer_ids": {"cookie": cookie}})
    assert reply.status == 413
    (message,) = reply.json["errors"]["_global"]
    assert "limit and skip" in message
    some = data(
        shop, "events", {"cookie": cookie}, event_types=["large"], limit=2, skip=3
    )["data"]
    assert [event["properties"]["n"] for event in some] == [3, 4]
    body = json.dumps({"customer_ids": {"cookie": cookie}}).encode()
    zipped = shop.send(
        "POST",
        f"/data/v2/projects/{TOKEN}/customers/export-one",
        body,
        {"authorization": private(), "accept-encoding": "gzip"},
    )
    assert (zipped.status, zipped.headers["content-encoding"]) == (200, "gzip")


# -- attributes and consents --------------------------------------------------------------------------------------


def test_ex25_segmentations_and_expressions_are_the_projects_segments_and_traits(
    shop: Client, gordon: dict[str, str]
) -> None:
    attributes = [
        {"type": "segmentation", "id": "looks_around"},
        {"type": "expression", "id": "recently_viewed"},
        {"type": "aggregate", "id": "visits"},
        {"type": "prediction", "id": "visits"},
    ]
    ids = {"registered": gordon["name"]}
    found = data(shop, "attributes", ids, attributes=attributes)["results"]
    assert found[0] == {"success": True, "value": None}
    assert found[1] == {"success": True, "value": []}
    assert found[2]["value"] >= 1
    assert "not computed here" in found[3]["error"]


def test_every_attribute_has_its_result_in_its_place(
    shop: Client, gordon: dict[str, str]
) -> None:
    attributes = [
        {"type": "segmentation", "id": "592ff585fb60094e02bfaf6a"},
        {"type": "property", "property": "age"},
        {"type": "property"},
        {"type": "id", "id": "phone"},
        {"type": "colour", "id": "x"},
        "property",
        {"type": "id", "id": "customerId"},
        {"type": "id", "id": "loyalty"},
        {"type": "id", "id": "user_id"},
    ]
    ids = {"registered": gordon["name"]}
    found = data(shop, "attributes", ids, attributes=attributes)["results"]
    assert [one["success"] for one in found] == [
        *(False, True, False, False, False, False)
    ] + [True] * 3
    assert "no such name" in found[0]["error"]
    assert found[1]["value"] == 27
    assert found[2]["error"] == "property.property: is missing"
    assert "'phone' is not declared" in found[3]["error"]
    assert "'consent'" in found[4]["error"]
    assert [one["value"] for one in found[6:]] == [gordon["name"], None, []]


def test_a_consent_is_valid_until_it_ends_or_is_rejected(shop: Client) -> None:
    """EX-27."""
    name, now = fresh(), time.time()
    consents = {
        "ever": {"action": "accept", "valid_until": "unlimited", "timestamp": now},
        "on": {"action": "accept", "valid_until": now + 600, "timestamp": now},
        "over": {"action": "accept", "valid_until": now - 600, "timestamp": now - 900},
        "open": {"action": "accept", "valid_until": None, "timestamp": now},
        "no": {"action": "reject", "valid_until": "unlimited", "timestamp": now},
        "cookies": "denied",
    }
    ids = {"registered": name}
    shop.post("/update", {"source": {"id": TOKEN}, "ids": ids, "consents": consents})
    asked = [
        {"type": "consent", "category": category} for category in (*consents, "nothing")
    ]
    found = data(shop, "attributes", ids, attributes=asked)["results"]
    assert [one["value"] for one in found] == [
        True,
        True,
        False,
        True,
        False,
        False,
        False,
    ]
    modes = [
        {"type": "consent", "category": "over", "mode": mode}
        for mode in ("valid", "until", "timestamp", "message")
    ]
    found = data(shop, "attributes", ids, attributes=modes)["results"]
    assert [one.get("value") for one in found[:3]] == [False, now - 600, now - 900]
    assert found[3] == {
        "success": False,
        "error": "mode: use one of valid, until, timestamp",
    }


def _results(look: Callable[[], Any]) -> Any:
    return look()["results"]


def test_the_consent_to_be_tracked_is_read_as_the_visitor_said_it(shop: Client) -> None:
    """EX-27."""
    for said, value in (("granted", True), ("denied", False)):
        session, ids = {"id": fresh()}, {"registered": fresh()}
        source = {"source": {"id": TOKEN}, "session": session}
        assert shop.post("/identify", {**source, "ids": ids}).status == 200
        assert shop.post("/consent", {**source, "tracking": said}).status == 200
        asked = [{"type": "consent", "category": "tracking"}]
        look = partial(data, shop, "attributes", ids, attributes=asked)
        eventually(partial(_results, look), [{"success": True, "value": value}])


def test_a_consent_that_was_tracked_is_read(shop: Client) -> None:
    """EX-27: consents are told as events of the tracking API."""
    ids = {"registered": fresh()}
    for category, action in (
        ("newsletter", "accept"),
        ("sms", "accept"),
        ("sms", "reject"),
    ):
        properties = {
            "action": action,
            "category": category,
            "valid_until": "unlimited",
        }
        event = {"customer_ids": ids, "event_type": "consent", "properties": properties}
        path = f"/track/v2/projects/{TOKEN}/customers/events"
        assert shop.post(path, event, authorization=f"Token {TOKEN}").status == 200
    asked = [
        {"type": "consent", "category": category} for category in ("newsletter", "sms")
    ]
    found = data(shop, "attributes", ids, attributes=asked)["results"]
    assert [one["value"] for one in found] == [True, False]
    eventually(lambda: types(shop, ids), ["consent"] * 3)


@pytest.mark.parametrize("authorization", ["Token web-key", None])
def test_the_consent_categories_as_the_mobile_clients_read_them(
    shop: Client, authorization: str | None
) -> None:
    """EX-27: `fetchConsents`, which has the public key alone."""
    reply = ask(shop, "consent/categories", None, authorization=authorization)
    assert reply.status == 200
    where = dict.fromkeys(("crm", "import", "page", "scenario"), False)
    sources = {**where, "private_api": True, "public_api": True}
    assert reply.json == {
        "success": True,
        "results": [
            {
                "id": "newsletter",
                "legitimate_interest": False,
                "sources": sources,
                "translations": {"en": {"name": "Newsletter"}},
            },
            {
                "id": "personalisation",
                "legitimate_interest": True,
                "sources": sources,
                "translations": {},
            },
        ],
    }
    stream = shop.post("/data/v2/streams/web-key/consent/categories", None)
    assert stream.json == reply.json
    reply = ask(
        shop, "consent/categories", token="other-key", authorization="Token other-key"
    )
    assert reply.json == {"success": True, "results": []}
    assert shop.post("/data/v2/streams/nobody/consent/categories", None).status == 400


# -- export -------------------------------------------------------------------------------------------------------


def test_an_export_holds_everybody_of_the_project_and_nobody_of_another(
    shop: Client, gordon: dict[str, str]
) -> None:
    """One row a customer, whatever identifiers it has; nobody twice."""
    visitor, elsewhere, reader_ = (
        fresh("visitor"),
        fresh("elsewhere"),
        f"{fresh('r')}@x.org",
    )
    shop.track(visitor, "view")
    shop.identify(fresh(), {"email": reader_})
    shop.identify(fresh("x"), {"registered": elsewhere}, source="other-key")
    reply = ask(shop, "export", {"format": "native_json"})
    assert reply.status == 200
    fields = [field["id"] for field in reply.json["fields"] if field["type"] == "id"]
    assert (fields[0], fields[-1]) == ("registered", "cookie")
    rows = [dict(zip(fields, row, strict=False)) for row in reply.json["data"]]
    names = [row["registered"] for row in rows if row["registered"]]
    cookies = [cookie for row in rows for cookie in row["cookie"] or ()]
    assert names.count(gordon["name"]) == 1
    assert len(names) == len(set(names))
    assert len(cookies) == len(set(cookies))
    assert visitor in cookies
    assert sum(row["email"] == [reader_] for row in rows) == 1
    assert elsewhere not in names
    other = ask(
        shop, "export", {"format": "native_json"}, "other-key", private(OTHER_KEY)
    )
    texts = other.body.decode()
    assert elsewhere in texts
    assert gordon["name"] not in texts
    assert visitor not in texts


def test_an_export_of_some_attributes_has_these_columns_ids_first(
    shop: Client, gordon: dict[str, str]
) -> None:
    listed = [
        {"type": "property", "property": "first_name"},
        {"type": "id", "id": "ecommerceId"},
        {"type": "id", "id": "cookie"},
    ]
    body = {"format": "native_json", "attributes": {"type": "some", "list": listed}}
    reply = ask(shop, "export", body)
    assert reply.json["fields"] == [
        {"type": "id", "id": "registered"},
        {"type": "id", "id": "cookie"},
        {"type": "property", "property": "first_name"},
    ]
    assert [
        gordon["name"],
        [gordon["phone"], gordon["laptop"]],
        "Gordon",
    ] in reply.json["data"]


# -- what is refused ----------------------------------------------------------------------------------------------

IDS = {"customer_ids": {"registered": "x"}}


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("export-one", None, "_global"),
        ("export-one", [], "_global"),
        ("export-one", {}, "customer_ids"),
        ("export-one", {"customer_ids": "x"}, "customer_ids"),
        ("export-one", {"customer_ids": {"phone": "1"}}, "customer_ids.phone"),
        (
            "export-one",
            {"customer_ids": {"registered": ["a"]}},
            "customer_ids.registered",
        ),
        (
            "export-one",
            {"customer_ids": {"registered": "undefined"}},
            "customer_ids.registered",
        ),
        (
            "export-one",
            {"customer_ids": {"cookie": "@registered=x"}},
            "customer_ids.cookie",
        ),
        ("attributes", IDS, "attributes"),
        ("attributes", {**IDS, "attributes": "x"}, "attributes"),
        ("events", IDS, "event_types"),
        ("events", {**IDS, "event_types": [1]}, "event_types.0"),
        ("events", {**IDS, "event_types": [], "order": "up"}, "order"),
        ("events", {**IDS, "event_types": [], "limit": -1}, "limit"),
        ("events", {**IDS, "event_types": [], "limit": "3"}, "limit"),
        ("events", {**IDS, "event_types": [], "skip": 1.5}, "skip"),
        ("events", {**IDS, "event_types": ["a"], "skip": 10**30}, "skip"),
        (
            "export-one",
            {"customer_ids": {"registered": "\ud800"}},
            "customer_ids.registered",
        ),
        ("export-one", {"customer_ids": {"x" * 99: "1"}}, f"customer_ids.{'x' * 64}"),
        ("export", {}, "format"),
        ("export", {"format": "csv"}, "format"),
        (
            "export",
            {"format": "native_json", "filter": {"type": "segment"}},
            "filter.type",
        ),
        ("export", {"format": "native_json", "execution_time": 5}, "execution_time"),
        (
            "export",
            {"format": "native_json", "attributes": {"type": "some"}},
            "attributes.list",
        ),
        (
            "export",
            {
                "format": "native_json",
                "attributes": {"type": "some", "list": [{"type": "id", "id": "phone"}]},
            },
            "attributes.list",
        ),
        ("anonymize", IDS, "_global"),
        ("anonymize_bulk", {"customers": [IDS]}, "_global"),
    ],
)
def test_a_bad_call_is_refused_with_the_field_that_is_wrong(
    shop: Client, call: str, body: object, field: str
) -> None:
    reply = ask(shop, call, body)
    assert (reply.status, reply.json["success"]) == (400, False)
    ((named, (message,)),) = reply.json["errors"].items()
    assert (named, bool(message)) == (field, True)


def test_no_identifier_is_refused_in_exponeas_own_words(shop: Client) -> None:
    for ids in ({}, {"registered": None, "cookie": ""}):
        reply = ask(shop, "export-one", {"customer_ids": ids})
        assert (reply.status, reply.json) == (
            400,
            {"success": False, "errors": ["At least one id should be specified."]},
        )


@pytest.fixture(scope="module")
def alone() -> Iterator[in_process.Shop]:
    """A service in this process with one customer, because an export reads all that there are."""
    with in_process.deployed() as shop:
        body = {"source": {"id": TOKEN}, "session": {"id": "odd"}}
        ids = {"registered": "odd"}
        assert shop.post("/identify", {**body, "ids": ids}).status == 200
        shop.settle()
        yield shop


@pytest.mark.parametrize("call", ["export-one", "attributes", "events", "export"])
@pytest.mark.parametrize(
    "odd",
    [
        *(
            None,
            True,
            0,
            -1,
            1e300,
            "",
            "x",
            "\ud800",
            [],
            [[]],
            {},
            {"\ud800": "\ud800"},
        ),
        *(
            {"type": "some"},
            [{"type": []}],
            [{"type": "id", "id": "\ud800"}],
            ["\ud800"],
        ),
    ],
    ids=repr,
)
def test_no_body_makes_it_fail(alone: in_process.Shop, call: str, odd: Any) -> None:
    """Each part of a body in its turn: whatever stands there, the answer is Exponea's, and no 500."""
    path = f"/data/v2/projects/{TOKEN}/customers/{call}"
    whole = {
        "customer_ids": {"registered": "odd"},
        "attributes": None if call == "export" else [],
        "event_types": ["a"],
        "order": "asc",
        "limit": 1,
        "skip": 0,
        "format": "native_json",
        "filter": None,
        "execution_time": None,
    }
    bodies = [odd, *({**whole, name: odd} for name in whole)]
    for body in (
        *bodies,
        {**whole, "attributes": [odd]},
        {**whole, "customer_ids": {"email": odd}},
    ):
        reply = alone.post(path, body, authorization=private())
        assert reply.status in (200, 400, 404), (body, reply.body)
        assert reply.body["success"] is (reply.status == 200)


def test_what_is_no_json_is_refused(shop: Client) -> None:
    path = f"/data/v2/projects/{TOKEN}/customers/export-one"
    reply = shop.send("POST", path, b"{", {"authorization": private()})
    assert reply.status == 400
    (message,) = reply.json["errors"]["_global"]
    assert "not valid JSON" in message


def test_a_call_that_is_not_there(shop: Client) -> None:
    reply = ask(shop, "delete", IDS)
    assert (reply.status, reply.json["success"]) == (404, False)
    assert reply.json["errors"] == {
        "_global": ["there is no call customers/delete here"]
    }


@pytest.mark.parametrize(
    ("token", "authorization", "status", "error"),
    [
        ("no-such-project", private(), 400, "Invalid project id"),
        ("no-such-project", "Token no-such-project", 400, "Invalid project id"),
        (TOKEN, private("wrong"), 400, "Could not authenticate"),
        (TOKEN, private(OTHER_KEY), 400, "Could not authenticate"),
        ("other-key", private(), 400, "Could not authenticate"),
        (TOKEN, f"Bearer {KEY}", 400, "Could not authenticate"),
        (TOKEN, "Basic !", 400, "Could not authenticate"),
        (TOKEN, f"Token {TOKEN}", 403, "No permission"),
        (TOKEN, f"Token {KEY}", 403, "No permission"),
    ],
)
@pytest.mark.parametrize(
    "call", ["export-one", "attributes", "events", "export", "anonymize"]
)
def test_only_the_projects_own_private_key_reads(
    shop: Client, call: str, token: str, authorization: str, status: int, error: str
) -> None:
    """EX-28, EX-29."""
    reply = ask(shop, call, IDS, token, authorization)
    assert reply.status == status
    assert (reply.json["success"], reply.json["error"]) == (False, error)
    assert reply.json["message"]


def test_a_public_key_in_the_address_reads_categories_and_no_customers(
    shop: Client,
) -> None:
    base = f"/data/v2/projects/{TOKEN}"
    categories = shop.post(f"{base}/consent/categories?access_token={TOKEN}", None)
    assert categories.status == 200
    assert (
        shop.post(f"{base}/consent/categories?access_token=other-key", None).status
        == 400
    )
    assert shop.post(f"{base}/consent/categories", None).status == 400
    assert shop.post(f"{base}/customers/export?access_token={TOKEN}", {}).status == 403
    assert shop.post(f"{base}/customers/export", {}).status == 400


def test_one_project_finds_nobody_of_another(
    shop: Client, gordon: dict[str, str]
) -> None:
    for ids in ({"registered": gordon["name"]}, {"cookie": gordon["phone"]}):
        body = {"customer_ids": ids}
        reply = ask(shop, "export-one", body, "other-key", private(OTHER_KEY))
        assert (reply.status, reply.json) == (404, UNKNOWN)
