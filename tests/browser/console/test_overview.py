"""The overview: what arrived lately, counted, with links to the entries behind each figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.http.service import KEY, Client, fresh, running

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page


@pytest.fixture(scope="module")
def quiet_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service of its own, so that every figure is known."""
    folder: Path = tmp_path_factory.mktemp("overview")
    with running(folder / "log.txt") as service:
        yield service.client
        service.end()
        service.assert_no_failure()


@pytest.fixture
def overview(page: Page, quiet_shop: Client) -> Page:
    """The overview, signed in."""
    page.goto(f"http://127.0.0.1:{quiet_shop.port}/console#/overview")
    page.get_by_label("Server key").fill(KEY)
    page.keyboard.press("Enter")
    page.locator(".chart").wait_for()
    return page


def rows(page: Page, title: str) -> list[str]:
    """The lines of one of the lists, each a name and a figure."""
    card = page.locator(".panel").filter(has=page.get_by_role("heading", name=title))
    return [text.replace("\n", " ") for text in card.locator("li").all_inner_texts()]


def chart_label(page: Page) -> str:
    return page.locator(".chart").get_attribute("aria-label") or ""


def wait(page: Page, look: Callable[[], Any], wanted: Any) -> None:
    """Wait while the page goes on."""
    for _ in range(300):
        if look() == wanted:
            return
        page.wait_for_timeout(100)
    assert look() == wanted


def send(shop: Client, session: str, *events: dict[str, Any]) -> None:
    source = {"source": {"id": "web-key"}, "session": {"id": session}}
    assert shop.post("/track", {**source, "events": list(events)}).status == 200


def test_it_counts_types_pages_reasons_and_customers(
    overview: Page, quiet_shop: Client
) -> None:
    session, customer = fresh(), fresh("c")
    assert overview.locator(".state").inner_text() == "0 entries in the last 15 minutes"
    viewed = {"type": "view", "properties": {"location": "https://shop.example/a?b=1"}}
    send(quiet_shop, session, viewed, viewed, {"type": "search"})
    send(quiet_shop, session, {"type": "bad", "tags": "none"})
    quiet_shop.identify(session, {"registered": customer})
    refused = quiet_shop.identify(session, {"registered": "undefined"})
    assert refused.status == 400
    wait(overview, lambda: rows(overview, "Types of events"), ["view 2", "search 1"])
    wait(overview, lambda: rows(overview, "Pages"), ["/a 2"])
    wait(overview, lambda: len(rows(overview, "Not stored, by reason")), 2)
    send(quiet_shop, session, {"type": "view"})
    wait(overview, lambda: len(rows(overview, "Recent customers")), 1)
    wait(overview, lambda: chart_label(overview)[:9], "6 entries")
    overview.get_by_text("The figures").click()
    assert overview.locator(".figures tbody tr").count() == 15

    overview.get_by_role("link", name="view", exact=True).click()
    overview.get_by_role("heading", name="Live").wait_for()
    assert overview.get_by_label("Verdict").input_value() == "stored"
    assert overview.get_by_label("Filter events").input_value() == "view"
    wait(overview, lambda: overview.locator(".entries > li:visible").count(), 3)


def test_a_filter_of_the_live_list_is_in_its_address(
    overview: Page, quiet_shop: Client
) -> None:
    overview.get_by_role("link", name="Live").click()
    overview.get_by_label("Filter events").fill("a/b ü")
    overview.get_by_label("Verdict").select_option("rejected")
    assert overview.evaluate("location.hash") == "#/live/rejected/a%2Fb%20%C3%BC"
    overview.reload()
    overview.get_by_role("heading", name="Live").wait_for()
    assert overview.get_by_label("Filter events").input_value() == "a/b ü"
    assert overview.get_by_label("Verdict").input_value() == "rejected"


def test_an_overview_that_is_loading_claims_nothing(
    page: Page, quiet_shop: Client
) -> None:
    page.route(lambda url: "/live?" in url or url.endswith("/live"), lambda _: None)
    page.goto(f"http://127.0.0.1:{quiet_shop.port}/console#/overview")
    page.get_by_label("Server key").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Overview").wait_for()
    assert page.locator(".state").inner_text() == "Loading…"
    assert page.locator(".overview-content").inner_text() == ""
