"""The API below a path of a shop's own site, such as `/hl`: what the shop's proxy does on AWS."""

from __future__ import annotations

import re
from dataclasses import replace

from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse

PREFIX = re.compile(r"(/[a-z0-9_-]+)+", re.ASCII | re.IGNORECASE)


class PathPrefix:
    """Passes calls below a path on without it, and all others as they are.

    So the API answers without the prefix too, as that on AWS does at its own address.
    """

    def __init__(self, api: HttpApp, prefix: str) -> None:
        self._api = api
        self._prefix = prefix

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer as the API does."""
        if request.target.startswith(f"{self._prefix}/"):
            target = request.target.removeprefix(self._prefix)
            request = replace(request, target=target)
        return self._api.answer(request)
