"""Events that the SDK tracks without being asked: page visits, with or without a page load, and pings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.sdk.shop import (
    Shop,
    call,
    open_page,
    wait_in_browser,
    wait_until_true,
)

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

VISITS: dict[str, Any] = {"track": {"visits": True}}
PINGS: dict[str, Any] = {"ping": {"enabled": True}}


def test_a_page_load_is_tracked_as_a_ping_and_a_visit(
    shop: Shop, device: BrowserContext
) -> None:
    traffic = shop.record_traffic(device)
    page = device.new_page()
    referrer = f"{shop.site.origin}/elsewhere.html"
    page.goto(
        f"{shop.page(**VISITS, **PINGS)}?utm_source=news&q=secret", referer=referrer
    )
    wait_in_browser(page, traffic.types, ["session_ping", "page_visit"])
    ping, visit = traffic.events()
    path = page.url.removeprefix(shop.site.origin).partition("?")[0]
    device_properties = {
        "os": "Linux",
        "browser": "Chrome",
        "device": "Other",
        "location": page.url,
    }
    assert visit["properties"] == {
        **device_properties,
        "path": path,
        "referrer": referrer,
    }
    more = {"utm_source": "news", "activity": "page_load"}
    assert ping["properties"] == {**visit["properties"], **more}


def test_visits_are_tracked_only_if_enabled(shop: Shop, device: BrowserContext) -> None:
    traffic = shop.record_traffic(device)
    page = open_page(device, shop.page(**PINGS))
    call(page, "hardlink.flush()")
    assert traffic.types() == ["session_ping"]


def test_a_navigation_without_a_page_load_is_a_visit(
    shop: Shop, device: BrowserContext
) -> None:
    traffic = shop.record_traffic(device)
    page = open_page(device, shop.page(**VISITS))
    start = page.url
    page.evaluate(
        "history.pushState({}, '', '/one'); history.pushState({}, '', '/two#a')"
    )
    page.evaluate(
        "history.pushState({}, '', '/two#b'); history.replaceState({}, '', '/two#c')"
    )
    page.evaluate(
        "new Promise(done => { addEventListener('popstate', done); history.go(-2) })"
    )
    call(page, "hardlink.flush()")
    seen = [
        (e["properties"]["path"], e["properties"]["referrer"]) for e in traffic.events()
    ]
    origin = shop.site.origin
    assert seen == [
        (start.removeprefix(origin), ""),
        ("/one", start),
        ("/two", f"{origin}/one"),
        ("/one", f"{origin}/two#a"),
    ]


def test_pings_are_sent_while_the_page_is_visible(
    shop: Shop, device: BrowserContext
) -> None:
    traffic = shop.record_traffic(device)
    page = open_page(device, shop.page(ping={"enabled": True, "interval": 0.2}))
    wait_until_true(page, lambda: len(traffic.types()) >= 3)
    assert set(traffic.types()) == {"session_ping"}
    assert [event["properties"]["activity"] for event in traffic.events()[:3]] == [
        "page_load",
        "ping",
        "ping",
    ]
    page.evaluate(
        "Object.defineProperty(document, 'visibilityState', {value: 'hidden'})"
    )
    call(page, "hardlink.flush()")
    before = len(traffic.calls)
    page.wait_for_timeout(600)
    assert len(traffic.calls) == before
