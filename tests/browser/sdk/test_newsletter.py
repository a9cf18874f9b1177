"""`sdk.js?with=newsletter`: who follows a link of a newsletter is identified, as the source allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hardlink.domain.signed_identity import NEWSLETTER
from tests.browser.sdk.shop import (
    Shop,
    Traffic,
    call,
    open_page,
    wait_in_browser,
    wait_until_true,
)
from tests.http.service import fresh
from tests.support import signing

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

ARRIVED = "hardlink.track('arrived')"


def link(shop: Shop, named: str, **config: Any) -> str:
    """The address that a redirect leads to. `named`: a token."""
    page = shop.page(adapters="newsletter", **config)
    return f"{page}?a=1&hardlink_recipient={named}"


def recipient(value: str, **claims: Any) -> str:
    return signing.proof(value, aud=NEWSLETTER, **claims)


def arrive(page: Page, traffic: Traffic) -> None:
    """Wait until the page has sent everything that it tracked before this."""
    call(page, ARRIVED)
    wait_until_true(page, lambda: "arrived" in traffic.types())


@pytest.mark.parametrize("type_", ["registered", "email"])
def test_the_recipient_is_identified_and_no_address_and_no_event_has_the_token(
    shop: Shop, device: BrowserContext, type_: str
) -> None:
    value = f"{fresh('ünal')}@example.com" if type_ == "email" else fresh("gordon")
    claims = {"typ": "email"} if type_ == "email" else {}
    traffic = shop.record_traffic(device)
    token = recipient(value, **claims)
    page = open_page(device, link(shop, token, track={"visits": True}))
    assert page.evaluate("location.search") == "?a=1"
    wait_in_browser(
        page,
        lambda: [event["type"] for event in shop.events(type_, value)],
        ["page_visit"],
    )
    assert [body["recipient"] for body in traffic.bodies("/identify")] == [token]
    assert token not in str(traffic.bodies("/track"))
    page.reload()
    arrive(page, traffic)
    assert len(traffic.bodies("/identify")) == 1


def test_a_later_log_in_does_not_get_the_recipients_address(
    shop: Shop, device: BrowserContext
) -> None:
    """Ada, who is registered, has forwarded her mail to Gordon."""
    ada, gordon = fresh("ada"), fresh("gordon")
    mail = f"{ada}@example.com"
    shop.client.identify(fresh(), {"registered": ada, "email": mail})
    page = open_page(device, link(shop, recipient(mail, typ="email")))
    assert call(page, f"hardlink.identify('{gordon}')")["ok"]["warnings"] == []
    known = shop.customer("registered", gordon)["identifiers"]
    assert known == {"registered": [gordon]}
    assert shop.customer("email", mail)["identifiers"]["registered"] == [ada]


@pytest.mark.parametrize(
    "config", [{"customer": "gordon-1"}, {"signature": "a.b.c"}], ids=["ID", "token"]
)
def test_a_page_that_knows_its_customer_is_not_told_another_one(
    shop: Shop, device: BrowserContext, config: dict[str, str]
) -> None:
    traffic = shop.record_traffic(device)
    page = open_page(device, link(shop, recipient("ada-1"), **config))
    arrive(page, traffic)
    assert "ada-1" not in str(traffic.bodies("/identify"))


@pytest.mark.parametrize(
    "token", [recipient("ada-2", exp=1), "no token", "a.b.c", "%22%3E"]
)
def test_a_link_that_names_nobody_or_has_expired_identifies_nobody(
    shop: Shop, device: BrowserContext, token: str
) -> None:
    traffic = shop.record_traffic(device)
    page = open_page(device, link(shop, token))
    arrive(page, traffic)
    assert traffic.bodies("/identify") == []


def test_a_source_that_wants_proof_refuses_the_recipient(
    shop: Shop, device: BrowserContext
) -> None:
    """A mail proves nobody: it may have been forwarded."""
    customer = fresh("ada")
    page = device.new_page()
    warned: list[str] = []
    page.on("console", lambda shown: warned.append(shown.text))
    page.goto(link(shop, recipient(customer), token="signed-key"))
    wait_until_true(page, lambda: [text for text in warned if "signed" in text])
    assert shop.client.get("customers", "registered", customer).status == 404
