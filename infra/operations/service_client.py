"""A client of a running Hardlink over HTTP, which sends a call again where that is safe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import urllib3

from infra.operations.errors import OperationFailed

Json = Any
_TRIES = 8
_TRY_AGAIN = (429, 500, 502, 503, 504)
_FIRST_WAIT = 0.2
"""Seconds before the second try; each further wait is twice as long, up to the longest."""
_LONGEST_WAIT = 20.0
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_CONNECTIONS = 16
# A source may drop what bots send, and the names of HTTP libraries count as bots.
_USER_AGENT = "Mozilla/5.0 (compatible; hardlink-command)"


class Reply(NamedTuple):
    """An answer. `body`: parsed JSON; `None` where it is none."""

    status: int
    body: Json

    @property
    def is_success(self) -> bool:
        """True for 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def explanation(self) -> str:
        """Code and message of an error, on one line."""
        if isinstance(self.body, Mapping):
            error = self.body.get("error")
            if isinstance(error, Mapping):
                return f"{error.get('code')}: {error.get('message')}"
            if "message" in self.body:
                return str(self.body["message"])
        return f"the service answered {self.status}"


def _create_pool() -> urllib3.PoolManager:
    # Every call that this client repeats is idempotent: reads, and writes with an ID and a time.
    retries = urllib3.Retry(
        total=_TRIES,
        status_forcelist=_TRY_AGAIN,
        allowed_methods=None,
        backoff_factor=_FIRST_WAIT,
        backoff_max=_LONGEST_WAIT,
        raise_on_status=False,
        redirect=0,
        raise_on_redirect=False,
    )
    return urllib3.PoolManager(
        retries=retries, timeout=_TIMEOUT, maxsize=_CONNECTIONS, block=True
    )


@dataclass(frozen=True)
class Service:
    """A running Hardlink, local or deployed.

    `url`: without a slash at the end. `key`: a server key; empty where the command only writes.
    """

    url: str
    key: str = field(default="", repr=False)
    _pool: urllib3.PoolManager = field(default_factory=_create_pool, repr=False)

    def send(
        self,
        method: str,
        path: str,
        body: Json = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        reads: bool = False,
    ) -> Reply:
        """Send a call, and return its answer, whatever its status.

        `body`: JSON, or bytes as they are. `reads`: with the server key. Raises `OperationFailed`
        where the service cannot be reached.
        """
        named = {"user-agent": _USER_AGENT, **(headers or {})}
        if reads:
            named["authorization"] = f"Bearer {self._server_key()}"
        target = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            response = self._pool.request(method, target, body=data, headers=named)
        except urllib3.exceptions.HTTPError as error:
            raise OperationFailed(
                f"no answer from {self.url}: is Hardlink running there? ({error})"
            ) from error
        return Reply(response.status, _parse_json(response.data))

    def read(self, path: str, **query: str) -> Json:
        """Send a GET with the server key. Raises `OperationFailed` for any error."""
        return _checked(self.send("GET", path, query=query, reads=True))

    def change(self, path: str, body: Json = None, **query: str) -> Json:
        """Send a POST with the server key. Raises `OperationFailed` for any error."""
        return _checked(self.send("POST", path, body or {}, query=query, reads=True))

    def find(self, path: str, **query: str) -> Json | None:
        """Send a GET with the server key; `None` for 404. Raises `OperationFailed`."""
        reply = self.send("GET", path, query=query, reads=True)
        return None if reply.status == HTTPStatus.NOT_FOUND else _checked(reply)

    def _server_key(self) -> str:
        if not self.key:
            raise OperationFailed(
                "this needs a server key: give it with --key, or in HARDLINK_SERVER_KEY"
            )
        return self.key


def check_url(url: str) -> str:
    """Return a URL without the slash at its end. Raises `OperationFailed` if it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OperationFailed(
            f"{url!r} is not a URL: give the whole of it, such as https://hardlink.shop.example"
        )
    return url.rstrip("/")


def _checked(reply: Reply) -> Json:
    if not reply.is_success:
        raise OperationFailed(reply.explanation)
    return reply.body


def _parse_json(data: bytes) -> Json:
    try:
        return json.loads(data)
    except ValueError:
        return None
