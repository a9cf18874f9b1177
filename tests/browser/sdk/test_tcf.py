"""IAB TCF 2.2: what the consent platform reports is the visitor's choice, and nothing is sent before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.sdk.shop import (
    Shop,
    Traffic,
    call,
    local_storage,
    start_script,
    wait_for_sdk,
    wait_in_browser,
    wait_until,
)

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CMP = """<script>
  const listeners = []
  window.__tcfapi = (command, version, callback) => {
    if (command !== "addEventListener" || version !== 2) return callback(null, false)
    listeners.push(callback)
    if (window.tcData) callback({...window.tcData, listenerId: listeners.length}, true)
  }
  window.report = data => {
    window.tcData = {tcfPolicyVersion: 5, gdprApplies: true, vendor: {consents: {}}, ...data}
    listeners.forEach(callback => callback(window.tcData, true))
  }
</script>"""
ALL = "{1: true, 8: true}"


def open_shop(
    shop: Shop, device: BrowserContext, cmp: str = CMP, **config: Any
) -> tuple[Page, Traffic]:
    """Open a page with a consent platform before the SDK."""
    traffic = shop.record_traffic(device)
    url = shop.page(adapters="tcf,debug", **config)
    path = url.removeprefix(shop.site.origin)
    shop.site.pages[path] = cmp + shop.site.pages[path]
    page = device.new_page()
    page.goto(url)
    wait_for_sdk(page)
    return page, traffic


def report(page: Page, status: str, purposes: str, **more: str) -> None:
    """Let the platform report a visitor's purposes."""
    fields = "".join(f", {name}: {text}" for name, text in more.items())
    start_script(
        page,
        f"report({{eventStatus: '{status}', purpose: {{consents: {purposes}}}{fields}}})",
    )


def is_undecided(page: Page, traffic: Traffic) -> bool:
    call(page, "hardlink.flush()")
    return (traffic.calls, local_storage(page)) == ([], {})


def test_nothing_is_stored_or_sent_before_the_visitor_decides(
    shop: Shop, device: BrowserContext
) -> None:
    page, traffic = open_shop(shop, device)
    start_script(page, "window.result = hardlink.track('a')")
    assert is_undecided(page, traffic)
    report(page, "cmpuishown", ALL)  # the earlier decision, which is being changed
    assert is_undecided(page, traffic)
    report(page, "useractioncomplete", ALL)
    assert call(page, "result")["ok"]["status"] == "stored"


def test_a_decision_of_an_earlier_page_counts(
    shop: Shop, device: BrowserContext
) -> None:
    granted = f"<script>report({{eventStatus: 'tcloaded', purpose: {{consents: {ALL}}}}})</script>"
    page, _ = open_shop(shop, device, CMP + granted)
    assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"


@pytest.mark.parametrize("purposes", ["{1: true}", "{8: true}", "{}"])
def test_a_visitor_who_refuses_a_purpose_is_opted_out(
    shop: Shop, device: BrowserContext, purposes: str
) -> None:
    page, traffic = open_shop(shop, device)
    start_script(page, "window.result = hardlink.track('a')")
    report(page, "useractioncomplete", purposes)
    assert call(page, "result")["error"]["code"] == "opted_out"
    assert traffic.calls == []


def test_consent_that_is_taken_back_opts_out(
    shop: Shop, device: BrowserContext
) -> None:
    page, traffic = open_shop(shop, device)
    report(page, "useractioncomplete", ALL)
    call(page, "hardlink.track('a')")
    report(page, "useractioncomplete", "{1: true, 8: false}")
    wait_in_browser(
        page,
        lambda: [body["tracking"] for body in traffic.bodies("/consent")],
        ["granted", "denied"],
    )
    assert call(page, "hardlink.track('b')")["error"]["code"] == "opted_out"


def test_the_shops_purposes_and_vendor_are_asked_for(
    shop: Shop, device: BrowserContext
) -> None:
    page, traffic = open_shop(shop, device, tcf={"purposes": [1, 9], "vendor": 755})
    start_script(page, "window.result = hardlink.track('a')")
    purposes = "{1: true, 9: true}"
    report(page, "cmpuishown", purposes, vendor="{consents: {755: true}}")
    assert is_undecided(page, traffic)
    report(page, "useractioncomplete", purposes, vendor="{consents: {755: true}}")
    assert call(page, "result")["ok"]["status"] == "stored"
    report(page, "useractioncomplete", purposes, vendor="{consents: {755: false}}")
    assert call(page, "hardlink.track('b')")["error"]["code"] == "opted_out"


@pytest.mark.parametrize("signal", ["false", "true"])
def test_where_the_gdpr_does_not_apply_the_browsers_signals_count(
    shop: Shop, device: BrowserContext, signal: str
) -> None:
    device.add_init_script(
        f"Object.defineProperty(navigator, 'globalPrivacyControl', {{value: {signal}}})"
    )
    page, _ = open_shop(shop, device, gpc=True)
    start_script(page, "window.result = hardlink.track('a')")
    report(page, "tcloaded", "{}", gdprApplies="false")
    outcome = call(page, "result")
    expected = "opted_out" if signal == "true" else None
    assert outcome.get("error", {}).get("code") == expected


def test_an_opt_out_is_remembered_where_the_gdpr_does_not_apply(
    shop: Shop, device: BrowserContext
) -> None:
    free = "<script>report({eventStatus: 'tcloaded', gdprApplies: false})</script>"
    page, traffic = open_shop(shop, device, CMP + free)
    assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"
    call(page, "hardlink.optOut()")
    reported = [body["tracking"] for body in traffic.bodies("/consent")]
    page.reload()
    wait_for_sdk(page)
    assert call(page, "hardlink.track('b')")["error"]["code"] == "opted_out"
    call(page, "hardlink.flush()")
    assert local_storage(page)["hardlink.consent"] == "denied"
    assert reported == [body["tracking"] for body in traffic.bodies("/consent")]
    assert reported == ["granted", "denied"]


def test_a_page_without_a_consent_platform_is_told(
    shop: Shop, device: BrowserContext
) -> None:
    warnings: list[str] = []
    device.on("console", lambda message: warnings.append(message.text))
    _, traffic = open_shop(shop, device, "")
    wait_until(lambda: any("no __tcfapi" in text for text in warnings), wanted=True)
    assert traffic.calls == []
