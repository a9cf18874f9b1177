"""Whole visits through the demo's own pages, and what the service and its console know afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.browser.demo.device import Device, device, events, settles
from tests.http.service import Client, eventually, fresh

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LOOKED = ("product_click", "product_detail")
TOOK = (*LOOKED, "product_add_to_cart")
BOUGHT = ("product_checkout", "checkout", "product_purchase", "transaction")


def test_two_devices_and_two_logins_are_one_customers_timeline(
    shop: Client, phone: Device, devices: Callable[[], Device], ada: str
) -> None:
    phone.look_at("Dusk lamp")
    phone.take()
    number = phone.log_in("Ada Lovelace", ada)
    order = phone.order()
    laptop = devices()
    laptop.agree()
    laptop.look_at("Noon clock")
    assert laptop.log_in("Ada Lovelace", ada.upper()) == number
    settles(shop, ada, *TOOK, *BOUGHT, *LOOKED)
    assert events(shop, ada)[-3]["properties"]["transaction_id"] == order
    known = shop.get("customers", "registered", number).json
    assert known["attributes"]["first_name"] == "Ada"
    assert len(known["sessions"]) == 2
    laptop.page.locator(".panel summary").click()
    console = laptop.console("The whole customer")
    console.get_by_role("heading", name="Ada Lovelace").wait_for()
    timeline = console.locator(".timeline .type")
    timeline.filter(has_text="transaction").wait_for()
    assert {*TOOK, *BOUGHT} <= set(timeline.all_inner_texts())
    laptop.page.get_by_role("link", name="How it was joined", exact=True).click()
    console.locator("svg.graph g.edge.link").nth(1).wait_for()  # the same tab, its key still known
    assert len(laptop.context.pages) == 2
    assert console.locator("svg.graph g.edge.link").count() == 2


def test_somebody_else_who_logs_in_takes_over_and_undo_gives_back(
    shop: Client, phone: Device, ada: str
) -> None:
    grace = f"{fresh('grace')}@example.com"
    phone.look_at("Fern pot")
    phone.log_in("Ada", ada)
    settles(shop, ada, *LOOKED)
    phone.page.get_by_role("link", name="Somebody else logs in").click()
    phone.page.get_by_text("Ada is logged in here.").wait_for()
    phone.log_in("Grace", grace)
    settles(shop, grace, *LOOKED)
    settles(shop, ada)
    console = phone.console("See how it was joined, and undo it")
    console.locator(".links > li").filter(has_text="move").get_by_role("button").click()
    console.get_by_role("dialog").get_by_role("button", name="Undo").click()
    console.get_by_text("The link was undone.").wait_for()
    settles(shop, ada, *LOOKED)
    settles(shop, grace)


def test_after_log_out_somebody_new_is_here(shop: Client, phone: Device, ada: str) -> None:
    phone.look_at("Fern pot")
    phone.take()
    number = phone.log_in("Ada", ada)
    before = phone.session()
    phone.log_out()
    phone.page.get_by_text("knows a visitor").wait_for()
    phone.look_at("Noon clock")
    after = phone.session()
    assert after != before
    assert phone.page.locator("[data-count]").inner_text() == "0"
    phone.page.locator(".panel summary").click()
    assert number not in phone.page.locator(".panel").inner_text()
    eventually(lambda: shop.get("sessions", after, "events", type="product_detail").status, 200)
    assert shop.get("sessions", after).json["customer"] is None
    settles(shop, ada, *TOOK)


def test_a_guests_order_is_theirs_when_they_log_in(shop: Client, phone: Device, ada: str) -> None:
    phone.look_at("Hush teapot")
    phone.take()
    phone.go("/checkout").get_by_label("Name").fill("Ada")
    phone.page.get_by_label("E-mail").fill(ada)
    phone.page.get_by_role("button", name="Order for").click()
    phone.page.get_by_role("heading", name="Thank you").wait_for()
    settles(shop, ada, *TOOK, *BOUGHT)
    number = phone.log_in("Ada", ada)
    eventually(
        lambda: [t for t in shop.types("registered", number) if t in (*TOOK, *BOUGHT)],
        [*TOOK, *BOUGHT],
    )


def test_the_basket_tells_what_is_put_in_and_taken_out(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.log_in("Ada", ada)
    phone.look_at("Morning mug")
    phone.take()
    page = phone.go("/basket")
    page.get_by_role("button", name="One more: Morning mug").click()
    assert page.locator("[data-count]").inner_text() == "2"
    page.get_by_role("button", name="Remove Morning mug").click()
    page.get_by_text("There is nothing in it yet.").wait_for()
    settles(shop, ada, *TOOK, "product_add_to_cart", "product_remove_from_cart")
    *_, removed = events(shop, ada)
    assert removed["properties"]["quantity"] == 2


def test_what_a_customer_says_of_themselves_is_theirs(
    shop: Client, phone: Device, ada: str
) -> None:
    number = phone.log_in("Ada", ada)
    phone.page.get_by_label("Favourite room").select_option("The living room")
    phone.page.get_by_role("button", name="Save").click()

    def room() -> Any:
        found = shop.get("customers", "registered", number).json
        return found.get("attributes", {}).get("favourite_room")

    eventually(room, "The living room")


def test_before_a_yes_and_after_a_no_nothing_is_stored_or_sent(
    devices: Callable[[], Device], ada: str
) -> None:
    visitor = devices()
    kept = (
        "Object.keys({...localStorage, ...sessionStorage}).filter(key => !key.startsWith('nook.'))"
    )
    page = visitor.go("/product/mug")
    page.get_by_text("waits for a yes").wait_for()
    page.wait_for_function("typeof window.hardlink?.version === 'string'")
    assert (visitor.sent(), page.evaluate(kept)) == ([], [])
    page.get_by_role("button", name="No, thanks").click()
    page.get_by_text("is off: this visitor said no").wait_for()
    visitor.look_at("Dusk lamp")
    visitor.take()
    visitor.log_in("Ada", ada)  # the shop works all the same
    visitor.go()
    assert (visitor.sent(), page.evaluate(kept)) == ([], ["hardlink.consent"])
    assert visitor.context.cookies() == []


def test_a_no_that_comes_later_is_told_and_a_yes_begins_anew(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.look_at("Dusk lamp")
    before = phone.session()
    page = phone.page
    page.get_by_role("button", name="Privacy choices").click()
    page.get_by_role("button", name="No, thanks").click()
    page.get_by_text("is off: this visitor said no").wait_for()
    eventually(
        lambda: shop.track(before, "late", source="demo").json["results"][0]["status"], "dropped"
    )
    phone.log_in("Ada", ada)
    page.get_by_role("button", name="Privacy choices").click()
    page.get_by_role("button", name="Yes, remember").click()
    page.get_by_text("knows Ada").wait_for()
    phone.look_at("Noon clock")
    settles(shop, ada, *LOOKED)  # she was logged in already: said as soon as it may be
    assert phone.session() != before


def test_a_newsletter_link_says_its_campaign_and_the_backend_finds_the_visitor(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.log_in("Ada", ada)
    phone.go("/newsletter").get_by_role("link", name="Loaf cushion").click()
    phone.page.get_by_role("heading", name="Loaf cushion").wait_for()
    session = phone.session()

    def campaigns() -> set[Any]:
        found = shop.get("sessions", session, "events", type="session_ping").json["events"]
        return {event["properties"].get("utm_campaign") for event in found}

    eventually(lambda: "autumn" in campaigns(), wanted=True)
    call = phone.go("/newsletter").locator("pre").first.inner_text()
    asked = re.search(r'http://127\.0\.0\.1:\d+(/[\w-]+)\?email=([^"]+)', call)
    assert asked
    assert asked[1] == "/tracking-user"
    found = shop.get("tracking-user", email=asked[2].replace("%40", "@")).json
    assert found["session"]["id"] == session


def test_a_link_in_a_page_is_tracked_as_it_is_followed(
    shop: Client, phone: Device, ada: str
) -> None:
    phone.log_in("Ada", ada)
    phone.go().get_by_role("link", name="Meet the Dusk lamp").click()
    settles(shop, ada, "banner_click", "product_detail")
    phone.page.get_by_role("link", name="Living room").click()
    settles(shop, ada, "banner_click", "product_detail", "view_category")


def test_the_keyboard_is_enough(shop: Client, devices: Callable[[], Device], ada: str) -> None:
    visitor = devices()
    page = visitor.go("/product/lamp")

    def reach(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            shown = (
                "(e => e.getAttribute('aria-label') || e.id || e.innerText)(document.activeElement)"
            )
            if page.evaluate(shown) == name:
                return
        raise AssertionError(f"{name} is not reached by Tab")

    reach("Yes, remember")
    page.keyboard.press("Enter")
    page.get_by_text("knows a visitor").wait_for()
    page.reload()
    reach("Put in the basket")
    page.keyboard.press("Enter")
    page.get_by_text("It is in your basket.").wait_for()
    reach("See the basket")
    visitor.go("/login")
    reach("name")
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    page.keyboard.type(ada)
    page.keyboard.press("Enter")
    page.get_by_text("Customer number").wait_for()
    eventually(lambda: "product_add_to_cart" in shop.types("email", ada), wanted=True)


def test_by_another_name_of_this_machine_the_api_is_another_origin(
    shop: Client, browser: Browser, url: str, ada: str
) -> None:
    """The shop's pages at `localhost`, the API at 127.0.0.1: real CORS, with preflights."""
    with device(browser, url.replace("127.0.0.1", "localhost")) as other:
        other.agree()
        other.look_at("Fern pot")
        other.log_in("Ada", ada)
        settles(shop, ada, *LOOKED)
        assert {one.url.rpartition(":")[0] for one in other.asked if one.method == "POST"} == {
            "http://127.0.0.1"
        }
