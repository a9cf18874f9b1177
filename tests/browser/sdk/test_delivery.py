"""Nothing is lost or sent twice: offline, reloads, several tabs, full or forbidden storage, an overloaded server."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.sdk.shop import (
    Shop,
    Traffic,
    answer_first_calls,
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
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

NO_LOCKS = "Object.defineProperty(navigator, 'locks', {value: undefined})"
FORBIDDEN = """
  for (const name of ['localStorage', 'sessionStorage'])
    Object.defineProperty(window, name, {get() { throw new DOMException('no', 'SecurityError') }})
"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
SLOW_STORAGE = """
  const gone = new Set(), {keys} = Object, {getItem, removeItem} = Storage.prototype
  Object.keys = of => keys(of).filter(key => of !== localStorage || !gone.has(key))
  Storage.prototype.getItem = function (key) { return gone.has(key) ? null : getItem.call(this, key) }
  Storage.prototype.removeItem = function (key) {
    if (!key.startsWith('hardlink.q.')) return removeItem.call(this, key)
    gone.add(key)
    setTimeout(() => { removeItem.call(this, key); gone.delete(key) }, 500)
  }
"""
"""Other tabs see removed entries for a while, as happens between the processes of a browser (here for longer)."""


def queued_types(page: Page) -> list[str]:
    """The types of the events that are queued in local storage, oldest first."""
    queued = sorted(
        (name, text) for name, text in local_storage(page).items() if ".q." in name
    )
    return [json.loads(text)["event"]["type"] for _, text in queued]


def has_session(page: Page) -> bool:
    """Whether a page sees a stored session, its own or another tab's."""
    return "hardlink.session" in local_storage(page)


def assert_sent_once(traffic: Traffic) -> None:
    """Assert that no event was sent twice."""
    count = Counter(event["id"] for event in traffic.events())
    assert count
    assert set(count.values()) == {1}


# The network


def test_offline_events_are_sent_when_the_network_is_back(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(retry=60_000))
    device.set_offline(True)
    start_script(page, "window.result = hardlink.track('one'); hardlink.track('two')")
    wait_until_true(page, lambda: bool(local_storage(page).get("hardlink.hold")))
    assert queued_types(page) == ["one", "two"]
    device.set_offline(False)
    assert call(page, "result")["ok"]["status"] == "stored"
    assert call(page, "hardlink.track('three')")["ok"]["status"] == "stored"
    assert shop.session_types(session(page)) == ["one", "two", "three"]
    assert queued_types(page) == []


def test_offline_events_survive_a_page_load(shop: Shop, device: BrowserContext) -> None:
    page = open_page(device, shop.page())
    visitor = session(page)
    device.set_offline(True)
    start_script(page, "hardlink.track('offline')")
    page.goto("about:blank")
    device.set_offline(False)
    page = open_page(device, shop.page())
    assert session(page) == visitor
    wait_until(lambda: shop.session_types(visitor), ["offline"])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_calls_are_repeated_after_a_server_error(
    shop: Shop, device: BrowserContext, status: int
) -> None:
    page = open_page(device, shop.page())
    calls = answer_first_calls(device, shop.url, [(status, {}), (status, {})])
    start_script(
        page, f"window.result = [hardlink.track('one'), hardlink.identify('{fresh()}')]"
    )
    assert call(page, "result[0]")["ok"]["status"] == "stored"
    assert call(page, "result[1]")["ok"]["customer"]
    assert calls() == 4
    assert shop.session_types(session(page)) == ["one"]


def test_retry_after_is_respected_across_page_loads(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())
    answer_first_calls(device, shop.url, [(429, {"retry-after": "3600"})])
    start_script(page, "hardlink.track('one')")
    wait_until_true(page, lambda: bool(local_storage(page).get("hardlink.hold")))
    until, attempts, status = local_storage(page)["hardlink.hold"].split()
    assert 3500 < (float(until) - page.evaluate("Date.now()")) / 1000 <= 3600
    assert (attempts, status) == ("1", "429")
    traffic = shop.record_traffic(device)
    page.reload()
    wait_for_sdk(page)
    start_script(page, "hardlink.track('two'); hardlink.flush()")
    page.wait_for_timeout(200)
    assert traffic.calls == []
    assert queued_types(page) == ["one", "two"]
    page.evaluate("localStorage.removeItem('hardlink.hold')")
    call(page, "hardlink.flush()")
    wait_until(lambda: shop.session_types(session(page)), ["one", "two"])


