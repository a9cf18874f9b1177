"""Loading the SDK: once, twice, with more adapters later, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from infra.snippet import render_snippet
from tests.browser.sdk.shop import (
    KEY,
    Shop,
    call,
    open_page,
    session,
    start_script,
    wait_in_browser,
    wait_until,
)
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

VISITS: dict[str, Any] = {"track": {"visits": True}}


@pytest.mark.parametrize("method", ["start", "initialize"])
def test_a_second_start_changes_options_and_does_not_track_again(
    shop: Shop, device: BrowserContext, method: str
) -> None:
    customer = fresh("c")
    traffic = shop.record_traffic(device)
    page = open_page(device, shop.page(**VISITS))
    call(page, f"hardlink.{method}({{customer: '{customer}', hardId: 'loyalty'}})")
    call(page, "hardlink.flush()")
    assert traffic.types() == ["page_visit"]
    found = shop.client.get("sessions", session(page)).json["customer"]
    assert found == {"type": "loyalty", "value": customer}
    page.evaluate("history.pushState({}, '', '/again')")
    call(page, "hardlink.flush()")
    assert traffic.types() == ["page_visit", "page_visit"]


@pytest.mark.parametrize("first", ["", "?with=xo"])
def test_a_second_script_adds_adapters_to_the_first(
    shop: Shop, device: BrowserContext, first: str
) -> None:
    text = render_snippet(shop.url, KEY).replace("/sdk.js", f"/sdk.js{first}")
    traffic = shop.record_traffic(device)
    page = open_page(device, shop.raw_page(text))
    wait_in_browser(page, lambda: traffic.types()[:2], ["session_ping", "page_visit"])
    page.evaluate("window.first = hardlink")
    page.add_script_tag(url=f"{shop.url}/sdk.js?with=xo,tracardi")
    assert page.evaluate("hardlink === first")
    result = call(page, "hardlink.xo.send({action: 'view', target: {product: '1'}})")
    assert result["ok"]["status"] == "stored"
    assert call(page, "hardlink.tracardi.track('a')")["ok"]["session"]["id"] == session(
        page
    )
    assert traffic.types() == ["session_ping", "page_visit", "view", "a"]


def test_it_adds_only_two_globals_to_the_page(
    shop: Shop, device: BrowserContext
) -> None:
    """Neither does one adapter see the variables of another, though all are in one file."""
    page = device.new_page()
    page.goto(shop.raw_page(""))
    before = page.evaluate("Object.getOwnPropertyNames(window)")
    page.add_script_tag(url=f"{shop.url}/sdk.js?with=ecommerce,xo,helloretail,tracardi")
    page.add_script_tag(content="try { window.leak = [e, t, s, n] } catch {}")
    after = page.evaluate("Object.getOwnPropertyNames(window)")
    assert set(after) - set(before) == {"hardlink", "hardlinkAdapters"}


def test_a_page_works_without_the_script(shop: Shop, device: BrowserContext) -> None:
    device.route("**/sdk.js*", lambda route: route.abort())
    page = device.new_page()
    page.goto(
        shop.page(
            "hardlink.track('a').then(() => window.result = 1); window.went = true"
        )
    )
    assert page.evaluate("[went, typeof hardlink.xo.send, window.result]") == [
        True,
        "function",
        None,
    ]


def test_the_stub_survives_being_printed_serialized_and_awaited(
    shop: Shop, device: BrowserContext
) -> None:
    script = """
      try { `${hardlink}` } catch {}
      JSON.stringify({hardlink})
      Promise.resolve(hardlink).then(found => window.same = found === hardlink)
      hardlink.track('a')
    """
    page = open_page(device, shop.page(script))
    wait_until(lambda: shop.session_types(session(page)), ["a"])
    assert page.evaluate("same")


def test_nothing_is_sent_before_it_is_started(
    shop: Shop, device: BrowserContext
) -> None:
    """Not even an earlier opt-out that is still queued: the service's URL is not known yet."""
    page = open_page(device, shop.page())
    call(page, "hardlink.track('before')")
    before = session(page)
    device.set_offline(True)
    start_script(page, "hardlink.optOut()")
    page.goto("about:blank")  # the shop's page would send it as soon as it is online
    device.set_offline(False)
    posted: list[str] = []
    device.on(
        "request",
        lambda request: (
            posted.append(request.url) if request.method == "POST" else None
        ),
    )
    page.goto(shop.raw_page(f'<script src="{shop.url}/sdk.js"></script>'))
    call(page, "hardlink.flush()")
    assert posted == []
    page = open_page(device, shop.page())
    wait_until(
        lambda: shop.client.track(before, "x").json["results"][0]["status"], "dropped"
    )


def test_an_opt_out_before_the_start_is_sent_after_it(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())
    call(page, "hardlink.track('before')")
    before = session(page)
    page.goto(shop.raw_page(f'<script src="{shop.url}/sdk.js"></script>'))
    start_script(page, "hardlink.optOut()")
    open_page(device, shop.page())
    wait_until(
        lambda: shop.client.track(before, "x").json["results"][0]["status"], "dropped"
    )
