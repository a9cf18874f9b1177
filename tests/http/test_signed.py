"""Signed identities on every path that may say who a visitor is: unsigned it changes nothing, and says why."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.http.service import KEY, Client, Reply, fresh
from tests.support.signing import SECOND_KEY, proof, token

SOURCE = "signed-key"
BASIC = "Basic " + base64.b64encode(f"any:{KEY}".encode()).decode()


def unknown(shop: Client, *customers: str) -> bool:
    """Whether nobody is known by these."""
    return all(
        shop.get("customers", "registered", one).status == 404 for one in customers
    )


def no_session(shop: Client, session: str) -> bool:
    return shop.get("sessions", session).status == 404


def identify(shop: Client, who: str, session: str, **more: Any) -> Reply:
    return shop.identify(session, {"registered": who}, SOURCE, **more)


def track(shop: Client, who: str, session: str, **more: Any) -> Reply:
    return shop.track(session, "view", source=SOURCE, ids={"registered": who}, **more)


def update(shop: Client, who: str, session: str, **more: Any) -> Reply:
    body = {
        "source": {"id": SOURCE},
        "ids": {"registered": who},
        "properties": {"a": 1},
    }
    return shop.post("/update", {**body, "session": {"id": session}, **more})


def update_of_no_session(shop: Client, who: str, _: str, **more: Any) -> Reply:
    body = {
        "source": {"id": SOURCE},
        "ids": {"registered": who},
        "properties": {"a": 1},
    }
    return shop.post("/update", {**body, **more})


NATIVE: list[Callable[..., Reply]] = [identify, track, update, update_of_no_session]


@pytest.mark.parametrize("call", NATIVE)
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(lambda _: None, "unsigned", id="unsigned"),
        pytest.param(
            lambda who: proof(who + "-x"), "bad_signature", id="somebody else's"
        ),
        pytest.param(
            lambda who: token({"sub": who, "exp": 4e9}, key=SECOND_KEY),
            "bad_signature",
            id="another key",
        ),
        pytest.param(
            lambda who: token({"sub": who, "exp": 1}), "bad_signature", id="expired"
        ),
        pytest.param(lambda who: token({"sub": who}), "bad_signature", id="for ever"),
    ],
)
def test_a_native_call_that_proves_nothing_changes_nothing(
    shop: Client, call: Callable[..., Reply], sent: Callable[[str], Any], code: str
) -> None:
    who, session = fresh("c"), fresh()
    reply = call(shop, who, session, token=sent(who))
    assert (reply.status, reply.error["code"]) == (403, code)
    assert reply.error["message"]
    assert unknown(shop, who)
    assert no_session(shop, session)


@pytest.mark.parametrize("call", NATIVE)
def test_a_native_call_that_proves_it_is_carried_out(
    shop: Client, call: Callable[..., Reply]
) -> None:
    who = fresh("c")
    assert call(shop, who, fresh(), token=proof(who)).status == 200
    assert not unknown(shop, who)


def test_an_event_that_names_nobody_needs_no_token(shop: Client) -> None:
    assert (
        shop.track(fresh(), "view", source=SOURCE).json["results"][0]["status"]
        == "stored"
    )


def test_a_soft_identifier_alone_is_not_taken(shop: Client) -> None:
    reply = shop.identify(fresh(), {"email": "gordon@blackmesa.com"}, SOURCE)
    assert (reply.status, reply.error["code"]) == (403, "unsigned")
    who = fresh("c")
    reply = shop.identify(
        fresh(), {"email": f"{who}@example.com"}, SOURCE, token=proof(who)
    )
    assert (reply.status, reply.error["field"]) == (403, "ids")


def test_where_it_is_optional_a_token_has_to_be_right_and_none_will_do(
    shop: Client,
) -> None:
    who = fresh("c")
    bad = shop.identify(fresh(), {"registered": who}, "optional-key", token="x.y.z")
    assert (bad.status, bad.error["code"]) == (403, "bad_signature")
    assert unknown(shop, who)
    for sent in (None, proof(who)):
        reply = shop.identify(fresh(), {"registered": who}, "optional-key", token=sent)
        assert reply.status == 200


def test_where_it_is_off_nobody_looks_at_a_token(shop: Client) -> None:
    assert (
        shop.identify(fresh(), {"registered": fresh("c")}, token="x.y.z").status == 200
    )


def test_a_token_of_one_project_proves_nothing_in_another(shop: Client) -> None:
    """The other project's sources want none; its key would not be this one's."""
    who = fresh("c")
    assert (
        shop.identify(
            fresh(), {"registered": who}, "other-key", token=proof(who)
        ).status
        == 200
    )
    assert unknown(shop, who)


# -- what the other systems' clients say ----------------------------------------------------------


def xo(shop: Client, who: str, session: str) -> Reply:
    user = {"identities": {"sessionId": session, "ecommerceId": who}}
    return shop.post(
        f"/{SOURCE}", {"action": "view", "target": {"product": "1"}, "user": user}
    )


def helloretail(kind: str, **more: Any) -> Callable[[Client, str, str], Reply]:
    def call(shop: Client, who: str, session: str) -> Reply:
        body = {
            "websiteUuid": SOURCE,
            "trackingUserId": session,
            "customerId": who,
            **more,
        }
        return shop.post(f"/serve/collect/{kind}", body)

    return call


def segment(kind: str, **more: Any) -> Callable[[Client, str, str], Reply]:
    def call(shop: Client, who: str, session: str) -> Reply:
        body = {"writeKey": SOURCE, "anonymousId": session, "userId": who, **more}
        return shop.post(f"/v1/{kind}", body)

    return call


def alias(shop: Client, who: str, session: str) -> Reply:
    return shop.post(
        "/v1/alias", {"writeKey": SOURCE, "previousId": session, "userId": who}
    )


def posthog(shop: Client, who: str, session: str) -> Reply:
    properties = {"$anon_distinct_id": session}
    event = {"event": "$identify", "distinct_id": who, "properties": properties}
    return shop.post("/batch", {"api_key": SOURCE, "batch": [event]})


def bulk(name: str, **more: Any) -> Callable[[Client, str, str], Reply]:
    def call(shop: Client, who: str, session: str) -> Reply:
        ids = {"customer_ids": {"cookie": session, "registered": who}}
        data = {"company_id": SOURCE, **ids, **more}
        return shop.post("/bulk", {"commands": [{"name": name, "data": data}]})

    return call


def tracking(name: str, **more: Any) -> Callable[..., Reply]:
    def call(
        shop: Client, who: str, session: str, key: str = f"Token {SOURCE}"
    ) -> Reply:
        body = {"customer_ids": {"cookie": session, "registered": who}, **more}
        return shop.post(f"/track/v2/projects/{SOURCE}/{name}", body, authorization=key)

    return call


def stream(shop: Client, who: str, session: str) -> Reply:
    body = {
        "customer_ids": {"cookie": session, "registered": who},
        "properties": {"a": 1},
    }
    return shop.post(f"/track/u/v1/customers?stream_id={SOURCE}", body)


def link_ids(shop: Client, who: str, session: str) -> Reply:
    body = {"external_ids": {"registered": who}}
    return shop.post(f"/webxp/projects/{SOURCE}/cookies/{session}/link-ids", body)


def sign_in(shop: Client, who: str, session: str) -> Reply:
    events = [{"type": "sign-in", "properties": {"pk": who}}]
    body = {
        "source": {"id": "tracardi-signed-key"},
        "session": {"id": session},
        "events": events,
    }
    return shop.post("/track", body)


def collect(shop: Client, who: str, session: str) -> Reply:
    return shop.post(f"/collect/sign-in/tracardi-signed-key/{session}", {"pk": who})


DIALECTS = {
    "xo": xo,
    "helloretail conversion": helloretail("conversion", orderNumber="n-1", total=1),
    "helloretail customer": helloretail("customer"),
    "segment identify": segment("identify", traits={"a": 1}),
    "segment track": segment("track", event="view"),
    "segment page": segment("page"),
    "segment group": segment("group", groupId="g"),
    "segment alias": alias,
    "posthog": posthog,
    "bulk customers": bulk("crm/customers", properties={"a": 1}),
    "bulk events": bulk("crm/events", type="view"),
    "tracking customers": tracking("customers", properties={"a": 1}),
    "tracking events": tracking("customers/events", event_type="view"),
    "tracking clicks": tracking("campaigns/clicks", url="https://shop.example"),
    "stream": stream,
    "link-ids": link_ids,
    "sign-in": sign_in,
    "collect": collect,
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_client_that_can_prove_nothing_links_nobody_and_is_told_so(
    shop: Client, name: str
) -> None:
    who, session = fresh("c"), fresh()
    reply = DIALECTS[name](shop, who, session)
    assert "signed identities" in reply.body.decode(), reply.body
    assert unknown(shop, who)
    if name in ("sign-in", "collect"):  # the event happened all the same
        assert shop.get("sessions", session).json["customer"] is None
        assert shop.get("sessions", session, "events").json["events"]
    else:
        assert no_session(shop, session)


def test_what_such_a_client_says_beside_is_carried_out(shop: Client) -> None:
    who, session = fresh("c"), fresh()
    messages = [
        {"type": "track", "anonymousId": session, "event": "first"},
        {"type": "track", "anonymousId": session, "userId": who, "event": "second"},
    ]
    reply = shop.post("/v1/batch", {"writeKey": SOURCE, "batch": messages})
    assert [error["index"] for error in reply.json["errors"]] == [1]
    events = shop.get("sessions", session, "events").json["events"]
    assert [event["type"] for event in events] == ["first"]
    assert unknown(shop, who)


@pytest.mark.parametrize("name", ["customers", "customers/events", "campaigns/clicks"])
def test_the_shops_own_backend_need_not_prove_it(shop: Client, name: str) -> None:
    who = fresh("c")
    call = tracking(name, event_type="view")
    assert call(shop, who, fresh(), BASIC).json["success"] is True
    assert not unknown(shop, who)


def test_the_order_feed_needs_no_token(shop: Client) -> None:
    who = fresh("c")
    order = {
        "orderNumber": fresh("n"),
        "date": "2026-10-01T10:00:00Z",
        "customerId": who,
    }
    reply = shop.post("/orders", [order], authorization=f"Bearer {KEY}")
    assert reply.json["stored"] == 1
    assert not unknown(shop, who)


def test_an_order_that_nobody_signed_is_no_proof_of_who_tracked_it(
    shop: Client,
) -> None:
    """Whoever knows an order's number and address could make its history theirs."""
    for source, linked in ((SOURCE, False), ("web-key", True)):
        who, session, number = fresh("c"), fresh(), fresh("n")
        said = {"number": number, "total": 5, "email": f"{who}@example.com"}
        body = {"source": {"id": source}, "session": {"id": session}}
        tracked = shop.post(
            "/track", {**body, "events": [{"type": "conversion", "order": said}]}
        )
        assert tracked.json["results"][0]["status"] == "stored"
        at = now(shop, session)
        order = {"orderNumber": number, "date": at, "total": 5, "customerId": who}
        reply = shop.post(
            "/orders",
            [{**order, "email": said["email"]}],
            authorization=f"Bearer {KEY}",
        )
        assert reply.json["associated" if linked else "stored"] == 1
        assert (shop.get("sessions", session).json["customer"] is not None) == linked


def now(shop: Client, session: str) -> str:
    """When the first event of a session was received."""
    return str(shop.get("sessions", session, "events").json["events"][-1]["time"])
