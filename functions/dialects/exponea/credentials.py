"""Exponea's keys: `Token` and `access_token` are public, `Basic` is private.

The project token in the path is the source's write key, and so is the public API key; the secret
of a private key is the server key.
Source: Exponea's "Technical information" (authorization), and what exponea-python-sdk 0.2.0 sends.
"""

from __future__ import annotations

import hmac
from typing import Literal, NamedTuple

from dialects.basic_auth import read_basic_auth
from hardlink.domain.errors import Unauthorized
from hardlink.domain.sources.registry import Sources
from hardlink.web.api_keys import ServerKeys, server_key_reader
from hardlink.web.request import Request
from hardlink.web.wiring import read_clock

NO_PUBLIC_READS = "a public key can't read: send Basic with a server key as its secret"
_NO_KEY = "send a key: Authorization: Token <write key>, or Basic with a server key as its secret"


class Credentials(NamedTuple):
    """The key of a call."""

    kind: Literal["public", "private"]
    key: str


def open_server_keys() -> ServerKeys:
    """Open the server keys of this deployment. They are read when they are first needed."""
    return ServerKeys(server_key_reader(), read_clock)


def read_credentials(request: Request) -> Credentials:
    """The key of a call. Raises `Unauthorized` if there is none."""
    return parse_credentials(
        request.header_text("authorization"), request.query("access_token")
    )


def parse_credentials(
    authorization: str, access_token: str | None = None
) -> Credentials:
    """Parse the key in the header or the query. Raises `Unauthorized` if there is none.

    `authorization`: the header, empty if there is none, which wins over the query.
    """
    scheme, _, value = authorization.strip().partition(" ")
    # Mobile SDKs send `Token`, exponea-python-sdk sends `Basic`.
    if scheme.lower() == "token":
        return Credentials("public", value.strip())
    if not scheme and access_token:
        return Credentials("public", access_token)
    basic = read_basic_auth(authorization)
    if basic is None:
        raise Unauthorized(_NO_KEY)
    return Credentials("private", basic.password)


def needs_no_key(request: Request) -> bool:
    """Tell if a call about a stream needs no other key: the stream's ID is its key.

    A customer's own token (`Bearer`) is not verified, and proves nothing here.
    """
    authorization = request.header_text("authorization")
    return not authorization or authorization.lower().startswith("bearer")


def check_may_write(
    credentials: Credentials, token: str, sources: Sources, keys: ServerKeys
) -> None:
    """Check that a key may send to the project with this token.

    Raises `Unauthorized`, `UnknownSource`.
    """
    if credentials.kind == "private":
        find_readable_project(credentials, token, sources, keys)
    elif not hmac.compare_digest(credentials.key.encode(), token.encode()):
        raise Unauthorized(
            "this key is not of this project: both are the source's write key"
        )


def find_readable_project(
    credentials: Credentials, token: str, sources: Sources, keys: ServerKeys
) -> str:
    """The project with this token, if the key may read it. Raises as `check_may_write` does."""
    if credentials.kind != "private":
        raise Unauthorized(NO_PUBLIC_READS)
    _, source, _ = sources.resolve_key(token)
    if keys.owner(credentials.key) != source.project:
        raise Unauthorized("this server key is of another project")
    return source.project
