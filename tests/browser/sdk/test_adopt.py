"""`sdk.js?with=adopt`: who another system's script knew stays who they are, and meets what that script sends."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.browser.sdk.shop import (
    KEY,
    Shop,
    call,
    local_storage,
    open_page,
    session,
    start_script,
    wait_until,
)
from tests.http.service import fresh

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


class OldClient(NamedTuple):
    """Where a system's script stores its visitor, and how its event is sent.

    `path`, `body`: of the call; `{id}` in them is the ID. `stored`: the ID as it stands in its place.
    """

    system: str
    place: str
    name: str
    stored: str
    path: str
    body: str


EXPONEA = json.dumps(
    {
        "commands": [
            {
                "name": "crm/events",
                "data": {
                    "customer_ids": {"cookie": "ID"},
                    "company_id": KEY,
                    "type": "old",
                    "age": 1,
                    "properties": {},
                },
            }
        ]
    }
)
ATTRAQT = json.dumps(
    [
        {
            "action": "old",
            "target": {"product": "1"},
            "user": {"identities": {"sessionid": "ID"}},
        }
    ]
)
HELLO_RETAIL = json.dumps(
    {"trackingUserId": "ID", "websiteUuid": KEY, "url": "https://shop.example/1"}
)
SEGMENT = json.dumps(
    {"writeKey": KEY, "type": "track", "event": "old", "anonymousId": "ID"}
)
TRACARDI = json.dumps(
    {
        "source": {"id": KEY},
        "session": {"id": "ID"},
        "profile": None,
        "events": [{"type": "old", "properties": {}}],
    }
)
POSTHOG = json.dumps(
    {
        "api_key": KEY,
        "batch": [
            {
                "event": "old",
                "distinct_id": "ID",
                "properties": {"$process_person_profile": False},
            }
        ],
    }
)
ANONYMOUS = '{"distinct_id": "ID", "$device_id": "ID", "$user_state": "anonymous"}'
LOGGED_IN = (
    '{"distinct_id": "gordon-1", "$device_id": "ID", "$user_state": "identified"}'
)
OLD_CLIENTS = (
    OldClient("exponea", "cookie", "__exponea_etc__", "ID", "/bulk", EXPONEA),
    OldClient("attraqt", "storage", "attraqtsessionid", "ID", f"/{KEY}", ATTRAQT),
    OldClient("tracardi", "cookie", "tracardi-session-id", "ID", "/track", TRACARDI),
    OldClient(
        "helloretail",
        "cookie",
        "hello_retail_id",
        "ID",
        "/serve/collect/pageview",
        HELLO_RETAIL,
    ),
    OldClient("segment", "cookie", "ajs_anonymous_id", "ID", "/v1/t", SEGMENT),
    # Segment's older scripts encoded it as JSON; local storage has the same form in all of them.
    OldClient("segment", "cookie", "ajs_anonymous_id", "%22ID%22", "/v1/t", SEGMENT),
    OldClient("segment", "storage", "ajs_anonymous_id", '"ID"', "/v1/t", SEGMENT),
    OldClient("rudderstack", "cookie", "rl_anonymous_id", '"ID"', "/v1/t", SEGMENT),
    OldClient("posthog", "storage", "ph_key_posthog", ANONYMOUS, "/batch", POSTHOG),
    OldClient("posthog", "storage", "ph_key_posthog", LOGGED_IN, "/batch", POSTHOG),
)


def encode(old: OldClient, id_: str) -> str:
    """Write an ID as the old script does."""
    stored = old.stored.replace("ID", id_)
    if old.system != "rudderstack":
        return stored
    return f"RS_ENC_v3_{base64.b64encode(stored.encode()).decode()}"


def remember(shop: Shop, device: BrowserContext, old: OldClient, id_: str) -> None:
    """Store an ID in a browser as the old script does."""
    page = device.new_page()
    page.goto(shop.raw_page(""))
    stored = encode(old, id_)
    if old.place == "cookie":
        page.evaluate("text => { document.cookie = text }", f"{old.name}={stored}")
    else:
        page.evaluate(
            "([name, text]) => localStorage.setItem(name, text)", [old.name, stored]
        )
    page.close()


def send(shop: Shop, old: OldClient, id_: str) -> None:
    """Send an event as the old client does."""
    body = json.loads(old.body.replace("ID", id_))
    reply = shop.client.post(old.path, body)
    assert reply.status == 200, reply.body


def open_shop(shop: Shop, device: BrowserContext, **config: Any) -> Page:
    return open_page(device, shop.page(adapters="adopt", **config))


def new_types(shop: Shop, id_: str) -> int:
    """The number of a session's events that are not derived."""
    return len([type_ for type_ in shop.session_types(id_) if "session" not in type_])


@pytest.mark.parametrize(
    "old", OLD_CLIENTS, ids=lambda old: f"{old.system}-{old.stored:.24}"
)
def test_events_of_the_old_client_and_of_the_sdk_meet_in_one_visitor(
    shop: Shop, device: BrowserContext, old: OldClient
) -> None:
    id_, customer = fresh("old-visitor-1"), fresh("gordon")
    send(shop, old, id_)
    remember(shop, device, old, id_)
    page = open_shop(shop, device)
    assert session(page) == id_
    assert call(page, "hardlink.track('new')")["ok"]["status"] == "stored"
    wait_until(lambda: new_types(shop, id_), 2)
    call(page, f"hardlink.identify('{customer}')")
    wait_until(lambda: len(shop.events("registered", customer)), 2)


