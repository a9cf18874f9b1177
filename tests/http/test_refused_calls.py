"""Calls that are refused as a whole are in the live list, beside events."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from hardlink.domain.errors import Busy, Invalid, UnknownSource, explain_code
from hardlink.domain.sources.registry import Project, Source, Sources
from hardlink.log import logger
from hardlink.storage import activity
from hardlink.web import refusals
from hardlink.web.request import Request
from infra import topology
from tests.http.service import Client, Reply, eventually, fresh

PAGE = "https://new-shop.example"


def read_live(
    shop: Client, since: str | None = None
) -> tuple[list[dict[str, Any]], str]:
    """Read the live list to its end: other tests may have filled many pages. Also returns its cursor."""
    entries: list[dict[str, Any]] = []
    more = True
    while more:
        page = shop.get("live", **({"since": since} if since else {})).json
        entries += page["events"]
        since, more = page["cursor"], page["more"]
    assert since
    return entries, since


def refuse(shop: Client, call: Callable[[], Reply]) -> tuple[Reply, dict[str, Any]]:
    """Make a call that is refused, and return its answer and its entry of the live list.

    It is made again until it is recorded: other tests may have used up the service's limit.
    """
    made: list[tuple[Reply, dict[str, Any]]] = []
    _, since = read_live(shop)

    def is_shown() -> bool:
        reply = call()
        request_id = reply.headers["x-request-id"]
        for entry in read_live(shop, since)[0]:
            if entry["status"] == "refused" and request_id in entry["key"]:
                made[:] = [(reply, entry)]
        return bool(made)

    eventually(is_shown, wanted=True)
    return made[0]


def test_a_page_of_an_origin_that_no_source_allows_is_shown(shop: Client) -> None:
    body = {"source": {"id": "web-key"}, "session": {"id": fresh()}, "events": []}
    reply, shown = refuse(shop, lambda: shop.post("/track", body, origin=PAGE))
    assert (reply.status, shown["type"]) == (403, "POST /track")
    assert (shown["code"], shown["source"]) == ("origin_not_allowed", "web")
    assert (shown["reason"], shown["origin"]) == (reply.error["message"], PAGE)
    assert (shown["session"], shown["customer"]) == (None, None)


@pytest.mark.parametrize(
    ("path", "more", "field"),
    [
        ("/identify", {"ids": {"registered": "undefined"}}, "ids.registered"),
        ("/update", {"properties": 5}, "properties"),
        ("/consent", {"tracking": "maybe"}, "tracking"),
        ("/anonymize", {"session": {"id": "x" * 4000}}, "session.id"),
        ("/track", {"events": {}}, "events"),
    ],
)
def test_a_call_with_a_mistake_is_shown_in_its_project(
    shop: Client, path: str, more: dict[str, Any], field: str
) -> None:
    body = {"source": {"id": "web-key"}, "session": {"id": fresh()}, **more}
    allowed = "https://shop.example"
    reply, shown = refuse(shop, lambda: shop.post(path, body, origin=allowed))
    assert (reply.status, reply.error["field"]) == (400, field)
    assert (shown["type"], shown["field"]) == (f"POST {path}", field)
    assert (shown["source"], shown["origin"]) == ("web", allowed)


@pytest.mark.parametrize(
    ("path", "more", "field"),
    [
        ("/identify", {"ids": {"gordon@blackmesa.com": "1"}}, "ids"),
        ("/track", {"gordon@blackmesa.com": "1"}, None),
    ],
)
def test_nothing_that_the_caller_sent_is_shown(
    shop: Client, path: str, more: dict[str, Any], field: str | None
) -> None:
    body = {"source": {"id": "web-key"}, "session": {"id": fresh()}, **more}
    origin = "https://shop.example"
    reply, shown = refuse(shop, lambda: shop.post(path, body, origin=origin))
    assert "gordon" in str(reply.error)
    assert "gordon" not in str(shown)
    assert (shown["code"], shown["field"]) == ("invalid", field)
    assert shown["reason"]


def test_a_feed_that_is_too_large_is_shown_in_its_project_alone(shop: Client) -> None:
    orders = json.dumps([{"id": number} for number in range(501)]).encode()
    headers = {"authorization": f"Bearer {shop.key}"}
    reply, shown = refuse(shop, lambda: shop.send("POST", "/orders", orders, headers))
    assert (reply.status, shown["code"], shown["source"]) == (413, "too_large", None)
    others = shop.get("live", key=f"{shop.key}-other").json["events"]
    assert reply.headers["x-request-id"] not in str(others)


def test_a_name_that_cannot_be_encoded_is_refused_like_any_other(shop: Client) -> None:
    body = {"source": {"id": "web-key"}, "session": {"id": fresh()}}
    text = json.dumps({**body, "ids": {"\ud800": "1"}})
    _, shown = refuse(shop, lambda: shop.send("POST", "/identify", text.encode()))
    assert (shown["code"], shown["field"]) == ("invalid", "ids")


Recorded = list[tuple[Any, ...]]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """What is recorded of calls to a deployment of two projects, `shop` and `other`."""
    calls: Recorded = []
    monkeypatch.setattr(refusals, "read_clock", lambda: 10**15)
    deploy(monkeypatch, "shop", "other")
    monkeypatch.setattr(refusals, "tables", lambda: None)
    monkeypatch.setattr(
        activity, "record_refused_call", lambda *call: calls.append(call)
    )
    refusals.limit.cache_clear()
    yield calls
    refusals.limit.cache_clear()


def deploy(monkeypatch: pytest.MonkeyPatch, *projects: str) -> None:
    """Deploy projects with one source, which is of the first one."""
    source = Source("web-key", projects[0], ())
    declared = dict.fromkeys(projects, Project({}))
    sources = Sources(declared, {"web": source})
    monkeypatch.setattr(refusals, "deployed_sources", lambda: sources)


def a_request(write_key: str = "web-key", **headers: str) -> Request:
    body = json.dumps({"source": {"id": write_key}})
    context = {"requestId": "r"}
    event = {"routeKey": "POST /track", "requestContext": context, "body": body}
    return Request({**event, "headers": headers})


def test_an_instance_records_a_few_a_second(recorded: Recorded) -> None:
    for _ in range(19):
        refusals.record_refusal(a_request(), Invalid("m"))
    refusals.record_refusal(a_request(), Busy("m"))
    assert [call[1] for call in recorded] == ["shop"] * 10


def test_a_call_without_a_known_key_is_recorded_where_there_is_one_project(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(19):
        refusals.record_refusal(a_request("unknown"), UnknownSource("m"))
    assert recorded == []
    # nor does it use up what others may record
    refusals.record_refusal(a_request(), Invalid("m"))
    assert [call[1] for call in recorded] == ["shop"]
    deploy(monkeypatch, "alone")
    refusals.record_refusal(a_request("unknown"), UnknownSource("m"))
    assert [call[1] for call in recorded] == ["shop", "alone"]


def test_an_origin_that_is_none_is_not_recorded(recorded: Recorded) -> None:
    for origin in (PAGE, "null", "capacitor://localhost", "gordon@blackmesa.com"):
        refusals.record_refusal(a_request(origin=origin), Invalid("m"))
    origins = [call[2].origin for call in recorded]
    assert origins == [PAGE, "null", "capacitor://localhost", ""]


@pytest.mark.parametrize("failure", [KeyError("gordon"), EndpointConnectionError])
def test_a_refusal_that_cannot_be_recorded_changes_no_answer(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, failure: Any
) -> None:
    logged: list[str] = []

    def fail(*_: object) -> None:
        raise failure if isinstance(failure, KeyError) else failure(endpoint_url="u")

    def log(message: str, extra: dict[str, str]) -> None:
        logged.append(f"{message}: {extra['why']}")

    monkeypatch.setattr(activity, "record_refused_call", fail)
    monkeypatch.setattr(logger, "warning", log)
    refusals.record_refusal(a_request(), Invalid("m"))
    assert logged[0].startswith("refusal not recorded: ")
    assert "Error at " in logged[0]
    assert "gordon" not in logged[0]


def test_each_code_of_a_refusal_has_a_sentence() -> None:
    documented = (topology.FUNCTIONS / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (400|401|403|409|413) \| (.*?) \|", documented, re.MULTILINE
    )
    codes = [code for _, cell in rows for code in re.findall("`(.*?)`", cell)]
    assert len(codes) > 15
    assert [code for code in codes if not explain_code(code)] == []
