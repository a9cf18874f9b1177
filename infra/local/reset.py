"""`POST /_local/reset`: forget all that was told, for the tests of a shop.

Only where `HARDLINK_LOCAL_RESET=1` asks for it, because it takes what a developer has gathered.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from infra.local import moto_engine
from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse

PATH = "/_local/reset"
VARIABLE = "HARDLINK_LOCAL_RESET"


class ResetCall:
    """Answers the call, which needs the first project's server key, and passes others on."""

    def __init__(self, api: HttpApp, server_key: str) -> None:
        self._api = api
        self._authorization = f"Bearer {server_key}".encode()

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Empty the tables, or answer as the API does."""
        if (request.method, request.path) != ("POST", PATH):
            return self._api.answer(request)
        given = (request.header("authorization") or "").encode()
        if not secrets.compare_digest(given, self._authorization):
            return HttpResponse(HTTPStatus.UNAUTHORIZED)
        moto_engine.clear_tables()
        return HttpResponse(HTTPStatus.NO_CONTENT, logged=False)
