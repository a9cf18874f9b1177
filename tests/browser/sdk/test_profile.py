"""`sdk.js?with=profile`: who loses the session goes on in a new one, and stays the same visitor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.sdk.shop import (
    Shop,
    call,
    local_storage,
    open_page,
    session,
    wait_for_sdk,
)

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

COPY = "hardlink_profile"


def open_shop(shop: Shop, device: BrowserContext, **config: Any) -> Page:
    return open_page(device, shop.page(adapters="profile", **config))


def track(page: Page) -> tuple[str, str]:
    """Track an event; returns the IDs of session and profile that the service answered."""
    assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"
    return session(page), page.evaluate("hardlink.getProfile()")


def reload(page: Page) -> None:
    page.reload()
    wait_for_sdk(page)


def has_copy(device: BrowserContext, page: Page) -> bool:
    """Whether anything of a profile is left on the device."""
    names = {cookie["name"] for cookie in device.cookies()} | {*local_storage(page)}
    return COPY in names


@pytest.mark.parametrize("storage", ["local", "cookie"])
def test_a_visitor_who_loses_the_session_keeps_the_profile(
    shop: Shop, device: BrowserContext, storage: str
) -> None:
    page = open_shop(shop, device, storage=storage)
    first, profile = track(page)
    if storage == "local":
        page.evaluate("localStorage.clear()")
    else:
        device.clear_cookies()
    reload(page)
    second, same = track(page)
    assert (second != first, same) == (True, profile)
    page.evaluate("localStorage.clear()")
    device.clear_cookies()
    reload(page)
    assert track(page)[1] != profile


def test_a_visitor_who_was_anonymized_is_not_recognized(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_shop(shop, device)
    _, profile = track(page)
    page.evaluate("hardlink.anonymize(), localStorage.clear()")
    reload(page)
    _, other = track(page)
    assert other != profile
    page.evaluate("localStorage.clear()")
    reload(page)
    assert track(page)[1] == other


def test_an_opt_out_leaves_no_copy(shop: Shop, device: BrowserContext) -> None:
    page = open_shop(shop, device, storage="cookie")
    _, profile = track(page)
    assert has_copy(device, page)
    call(page, "hardlink.optOut()")
    assert not has_copy(device, page)
    call(page, "hardlink.optIn()")
    assert track(page)[1] != profile


def test_a_profile_is_restored_only_with_consent(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_shop(shop, device, consent="required")
    call(page, "hardlink.optIn()")
    _, profile = track(page)
    page.evaluate("localStorage.clear()")
    reload(page)
    assert page.evaluate("hardlink.getProfile()") is None
    assert local_storage(page) == {}
    call(page, "hardlink.optIn()")
    assert track(page)[1] == profile
