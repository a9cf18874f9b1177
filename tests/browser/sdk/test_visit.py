"""A whole visit: two devices, two logins, and the customer's timeline afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.snippet import render_snippet
from tests.browser.sdk.shop import (
    Shop,
    call,
    open_page,
    session,
    wait_for_sdk,
    wait_in_browser,
    wait_until,
)
from tests.http.service import fresh
from tests.support.signing import proof

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext


def test_two_devices_of_one_customer(
    shop: Shop, device: BrowserContext, browser: Browser
) -> None:
    gordon = fresh("gordon")
    home = shop.page()
    phone = open_page(device, home)
    call(phone, "hardlink.track('view_item', {product: 'crowbar'})")
    result = call(phone, f"hardlink.identify('{gordon}', {{first_name: 'Gordon'}})")
    assert result["ok"]["customer"] == {"type": "registered", "value": gordon}
    call(phone, "hardlink.track('cart_update')")
    with browser.new_context() as other:
        laptop = open_page(other, home)
        call(laptop, "hardlink.track('view_category')")
        call(laptop, f"hardlink.identify({{registered: '{gordon}'}})")
        call(laptop, "hardlink.track('purchase', {total: 7.99}, null, null, true)")
        assert session(laptop) != session(phone)
    types = ["view_item", "cart_update", "view_category", "purchase"]
    shop.client.settles("registered", gordon, *types)
    found = shop.customer("registered", gordon)
    assert found["attributes"] == {"first_name": "Gordon"}
    assert len(found["sessions"]) == 2


def test_logging_out_leaves_the_next_visitor_unknown(
    shop: Shop, device: BrowserContext
) -> None:
    gordon, barney = fresh("gordon"), fresh("barney")
    page = open_page(device, shop.page())
    page.evaluate("hardlink.track('before')")
    page.evaluate(f"hardlink.identify('{gordon}')")
    page.evaluate("hardlink.track('known')")
    first = session(page)
    result = call(page, "hardlink.anonymize()")
    second = session(page)
    assert result == {"ok": {"session": {"id": second}}}
    assert second != first
    page.evaluate("hardlink.track('after')")
    page.evaluate(f"hardlink.identify('{barney}')")
    call(page, "hardlink.flush()")
    shop.client.settles("registered", gordon, "before", "known")
    shop.client.settles("registered", barney, "after")
    assert shop.session_types(first) == ["before", "known"]


def test_a_signed_identity_is_accepted(shop: Shop, device: BrowserContext) -> None:
    gordon = fresh("gordon")
    page = open_page(device, shop.page(token="signed-key"))
    call(page, "hardlink.track('before')")
    result = page.evaluate(f"hardlink.identify('{gordon}').catch(error => error.code)")
    assert result == "unsigned"
    signature = proof(gordon)
    page.evaluate(
        f"hardlink.start({{token: 'signed-key', target: {shop.url!r}, signature: {signature!r}}})"
    )
    result = call(page, f"hardlink.identify('{gordon}')")
    assert result["ok"]["customer"] == {"type": "registered", "value": gordon}
    shop.client.settles("registered", gordon, "before")


def test_the_session_and_the_profile_survive_a_page_load(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())
    call(page, "hardlink.track('one')")
    before = session(page), page.evaluate("hardlink.getProfile()")
    assert all(before)
    page.reload()
    wait_for_sdk(page)
    assert (session(page), page.evaluate("hardlink.getProfile()")) == before
    traffic = shop.record_traffic(device)
    call(page, "hardlink.track('two')")
    (body,) = traffic.bodies("/track")
    assert body["profile"] == {"id": before[1]}
    assert shop.session_types(before[0]) == ["one", "two"]


def test_the_profile_of_an_erased_visitor_is_forgotten(
    shop: Shop, device: BrowserContext
) -> None:
    """An event from before the erasure is dropped, and the answer names no profile."""
    page = open_page(device, shop.page(adapters="tracardi"))
    call(page, "hardlink.track('one')")
    erase = f"/sessions/{session(page)}/erase"
    key = {"authorization": f"Bearer {shop.client.key}"}
    assert shop.client.send("POST", erase, b"", key).status == 202
    late = "{type: 'late', time: '2026-01-01T00:00:00Z'}"
    result = call(page, f"hardlink.tracardi.send({{events: [{late}]}})")
    assert result["ok"]["results"][0]["status"] == "dropped"
    assert page.evaluate("hardlink.getProfile()") is None
    traffic = shop.record_traffic(device)
    call(page, "hardlink.track('two')")
    (body,) = traffic.bodies("/track")
    assert "profile" not in body
    assert page.evaluate("hardlink.getProfile()")


def test_calls_before_the_script_is_loaded_are_made_in_order(
    shop: Shop, device: BrowserContext
) -> None:
    script = """
      hardlink.track('early')
      hardlink.identify('%s').then(result => window.result = result)
      hardlink.track('late')
    """
    customer = fresh("early")
    page = open_page(device, shop.page(script % customer))
    page.wait_for_function("window.result")
    assert page.evaluate("result.customer.value") == customer
    wait_until(lambda: shop.session_types(session(page)), ["early", "late"])
    shop.client.settles("registered", customer, "early", "late")


def test_the_snippet_tracks_visits(shop: Shop, device: BrowserContext) -> None:
    traffic = shop.record_traffic(device)
    open_page(device, shop.raw_page(render_snippet(shop.url, "web-key")))
    wait_until(traffic.types, ["session_ping", "page_visit"])


def test_it_can_be_imported_as_an_es_module(shop: Shop, device: BrowserContext) -> None:
    page = device.new_page()
    page.goto(
        shop.raw_page(
            f"""<script type="module">
            import hardlink from "{shop.url}/sdk.mjs"
            hardlink.start({{token: "web-key", target: "{shop.url}", ping: {{enabled: false}}}})
            window.result = await hardlink.track("from a module", {{}}, null, null, true)
            </script>"""
        )
    )
    page.wait_for_function("window.result")
    assert page.evaluate("result.status") == "stored"


def test_it_works_under_a_strict_content_security_policy(
    shop: Shop, device: BrowserContext
) -> None:
    policy = f"default-src 'none'; script-src 'nonce-abc'; connect-src {shop.url}; img-src data:"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    text = render_snippet(shop.url, "web-key").replace("<script", '<script nonce="abc"')
    traffic = shop.record_traffic(device)
    page = device.new_page()
    page.goto(shop.raw_page(meta + text))
    wait_in_browser(page, traffic.types, ["session_ping", "page_visit"])
