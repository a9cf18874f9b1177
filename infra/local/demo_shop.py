"""The demo shop, at /demo of the local service alone: its pages load the SDK with the snippet, as any shop's do."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from infra import topology
from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse
from infra.local.lambda_runtime import Sources
from infra.snippet import render_snippet

FILES = topology.ROOT / "infra" / "local" / "demo"
_PAGES = re.compile(
    r"/demo(/product/[a-z]+|/(basket|checkout|order|login|account|newsletter)?)?", re.ASCII
)
_FILE = re.compile(r"/demo/([a-z]+\.(?:js|css))", re.ASCII)
_TYPES = {".css": "text/css;charset=utf-8", ".js": "text/javascript;charset=utf-8"}
_START = "track: {visits: true}}"
"""How the snippet's configuration ends. This shop asks its visitors first."""
_HEADERS = (
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("x-content-type-options", "nosniff"),
)


class DemoShop:
    """Answers what is asked below /demo, and lets the API answer everything else.

    `url`: the API's, for the snippet; the first source's write key is the shop's.
    """

    def __init__(self, api: HttpApp, url: str, sources: Sources) -> None:
        self._api = api
        self._url = url
        self._page = Template((FILES / "page.html").read_text(encoding="utf-8"))
        source = next(iter(sources.sources.values()))
        project = sources.projects[source.project]
        self._key = source.write_key
        self._types = {"hard": project.first_hard_type, "email": project.email_type or ""}

    def answer(self, request: HttpRequest) -> HttpResponse:
        """A page, a file, or what the API says."""
        path = request.path
        below = path == "/demo" or path.startswith("/demo/")
        if request.method not in ("GET", "HEAD") or not below:
            return self._api.answer(request)
        if _PAGES.fullmatch(path):
            return self._rendered(200)
        if (named := _FILE.fullmatch(path)) and (file := FILES / named[1]).is_file():
            return _file(file)
        return self._rendered(404)

    def _rendered(self, status: int) -> HttpResponse:
        """The one page that there is: what it shows, its script finds in its address."""
        nonce = secrets.token_urlsafe(16)
        values: Mapping[str, Any] = {"url": self._url, **self._types}
        body = self._page.substitute(
            {name: escape(value) for name, value in values.items()}, snippet=self._snippet(nonce)
        )
        policy = ("content-security-policy", content_security_policy(nonce, self._url))
        type_ = ("content-type", "text/html;charset=utf-8")
        return HttpResponse(status, (*_HEADERS, type_, policy), body.encode())

    def _snippet(self, nonce: str) -> str:
        """The snippet as a shop pastes it that has a policy, asks for consent and sells things."""
        asking = render_snippet(self._url, self._key).replace(
            _START, f'{_START[:-1]}, consent: "required"}}'
        )
        return asking.replace("<script", f'<script nonce="{nonce}"').replace(
            "/sdk.js", "/sdk.js?with=ecommerce"
        )


def content_security_policy(nonce: str, url: str) -> str:
    """A Content Security Policy for a page with the snippet whose scripts and styles are its own else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}' 'self' {url}",
            f"connect-src {url}",
            "style-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _file(path: Path) -> HttpResponse:
    headers = (*_HEADERS, ("content-type", _TYPES[path.suffix]))
    return HttpResponse(200, headers, path.read_bytes(), noted=False)
