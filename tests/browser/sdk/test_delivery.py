"""Nothing is lost and nothing is sent twice: offline, reloads, tabs, full or forbidden storage, a server in need."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.sdk.shop import (
    Shop,
    Wire,
    answering,
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
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

NO_LOCKS = "Object.defineProperty(navigator, 'locks', {value: undefined})"
FORBIDDEN = """
  for (const name of ['localStorage', 'sessionStorage'])
    Object.defineProperty(window, name, {get() { throw new DOMException('no', 'SecurityError') }})
"""
FULL = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError') }"
LATE = """
  const gone = new Set(), {keys} = Object, {getItem, removeItem} = Storage.prototype
  Object.keys = of => keys(of).filter(key => of !== localStorage || !gone.has(key))
  Storage.prototype.getItem = function (key) { return gone.has(key) ? null : getItem.call(this, key) }
  Storage.prototype.removeItem = function (key) {
    if (!key.startsWith('hardlink.q.')) return removeItem.call(this, key)
    gone.add(key)
    setTimeout(() => { removeItem.call(this, key); gone.delete(key) }, 500)
  }
"""
"""What a tab drops, the others see for some time more, as it is between a browser's processes, if not for as long."""


def waiting(page: Page) -> list[str]:
    """The types of the events that wait in local storage, oldest first."""
    found = sorted((name, text) for name, text in kept(page).items() if ".q." in name)
    return [json.loads(text)["event"]["type"] for _, text in found]


def known(page: Page) -> bool:
    """Whether a page sees a session, its own or another tab's."""
    return "hardlink.session" in kept(page)


def sent_once(wire: Wire) -> None:
    """No event was on the wire twice."""
    count = Counter(event["id"] for event in wire.events())
    assert count
    assert set(count.values()) == {1}


# The network


def test_offline_and_back(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page(retry=60_000))
    device.set_offline(True)
    begins(page, "window.told = hardlink.track('one'); hardlink.track('two')")
    becomes(page, lambda: bool(kept(page).get("hardlink.hold")))
    assert waiting(page) == ["one", "two"]
    device.set_offline(False)
    assert called(page, "told")["ok"]["status"] == "stored"
    assert called(page, "hardlink.track('three')")["ok"]["status"] == "stored"
    assert shop.session_types(session(page)) == ["one", "two", "three"]
    assert waiting(page) == []


