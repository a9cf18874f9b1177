"""The page at `/` of the local service: where to go from here, for a developer's browser."""

from __future__ import annotations

import secrets
from html import escape
from string import Template

from hardlink.domain.sources.registry import Sources
from infra.local.api_gateway import HttpApp, HttpRequest, HttpResponse
from infra.snippet import render_debug_snippet

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Hardlink on this machine</title>
<link rel="icon" href="data:,">
<style nonce="$nonce">
  :root { color-scheme: light dark }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem;
         margin: 2rem auto; padding: 0 1rem }
  pre { padding: 1rem; border: 1px solid; border-radius: .5rem; overflow: auto }
</style>
<main>
<h1>Hardlink on this machine</h1>
<p>This is the API. The terminal in which it was started has its server key.</p>
<ul>
  <li><a href="/demo">The demo shop</a>: look around, put something in the basket, log in.</li>
  <li><a href="/console">The console</a>: what comes in now, customers, and why an event belongs
    to whom.</li>
</ul>
<h2 id="snippet">In a page of your own</h2>
<p>Start the service with <code>$command ORIGIN=http://localhost:5173</code>, which lets the page
in, and paste this into it:</p>
<pre tabindex="0" role="region" aria-labelledby="snippet">$snippet</pre>
</main>
""")


class LandingPage:
    """Answers a browser that asks for `/`, and passes all other calls on.

    `url`: the API's, for the snippet. `command`: starts this service, such as `make run`.
    """

    def __init__(self, api: HttpApp, url: str, sources: Sources, command: str) -> None:
        self._api = api
        self._command = command
        source = next(iter(sources.sources.values()))
        self._snippet = render_debug_snippet(url, source.write_key)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer with the page, or as the API does."""
        is_browser = "text/html" in (request.header("accept") or "")
        if (request.method, request.path) != ("GET", "/") or not is_browser:
            return self._api.answer(request)
        nonce = secrets.token_urlsafe(16)
        page = _PAGE.substitute(
            nonce=nonce,
            command=escape(self._command),
            snippet=escape(self._snippet),
        )
        policy = f"default-src 'none'; img-src data:; style-src 'nonce-{nonce}'"
        headers = (
            ("cache-control", "no-store"),
            ("content-security-policy", policy),
            ("content-type", "text/html;charset=utf-8"),
            ("x-content-type-options", "nosniff"),
        )
        return HttpResponse(200, headers, page.encode())
