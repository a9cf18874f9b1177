"""Hostile values from visitors are shown as text: no markup, no scripts, and no URLs but those of photos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.console.test_customer import find, identify_visitor
from tests.browser.console.test_live import expect_count, lines
from tests.http.service import Client, fresh

if TYPE_CHECKING:
    from playwright.sync_api import Page

MARKUP = (
    '<img src=x onerror="window.hit=1"><script>window.hit=1</script>{{7*7}}${7*7}\'"`'
)
PHOTOS = (
    "javascript:window.hit=1",
    "JaVaScRiPt:window.hit=1",
    " javascript:window.hit=1",
    "data:text/html,<script>window.hit=1</script>",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='window.hit=1'/>",
    "//evil.example/x.png",
    "http://evil.example/x.png",
    'https://x" onerror="window.hit=1',
    MARKUP,
)


def assert_harmless(console: Page) -> None:
    """Assert that no hostile value became a script, an element or a link."""
    assert console.evaluate("window.hit") is None
    assert (
        console.locator("#app script, #app iframe, #app object, img[onerror]").count()
        == 0
    )
    assert console.evaluate(
        "[...document.querySelectorAll('a[href]')].every(a => /^(#|https?:|mailto:|tel:)/.test(a.getAttribute('href')))"
    )


def test_values_of_events_are_text(console: Page, shop: Client) -> None:
    session, type_ = fresh(), "<b>bold</b><img src=x onerror=window.hit=1>"
    body = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "context": {MARKUP[:40]: MARKUP},
        "events": [
            {
                "type": type_,
                "id": MARKUP[:60],
                "properties": {"<i>name</i>": [MARKUP, {"a": MARKUP}]},
            },
            {"type": MARKUP, "tags": MARKUP},
        ],
    }
    assert [one["status"] for one in shop.post("/track", body).json["results"]] == [
        "stored",
        "rejected",
    ]
    for line in (
        lines(console, type_),
        lines(console, "{{7*7}}").filter(has_text="rejected"),
    ):
        expect_count(line, 1)
        line.locator("summary").focus()
        console.keyboard.press("Enter")
        line.locator(".details").wait_for()
    assert MARKUP in lines(console, type_).inner_text()
    console.get_by_role("button", name="Raw JSON").click()
    lines(console, type_).locator("pre").wait_for()
    assert_harmless(console)
    find(console, session, "session")
    console.locator(".timeline .entry summary").first.click()
    assert_harmless(console)


def test_values_of_customers_are_text(console: Page, shop: Client) -> None:
    # a template in an identifier would be refused
    markup = MARKUP.partition("{{")[0]
    customer, session = f"{fresh()}{markup}", f"{fresh()}<b onclick=1>"
    names = (
        "first_name",
        "company_name",
        "email",
        "phone",
        "language",
        "domain",
        "<u>x</u>",
    )
    identify_visitor(
        shop,
        session,
        customer,
        "view",
        properties=dict.fromkeys(names, MARKUP),
        segments=[MARKUP],
        traits={"<s>t</s>": MARKUP},
        consents={"<s>c</s>": True},
    )
    find(console, customer, "registered")
    console.get_by_role("heading", name=MARKUP[:20]).wait_for()
    for view in ("Identity graph", "Sessions and devices", "Timeline"):
        console.get_by_role("link", name=view).click()
        console.get_by_role("region", name=view).wait_for()
        assert_harmless(console)


@pytest.mark.parametrize("photo", PHOTOS)
def test_a_photo_is_an_image_or_not_shown(
    console: Page, shop: Client, photo: str
) -> None:
    customer = fresh("c")
    identify_visitor(
        shop,
        fresh(),
        customer,
        "view",
        properties={"photo": photo, "first_name": "Gordon"},
    )
    requested: list[str] = []
    console.on("request", lambda request: requested.append(request.url))
    find(console, customer)
    console.get_by_role("heading", name="Gordon").wait_for()
    console.wait_for_timeout(300)
    assert_harmless(console)
    assert [url for url in requested if "evil.example" in url] == []
    assert console.locator("img:not([src^='https://'])").count() == 0


def test_a_real_photo_is_shown(console: Page, shop: Client) -> None:
    pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
    customer = fresh("c")
    identify_visitor(shop, fresh(), customer, "view", properties={"photo": pixel})
    find(console, customer)
    image = console.locator("img.photo")
    image.wait_for()
    assert image.get_attribute("src") == pixel
    assert (
        image.evaluate("async image => (await image.decode(), image.naturalWidth)") == 1
    )


@pytest.mark.parametrize(
    "view_hash",
    [
        "#/customers/%E0/x",
        "#/sessions/%",
        "#/<img>/x",
        "#/customers//x",
        "#/constructor",
    ],
)
def test_invalid_hashes_are_harmless(console: Page, view_hash: str) -> None:
    console.evaluate("hash => { location.hash = hash }", view_hash)
    console.locator("main h1").wait_for()
    assert_harmless(console)
    assert "native code" not in console.title()


@pytest.mark.parametrize("view", ["constructor", "__defineGetter__", "<img>"])
def test_an_unknown_tab_shows_the_timeline(
    console: Page, shop: Client, url: str, view: str
) -> None:
    customer = fresh("c")
    identify_visitor(shop, fresh(), customer, "view")
    console.goto(f"{url}#/customers/registered/{customer}/{view}")
    console.get_by_role("region", name="Timeline").wait_for()
    assert console.title().startswith(customer)
