"""Help for Playwright: pages that are tested send what they track to the local service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, Protocol

from infra.snippet import render_snippet
from infra.testing.local_hardlink import LocalHardlink


class Page(Protocol):
    """The part of Playwright's `Page` that is used here."""

    # Declared here, because Playwright itself is the shop's, and is not needed for other tests.
    def add_init_script(self, script: str) -> Any:
        """Run a script in each document before its own ones."""

    def route(self, url: str, handler: Callable[[Any], Any]) -> Any:
        """Handle requests to these URLs."""

    def unroute_all(self, *, behavior: Literal["wait"]) -> Any:
        """Handle no more requests, and wait for the handlers that still run."""

    def wait_for_timeout(self, timeout: float) -> Any:
        """Wait for so many milliseconds, while the handlers of `route` run."""


@contextmanager
def redirect_calls(
    page: Page, url: str, local: LocalHardlink
) -> Iterator[LocalHardlink]:
    """Send to the local service what a page sends to the deployed one at `url`, during a `with`.

    For pages that have the snippet already. The local service needs the shop's own `sources.toml`,
    for its write key, and the page's origin. Yields the service to ask: its waits let the page's
    calls through, which a sleep would hold up.
    """
    deployed = url.rstrip("/")

    def redirect(route: Any) -> None:
        # Fetched and not continued: that cannot change https to http.
        target = local.url + route.request.url.removeprefix(deployed)
        route.fulfill(response=route.fetch(url=target))

    def pause(seconds: float) -> None:
        page.wait_for_timeout(1000 * seconds)

    page.route(f"{deployed}/**", redirect)
    try:
        yield replace(local, pause=pause)
    finally:
        # A call may still be on its way: Playwright fails a test whose page closes meanwhile.
        page.unroute_all(behavior="wait")


def install_sdk(page: Page, local: LocalHardlink) -> None:
    """Load the SDK into every document, as the snippet does, for pages without a snippet.

    The page's origin has to be in the fixture `hardlink_origins`.
    """
    snippet = render_snippet(local.url, local.write_key)
    stub = snippet.removeprefix("<script>").partition("</script>")[0]
    page.add_init_script(f"{stub}{_LOAD.replace('URL', local.url)}")


_LOAD = """
;(() => {
  const load = () => {
    const script = document.createElement("script")
    script.src = "URL/sdk.js"
    document.head.append(script)
  }
  document.addEventListener("DOMContentLoaded", load, {once: true})
})()
"""
