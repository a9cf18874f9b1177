"""A shop whose pages load the SDK: opening its pages, recording the requests, reading what the service stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from infra.snippet import render_snippet
from tests.http.service import Client, eventually
from tests.support.browsing import wait_for_script
from tests.support.engines.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request, Route

KEY = "web-key"
QUIET: dict[str, Any] = {"ping": {"enabled": False}, "batch": 20, "retry": 50}
"""No automatic pings, and short delays, so that a test sees only what it tracks itself."""


@dataclass
class Traffic:
    """The calls that a device sent to the service: path and body of each."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for called_path, body in self.calls if called_path == path]

    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.bodies("/track") for event in body["events"]]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


@dataclass(frozen=True)
class Shop:
    """`site`: the shop's own pages. `client`: the shop's backend, as a client of the service."""

    site: Site
    client: Client

    @property
    def url(self) -> str:
        """The service's URL, whose origin differs from that of the pages."""
        return f"http://127.0.0.1:{self.client.port}"

    def page(self, script: str = "", *, adapters: str = "", **config: Any) -> str:
        """Publish a page with the snippet and a script after it; returns its URL.

        `adapters`: names for `sdk.js?with=`. `config`: options of `start` that differ from `QUIET`.
        """
        text = render_snippet(self.url, KEY).replace(
            "track: {visits: true}}", f"...{json.dumps({**QUIET, **config})}}}"
        )
        if adapters:
            text = text.replace("/sdk.js", f"/sdk.js?with={adapters}")
        return self.raw_page(f"{text}<script>{script}</script>")

    def raw_page(self, body: str) -> str:
        """Publish a page with this HTML; returns its URL."""
        path = f"/{uuid4()}.html"
        icon = '<link rel="icon" href="data:,">'
        self.site.pages[path] = f'<!doctype html><meta charset="utf-8">{icon}{body}'
        return self.site.origin + path

    def record_traffic(self, device: BrowserContext) -> Traffic:
        """Record what a device sends to the service from now on."""
        traffic = Traffic()

        def record(request: Request) -> None:
            if request.url.startswith(self.url) and request.method == "POST":
                path = request.url.removeprefix(self.url)
                traffic.calls.append((path, json.loads(request.post_data or "{}")))

        device.on("request", record)
        return traffic

    def session_types(self, session: str) -> list[str]:
        """The types of a session's events, oldest first."""
        reply = self.client.get("sessions", session, "events", limit=1000)
        if reply.status == 404:
            return []
        return [event["type"] for event in reversed(reply.json["events"])]

    def events(self, type_: str, value: str) -> list[dict[str, Any]]:
        """A customer's events, oldest first."""
        reply = self.client.get("customers", type_, value, "events", limit=1000)
        return list(reversed(reply.json["events"])) if reply.status == 200 else []

    def customer(self, type_: str, value: str) -> dict[str, Any]:
        """A customer, as `GET /customers/{type}/{value}` returns them."""
        reply = self.client.get("customers", type_, value)
        assert reply.status == 200, reply.body
        customer: dict[str, Any] = reply.json
        return customer


def open_page(device: BrowserContext, url: str) -> Page:
    """Open a page, and wait until the SDK is loaded."""
    page = device.new_page()
    page.goto(url)
    wait_for_sdk(page)
    return page


def wait_for_sdk(page: Page) -> None:
    wait_for_script(page, "typeof window.hardlink?.version === 'string'")


def call(page: Page, script: str) -> Any:
    """Run a script and await its promise: returns `{"ok": value}`, or `{"error": ...}` with the error's fields."""
    return page.evaluate(
        """async script => {
            const timeout = new Promise((_, reject) => setTimeout(reject, 10_000, new Error('no answer in 10 s')))
            try { return {ok: await Promise.race([eval(script), timeout])} }
            catch (error) { return {error: {message: error.message, ...error}} }
        }""",
        script,
    )


def start_script(page: Page, script: str) -> None:
    """Run a script without waiting for its promises."""
    page.evaluate(f"{script}; undefined")


def session(page: Page) -> str:
    """The ID of the session of a page's visitor."""
    return str(page.evaluate("hardlink.getSession()"))


def local_storage(page: Page) -> dict[str, str]:
    """The local storage of a page's origin."""
    found: dict[str, str] = page.evaluate("({...localStorage})")
    return found


def wait_until(look: Callable[[], Any], wanted: Any) -> None:
    """Wait until `look()` returns what is wanted."""
    eventually(look, wanted)


def answer_first_calls(
    device: BrowserContext, url: str, answers: list[tuple[int, dict[str, str]]]
) -> Callable[[], int]:
    """Answer the first calls of a device with these statuses and headers, and pass later ones on to the service.

    Returns a function that returns the number of calls so far.
    """
    count = [0]

    def answer(route: Route) -> None:
        count[0] += 1
        if route.request.method == "POST" and answers:
            status, headers = answers.pop(0)
            cors = {
                "access-control-allow-origin": "*",
                "access-control-expose-headers": "retry-after",
            }
            body = json.dumps(
                {"error": {"code": "test", "message": "simulated by the test"}}
            )
            route.fulfill(status=status, headers={**cors, **headers}, body=body)
        else:
            route.continue_()

    device.route(lambda called: called.startswith(url) and "/sdk" not in called, answer)
    return lambda: count[0]


def wait_in_browser(page: Page, look: Callable[[], Any], wanted: Any) -> None:
    """Wait until `look()` returns what is wanted, while the browser continues to run."""
    for _ in range(200):
        if look() == wanted:
            return
        page.wait_for_timeout(25)
    assert look() == wanted


def wait_until_true(page: Page, look: Callable[[], object]) -> None:
    """Wait until `look()` returns something true, while the browser continues to run."""
    wait_in_browser(page, lambda: bool(look()), wanted=True)
