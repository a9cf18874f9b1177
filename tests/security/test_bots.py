"""Where a source wants no bots, nothing that they send is kept, and each call says so."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from hardlink.web import bots
from infra import topology
from tests.http.service import Reply, fresh
from tests.security.shop import BASIC, Shop

KEY = "people-key"
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
PROGRAMS = [
    GOOGLE,
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    CHROME.replace("Chrome", "HeadlessChrome"),
    "python-requests/2.32.3",
    "curl/8.5.0",
]
PEOPLE = [
    None,
    "",
    CHROME,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Linux; Android 10; CUBOT_X30) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36",
    "x" * 100_000,
]


@pytest.mark.parametrize("agent", PROGRAMS)
def test_a_program(agent: str) -> None:
    assert bots.is_bot(agent)


@pytest.mark.parametrize("agent", PEOPLE, ids=lambda agent: str(agent)[:40])
def test_a_person(agent: str | None) -> None:
    assert not bots.is_bot(agent)


def test_who_looks_for_no_bots_does_not_load_the_list() -> None:
    code = "import sys, hardlink.web.bots; print('crawleruseragents' in sys.modules)"
    environment = {"PYTHONPATH": str(topology.FUNCTIONS)}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"


Call = Callable[..., Reply]


def native(where: str, **more: object) -> Call:
    def call(shop: Shop, session: str, who: str, agent: str) -> Reply:
        ids = {"registered": who}
        body = {"source": {"id": KEY}, "session": {"id": session}, "ids": ids, **more}
        return shop.post(where, body, user_agent=agent)

    return call


def of_no_session(shop: Shop, _: str, who: str, agent: str) -> Reply:
    body = {"source": {"id": KEY}, "ids": {"registered": who}, "properties": {"a": 1}}
    return shop.post("/update", body, user_agent=agent)


def nobodys(shop: Shop, session: str, _: str, agent: str) -> Reply:
    body = {"source": {"id": KEY}, "events": [{"type": "view"}], "profile_less": True}
    return shop.post("/track", {**body, "session": {"id": session}}, user_agent=agent)


def xo(shop: Shop, session: str, who: str, agent: str) -> Reply:
    user = {"identities": {"sessionId": session, "ecommerceId": who}}
    return shop.post(
        f"/{KEY}", {"action": "a", "target": {}, "user": user}, user_agent=agent
    )


def helloretail(shop: Shop, session: str, who: str, agent: str) -> Reply:
    body = {"websiteUuid": KEY, "trackingUserId": session, "customerId": who}
    return shop.post("/serve/collect/conversion", body, user_agent=agent)


def segment(kind: str) -> Call:
    def call(shop: Shop, session: str, who: str, agent: str) -> Reply:
        body = {"writeKey": KEY, "anonymousId": session, "userId": who, "event": "a"}
        return shop.post(f"/v1/{kind}", body, user_agent=agent)

    return call


def bulk(name: str, **more: object) -> Call:
    def call(shop: Shop, session: str, who: str, agent: str) -> Reply:
        data = {
            "company_id": KEY,
            "customer_ids": {"cookie": session, "registered": who},
            **more,
        }
        return shop.post(
            "/bulk", {"commands": [{"name": name, "data": data}]}, user_agent=agent
        )

    return call


def collect(shop: Shop, session: str, who: str, agent: str) -> Reply:
    where = f"/collect/sign-in/tracardi-people-key/{session}"
    return shop.post(where, {"pk": who}, user_agent=agent)


CALLS: dict[str, Call] = {
    "track": native("/track", events=[{"type": "view"}]),
    "identify": native("/identify", properties={"a": 1}),
    "update": native("/update", properties={"a": 1}),
    "update of no session": of_no_session,
    "nobody's": nobodys,
    "xo": xo,
    "helloretail": helloretail,
    "segment track": segment("track"),
    "segment identify": segment("identify"),
    "bulk events": bulk("crm/events", type="view"),
    "bulk customers": bulk("crm/customers", properties={"a": 1}),
    "collect": collect,
}


@pytest.mark.parametrize("name", CALLS)
def test_what_a_bot_sends_is_dropped_and_it_is_told_so(
    shop: Shop, counted: Callable[[str], int], name: str
) -> None:
    session, who = fresh(), fresh("c")
    reply = CALLS[name](shop, session, who, GOOGLE)
    assert "sent by a bot" in reply.body.decode(), reply.body
    shop.drain()
    assert shop.get(f"/sessions/{session}").status == 404
    assert shop.get(f"/customers/registered/{who}").status == 404
    assert counted("bots_dropped") == 1


def test_every_event_has_its_verdict(shop: Shop) -> None:
    events = [{"type": "view", "id": "1"}, {"type": ""}]
    body = {"source": {"id": KEY}, "session": {"id": fresh()}, "events": events}
    reply = shop.post("/track", body, user_agent=GOOGLE)
    assert [result["status"] for result in reply.json["results"]] == [
        "dropped",
        "rejected",
    ]


@pytest.mark.parametrize("name", CALLS)
def test_what_a_person_sends_is_kept(shop: Shop, name: str) -> None:
    who = fresh("c")
    reply = CALLS[name](shop, fresh(), who, CHROME)
    assert "sent by a bot" not in reply.body.decode()
    shop.drain()
    if name != "nobody's":
        assert shop.get(f"/customers/registered/{who}").status == 200


def test_a_source_that_says_nothing_keeps_all(shop: Shop) -> None:
    body = {
        "source": {"id": "web-key"},
        "session": {"id": fresh()},
        "events": [{"type": "a"}],
    }
    reply = shop.post("/track", body, user_agent=GOOGLE)
    assert reply.json["results"][0]["status"] == "stored"


def test_the_shops_own_backend_is_a_program_and_is_kept(shop: Shop) -> None:
    ids = {"customer_ids": {"registered": fresh("c")}, "properties": {"a": 1}}
    where = f"/track/v2/projects/{KEY}/customers"
    reply = shop.post(
        where, ids, authorization=BASIC, user_agent="python-requests/2.32.3"
    )
    assert reply.json == {"success": True, "errors": []}


def test_a_bot_that_opts_out_is_heard(shop: Shop) -> None:
    session = fresh()
    body = {"source": {"id": KEY}, "session": {"id": session}, "tracking": "denied"}
    assert shop.post("/consent", body, user_agent=GOOGLE).json["tracking"] == "denied"
