"""The OpenAPI document of the native calls, made of the routes, the calls and their schemas."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from infra import topology
from infra.operations.openapi import bodies
from infra.operations.openapi.answers import ANSWERS, TEXT, Schema, reference
from infra.operations.openapi.calls import CALLS, Call
from infra.operations.openapi.samples import read_examples

_ERRORS = {
    "400": "The call cannot be read; `field` says where.",
    "401": "The key is missing or wrong.",
    "403": "The page's origin, or the visitor's token, is not accepted.",
    "404": "No customer or session has this identifier yet.",
    "409": "A rule of identity forbids it; nothing was changed.",
    "413": "Too large: send it in parts, or ask for less.",
    "429": "Too many calls: send it again later.",
    "503": "Busy: send it again.",
}
_NAMED_BY = {
    "customer": "One identifier, such as `registered=gordon`; `profile=` is an anonymous visitor.",
    "session": "The ID of the session.",
}


def build_document() -> dict[str, Any]:
    """Build the document. Its version is the project's."""
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        method, path = call.route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _describe_call(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Hardlink",
            "version": _version(),
            "summary": "Customer identity and event tracking for web shops.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": {
                **ANSWERS,
                "Reference": bodies.REFERENCE,
                "Event": bodies.describe_event(),
            },
            "responses": _refusals(),
            "securitySchemes": {"serverKey": {"type": "http", "scheme": "bearer"}},
        },
    }


def _version() -> str:
    project = tomllib.loads((topology.ROOT / "pyproject.toml").read_text("utf-8"))
    return str(project["project"]["version"])


def _describe_call(call: Call) -> dict[str, Any]:
    """Describe an operation; what it does not have is left out."""
    described: dict[str, Any] = {
        "summary": call.summary,
        "operationId": _operation_id(call.route),
        "security": [{"serverKey": []}] if call.key == "server" else [],
    }
    parameters = list(_parameters(call))
    if parameters:
        described["parameters"] = parameters
    body = _body(call)
    if body is not None:
        media: dict[str, Any] = {"schema": body}
        example = read_examples().get(call.route)
        if example is not None:
            media["example"] = example
        content = {"application/json": media}
        described["requestBody"] = {"content": content, "required": call.key == "write"}
    described["responses"] = _responses(call)
    return described


def _operation_id(route: str) -> str:
    """Make a name of a route: `GET /customers/events` is `get_customers_events`."""
    words = "".join(char if char.isalnum() else " " for char in route).split()
    return "_".join(words).lower()


def _body(call: Call) -> Schema | None:
    if isinstance(call.body, type):
        return bodies.describe_body(call.body)
    return call.body


def _parameters(call: Call) -> Iterator[dict[str, Any]]:
    """List the parameters of the path and the query."""
    if "{id}" in call.route:
        yield {"name": "id", "in": "path", "required": True, "schema": TEXT}
    if call.names == "session":
        described = {"description": _NAMED_BY["session"], "required": True}
        yield {"name": "id", "in": "query", "schema": TEXT, **described}
    if call.names == "customer":
        # its name is the identifier's type, which each project declares for itself
        values = {"type": "object", "additionalProperties": TEXT}
        described = {"description": _NAMED_BY["customer"], "style": "form"}
        yield {
            "name": "identifier",
            "in": "query",
            "required": True,
            "schema": values,
            "explode": True,
            **described,
        }
    for name, description in call.query.items():
        yield {
            "name": name,
            "in": "query",
            "description": description,
            "schema": TEXT,
        }


def _responses(call: Call) -> dict[str, Any]:
    """Describe the success of a call, and the refusals that any call may meet."""
    content = {"application/json": {"schema": reference(call.answer)}}
    success = {"description": "It was done.", "content": content}
    refusals = {
        status: {"$ref": f"#/components/responses/{status}"} for status in _ERRORS
    }
    return {str(call.status): success, **refusals}


def _refusals() -> dict[str, Any]:
    """Describe the refusals, each once for all calls."""
    content = {"application/json": {"schema": reference("Error")}}
    return {
        status: {"description": description, "content": content}
        for status, description in _ERRORS.items()
    }
