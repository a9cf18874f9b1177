"""Server keys and signing keys: kept in Secrets Manager, compared in constant time."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from hardlink.domain.errors import Busy, Unauthorized
from hardlink.domain.times import MINUTE, SECOND
from hardlink.storage.aws import create_client
from hardlink.web.declarations import deployed_sources

CACHE_TIME = 5 * MINUTE
"""Age of cached keys, after which they are read again."""
_RECHECK_AFTER = 10 * SECOND
"""Age of cached keys, after which an unknown key has them read again."""
_CONCURRENT_READS = 8
"""Requests at once, which botocore's ten connections serve."""
Keys = Mapping[str, list[str]]
"""Project -> its valid keys."""


class _KeyCache:
    """Caches the keys of every project. `fetch` reads them, `clock` returns microseconds."""

    def __init__(self, fetch: Callable[[], Keys], clock: Callable[[], int]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at = -CACHE_TIME

    def _current_keys(self, max_age: int = CACHE_TIME) -> Keys:
        """Return keys that are at most so old, in microseconds.

        Raises `Busy` where none were ever read.
        """
        if self._clock() < self._fetched_at + max_age:
            return self._keys
        try:
            self._keys = self._fetch()
        except (BotoCoreError, ClientError) as error:
            # cached keys outlast a failure of Secrets Manager
            if not self._keys:
                raise Busy(
                    "the keys cannot be read just now: send the call again"
                ) from error
        self._fetched_at = self._clock()
        return self._keys


class ServerKeys(_KeyCache):
    """Finds the project of a server key."""

    def project(self, authorization: str) -> str:
        """Find the project of `Authorization: Bearer <server key>`. Raises `Unauthorized`."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorized("send a server key: Authorization: Bearer <key>")
        return self.owner(key.strip())

    def owner(self, key: str) -> str:
        """Find the project of a server key. Raises `Unauthorized`.

        An unknown key has the cached ones read again, at most every ten seconds.
        """
        project = self._find_project(key, CACHE_TIME)
        if project is None:  # it may have been rotated a moment ago
            project = self._find_project(key, _RECHECK_AFTER)
        if project is None:
            raise Unauthorized("not a server key: a write key cannot read")
        return project

    def _find_project(self, key: str, max_age: int) -> str | None:
        """Compare a key with all keys, so that the time tells nothing about the one it equals."""
        found = None
        for project, valid_keys in self._current_keys(max_age).items():
            for valid_key in valid_keys:
                is_equal = hmac.compare_digest(valid_key.encode(), key.encode())
                if is_equal and found is None:
                    found = project
        return found


class SigningKeys(_KeyCache):
    """Finds the keys with which a project's backend signs identities."""

    def of(self, project: str, *, fresh: bool = False) -> Sequence[str]:
        """Return a project's valid keys; `fresh`: at most ten seconds old. Raises `Busy`."""
        max_age = _RECHECK_AFTER if fresh else CACHE_TIME
        return self._current_keys(max_age).get(project, ())


def server_key_reader() -> Callable[[], Keys]:
    """Create a function that reads the server keys of every project.

    The environment has the form of the names alone, because Lambda allows 4 KB of it.
    """
    projects = deployed_sources().projects
    return secret_reader(os.environ["HARDLINK_SERVER_KEYS"], projects)


def signing_key_reader() -> Callable[[], Keys]:
    """Create a function that reads the signing keys of the projects that need them."""
    projects = deployed_sources().signing_projects
    return secret_reader(os.environ["HARDLINK_SIGNING_KEYS"], projects)


def secret_reader(name: str, projects: Iterable[str]) -> Callable[[], Keys]:
    """Create a function that reads the keys of every project from Secrets Manager.

    `name`: of each project's secret, such as `hardlink-prod/{project}/server-key`. The text of a
    secret is one key, nothing around it. Its current and its previous version (AWSCURRENT,
    AWSPREVIOUS) are both valid: a new value rotates the key, and clients with the old one keep
    access until the next rotation. To revoke a key, put a new value twice: a running function
    caches keys for up to five minutes.
    """
    client = create_client("secretsmanager", connect_timeout=1, read_timeout=5)
    secrets = {project: name.format(project=project) for project in projects}

    def read_project(project: str) -> list[str]:
        return list(_read_versions(client, secrets[project]))

    def read_keys() -> Keys:
        # Two requests a project: one after the other, those of hundreds would outlast the call.
        with ThreadPoolExecutor(_CONCURRENT_READS) as executor:
            return dict(zip(secrets, executor.map(read_project, secrets), strict=True))

    return read_keys


def _read_versions(client: Any, name: str) -> Iterator[str]:
    """Read the current version of a secret, and the previous one if it was ever rotated."""
    yield client.get_secret_value(SecretId=name)["SecretString"].strip()
    try:
        previous = client.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")
    except ClientError as error:
        # Not by `client.exceptions`: threads that use a client for the first time at once may
        # each make classes of their own, so that one does not catch what another raises.
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return  # never rotated
    yield previous["SecretString"].strip()