@pytest.mark.parametrize("days", [2, 36500])
def test_a_pause_that_a_wrong_clock_stored_is_ignored(
    shop: Shop, device: BrowserContext, days: int
) -> None:
    page = open_page(device, shop.page())
    hold = f"${{Date.now() + {days} * 86400000}} 3 503"
    page.evaluate(f"localStorage.setItem('hardlink.hold', `{hold}`)")
    assert call(page, "hardlink.track('one')")["ok"]["status"] == "stored"


def test_a_pause_is_at_most_a_day(shop: Shop, device: BrowserContext) -> None:
    page = open_page(device, shop.page())
    calls = answer_first_calls(device, shop.url, [(503, {"retry-after": "9999999"})])
    start_script(page, "hardlink.track('one')")
    wait_until_true(page, lambda: bool(local_storage(page).get("hardlink.hold")))
    until = float(local_storage(page)["hardlink.hold"].split()[0])
    assert 86_000 < (until - page.evaluate("Date.now()")) / 1000 <= 86_400
    call(page, "hardlink.flush()")
    page.wait_for_timeout(200)
    assert calls() == 1


def test_a_call_that_times_out_is_repeated_and_stored_once(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(timeout=2000))
    device.route(f"{shop.url}/track", lambda route: None, times=1)
    assert call(page, "hardlink.track('one')")["ok"]["status"] == "stored"
    assert shop.session_types(session(page)) == ["one"]


