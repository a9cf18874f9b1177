"""The views of customers and sessions: search, values, timeline, identity graph, undo, export, erasure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.console.test_live import expect_count
from tests.http.service import Client, eventually, fresh
from tests.support.browsing import wait_for_script

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

GORDON: Mapping[str, Any] = {
    "first_name": "Gordon",
    "last_name": "Freeman",
    "company_name": "Black Mesa",
    "email": "gordon@blackmesa.com",
    "phone": "+421905123456",
    "language": "en",
    "domain": "shop.example",
    "crowbars": {"owned": 2},
}


def identify_visitor(
    shop: Client, session: str, customer: str, *types: str, **more: Any
) -> None:
    """Track events of these types, identify the visitor, and wait until they are associated."""
    shop.track(session, *types)
    shop.identify(session, {"registered": customer}, **more)
    eventually(
        lambda: len(shop.types("registered", customer)) >= len(types), wanted=True
    )


def find(console: Page, value: str, type_: str = "") -> None:
    console.get_by_label("Type of identifier").select_option(type_)
    console.get_by_label("Identifier", exact=True).fill(value)
    console.get_by_role("button", name="Look up").click()


def test_the_card_and_all_other_values_are_shown(console: Page, shop: Client) -> None:
    customer = fresh("c")
    more = {
        "segments": ["vip"],
        "traits": {"size": "L"},
        "consents": {"newsletter": True},
    }
    session = fresh()
    identify_visitor(shop, session, customer, "view", properties=GORDON, **more)
    body = {
        "source": {"id": "web-key"},
        "session": {"id": session},
        "tracking": "granted",
    }
    assert shop.post("/consent", body).status == 200
    find(console, customer)
    console.get_by_role("heading", name="Gordon Freeman").wait_for()
    card = console.locator(".card").inner_text()
    for text in (
        "Black Mesa",
        "+421905123456",
        "English (en)",
        "shop.example",
        customer,
    ):
        assert text in card
    assert console.get_by_role("link", name="gordon@blackmesa.com").is_visible()
    aside = console.get_by_role("complementary").inner_text()
    for text in (
        "crowbars",
        "owned",
        "vip",
        "size",
        "newsletter",
        "tracking",
        customer,
    ):
        assert text in aside
    assert console.locator(".consent").all_inner_texts() == ["granted", "granted"]


@pytest.mark.parametrize(
    ("type_", "by"),
    [
        ("", "email"),
        ("", "registered"),
        ("", "session"),
        ("email", "email"),
        ("session", "session"),
        ("profile", "profile"),
    ],
)
def test_a_customer_is_found_by_any_identifier(
    console: Page, shop: Client, type_: str, by: str
) -> None:
    ids = {"registered": fresh("c"), "email": f"{fresh()}@example.com"}
    session = fresh()
    shop.track(session, "view")
    shop.identify(session, ids)
    eventually(lambda: shop.types("registered", ids["registered"]), ["view"])
    profile = shop.get("sessions", session).json["profile"]["id"]
    find(console, {**ids, "session": session, "profile": profile}[by], type_)
    heading = "Session" if by == "session" else ids.get(by, profile)
    console.get_by_role("heading", name=heading).first.wait_for()
    assert session in console.locator("main").inner_text() or by != "session"


def test_an_unknown_identifier_is_not_found(console: Page, shop: Client) -> None:
    find(console, fresh("unknown"))
    console.get_by_text("No customer or session has this identifier. ").wait_for()
    console.goto(
        console.url.partition("#")[0] + "#/customers/registered/no-such-customer"
    )
    console.get_by_role("heading", name="Not found").wait_for()
    message = shop.get("customers", "registered", "no-such-customer").error["message"]
    console.get_by_text(message).wait_for()


def test_the_timeline_is_paged_and_filtered_by_type(
    console: Page, shop: Client
) -> None:
    customer, session = fresh("c"), fresh()
    identify_visitor(shop, session, customer, *(f"view-{n}" for n in range(70)))
    find(console, customer)
    types = console.locator(".timeline .entry .type")
    expect_count(types, 50)
    console.get_by_role("button", name="Older events").click()
    expect_count(types, 70)
    assert types.all_inner_texts() == [f"view-{n}" for n in reversed(range(70))]
    console.get_by_label("Type of event").fill("view-3")
    console.keyboard.press("Enter")
    expect_count(types, 1)


def test_a_link_leads_to_what_is_filtered_by_source_and_days(
    console: Page, shop: Client
) -> None:
    customer, session = fresh("c"), fresh()
    identify_visitor(shop, session, customer)
    for source, day in (("web", 1), ("web", 2), ("split", 2)):
        event = {"type": f"{source}-{day}", "time": f"2026-01-0{day}T12:00:00Z"}
        key = {"id": f"{source}-key"}
        body = {"source": key, "session": {"id": session}, "events": [event]}
        assert shop.post("/track", body).json["results"][0]["status"] == "stored"
    find(console, customer)
    types = console.locator(".timeline .entry .type")
    expect_count(types, 3)
    console.get_by_label("Source").fill("web")
    console.keyboard.press("Enter")
    expect_count(types, 2)
    console.get_by_label("From").fill("2026-01-02")
    console.get_by_label("to", exact=True).fill("2026-01-02")
    expect_count(types, 1)
    assert types.all_inner_texts() == ["web-2"]
    console.reload()
    expect_count(types, 1)
    assert console.get_by_label("Source").input_value() == "web"
    console.get_by_label("Source").fill("none")
    console.keyboard.press("Enter")
    console.get_by_text("No events match the filters.").wait_for()


def test_derived_events_and_backend_sessions_are_marked(
    console: Page, shop: Client
) -> None:
    customer, session = fresh("c"), fresh()
    shop.post(
        "/bulk",
        {
            "commands": [
                {
                    "name": "crm/events",
                    "data": {
                        "customer_ids": {"cookie": session, "registered": customer},
                        "project_id": "web-key",
                        "type": "session_ping",
                        "properties": {},
                    },
                }
            ]
        },
    )
    eventually(
        lambda: "session_start" in shop.types("registered", customer), wanted=True
    )
    backend = {
        "source": {"id": "web-key"},
        "server_side": True,
        "ids": {"registered": customer},
    }
    shop.post("/track", {**backend, "events": [{"type": "invoice"}]})
    find(console, customer)
    start = console.locator(".entry").filter(has_text="session_start")
    assert start.locator(".mark").inner_text() == "derived"
    start.locator("summary").click()
    start.get_by_text("derived_from").wait_for()
    eventually(lambda: "invoice" in shop.types("registered", customer), wanted=True)
    console.get_by_role("link", name="Sessions and devices").click()
    console.get_by_text("1 session of 1 visitor").wait_for()
    assert console.get_by_role("heading", name="Backend").is_visible()


def test_a_link_is_explained_and_undone(console: Page, shop: Client) -> None:
    """A second login moves the visitor's history to another customer; undo moves it back."""
    first, second, session = fresh("first"), fresh("second"), fresh()
    identify_visitor(shop, session, first, "view")
    shop.identify(session, {"registered": second})
    eventually(lambda: shop.types("registered", second), ["view"])
    find(console, second)
    console.get_by_role("link", name="Identity graph").click()
    graph = console.locator("svg.graph")
    graph.wait_for()
    assert graph.locator("g.edge.link").count() == 1
    assert graph.locator("g.edge.past").count() == 1
    names = graph.locator(".node title").all_text_contents()
    assert f"session {session}" in names
    assert {f"registered {first}", f"registered {second}"} <= set(names)
    evidence = shop.get("sessions", session).json["why"][0]["evidence"]
    row = console.locator(".links > li").filter(has_text=evidence)
    assert "moved" in row.inner_text()
    graph.locator("g.edge.link").focus()
    console.keyboard.press("Enter")
    assert row.get_attribute("class") == "selected"

    row.get_by_role("button", name=re.compile("Undo")).click()
    dialog = console.get_by_role("dialog", name="Undo this link?")
    dialog.get_by_role("button", name="Cancel").click()
    assert shop.get("sessions", session).json["customer"]["value"] == second
    row.get_by_role("button", name=re.compile("Undo")).click()
    dialog.get_by_role("button", name="Undo").click()
    console.get_by_text("The link was undone.").wait_for()
    expect_count(graph.locator("g.edge.undone"), 1)
    assert console.evaluate("document.activeElement.ariaLabel").startswith(
        "Identity graph"
    )
    expect_count(graph.locator("g.edge.link"), 1)
    assert "undone" in (row.get_attribute("class") or "")
    eventually(lambda: shop.types("registered", first), ["view"])
    assert shop.get("sessions", session).json["customer"]["value"] == first


