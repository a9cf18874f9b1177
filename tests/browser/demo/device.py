"""A visitor's browser on the demo shop: actions of the visitor, and the recorded requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.http.service import KEY, Client, eventually

if TYPE_CHECKING:
    from playwright.sync_api import (
        Browser,
        BrowserContext,
        ConsoleMessage,
        Page,
        Request,
    )

AUTOMATIC = {
    "page_visit",
    "session_ping",
    "session_start",
    "session_end",
    "first_session",
}
"""Events that the SDK tracks without being asked, and those that the service derives from them."""


@dataclass
class Device:
    """`requests`: all that it has sent. `complaints`: warnings and errors of its console and its scripts."""

    page: Page
    url: str
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def go(self, path: str = "") -> Page:
        """Open a page of the shop."""
        self.page.goto(f"{self.url}/demo{path}")
        self.page.locator("h1").first.wait_for()
        return self.page

    def accept_tracking(self) -> None:
        self.go().get_by_role("button", name="Accept").click()
        self.page.get_by_text("anonymous visitor").wait_for()

    def look_at(self, name: str) -> None:
        """Open a product by its card among all products."""
        self.page.get_by_role("link", name="Shop", exact=True).click()
        self.page.locator("main > .cards .card", has_text=name).click()
        self.page.get_by_role("heading", name=name).wait_for()

    def add_to_basket(self) -> None:
        """Add the product on the current page to the basket."""
        self.page.get_by_role("button", name="Add to basket").click()
        self.page.get_by_text("Added to your basket.").wait_for()

    def log_in(self, name: str, email: str) -> str:
        """Log in; returns the customer number."""
        self.go("/login")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        number = self.page.get_by_text("Customer number")
        number.wait_for()
        return number.inner_text().split()[2]

    def log_out(self) -> None:
        self.go("/account").get_by_role("button", name="Log out").click()
        self.page.get_by_role("link", name="Log in").wait_for()

    def order(self) -> str:
        """Order the content of the basket; returns the order number."""
        self.go("/basket").get_by_role("link", name="Go to checkout").click()
        self.page.get_by_role("button", name="Order for").click()
        self.page.get_by_role("heading", name="Thank you").wait_for()
        return self.page.locator(".thanks strong").inner_text()

    def session(self) -> str:
        """The visitor's session ID, as the panel shows it."""
        found = self.page.locator("[data-session]").get_attribute("data-session")
        assert found
        return found

    def console(self, link: str) -> Page:
        """Follow a link to the console, and sign in."""
        with self.context.expect_page() as opened:
            self.page.get_by_role("link", name=link, exact=True).first.click()
        console = opened.value
        console.get_by_label("Server key").fill(KEY)
        console.keyboard.press("Enter")
        console.locator(".bar").wait_for()
        return console

    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """The posted calls: path and body of each."""
        return [
            (one.url.split("/", 3)[3], json.loads(one.post_data or "{}"))
            for one in self.requests
            if one.method == "POST"
        ]


@contextmanager
def device(browser: Browser, url: str, **options: Any) -> Iterator[Device]:
    """A new visitor's device. Fails at the end if its console complained, or if it sent requests to other sites."""
    with browser.new_context(**options) as context:
        visitor = Device(context.new_page(), url)

        def record_complaint(message: ConsoleMessage) -> None:
            probe = message.location["url"].endswith(
                "/export"
            )  # the console checks whether the call exists
            if message.type in ("error", "warning") and not probe:
                visitor.complaints.append(message.text)

        def record_request(request: Request) -> None:
            visitor.requests.append(request)

        context.on("console", record_complaint)
        context.on(
            "weberror", lambda error: visitor.complaints.append(str(error.error))
        )
        context.on("request", record_request)
        yield visitor
        port = url.rsplit(":", 1)[1]
        home = tuple(f"http://{name}:{port}/" for name in ("127.0.0.1", "localhost"))
        elsewhere = [
            one.url
            for one in visitor.requests
            if not one.url.startswith((*home, "data:"))
        ]
        assert not elsewhere, elsewhere
        assert not visitor.complaints, visitor.complaints


def events(shop: Client, email: str) -> list[dict[str, Any]]:
    """A customer's events, the oldest first, without automatic ones."""
    reply = shop.get("customers", "email", email, "events", limit=1000)
    found = list(reversed(reply.json["events"])) if reply.status == 200 else []
    return [event for event in found if event["type"] not in AUTOMATIC]


def settles(shop: Client, email: str, *types: str) -> None:
    """Wait until these are the types of a customer's events."""
    eventually(lambda: [event["type"] for event in events(shop, email)], list(types))
