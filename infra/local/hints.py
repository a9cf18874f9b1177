"""Hints for a developer, on the terminal, when a call is refused: what to change, each once."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from http import HTTPStatus

from hardlink.domain.sources.registry import Source, Sources
from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse

_SOURCE = re.compile(r"source '([a-z0-9-]+)'")
"""The name of the source in the message of a refusal."""


class Hints:
    """Passes calls on to the API, and adds hints to what it refuses.

    `command`: starts this service, such as `make run`.
    """

    def __init__(self, api: HttpApp, sources: Sources, command: str) -> None:
        self._api = api
        self._sources = sources
        self._command = command
        self._given: set[str] = set()

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer as the API does."""
        response = self._api.answer(request)
        hint = self._explain(request, response)
        # A page makes a call every second, but its developer reads a hint once.
        if not hint or hint in self._given:
            return response
        self._given.add(hint)
        return replace(response, hint=hint)

    def _explain(self, request: HttpRequest, response: HttpResponse) -> str:
        origin = request.header("origin")
        if response.status == HTTPStatus.FORBIDDEN and origin:
            return self._explain_origin(origin, response)
        # A call with an `Authorization` header has a wrong server key, which is named nowhere.
        is_write = request.header("authorization") is None
        if response.status == HTTPStatus.UNAUTHORIZED and is_write:
            keys = ", ".join(source.write_key for source in self._every_source)
            return f"the write keys (source.id, token) of sources.toml are: {keys}"
        return ""

    def _explain_origin(self, origin: str, response: HttpResponse) -> str:
        source = self._find_refusing(response)
        # Refused for another reason, such as a missing token.
        if source is None or origin in source[1].origins:
            return ""
        name, declared = source
        line = f"origins = {json.dumps([*declared.origins, origin])}"
        return "\n".join(
            (
                f"pages of {origin} may not call: let them in with",
                f"    {self._command} ORIGIN={origin}",
                f"  or, to stay, with this line below [sources.{name}] of sources.toml:",
                f"    {line}",
            )
        )

    def _find_refusing(self, response: HttpResponse) -> tuple[str, Source] | None:
        match = _SOURCE.search(response.body.decode(errors="replace"))
        if match is None or match[1] not in self._sources.sources:
            return None
        return match[1], self._sources.sources[match[1]]

    @property
    def _every_source(self) -> list[Source]:
        return list(self._sources.sources.values())
