"""The live list: every event appears once, with its verdict; and the server key stays in the tab."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.http.service import KEY, Client, fresh

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page, Request

STORED = "sessionStorage.getItem('hardlink-server-key')"


def expect_count(found: Locator, count: int) -> None:
    from playwright.sync_api import expect  # noqa: PLC0415 (Playwright is optional)

    expect(found).to_have_count(count, timeout=20_000)


def lines(console: Page, text: str) -> Locator:
    """The visible entries that contain this text."""
    return console.locator(".entries > li:visible").filter(has_text=text)


def test_events_appear_with_their_verdicts(console: Page, shop: Client) -> None:
    session, type_ = fresh(), fresh("view")
    shop.track(session, type_)
    expect_count(lines(console, type_), 1)
    body = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "events": [
            {"type": f"{type_}-bad", "tags": "none"},
            {"type": f"{type_}-unwanted", "options": {"saveEvent": False}},
            {"type": f"{type_}-late", "time": "2026-01-01T00:00:00Z"},
            {"type": f"{type_}-good", "properties": {"color": "red"}},
        ],
    }
    results = shop.post("/track", body).json["results"]
    for name, verdict in (
        ("bad", "rejected"),
        ("unwanted", "dropped"),
        ("late", "stored"),
        ("good", "stored"),
    ):
        found = lines(console, f"{type_}-{name}")
        expect_count(found, 1)
        assert found.locator(".verdict").inner_text() == verdict
    assert results[0]["reason"] in lines(console, f"{type_}-bad").inner_text()
    assert "color: red" in lines(console, f"{type_}-good").inner_text()


def test_a_refused_call_appears_with_what_to_do(console: Page, shop: Client) -> None:
    origin = f"https://{fresh()}.example"
    body = {"source": {"id": "web-key"}, "session": {"id": fresh()}, "events": []}
    assert shop.post("/track", body, origin=origin).status == 403
    found = lines(console, origin)
    expect_count(found, 1)
    assert found.locator(".verdict").inner_text() == "refused"
    assert "add it to its origins" in found.inner_text()
    found.locator("summary").click()
    found.get_by_text("origin_not_allowed").wait_for()
    console.get_by_label("Verdict").select_option("refused")
    expect_count(found, 1)


def test_a_list_that_is_loading_does_not_say_that_it_is_empty(
    page: Page, url: str
) -> None:
    page.route(re.compile(r"/live(\?.*)?$"), lambda route: None)
    page.goto(url)
    page.get_by_label("Server key").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_text("Connecting…").wait_for()
    assert not page.get_by_text("No events arrived").is_visible()


def test_nothing_is_missed_and_nothing_appears_twice(
    console: Page, shop: Client
) -> None:
    type_ = fresh("many")
    sessions = [fresh() for _ in range(20)]
    for number in range(3):
        for session in sessions:
            shop.track(
                session, f"{type_}-{session}-{number}", f"{type_}-{session}-{number}-b"
            )
    expect_count(lines(console, type_), 120)
    console.wait_for_timeout(4000)  # the service repeats recent entries
    texts = console.locator(".entries > li .type").all_inner_texts()
    assert sorted(text for text in texts if type_ in text) == sorted(
        f"{type_}-{session}-{number}{tail}"
        for session in sessions
        for number in range(3)
        for tail in ("", "-b")
    )


def test_a_paused_list_does_not_change_and_loses_nothing(
    console: Page, shop: Client
) -> None:
    before, during = fresh("before"), fresh("during")
    session = fresh()
    shop.track(session, before)
    expect_count(lines(console, before), 1)
    console.keyboard.press("p")
    shop.track(session, during)
    console.get_by_role("button", name=re.compile(r"Resume \(1 new\)")).wait_for()
    expect_count(lines(console, during), 0)
    console.keyboard.press("p")
    expect_count(lines(console, during), 1)


def test_the_list_is_filtered_by_text_and_verdict(console: Page, shop: Client) -> None:
    both, session = fresh("both"), fresh()
    red, blue = f"red-{both}", f"blue-{both}"
    shop.track(session, red, blue)
    shop.post(
        "/track",
        {
            "source": {"id": "web-key"},
            "session": {"id": session},
            "events": [{"type": f"{red}-bad", "tags": "none"}],
        },
    )
    expect_count(lines(console, both), 3)
    console.keyboard.press("/")
    console.keyboard.type(red.upper())
    expect_count(lines(console, both), 2)
    expect_count(lines(console, blue), 0)
    console.get_by_label("Verdict").select_option("rejected")
    expect_count(lines(console, both), 1)
    after = fresh("red")
    shop.track(session, after)  # the filter applies to later events too
    console.get_by_label("Filter events").fill("")
    console.get_by_label("Verdict").select_option("")
    expect_count(lines(console, after), 1)


def test_pings_are_folded_until_they_are_asked_for(console: Page, shop: Client) -> None:
    mark, session = fresh("mark"), fresh()
    shop.track(session, f"{mark}-first")
    for _ in range(3):
        shop.track(session, "session_ping")
    shop.track(session, f"{mark}-last")
    above = f'.entries > li:has-text("{mark}-last")'
    fold = console.locator(f"{above} + .fold-line button")
    fold.wait_for()
    assert fold.inner_text().endswith("3 session_pings")
    pings = console.locator(f"{above} ~ li .entry:visible").filter(
        has_text="session_ping"
    )
    expect_count(pings, 0)
    fold.press("Enter")
    expect_count(pings, 3)
    shop.track(session, f"{mark}-later")  # what arrives leaves it open
    expect_count(lines(console, f"{mark}-later"), 1)
    expect_count(pings, 3)
    fold.press("Enter")
    expect_count(pings, 0)
    console.get_by_label("Filter events").fill("session_ping")
    expect_count(console.locator(".fold-line"), 0)
    expect_count(lines(console, mark), 0)


def test_an_event_is_shown_formatted_or_as_json(console: Page, shop: Client) -> None:
    type_ = fresh("view")
    shop.track(
        fresh(), type_, properties={"product": {"name": "crowbar", "price": 42.5}}
    )
    line = lines(console, type_)
    line.locator("summary").focus()
    console.keyboard.press("Enter")
    line.locator("dt", has_text=re.compile("^price$")).wait_for()
    console.locator("h1").click()
    console.keyboard.press("r")
    shown = json.loads(line.locator("pre").inner_text())
    assert shown["properties"] == {"product": {"name": "crowbar", "price": 42.5}}
    assert shown["type"] == type_


def test_backend_events_are_marked(console: Page, shop: Client) -> None:
    type_, customer = fresh("invoice"), fresh("c")
    shop.post(
        "/track",
        {
            "source": {"id": "web-key"},
            "server_side": True,
            "ids": {"registered": customer},
            "events": [{"type": type_}],
        },
    )
    found = lines(console, type_)
    expect_count(found, 1)
    assert found.locator(".mark").inner_text() == "backend"


@pytest.mark.parametrize("key", ["wrong", "wröng", "two words"])
def test_a_wrong_key_is_reported_and_not_stored(page: Page, url: str, key: str) -> None:
    page.goto(url)
    page.get_by_label("Server key").fill(key)
    page.get_by_role("button", name="Open the console").click()
    page.get_by_text("This is not a server key of this service.").wait_for()
    assert page.evaluate(STORED) is None


def test_the_key_is_stored_in_this_tab_only(console: Page, url: str) -> None:
    console.reload()
    console.get_by_role("heading", name="Live").wait_for()
    other = console.context.new_page()
    other.goto(url)
    other.get_by_label("Server key").wait_for()
    assert KEY not in other.evaluate(
        "JSON.stringify({...localStorage}) + document.cookie"
    )
    console.get_by_role("button", name="Forget key").click()
    console.get_by_label("Server key").wait_for()
    assert console.evaluate(STORED) is None
    console.reload()
    console.get_by_label("Server key").wait_for()


def test_the_key_is_sent_in_one_header_and_never_in_a_url(
    page: Page, shop: Client, url: str
) -> None:
    """URLs are logged, and kept in the browser's history."""
    seen: list[str] = []
    headers: set[str] = set()

    def record(request: Request) -> None:
        seen.extend((request.url, request.post_data or ""))
        headers.update(name for name, text in request.headers.items() if KEY in text)

    page.on("request", record)
    page.on("framenavigated", lambda frame: seen.append(frame.url))
    page.goto(url)
    page.get_by_label("Server key").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Live").wait_for()
    shop.track(session := fresh(), "view")
    page.get_by_label("Identifier", exact=True).fill(session)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Session", exact=True).wait_for()
    page.reload()
    page.get_by_role("heading", name="Session", exact=True).wait_for()
    stored = "JSON.stringify([{...localStorage}, document.cookie, history.state, name])"
    seen.append(page.evaluate(stored))
    assert headers == {"authorization"}
    assert [text for text in seen if KEY in text] == []


def test_polling_continues_after_a_failure(console: Page, shop: Client) -> None:
    type_ = fresh("view")
    console.route("**/live*", lambda route: route.abort())
    console.get_by_text("Trying again").wait_for()
    shop.track(fresh(), type_)
    console.unroute("**/live*")
    expect_count(lines(console, type_), 1)


@pytest.mark.parametrize(("key", "heading"), [("gc", "Customers"), ("gl", "Live")])
def test_views_are_opened_by_keyboard(console: Page, key: str, heading: str) -> None:
    for one in key:
        console.keyboard.press(one)
    console.get_by_role("heading", name=heading, exact=True).wait_for()


def test_shortcuts_are_listed_and_the_theme_is_switched(console: Page) -> None:
    console.keyboard.press("?")
    dialog = console.get_by_role("dialog", name="Keyboard shortcuts")
    assert dialog.get_by_text("pause or resume the live list").is_visible()
    console.keyboard.press("Escape")
    expect_count(dialog, 0)
    backgrounds = set()
    for _ in range(3):
        console.keyboard.press("t")
        backgrounds.add(
            console.evaluate("getComputedStyle(document.body).backgroundColor")
        )
    assert len(backgrounds) == 2
