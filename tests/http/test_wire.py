"""What other systems' clients put on the wire beside their usual calls."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hardlink.web import wiring
from tests.http.in_process import Shop, deployed
from tests.http.service import fresh

TOKEN = "Token PROJTOKEN"


@pytest.fixture(scope="module")
def local() -> Iterator[Shop]:
    with deployed() as shop:
        yield shop


@pytest.mark.parametrize("kind", ["projects", "streams"])
def test_p4_the_consent_categories_are_read_by_get_and_by_post(
    local: Shop, kind: str
) -> None:
    """EX-27: Android's SDK and iOS's send GET."""
    path = f"/data/v2/{kind}/PROJTOKEN/consent/categories"
    read = local.send("GET", path, authorization=TOKEN)
    posted = local.send("POST", path, authorization=TOKEN)
    assert read.status == posted.status == 200
    assert read.body == posted.body
    found = json.loads(read.body)["results"]
    assert [one["id"] for one in found] == ["newsletter", "personalisation"]


@pytest.mark.parametrize("project", ["project_id", "company_id"])
def test_p7_the_calls_of_older_clients_are_those_of_their_successors(
    local: Shop, project: str
) -> None:
    """Bodies as exponea-go sends them: the project in the body, and no key."""
    cookie, customer = fresh("c"), fresh("registered")
    event = {
        project: "PROJTOKEN",
        "customer_ids": {"cookie": cookie},
        "type": "purchase",
        "timestamp": 1795341600,
        "properties": {"total": 12.5},
    }
    update = {
        project: "PROJTOKEN",
        "ids": {"cookie": cookie, "registered": customer},
        "properties": {"first_name": "Gordon"},
    }
    for path, body in (("/crm/events", event), ("/crm/customers", update)):
        reply = local.post(path, body)
        assert (reply.status, reply.body) == (200, {"success": True, "errors": []})
    (stored,) = local.events(cookie)
    assert (stored["type"], stored["properties"]) == ("purchase", {"total": 12.5})
    session = local.get(f"/sessions?id={cookie}").body
    assert session["customer"] == {"type": "registered", "value": customer}
    found = local.get(f"/customers?registered={customer}").body
    assert found["attributes"] == {"first_name": "Gordon"}


@pytest.mark.parametrize("path", ["/crm/events", "/crm/customers"])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"project_id": "nobody", "customer_ids": {"cookie": "c"}}, "Invalid project"),
        ({"customer_ids": {"cookie": "c"}}, "send the project token"),
        ({"project_id": "PROJTOKEN", "type": "a"}, "At least one id"),
        ([], "the body must be a JSON object"),
    ],
)
def test_p7_a_mistake_in_an_older_clients_call_is_400_in_its_words(
    local: Shop, path: str, body: object, said: str
) -> None:
    reply = local.post(path, body)
    assert (reply.status, reply.body["success"]) == (400, False)
    assert said in json.dumps(reply.body)


@pytest.mark.parametrize("encoding", ["gzip", "identity", "deflate"])
def test_p6_a_call_is_understood_whatever_its_encoding_says(
    local: Shop, encoding: str
) -> None:
    session = fresh()
    body = {"source": {"id": "web-key"}, "session": {"id": session}}
    text = json.dumps({**body, "events": [{"type": "a"}]}).encode()
    for sent in (text, gzip.compress(text)):
        reply = local.post("/track", sent, content_encoding=encoding)
        assert [one["status"] for one in reply.body["results"]] == ["stored"]
    assert local.post("/track", gzip.compress(text)).status == 200


def test_p6_an_encoding_that_cannot_be_read_is_named(local: Shop) -> None:
    reply = local.post("/track", b"\x0b\x04\x80{}\x03", content_encoding="br")
    assert reply.status == 400
    assert "Content-Encoding 'br' cannot be read" in reply.body["error"]["message"]


class Clock:
    """Nanoseconds, as `time` of the standard library reads them, and later on demand."""

    def __init__(self) -> None:
        self.later = 0

    def time_ns(self) -> int:
        return time.time_ns() + self.later


def test_a6_a_first_bulk_whose_answer_was_lost_is_stored_once(
    local: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, now = Clock(), time.time()
    monkeypatch.setattr(wiring, "time", clock)
    agent = fresh("browser")

    def send_first_bulk(waited: float) -> str:
        asked = {"project_id": "PROJTOKEN", "customer": {}}
        ping = {"company_id": "PROJTOKEN", "customer_ids": {}, "type": "session_ping"}
        commands = [
            {"name": "system/ids", "data": asked},
            {"name": "system/time", "data": {"clientTS": now + waited}},
            {"name": "crm/events", "data": {**ping, "age": 0.1 + waited}},
        ]
        clock.later = round(waited * 1_000_000_000)
        reply = local.post("/bulk", {"commands": commands}, user_agent=agent)
        return str(reply.body["results"][0]["data"]["cookie"])

    cookie = send_first_bulk(0)
    assert send_first_bulk(5.002) == send_first_bulk(15) == cookie
    types = [event["type"] for event in local.events(cookie)]
    assert types == ["session_start", "session_ping"]


def test_w5_events_of_a_backend_without_a_session_are_the_customers_on_no_device(
    local: Shop,
) -> None:
    customer = fresh("registered")
    backend = {"source": {"id": "web-key"}, "ids": {"registered": customer}}
    for type_ in ("shipped", "delivered"):
        reply = local.post("/track", {**backend, "events": [{"type": type_}]})
        assert reply.body["results"][0]["status"] == "stored"
        assert reply.body["session"] == {"id": None}
    own = f"@registered={customer}"
    assert [event["type"] for event in local.events(own)] == ["shipped", "delivered"]


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"origin": "https://shop.example"}, id="a browser"),
        pytest.param({"profile": {"id": "p"}}, id="a profile"),
        pytest.param({"ids": {}}, id="no customer"),
    ],
)
def test_w5_any_other_call_without_a_session_gets_one(
    local: Shop, named: dict[str, Any]
) -> None:
    headers = {name: named[name] for name in named if name == "origin"}
    body = {"source": {"id": "web-key"}, "ids": {"registered": fresh()}, **named}
    body.pop("origin", None)
    reply = local.post("/track", {**body, "events": [{"type": "a"}]}, **headers)
    assert reply.body["session"]["id"]
