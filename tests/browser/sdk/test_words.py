"""Every word of every vocabulary, from a page to the service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra import topology
from tests.browser.sdk.shop import Shop, begins, called, opened, session
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CAPTURE = topology.ROOT / "tests" / "clients" / "captures" / "exponea_js_sdk_v3.15.0.json"
DEFAULTS = {"os", "browser", "device", "location"}
ECOMMERCE = {
    "currencyCode": "EUR",
    "impressions": [{"id": "1", "name": "N", "list": "Search", "position": 1}],
    "click": {"actionField": {"list": "S"}, "products": [{"id": "1", "name": "N", "position": 1}]},
    "detail": {
        "actionField": {"list": "L"},
        "products": [
            {
                "id": "1",
                "name": "N",
                "brand": "B",
                "category": "C",
                "variant": "V",
                "price": "5",
                "dimension1": "dropped",
            }
        ],
    },
    "add": {"products": [{"id": "1", "quantity": 1}]},
    "remove": {"products": [{"id": "1", "quantity": 1}]},
    "promoView": {"promotions": [{"id": "p1", "name": "promo", "creative": "c", "position": "s"}]},
    "promoClick": {"promotions": [{"id": "p1", "name": "promo"}]},
    "checkout": {"actionField": {"step": 1, "option": "Visa"}, "products": [{"id": "1"}]},
    "checkout_option": {"actionField": {"step": 1, "option": "Visa"}},
    "purchase": {
        "actionField": {
            "id": "T1",
            "affiliation": "A",
            "revenue": "35",
            "tax": "4",
            "shipping": "5",
            "coupon": "SALE",
        },
        "products": [{"id": "1", "price": "15", "quantity": 1}],
    },
    "refund": {"actionField": {"id": "T1"}, "products": [{"id": "1", "quantity": 1}]},
}
"""What makes the recorded SDK say what it was recorded saying."""


@pytest.fixture
def page(shop: Shop, device: BrowserContext) -> Page:
    """A page with every vocabulary."""
    return opened(device, shop.page(vocabularies="ecommerce,xo,helloretail,tracardi"))


def done(page: Page, script: str) -> Any:
    """What a call answers that works."""
    told = called(page, script)
    assert "ok" in told, told
    return told["ok"]


def events_of(shop: Shop, page: Page) -> list[dict[str, Any]]:
    """What the service has of a page's session, oldest first."""
    done(page, "hardlink.flush()")
    found = shop.client.get("sessions", session(page), "events", limit=1000).json["events"]
    return list(reversed(found))


def of_customer(shop: Shop, page: Page) -> Any:
    return shop.client.get("sessions", session(page)).json["customer"]


# Exponea's


def test_an_event_says_on_what_device_and_page_it_happened(shop: Shop, page: Page) -> None:
    assert done(page, "hardlink.track('purchase', {total: 7.99})")["status"] == "stored"
    (event,) = events_of(shop, page)
    assert event["type"] == "purchase"
    assert event["properties"] == {
        "total": 7.99,
        "os": "Linux",
        "browser": "Chrome",
        "device": "Other",
        "location": page.url,
    }


def test_default_properties_are_extended_at_start_and_overridden_by_an_event(
    shop: Shop, device: BrowserContext
) -> None:
    more = {"default_properties": {"shop": "de", "device": "kiosk"}}
    page = opened(device, shop.page(track=more))
    done(page, "hardlink.track('a', {os: 'mine'})")
    (event,) = events_of(shop, page)
    assert {**event["properties"], "location": ""} == {
        "os": "mine",
        "browser": "Chrome",
        "device": "kiosk",
        "shop": "de",
        "location": "",
    }


def test_callbacks_are_told(page: Page) -> None:
    told = done(
        page,
        """new Promise(resolve => hardlink.track('a', {}, ok => resolve(['ok', ok.status]),
            error => resolve(['error', error.message])))""",
    )
    assert told == ["ok", "stored"]
    told = done(
        page,
        """new Promise(resolve => hardlink.track('ä', {}, ok => resolve(['ok', ok.status]),
            error => resolve(['error', error.code, error.field])))""",
    )
    assert told == ["error", "rejected", "events[0].type"]