def test_what_was_tracked_offline_survives_a_page_load(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    visitor = session(page)
    device.set_offline(True)
    begins(page, "hardlink.track('offline')")
    page.goto("about:blank")
    device.set_offline(False)
    page = opened(device, shop.page())
    assert session(page) == visitor
    settles(lambda: shop.session_types(visitor), ["offline"])


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_need_is_asked_again(shop: Shop, device: BrowserContext, status: int) -> None:
    page = opened(device, shop.page())
    calls = answering(device, shop.url, [(status, {}), (status, {})])
    begins(page, f"window.told = [hardlink.track('one'), hardlink.identify('{fresh()}')]")
    assert called(page, "told[0]")["ok"]["status"] == "stored"
    assert called(page, "told[1]")["ok"]["customer"]
    assert calls() == 4
    assert shop.session_types(session(page)) == ["one"]


def test_it_comes_again_when_it_is_told_to(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    answering(device, shop.url, [(429, {"retry-after": "3600"})])
    begins(page, "hardlink.track('one')")
    becomes(page, lambda: bool(kept(page).get("hardlink.hold")))
    until, attempts, status = kept(page)["hardlink.hold"].split()
    assert 3500 < (float(until) - page.evaluate("Date.now()")) / 1000 <= 3600
    assert (attempts, status) == ("1", "429")
    wire = shop.wire(device)
    page.reload()
    ready(page)
    begins(page, "hardlink.track('two'); hardlink.flush()")
    page.wait_for_timeout(200)
    assert wire.calls == []
    assert waiting(page) == ["one", "two"]
    page.evaluate("localStorage.removeItem('hardlink.hold')")
    called(page, "hardlink.flush()")
    settles(lambda: shop.session_types(session(page)), ["one", "two"])


@pytest.mark.parametrize("days", [2, 36500])
def test_a_wait_of_a_clock_that_was_wrong_is_none(
    shop: Shop, device: BrowserContext, days: int
) -> None:
    page = opened(device, shop.page())
    hold = f"${{Date.now() + {days} * 86400000}} 3 503"
    page.evaluate(f"localStorage.setItem('hardlink.hold', `{hold}`)")
    assert called(page, "hardlink.track('one')")["ok"]["status"] == "stored"


def test_no_server_makes_it_wait_for_more_than_a_day(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    calls = answering(device, shop.url, [(503, {"retry-after": "9999999"})])
    begins(page, "hardlink.track('one')")
    becomes(page, lambda: bool(kept(page).get("hardlink.hold")))
    until = float(kept(page)["hardlink.hold"].split()[0])
    assert 86_000 < (until - page.evaluate("Date.now()")) / 1000 <= 86_400
    called(page, "hardlink.flush()")
    page.wait_for_timeout(200)
    assert calls() == 1


def test_a_slow_server_is_asked_again_and_stores_it_once(
    shop: Shop, device: BrowserContext
) -> None:
    page = opened(device, shop.page(timeout=2000))
    device.route(f"{shop.url}/track", lambda route: None, times=1)
    assert called(page, "hardlink.track('one')")["ok"]["status"] == "stored"
    assert shop.session_types(session(page)) == ["one"]


def test_an_answer_that_is_lost_makes_no_second_event(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    device.route(f"{shop.url}/track", lose, times=1)
    assert called(page, "hardlink.track('one')")["ok"]["status"] == "duplicate"
    assert shop.session_types(session(page)) == ["one"]


def test_a_page_of_a_networks_own_is_no_answer(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    portal = {"access-control-allow-origin": "*"}
    device.route(
        f"{shop.url}/track",
        lambda route: route.fulfill(status=200, headers=portal, body="<html>log in"),
        times=1,
    )
    assert called(page, "hardlink.track('one')")["ok"]["status"] == "stored"


def test_what_is_refused_is_told_and_not_sent_again(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page(token="nobody"))
    wire = shop.wire(device)
    told = called(page, "hardlink.track('one')")
    assert (told["error"]["code"], told["error"]["status"]) == ("unknown_source", 401)
    called(page, "hardlink.flush()")
    assert wire.paths() == ["/track"]
    assert waiting(page) == []


def test_one_bad_event_does_not_take_the_others_along(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    told = called(
        page,
        """Promise.allSettled(['a', '', 'c'].map(type => hardlink.track(type)))
            .then(all => all.map(({value, reason}) => value?.status || reason.field))""",
    )
    assert told["ok"] == ["stored", "events[1].type", "stored"]
    assert shop.session_types(session(page)) == ["a", "c"]


# Pages that go


@pytest.mark.parametrize("way", ["goto", "close"])
def test_what_is_tracked_as_the_page_goes_arrives(
    shop: Shop, device: BrowserContext, way: str
) -> None:
    page = opened(device, shop.page(batch=60_000))
    called(page, "hardlink.flush()")
    visitor = session(page)
    begins(page, "addEventListener('pagehide', () => 0); hardlink.track('a'); hardlink.track('b')")
    if way == "goto":
        page.goto("about:blank")
    else:
        page.close(run_before_unload=True)
    settles(lambda: shop.session_types(visitor), ["a", "b"])


def test_what_a_browser_does_not_take_at_the_end_waits_for_the_next_page(
    shop: Shop, device: BrowserContext
) -> None:
    page = opened(device, shop.page(batch=60_000))
    called(page, "hardlink.flush()")
    visitor = session(page)
    types = [f"e{number}" for number in range(10)]
    page.evaluate(
        "types => types.forEach(type => hardlink.track(type, {long: 'ü'.repeat(8000)}))", types
    )
    page.goto("about:blank")
    page = opened(device, shop.page())
    settles(lambda: shop.session_types(visitor), types)
    settles(lambda: waiting(page), [])


def test_a_call_is_no_larger_than_a_browser_sends_for_a_page_that_is_gone(
    shop: Shop, device: BrowserContext
) -> None:
    page = opened(device, shop.page())
    wire = shop.wire(device)
    called(
        page,
        "Promise.all([...'abcdefghij'].map(t => hardlink.track(t, {long: 'ü'.repeat(8000)})))",
    )
    assert wire.types() == list("abcdefghij")
    sizes = [len(json.dumps(body, ensure_ascii=False).encode()) for body in wire.bodies("/track")]
    assert len(sizes) == 4
    assert max(sizes) < 64 * 1024


# Several tabs


@pytest.mark.parametrize("storage", ["storage", "slow storage"])
@pytest.mark.parametrize("locks", ["web locks", "a lease"])
def test_tabs_share_a_session_and_send_nothing_twice(
    shop: Shop, device: BrowserContext, locks: str, storage: str
) -> None:
    if locks == "a lease":
        device.add_init_script(NO_LOCKS)
    if storage == "slow storage":
        device.add_init_script(LATE)
    url = shop.page()
    wire = shop.wire(device)
    tabs = [opened(device, url) for _ in range(3)]
    visitor = session(tabs[0])
    for tab in tabs:
        becomes(tab, partial(known, tab))
    for tab in tabs:
        tab.evaluate(
            """() => { window.told = []
              const go = n => { window.told.push(hardlink.track(`e${n}`)); if (n) setTimeout(go, 5, n - 1) }
              go(19) }"""
        )
    for tab in tabs:
        tab.wait_for_function("told.length === 20")
        told = called(tab, "Promise.all(told).then(all => all.map(verdict => verdict.status))")
        assert told == {"ok": ["stored"] * 20}
    sent_once(wire)
    assert {session(tab) for tab in tabs} == {visitor}
    assert len(shop.session_types(visitor)) == 60


def test_tabs_that_are_opened_together_go_on_under_one_session(
    shop: Shop, device: BrowserContext
) -> None:
    page = opened(device, shop.page(batch=60_000))
    wire = shop.wire(device)
    begins(page, "hardlink.track('a')")
    page.evaluate("localStorage.setItem('hardlink.session', `${Date.now()}.of-another-tab`)")
    called(page, "hardlink.track('b', {}, null, null, true)")
    (body,) = wire.bodies("/track")
    assert body["session"] == {"id": "of-another-tab"}
    assert wire.types() == ["a", "b"]


def test_logging_out_in_one_tab_logs_out_the_other(shop: Shop, device: BrowserContext) -> None:
    url = shop.page()
    one, other = opened(device, url), opened(device, url)
    gordon, user = fresh("gordon"), fresh("user")
    called(other, f"hardlink.identify('{gordon}')")
    called(one, "hardlink.anonymize()")
    shown(other, lambda: session(other), session(one))
    wire = shop.wire(device)
    called(other, f"hardlink.identify({{user_id: '{user}'}})")
    assert wire.bodies("/identify")[0]["ids"] == {"user_id": user}


def test_a_tab_sends_what_a_closed_one_left(shop: Shop, device: BrowserContext) -> None:
    url = shop.page(batch=60_000)
    one, other = opened(device, url), opened(device, url)
    called(one, "hardlink.flush()")
    begins(one, "navigator.sendBeacon = () => false; hardlink.track('left')")
    shown(other, lambda: waiting(other), ["left"])
    one.close()
    begins(other, "hardlink.flush()")
    settles(lambda: shop.session_types(session(other)), ["left"])
    settles(lambda: waiting(other), [])


def test_what_waits_is_sent_to_the_source_of_the_page_that_said_it(
    shop: Shop, device: BrowserContext
) -> None:
    one = opened(device, shop.page(batch=60_000))
    called(one, "hardlink.flush()")
    begins(one, "navigator.sendBeacon = () => false; hardlink.track('left')")
    other = opened(device, shop.page(token="split-key"))
    wire = shop.wire(device)
    one.close()
    called(other, "hardlink.track('own')")
    settles(lambda: waiting(other), [])
    sent = {body["events"][0]["type"]: body["source"]["id"] for body in wire.bodies("/track")}
    assert sent == {"own": "split-key", "left": "web-key"}


@pytest.mark.parametrize("owner", ["gone", "asleep"])
def test_what_a_tab_leaves_is_sent_by_one_other(
    shop: Shop, device: BrowserContext, owner: str
) -> None:
    device.add_init_script(LATE)
    url = shop.page(batch=60_000)
    one, *others = tabs = [opened(device, url) for _ in range(3)]
    for tab in tabs:
        called(tab, "hardlink.flush()")
    begins(one, "navigator.sendBeacon = () => false; hardlink.track('left')")
    for tab in others:
        shown(tab, partial(waiting, tab), ["left"])
    if owner == "gone":
        one.close()
    wire = shop.wire(device)
    others[0].wait_for_timeout(3000)
    begins(others[0], "window.told = hardlink.flush()")
    others[0].wait_for_timeout(300)
    last = others[1] if owner == "gone" else one
    called(last, "hardlink.flush()")
    called(others[0], "told")
    assert wire.types() == ["left"]


def test_a_tab_that_goes_hands_over_its_own_though_another_sends(
    shop: Shop, device: BrowserContext
) -> None:
    url = shop.page(batch=60_000)
    one, other = opened(device, url), opened(device, url)
    for tab in (one, other):
        called(tab, "hardlink.flush()")
    visitor = session(one)
    begins(other, "navigator.locks.request('hardlink', () => new Promise(() => {}))")
    begins(one, "hardlink.track('a', {}, null, null, true)")
    one.goto("about:blank")
    settles(lambda: shop.session_types(visitor), ["a"])


def test_a_lease_of_a_tab_that_crashed_ends(shop: Shop, device: BrowserContext) -> None:
    device.add_init_script(NO_LOCKS)
    page = opened(device, shop.page(batch=60_000))
    page.evaluate("localStorage.setItem('hardlink.lease', `somebody ${Date.now() + 300}`)")
    assert called(page, "hardlink.track('one', {}, null, null, true)")["ok"]["status"] == "stored"


# The queue


def test_the_order_of_all_calls_is_kept(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    wire = shop.wire(device)
    gordon = fresh("gordon")
    begins(
        page,
        f"""hardlink.track('a'); hardlink.track('b'); hardlink.identify('{gordon}')
            hardlink.track('c'); hardlink.update({{x: 1}}); hardlink.anonymize(); hardlink.track('d')""",
    )
    called(page, "hardlink.flush()")
    settles(lambda: waiting(page), [])
    assert wire.paths() == ["/track", "/identify", "/track", "/update", "/track"]
    first, *middle, last = [body["session"]["id"] for _, body in wire.calls]
    assert set(middle) == {first}
    assert last == session(page) != first
    times = [
        time
        for _, body in wire.calls
        for time in ([e["time"] for e in body["events"]] if "events" in body else [body["time"]])
    ]
    assert times == sorted(set(times))


@pytest.mark.parametrize("hindrance", [FORBIDDEN, FULL], ids=["forbidden", "full"])
def test_without_storage_it_goes_on_in_memory(
    shop: Shop, device: BrowserContext, hindrance: str
) -> None:
    device.add_init_script(hindrance)
    page = opened(device, shop.page())
    assert called(page, "hardlink.track('a')")["ok"]["status"] == "stored"
    assert called(page, "hardlink.track('b')")["ok"]["status"] == "stored"
    assert shop.session_types(session(page)) == ["a", "b"]


def test_in_a_frame_that_may_do_nothing_it_works(shop: Shop, device: BrowserContext) -> None:
    page = device.new_page()
    wire = shop.wire(device)
    inner = shop.page("hardlink.track('framed')")
    page.goto(shop.raw_page(f'<iframe sandbox="allow-scripts" src="{inner}"></iframe>'))
    shown(page, lambda: wire.types()[:1], ["framed"])


def test_the_oldest_give_way_and_it_is_told(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page(batch=60_000))
    called(page, "hardlink.flush()")
    wire = shop.wire(device)
    page.evaluate(
        """() => { window.lost = []
          for (let n = 0; n < 503; n++)
            hardlink.track(`e${n}`).catch(error => lost.push([n, error.code])) }"""
    )
    assert page.evaluate("lost") == [[n, "queue_full"] for n in range(3)]
    called(page, "hardlink.flush()")
    settles(lambda: waiting(page), [])
    assert wire.types() == [f"e{n}" for n in range(3, 503)]


def test_the_queue_is_bounded_in_bytes_too(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page(batch=60_000))
    page.evaluate(
        """() => { window.lost = []
          for (let n = 0; n < 6; n++)
            hardlink.track(`e${n}`, {long: 'x'.repeat(60_000)}).catch(error => lost.push(error.code))
          hardlink.track('huge', {long: 'x'.repeat(300_000)}).catch(error => lost.push(error.code)) }"""
    )
    page.wait_for_function("lost.length === 3")
    assert page.evaluate("lost.sort()") == ["queue_full", "queue_full", "too_large"]
    assert waiting(page) == ["e2", "e3", "e4", "e5"]


def test_what_others_left_in_the_queue_stops_nothing(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page())
    page.evaluate("localStorage.setItem('hardlink.q.0', '{broken')")
    assert called(page, "hardlink.track('a')")["ok"]["status"] == "stored"
    assert "hardlink.q.0" not in kept(page)


def test_a_device_whose_clock_is_wrong(shop: Shop, browser: Browser) -> None:
    with browser.new_context() as device:
        device.add_init_script("{const now = Date.now; Date.now = () => now() + 86400000}")
        page = opened(device, shop.page())
        called(page, "hardlink.track('a')")
        event = shop.client.get("sessions", session(page), "events").json["events"][0]
        assert event["time"][:10] == event["received"][:10]
