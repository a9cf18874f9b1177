"""A developer is told what is wrong: refusals once in the browser's console, mistakes and each call with `debug`."""

from __future__ import annotations

import re
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

STRANGER = "http://localhost"
"""The shop's pages by another name of this machine, which no source allows."""


def record_console(device: BrowserContext) -> list[str]:
    """Record what the SDK shows in the consoles of a device's pages."""
    shown: list[str] = []
    device.on(
        "console",
        lambda message: (
            shown.append(message.text)
            if message.text.startswith("Hardlink: ")
            else None
        ),
    )
    return shown


# Refusals


def test_a_page_of_an_origin_that_no_source_allows_says_so_once(
    shop: Shop, device: BrowserContext
) -> None:
    shown = record_console(device)
    traffic = shop.record_traffic(device)
    url = shop.page().replace("http://127.0.0.1", STRANGER)
    page = open_page(device, url)
    for type_ in ("one", "two"):
        error = call(page, f"hardlink.track('{type_}')")["error"]
        assert (error["code"], error["status"]) == ("origin_not_allowed", 403)
    call(page, "hardlink.flush()")
    origin = page.evaluate("location.origin")
    assert shown == [
        f"Hardlink: source 'web' does not allow calls from {origin}: add it to its origins"
    ]
    assert traffic.paths() == ["/track", "/track"]


def test_a_wrong_write_key_is_told_once_and_not_repeated(
    shop: Shop, device: BrowserContext
) -> None:
    shown = record_console(device)
    traffic = shop.record_traffic(device)
    page = open_page(device, shop.page(token="wrong-key"))
    for script in ("hardlink.track('one')", "hardlink.identify('gordon')"):
        assert call(page, script)["error"]["status"] == 401
    assert len(shown) == 1
    assert "write key" in shown[0]
    assert traffic.paths() == ["/track", "/identify"]


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        ("hardlink.track('')", r"events\[0\]\.type: .+"),
        ("hardlink.track('a', 'b')", r"events\[0\]\.properties: .*object.*"),
        ("hardlink.identify('undefined')", r"ids\.registered: .+"),
        ("hardlink.xo.send({})", r".*sdk\.js\?with=.*"),
    ],
)
def test_s4_a_mistake_is_told_once(
    shop: Shop, device: BrowserContext, script: str, wanted: str
) -> None:
    shown = record_console(device)
    page = open_page(device, shop.page(script))
    wait_in_browser(page, lambda: len(shown) > 0, wanted=True)
    call(page, "hardlink.flush()")
    assert len(shown) == 1
    assert re.fullmatch(f"Hardlink: {wanted}", shown[0])


@pytest.mark.parametrize("options", ["{token: ''}", "{}"])
def test_s4_a_start_without_a_key_is_told(
    shop: Shop, device: BrowserContext, options: str
) -> None:
    shown = record_console(device)
    stub = render_snippet(shop.url, KEY)
    stub = re.sub(r"hardlink\.start\(.*\)", f"hardlink.start({options})", stub)
    page = open_page(device, shop.raw_page(stub))
    wait_in_browser(page, lambda: len(shown), 1)
    assert "hardlink.start({token, target})" in shown[0]


def test_a_visitor_who_opted_out_is_no_mistake(
    shop: Shop, device: BrowserContext
) -> None:
    shown = record_console(device)
    page = open_page(device, shop.page())
    start_script(page, "hardlink.optOut()")
    assert call(page, "hardlink.track('a')")["error"]["code"] == "opted_out"
    assert shown == []


# The adapter `debug`


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"tokn": "x"}, "unknown option tokn of start: known are token, writeKey"),
        ({"track": {"visit": True}}, "unknown option track.visit of start"),
        ({"track": True}, "option track of start must be an object: not true"),
        ({"token": " "}, 'token is " ": give the write key'),
        ({"target": "shop.example"}, 'target is "shop.example": give the URL'),
    ],
)
def test_s4_debug_warns_of_each_mistake_in_the_options(
    shop: Shop, device: BrowserContext, options: dict[str, Any], wanted: str
) -> None:
    shown = record_console(device)
    open_page(device, shop.page(adapters="debug", **options))
    assert [line for line in shown if f"Hardlink: {wanted}" in line] == shown[:1]


