"""Server keys, which may read: kept in Secrets Manager, compared in constant time."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import botocore.session

from hardlink.errors import Unauthorized
from hardlink.instants import MINUTE

_KEPT = 5 * MINUTE
Keys = Mapping[str, list[str]]


class ServerKeys:
    """Whose key is it? `fetch` answers the keys of every project; they are kept for five minutes, for rotation."""

    def __init__(self, fetch: Callable[[], Keys], clock: Callable[[], int]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Keys = {}
        self._until = 0

    def project(self, authorization: str | None) -> str:
        """The project that an `Authorization: Bearer <server key>` may read. Raises `Unauthorized`."""
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise Unauthorized("send a server key: Authorization: Bearer <key>")
        matches = [
            project
            for project, keys in self._current().items()
            for key in keys
            if hmac.compare_digest(key.encode(), given.strip().encode())
        ]
        if not matches:
            raise Unauthorized("this is no server key; a write key can't read")
        return matches[0]

    def _current(self) -> Keys:
        if self._clock() >= self._until:
            self._keys = self._fetch()
            self._until = self._clock() + _KEPT
        return self._keys


def secret(name: str) -> Callable[[], Keys]:
    """Reads `{"<project>": ["<key>", ...]}` from Secrets Manager."""
    client: Any = botocore.session.get_session().create_client("secretsmanager")

    def fetch() -> Keys:
        keys: Keys = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
        return keys

    return fetch