def test_a_failed_call_is_not_shown_as_not_found(console: Page, shop: Client) -> None:
    customer = fresh("c")
    identify_visitor(shop, fresh(), customer, "view")
    console.route("**/customers?*", lambda route: route.abort())
    console.evaluate(
        "hash => { location.hash = hash }", f"#/customers/registered/{customer}"
    )
    console.get_by_role("heading", name="Could not load").wait_for()
    console.evaluate("() => { location.hash = '#/sessions/no-such-session' }")
    console.get_by_role("heading", name="Not found").wait_for()


def test_a_session_shows_rejected_events(console: Page, shop: Client) -> None:
    session = fresh()
    shop.track(session, "good", "")
    find(console, session, "session")
    console.get_by_role("heading", name="Not stored in the last 24 hours").wait_for()
    assert console.locator(".verdict.rejected").count() == 1
    console.get_by_text("this visitor has not been identified yet").wait_for()


@pytest.mark.parametrize(("width", "seen"), [(1280, 4), (390, 1)])
def test_the_graph_shows_the_customer_on_any_screen(
    console: Page, shop: Client, width: int, seen: int
) -> None:
    """A wide screen shows all four columns, a narrow one starts at the customer."""
    customer = fresh("c")
    identify_visitor(shop, fresh(), customer, "view")
    shop.identify(fresh(), {"registered": customer, "email": f"{customer}@example.com"})
    eventually(
        lambda: len(shop.get("customers", "registered", customer).json["sessions"]), 2
    )
    console.set_viewport_size({"width": width, "height": 800})
    console.evaluate(
        "at => { location.hash = at }", f"#/customers/registered/{customer}/graph"
    )
    console.locator("svg.graph").wait_for()
    visible = """() => { const frame = document.querySelector('.picture').getBoundingClientRect()
        return [0, 1, 2, 3].filter(column => { const node =
            document.querySelector(`.column-${column} rect`)?.getBoundingClientRect()
            return node && node.left >= frame.left && node.right <= frame.right }) }"""
    wait_for_script(console, f"({visible})().includes(3)")
    assert len(console.evaluate(visible)) >= seen
    left = "(column) => document.querySelector(`.column-${column} rect`).getBoundingClientRect().left"
    starts_at_root = console.evaluate(left, 3) < console.evaluate(left, 0)
    assert starts_at_root == (width < 1000)
    assert console.evaluate("document.querySelector('.picture').scrollLeft") == 0


