"""Tokens as a shop's backend signs them, and calls of sources that verify them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt

from hardlink.domain.call import Call
from hardlink.domain.graph import NOTHING
from hardlink.domain.sources.registry import Signed
from tests.support.world import SOURCES

KEY = "signing-key-of-the-tests-" + "0123456789abcdef" * 3
SECOND_KEY = "the-key-before-it-" + "0123456789abcdef" * 3
LATER = 4_000_000_000
"""Seconds: in 2096."""


def token(
    claims: Mapping[str, Any] = NOTHING,
    *,
    key: str = KEY,
    algorithm: str = "HS256",
    headers: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """Sign a token with any claims."""
    body = json.dumps({**claims, **more}).encode()
    return jwt.PyJWS().encode(body, key, algorithm, headers)


def proof(customer: str, **claims: Any) -> str:
    """Sign a token for a customer that does not expire."""
    return token({"sub": customer, "exp": LATER, **claims})


def call(signed: Signed, now: int) -> Call:
    """Build a call of a source with this setting of `signed`."""
    source = replace(SOURCES.sources["move"], signed=signed)
    return Call("web", source, SOURCES.projects[source.project], now, "evidence")
