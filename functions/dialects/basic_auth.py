"""`Authorization: Basic`, in which two systems' clients send their keys."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple


class BasicAuth(NamedTuple):
    """User and password of a call."""

    user: str
    password: str


def read_basic_auth(authorization: str) -> BasicAuth | None:
    """Decode the header; `None` if it has another scheme, is malformed or empty."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, _, password = text.partition(":")
    return BasicAuth(user, password)
