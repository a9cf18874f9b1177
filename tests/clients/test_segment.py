"""Segment, RudderStack and PostHog: their real clients and their recordings, against the local service."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients import npm, pip
from tests.engines import Unavailable
from tests.engines.site import Site
from tests.http.service import Client, Reply, eventually, fresh

if TYPE_CHECKING:
    from playwright.sync_api import Page

KEY = "web-key"
CAPTURES = Path(__file__).parent / "captures"
FILES = ("segment_rudder_posthog", "segment_rudder_browser")
RECORDED = [
    request
    for name in FILES
    for request in json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))
]
TAKEN = {"success": True, "status": 1}


@pytest.fixture(scope="session")
def python() -> Path:
    """The Python that has the clients."""
    try:
        return pip.installed("segment-requirements.txt")
    except Unavailable as error:
        pytest.skip(str(error))


def basic(key: str) -> str:
    return f"Basic {base64.b64encode(f'{key}:'.encode()).decode()}"


def send(shop: Client, call: str, body: Mapping[str, Any], key: str = KEY, **more: str) -> Reply:
    return shop.post(f"/v1/{call}", body, authorization=basic(key), **more)


def events(shop: Client, *whose: str) -> list[dict[str, Any]]:
    """Oldest first; none while nobody is known so."""
    reply = shop.get(*whose, "events", limit=1000)
    if reply.status == 404:
        return []
    assert reply.status == 200, reply.body
    return list(reversed(reply.json["events"]))


def types(shop: Client, *whose: str) -> list[str]:
    return [event["type"] for event in events(shop, *whose)]


def customer_of(shop: Client, session: str) -> Any:
    return shop.get("sessions", session).json.get("customer")


# -- the real clients ---------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["segment", "rudder"])
def test_the_python_libraries(shop: Client, python: Path, library: str) -> None:
    """SG-01, SG-03, SG-07: what the library was told to do stands on the timeline."""
    session, customer = fresh(library), fresh("c")
    url = f"http://127.0.0.1:{shop.port}"
    assert pip.run(python, "segment_visit.py", library, url, KEY, session, customer) == ""
    told = ["Product Viewed", "Order Completed", "page", "screen", "group", "Product Clicked"]
    eventually(lambda: sorted(types(shop, "customers", "registered", customer)), sorted(told))
    found = events(shop, "customers", "registered", customer)
    assert {event["type"]: event["properties"] for event in found} == {
        "Product Viewed": {"sku": "crowbar"},
        "Order Completed": {"revenue": 10.5},
        "page": {"url": "/", "name": "Home", "category": "Docs"},
        "screen": {"name": "Cart"},
        "group": {"groupId": "mesa", "traits": {"name": "Black Mesa"}},
        "Product Clicked": {},
    }
    assert [
        event["type"] for event in found
    ] == told or library == "segment"  # it counts milliseconds
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}
    assert seen["identifiers"]["email"] == [f"{customer}@x.y".lower()]
    assert seen["traits"] == {"groupId": "mesa"}
    sessions = {session, f"{session}-tablet", f"@registered={customer}"}
    assert {one["id"] for one in seen["sessions"]} == sessions


def test_posthogs_python_library(shop: Client, python: Path) -> None:
    session, customer = fresh("posthog"), fresh("c")
    url = f"http://127.0.0.1:{shop.port}"
    printed = pip.run(python, "segment_visit.py", "posthog", url, KEY, session, customer)
    assert printed == ""
    shop.settles("registered", customer, "Product Viewed", "Order Completed")
    viewed, ordered = events(shop, "customers", "registered", customer)
    assert viewed["properties"]["sku"] == "1"
    assert (viewed["session"], ordered["session"]) == (session, f"@registered={customer}")
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "G"}
    assert seen["identifiers"]["email"] == [f"{customer}@x.y".lower()]


def test_segments_node_library(shop: Client, packages: Path) -> None:
    session, customer = fresh("node"), fresh("c")
    url = f"http://127.0.0.1:{shop.port}"
    ran = npm.run(packages, "segment_node", url=url, key=KEY, session=session, customer=customer)
    assert ran == {"failed": []}
    told = ["Product Viewed", "Order Completed", "page", "group", "Product Clicked"]
    eventually(lambda: sorted(types(shop, "customers", "registered", customer)), sorted(told))
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}
    assert seen["traits"] == {"groupId": "mesa"}


def test_segments_browser_library(shop: Client, packages: Path, site: Site, page: Page) -> None:
    """SG-02, SG-03: short paths, text/plain, another origin."""
    customer = fresh("c")
    page.goto(site.page("segment", npm.bundle(packages, "segment_page")))
    host = f"127.0.0.1:{shop.port}/v1"
    session = page.evaluate("([key, host]) => start(key, host)", [KEY, host])
    page.evaluate("customer => visit(customer)", customer)
    told = ["page", "Product Viewed", "Order Completed", "group", "screen"]
    shop.settles("registered", customer, *told)
    found = events(shop, "customers", "registered", customer)
    assert {event["session"] for event in found} == {session}
    first = found[0]["properties"]
    assert (first["name"], first["category"], first["theme"]) == ("Home", "Docs", "dark")
    assert first["url"] == f"{site.origin}/segment.html"
    assert found[0]["context"]["library"]["name"] == "analytics.js"
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}
    assert seen["traits"] == {"groupId": f"{customer}-mesa"}


def test_rudderstacks_browser_library(shop: Client, packages: Path, site: Site, page: Page) -> None:
    """SG-01, SG-08: it asks for the source's configuration before it starts."""
    customer = fresh("c")
    page.goto(site.page("rudder", npm.bundle(packages, "rudder_page")))
    url = f"http://127.0.0.1:{shop.port}"
    session = page.evaluate("([key, url]) => start(key, url)", [KEY, url])
    page.evaluate("customer => visit(customer)", customer)
    shop.settles("registered", customer, "page", "Product Viewed", "Order Completed", "group")
    found = events(shop, "customers", "registered", customer)
    assert {event["session"] for event in found} == {session}
    eventually(
        lambda: customer_of(shop, f"{customer}-tablet"),
        {"type": "registered", "value": customer},
    )
    seen = shop.get("customers", "registered", customer).json
    assert seen["attributes"] == {"email": f"{customer}@x.y", "first_name": "Gordon"}
