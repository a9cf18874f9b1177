"""A shop with the SDK in its pages: what visitors do there, what went over the wire, what the service has of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from infra.snippet import snippet
from tests.http.service import Client, eventually
from tests.support.engines.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Request, Route

KEY = "web-key"
QUIET: dict[str, Any] = {"ping": {"enabled": False}, "batch": 20, "retry": 50}
"""Only what a test does itself is tracked, and soon."""


@dataclass
class Wire:
    """What a device sent to the service, call by call."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def paths(self) -> list[str]:
        return [path for path, _ in self.calls]

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for found, body in self.calls if found == path]

    def events(self) -> list[dict[str, Any]]:
        return [event for body in self.bodies("/track") for event in body["events"]]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events()]


@dataclass(frozen=True)
class Shop:
    """`client`: the shop's backend."""

    site: Site
    client: Client

    @property
    def url(self) -> str:
        """Where the service answers: another origin than the pages'."""
        return f"http://127.0.0.1:{self.client.port}"

    def page(self, script: str = "", *, vocabularies: str = "", **config: Any) -> str:
        """The URL of a page with the snippet, its configuration changed, and a script after it."""
        text = snippet(self.url, KEY).replace(
            "track: {visits: true}}", f"...{json.dumps({**QUIET, **config})}}}"
        )
        if vocabularies:
            text = text.replace("/sdk.js", f"/sdk.js?with={vocabularies}")
        return self.raw_page(f"{text}<script>{script}</script>")

    def raw_page(self, body: str) -> str:
        """The URL of a page with this HTML."""
        path = f"/{uuid4()}.html"
        icon = '<link rel="icon" href="data:,">'
        self.site.pages[path] = f'<!doctype html><meta charset="utf-8">{icon}{body}'
        return self.site.origin + path

    def wire(self, device: BrowserContext) -> Wire:
        """Listen to what a device sends from now on."""
        found = Wire()

        def heard(request: Request) -> None:
            if request.url.startswith(self.url) and request.method == "POST":
                path = request.url.removeprefix(self.url)
                found.calls.append((path, json.loads(request.post_data or "{}")))

        device.on("request", heard)
        return found

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
        """A customer's view."""
        reply = self.client.get("customers", type_, value)
        assert reply.status == 200, reply.body
        found: dict[str, Any] = reply.json
        return found


def opened(device: BrowserContext, url: str) -> Page:
    """A page in which the SDK is there."""
    page = device.new_page()
    page.goto(url)
    ready(page)
    return page


def ready(page: Page) -> None:
    page.wait_for_function("typeof window.hardlink?.version === 'string'")


def called(page: Page, script: str) -> Any:
    """What a call of the SDK answers: `{"ok": ...}`, or `{"error": ...}` with what the error says."""
    return page.evaluate(
        """async script => {
            const late = new Promise((_, no) => setTimeout(no, 10_000, new Error('no answer in 10 s')))
            try { return {ok: await Promise.race([eval(script), late])} }
            catch (error) { return {error: {message: error.message, ...error}} }
        }""",
        script,
    )


def begins(page: Page, script: str) -> None:
    """Run a script without waiting for what it begins."""
    page.evaluate(f"{script}; undefined")


def session(page: Page) -> str:
    """The session of a page's visitor."""
    return str(page.evaluate("hardlink.getSession()"))


def kept(page: Page) -> dict[str, str]:
    """What the SDK keeps in local storage."""
    found: dict[str, str] = page.evaluate("({...localStorage})")
    return found


def settles(look: Callable[[], Any], wanted: Any) -> None:
    """Wait until it is so."""
    eventually(look, wanted)


def answering(
    device: BrowserContext, url: str, answers: list[tuple[int, dict[str, str]]]
) -> Callable[[], int]:
    """Answer the first calls so (status and headers); the rest goes to the service. Tells how many there were."""
    count = [0]

    def answer(route: Route) -> None:
        count[0] += 1
        if route.request.method == "POST" and answers:
            status, headers = answers.pop(0)
            cors = {
                "access-control-allow-origin": "*",
                "access-control-expose-headers": "retry-after",
            }
            body = json.dumps({"error": {"code": "test", "message": "as the test wants it"}})
            route.fulfill(status=status, headers={**cors, **headers}, body=body)
        else:
            route.continue_()

    device.route(lambda found: found.startswith(url) and "/sdk" not in found, answer)
    return lambda: count[0]


def shown(page: Page, look: Callable[[], Any], wanted: Any) -> None:
    """Wait until it is so, while the browser goes on."""
    for _ in range(200):
        if look() == wanted:
            return
        page.wait_for_timeout(25)
    assert look() == wanted


def becomes(page: Page, look: Callable[[], object]) -> None:
    """Wait until it is true, while the browser goes on."""
    shown(page, lambda: bool(look()), wanted=True)
