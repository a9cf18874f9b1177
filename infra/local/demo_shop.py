"""The demo shop at `/demo` of the local service. Its pages load the SDK with the snippet."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from infra import topology
from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse
from infra.local.lambda_runtime import Sources
from infra.snippet import render_snippet

FILES = topology.ROOT / "infra" / "local" / "demo"
_PAGES = re.compile(
    r"/demo(/product/[a-z]+|/(basket|checkout|order|login|account|newsletter)?)?",
    re.ASCII,
)
_FILE = re.compile(r"/demo/([a-z]+\.(?:js|css))", re.ASCII)
_TYPES = {".css": "text/css;charset=utf-8", ".js": "text/javascript;charset=utf-8"}
_OPTIONS_END = "track: {visits: true}}"
"""End of the snippet's options, to which this shop adds that it asks for consent."""
_HEADERS = (
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("x-content-type-options", "nosniff"),
)


class DemoShop:
    """Answers calls below `/demo`, and passes all others on to the API.

    `url`: the API's, for the snippet. The shop uses the write key of the first source.
    """

    def __init__(self, api: HttpApp, url: str, sources: Sources) -> None:
        self._api = api
        self._url = url
        self._page = Template((FILES / "page.html").read_text(encoding="utf-8"))
        source = next(iter(sources.sources.values()))
        project = sources.projects[source.project]
        self._key = source.write_key
        self._types = {
            "hard": project.first_hard_type,
            "email": project.email_type or "",
        }

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer with a page, a file, or the API's response."""
        path = request.path
        is_demo = path == "/demo" or path.startswith("/demo/")
        if request.method not in ("GET", "HEAD") or not is_demo:
            return self._api.answer(request)
        if _PAGES.fullmatch(path):
            return self._render_page(200)
        match = _FILE.fullmatch(path)
        if match and (FILES / match[1]).is_file():
            return _file_response(FILES / match[1])
        return self._render_page(404)

    def _render_page(self, status: int) -> HttpResponse:
        """Render the only page. Its script shows what the address asks for."""
        nonce = secrets.token_urlsafe(16)
        values: Mapping[str, Any] = {"url": self._url, **self._types}
        body = self._page.substitute(
            {name: escape(value) for name, value in values.items()},
            snippet=self._render_snippet(nonce),
        )
        # With a path, a source of a policy would be that one path alone.
        host = "{0.scheme}://{0.netloc}".format(urlsplit(self._url))
        policy = ("content-security-policy", content_security_policy(nonce, host))
        type_ = ("content-type", "text/html;charset=utf-8")
        return HttpResponse(status, (*_HEADERS, type_, policy), body.encode())

    def _render_snippet(self, nonce: str) -> str:
        """Render the snippet with a nonce, consent required, and what the shop's pages use."""
        snippet = render_snippet(self._url, self._key).replace(
            _OPTIONS_END, f'{_OPTIONS_END[:-1]}, consent: "required"}}'
        )
        snippet = snippet.replace("<script", f'<script nonce="{nonce}"')
        return snippet.replace("/sdk.js", "/sdk.js?with=ecommerce,visitor")


def content_security_policy(nonce: str, url: str) -> str:
    """Content Security Policy of a page with the snippet and otherwise only its own files."""
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


def _file_response(path: Path) -> HttpResponse:
    headers = (*_HEADERS, ("content-type", _TYPES[path.suffix]))
    return HttpResponse(200, headers, path.read_bytes(), logged=False)
