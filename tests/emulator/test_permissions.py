"""The emulator enforces the roles: so what works in the other tests works with the template's permissions alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.emulator.deployment import Api, Deployment
from tests.http.service import Reply, eventually, fresh


def consent(shop: Api) -> Reply:
    body = {"source": {"id": "demo"}, "session": {"id": fresh()}, "tracking": "denied"}
    return shop.post("/consent", body)


def without(document: dict[str, Any], action: str) -> dict[str, Any]:
    """A policy that no longer allows an action; a statement may say one, or a list."""
    statements = []
    for statement in document["Statement"]:
        said = statement["Action"]
        actions = [
            a for a in ([said] if isinstance(said, str) else said) if a != action
        ]
        if actions:
            statements.append({**statement, "Action": actions})
    return {**document, "Statement": statements}


@contextmanager
def taken_away(stack: Deployment, function: str, action: str) -> Iterator[None]:
    """A function's role without an action that its policy allows."""
    iam, role = (
        stack.emulator.client("iam"),
        stack.name(f"Functions{function.capitalize()}Role"),
    )
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    before = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    assert action in str(before)
    _put(iam, role, name, without(before, action))
    try:
        yield
    finally:
        _put(iam, role, name, before)


def _put(iam: Any, role: str, name: str, document: dict[str, Any]) -> None:
    iam.put_role_policy(
        RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)
    )


def test_a_function_may_do_nothing_that_its_policy_lacks(
    stack: Deployment, shop: Api
) -> None:
    action = "dynamodb:PutItem"
    assert consent(shop).status == 200
    with taken_away(stack, "consent", action):
        reply = consent(shop)
        # What AWS says stays in the function's log: the caller learns that it was no fault of his.
        assert reply.status == 500
        assert reply.json["error"]["code"] == "internal"
    eventually(lambda: consent(shop).status, 200, shop.patience)
