"""A call of each other system through the deployed stack's HTTP API: its event is in the customer's timeline."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import pytest

from tests.emulator.deployment import Api
from tests.http.service import Reply, eventually, fresh


def exponea(shop: Api, session: str, customer: str) -> Reply:
    ids = {"cookie": session, "registered": customer}
    data = {"customer_ids": ids, "event_type": "exponea", "project_id": "demo"}
    return shop.post("/bulk", {"commands": [{"name": "crm/events", "data": data}]})


def exponea_private(shop: Api, session: str, customer: str) -> Reply:
    ids = {"cookie": session, "registered": customer}
    key = b64encode(f"any:{shop.key}".encode()).decode()
    body = {"customer_ids": ids, "event_type": "exponea"}
    path = "/track/v2/projects/demo/customers/events"
    return shop.post(path, body, authorization=f"Basic {key}")


def xo(shop: Api, session: str, customer: str) -> Reply:
    user = {"identities": {"sessionid": session, "ecommerceid": customer}}
    return shop.post(
        "/demo", {"action": "xo", "target": {"product": "1"}, "user": user}
    )


def hello_retail(shop: Api, session: str, customer: str) -> Reply:
    body = {"websiteUuid": "demo", "trackingUserId": session, "customerId": customer}
    return shop.post(
        "/serve/collect/conversion", {**body, "orderNumber": fresh(), "total": 1}
    )


def tracardi(shop: Api, session: str, customer: str) -> Reply:
    return shop.post(f"/collect/sign-in/demo-tracardi/{session}", {"pk": customer})


def segment(shop: Api, session: str, customer: str) -> Reply:
    message = {"anonymousId": session, "userId": customer, "event": "segment"}
    return shop.post("/v1/track", {"writeKey": "demo", **message})


def posthog(shop: Api, session: str, customer: str) -> Reply:
    said = {
        "event": "posthog",
        "distinct_id": customer,
        "properties": {"$session_id": session},
    }
    return shop.post("/batch", {"api_key": "demo", "batch": [said]})


@pytest.mark.parametrize(
    ("call", "type_"),
    [
        (exponea, "exponea"),
        (exponea_private, "exponea"),
        (xo, "xo"),
        (hello_retail, "conversion"),
        (tracardi, "sign-in"),
        (segment, "segment"),
        (posthog, "posthog"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_its_event_is_the_customers(
    shop: Api, call: Callable[[Api, str, str], Reply], type_: str
) -> None:
    customer = fresh("c")
    reply = call(shop, fresh(), customer)
    assert reply.status == 200, reply.body
    begun = (
        ["profile-created", "session-opened", "visit-started"]
        if call is tracardi
        else []
    )
    types = sorted([type_, *begun])  # they are of the same moment
    eventually(lambda: sorted(shop.types("registered", customer)), types, shop.patience)


def test_exponeas_export_reads_it(shop: Api) -> None:
    customer = fresh("c")
    exponea(shop, fresh(), customer)
    shop.settles("registered", customer, "exponea")
    key = b64encode(f"any:{shop.key}".encode()).decode()
    body = {"customer_ids": {"registered": customer}}
    path = "/data/v2/projects/demo/customers/export-one"
    found = shop.post(path, body, authorization=f"Basic {key}").json
    assert "exponea" in [event["type"] for event in found["events"]]
