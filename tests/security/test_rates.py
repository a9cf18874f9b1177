"""A source that exceeds its rate gets an error on every path, and nothing is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hardlink.domain.times import SECOND
from hardlink.web import caller
from tests.http.service import Reply, fresh
from tests.security.shop import BASIC, Shop

KEY = "slow-key"
Call = Callable[[Shop, str], Reply]
MOST = 2
"""Calls a second of that source, and so at once."""


@pytest.fixture
def moment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The time, which goes by when a test says so."""
    now = [caller.service()._clock()]
    monkeypatch.setattr(caller.service(), "_clock", lambda: now[0])
    caller.rate_limiter.cache_clear()
    yield now
    caller.rate_limiter.cache_clear()


def native(path: str, **more: object) -> Call:
    return lambda shop, session: shop.post(
        path, {"source": {"id": KEY}, "session": {"id": session}, **more}
    )


CALLS: dict[str, tuple[Call, int]] = {
    "track": (native("/track", events=[{"type": "view"}]), 429),
    "identify": (native("/identify", ids={"registered": fresh()}), 429),
    "update": (native("/update", properties={"a": 1}), 429),
    "anonymize": (native("/anonymize"), 429),
    "consent": (native("/consent", tracking="granted"), 429),
    "session": (native("/session"), 429),
    "visitor": (
        lambda shop, session: shop.get(f"/visitor?source={KEY}&session={session}"),
        429,
    ),
    "xo": (
        lambda shop, session: shop.post(
            f"/{KEY}",
            {
                "action": "a",
                "target": {},
                "user": {"identities": {"sessionId": session}},
            },
        ),
        429,
    ),
    "helloretail": (
        lambda shop, session: shop.post(
            "/serve/collect/pageview", {"websiteUuid": KEY, "trackingUserId": session}
        ),
        429,
    ),
    "segment": (
        lambda shop, session: shop.post(
            "/v1/page", {"writeKey": KEY, "anonymousId": session, "name": "a"}
        ),
        429,
    ),
    "exponea": (
        lambda shop, session: shop.post(
            f"/track/v2/projects/{KEY}/customers/events",
            {"customer_ids": {"cookie": session}, "event_type": "view"},
            authorization=BASIC,
        ),
        429,
    ),
    "bulk": (  # its client drops what is answered 429, and keeps what is answered 503
        lambda shop, session: shop.post(
            "/bulk",
            {
                "commands": [
                    {
                        "name": "crm/events",
                        "data": {
                            "company_id": KEY,
                            "customer_ids": {"cookie": session},
                            "type": "view",
                        },
                    }
                ]
            },
        ),
        503,
    ),
    "collect": (
        lambda shop, session: shop.post(
            f"/collect/view/tracardi-slow-key/{session}", {}
        ),
        429,
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_too_much_is_sent_again_later(
    shop: Shop, moment: list[int], counted: Callable[[str], int], name: str
) -> None:
    call, status = CALLS[name]
    for _ in range(MOST):
        assert call(shop, fresh()).status == 200
    session = fresh()
    reply = call(shop, session)
    assert (reply.status, reply.headers["retry-after"]) == (status, "1")
    assert "calls a second" in reply.body.decode()
    assert shop.get(f"/sessions/{session}").status == 404
    assert counted("calls_throttled") == 1
    moment[0] += SECOND
    assert call(shop, session).status == 200


def _commands(session: str, *tokens: str) -> dict[str, Any]:
    return {
        "commands": [
            {
                "name": "crm/events",
                "data": {
                    "company_id": token,
                    "customer_ids": {"cookie": session},
                    "type": f"of-{token}",
                },
            }
            for token in tokens
        ]
    }


def test_a_bulk_of_two_projects_is_kept_whole_by_its_client(
    shop: Shop, moment: list[int]
) -> None:
    """Exponea's SDK drops a command that failed: one that is only too early must not fail."""
    for _ in range(MOST):
        CALLS["track"][0](shop, fresh())
    session = fresh()
    body = _commands(session, "web-key", KEY)
    reply = shop.post("/bulk", body)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert shop.get(f"/sessions/{session}").status == 404, (
        "nothing of it is stored twice"
    )
    moment[0] += SECOND
    assert [r["status"] for r in shop.post("/bulk", body).json["results"]] == [
        "ok",
        "ok",
    ]
    stored = shop.get(f"/sessions/{session}/events").json["events"]
    assert {event["type"] for event in stored} == {"of-web-key", f"of-{KEY}"}


def test_a_bulk_with_an_unknown_project_fails_for_that_alone(shop: Shop) -> None:
    reply = shop.post("/bulk", _commands(fresh(), "web-key", "nobody's"))
    assert [r["status"] for r in reply.json["results"]] == ["ok", "error"]


def test_who_follows_a_redirect_is_led_on_all_the_same(
    shop: Shop, moment: list[int]
) -> None:
    replies = [shop.send("GET", "/redirect/slow-sale") for _ in range(MOST + 1)]
    assert [reply.status for reply in replies] == [307] * 3
    assert {reply.headers["location"] for reply in replies} == {
        "https://shop.example/slow"
    }
    held = ["calls a second" in str(reply.json["warnings"]) for reply in replies]
    assert held == [False, False, True]


def test_another_source_is_not_held_back(shop: Shop, moment: list[int]) -> None:
    for _ in range(MOST + 1):
        CALLS["track"][0](shop, fresh())
    assert shop.track(fresh(), "view").status == 200
