"""Calls that the Tag Manager template queues, carried out by the real SDK on a page with the service behind it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.sdk import gtm
from tests.browser.sdk.gtm import Step
from tests.browser.sdk.shop import KEY, Shop, open_page, session, wait_until
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

SECURE = "https://api.shop.example"
"""The API URL in the tag, which requires https: the service of these tests has no certificate."""


@pytest.fixture
def start() -> Step:
    filled = {"url": SECURE, "writeKey": KEY, "consent": "none", "storage": "local"}
    return ("tag", {"tagType": "start", **filled})


def rows(**values: Any) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def tag(kind: str, **filled: Any) -> Step:
    return ("tag", {"tagType": kind, "consent": "none", **filled})


def page_of(shop: Shop, *steps: Step) -> str:
    """Publish a page on which the tags fired before the SDK was loaded; returns its URL."""
    found = gtm.page(*steps)
    ((script, _),) = found.scripts
    queue = [
        f"{{path: {json.dumps(path.split('.'))}, args: {json.dumps(args)}, resolve() {{}}, reject: result}}"
        for path, *args in found.queued
    ]
    text = f"const result = error => {{ throw error }}; window.hardlink = {{q: [{', '.join(queue)}]}}"
    body = f"<script>{text}</script><script async src={json.dumps(script)}></script>"
    return shop.raw_page(body.replace(SECURE, shop.url))


def test_the_sdk_makes_the_calls_of_the_tags(
    shop: Shop, device: BrowserContext, start: Step
) -> None:
    """XO-13."""
    customer = fresh("c")
    url = page_of(
        shop,
        tag("event", eventType="first", properties=rows(n=1)),
        start,
        tag(
            "activity",
            action="view",
            identities=rows(ecommerceid=customer, userid="undefined"),
            segments=rows(vip="true"),
            traits=rows(age="45"),
            target=rows(product="123"),
            metadata=rows(price="1999"),
        ),
        tag("update", attributes=rows(first_name="Gordon")),
    )
    open_page(device, url)
    wanted = {"first", "view"}
    wait_until(
        lambda: {e["type"] for e in shop.events("registered", customer)} & wanted,
        wanted,
    )
    view = next(e for e in shop.events("registered", customer) if e["type"] == "view")
    assert view["properties"]["target"] == {"product": "123"}
    assert view["properties"]["metadata"] == {"price": 1999}
    found = shop.customer("registered", customer)
    assert found["segments"] == ["vip"]
    assert found["traits"] == {"age": "45"}
    wait_until(
        lambda: shop.customer("registered", customer)["attributes"].get("first_name"),
        "Gordon",
    )


def test_a_session_id_of_the_shop_is_used(
    shop: Shop, device: BrowserContext, start: Step
) -> None:
    own = fresh("s")
    url = page_of(shop, start, tag("event", eventType="view", sessionId=own))
    assert session(open_page(device, url)) == own
    wait_until(lambda: shop.session_types(own), ["view"])


@pytest.mark.parametrize("kind", ["identify", "anonymize", "optIn", "optOut"])
def test_every_other_tag_calls_a_method_that_exists(
    shop: Shop, device: BrowserContext, start: Step, kind: str
) -> None:
    """An error would be raised on the page, which fails the test."""
    known = rows(registered=fresh("c"))
    page = open_page(device, page_of(shop, start, tag(kind, identities=known)))
    assert page.evaluate("hardlink.version")