def test_a_customer_of_three_hundred_visitors_has_a_graph_that_can_be_read(
    console: Page, shop: Client
) -> None:
    customer, visitors = fresh("c"), 300
    for _ in range(visitors):
        shop.identify(fresh(), {"registered": customer})
    eventually(
        lambda: len(shop.get("customers", "registered", customer).json["sessions"]),
        visitors,
    )
    find(console, customer)
    console.get_by_role("link", name="Identity graph").click()
    graph = console.locator("svg.graph")
    graph.wait_for()
    console.get_by_text(
        "300 visitors: 8 drawn one by one, 292 as a group. A link without a label was made by the rule “first”."
    ).wait_for()
    names = graph.locator(".node title").all_text_contents()
    assert "visitors 292 more" in names
    assert len(names) == 8 + 8 + 1 + 1
    assert graph.locator("g.edge.link").count() == 8
    assert graph.locator("g.edge text").count() == 0
    console.get_by_role("button", name="Show more of 300 visitors").click()
    console.get_by_text("16 drawn one by one, 284 as a group").wait_for()


def test_links_that_differ_are_labelled(console: Page, shop: Client) -> None:
    customer = fresh("c")
    for _ in range(4):
        shop.identify(fresh(), {"registered": customer})
    moved = fresh()
    identify_visitor(shop, moved, fresh("before"), "view")
    identify_visitor(shop, moved, customer, "view")
    eventually(
        lambda: len(shop.get("customers", "registered", customer).json["sessions"]), 5
    )
    find(console, customer)
    console.get_by_role("link", name="Identity graph").click()
    labels = console.locator("svg.graph g.edge text")
    labels.first.wait_for()
    assert sorted(labels.all_text_contents()) == ["first", "move"]


