"""Calls that are refused as a whole are in the live list, beside events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hardlink.domain.errors import Busy, Invalid
from hardlink.storage import activity
from hardlink.web import refusals
from hardlink.web.request import Request
from tests.http.service import Client, Reply, eventually, fresh

PAGE = "https://new-shop.example"


def refuse(shop: Client, call: Callable[[], Reply]) -> tuple[Reply, dict[str, Any]]:
    """Make a call that is refused, and return its answer and its entry of the live list.

    It is made again until it is recorded: other tests may have used up the service's limit.
    """
    made: list[tuple[Reply, dict[str, Any]]] = []

    def is_shown() -> bool:
        reply = call()
        request_id = reply.headers["x-request-id"]
        for entry in shop.get("live").json["events"]:
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


def test_a_call_with_an_unknown_key_is_shown_in_every_project(shop: Client) -> None:
    body = {"source": {"id": "no-such-key"}, "session": {"id": fresh()}}
    _, shown = refuse(shop, lambda: shop.post("/identify", body, origin=PAGE))
    assert (shown["code"], shown["source"]) == ("unknown_source", None)


def test_a_feed_with_a_wrong_key_is_shown(shop: Client) -> None:
    headers = {"authorization": "Bearer wrong"}
    _, shown = refuse(shop, lambda: shop.send("POST", "/orders", b"[]", headers))
    assert (shown["type"], shown["code"]) == ("POST /orders", "unauthorized")


def test_an_instance_records_a_few_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded: list[object] = []
    monkeypatch.setattr(refusals, "read_clock", lambda: 10**15)
    monkeypatch.setattr(refusals, "_find_projects", lambda _: ("web", ["shop"]))
    monkeypatch.setattr(refusals, "tables", lambda: None)
    monkeypatch.setattr(
        activity, "record_refused_call", lambda *call: recorded.append(call)
    )
    refusals.limit.cache_clear()
    event = {"routeKey": "POST /track", "requestContext": {"requestId": "r"}}
    for _ in range(19):
        refusals.record_refusal(Request(event), Invalid("m"))
    refusals.record_refusal(Request(event), Busy("m"))
    refusals.limit.cache_clear()
    assert len(recorded) == 10
