"""Whole visits through the demo's pages, and their results in the service and the console."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.browser.console.test_live import expect_count
from tests.browser.demo.device import Device, device, events, settles
from tests.http.service import Client, eventually, fresh
from tests.support.browsing import wait_for_script

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VIEWED = ("product_click", "product_detail")
ADDED = (*VIEWED, "product_add_to_cart")
ORDERED = ("product_checkout", "checkout", "product_purchase", "transaction")


def test_two_devices_of_one_customer_share_a_timeline(
    shop: Client, phone: Device, devices: Callable[[], Device], ada: str
) -> None:
    phone.look_at("Dusk lamp")
    phone.add_to_basket()
    number = phone.log_in("Ada Lovelace", ada)
    order = phone.order()
    laptop = devices()
    laptop.accept_tracking()
    laptop.look_at("Noon clock")
    assert laptop.log_in("Ada Lovelace", ada.upper()) == number
    # `merge`: the laptop joined a customer who was known already
    settles(shop, ada, *ADDED, *ORDERED, *VIEWED, "merge")
    assert events(shop, ada)[-4]["properties"]["transaction_id"] == order
    known = shop.get("customers", "registered", number).json
    assert known["attributes"]["first_name"] == "Ada"
    assert len(known["sessions"]) == 2
    laptop.page.locator(".panel summary").click()
    console = laptop.console("Customer")
    console.get_by_role("heading", name="Ada Lovelace").wait_for()
    timeline = console.locator(".timeline .type")
    timeline.filter(has_text="transaction").wait_for()
    assert {*ADDED, *ORDERED} <= set(timeline.all_inner_texts())
    laptop.page.get_by_role("link", name="Identity graph", exact=True).click()
    console.locator("svg.graph g.edge.link").nth(
        1
    ).wait_for()  # the same tab, still signed in
    assert len(laptop.context.pages) == 2
    assert console.locator("svg.graph g.edge.link").count() == 2


def test_w9_another_login_leaves_the_activity_and_undo_gives_back_what_came_after(
    shop: Client, phone: Device, ada: str
) -> None:
    grace = f"{fresh('grace')}@example.com"
    phone.look_at("Fern pot")
    phone.log_in("Ada", ada)
    settles(shop, ada, *VIEWED)
    phone.page.get_by_role("link", name="Log in as another customer").click()
    phone.page.get_by_text("Ada is logged in.").wait_for()
    phone.log_in("Grace", grace)
    phone.look_at("Noon clock")
    settles(shop, grace, *VIEWED)
    settles(shop, ada, *VIEWED)
    phone.go("/account")
    console = phone.console("See the identity graph, and undo the link")
    console.locator(".links > li").filter(has_text="split").get_by_role(
        "button"
    ).click()
    console.get_by_role("dialog").get_by_role("button", name="Undo").click()
    console.get_by_text("The link was undone.").wait_for()
    settles(shop, ada, *VIEWED, *VIEWED)
    settles(shop, grace)


def test_log_out_starts_an_anonymous_session(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.look_at("Fern pot")
    phone.add_to_basket()
    number = phone.log_in("Ada", ada)
    before = phone.session()
    phone.log_out()
    phone.page.get_by_text("anonymous visitor").wait_for()
    phone.look_at("Noon clock")
    after = phone.session()
    assert after != before
    assert phone.page.locator("[data-count]").inner_text() == "0"
    phone.page.locator(".panel summary").click()
    assert number not in phone.page.locator(".panel").inner_text()
    eventually(
        lambda: shop.get("sessions", after, "events", type="product_detail").status, 200
    )
    assert shop.get("sessions", after).json["customer"] is None
    settles(shop, ada, *ADDED)


def test_a_guests_order_is_assigned_when_they_log_in(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.look_at("Hush teapot")
    phone.add_to_basket()
    phone.go("/checkout").get_by_label("Name").fill("Ada")
    phone.page.get_by_label("E-mail").fill(ada)
    phone.page.get_by_role("button", name="Order for").click()
    phone.page.get_by_role("heading", name="Thank you").wait_for()
    settles(shop, ada, *ADDED, *ORDERED)
    number = phone.log_in("Ada", ada)
    eventually(
        lambda: [
            t for t in shop.types("registered", number) if t in (*ADDED, *ORDERED)
        ],
        [*ADDED, *ORDERED],
    )


def test_the_basket_tracks_additions_and_removals(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.log_in("Ada", ada)
    phone.look_at("Morning mug")
    phone.add_to_basket()
    page = phone.go("/basket")
    page.get_by_role("button", name="One more: Morning mug").click()
    assert page.locator("[data-count]").inner_text() == "2"
    page.get_by_role("button", name="Remove Morning mug").click()
    page.get_by_text("Your basket is empty.").wait_for()
    settles(shop, ada, *ADDED, "product_add_to_cart", "product_remove_from_cart")
    *_, removed = events(shop, ada)
    assert removed["properties"]["quantity"] == 2


def test_a_preference_becomes_an_attribute_of_the_customer(
    shop: Client, phone: Device, ada: str
) -> None:
    number = phone.log_in("Ada", ada)
    phone.page.get_by_label("Favourite room").select_option("The living room")
    phone.page.get_by_role("button", name="Save").click()

    def room() -> Any:
        found = shop.get("customers", "registered", number).json
        return found.get("attributes", {}).get("favourite_room")

    eventually(room, "The living room")


def test_without_consent_nothing_is_stored_or_sent(
    devices: Callable[[], Device], ada: str
) -> None:
    visitor = devices()
    stored_keys = "Object.keys({...localStorage, ...sessionStorage}).filter(key => !key.startsWith('nook.'))"
    page = visitor.go("/product/mug")
    page.get_by_text("waits for consent").wait_for()
    wait_for_script(page, "typeof window.hardlink?.version === 'string'")
    assert (visitor.sent(), page.evaluate(stored_keys)) == ([], [])
    page.get_by_role("button", name="Decline").click()
    page.get_by_text("is off: tracking was declined").wait_for()
    visitor.look_at("Dusk lamp")
    visitor.add_to_basket()
    visitor.log_in("Ada", ada)  # the shop works without tracking
    visitor.go()
    assert (visitor.sent(), page.evaluate(stored_keys)) == ([], ["hardlink.consent"])
    assert visitor.context.cookies() == []


def test_a_later_opt_out_is_sent_and_an_opt_in_starts_a_new_session(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.look_at("Dusk lamp")
    before = phone.session()
    page = phone.page
    page.get_by_role("button", name="Privacy settings").click()
    page.get_by_role("button", name="Decline").click()
    page.get_by_text("is off: tracking was declined").wait_for()
    eventually(
        lambda: shop.track(before, "late", source="demo").json["results"][0]["status"],
        "dropped",
    )
    phone.log_in("Ada", ada)
    page.get_by_role("button", name="Privacy settings").click()
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("customer: Ada").wait_for()
    phone.look_at("Noon clock")
    settles(shop, ada, *VIEWED)  # she logged in before: identified after the opt-in
    assert phone.session() != before


def test_a_newsletter_link_names_its_campaign_and_the_backend_finds_the_visitor(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.log_in("Ada", ada)
    phone.go("/newsletter").get_by_role("link", name="Loaf cushion").click()
    phone.page.get_by_role("heading", name="Loaf cushion").wait_for()
    session = phone.session()

    def campaigns() -> set[Any]:
        found = shop.get("sessions", session, "events", type="session_ping").json[
            "events"
        ]
        return {event["properties"].get("utm_campaign") for event in found}

    eventually(lambda: "autumn" in campaigns(), wanted=True)
    call = phone.go("/newsletter").locator("pre").first.inner_text()
    asked = re.search(r'http://127\.0\.0\.1:\d+(/[\w-]+)\?email=([^"]+)', call)
    assert asked
    assert asked[1] == "/tracking-user"
    found = shop.get("tracking-user", email=asked[2].replace("%40", "@")).json
    assert found["session"]["id"] == session


def test_clicks_on_a_link_are_tracked(shop: Client, phone: Device, ada: str) -> None:
    phone.log_in("Ada", ada)
    phone.go().get_by_role("link", name="Discover the Dusk lamp").click()
    settles(shop, ada, "banner_click", "product_detail")
    phone.page.get_by_role("link", name="Living room").click()
    settles(shop, ada, "banner_click", "product_detail", "view_category")


def test_the_shop_is_usable_by_keyboard(
    shop: Client, devices: Callable[[], Device], ada: str
) -> None:
    visitor = devices()
    page = visitor.go("/product/lamp")

    def reach(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            shown = "(e => e.getAttribute('aria-label') || e.id || e.innerText)(document.activeElement)"
            if page.evaluate(shown) == name:
                return
        raise AssertionError(f"{name} cannot be reached by Tab")

    reach("Accept")
    page.keyboard.press("Enter")
    page.get_by_text("anonymous visitor").wait_for()
    page.reload()
    reach("Add to basket")
    page.keyboard.press("Enter")
    page.get_by_text("Added to your basket.").wait_for()
    reach("View basket")
    visitor.go("/login")
    reach("name")
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    page.keyboard.type(ada)
    page.keyboard.press("Enter")
    page.get_by_text("Customer number").wait_for()
    eventually(lambda: "product_add_to_cart" in shop.types("email", ada), wanted=True)


def test_the_shop_works_from_another_origin_than_the_api(
    shop: Client, browser: Browser, url: str, ada: str
) -> None:
    """Pages at `localhost`, API at 127.0.0.1: real CORS, with preflights."""
    with device(browser, url.replace("127.0.0.1", "localhost")) as other:
        other.accept_tracking()
        other.look_at("Fern pot")
        other.log_in("Ada", ada)
        settles(shop, ada, *VIEWED)
        assert {
            one.url.rpartition(":")[0] for one in other.requests if one.method == "POST"
        } == {"http://127.0.0.1"}


def test_what_a_visitor_is_shown_moves_with_a_log_in_and_comes_back_on_undo(
    shop: Client, phone: Device, ada: str
) -> None:
    grace = f"{fresh('grace')}@example.com"
    phone.log_in("Ada", ada)
    phone.look_at("Hush teapot")
    phone.add_to_basket()
    phone.order()
    shows(phone, ["Hush teapot"], greeted=True)
    phone.go("/product/mug")
    related = phone.page.get_by_role("heading", name="with your Hush teapot")
    related.wait_for()
    assert phone.page.locator(".others .card", has_text="Hush teapot").count() == 0
    phone.log_in("Grace", grace)
    shows(phone, [], greeted=False)
    phone.look_at("Noon clock")
    shows(phone, ["Noon clock"], greeted=False)
    phone.go("/account")
    console = phone.console("See the identity graph, and undo the link")
    split = console.locator(".links > li").filter(has_text="split")
    split.get_by_role("button").click()
    console.get_by_role("dialog").get_by_role("button", name="Undo").click()
    console.get_by_text("The link was undone.").wait_for()
    shows(phone, ["Noon clock", "Morning mug", "Hush teapot"], greeted=True)


def shows(visitor: Device, names: list[str], *, greeted: bool) -> None:
    """Wait until the start page shows these products as viewed, and the greeting or none."""

    def look() -> tuple[list[str], bool]:
        page = visitor.go()
        expect_count(page.locator("[aria-busy]"), 0)
        shown = page.locator(".personal .card .name").all_inner_texts()
        return shown, page.get_by_text("Good to see you again.").count() == 1

    eventually(look, (names, greeted))
