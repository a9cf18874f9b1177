"""Server keys, which may read, and signing keys: kept in Secrets Manager, compared in constant time."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hardlink.domain.errors import Busy, Unauthorized
from hardlink.domain.times import MINUTE, SECOND
from hardlink.storage.aws import create_client

_KEPT = 5 * MINUTE
_FRESH = 10 * SECOND
Keys = Mapping[str, list[str]]


class _Kept:
    """The keys of every project, as `fetch` answers them: kept for five minutes, for rotation."""

    def __init__(self, fetch: Callable[[], Keys], clock: Callable[[], int]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Keys = {}
        self._fetched = -_KEPT

    def _current(self, at_most: int = _KEPT) -> Keys:
        """Keys that are at most so old."""
        if self._clock() >= self._fetched + at_most:
            try:
                self._keys = self._fetch()
            except (BotoCoreError, ClientError) as error:
                if not self._keys:
                    raise Busy("the keys can't be read just now: send the call again") from error
            self._fetched = self._clock()
        return self._keys


class ServerKeys(_Kept):
    """Says whose a server key is."""

    def project(self, authorization: str | None) -> str:
        """The project that an `Authorization: Bearer <server key>` may read. Raises `Unauthorized`."""
        scheme, _, given = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            raise Unauthorized("send a server key: Authorization: Bearer <key>")
        return self.owner(given.strip())

    def owner(self, key: str) -> str:
        """The project that a server key may read. Raises `Unauthorized`."""
        found = self._owner(key) or self._owner(key, at_most=_FRESH)
        if found is None:
            raise Unauthorized("this is no server key; a write key can't read")
        return found

    def _owner(self, given: str, at_most: int = _KEPT) -> str | None:
        """Whose key it is: a key that was rotated a moment ago is valid too. All are compared, whichever it is."""
        matches = [
            project
            for project, keys in self._current(at_most).items()
            for key in keys
            if hmac.compare_digest(key.encode(), given.encode())
        ]
        return matches[0] if matches else None


class SigningKeys(_Kept):
    """By which a project's identities are signed."""

    def of(self, project: str, *, fresh: bool = False) -> Sequence[str]:
        """All that are valid; `fresh`: also one that was put a moment ago. Raises `Busy`."""
        return self._current(_FRESH if fresh else _KEPT).get(project, ())


def secret_reader(names: str) -> Callable[[], Keys]:
    """Reads the keys of every project from Secrets Manager.

    `names`: JSON, `{"<project>": "<name or ARN of its secret>"}`. The text of a secret is one key, nothing around it.
    Its current and its previous version (AWSCURRENT, AWSPREVIOUS) both are valid: putting a new value rotates the
    key, and whoever has the old one keeps it until the next rotation. To revoke a key, put a new one twice: a function
    that runs keeps its keys for up to five minutes.
    """
    client = create_client("secretsmanager", connect_timeout=1, read_timeout=5)
    secrets: Mapping[str, str] = json.loads(names)
    return lambda: {project: list(_versions(client, name)) for project, name in secrets.items()}


def _versions(client: Any, name: str) -> Iterator[str]:
    yield client.get_secret_value(SecretId=name)["SecretString"].strip()
    with suppress(client.exceptions.ResourceNotFoundException):  # it was never rotated
        previous = client.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
        yield previous["SecretString"].strip()
