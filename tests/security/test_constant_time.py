"""Secrets are compared in constant time: the time of an answer tells nothing about a key."""

from __future__ import annotations

import ast
import base64
import hmac

import pytest

from dialects.exponea import credentials
from dialects.exponea.credentials import Credentials
from hardlink.domain.errors import Unauthorized
from hardlink.domain.graph import Node
from hardlink.domain.signed_identity import verify_identifiers
from hardlink.web.api_keys import ServerKeys
from infra import topology
from tests.support.signing import KEY, LATER, token
from tests.support.world import SOURCES

KEYS = {"shop": ["first-key", "key-before"], "other": ["another-key"]}
EVERY = {b"first-key", b"key-before", b"another-key"}
KNOWING = (
    "hardlink/web/api_keys.py",
    "hardlink/domain/signed_identity.py",
    "dialects/exponea/credentials.py",
)
"""The code that knows secrets."""
SECRETS = {"key", "given", "secret", "token", "password", "signature"}
"""What a secret is called in the code."""


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> set[tuple[bytes, bytes]]:
    """What was compared in constant time."""
    pairs: set[tuple[bytes, bytes]] = set()
    compare = hmac.compare_digest

    def heard(one: bytes, other: bytes) -> bool:
        pairs.add((one, other))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", heard)
    return pairs


@pytest.fixture
def keys() -> ServerKeys:
    return ServerKeys(lambda: KEYS, lambda: 0)


@pytest.mark.parametrize("given", ["first-key", "key-before", "another-key", "wrong"])
def test_a_server_key_is_compared_with_every_key_whichever_it_is(
    compared: set[tuple[bytes, bytes]], keys: ServerKeys, given: str
) -> None:
    try:
        keys.project(f"Bearer {given}")
    except Unauthorized:
        assert given == "wrong"
    assert compared == {(key, given.encode()) for key in EVERY}


@pytest.mark.parametrize("given", ["first-key", "wrong"])
def test_so_is_the_secret_of_basic(
    compared: set[tuple[bytes, bytes]], keys: ServerKeys, given: str
) -> None:
    coded = base64.b64encode(f"any:{given}".encode()).decode()
    found = credentials.parse_credentials(f"Basic {coded}")
    assert found == Credentials("private", given)
    try:
        credentials.check_may_write(found, "move", SOURCES, keys)
    except Unauthorized:
        assert given == "wrong"
    assert compared == {(key, given.encode()) for key in EVERY}


@pytest.mark.parametrize(
    ("authorization", "query"),
    [("Token wrong", None), ("token move", None), ("", "wrong")],
)
def test_so_is_a_public_key(
    compared: set[tuple[bytes, bytes]],
    keys: ServerKeys,
    authorization: str,
    query: str | None,
) -> None:
    found = credentials.parse_credentials(authorization, query)
    try:
        credentials.check_may_write(found, "move", SOURCES, keys)
    except Unauthorized:
        assert found.key == "wrong"
    assert compared == {(found.key.encode(), b"move")}


def test_so_is_a_signature(compared: set[tuple[bytes, bytes]]) -> None:
    sent = token({"sub": "gordon", "exp": LATER})
    verify_identifiers(
        sent, [Node("registered", "gordon")], SOURCES.projects["shop"], [KEY], 0
    )
    padded = sent.rpartition(".")[2] + "=="
    assert base64.urlsafe_b64decode(padded) in {
        one for pair in compared for one in pair
    }


def test_no_code_compares_a_secret_in_another_way() -> None:
    found = [
        f"{path.relative_to(topology.FUNCTIONS)}:{node.lineno}"
        for path in (topology.FUNCTIONS / name for name in KNOWING)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Compare) and _compares_a_secret(node)
    ]
    assert found == []


def _compares_a_secret(node: ast.Compare) -> bool:
    if not all(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
        return False
    sides = [node.left, *node.comparators]
    is_variable = [isinstance(side, ast.Name | ast.Attribute) for side in sides]
    return all(is_variable) and any(_name(side) in SECRETS for side in sides)


def _name(side: ast.expr) -> str:
    return side.attr if isinstance(side, ast.Attribute) else getattr(side, "id", "")


def test_that_check_sees_one() -> None:
    (seen,) = [
        n
        for n in ast.walk(ast.parse("given == self.key"))
        if isinstance(n, ast.Compare)
    ]
    assert _compares_a_secret(seen)
