"""Consent, opting out, what a browser signals, and where a session is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.sdk.shop import (
    Shop,
    becomes,
    begins,
    called,
    kept,
    opened,
    ready,
    session,
    settles,
    shown,
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


def nothing(page: Page, device: BrowserContext) -> bool:
    """Whether this device keeps nothing at all."""
    return kept(page) == {} and cookies(device) == []


@pytest.mark.parametrize("storage", ["local", "cookie", "server"])
def test_before_consent_nothing_is_stored_and_nothing_is_sent(
    shop: Shop, device: BrowserContext, storage: str
) -> None:
    wire = shop.wire(device)
    page = opened(
        device, shop.page(consent="required", storage=storage, customer="g", track={"visits": True})
    )
    begins(page, "window.told = hardlink.track('held'); hardlink.flush()")
    page.wait_for_timeout(300)
    assert nothing(page, device)
    assert wire.calls == []
    page.reload()
    assert nothing(page, device)
    assert wire.calls == []


def test_what_was_held_is_sent_after_consent(shop: Shop, device: BrowserContext) -> None:
    wire = shop.wire(device)
    page = opened(device, shop.page(consent="required", track={"visits": True}))
    begins(page, "window.told = hardlink.track('held')")
    before = session(page)
    assert called(page, "hardlink.optIn()")["ok"]["tracking"] == "granted"
    assert called(page, "told")["ok"]["status"] == "stored"
    assert wire.types() == ["page_visit", "held"]
    assert session(page) == before
    page.reload()
    ready(page)
    called(page, "hardlink.optIn()")
    called(page, "hardlink.flush()")
    assert wire.paths().count("/consent") == 1
    assert shop.session_types(before) == ["page_visit", "held", "page_visit"]


def test_what_was_held_is_forgotten_after_a_no(shop: Shop, device: BrowserContext) -> None:
    wire = shop.wire(device)
    page = opened(device, shop.page(consent="required"))
    begins(page, "window.told = hardlink.track('held')")
    called(page, "hardlink.optOut()")
    assert called(page, "told")["error"]["code"] == "opted_out"
    assert kept(page) == {"hardlink.consent": "denied"}
    assert wire.calls == []  # nobody is known there who could have said no


def test_opting_out_empties_the_queue_and_tells_the_server(
    shop: Shop, device: BrowserContext
) -> None:
    page = opened(device, shop.page(batch=60_000))
    called(page, "hardlink.track('before', {}, null, null, true)")
    called(page, "hardlink.flush()")
    before = session(page)
    wire = shop.wire(device)
    begins(page, "window.told = hardlink.track('waiting')")
    assert called(page, "hardlink.optOut()")["ok"]["tracking"] == "denied"
    assert called(page, "told")["error"]["code"] == "opted_out"
    assert called(page, "hardlink.track('after')")["error"]["code"] == "opted_out"
    assert kept(page) == {"hardlink.consent": "denied"}
    assert wire.paths() == ["/consent"]
    assert shop.session_types(before) == ["before"]
    told = shop.client.track(before, "from another system").json
    assert told["results"][0]["status"] == "dropped"


def test_a_no_that_was_said_offline_is_told_later(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    called(page, "hardlink.track('before')")
    before = session(page)
    device.set_offline(True)
    begins(page, "hardlink.optOut()")
    becomes(page, lambda: "hardlink.session" not in kept(page))
    page.goto("about:blank")
    device.set_offline(False)
    page = opened(device, shop.page())
    called(page, "hardlink.flush()")
    settles(lambda: set(kept(page)), {"hardlink.consent"})
    assert shop.client.track(before, "later").json["results"][0]["status"] == "dropped"


@pytest.mark.parametrize("how", ["twice", "with another tab open"])
def test_a_no_is_told_however_often_it_is_heard(
    shop: Shop, device: BrowserContext, how: str
) -> None:
    url = shop.page(retry=60_000)
    page, other = opened(device, url), opened(device, url)
    called(page, "hardlink.track('before')")
    before = session(page)
    device.set_offline(True)
    begins(page, "window.told = hardlink.optOut()")
    if how == "twice":
        called(page, "hardlink.optOut()")
    shown(
        other,
        lambda: called(other, "hardlink.track('b')").get("error", {}).get("code"),
        "opted_out",
    )
    device.set_offline(False)
    assert called(page, "told")["ok"]["tracking"] == "denied"
    assert shop.client.track(before, "later").json["results"][0]["status"] == "dropped"


def test_what_a_no_takes_back_is_no_error_of_the_page(shop: Shop, device: BrowserContext) -> None:
    """Nobody listens to what the SDK says by itself; a promise of it that fails bothers nobody."""
    page = opened(device, shop.page(consent="required", storage="server"))
    begins(
        page, "addEventListener('unhandledrejection', event => window.hit = event.reason.message)"
    )
    called(page, "hardlink.optOut()")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None


def test_a_choice_that_is_forgotten_in_one_tab_is_no_no_in_others(
    shop: Shop, device: BrowserContext
) -> None:
    url = shop.page(batch=60_000)
    one, other = opened(device, url), opened(device, url)
    called(one, "hardlink.optIn()")
    begins(other, "window.told = hardlink.track('a')")
    one.evaluate("localStorage.removeItem('hardlink.consent')")
    shown(other, lambda: "hardlink.consent" in kept(other), wanted=False)
    begins(other, "hardlink.flush()")
    assert called(other, "told")["ok"]["status"] == "stored"


def test_opting_in_again_begins_anew(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    called(page, "hardlink.track('before')")
    before = session(page)
    called(page, "hardlink.optOut()")
    page.reload()
    ready(page)
    assert called(page, "hardlink.track('no')")["error"]["code"] == "opted_out"
    assert called(page, "hardlink.optIn()")["ok"]["tracking"] == "granted"
    assert called(page, "hardlink.track('yes')")["ok"]["status"] == "stored"
    assert session(page) != before
    assert shop.session_types(session(page)) == ["yes"]


def test_a_no_in_one_tab_is_a_no_in_all(shop: Shop, device: BrowserContext) -> None:
    url = shop.page(consent="required")
    one, other = opened(device, url), opened(device, url)
    begins(other, "window.told = hardlink.track('held')")
    called(one, "hardlink.optOut()")
    assert called(other, "told")["error"]["code"] == "opted_out"
    assert called(other, "hardlink.track('b')")["error"]["code"] == "opted_out"


def test_a_yes_in_one_tab_is_a_yes_in_all(shop: Shop, device: BrowserContext) -> None:
    url = shop.page(consent="required")
    one, other = opened(device, url), opened(device, url)
    begins(other, "window.told = hardlink.track('held')")
    called(one, "hardlink.optIn()")
    assert called(other, "told")["ok"]["status"] == "stored"


@pytest.mark.parametrize("signal", SIGNALS)
def test_what_a_browser_signals_is_honoured_where_the_shop_says_so(
    shop: Shop, browser: Browser, signal: str
) -> None:
    with browser.new_context() as device:
        device.add_init_script(SIGNALS[signal])
        wire = shop.wire(device)
        config: dict[str, Any] = {signal: True, "track": {"visits": True}}
        page = opened(device, shop.page(**config))
        assert called(page, "hardlink.track('a')")["error"]["code"] == "opted_out"
        assert nothing(page, device)
        assert wire.calls == []
        called(page, "hardlink.optIn()")  # who says yes here means it
        assert called(page, "hardlink.track('b')")["ok"]["status"] == "stored"
    with browser.new_context() as device:
        device.add_init_script(SIGNALS[signal])
        page = opened(device, shop.page())
        assert called(page, "hardlink.track('a')")["ok"]["status"] == "stored"


# Where a session is kept


def test_in_a_cookie_of_the_page(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page(storage="cookie"))
    called(page, "hardlink.track('a')")
    before = session(page)
    (cookie,) = cookies(device)
    assert cookie["value"].endswith(f".{before}")
    assert cookie["expires"] - page.evaluate("Date.now() / 1000") == pytest.approx(
        MONTHS_13, abs=60
    )
    assert cookie["sameSite"] == "Lax"
    assert "hardlink.session" not in kept(page)
    page.reload()
    ready(page)
    assert session(page) == before
    device.clear_cookies()
    assert session(page) != before  # whoever deletes it means it


@pytest.mark.parametrize("value", ["%E0%A4", "garbage", "", ".", "9999999999999999.mine", "1."])
def test_a_forged_cookie_is_no_session(shop: Shop, device: BrowserContext, value: str) -> None:
    site = shop.site.origin
    device.add_cookies([{"name": "hardlink_session", "value": value, "url": site}])
    page = opened(device, shop.page(storage="cookie"))
    assert called(page, "hardlink.track('a')")["ok"]["status"] == "stored"
    (cookie,) = cookies(device)
    assert cookie["value"].endswith(f".{session(page)}")
    assert session(page) not in {"", "mine"}


def test_for_13_months_at_most(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    before = session(page)
    for seconds, same in ((MONTHS_13 - 60, True), (MONTHS_13 + 1, False)):
        page.evaluate(
            "([id, age]) => localStorage.setItem('hardlink.session', `${Date.now() - age * 1000}.${id}`)",
            [before, seconds],
        )
        assert (session(page) == before) is same


def test_in_a_cookie_that_the_service_sets(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page(storage="server"))
    called(page, "hardlink.track('a')")
    before = session(page)
    (cookie,) = cookies(device)
    assert (cookie["value"], cookie["httpOnly"], cookie["secure"]) == (before, True, True)
    assert cookie["expires"] - page.evaluate("Date.now() / 1000") == pytest.approx(
        MONTHS_13, abs=60
    )
    page.evaluate("localStorage.clear()")  # as Safari does after a week
    page.reload()
    ready(page)
    assert called(page, "hardlink.track('b')")["ok"]["status"] == "stored"
    assert session(page) == before
    assert shop.session_types(before) == ["a", "b"]
    called(page, "hardlink.anonymize()")
    called(page, "hardlink.track('c')")
    assert cookies(device)[0]["value"] == session(page) != before
    called(page, "hardlink.optOut()")
    called(page, "hardlink.flush()")
    assert cookies(device) == []
