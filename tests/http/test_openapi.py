"""The OpenAPI document: it is valid, as the code is, and what real calls send and answer is valid against it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from infra import routes, topology
from infra.local import invoke, lambda_runtime
from infra.operations.openapi import __main__ as openapi
from infra.operations.openapi.calls import CALLS, NATIVE_FUNCTIONS, Call
from tests.http.service import Client

EVENTS = topology.ROOT / "events"
CALLS_BY_ROUTE = {call.route: call for call in CALLS}
IN_ORDER = (
    *(
        "visitor",
        "track",
        "track-full",
        "track-put",
        "identify",
        "identify-soft",
        "update",
    ),
    *("anonymize", "keep-session", "session", "session-events", "session-verdicts"),
    *("customer", "customer-events", "customer-export", "customer-why"),
    *("customers-recent", "live", "newsletter-content", "newsletter-content-signed"),
    *("merge-customers", "remove-identifier", "undo-correction", "unlink"),
    *("project", "tracking-user", "orders", "consent", "health"),
    *("erase-customer", "erase-session", "erasure"),
)
"""Sample events of the native calls: a visitor's life, so that most find what they ask for."""
SHOP = {"id": "web-key"}
Exchange = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The document as it is served."""
    found: dict[str, Any] = json.loads(openapi.TARGET.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def exchanges() -> Callable[[str], Exchange]:
    """Sample events by name, with their answers; all are carried out on the same tables."""
    done: dict[str, Exchange] = {}
    with lambda_runtime.run_deployment(
        topology.SOURCES, {"demo": invoke.SERVER_KEY}
    ) as deployment:
        for name in IN_ORDER:
            event = invoke.read_event(EVENTS / f"{name}.json")
            answer = deployment.invoke(invoke.find_function(event), event)
            done[name] = event, answer
    return done.__getitem__


def errors_of(document: dict[str, Any], schema: Any, value: object) -> list[str]:
    """What is wrong with a value. `schema`: may refer to those of the document."""
    whole = {**schema, "components": document["components"]}
    found = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in found.iter_errors(value)]


def operation(document: dict[str, Any], route: str) -> Any:
    method, path = route.split(" ")
    return document["paths"][path][method.lower()]


def test_the_document_is_made_of_the_code_as_it_is(document: dict[str, Any]) -> None:
    made = json.loads(openapi.format_document())
    assert document == made, "run `make openapi`"


def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    validate(document)


def test_every_native_route_is_described() -> None:
    """Routes with a path repeat those with a query, for simple values."""
    native = {
        route.key
        for route in routes.ROUTES
        if route.function in NATIVE_FUNCTIONS
        and "{type}" not in route.path
        and not route.path.startswith("/sessions/{id}")
    }
    assert CALLS_BY_ROUTE.keys() == native


@pytest.mark.parametrize("name", IN_ORDER)
def test_what_is_sent_and_answered_is_valid(
    document: dict[str, Any], exchanges: Callable[[str], Exchange], name: str
) -> None:
    event, answer = exchanges(name)
    described = operation(document, event["routeKey"])
    call = CALLS_BY_ROUTE[event["routeKey"]]
    if event.get("body") and call.body:
        content = described["requestBody"]["content"]["application/json"]
        assert errors_of(document, content["schema"], json.loads(event["body"])) == []
    response = described["responses"][str(answer["statusCode"])]
    if "$ref" in response:
        response = document["components"]["responses"][str(answer["statusCode"])]
    schema = response["content"]["application/json"]["schema"]
    assert errors_of(document, schema, json.loads(answer["body"])) == []


@pytest.mark.parametrize("name", ["track", "identify", "session", "customer-export"])
def test_another_answer_is_not_valid(
    document: dict[str, Any], exchanges: Callable[[str], Exchange], name: str
) -> None:
    event, answer = exchanges(name)
    schema = operation(document, event["routeKey"])["responses"]["200"]["content"][
        "application/json"
    ]["schema"]
    for field in json.loads(answer["body"]):
        without = {k: v for k, v in json.loads(answer["body"]).items() if k != field}
        assert errors_of(document, schema, without)
    assert errors_of(document, schema, {**json.loads(answer["body"]), "more": 1})


@pytest.mark.parametrize(
    ("call", "body", "field"),
    [
        ("track", {"source": SHOP, "events": {}}, "events"),
        ("identify", {"source": SHOP, "ids": ["gordon"]}, "ids"),
        ("consent", {"source": SHOP, "tracking": "maybe"}, "tracking"),
        ("update", {"source": SHOP, "segments": {"vip": "often"}}, "segments.vip"),
        ("session", {"source": SHOP, "renew": "often"}, "renew"),
    ],
)
def test_a_body_that_is_refused_is_not_valid(
    document: dict[str, Any], shop: Client, call: str, body: object, field: str
) -> None:
    described = operation(document, f"POST /{call}")
    schema = described["requestBody"]["content"]["application/json"]["schema"]
    (fault,) = errors_of(document, schema, body)
    assert fault.startswith(f"$.{field.partition('.')[0]}: ")
    refused = shop.post(f"/{call}", body)
    assert (refused.status, refused.error["field"]) == (400, field)
    answered = document["components"]["responses"]["400"]["content"]["application/json"]
    assert errors_of(document, answered["schema"], refused.json) == []


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.route)
def test_a_call_with_a_server_key_says_so(document: dict[str, Any], call: Call) -> None:
    security = operation(document, call.route)["security"]
    assert security == ([{"serverKey": []}] if call.key == "server" else [])


def test_every_example_is_valid(document: dict[str, Any]) -> None:
    """The examples are the sample events' bodies, which tests send to the service."""
    found = 0
    for methods in document["paths"].values():
        for described in methods.values():
            content = described.get("requestBody", {}).get("content", {})
            media = content.get("application/json", {})
            if "example" in media:
                found += 1
                assert errors_of(document, media["schema"], media["example"]) == []
    assert found >= 10


def test_the_document_is_served(shop: Client, document: dict[str, Any]) -> None:
    reply = shop.get("openapi.json", key=None)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == document
