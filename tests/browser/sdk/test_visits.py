"""`sdk.js?with=visits`: a session ends with the visit, and the visitor stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.sdk.shop import (
    Shop,
    call,
    local_storage,
    open_page,
    session,
    start_script,
    wait_for_sdk,
    wait_in_browser,
    wait_until,
)
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


def open_shop(shop: Shop, device: BrowserContext, **config: Any) -> Page:
    return open_page(device, shop.page(adapters="visits", **config))


def let_pass(page: Page, minutes: int) -> None:
    """Let the visitor have been active for the last time so many minutes ago."""
    page.evaluate(
        "minutes => { localStorage['hardlink.active'] = Date.now() - minutes * 60_000 }",
        minutes,
    )


def test_a_page_after_a_pause_begins_a_new_visit_of_the_same_visitor(
    shop: Shop, device: BrowserContext
) -> None:
    customer = fresh("gordon")
    page = open_shop(shop, device, track={"visits": True})
    call(page, f"hardlink.identify('{customer}')")
    first, profile = session(page), page.evaluate("hardlink.getProfile()")
    let_pass(page, 31)
    traffic = shop.record_traffic(device)
    page.reload()
    wait_for_sdk(page)
    second = session(page)
    assert second != first
    assert call(page, "hardlink.track('later')")["ok"]["status"] == "stored"
    # also what the page tracked while it started
    assert {body["session"]["id"] for _, body in traffic.calls} == {second}
    assert traffic.types() == ["page_visit", "later"]
    assert page.evaluate("hardlink.getProfile()") == profile
    wait_until(lambda: shop.customer("registered", customer)["visits"], 2)


def test_a_shorter_pause_is_the_same_visit(shop: Shop, device: BrowserContext) -> None:
    page = open_shop(shop, device)
    call(page, "hardlink.track('a')")
    before = session(page)
    let_pass(page, 29)
    page.reload()
    wait_for_sdk(page)
    assert session(page) == before
    let_pass(page, -600)  # another clock
    page.reload()
    wait_for_sdk(page)
    assert session(page) == before


def test_a_click_after_a_pause_begins_a_new_visit(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_shop(shop, device, visit={"pause": 5})
    call(page, "hardlink.track('a')")
    before = session(page)
    start_script(page, "hardlink.trackLink('html', 'click')")
    let_pass(page, 6)
    traffic = shop.record_traffic(device)
    page.mouse.click(5, 5)
    wait_in_browser(page, traffic.types, ["click"])
    (body,) = traffic.bodies("/track")
    assert body["session"]["id"] == session(page) != before


def test_nothing_is_stored_before_the_visitor_consents(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_shop(shop, device, consent="required")
    page.mouse.click(5, 5)
    assert local_storage(page) == {}
