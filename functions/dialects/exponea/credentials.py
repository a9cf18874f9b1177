"""Exponea's keys: `Token` and `access_token` are public, `Basic` is private, and each call wants the right one.

Source: Exponea's "Technical information" (authorization), and what exponea-python-sdk 0.2.0 sends. The project token
in the path is the source's write key, and so is the public API key; the secret of a private key is the server key.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import Literal, NamedTuple

from hardlink.domain.errors import Unauthorized
from hardlink.domain.sources import Sources
from hardlink.web.api_keys import ServerKeys

_NO_KEY = "send a key: Authorization: Token <write key>, or Basic with a server key as its secret"


class Credentials(NamedTuple):
    """A key as a call carries it."""

    kind: Literal["public", "private"]
    key: str


def given(authorization: str | None, access_token: str | None = None) -> Credentials:
    """The key that a call carries. Raises `Unauthorized` where there is none that could be understood."""
    scheme, _, value = (authorization or "").strip().partition(" ")
    match scheme.lower():
        case "token":
            return Credentials("public", value.strip())
        case "basic":
            return Credentials("private", _secret(value.strip()))
        case "" if access_token:
            return Credentials("public", access_token)
        case _:
            raise Unauthorized(_NO_KEY)


def is_of_stream(authorization: str | None) -> bool:
    """Whether a call about a stream has the key that it needs: the stream's ID is its key.

    A customer's own token (`Bearer`) says nothing that is trusted here.
    """
    return (authorization or "bearer").lower().startswith("bearer")


def may_write(found: Credentials, token: str, sources: Sources, keys: ServerKeys) -> None:
    """Whether this key may send to the project with this token. Raises `Unauthorized`, `UnknownSource`."""
    if found.kind == "private":
        may_read(found, token, sources, keys)
    elif not hmac.compare_digest(found.key.encode(), token.encode()):
        raise Unauthorized("this key is not of this project: both are the source's write key")


def may_read(found: Credentials, token: str, sources: Sources, keys: ServerKeys) -> str:
    """The project that this key may read, where it is the one with this token. Raises as `may_write` does."""
    if found.kind != "private":
        raise Unauthorized("a public key can't read: send Basic with a server key as its secret")
    _, source, _ = sources.named(token)
    if keys.owner(found.key) != source.project:
        raise Unauthorized("this server key is of another project")
    return source.project


def _secret(encoded: str) -> str:
    """The secret of a Basic `key ID:secret`. What the key ID is called is the caller's affair."""
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Unauthorized(_NO_KEY) from error
    return text.partition(":")[2]
