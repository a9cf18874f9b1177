"""A whole visit: two devices, two logins, and the customer's timeline afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.snippet import snippet
from tests.browser.sdk.shop import Shop, called, opened, ready, session, settles, shown
from tests.http.service import fresh
from tests.support.signing import proof

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext


def test_two_devices_of_one_customer(shop: Shop, device: BrowserContext, browser: Browser) -> None:
    gordon = fresh("gordon")
    home = shop.page()
    phone = opened(device, home)
    called(phone, "hardlink.track('view_item', {product: 'crowbar'})")
    told = called(phone, f"hardlink.identify('{gordon}', {{first_name: 'Gordon'}})")
    assert told["ok"]["customer"] == {"type": "registered", "value": gordon}
    called(phone, "hardlink.track('cart_update')")
    with browser.new_context() as other:
        laptop = opened(other, home)
        called(laptop, "hardlink.track('view_category')")
        called(laptop, f"hardlink.identify({{registered: '{gordon}'}})")
        called(laptop, "hardlink.track('purchase', {total: 7.99}, null, null, true)")
        assert session(laptop) != session(phone)
    types = ["view_item", "cart_update", "view_category", "purchase"]
    shop.client.settles("registered", gordon, *types)
    found = shop.customer("registered", gordon)
    assert found["attributes"] == {"first_name": "Gordon"}
    assert len(found["sessions"]) == 2


def test_logging_out_leaves_the_next_visitor_unknown(shop: Shop, device: BrowserContext) -> None:
    gordon, barney = fresh("gordon"), fresh("barney")
    page = opened(device, shop.page())
    page.evaluate("hardlink.track('before')")
    page.evaluate(f"hardlink.identify('{gordon}')")
    page.evaluate("hardlink.track('known')")
    first = session(page)
    told = called(page, "hardlink.anonymize()")
    second = session(page)
    assert told == {"ok": {"session": {"id": second}}}
    assert second != first
    page.evaluate("hardlink.track('after')")
    page.evaluate(f"hardlink.identify('{barney}')")
    called(page, "hardlink.flush()")
    shop.client.settles("registered", gordon, "before", "known")
    shop.client.settles("registered", barney, "after")
    assert shop.session_types(first) == ["before", "known"]


def test_who_proves_who_they_are_is_known(shop: Shop, device: BrowserContext) -> None:
    gordon = fresh("gordon")
    page = opened(device, shop.page(token="signed-key"))
    called(page, "hardlink.track('before')")
    told = page.evaluate(f"hardlink.identify('{gordon}').catch(error => error.code)")
    assert told == "unsigned"
    signature = proof(gordon)
    page.evaluate(
        f"hardlink.start({{token: 'signed-key', target: {shop.url!r}, signature: {signature!r}}})"
    )
    told = called(page, f"hardlink.identify('{gordon}')")
    assert told["ok"]["customer"] == {"type": "registered", "value": gordon}
    shop.client.settles("registered", gordon, "before")


def test_the_session_and_the_profile_survive_a_page_load(
    shop: Shop, device: BrowserContext
) -> None:
    page = opened(device, shop.page())
    called(page, "hardlink.track('one')")
    before = session(page), page.evaluate("hardlink.getProfile()")
    assert all(before)
    page.reload()
    ready(page)
    assert (session(page), page.evaluate("hardlink.getProfile()")) == before
    wire = shop.wire(device)
    called(page, "hardlink.track('two')")
    (body,) = wire.bodies("/track")
    assert body["profile"] == {"id": before[1]}
    assert shop.session_types(before[0]) == ["one", "two"]


def test_a_profile_that_is_gone_is_kept_no_more(shop: Shop, device: BrowserContext) -> None:
    """Its visitor was erased, and what comes too late is answered none."""
    page = opened(device, shop.page(vocabularies="tracardi"))
    called(page, "hardlink.track('one')")
    erase = f"/sessions/{session(page)}/erase"
    key = {"authorization": f"Bearer {shop.client.key}"}
    assert shop.client.send("POST", erase, b"", key).status == 202
    late = "{type: 'late', time: '2026-01-01T00:00:00Z'}"
    told = called(page, f"hardlink.tracardi.send({{events: [{late}]}})")
    assert told["ok"]["results"][0]["status"] == "dropped"
    assert page.evaluate("hardlink.getProfile()") is None
    wire = shop.wire(device)
    called(page, "hardlink.track('two')")
    (body,) = wire.bodies("/track")
    assert "profile" not in body
    assert page.evaluate("hardlink.getProfile()")


def test_calls_before_the_script_arrives_are_carried_out_in_their_order(
    shop: Shop, device: BrowserContext
) -> None:
    script = """
      hardlink.track('early')
      hardlink.identify('%s').then(told => window.told = told)
      hardlink.track('late')
    """
    customer = fresh("early")
    page = opened(device, shop.page(script % customer))
    page.wait_for_function("window.told")
    assert page.evaluate("told.customer.value") == customer
    settles(lambda: shop.session_types(session(page)), ["early", "late"])
    shop.client.settles("registered", customer, "early", "late")


def test_the_snippet_itself_tracks_visits(shop: Shop, device: BrowserContext) -> None:
    wire = shop.wire(device)
    opened(device, shop.raw_page(snippet(shop.url, "web-key")))
    settles(wire.types, ["session_ping", "page_visit"])


def test_it_is_an_es_module_as_well(shop: Shop, device: BrowserContext) -> None:
    page = device.new_page()
    page.goto(
        shop.raw_page(
            f"""<script type="module">
            import hardlink from "{shop.url}/sdk.mjs"
            hardlink.start({{token: "web-key", target: "{shop.url}", ping: {{enabled: false}}}})
            window.told = await hardlink.track("from a module", {{}}, null, null, true)
            </script>"""
        )
    )
    page.wait_for_function("window.told")
    assert page.evaluate("told.status") == "stored"


def test_a_strict_content_security_policy_lets_it_work(shop: Shop, device: BrowserContext) -> None:
    policy = f"default-src 'none'; script-src 'nonce-abc'; connect-src {shop.url}; img-src data:"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    text = snippet(shop.url, "web-key").replace("<script", '<script nonce="abc"')
    wire = shop.wire(device)
    page = device.new_page()
    page.goto(shop.raw_page(meta + text))
    shown(page, wire.types, ["session_ping", "page_visit"])
