"""Every method of the SDK's own API and of every adapter, from a page to the service."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from infra import topology
from tests.browser.sdk.shop import Shop, call, open_page, session, start_script
from tests.http.service import KEY as SERVER_KEY
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

CAPTURE = (
    topology.ROOT / "tests" / "clients" / "captures" / "exponea_js_sdk_v3.15.0.json"
)
DEFAULTS = {"os", "browser", "device", "location"}
ECOMMERCE = {
    "currencyCode": "EUR",
    "impressions": [{"id": "1", "name": "N", "list": "Search", "position": 1}],
    "click": {
        "actionField": {"list": "S"},
        "products": [{"id": "1", "name": "N", "position": 1}],
    },
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
    "promoView": {
        "promotions": [{"id": "p1", "name": "promo", "creative": "c", "position": "s"}]
    },
    "promoClick": {"promotions": [{"id": "p1", "name": "promo"}]},
    "checkout": {
        "actionField": {"step": 1, "option": "Visa"},
        "products": [{"id": "1"}],
    },
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
"""The object from which the recorded SDK made its events."""


@pytest.fixture
def page(shop: Shop, device: BrowserContext) -> Page:
    """A page with all adapters."""
    return open_page(device, shop.page(adapters="ecommerce,xo,helloretail,tracardi"))


def run(page: Page, script: str) -> Any:
    """Run a script that must succeed; returns what its promise resolves to."""
    result = call(page, script)
    assert "ok" in result, result
    return result["ok"]


def events_of(shop: Shop, page: Page) -> list[dict[str, Any]]:
    """The stored events of a page's session, oldest first."""
    run(page, "hardlink.flush()")
    found = shop.client.get("sessions", session(page), "events", limit=1000).json[
        "events"
    ]
    return list(reversed(found))


def customer_of(shop: Shop, page: Page) -> Any:
    return shop.client.get("sessions", session(page)).json["customer"]


# Exponea, and the SDK's own API


def test_an_event_has_the_device_and_the_page(shop: Shop, page: Page) -> None:
    assert run(page, "hardlink.track('purchase', {total: 7.99})")["status"] == "stored"
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
    page = open_page(device, shop.page(track=more))
    run(page, "hardlink.track('a', {os: 'mine'})")
    (event,) = events_of(shop, page)
    assert {**event["properties"], "location": ""} == {
        "os": "mine",
        "browser": "Chrome",
        "device": "kiosk",
        "shop": "de",
        "location": "",
    }


def test_callbacks_get_the_outcome(page: Page) -> None:
    result = run(
        page,
        """new Promise(resolve => hardlink.track('a', {}, ok => resolve(['ok', ok.status]),
            error => resolve(['error', error.message])))""",
    )
    assert result == ["ok", "stored"]
    result = run(
        page,
        """new Promise(resolve => hardlink.track('a\\nb', {}, ok => resolve(['ok', ok.status]),
            error => resolve(['error', error.code, error.field])))""",
    )
    assert result == ["error", "rejected", "events[0].type"]