def test_immediate_events_do_not_wait_for_others(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.page(batch=60_000))
    page.wait_for_timeout(200)  # what it looks for when a page is shown
    wire = shop.wire(device)
    begins(page, "hardlink.track('waits')")
    page.wait_for_timeout(200)
    assert wire.calls == []
    done(page, "hardlink.track('now', {}, null, null, true)")
    assert wire.types() == ["waits", "now"]
    assert len(wire.calls) == 1


def test_events_said_together_travel_together(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    wire = shop.wire(device)
    done(page, "Promise.all([...'abcdef'].map(type => hardlink.track(type)))")
    assert wire.paths() == ["/track"]
    assert [event["type"] for event in events_of(shop, page)] == list("abcdef")


@pytest.mark.parametrize("given", ["'%s'", "{registered: '%s'}", "{ecommerceId: '%s', email: ''}"])
def test_identify(shop: Shop, page: Page, given: str) -> None:
    gordon = fresh("gordon")
    told = done(page, f"hardlink.identify({given % gordon}, {{first_name: 'Gordon'}})")
    assert told["customer"] == {"type": "registered", "value": gordon}
    assert shop.customer("registered", gordon)["attributes"] == {"first_name": "Gordon"}


def test_identify_with_a_number_and_a_cookie_of_the_callers(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    wire = shop.wire(device)
    number = 123_456_789
    done(page, f"hardlink.identify({number})")
    done(page, f"hardlink.identify({{registered: {number}, cookie: 'mine', user_id: null}})")
    assert [body["ids"] for body in wire.bodies("/identify")] == [{"registered": number}] * 2


def test_a_second_identifier_is_said_with_the_first_until_the_page_is_left(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    wire = shop.wire(device)
    gordon, user = fresh("gordon"), fresh("user")
    done(page, f"hardlink.identify('{gordon}')")
    done(page, f"hardlink.identify({{user_id: '{user}'}})")
    assert wire.bodies("/identify")[1]["ids"] == {"registered": gordon, "user_id": user}
    assert shop.customer("registered", gordon)["identifiers"]["user_id"] == [user]


def test_identifiers_of_somebody_else_are_not_mixed(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    wire = shop.wire(device)
    gordon, barney = fresh("gordon"), fresh("barney")
    done(page, f"hardlink.identify({{registered: '{gordon}', user_id: '{gordon}'}})")
    done(page, f"hardlink.identify('{barney}')")
    done(page, "hardlink.anonymize()")
    done(page, f"hardlink.identify({{user_id: '{barney}'}})")
    assert [body["ids"] for body in wire.bodies("/identify")] == [
        {"registered": gordon, "user_id": gordon},
        {"registered": barney},
        {"user_id": barney},
    ]


def test_an_identifier_that_is_none_is_an_error_that_names_it(page: Page) -> None:
    told = called(page, "hardlink.identify('undefined')")
    assert told["error"]["field"] == "ids.registered"
    assert told["error"]["status"] == 400


def test_the_customer_of_the_start(shop: Shop, device: BrowserContext) -> None:
    gordon = fresh("gordon")
    page = opened(device, shop.page(customer=gordon))
    done(page, "hardlink.flush()")
    assert of_customer(shop, page) == {"type": "registered", "value": gordon}


def test_another_hard_identifier_can_be_the_usual_one(shop: Shop, device: BrowserContext) -> None:
    card = fresh("card")
    page = opened(device, shop.page(hardId="loyalty", customer=card))
    done(page, "hardlink.flush()")
    assert of_customer(shop, page) == {"type": "loyalty", "value": card}


def test_update(shop: Shop, page: Page) -> None:
    gordon = fresh("gordon")
    page.evaluate(f"hardlink.identify('{gordon}')")
    told = done(
        page, "new Promise((ok, failed) => hardlink.update({company: 'Blackmesa'}, ok, failed))"
    )
    assert told["session"] == {"id": session(page)}
    assert shop.customer("registered", gordon)["attributes"] == {"company": "Blackmesa"}


def test_links_are_tracked_wherever_the_selector_finds_one(
    shop: Shop, device: BrowserContext
) -> None:
    page = opened(device, shop.page())
    page.evaluate(
        """() => {
          document.body.innerHTML = '<a class=out href=#1><b>1</b></a><a class=out href=#2>2</a><i>3</i>'
          document.querySelector('a').addEventListener('click', event => event.stopPropagation())
          hardlink.trackLink('.out', 'external_link', {site: 'Exponea'})
          hardlink.trackLink(document.querySelector('i'), event => `made_${event.type}`)
        }"""
    )
    for clicked in ("b", "a >> nth=1", "i"):
        page.click(clicked)
    found = [(event["type"], event["properties"].get("site")) for event in events_of(shop, page)]
    assert found == [("external_link", "Exponea")] * 2 + [("made_click", None)]


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """The e-commerce events that Exponea's own SDK was recorded sending."""
    found: list[tuple[str, dict[str, Any]]] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            properties = value.get("properties")
            if isinstance(properties, dict) and "tracked_via" in properties:
                found.append((value["type"], without_defaults(properties)))
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                look(one)

    look(json.loads(CAPTURE.read_text(encoding="utf-8")))
    return found


def without_defaults(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in DEFAULTS}


def test_enhanced_ecommerce_says_what_exponeas_sdk_says(shop: Shop, page: Page) -> None:
    assert len(recorded()) == 14
    done(page, f"hardlink.trackEnhancedEcommerce({json.dumps(ECOMMERCE)})")
    found = [(e["type"], without_defaults(e["properties"])) for e in events_of(shop, page)]
    assert sorted(found, key=str) == sorted(recorded(), key=str)


@pytest.mark.parametrize("kind", [kind for kind in ECOMMERCE if kind != "currencyCode"])
def test_one_kind_of_enhanced_ecommerce(page: Page, kind: str) -> None:
    told = done(page, f"hardlink.trackEnhancedEcommerce({json.dumps(ECOMMERCE)}, '{kind}')")
    assert len(told) == (2 if kind in ("checkout", "purchase", "refund") else 1)


def test_a_full_refund_names_no_products(shop: Shop, page: Page) -> None:
    given = {"ecommerce": {"refund": {"actionField": {"id": "T1"}}}}
    done(page, f"hardlink.trackEnhancedEcommerce({json.dumps(given)})")
    (event,) = events_of(shop, page)
    assert without_defaults(event["properties"]) == {
        "tracked_via": "eecommerce",
        "transaction_id": "T1",
        "refund_type": "full",
    }


def test_a_kind_that_is_not_there_is_an_error_that_names_those_there_are(page: Page) -> None:
    told = called(page, "hardlink.trackEnhancedEcommerce({add: {products: []}}, 'detial')")
    assert 'no "detial"' in told["error"]["message"]
    assert "checkout_option" in told["error"]["message"]


# Attraqt's


def xo(page: Page, *calls: str) -> Any:
    return [done(page, f"hardlink.xo.{call}") for call in calls][-1]


def test_xos_happy_flow(shop: Shop, page: Page) -> None:
    customer = fresh("e")
    xo(page, "send({action: 'view', target: {product: '123'}, metadata: {size: 'L'}})")
    xo(page, f"addUserIdentity('ecommerceId', '{customer}')")
    xo(page, "send({action: 'addToCart', target: {product: '123'}})")
    shop.client.settles("registered", customer, "view", "addToCart")
    first = shop.events("registered", customer)[0]
    assert first["properties"] == {"target": {"product": "123"}, "metadata": {"size": "L"}}


def test_xos_segments_and_traits(shop: Shop, page: Page) -> None:
    customer = fresh("e")
    xo(
        page,
        f"setUserIdentities({{ecommerceId: '{customer}'}})",
        "addUserSegment('new')",
        "addUserTrait('age', '45')",
        "send({action: 'view', target: {product: '1'}})",
    )
    assert shop.customer("registered", customer)["segments"] == ["new"]
    assert shop.customer("registered", customer)["traits"] == {"age": "45"}
    xo(
        page,
        "setUserSegments(['prospect'])",
        "setUserTraits({buyer: true})",
        "send({action: 'view', target: {product: '2'}})",
    )
    found = shop.customer("registered", customer)
    assert sorted(found["segments"]) == ["new", "prospect"]
    assert found["traits"] == {"age": "45", "buyer": True}


def test_xos_sessions_of_the_shops_own_are_kept(shop: Shop, page: Page) -> None:
    mine, another = fresh("mine"), fresh("another")
    xo(page, f"addUserIdentity('sessionId', '{mine}')")
    assert session(page) == mine
    xo(page, f"setUserIdentities({{sessionId: '{another}'}})")
    told = xo(page, "send([{action: 'a', target: {}}, {action: 'b', target: {}}])")
    assert [verdict["status"] for verdict in told] == ["stored", "stored"]
    page.reload()
    assert session(page) == another
    assert shop.session_types(another) == ["a", "b"]


def test_xos_whole_user_and_logging_out(shop: Shop, device: BrowserContext, page: Page) -> None:
    customer = fresh("e")
    wire = shop.wire(device)
    xo(
        page,
        f"setUser({{identities: {{ecommerceid: '{customer}'}}, segments: ['new']}})",
        "send({action: 'view', target: {product: '1'}})",
    )
    before = session(page)
    xo(page, "clearUser()", "send({action: 'view', target: {product: '2'}})")
    first, second = wire.bodies("/track")
    assert (first["ids"], first["segments"]) == ({"ecommerceid": customer}, ["new"])
    assert (second["ids"], second["segments"], second["traits"]) == ({}, [], {})
    assert second["session"]["id"] == session(page) != before


def test_xos_user_of_one_activity(shop: Shop, page: Page) -> None:
    mine, customer = fresh("mine"), fresh("e")
    user = {"identities": {"sessionId": mine, "ecommerceId": customer}, "traits": {"age": 45}}
    activity = {"action": "view", "target": {"product": "1"}, "user": user}
    before = session(page)
    xo(page, f"send({json.dumps(activity)})")
    assert session(page) == before
    assert shop.session_types(mine) == ["view"]
    assert shop.customer("registered", customer)["traits"] == {"age": 45}


def test_xos_time_of_an_activity(shop: Shop, page: Page) -> None:
    at = "2026-01-02T03:04:05Z"
    xo(page, f"send({{action: 'view', target: {{}}, timestamp: '{at}'}})")
    assert events_of(shop, page)[0]["time"] == "2026-01-02T03:04:05.000000Z"


def test_an_identity_that_is_not_declared_loses_no_activity(shop: Shop, page: Page) -> None:
    xo(page, "addUserIdentity('shoesize', '45')")
    told = xo(page, "send({action: 'view', target: {product: '1'}})")
    assert told["status"] == "stored"
    assert shop.session_types(session(page)) == ["view"]


@pytest.mark.parametrize(
    "call",
    [
        "addUserIdentity('ecommerceId', 5)",
        "addUserIdentity('ecommerceId')",
        "setUserIdentities({})",
        "addUserSegment(5)",
        "addUserTrait(5, 'a')",
    ],
)
def test_what_xo_can_not_use_is_a_type_error(page: Page, call: str) -> None:
    assert page.evaluate(
        f"(() => {{ try {{ hardlink.xo.{call} }} catch (e) {{ return e.name }} }})()"
    ) == ("TypeError")


def test_xos_opting_out_and_in(shop: Shop, page: Page) -> None:
    xo(page, "send({action: 'a', target: {}})", "optOut()")
    told = called(page, "hardlink.xo.send({action: 'b', target: {}})")
    assert told["error"]["code"] == "opted_out"
    xo(page, "optIn()", "send({action: 'c', target: {}})")
    assert shop.session_types(session(page)) == ["c"]


# Hello Retail's


def test_hello_retails_visit(shop: Shop, page: Page) -> None:
    customer = fresh("c")
    for call in (
        "trackView('https://shop.example/1')",
        "trackView({productNumber: '1'})",
        "trackClick('ps-1|2|pos:0|per:true|')",
        "setCart({total: 123.5, url: 'https://shop.example/cart', productNumbers: ['1']})",
    ):
        done(page, f"hardlink.helloretail.{call}")
    done(page, f"hardlink.helloretail.setCustomerId('{customer}')")
    shop.client.settles("registered", customer, "pageview", "pageview", "click", "cart")
    first, second, click, _ = shop.events("registered", customer)
    assert first["properties"] == {"url": "https://shop.example/1", "referrer": ""}
    assert second["properties"] == {"productNumber": "1", "referrer": ""}
    assert click["properties"] == {"source": "ps-1|2|pos:0|per:true|"}
    cart = {"total": 123.5, "url": "https://shop.example/cart", "productNumbers": ["1"]}
    assert shop.customer("registered", customer)["traits"] == {"cart": cart}
    done(page, "hardlink.helloretail.clearCart()")
    assert shop.customer("registered", customer)["traits"] == {"cart": None}


def test_hello_retails_conversion_says_who_it_was(shop: Shop, page: Page) -> None:
    customer, email = fresh("c"), f"{fresh()}@example.com"
    done(page, "hardlink.helloretail.trackView()")
    order = {"total": 20, "orderNumber": "A1", "products": [{"productNumber": "1", "quantity": 2}]}
    told = done(
        page,
        f"""new Promise(resolve => hardlink.helloretail.trackConversion(
            {json.dumps({**order, "customerId": customer, "email": email})}, resolve))""",
    )
    assert told["status"] == "stored"
    shop.client.settles("registered", customer, "pageview", "conversion")
    assert shop.events("registered", customer)[1]["properties"] == order
    assert shop.customer("registered", customer)["identifiers"]["email"] == [email]


def test_hello_retails_tracking_user(page: Page) -> None:
    told = done(page, "new Promise(resolve => hardlink.helloretail.getTrackingUserId(resolve))")
    assert told == session(page) == done(page, "hardlink.helloretail.getTrackingUserId()")


# Tracardi's


def test_tracardis_payload(shop: Shop, page: Page) -> None:
    payload = {
        "context": {"webstore": {"name": "Shoe store"}},
        "properties": {},
        "events": [
            {
                "type": "page-view",
                "properties": {"title": "My Page"},
                "context": {"tag": "details"},
            },
            {"type": "not-kept", "options": {"saveEvent": False}},
            {"type": "product-in-basket", "properties": {"price": 34.43}},
        ],
        "options": {},
    }
    told = done(page, f"hardlink.tracardi.send({json.dumps(payload)})")
    assert [result["status"] for result in told["results"]] == ["stored", "dropped", "stored"]
    assert told["session"] == {"id": session(page)}
    assert told["profile"]["id"]
    view, basket = events_of(shop, page)
    assert view["context"] == {"webstore": {"name": "Shoe store"}, "tag": "details"}
    assert basket["properties"] == {"price": 34.43}


def test_tracardis_new_visit_of_the_same_profile(shop: Shop, page: Page) -> None:
    first = done(page, "hardlink.tracardi.track('one', {a: 1}, {debugger: true})")
    visit = fresh("visit")
    second = done(
        page, f"hardlink.tracardi.send({{session: {{id: '{visit}'}}, events: [{{type: 'two'}}]}})"
    )
    assert session(page) == visit != first["session"]["id"]
    assert second["profile"] == first["profile"]
    assert shop.client.get("sessions", visit).json["profile"] == first["profile"]


# What holds for all of them


def test_a_word_that_is_not_loaded_says_so(shop: Shop, device: BrowserContext) -> None:
    script = "hardlink.xo.send({}).catch(error => window.told = error.message)"
    page = opened(device, shop.page(script))
    page.wait_for_function("window.told")
    assert page.evaluate("told") == "no hardlink.xo.send: load sdk.js?with=..."


def test_before_it_is_started_it_says_so(shop: Shop, device: BrowserContext) -> None:
    page = opened(device, shop.raw_page(f'<script src="{shop.url}/sdk.js"></script>'))
    told = called(page, "hardlink.track('a')")
    assert told["error"]["code"] == "not_started"
    told = called(page, "hardlink.start({})")
    assert told["error"]["code"] == "not_started"
    told = called(page, "hardlink.start({writeKey: 'web-key', ping: {enabled: false}})")
    assert "ok" in told
    assert called(page, "hardlink.track('a')")["ok"]["status"] == "stored"


@pytest.mark.parametrize("given", ["{a: 1n}", "(() => { const o = {}; o.o = o; return o })()"])
def test_what_is_no_json_is_told_and_stops_nothing(shop: Shop, page: Page, given: str) -> None:
    assert "error" in called(page, f"hardlink.track('a', {given})")
    done(page, "hardlink.track('b')")
    assert [event["type"] for event in events_of(shop, page)] == ["b"]