def test_a_visitor_of_tracardi_is_found_by_the_profile_when_the_visit_has_ended(
    shop: Shop, device: BrowserContext
) -> None:
    tracardi = OLD_CLIENTS[2]
    body = tracardi.body.replace("ID", fresh("old-visitor-1"))
    earlier = shop.client.post("/track", json.loads(body)).json
    profile = earlier["profile"]["id"]
    stored = tracardi._replace(
        name="tracardi-profile-id", place="storage", stored='"ID"'
    )
    remember(shop, device, stored, profile)
    page = open_shop(shop, device)
    assert call(page, "hardlink.track('new')")["ok"]["status"] == "stored"
    assert call(page, "hardlink.getProfile()")["ok"] == profile
    assert session(page) != earlier["session"]["id"]


def test_a_profile_that_the_service_does_not_know_is_not_adopted(
    shop: Shop, device: BrowserContext
) -> None:
    forged = fresh("forged-profile-1")
    stored = OLD_CLIENTS[2]._replace(name="tracardi-profile-id", place="storage")
    remember(shop, device, stored, forged)
    page = open_shop(shop, device)
    call(page, "hardlink.track('new')")
    assert call(page, "hardlink.getProfile()")["ok"] not in {None, forged}


# Of PostHog's visitor only the cookie is left, which does not say that the ID is a user's.
USER = OldClient("posthog", "cookie", "ph_key_posthog", '{"distinct_id": "ID"}', "", "")
NOBODY = (
    (OLD_CLIENTS[1], "undefined"),
    (OLD_CLIENTS[1], "00000000-0000-0000-0000-000000000000"),
    (OLD_CLIENTS[1], "a b c d e f 1"),
    (OLD_CLIENTS[1], "RS_ENC_v3_?"),
    (USER, "gordon@blackmesa.com"),
)


def test_what_identifies_nobody_is_not_adopted(
    shop: Shop, device: BrowserContext
) -> None:
    for old, id_ in NOBODY:
        remember(shop, device, old, id_)
        page = open_shop(shop, device)
        assert call(page, "hardlink.track('new')")["ok"]["status"] == "stored"
        assert session(page) != id_
        page.evaluate("localStorage.clear()")
        page.close()


def test_a_visitor_whom_the_sdk_knows_keeps_their_session(
    shop: Shop, device: BrowserContext
) -> None:
    known = open_page(device, shop.page())
    call(known, "hardlink.track('a')")
    before = session(known)
    remember(shop, device, OLD_CLIENTS[0], fresh("old-visitor-1"))
    assert session(open_shop(shop, device)) == before


def test_the_first_system_that_the_page_names_is_taken(
    shop: Shop, device: BrowserContext
) -> None:
    ids = {
        old.system: fresh(f"{old.system}-visitor-1")
        for old in (OLD_CLIENTS[0], OLD_CLIENTS[4])
    }
    for old in (OLD_CLIENTS[0], OLD_CLIENTS[4]):
        remember(shop, device, old, ids[old.system])
    page = open_shop(shop, device, adopt=["attraqt", "segment", "exponea"])
    assert session(page) == ids["segment"]


def test_a_system_that_is_not_known_is_told(shop: Shop, device: BrowserContext) -> None:
    warnings: list[str] = []
    device.on("console", lambda message: warnings.append(message.text))
    open_shop(shop, device, adopt="matomo")
    wait_until(lambda: any('"matomo"' in text for text in warnings), wanted=True)


def test_nothing_is_adopted_before_the_visitor_consents(
    shop: Shop, device: BrowserContext
) -> None:
    id_ = fresh("old-visitor-1")
    remember(shop, device, OLD_CLIENTS[0], id_)
    traffic = shop.record_traffic(device)
    page = open_shop(shop, device, consent="required")
    start_script(page, "window.early = hardlink.track('early')")
    assert session(page) != id_
    assert (traffic.calls, local_storage(page)) == ([], {})
    call(page, "hardlink.optIn()")
    assert call(page, "early")["ok"]["status"] == "stored"
    assert {body["session"]["id"] for _, body in traffic.calls} == {id_}


def test_all_tabs_adopt_the_same_visitor_when_one_of_them_consents(
    shop: Shop, device: BrowserContext
) -> None:
    id_ = fresh("old-visitor-1")
    remember(shop, device, OLD_CLIENTS[0], id_)
    tabs = [open_shop(shop, device, consent="required") for _ in range(2)]
    for number, tab in enumerate(tabs):
        start_script(tab, f"window.early = hardlink.track('early-{number}')")
    call(tabs[0], "hardlink.optIn()")
    for tab in tabs:
        assert call(tab, "early")["ok"]["status"] == "stored"
        assert session(tab) == id_
    assert new_types(shop, id_) == len(tabs)


def test_who_opted_out_is_not_recognized_by_the_old_id(
    shop: Shop, device: BrowserContext
) -> None:
    id_ = fresh("old-visitor-1")
    remember(shop, device, OLD_CLIENTS[0], id_)
    page = open_shop(shop, device)
    call(page, "hardlink.track('a')")
    call(page, "hardlink.optOut()")
    call(page, "hardlink.optIn()")
    call(page, "hardlink.track('b')")
    assert session(page) != id_
    page.reload()
    assert session(page) != id_


def test_a_visitor_who_is_anonymized_is_not_recognized_by_the_old_id(
    shop: Shop, device: BrowserContext
) -> None:
    id_ = fresh("old-visitor-1")
    remember(shop, device, OLD_CLIENTS[0], id_)
    page = open_shop(shop, device)
    call(page, "hardlink.anonymize()")
    anonymous = session(page)
    page.reload()
    assert session(page) == anonymous != id_