def test_immediate_events_do_not_wait_for_others(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(device, shop.page(batch=60_000))
    page.wait_for_timeout(200)  # the flush at the page load
    traffic = shop.record_traffic(device)
    start_script(page, "hardlink.track('waits')")
    page.wait_for_timeout(200)
    assert traffic.calls == []
    run(page, "hardlink.track('now', {}, null, null, true)")
    assert traffic.types() == ["waits", "now"]
    assert len(traffic.calls) == 1


def test_events_tracked_together_are_sent_in_one_call(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    traffic = shop.record_traffic(device)
    run(page, "Promise.all([...'abcdef'].map(type => hardlink.track(type)))")
    assert traffic.paths() == ["/track"]
    assert [event["type"] for event in events_of(shop, page)] == list("abcdef")


@pytest.mark.parametrize(
    "given", ["'%s'", "{registered: '%s'}", "{ecommerceId: '%s', email: ''}"]
)
def test_identify(shop: Shop, page: Page, given: str) -> None:
    gordon = fresh("gordon")
    result = run(page, f"hardlink.identify({given % gordon}, {{first_name: 'Gordon'}})")
    assert result["customer"] == {"type": "registered", "value": gordon}
    assert shop.customer("registered", gordon)["attributes"] == {"first_name": "Gordon"}


def test_identify_with_a_number_and_with_a_cookie_to_ignore(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    traffic = shop.record_traffic(device)
    number = 123_456_789
    run(page, f"hardlink.identify({number})")
    run(
        page,
        f"hardlink.identify({{registered: {number}, cookie: 'mine', user_id: null}})",
    )
    assert [body["ids"] for body in traffic.bodies("/identify")] == [
        {"registered": number}
    ] * 2


def test_identifiers_accumulate_until_the_page_is_left(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    traffic = shop.record_traffic(device)
    gordon, user = fresh("gordon"), fresh("user")
    run(page, f"hardlink.identify('{gordon}')")
    run(page, f"hardlink.identify({{user_id: '{user}'}})")
    assert traffic.bodies("/identify")[1]["ids"] == {
        "registered": gordon,
        "user_id": user,
    }
    assert shop.customer("registered", gordon)["identifiers"]["user_id"] == [user]


def test_identifiers_of_another_customer_are_not_mixed(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    traffic = shop.record_traffic(device)
    gordon, barney = fresh("gordon"), fresh("barney")
    run(page, f"hardlink.identify({{registered: '{gordon}', user_id: '{gordon}'}})")
    run(page, f"hardlink.identify('{barney}')")
    run(page, "hardlink.anonymize()")
    run(page, f"hardlink.identify({{user_id: '{barney}'}})")
    assert [body["ids"] for body in traffic.bodies("/identify")] == [
        {"registered": gordon, "user_id": gordon},
        {"registered": barney},
        {"user_id": barney},
    ]


def test_the_error_names_an_invalid_identifier(page: Page) -> None:
    result = call(page, "hardlink.identify('undefined')")
    assert result["error"]["field"] == "ids.registered"
    assert result["error"]["status"] == 400


@pytest.mark.parametrize("waits", [True, False], ids=["one by one", "at once"])
def test_w7_a_refused_identifier_is_in_no_later_call(
    shop: Shop, page: Page, *, waits: bool
) -> None:
    gordon = fresh("g")
    result = call(
        page,
        f"""(async () => {{
          const refused = hardlink.identify({{user_id: 'undefined'}}).catch(error => error.field)
          if ({json.dumps(waits)}) await refused
          const accepted = await hardlink.identify('{gordon}')
          return [await refused, accepted.customer]
        }})()""",
    )
    assert result == {"ok": ["ids.user_id", {"type": "registered", "value": gordon}]}
    identifiers = shop.customer("registered", gordon)["identifiers"]
    assert identifiers == {"registered": [gordon]}


def test_start_identifies_its_customer(shop: Shop, device: BrowserContext) -> None:
    gordon = fresh("gordon")
    page = open_page(device, shop.page(customer=gordon))
    run(page, "hardlink.flush()")
    assert customer_of(shop, page) == {"type": "registered", "value": gordon}


def test_the_type_of_bare_ids_can_be_configured(
    shop: Shop, device: BrowserContext
) -> None:
    card = fresh("card")
    page = open_page(device, shop.page(hardId="loyalty", customer=card))
    run(page, "hardlink.flush()")
    assert customer_of(shop, page) == {"type": "loyalty", "value": card}


def test_update(shop: Shop, page: Page) -> None:
    gordon = fresh("gordon")
    page.evaluate(f"hardlink.identify('{gordon}')")
    result = run(
        page,
        "new Promise((ok, failed) => hardlink.update({company: 'Blackmesa'}, ok, failed))",
    )
    assert result["session"] == {"id": session(page)}
    assert shop.customer("registered", gordon)["attributes"] == {"company": "Blackmesa"}


def test_clicks_on_links_are_tracked(shop: Shop, device: BrowserContext) -> None:
    page = open_page(device, shop.page())
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
    found = [
        (event["type"], event["properties"].get("site"))
        for event in events_of(shop, page)
    ]
    assert found == [("external_link", "Exponea")] * 2 + [("made_click", None)]


def recorded() -> list[tuple[str, dict[str, Any]]]:
    """The e-commerce events in the recording of Exponea's own SDK."""
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


def test_enhanced_ecommerce_sends_the_same_events_as_exponeas_sdk(
    shop: Shop, page: Page
) -> None:
    assert len(recorded()) == 14
    run(page, f"hardlink.trackEnhancedEcommerce({json.dumps(ECOMMERCE)})")
    found = [
        (e["type"], without_defaults(e["properties"])) for e in events_of(shop, page)
    ]
    assert sorted(found, key=str) == sorted(recorded(), key=str)


@pytest.mark.parametrize("kind", [kind for kind in ECOMMERCE if kind != "currencyCode"])
def test_one_kind_of_enhanced_ecommerce(page: Page, kind: str) -> None:
    result = run(
        page, f"hardlink.trackEnhancedEcommerce({json.dumps(ECOMMERCE)}, '{kind}')"
    )
    assert len(result) == (2 if kind in ("checkout", "purchase", "refund") else 1)


def test_a_full_refund_names_no_products(shop: Shop, page: Page) -> None:
    given = {"ecommerce": {"refund": {"actionField": {"id": "T1"}}}}
    run(page, f"hardlink.trackEnhancedEcommerce({json.dumps(given)})")
    (event,) = events_of(shop, page)
    assert without_defaults(event["properties"]) == {
        "tracked_via": "eecommerce",
        "transaction_id": "T1",
        "refund_type": "full",
    }


def test_the_error_for_an_unknown_kind_names_the_known_ones(page: Page) -> None:
    result = call(
        page, "hardlink.trackEnhancedEcommerce({add: {products: []}}, 'detial')"
    )
    assert 'contains no "detial"' in result["error"]["message"]
    assert "checkout_option" in result["error"]["message"]


# Attraqt XO


def xo(page: Page, *calls: str) -> Any:
    return [run(page, f"hardlink.xo.{call}") for call in calls][-1]


def test_xo_activities_before_and_after_an_identity(shop: Shop, page: Page) -> None:
    customer = fresh("e")
    xo(page, "send({action: 'view', target: {product: '123'}, metadata: {size: 'L'}})")
    xo(page, f"addUserIdentity('ecommerceId', '{customer}')")
    xo(page, "send({action: 'addToCart', target: {product: '123'}})")
    shop.client.settles("registered", customer, "view", "addToCart")
    first = shop.events("registered", customer)[0]
    assert first["properties"] == {
        "target": {"product": "123"},
        "metadata": {"size": "L"},
    }


def test_w6_xo_segments_and_traits_are_what_was_set_last(
    shop: Shop, page: Page
) -> None:
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
    assert found["segments"] == ["prospect"]
    assert found["traits"] == {"buyer": True}


def test_xo_session_id_of_the_shop_is_used(shop: Shop, page: Page) -> None:
    mine, another = fresh("mine"), fresh("another")
    xo(page, f"addUserIdentity('sessionId', '{mine}')")
    assert session(page) == mine
    xo(page, f"setUserIdentities({{sessionId: '{another}'}})")
    result = xo(page, "send([{action: 'a', target: {}}, {action: 'b', target: {}}])")
    assert [verdict["status"] for verdict in result] == ["stored", "stored"]
    page.reload()
    assert session(page) == another
    assert shop.session_types(another) == ["a", "b"]


def test_xo_set_user_and_clear_user(
    shop: Shop, device: BrowserContext, page: Page
) -> None:
    customer = fresh("e")
    traffic = shop.record_traffic(device)
    xo(
        page,
        f"setUser({{identities: {{ecommerceid: '{customer}'}}, segments: ['new']}})",
        "send({action: 'view', target: {product: '1'}})",
    )
    before = session(page)
    xo(page, "clearUser()", "send({action: 'view', target: {product: '2'}})")
    first, second = traffic.bodies("/track")
    assert (first["ids"], first["segments"]) == ({"ecommerceid": customer}, ["new"])
    assert (second["ids"], second["segments"], second["traits"]) == ({}, [], {})
    assert second["session"]["id"] == session(page) != before


def test_xo_user_of_one_activity(shop: Shop, page: Page) -> None:
    mine, customer = fresh("mine"), fresh("e")
    user = {
        "identities": {"sessionId": mine, "ecommerceId": customer},
        "traits": {"age": 45},
    }
    activity = {"action": "view", "target": {"product": "1"}, "user": user}
    before = session(page)
    xo(page, f"send({json.dumps(activity)})")
    assert session(page) == before
    assert shop.session_types(mine) == ["view"]
    assert shop.customer("registered", customer)["traits"] == {"age": 45}


def test_xo_time_of_an_activity(shop: Shop, page: Page) -> None:
    at = "2026-01-02T03:04:05Z"
    xo(page, f"send({{action: 'view', target: {{}}, timestamp: '{at}'}})")
    assert events_of(shop, page)[0]["time"] == "2026-01-02T03:04:05.000000Z"


def test_an_activity_with_an_undeclared_identity_is_stored(
    shop: Shop, page: Page
) -> None:
    xo(page, "addUserIdentity('shoesize', '45')")
    result = xo(page, "send({action: 'view', target: {product: '1'}})")
    assert result["status"] == "stored"
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
def test_xo_raises_a_type_error_for_invalid_arguments(page: Page, call: str) -> None:
    assert page.evaluate(
        f"(() => {{ try {{ hardlink.xo.{call} }} catch (e) {{ return e.name }} }})()"
    ) == ("TypeError")


def test_xo_opting_out_and_in(shop: Shop, page: Page) -> None:
    xo(page, "send({action: 'a', target: {}})", "optOut()")
    result = call(page, "hardlink.xo.send({action: 'b', target: {}})")
    assert result["error"]["code"] == "opted_out"
    xo(page, "optIn()", "send({action: 'c', target: {}})")
    assert shop.session_types(session(page)) == ["c"]


# Hello Retail


def test_hello_retail_visit(shop: Shop, page: Page) -> None:
    customer = fresh("c")
    for method in (
        "trackView('https://shop.example/1')",
        "trackView({productNumber: '1'})",
        "trackClick('ps-1|2|pos:0|per:true|')",
        "setCart({total: 123.5, url: 'https://shop.example/cart', productNumbers: ['1']})",
    ):
        run(page, f"hardlink.helloretail.{method}")
    run(page, f"hardlink.helloretail.setCustomerId('{customer}')")
    shop.client.settles("registered", customer, "pageview", "pageview", "click", "cart")
    first, second, click, _ = shop.events("registered", customer)
    assert first["properties"] == {"url": "https://shop.example/1", "referrer": ""}
    assert second["properties"] == {"productNumber": "1", "referrer": ""}
    assert click["properties"] == {"source": "ps-1|2|pos:0|per:true|"}
    cart = {"total": 123.5, "url": "https://shop.example/cart", "productNumbers": ["1"]}
    assert shop.customer("registered", customer)["traits"] == {"cart": cart}
    run(page, "hardlink.helloretail.clearCart()")
    assert shop.customer("registered", customer)["traits"] == {}


def test_hello_retail_conversion_identifies_the_customer(
    shop: Shop, page: Page
) -> None:
    customer, email = fresh("c"), f"{fresh()}@example.com"
    run(page, "hardlink.helloretail.trackView()")
    order = {
        "total": 20,
        "orderNumber": "A1",
        "products": [{"productNumber": "1", "quantity": 2}],
    }
    result = run(
        page,
        f"""new Promise(resolve => hardlink.helloretail.trackConversion(
            {json.dumps({**order, "customerId": customer, "email": email})}, resolve))""",
    )
    assert result["status"] == "stored"
    shop.client.settles("registered", customer, "pageview", "conversion")
    assert shop.events("registered", customer)[1]["properties"] == order
    assert shop.customer("registered", customer)["identifiers"]["email"] == [email]


def test_o1_hello_retail_conversion_counts_once_with_the_order_feed(
    shop: Shop, page: Page
) -> None:
    customer, email, number = fresh("c"), f"{fresh()}@example.com", fresh("o")
    conversion = {"orderNumber": number, "total": 20, "email": email, "currency": "EUR"}
    track = f"hardlink.helloretail.trackConversion({json.dumps(conversion)})"
    assert run(page, track)["status"] == "stored"
    assert run(page, track)["status"] == "duplicate"
    order = {
        "orderNumber": number,
        "date": datetime.now(UTC).isoformat(),
        "email": email,
        "customerId": customer,
    }
    reply = shop.client.post("/orders", [order], authorization=f"Bearer {SERVER_KEY}")
    # by the address, which identified the visitor: the feed names no total
    assert reply.json["results"][0]["status"] == "known"
    shop.client.settles("registered", customer, "conversion")
    (event,) = shop.events("registered", customer)
    assert event["order"] == {"number": number, "total": 20, "currency": "EUR"}


def test_hello_retail_email_alone_does_not_switch_to_its_customer(
    shop: Shop, page: Page
) -> None:
    customer, email = fresh("c"), f"{fresh()}@example.com"
    shop.client.identify(fresh(), {"registered": fresh("c"), "email": email})
    run(page, f"hardlink.helloretail.setCustomerId('{customer}')")
    run(page, f"hardlink.helloretail.setCart({{total: 1, email: '{email}'}})")
    assert customer_of(shop, page) == {"type": "registered", "value": customer}


def test_hello_retail_tracking_user_is_the_session(page: Page) -> None:
    result = run(
        page, "new Promise(resolve => hardlink.helloretail.getTrackingUserId(resolve))"
    )
    assert (
        result == session(page) == run(page, "hardlink.helloretail.getTrackingUserId()")
    )


# Tracardi


def test_tracardi_payload(shop: Shop, page: Page) -> None:
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
    result = run(page, f"hardlink.tracardi.send({json.dumps(payload)})")
    assert [result["status"] for result in result["results"]] == [
        "stored",
        "dropped",
        "stored",
    ]
    assert result["session"] == {"id": session(page)}
    assert result["profile"]["id"]
    view, basket = events_of(shop, page)
    assert view["context"] == {"webstore": {"name": "Shoe store"}, "tag": "details"}
    assert basket["properties"] == {"price": 34.43}


def test_tracardi_new_session_of_the_same_profile(shop: Shop, page: Page) -> None:
    first = run(page, "hardlink.tracardi.track('one', {a: 1}, {debugger: true})")
    visit = fresh("visit")
    second = run(
        page,
        f"hardlink.tracardi.send({{session: {{id: '{visit}'}}, events: [{{type: 'two'}}]}})",
    )
    assert session(page) == visit != first["session"]["id"]
    assert second["profile"] == first["profile"]
    assert shop.client.get("sessions", visit).json["profile"] == first["profile"]


# All adapters


def test_the_error_names_a_method_that_is_not_loaded(
    shop: Shop, device: BrowserContext
) -> None:
    script = "hardlink.xo.send({}).catch(error => window.result = error.message)"
    page = open_page(device, shop.page(script))
    page.wait_for_function("window.result")
    assert (
        page.evaluate("result") == "hardlink.xo.send is not loaded: use sdk.js?with=..."
    )


def test_calls_before_the_start_are_rejected(
    shop: Shop, device: BrowserContext
) -> None:
    page = open_page(
        device, shop.raw_page(f'<script src="{shop.url}/sdk.js"></script>')
    )
    result = call(page, "hardlink.track('a')")
    assert result["error"]["code"] == "not_started"
    result = call(page, "hardlink.start({})")
    assert result["error"]["code"] == "not_started"
    result = call(page, "hardlink.start({writeKey: 'web-key', ping: {enabled: false}})")
    assert "ok" in result
    assert call(page, "hardlink.track('a')")["ok"]["status"] == "stored"


@pytest.mark.parametrize(
    "given", ["{a: 1n}", "(() => { const o = {}; o.o = o; return o })()"]
)
def test_properties_that_are_not_json_are_rejected(
    shop: Shop, page: Page, given: str
) -> None:
    assert "error" in call(page, f"hardlink.track('a', {given})")
    run(page, "hardlink.track('b')")
    assert [event["type"] for event in events_of(shop, page)] == ["b"]
