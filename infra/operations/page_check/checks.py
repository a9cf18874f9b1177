"""Check a page of a shop: its snippet, its policy, and what the service answers to its calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from urllib.parse import urljoin

import urllib3

from infra.operations.doctor.diagnoses import Finding
from infra.operations.errors import OperationFailed
from infra.operations.page_check import page as rules
from infra.operations.page_check.page import Page, Snippet
from infra.operations.service_client import Reply, Service

_TIMEOUT = 30.0
# As a browser asks, because shops answer other programs with another page, or with none.
_BROWSER = {
    "accept": "text/html",
    "user-agent": "Mozilla/5.0 (compatible; hardlink check-page)",
}


def fetch_page(url: str) -> Page:
    """Fetch a page, following redirects. Raises `OperationFailed`."""
    pool = urllib3.PoolManager(timeout=_TIMEOUT)
    try:
        response = pool.request("GET", url, headers=_BROWSER)
    except urllib3.exceptions.HTTPError as error:
        raise OperationFailed(f"{url} cannot be loaded: {error}") from error
    if response.status != HTTPStatus.OK:
        raise OperationFailed(
            f"{url} answers {response.status}: give the URL of a page"
        )
    html = response.data.decode(errors="replace")
    header = response.headers.get("content-security-policy")
    history = response.retries.history if response.retries else ()
    final = follow_redirects(url, [step.redirect_location for step in history])
    return Page(final, html, rules.read_policies(html, header))


def follow_redirects(url: str, locations: Sequence[str | None]) -> str:
    """Return the URL at which a page is in the end: its origin is what a browser sends.

    `locations`: of each redirect, which may be relative to the one before; `None`: a repetition.
    """
    for location in locations:
        url = urljoin(url, location or "")
    return url


def check_page(page: Page, given: Snippet | None = None) -> Iterator[Finding]:
    """Yield a finding for each check. `given`: the snippet that a tag manager adds."""
    snippet = given or rules.read_snippet(page.html)
    fault = rules.snippet_fault(snippet)
    yield Finding("snippet", fault)
    if fault or snippet is None:
        return
    fault = rules.target_fault(page, snippet)
    yield Finding(f"target {snippet.target}", fault)
    if fault:
        return
    for policy in page.policies:
        yield Finding("content security policy", rules.policy_fault(policy, snippet))
    service = Service(snippet.target)
    yield Finding("service", _service_fault(service))
    yield Finding(f"origin {page.origin} and key", _call_fault(service, page, snippet))
    consent = "required before anything is stored"
    if not snippet.asks_for_consent:
        consent = (
            'not asked for; where the law wants it, start with consent: "required"'
        )
    yield Finding(f"consent: {consent}")


def _service_fault(service: Service) -> str | None:
    try:
        reply = service.send("GET", "/health")
    except OperationFailed as error:
        return str(error)
    if reply.is_success:
        return None
    return f"{service.url}/health answers {reply.status}: run `hardlink doctor`"


def _call_fault(service: Service, page: Page, snippet: Snippet) -> str | None:
    """Send a call as the page does, of which nothing is stored."""
    body = {
        "source": {"id": snippet.token},
        "events": [],
        "options": {"saveSession": False},
    }
    try:
        reply = service.send("POST", "/track", body, headers={"origin": page.origin})
    except OperationFailed as error:
        return str(error)
    return None if reply.is_success else _explain(reply, snippet)


def _explain(reply: Reply, snippet: Snippet) -> str:
    if reply.status == HTTPStatus.UNAUTHORIZED:
        return (
            f"no source has the write key {snippet.token!r}: take it from sources.toml"
        )
    return reply.explanation
