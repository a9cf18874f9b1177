"""`sdk.js?with=visitor`: a page reads public traits and segments of its own visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.browser.sdk.shop import Shop, call, open_page, start_script
from tests.http.service import fresh
from tests.support import signing

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

NO_VALUES: dict[str, Any] = {"traits": {}, "segments": {}, "incomplete": {}}


def view(product: str) -> str:
    return f"hardlink.track('product_detail', {{product_id: '{product}'}})"


def open_shop(
    shop: Shop, device: BrowserContext, script: str = "", **config: Any
) -> Page:
    return open_page(device, shop.page(script, adapters="visitor", **config))


def asked(shop: Shop, device: BrowserContext) -> list[str]:
    """URLs that a device reads of `/visitor` from now on."""
    urls: list[str] = []
    path = f"{shop.url}/visitor"

    def record(url: str) -> None:
        if url.startswith(path):
            urls.append(url)

    device.on("request", lambda request: record(request.url))
    return urls


def test_a_visitors_values_have_what_the_page_has_just_tracked(
    shop: Shop, device: BrowserContext
) -> None:
    # before the SDK is loaded, and so also by the snippet's stub
    script = f"{view('lamp')}; {view('rug')}; window.values = hardlink.visitor()"
    page = open_shop(shop, device, script)
    assert call(page, "window.values")["ok"] == {
        "traits": {"recently_viewed": ["rug", "lamp"]},
        "segments": {"looks_around": True},
        "incomplete": {},
    }


def test_a_known_customers_values_need_the_signature(
    shop: Shop, device: BrowserContext
) -> None:
    customer = fresh("gordon")
    urls = asked(shop, device)
    page = open_shop(shop, device)
    start_script(page, f"{view('lamp')}; hardlink.identify('{customer}')")
    refused = call(page, "hardlink.visitor()")["error"]
    assert (refused["code"], refused["status"]) == ("unsigned", 403)
    token = signing.proof(customer)
    start_script(
        page,
        f"hardlink.start({{token: 'web-key', target: '{shop.url}', signature: '{token}'}})",
    )
    found = call(page, "hardlink.visitor()")["ok"]
    assert found["traits"] == {"recently_viewed": ["lamp"]}
    assert not [url for url in urls if token in url]


def test_without_consent_nothing_is_sent_and_there_are_no_values(
    shop: Shop, device: BrowserContext
) -> None:
    urls = asked(shop, device)
    page = open_shop(shop, device, consent="required")
    assert call(page, "hardlink.visitor()")["ok"] == NO_VALUES
    call(page, "hardlink.optIn()")
    assert call(page, "hardlink.visitor()")["ok"]["segments"] == {"looks_around": False}
    call(page, "hardlink.optOut()")
    assert call(page, "hardlink.visitor()")["ok"] == NO_VALUES
    assert len(urls) == 1


def test_a_service_that_does_not_answer_fails_quietly(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_shop(shop, device)
    warned: list[str] = []
    page.on(
        "console",
        lambda shown: warned.append(shown.text) if shown.type == "warning" else None,
    )
    device.route(lambda url: "/visitor" in url, lambda route: route.abort())
    script = "new Promise(resolve => hardlink.visitor(null, resolve))"
    assert call(page, f"{script}.then(error => error.code)")["ok"] == "unreachable"
    assert warned == []