def test_a_lost_answer_causes_no_duplicate_event(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    device.route(f"{shop.url}/track", lose, times=1)
    assert call(page, "hardlink.track('one')")["ok"]["status"] == "duplicate"
    assert shop.session_types(session(page)) == ["one"]


def test_the_page_of_a_captive_portal_is_not_an_answer(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())
    portal = {"access-control-allow-origin": "*"}
    device.route(
        f"{shop.url}/track",
        lambda route: route.fulfill(status=200, headers=portal, body="<html>log in"),
        times=1,
    )
    assert call(page, "hardlink.track('one')")["ok"]["status"] == "stored"


def test_a_refused_call_is_rejected_and_not_repeated(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(token="unknown-key"))
    traffic = shop.record_traffic(device)
    result = call(page, "hardlink.track('one')")
    assert (result["error"]["code"], result["error"]["status"]) == (
        "unknown_source",
        401,
    )
    call(page, "hardlink.flush()")
    assert traffic.paths() == ["/track"]
    assert queued_types(page) == []


def test_an_invalid_event_does_not_affect_the_others(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())
    result = call(
        page,
        """Promise.allSettled(['a', '', 'c'].map(type => hardlink.track(type)))
            .then(all => all.map(({value, reason}) => value?.status || reason.field))""",
    )
    assert result["ok"] == ["stored", "events[1].type", "stored"]
    assert shop.session_types(session(page)) == ["a", "c"]


# Leaving a page


@pytest.mark.parametrize("way", ["goto", "close"])
def test_events_tracked_as_the_page_closes_arrive(
    shop: Shop, device: BrowserContext, way: str
) -> None:
    page = open_page(device, shop.page(batch=60_000))
    call(page, "hardlink.flush()")
    visitor = session(page)
    start_script(
        page,
        "addEventListener('pagehide', () => 0); hardlink.track('a'); hardlink.track('b')",
    )
    if way == "goto":
        page.goto("about:blank")
    else:
        page.close(run_before_unload=True)
    wait_until(lambda: shop.session_types(visitor), ["a", "b"])


def test_what_a_closing_page_could_not_send_is_sent_by_the_next_one(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(batch=60_000))
    call(page, "hardlink.flush()")
    visitor = session(page)
    types = [f"e{number}" for number in range(10)]
    page.evaluate(
        "types => types.forEach(type => hardlink.track(type, {long: 'ü'.repeat(8000)}))",
        types,
    )
    page.goto("about:blank")
    page = open_page(device, shop.page())
    wait_until(lambda: shop.session_types(visitor), types)
    wait_until(lambda: queued_types(page), [])


def test_a_call_is_no_larger_than_a_browser_sends_for_a_closed_page(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())
    traffic = shop.record_traffic(device)
    call(
        page,
        "Promise.all([...'abcdefghij'].map(t => hardlink.track(t, {long: 'ü'.repeat(8000)})))",
    )
    assert traffic.types() == list("abcdefghij")
    sizes = [
        len(json.dumps(body, ensure_ascii=False).encode())
        for body in traffic.bodies("/track")
    ]
    assert len(sizes) == 4
    assert max(sizes) < 64 * 1024


# Several tabs


@pytest.mark.parametrize("storage", ["storage", "slow storage"])
@pytest.mark.parametrize("locks", ["web locks", "no locks"])
def test_tabs_share_a_session_and_send_nothing_twice(
    shop: Shop, device: BrowserContext, locks: str, storage: str
) -> None:
    if locks == "no locks":
        device.add_init_script(NO_LOCKS)
    if storage == "slow storage":
        device.add_init_script(SLOW_STORAGE)
    url = shop.page()
    traffic = shop.record_traffic(device)
    tabs = [open_page(device, url) for _ in range(3)]
    visitor = session(tabs[0])
    for tab in tabs:
        wait_until_true(tab, partial(has_session, tab))
    for tab in tabs:
        tab.evaluate(
            """() => { window.result = []
              const go = n => { window.result.push(hardlink.track(`e${n}`)); if (n) setTimeout(go, 5, n - 1) }
              go(19) }"""
        )
    for tab in tabs:
        tab.wait_for_function("result.length === 20")
        result = call(
            tab, "Promise.all(result).then(all => all.map(verdict => verdict.status))"
        )
        assert result == {"ok": ["stored"] * 20}
    assert_sent_once(traffic)
    assert {session(tab) for tab in tabs} == {visitor}
    assert len(shop.session_types(visitor)) == 60


def test_tabs_that_open_together_continue_under_one_session(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(batch=60_000))
    traffic = shop.record_traffic(device)
    start_script(page, "hardlink.track('a')")
    page.evaluate(
        "localStorage.setItem('hardlink.session', `${Date.now()}.of-another-tab`)"
    )
    call(page, "hardlink.track('b', {}, null, null, true)")
    (body,) = traffic.bodies("/track")
    assert body["session"] == {"id": "of-another-tab"}
    assert traffic.types() == ["a", "b"]


def test_logging_out_in_one_tab_logs_out_the_other(
    shop: Shop, device: BrowserContext
) -> None:
    url = shop.page()
    one, other = open_page(device, url), open_page(device, url)
    gordon, user = fresh("gordon"), fresh("user")
    call(other, f"hardlink.identify('{gordon}')")
    call(one, "hardlink.anonymize()")
    wait_in_browser(other, lambda: session(other), session(one))
    traffic = shop.record_traffic(device)
    call(other, f"hardlink.identify({{user_id: '{user}'}})")
    assert traffic.bodies("/identify")[0]["ids"] == {"user_id": user}


def test_a_tab_sends_what_a_closed_tab_left_in_the_queue(
    shop: Shop, device: BrowserContext
) -> None:
    url = shop.page(batch=60_000)
    one, other = open_page(device, url), open_page(device, url)
    call(one, "hardlink.flush()")
    start_script(one, "navigator.sendBeacon = () => false; hardlink.track('left')")
    wait_in_browser(other, lambda: queued_types(other), ["left"])
    one.close()
    start_script(other, "hardlink.flush()")
    wait_until(lambda: shop.session_types(session(other)), ["left"])
    wait_until(lambda: queued_types(other), [])


def test_events_are_sent_with_the_source_of_the_page_that_tracked_them(
    shop: Shop, device: BrowserContext
) -> None:
    one = open_page(device, shop.page(batch=60_000))
    call(one, "hardlink.flush()")
    start_script(one, "navigator.sendBeacon = () => false; hardlink.track('left')")
    other = open_page(device, shop.page(token="split-key"))
    traffic = shop.record_traffic(device)
    one.close()
    call(other, "hardlink.track('own')")
    wait_until(lambda: queued_types(other), [])
    sent = {
        body["events"][0]["type"]: body["source"]["id"]
        for body in traffic.bodies("/track")
    }
    assert sent == {"own": "split-key", "left": "web-key"}


@pytest.mark.parametrize("owner", ["closed", "suspended"])
def test_abandoned_events_are_sent_by_one_other_tab(
    shop: Shop, device: BrowserContext, owner: str
) -> None:
    device.add_init_script(SLOW_STORAGE)
    url = shop.page(batch=60_000)
    one, *others = tabs = [open_page(device, url) for _ in range(3)]
    for tab in tabs:
        call(tab, "hardlink.flush()")
    start_script(one, "navigator.sendBeacon = () => false; hardlink.track('left')")
    for tab in others:
        wait_in_browser(tab, partial(queued_types, tab), ["left"])
    if owner == "closed":
        one.close()
    traffic = shop.record_traffic(device)
    others[0].wait_for_timeout(3000)
    start_script(others[0], "window.result = hardlink.flush()")
    others[0].wait_for_timeout(300)
    last = others[1] if owner == "closed" else one
    call(last, "hardlink.flush()")
    call(others[0], "result")
    assert traffic.types() == ["left"]


def test_a_closing_tab_sends_its_events_while_another_holds_the_lock(
    shop: Shop, device: BrowserContext
) -> None:
    url = shop.page(batch=60_000)
    one, other = open_page(device, url), open_page(device, url)
    for tab in (one, other):
        call(tab, "hardlink.flush()")
    visitor = session(one)
    start_script(
        other, "navigator.locks.request('hardlink', () => new Promise(() => {}))"
    )
    start_script(one, "hardlink.track('a', {}, null, null, true)")
    one.goto("about:blank")
    wait_until(lambda: shop.session_types(visitor), ["a"])


# The queue


def test_the_order_of_all_calls_is_kept(shop: Shop, device: BrowserContext) -> None:
    page = open_page(device, shop.page())
    traffic = shop.record_traffic(device)
    gordon = fresh("gordon")
    start_script(
        page,
        f"""hardlink.track('a'); hardlink.track('b'); hardlink.identify('{gordon}')
            hardlink.track('c'); hardlink.update({{x: 1}}); hardlink.anonymize(); hardlink.track('d')""",
    )
    call(page, "hardlink.flush()")
    wait_until(lambda: queued_types(page), [])
    assert traffic.paths() == ["/track", "/identify", "/track", "/update", "/track"]
    first, *middle, last = [body["session"]["id"] for _, body in traffic.calls]
    assert set(middle) == {first}
    assert last == session(page) != first
    times = [
        time
        for _, body in traffic.calls
        for time in (
            [e["time"] for e in body["events"]] if "events" in body else [body["time"]]
        )
    ]
    assert times == sorted(set(times))


@pytest.mark.parametrize("obstacle", [FORBIDDEN, FULL], ids=["forbidden", "full"])
def test_without_storage_it_works_in_memory(
    shop: Shop, device: BrowserContext, obstacle: str
) -> None:
    device.add_init_script(obstacle)
    page = open_page(device, shop.page())
    assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"
    assert call(page, "hardlink.track('b')")["ok"]["status"] == "stored"
    assert shop.session_types(session(page)) == ["a", "b"]


def test_it_works_in_a_sandboxed_frame(shop: Shop, device: BrowserContext) -> None:
    page = device.new_page()
    traffic = shop.record_traffic(device)
    inner = shop.page("hardlink.track('framed')")
    page.goto(shop.raw_page(f'<iframe sandbox="allow-scripts" src="{inner}"></iframe>'))
    wait_in_browser(page, lambda: traffic.types()[:1], ["framed"])


def test_a_full_queue_drops_and_rejects_the_oldest_events(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(batch=60_000))
    call(page, "hardlink.flush()")
    traffic = shop.record_traffic(device)
    page.evaluate(
        """() => { window.lost = []
          for (let n = 0; n < 503; n++)
            hardlink.track(`e${n}`).catch(error => lost.push([n, error.code])) }"""
    )
    assert page.evaluate("lost") == [[n, "queue_full"] for n in range(3)]
    call(page, "hardlink.flush()")
    wait_until(lambda: queued_types(page), [])
    assert traffic.types() == [f"e{n}" for n in range(3, 503)]


def test_the_queue_is_bounded_in_size_too(shop: Shop, device: BrowserContext) -> None:
    page = open_page(device, shop.page(batch=60_000))
    page.evaluate(
        """() => { window.lost = []
          for (let n = 0; n < 6; n++)
            hardlink.track(`e${n}`, {long: 'x'.repeat(60_000)}).catch(error => lost.push(error.code))
          hardlink.track('huge', {long: 'x'.repeat(300_000)}).catch(error => lost.push(error.code)) }"""
    )
    page.wait_for_function("lost.length === 3")
    assert page.evaluate("lost.sort()") == ["queue_full", "queue_full", "too_large"]
    assert queued_types(page) == ["e2", "e3", "e4", "e5"]


def test_an_invalid_entry_in_the_queue_is_removed(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page())
    page.evaluate("localStorage.setItem('hardlink.q.0', '{broken')")
    assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"
    assert "hardlink.q.0" not in local_storage(page)


def test_the_time_of_a_device_with_a_wrong_clock_is_corrected(
    shop: Shop, browser: Browser
) -> None:
    with browser.new_context() as device:
        device.add_init_script(
            "{const now = Date.now; Date.now = () => now() + 86400000}"
        )
        page = open_page(device, shop.page())
        call(page, "hardlink.track('a')")
        event = shop.client.get("sessions", session(page), "events").json["events"][0]
        assert event["time"][:10] == event["received"][:10]
