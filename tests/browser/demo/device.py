"""A device in front of the demo shop: what its visitor clicks, and what it sent where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.http.service import KEY, Client, eventually

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

BY_ITSELF = {"page_visit", "session_ping", "session_start", "session_end", "first_session"}
"""What the SDK tells unasked, and what the service makes of it."""


@dataclass
class Device:
    """`asked`: every request that left it. `complaints`: whatever its console said, and what its scripts raised."""

    page: Page
    url: str
    asked: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def go(self, path: str = "") -> Page:
        """Open a page of the shop."""
        self.page.goto(f"{self.url}/demo{path}")
        self.page.locator("h1").first.wait_for()
        return self.page

    def agree(self) -> None:
        self.go().get_by_role("button", name="Yes, remember").click()
        self.page.get_by_text("knows a visitor").wait_for()

    def look_at(self, name: str) -> None:
        """Go to a product by its card."""
        self.page.get_by_role("link", name="Shop", exact=True).click()
        self.page.locator(".card", has_text=name).click()
        self.page.get_by_role("heading", name=name).wait_for()

    def take(self) -> None:
        """Put the product in the basket that is looked at."""
        self.page.get_by_role("button", name="Put in the basket").click()
        self.page.get_by_text("It is in your basket.").wait_for()

    def log_in(self, name: str, email: str) -> str:
        """Answers the customer number."""
        self.go("/login")
        self.page.get_by_label("Name").fill(name)
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        said = self.page.get_by_text("Customer number")
        said.wait_for()
        return said.inner_text().split()[2]

    def log_out(self) -> None:
        self.go("/account").get_by_role("button", name="Log out").click()
        self.page.get_by_role("link", name="Log in").wait_for()

    def order(self) -> str:
        """Order what is in the basket; answers the order's number."""
        self.go("/basket").get_by_role("link", name="To the checkout").click()
        self.page.get_by_role("button", name="Order for").click()
        self.page.get_by_role("heading", name="Thank you").wait_for()
        return self.page.locator(".thanks strong").inner_text()

    def session(self) -> str:
        """This visitor's session, as the panel has it."""
        found = self.page.locator("[data-session]").get_attribute("data-session")
        assert found
        return found

    def console(self, link: str) -> Page:
        """Follow a link to the console, and type the key in that it asks for."""
        with self.context.expect_page() as opened:
            self.page.get_by_role("link", name=link).first.click()
        console = opened.value
        console.get_by_label("Server key").fill(KEY)
        console.keyboard.press("Enter")
        console.locator(".bar").wait_for()
        return console

    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """What was posted, by path."""
        return [
            (one.url.split("/", 3)[3], json.loads(one.post_data or "{}"))
            for one in self.asked
            if one.method == "POST"
        ]


@contextmanager
def device(browser: Browser, url: str, **options: Any) -> Iterator[Device]:
    """A device that nobody used before. At its end nothing was complained of, and no other site was asked."""
    with browser.new_context(**options) as context:
        found = Device(context.new_page(), url)

        def heard(said: ConsoleMessage) -> None:
            probe = said.location["url"].endswith(
                "/export"
            )  # the console asks if there is such a call
            if said.type in ("error", "warning") and not probe:
                found.complaints.append(said.text)

        def asked(request: Request) -> None:
            found.asked.append(request)

        context.on("console", heard)
        context.on("weberror", lambda error: found.complaints.append(str(error.error)))
        context.on("request", asked)
        yield found
        port = url.rsplit(":", 1)[1]
        home = tuple(f"http://{name}:{port}/" for name in ("127.0.0.1", "localhost"))
        elsewhere = [one.url for one in found.asked if not one.url.startswith((*home, "data:"))]
        assert not elsewhere, elsewhere
        assert not found.complaints, found.complaints


def events(shop: Client, email: str) -> list[dict[str, Any]]:
    """What a customer did, oldest first, without what tells itself."""
    reply = shop.get("customers", "email", email, "events", limit=1000)
    found = list(reversed(reply.json["events"])) if reply.status == 200 else []
    return [event for event in found if event["type"] not in BY_ITSELF]


def settles(shop: Client, email: str, *types: str) -> None:
    """Wait until this is what a customer did."""
    eventually(lambda: [event["type"] for event in events(shop, email)], list(types))
