"""Attraqt XO's real client in a real browser: what it keeps over page loads, and when it sends nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients import npm
from tests.http.service import Client, eventually, fresh
from tests.support.engines import site as sites
from tests.support.engines.site import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

KEPT = "localStorage.getItem('attraqtsessionid')"


START = "start()"


@pytest.fixture
def url(packages: Path, site: Site) -> str:
    """A page of the shop."""
    return site.page("attraqt", npm.bundle(packages, "attraqt_page"))


def visit(page: Page, url: str) -> str:
    """Load a page and start the client; answers the session that it keeps."""
    page.goto(url)
    page.evaluate(START)
    return str(page.evaluate(KEPT))


def collect(shop: Client) -> str:
    return f"http://127.0.0.1:{shop.port}/web-key"


def sent(page: Page) -> list[Any]:
    """The identities of every activity that the page sends, as it sends them."""
    found: list[Any] = []
    page.on(
        "request",
        lambda request: found.extend(
            activity["user"]["identities"]
            for activity in json.loads(request.post_data or "[]")
            if request.method == "POST"
        ),
    )
    return found


def products(shop: Client, *whose: str) -> list[str]:
    reply = shop.get(*whose, "events")
    if reply.status == 404:
        return []
    return [
        event["properties"]["target"]["product"]
        for event in reversed(reply.json["events"])
    ]


def test_only_the_session_survives_a_page_load(
    shop: Client, url: str, page: Page
) -> None:
    """XO-03, XO-12: the customer is known all the same, as the session is linked."""
    identities, customer = sent(page), fresh("c")
    session = visit(page, url)
    assert page.evaluate("url => view('1', url)", collect(shop)) == 200
    page.evaluate("id => xo.activity.addUserIdentity('ecommerceId', id)", customer)
    assert page.evaluate("url => view('2', url)", collect(shop)) == 200
    assert visit(page, url) == session
    assert page.evaluate("url => view('3', url)", collect(shop)) == 200
    assert identities == [
        {"sessionid": session},
        {"sessionid": session, "ecommerceid": customer},
        {"sessionid": session},
    ]
    eventually(
        lambda: products(shop, "customers", "registered", customer), ["1", "2", "3"]
    )


def test_clear_user_begins_a_session_that_is_kept(
    shop: Client, url: str, page: Page
) -> None:
    """XO-09."""
    before = visit(page, url)
    page.evaluate("xo.activity.clearUser()")
    after = page.evaluate(KEPT)
    assert visit(page, url) == after != before
    assert page.evaluate("url => view('1', url)", collect(shop)) == 200
    assert products(shop, "sessions", after) == ["1"]
    assert products(shop, "sessions", before) == []


def test_what_a_page_queued_before_the_client_was_there_is_sent(
    shop: Client, url: str, page: Page
) -> None:
    customer = fresh("c")
    queued = [
        ["init", {"trackerKey": "web-key", "region": "dev"}],
        ["addUserIdentity", "ecommerceId", customer],
        [
            "send",
            {"action": "view", "target": {"product": "queued"}},
            {"url": collect(shop)},
        ],
    ]
    page.add_init_script(f"window._attraqt = {json.dumps(queued)}")
    page.goto(url)
    eventually(lambda: products(shop, "customers", "registered", customer), ["queued"])


def test_who_opted_out_sends_nothing_over_page_loads(
    shop: Client, url: str, page: Page
) -> None:
    """XO-10."""
    identities = sent(page)
    visit(page, url)
    page.evaluate("xo.activity.optOut()")
    session = visit(page, url)
    assert page.evaluate("url => view('unseen', url)", collect(shop)) is None
    page.evaluate("xo.activity.optIn()")
    assert page.evaluate("url => view('seen', url)", collect(shop)) == 200
    assert products(shop, "sessions", session) == ["seen"]
    assert len(identities) == 1


def test_do_not_track_sends_nothing(shop: Client, url: str, page: Page) -> None:
    """XO-17."""
    identities = sent(page)
    page.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})"
    )
    session = visit(page, url)
    assert page.evaluate("url => view('unseen', url)", collect(shop)) is None
    assert identities == []
    assert products(shop, "sessions", session) == []


def test_p3_a_page_of_another_origin_may_not_send_and_reads_why(
    shop: Client, packages: Path, page: Page
) -> None:
    with sites.running() as other:
        session = visit(
            page, other.page("attraqt", npm.bundle(packages, "attraqt_page"))
        )
        said = page.evaluate(
            "url => view('1', url).catch(error => String(error))", collect(shop)
        )
    assert said == 403
    assert products(shop, "sessions", session) == []
