"""How the SDK comes to a page: once, twice, piece by piece, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.snippet import snippet
from tests.browser.sdk.shop import KEY, Shop, begins, called, opened, session, settles, shown
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

VISITS: dict[str, Any] = {"track": {"visits": True}}


@pytest.mark.parametrize("word", ["start", "initialize"])
def test_a_second_start_says_what_changed_and_begins_nothing_again(
    shop: Shop, device: BrowserContext, word: str
) -> None:
    customer = fresh("c")
    wire = shop.wire(device)
    page = opened(device, shop.page(**VISITS))
    called(page, f"hardlink.{word}({{customer: '{customer}', hardId: 'loyalty'}})")
    called(page, "hardlink.flush()")
    assert wire.types() == ["page_visit"]
    found = shop.client.get("sessions", session(page)).json["customer"]
    assert found == {"type": "loyalty", "value": customer}
    page.evaluate("history.pushState({}, '', '/again')")
    called(page, "hardlink.flush()")
    assert wire.types() == ["page_visit", "page_visit"]


@pytest.mark.parametrize("first", ["", "?with=xo"])
def test_a_second_script_brings_what_the_first_did_not(
    shop: Shop, device: BrowserContext, first: str
) -> None:
    text = snippet(shop.url, KEY).replace("/sdk.js", f"/sdk.js{first}")
    wire = shop.wire(device)
    page = opened(device, shop.raw_page(text))
    shown(page, lambda: wire.types()[:2], ["session_ping", "page_visit"])
    page.evaluate("window.first = hardlink")
    page.add_script_tag(url=f"{shop.url}/sdk.js?with=xo,tracardi")
    assert page.evaluate("hardlink === first")
    told = called(page, "hardlink.xo.send({action: 'view', target: {product: '1'}})")
    assert told["ok"]["status"] == "stored"
    assert called(page, "hardlink.tracardi.track('a')")["ok"]["session"]["id"] == session(page)
    assert wire.types() == ["session_ping", "page_visit", "view", "a"]


def test_nothing_else_of_it_is_seen_by_the_page(shop: Shop, device: BrowserContext) -> None:
    """Nor by its own parts, which are scripts one after the other."""
    page = device.new_page()
    page.goto(shop.raw_page(""))
    before = page.evaluate("Object.getOwnPropertyNames(window)")
    page.add_script_tag(url=f"{shop.url}/sdk.js?with=ecommerce,xo,helloretail,tracardi")
    page.add_script_tag(content="try { window.leak = [e, t, s, n] } catch {}")
    after = page.evaluate("Object.getOwnPropertyNames(window)")
    assert set(after) - set(before) == {"hardlink", "hardlinkWords"}


def test_a_page_whose_script_is_blocked_goes_on(shop: Shop, device: BrowserContext) -> None:
    device.route("**/sdk.js*", lambda route: route.abort())
    page = device.new_page()
    page.goto(shop.page("hardlink.track('a').then(() => window.told = 1); window.went = true"))
    assert page.evaluate("[went, typeof hardlink.xo.send, window.told]") == [True, "function", None]


def test_what_a_page_does_to_the_stub_stops_nothing(shop: Shop, device: BrowserContext) -> None:
    script = """
      try { `${hardlink}` } catch {}
      JSON.stringify({hardlink})
      Promise.resolve(hardlink).then(found => window.same = found === hardlink)
      hardlink.track('a')
    """
    page = opened(device, shop.page(script))
    settles(lambda: shop.session_types(session(page)), ["a"])
    assert page.evaluate("same")


def test_before_it_is_started_nothing_is_sent(shop: Shop, device: BrowserContext) -> None:
    """Not even a no that was said offline: nobody knows yet where to."""
    page = opened(device, shop.page())
    called(page, "hardlink.track('before')")
    before = session(page)
    device.set_offline(True)
    begins(page, "hardlink.optOut()")
    page.goto("about:blank")  # which would send it as soon as it is online
    device.set_offline(False)
    wrong: list[str] = []
    device.on("request", lambda found: wrong.append(found.url) if found.method == "POST" else None)
    page.goto(shop.raw_page(f'<script src="{shop.url}/sdk.js"></script>'))
    called(page, "hardlink.flush()")
    assert wrong == []
    page = opened(device, shop.page())
    settles(lambda: shop.client.track(before, "x").json["results"][0]["status"], "dropped")


def test_a_no_that_is_said_before_the_start_is_told_after_it(
    shop: Shop, device: BrowserContext
) -> None:
    page = opened(device, shop.page())
    called(page, "hardlink.track('before')")
    before = session(page)
    page.goto(shop.raw_page(f'<script src="{shop.url}/sdk.js"></script>'))
    begins(page, "hardlink.optOut()")
    opened(device, shop.page())
    settles(lambda: shop.client.track(before, "x").json["results"][0]["status"], "dropped")