def test_no_edge_passes_behind_an_unrelated_node(console: Page, shop: Client) -> None:
    customer, mail = fresh("c"), f"{fresh()}@example.com"
    for more in ({}, {"email": mail}):
        session = fresh()
        shop.track(session, "view")
        shop.identify(session, {"registered": customer, **more})
    eventually(lambda: shop.types("registered", customer), ["view", "view"])
    find(console, customer)
    console.get_by_role("link", name="Identity graph").click()
    console.locator("svg.graph .column-2").wait_for()
    tops = "(column) => [...document.querySelectorAll(`.column-${column} rect`)].map(r => r.y.baseVal.value)"
    assert min(console.evaluate(tops, 2)) > max(console.evaluate(tops, 1))


def test_a_line_shows_the_events_own_properties_first(
    console: Page, shop: Client
) -> None:
    customer, session = fresh("c"), fresh()
    every = {
        "os": "Linux",
        "browser": "Chrome",
        "device": "Other",
        "location": "https://a.example",
    }
    event = {"type": "view", "properties": {**every, "name": "Crowbar", "price": 42}}
    shop.post(
        "/track",
        {"source": {"id": "web-key"}, "session": {"id": session}, "events": [event]},
    )
    shop.identify(session, {"registered": customer})
    eventually(lambda: shop.types("registered", customer), ["view"])
    find(console, customer)
    gist = console.locator(".entry .summary-text").first
    gist.wait_for()
    assert gist.inner_text() == "name: Crowbar · price: 42"
    gist.click()
    others = console.get_by_text("4 more that the SDK adds")
    others.wait_for()
    assert not console.get_by_text("https://a.example").is_visible()
    others.click()
    console.get_by_text("https://a.example").wait_for()


def test_pings_are_folded_away_unless_they_are_asked_for(
    console: Page, shop: Client
) -> None:
    customer, session = fresh("c"), fresh()
    identify_visitor(
        shop, session, customer, "view", *["session_ping"] * 3, "search", "session_ping"
    )
    find(console, customer)
    folds = console.locator(".timeline .fold > summary")
    expect_count(folds, 2)
    assert folds.all_inner_texts() == ["1 session_ping", "3 session_pings"]
    pings = console.locator(".timeline .fold .entry")
    assert not pings.first.is_visible()
    folds.nth(1).click()
    pings.nth(3).wait_for()
    console.get_by_label("Type of event").fill("session_ping")
    console.keyboard.press("Enter")
    expect_count(console.locator(".timeline > ol > li > .entry"), 4)


def test_recent_customers_are_found_by_part_of_a_name_or_address(
    console: Page, shop: Client
) -> None:
    ada, bob = fresh("ada"), fresh("bob")
    name = fresh("Lovelace")
    identify_visitor(
        shop, fresh(), ada, "view", properties={"first_name": "Ada", "last_name": name}
    )
    shop.identify(fresh(), {"registered": bob, "email": f"{bob}@example.com"})
    eventually(lambda: shop.get("customers", "registered", bob).status, 200)
    find(console, name[:-1].lower())
    rows = console.locator(".recent li")
    expect_count(rows, 1)
    assert f"Ada {name}" in rows.inner_text()
    field = console.get_by_label("Filter recent customers")
    field.fill(f"{bob}@EXAMPLE"[:-1])
    expect_count(rows, 1)
    assert f"{bob}@example.com" in rows.inner_text()
    console.get_by_text("Anybody else is found by a whole identifier").wait_for()
    rows.get_by_role("link").click()
    console.get_by_role("heading", name=bob).wait_for()


