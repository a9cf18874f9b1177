"""Every route of the deployed stack: the sample events, sent as the calls that they are, in the order of a visit."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from infra import routes, topology
from infra.local import invoke
from tests.emulator.deployment import Api, Deployment
from tests.http.service import Reply, eventually

FOLDER = topology.ROOT / "events"
EVENTS = {
    path.stem: event
    for path in sorted(FOLDER.glob("*.json"))
    if "routeKey" in (event := invoke.read_event(path))
}
SLASHED = ("posthog-batch", "rudderstack-source-config")
"""Paths that end with a slash: AWS finds them under `{proxy+}`, and the emulator finds nothing."""
PREFLIGHT = "preflight"
"""The emulator answers `OPTIONS` itself, whatever the routes."""
REPEATED = ("unlink-path", "erase-session-path", "erase-customer-path")
"""Done already by their forms with a query."""
FIRST = ("track", "identify-soft", "identify")
SENT = ("accept", "authorization", "content-type", "user-agent", "x-timestamp")
"""Of the sample's headers: the others are of the connection that it came by."""
LAST = (
    *("unlink", "merge-customers", "remove-identifier", "undo-correction"),
    *("consent", "erasure", "erase-session", "erase-customer"),
)
"""Undone, nobody is known by the session any more; opted out, nothing more is stored; erased, nobody is there."""
STATUS = {
    "newsletter-content-signed": 403,
    "erase-session": 202,
    "erase-customer": 202,
    "erasure": 404,
    "undo-correction": 404,
}
"""Beside 200: a token that is none, what is not done yet, no receipt, and evidence of no correction here."""


def method(event: dict[str, Any]) -> str:
    return str(event["requestContext"]["http"]["method"])


def in_order() -> list[str]:
    elsewhere = (*FIRST, *LAST, *SLASHED, *REPEATED, PREFLIGHT)
    others = [name for name in EVENTS if name not in elsewhere]
    return [
        *FIRST,
        *sorted(others, key=lambda name: method(EVENTS[name]) == "GET"),
        *LAST,
    ]


def sent(shop: Api, event: dict[str, Any]) -> Reply:
    """A sample event's call, with the key of the stack in place of the sample's."""
    query = event["rawQueryString"]
    headers = {n: v for n, v in event["headers"].items() if n in SENT}
    if cookies := event.get("cookies"):
        headers["cookie"] = "; ".join(cookies)
    if authorization := headers.get("authorization"):
        headers["authorization"] = with_key(authorization, shop.key)
    path = f"{event['rawPath']}?{query}" if query else event["rawPath"]
    body = event.get("body")
    return shop.send(method(event), path, body and body.encode(), headers)


def with_key(authorization: str, key: str) -> str:
    scheme, _, said = authorization.partition(" ")
    if scheme == "Basic":
        id_, _, secret = base64.b64decode(said).decode().partition(":")
        if secret != invoke.SERVER_KEY:
            return authorization
        return f"Basic {base64.b64encode(f'{id_}:{key}'.encode()).decode()}"
    return authorization.replace(invoke.SERVER_KEY, key)


@pytest.fixture(scope="module")
def replies(shop: Api) -> Mapping[str, Reply]:
    """Answers to all routes, after the first calls were associated."""
    found = {name: sent(shop, EVENTS[name]) for name in FIRST}
    eventually(lambda: sent(shop, EVENTS["customer"]).status, 200, shop.patience)
    return found | {name: sent(shop, EVENTS[name]) for name in in_order()[len(FIRST) :]}


def test_they_are_all_routes() -> None:
    assert {event["routeKey"] for event in EVENTS.values()} == {
        r.key for r in routes.ROUTES
    }


@pytest.mark.parametrize("name", in_order())
def test_a_route_answers(replies: Mapping[str, Reply], name: str) -> None:
    reply = replies[name]
    leads_on = name.startswith("redirect")
    assert reply.status == (307 if leads_on else STATUS.get(name, 200)), reply.body


@pytest.mark.parametrize("name", SLASHED)
def test_a_function_answers_what_the_emulator_does_not_route(
    stack: Deployment, name: str
) -> None:
    event = EVENTS[name]
    assert event["rawPath"].endswith("/")
    assert stack.invoke(invoke.find_function(event), event)["statusCode"] == 200


def test_a_function_answers_a_preflight(stack: Deployment) -> None:
    event = EVENTS[PREFLIGHT]
    assert stack.invoke(invoke.find_function(event), event)["statusCode"] == 204


def test_what_was_sent_is_read_again(replies: Mapping[str, Reply]) -> None:
    assert [r["status"] for r in replies["track"].json["results"]] == ["stored"] * 3
    types = {event["type"] for event in replies["session-events"].json["events"]}
    assert types >= {
        "page-view",
        "product-in-basket",
        "consent-granted",
        "link-clicked",
    }
    assert replies["session"].json["customer"] == {
        "type": "registered",
        "value": "gordon-1998",
    }
    assert replies["tracking-user"].json.keys() == {"session", "profile"}
    assert replies["unlink"].json["customer"] == {
        "type": "email",
        "value": "gordon@blackmesa.com",
    }
    assert replies["consent"].json["tracking"] == "denied"
