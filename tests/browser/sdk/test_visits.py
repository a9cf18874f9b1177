"""What is tracked by itself: visits, also without a page load, and signs of life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.sdk.shop import Shop, becomes, called, opened, shown

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

VISITS: dict[str, Any] = {"track": {"visits": True}}
PINGS: dict[str, Any] = {"ping": {"enabled": True}}


def test_a_page_load_is_a_sign_of_life_and_a_visit(shop: Shop, device: BrowserContext) -> None:
    wire = shop.wire(device)
    page = device.new_page()
    came_from = f"{shop.site.origin}/elsewhere.html"
    page.goto(f"{shop.page(**VISITS, **PINGS)}?utm_source=news&q=secret", referer=came_from)
    shown(page, wire.types, ["session_ping", "page_visit"])
    ping, visit = wire.events()
    path = page.url.removeprefix(shop.site.origin).partition("?")[0]
    said = {"os": "Linux", "browser": "Chrome", "device": "Other", "location": page.url}
    assert visit["properties"] == {**said, "path": path, "referrer": came_from}
    more = {"utm_source": "news", "activity": "page_load"}
    assert ping["properties"] == {**visit["properties"], **more}


def test_visits_are_tracked_only_where_the_shop_says_so(shop: Shop, device: BrowserContext) -> None:
    wire = shop.wire(device)
    page = opened(device, shop.page(**PINGS))
    called(page, "hardlink.flush()")
    assert wire.types() == ["session_ping"]


def test_a_page_without_a_load_is_a_visit(shop: Shop, device: BrowserContext) -> None:
    wire = shop.wire(device)
    page = opened(device, shop.page(**VISITS))
    start = page.url
    page.evaluate("history.pushState({}, '', '/one'); history.pushState({}, '', '/two#a')")
    page.evaluate("history.pushState({}, '', '/two#b'); history.replaceState({}, '', '/two#c')")
    page.evaluate("new Promise(done => { addEventListener('popstate', done); history.go(-2) })")
    called(page, "hardlink.flush()")
    seen = [(e["properties"]["path"], e["properties"]["referrer"]) for e in wire.events()]
    origin = shop.site.origin
    assert seen == [
        (start.removeprefix(origin), ""),
        ("/one", start),
        ("/two", f"{origin}/one"),
        ("/one", f"{origin}/two#a"),
    ]


def test_signs_of_life_go_on_while_the_page_is_looked_at(
    shop: Shop, device: BrowserContext
) -> None:
    wire = shop.wire(device)
    page = opened(device, shop.page(ping={"enabled": True, "interval": 0.2}))
    becomes(page, lambda: len(wire.types()) >= 3)
    assert set(wire.types()) == {"session_ping"}
    assert [event["properties"]["activity"] for event in wire.events()[:3]] == [
        "page_load",
        "ping",
        "ping",
    ]
    page.evaluate("Object.defineProperty(document, 'visibilityState', {value: 'hidden'})")
    called(page, "hardlink.flush()")
    before = len(wire.calls)
    page.wait_for_timeout(600)
    assert len(wire.calls) == before