def test_recent_customers_that_are_loading_are_not_said_to_be_none(
    console: Page,
) -> None:
    console.route("**/customers/recent", lambda route: None)
    console.evaluate("() => { location.hash = '#/customers' }")
    console.get_by_text("Loading…").wait_for()
    console.get_by_label("Filter recent customers").fill("a")
    assert not console.get_by_text("0 customers").is_visible()


def test_an_export_of_any_size_is_one_file(console: Page, shop: Client) -> None:
    customer, session = fresh("c"), fresh()
    identify_visitor(shop, session, customer, *(f"view-{n}" for n in range(30)))
    whole = shop.get("customers", "registered", customer, "export").json
    find(console, customer)

    def refuse_all_events(route: Route) -> None:
        if "since=" in route.request.url:
            route.continue_()
        else:
            error = {"error": {"code": "too_large", "message": "too large"}}
            route.fulfill(status=413, json=error)

    console.route("**/customers/export?*", refuse_all_events)
    console.route(
        "**/customers/events?*limit=1000*",
        lambda route: route.continue_(
            url=route.request.url.replace("limit=1000", "limit=7")
        ),
    )
    with console.expect_download() as download:
        console.get_by_role("button", name="Export").click()
    exported = json.loads(download.value.path().read_text())
    assert len(exported["events"]) == 30
    for document in (whole, exported):
        del document["exported"]
    assert exported == whole


def test_a_customer_is_exported_and_erased(console: Page, shop: Client) -> None:
    customer, session = fresh("c"), fresh()
    identify_visitor(shop, session, customer, "view")
    find(console, customer)
    with console.expect_download() as download:
        console.get_by_role("button", name="Export").click()
    exported = json.loads(download.value.path().read_text())
    assert [event["session"] for event in exported["events"]] == [session]
    console.get_by_role("button", name="Erase").click()
    dialog = console.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    assert shop.get("customers", "registered", customer).status == 200
    console.get_by_role("button", name="Erase").click()
    dialog.get_by_role("button", name="Erase").click()
    console.get_by_text("The customer is erased").wait_for()
    console.get_by_role("heading", name="Erasure").wait_for()
    receipt = console.url.rpartition("/")[2]
    assert shop.get("erasures", receipt).json["erasure"]["id"] == receipt
    console.get_by_text("Events are still being deleted").wait_for()
    assert shop.get("customers", "registered", customer).status == 404
    assert shop.get("sessions", session).status == 404


def test_a_receipt_says_what_was_deleted_when_it_is_done(console: Page) -> None:
    running = {
        "erasure": {"id": "e1"},
        "state": "running",
        "at": "2026-11-30T10:00:00Z",
        "done": None,
        "removed": {},
    }
    done = {
        **running,
        "state": "done",
        "done": "2026-11-30T10:01:00Z",
        "removed": {"events": 1200, "sessions": 3},
    }
    answers = [running, done]
    console.route("**/erasures/e1", lambda route: route.fulfill(json=answers.pop(0)))
    console.evaluate("() => { location.hash = '#/erasures/e1' }")
    console.get_by_text("Events are still being deleted").wait_for()
    console.get_by_text("Everything is deleted.").wait_for()
    shown = console.locator(".values > div").all_inner_texts()
    assert shown == ["events\n1,200", "sessions\n3"]


def test_computed_traits_and_segments_are_shown(console: Page, shop: Client) -> None:
    customer, session = fresh("c"), fresh()
    identify_visitor(shop, session, customer, "view")
    viewed = {"type": "view_item", "properties": {"product_id": "<b>lamp</b>"}}
    body = {"source": {"id": "web-key"}, "session": {"id": session}}
    assert shop.post("/track", {**body, "events": [viewed]}).status == 200
    find(console, customer)
    values = console.get_by_label("Known values")
    values.get_by_text("<b>lamp</b>").wait_for()
    values.get_by_text("looks_around").wait_for()
    assert "recently_viewed" in values.inner_text()
    assert console.locator("b").count() == 0
