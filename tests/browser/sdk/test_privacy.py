"""Consent, opting out, signals of the browser, and where a session is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

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
    wait_until_true,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

SIGNALS = {
    "dnt": "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})",
    "gpc": "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})",
}
MONTHS_13 = 395 * 86400


def cookies(device: BrowserContext) -> list[Any]:
    return [c for c in device.cookies() if c.get("name") == "hardlink_session"]


def is_nothing_stored(page: Page, device: BrowserContext) -> bool:
    """Whether the SDK has stored nothing on this device."""
    return local_storage(page) == {} and cookies(device) == []


@pytest.mark.parametrize("storage", ["local", "cookie", "server"])
def test_before_consent_nothing_is_stored_and_nothing_is_sent(
    shop: Shop, device: BrowserContext, storage: str
) -> None:
    traffic = shop.record_traffic(device)
    page = open_page(
        device,
        shop.page(
            consent="required", storage=storage, customer="g", track={"visits": True}
        ),
    )
    start_script(page, "window.result = hardlink.track('held'); hardlink.flush()")
    page.wait_for_timeout(300)
    assert is_nothing_stored(page, device)
    assert traffic.calls == []
    page.reload()
    assert is_nothing_stored(page, device)
    assert traffic.calls == []


def test_calls_before_consent_are_sent_after_it(
    shop: Shop, device: BrowserContext
) -> None:
    traffic = shop.record_traffic(device)
    page = open_page(device, shop.page(consent="required", track={"visits": True}))
    start_script(page, "window.result = hardlink.track('held')")
    before = session(page)
    assert call(page, "hardlink.optIn()")["ok"]["tracking"] == "granted"
    assert call(page, "result")["ok"]["status"] == "stored"
    assert traffic.types() == ["page_visit", "held"]
    assert session(page) == before
    page.reload()
    wait_for_sdk(page)
    call(page, "hardlink.optIn()")
    call(page, "hardlink.flush()")
    assert traffic.paths().count("/consent") == 1
    assert shop.session_types(before) == ["page_visit", "held", "page_visit"]


def test_calls_before_an_opt_out_are_discarded(
    shop: Shop, device: BrowserContext
) -> None:
    traffic = shop.record_traffic(device)
    page = open_page(device, shop.page(consent="required"))
    start_script(page, "window.result = hardlink.track('held')")
    call(page, "hardlink.optOut()")
    assert call(page, "result")["error"]["code"] == "opted_out"
    assert local_storage(page) == {"hardlink.consent": "denied"}
    assert traffic.calls == []  # the service does not know this visitor


def test_an_opt_out_empties_the_queue_and_is_sent(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(batch=60_000))
    call(page, "hardlink.track('before', {}, null, null, true)")
    call(page, "hardlink.flush()")
    before = session(page)
    traffic = shop.record_traffic(device)
    start_script(page, "window.result = hardlink.track('waiting')")
    assert call(page, "hardlink.optOut()")["ok"]["tracking"] == "denied"
    assert call(page, "result")["error"]["code"] == "opted_out"
    assert call(page, "hardlink.track('after')")["error"]["code"] == "opted_out"
    assert local_storage(page) == {"hardlink.consent": "denied"}
    assert traffic.paths() == ["/consent"]
    assert shop.session_types(before) == ["before"]
    result = shop.client.track(before, "from another system").json
    assert result["results"][0]["status"] == "dropped"


def test_an_offline_opt_out_is_sent_later(shop: Shop, device: BrowserContext) -> None:
    page = open_page(device, shop.page())
    call(page, "hardlink.track('before')")
    before = session(page)
    device.set_offline(True)
    start_script(page, "hardlink.optOut()")
    wait_until_true(page, lambda: "hardlink.session" not in local_storage(page))
    page.goto("about:blank")
    device.set_offline(False)
    page = open_page(device, shop.page())
    call(page, "hardlink.flush()")
    wait_until(lambda: set(local_storage(page)), {"hardlink.consent"})
    assert shop.client.track(before, "later").json["results"][0]["status"] == "dropped"


@pytest.mark.parametrize("how", ["twice", "with another tab open"])
def test_an_opt_out_is_sent_even_if_repeated(
    shop: Shop, device: BrowserContext, how: str
) -> None:
    url = shop.page(retry=60_000)
    page, other = open_page(device, url), open_page(device, url)
    call(page, "hardlink.track('before')")
    before = session(page)
    device.set_offline(True)
    start_script(page, "window.result = hardlink.optOut()")
    if how == "twice":
        call(page, "hardlink.optOut()")
    wait_in_browser(
        other,
        lambda: call(other, "hardlink.track('b')").get("error", {}).get("code"),
        "opted_out",
    )
    device.set_offline(False)
    assert call(page, "result")["ok"]["tracking"] == "denied"
    assert shop.client.track(before, "later").json["results"][0]["status"] == "dropped"


def test_an_opt_out_raises_no_unhandled_rejection(
    shop: Shop, device: BrowserContext
) -> None:
    """The calls that the SDK made itself are rejected, and the page has no handler for them."""
    page = open_page(device, shop.page(consent="required", storage="server"))
    start_script(
        page,
        "addEventListener('unhandledrejection', event => window.hit = event.reason.message)",
    )
    call(page, "hardlink.optOut()")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None


def test_a_deleted_choice_is_not_an_opt_out_in_other_tabs(
    shop: Shop, device: BrowserContext
) -> None:
    url = shop.page(batch=60_000)
    one, other = open_page(device, url), open_page(device, url)
    call(one, "hardlink.optIn()")
    start_script(other, "window.result = hardlink.track('a')")
    one.evaluate("localStorage.removeItem('hardlink.consent')")
    wait_in_browser(
        other, lambda: "hardlink.consent" in local_storage(other), wanted=False
    )
    start_script(other, "hardlink.flush()")
    assert call(other, "result")["ok"]["status"] == "stored"


def test_opting_in_again_starts_a_new_session(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())
    call(page, "hardlink.track('before')")
    before = session(page)
    call(page, "hardlink.optOut()")
    page.reload()
    wait_for_sdk(page)
    assert call(page, "hardlink.track('no')")["error"]["code"] == "opted_out"
    assert call(page, "hardlink.optIn()")["ok"]["tracking"] == "granted"
    assert call(page, "hardlink.track('yes')")["ok"]["status"] == "stored"
    assert session(page) != before
    assert shop.session_types(session(page)) == ["yes"]


def test_an_opt_out_applies_to_all_tabs(shop: Shop, device: BrowserContext) -> None:
    url = shop.page(consent="required")
    one, other = open_page(device, url), open_page(device, url)
    start_script(other, "window.result = hardlink.track('held')")
    call(one, "hardlink.optOut()")
    assert call(other, "result")["error"]["code"] == "opted_out"
    assert call(other, "hardlink.track('b')")["error"]["code"] == "opted_out"


def test_an_opt_in_applies_to_all_tabs(shop: Shop, device: BrowserContext) -> None:
    url = shop.page(consent="required")
    one, other = open_page(device, url), open_page(device, url)
    start_script(other, "window.result = hardlink.track('held')")
    call(one, "hardlink.optIn()")
    assert call(other, "result")["ok"]["status"] == "stored"


@pytest.mark.parametrize("signal", SIGNALS)
def test_signals_of_the_browser_count_only_if_enabled(
    shop: Shop, browser: Browser, signal: str
) -> None:
    with browser.new_context() as device:
        device.add_init_script(SIGNALS[signal])
        traffic = shop.record_traffic(device)
        config: dict[str, Any] = {signal: True, "track": {"visits": True}}
        page = open_page(device, shop.page(**config))
        assert call(page, "hardlink.track('a')")["error"]["code"] == "opted_out"
        assert is_nothing_stored(page, device)
        assert traffic.calls == []
        call(
            page, "hardlink.optIn()"
        )  # an explicit choice takes precedence over the signal
        assert call(page, "hardlink.track('b')")["ok"]["status"] == "stored"
    with browser.new_context() as device:
        device.add_init_script(SIGNALS[signal])
        page = open_page(device, shop.page())
        assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"


# Where a session is stored


def test_a_session_in_a_cookie_of_the_page(shop: Shop, device: BrowserContext) -> None:
    page = open_page(device, shop.page(storage="cookie"))
    call(page, "hardlink.track('a')")
    before = session(page)
    (cookie,) = cookies(device)
    assert cookie["value"].endswith(f".{before}")
    assert cookie["expires"] - page.evaluate("Date.now() / 1000") == pytest.approx(
        MONTHS_13, abs=60
    )
    assert cookie["sameSite"] == "Lax"
    assert "hardlink.session" not in local_storage(page)
    page.reload()
    wait_for_sdk(page)
    assert session(page) == before
    device.clear_cookies()
    assert session(page) != before  # a deleted cookie is not restored


@pytest.mark.parametrize(
    "value", ["%E0%A4", "garbage", "", ".", "9999999999999999.mine", "1."]
)
def test_an_invalid_cookie_is_replaced(
    shop: Shop, device: BrowserContext, value: str
) -> None:
    site = shop.site.origin
    device.add_cookies([{"name": "hardlink_session", "value": value, "url": site}])
    page = open_page(device, shop.page(storage="cookie"))
    assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"
    (cookie,) = cookies(device)
    assert cookie["value"].endswith(f".{session(page)}")
    assert session(page) not in {"", "mine"}


def test_a_session_expires_after_13_months(shop: Shop, device: BrowserContext) -> None:
    page = open_page(device, shop.page())
    before = session(page)
    for seconds, same in ((MONTHS_13 - 60, True), (MONTHS_13 + 1, False)):
        page.evaluate(
            "([id, age]) => localStorage.setItem('hardlink.session', `${Date.now() - age * 1000}.${id}`)",
            [before, seconds],
        )
        assert (session(page) == before) is same


def test_a_session_in_a_cookie_that_the_service_sets(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(storage="server"))
    call(page, "hardlink.track('a')")
    before = session(page)
    (cookie,) = cookies(device)
    assert (cookie["value"], cookie["httpOnly"], cookie["secure"]) == (
        before,
        True,
        True,
    )
    assert cookie["expires"] - page.evaluate("Date.now() / 1000") == pytest.approx(
        MONTHS_13, abs=60
    )
    page.evaluate("localStorage.clear()")  # as Safari does after a week
    page.reload()
    wait_for_sdk(page)
    assert call(page, "hardlink.track('b')")["ok"]["status"] == "stored"
    assert session(page) == before
    assert shop.session_types(before) == ["a", "b"]
    call(page, "hardlink.anonymize()")
    call(page, "hardlink.track('c')")
    assert cookies(device)[0]["value"] == session(page) != before
    call(page, "hardlink.optOut()")
    call(page, "hardlink.flush()")
    assert cookies(device) == []
