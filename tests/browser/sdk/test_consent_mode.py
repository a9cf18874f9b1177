"""Google Consent Mode v2: the banner's decision is the visitor's, and nothing is sent before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.snippet import render_snippet
from tests.browser.sdk.shop import (
    KEY,
    Shop,
    Traffic,
    call,
    local_storage,
    open_page,
    start_script,
    wait_in_browser,
)

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

GTAG = """
  window.dataLayer = window.dataLayer || []
  function gtag() { dataLayer.push(arguments) }
"""


def open_shop(
    shop: Shop, device: BrowserContext, before: str = ""
) -> tuple[Page, Traffic]:
    """Open a page with Google's snippet before the SDK's."""
    traffic = shop.record_traffic(device)
    snippet = render_snippet(shop.url, KEY).replace(
        "/sdk.js", "/sdk.js?with=consentmode,debug"
    )
    page = open_page(device, shop.raw_page(f"<script>{GTAG}{before}</script>{snippet}"))
    return page, traffic


@pytest.mark.parametrize(
    "before", ["", "gtag('consent', 'default', {analytics_storage: 'denied'})"]
)
def test_nothing_is_stored_or_sent_before_the_banner_is_answered(
    shop: Shop, device: BrowserContext, before: str
) -> None:
    page, traffic = open_shop(shop, device, before)
    start_script(page, "window.result = hardlink.track('a')")
    start_script(page, "gtag('consent', 'update', {ad_storage: 'granted'})")
    call(page, "hardlink.flush()")
    assert (traffic.calls, local_storage(page)) == ([], {})
    start_script(page, "gtag('consent', 'update', {analytics_storage: 'granted'})")
    assert call(page, "result")["ok"]["status"] == "stored"


@pytest.mark.parametrize("kind", ["default", "update"])
def test_what_was_decided_before_the_sdk_is_loaded_counts(
    shop: Shop, device: BrowserContext, kind: str
) -> None:
    granted = f"gtag('consent', '{kind}', {{analytics_storage: 'granted'}})"
    page, _ = open_shop(shop, device, granted)
    assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"


def test_a_visitor_who_takes_consent_back_is_opted_out(
    shop: Shop, device: BrowserContext
) -> None:
    granted = "gtag('consent', 'update', {analytics_storage: 'granted'})"
    page, traffic = open_shop(shop, device, granted)
    call(page, "hardlink.track('a')")
    start_script(page, granted.replace("granted", "denied"))
    wait_in_browser(
        page,
        lambda: [body["tracking"] for body in traffic.bodies("/consent")],
        ["granted", "denied"],
    )
    assert call(page, "hardlink.track('b')")["error"]["code"] == "opted_out"