def test_s4_debug_is_silent_where_nothing_is_wrong(
    shop: Shop, device: BrowserContext
) -> None:
    shown = record_console(device)
    everything: dict[str, Any] = {
        "anonymizeOnConflict": True,
        "cookieDomain": "127.0.0.1",
        "hardId": "registered",
        "track": {"visits": True, "default_properties": {"a": 1}},
        "timeout": 9000,
    }
    page = open_page(device, shop.page(adapters="debug", **everything))
    assert call(page, "hardlink.track('a', {b: 1})")["ok"]["status"] == "stored"
    assert shown == []


def test_s4_debug_warns_of_an_array_of_properties(
    shop: Shop, device: BrowserContext
) -> None:
    shown = record_console(device)
    page = open_page(device, shop.page(adapters="debug"))
    start_script(page, "hardlink.track('a', [7])")
    assert shown == ["Hardlink: track: properties must be an object, not an array: [7]"]


def test_debug_shows_each_call_its_verdict_and_its_retries(
    shop: Shop, device: BrowserContext
) -> None:
    shown = record_console(device)
    page = open_page(device, shop.page(adapters="debug", debug=True))
    device.route(f"{shop.url}/track", lambda route: route.abort(), times=2)
    assert call(page, "hardlink.track('purchase')")["ok"]["status"] == "stored"
    first, unanswered, second, stored = shown
    assert re.match(r"Hardlink: track purchase -> no answer, again in \d s", first)
    assert unanswered.startswith(f"Hardlink: {shop.url} does not answer: is this")
    assert re.match(r"Hardlink: track purchase -> no answer, again in \d s", second)
    assert stored.startswith("Hardlink: track purchase -> 200 ")


def test_debug_without_its_adapter_says_how_to_load_it(
    shop: Shop, device: BrowserContext
) -> None:
    shown = record_console(device)
    open_page(device, shop.page(debug=True))
    assert shown == ["Hardlink: debug needs sdk.js?with=debug"]


# Another customer logs in, and the policy is `refuse`


def log_in_after_another(
    shop: Shop, device: BrowserContext, **options: Any
) -> tuple[Any, str, str, str, Any]:
    """Let A and then B log in; return the page, A, B, A's session, and the outcome of B's log-in."""
    first, second = fresh("a"), fresh("b")
    page = open_page(device, shop.page(token="refuse-key", **options))
    assert "ok" in call(page, f"hardlink.identify('{first}')")
    assert "ok" in call(page, "hardlink.track('of-a')")
    session_of_first = session(page)
    start_script(
        page,
        f"""hardlink.track('still-of-a'); window.result = hardlink.identify('{second}')
            window.later = hardlink.track('of-b')""",
    )
    outcome = call(page, "result")
    call(page, "later")
    return page, first, second, session_of_first, outcome


def test_w8_a_second_log_in_is_refused_unless_the_option_is_set(
    shop: Shop, device: BrowserContext
) -> None:
    page, _, _, before, outcome = log_in_after_another(shop, device)
    assert outcome["error"]["code"] == "another_customer"
    assert session(page) == before


@pytest.mark.parametrize("storage", ["local", "cookie"])
def test_w8_the_sdk_anonymizes_by_itself_and_what_follows_is_of_the_new_customer(
    shop: Shop, device: BrowserContext, storage: str
) -> None:
    page, first, second, before, outcome = log_in_after_another(
        shop, device, anonymizeOnConflict=True, storage=storage
    )
    assert outcome["ok"]["customer"] == {"type": "registered", "value": second}
    assert session(page) == outcome["ok"]["session"]["id"] != before
    call(page, "hardlink.track('later-of-b')")
    wait_until(
        lambda: [event["type"] for event in shop.events("registered", second)],
        ["of-b", "later-of-b"],
    )
    assert [event["type"] for event in shop.events("registered", first)] == [
        "of-a",
        "still-of-a",
    ]


def test_w8_an_event_that_names_another_customer_begins_a_new_session_too(
    shop: Shop, device: BrowserContext
) -> None:
    first, second = fresh("a"), fresh("b")
    page = open_page(
        device,
        shop.page(token="refuse-key", anonymizeOnConflict=True, adapters="helloretail"),
    )
    call(page, f"hardlink.helloretail.setCustomerId('{first}')")
    bought = f"hardlink.helloretail.trackConversion({{customerId: '{second}'}})"
    assert call(page, bought)["ok"]["status"] == "stored"
    wait_until(
        lambda: [event["type"] for event in shop.events("registered", second)],
        ["conversion"],
    )
