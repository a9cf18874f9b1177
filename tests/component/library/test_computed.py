"""Computed traits and segments in a customer's view: of their events as the timeline shows them at that moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hardlink.domain.errors import Invalid
from hardlink.domain.graph import Node
from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import DAY, HOUR, SECOND, to_iso
from hardlink.queries import computed
from hardlink.queries.api import ReadApi
from tests.support.world import SOURCES, SPACE, START, World

DECLARED = {
    "traits": {
        "products": {"compute": "distinct", "of": "product_id", "most": 2},
        "spent": {"compute": "sum", "of": "price", "within": "30 days"},
        "here": {"compute": "count", "events": ["view_item"], "within": "visit"},
        "pages": {"compute": "count"},
    },
    "segments": {
        "buyer": {"when": "orders >= 1 within 90 days and not consents.mail = false"},
        "local": {"when": "attributes.city = 'Oslo' or segments.vip"},
        "browser": {"when": "pages > 3"},
    },
}


@pytest.fixture
def shop(world: World) -> World:
    """A shop that declares traits and segments."""
    project = {
        "identifiers": {
            name: vars(type_)
            for name, type_ in SOURCES.projects[SPACE].identifiers.items()
        }
    }
    declared = {"projects": {SPACE: {**project, **DECLARED}}, "sources": {}}
    projects = Sources.from_declaration(declared).projects
    world.sources = replace(world.sources, projects=projects)
    world.queries = ReadApi(world.store, world.sources, world.clock)
    return world


def view(id_: str, product: str, **more: Any) -> dict[str, Any]:
    properties = {"product_id": product, **more.pop("properties", {})}
    return {"type": "view_item", "id": id_, "properties": properties, **more}


def read(world: World, value: str = "gordon", **query: str) -> dict[str, Any]:
    found: dict[str, Any] = world.customer(value, **query)["computed"]
    return found


def traits(world: World, names: str, value: str = "gordon") -> dict[str, Any]:
    found: dict[str, Any] = read(world, value, traits=names)["traits"]
    return found


def test_traits_and_segments_are_read_with_the_customer(shop: World) -> None:
    shop.track("s1", view("1", "p1"), view("2", "p2", properties={"price": 9.5}))
    shop.track(
        *("s1", {"type": "conversion", "order": {"number": "o1", "total": 20}}),
        ids={"registered": "gordon"},
        properties={"currency": "EUR"},
    )
    shop.update("s1", properties={"city": "Oslo"})
    shop.settle()
    found = read(shop, traits="recently_viewed,orders, spent", segments="*")
    assert found == {
        "traits": {"recently_viewed": ["p2", "p1"], "orders": 1, "spent": 9.5},
        "segments": {"buyer": True, "local": True, "browser": False},
        "events": 3,
        "incomplete": {},
    }
    assert "computed" not in shop.customer("gordon")
    shop.update("s1", consents={"mail": False}, properties={"city": "Bergen"})
    shop.settle()
    assert read(shop, segments="buyer,local")["segments"] == {
        "buyer": False,
        "local": False,
    }
    shop.update("s1", segments={"vip": True})
    shop.settle()
    assert read(shop, segments="local")["segments"] == {"local": True}


def test_a_trait_follows_a_login_as_another_customer_and_its_undo(shop: World) -> None:
    shop.track("s1", view("1", "p1"), ids={"registered": "gordon"})
    shop.track("s2", view("2", "p2"), ids={"registered": "gordon"})
    shop.settle()
    assert traits(shop, "recently_viewed,visits") == {
        "recently_viewed": ["p2", "p1"],
        "visits": 2,
    }
    shop.identify("s1", ids={"registered": "alyx"})
    shop.settle()
    assert traits(shop, "recently_viewed") == {"recently_viewed": ["p2"]}
    assert traits(shop, "recently_viewed", "alyx") == {"recently_viewed": ["p1"]}
    shop.administration.undo_link(SPACE, "s1")
    shop.settle()
    assert traits(shop, "recently_viewed") == {"recently_viewed": ["p2", "p1"]}
    assert traits(shop, "recently_viewed,first_seen", "alyx") == {
        "recently_viewed": [],
        "first_seen": None,
    }


def test_under_split_each_customer_has_what_happened_while_it_was_theirs(
    shop: World,
) -> None:
    for customer, product in (("gordon", "p1"), ("alyx", "p2")):
        shop.track(
            *("s1", view(customer, product)),
            source="split",
            ids={"registered": customer},
        )
        shop.clock.pass_(SECOND)
    shop.settle()
    assert traits(shop, "recently_viewed") == {"recently_viewed": ["p1"]}
    assert traits(shop, "recently_viewed", "alyx") == {"recently_viewed": ["p2"]}


def test_a_window_moves_by_itself(shop: World) -> None:
    shop.track(
        "s1", view("1", "p1", properties={"price": 5}), ids={"registered": "gordon"}
    )
    shop.settle()
    assert traits(shop, "spent,here") == {"spent": 5, "here": 1}
    shop.clock.pass_(31 * DAY)
    found = read(shop, traits="spent")
    assert found["traits"] == {"spent": 0}
    assert found["events"] == 0  # what is older than the window is not read
    assert traits(shop, "spent,here") == {"spent": 0, "here": 1}


def test_this_visit_is_the_latest_one_and_not_what_the_backend_sends(
    shop: World,
) -> None:
    ids = {"registered": "gordon"}
    shop.track("s1", view("1", "p1"), view("2", "p1"), ids=ids)
    shop.clock.pass_(HOUR)
    shop.track("s2", view("3", "p1"), ids=ids)
    shop.clock.pass_(HOUR)
    shop.track(None, view("4", "p1"), ids=ids, server_side=True)
    shop.settle()
    assert traits(shop, "here,pages,visits") == {"here": 1, "pages": 4, "visits": 2}


def test_a_late_event_takes_its_place(shop: World) -> None:
    ids = {"registered": "gordon"}
    shop.track("s1", view("1", "p1"), ids=ids)
    shop.settle()
    early = to_iso(START - 40 * DAY)
    shop.track("s1", view("0", "p0", time=early, properties={"price": 7}), ids=ids)
    shop.settle()
    assert traits(shop, "recently_viewed,spent,first_seen") == {
        "recently_viewed": ["p1", "p0"],
        "spent": 0,
        "first_seen": early,
    }


@pytest.mark.parametrize(
    ("limit", "most"), [("MOST_READ_EVENTS", 3), ("MOST_READ_BYTES", 150)]
)
def test_where_not_all_events_are_read_the_answer_says_what_is_not_complete(
    shop: World, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(computed, limit, most)
    monkeypatch.setattr("hardlink.queries.timeline.MOST_EVENTS", 2)
    ids = {"registered": "gordon"}
    for number in range(6):
        shop.track("s1", view(str(number), f"p{number}"), ids=ids)
    shop.settle()
    found = read(shop, traits="pages,last_seen,spent", segments="browser,local")
    reason = "older events were not read: the value is of the newest 4 alone"
    assert found["incomplete"] == {
        "pages": reason,
        "spent": reason,
        "browser": "depends on a trait that is not complete",
    }
    assert found["traits"]["pages"] == 4
    assert found["events"] == 4
    monkeypatch.undo()
    assert read(shop, traits="pages")["incomplete"] == {}
    assert read(shop, traits="products")["incomplete"] == {
        "products": "more values than the trait has room for"
    }


def test_h11_the_newest_of_many_events_are_found_where_a_row_of_a_session_is_behind(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(computed, "MOST_READ_EVENTS", 3)
    monkeypatch.setattr("hardlink.queries.timeline.MOST_EVENTS", 2)
    ids = {"registered": "gordon"}
    shop.track("s1", view("early", "early"), ids=ids)
    shop.settle()
    shop.clock.pass_(2 * HOUR)
    views = [view(f"v{number}", f"p{number}") for number in range(5)]
    shop.track("s2", *views, ids=ids)
    shop.settle()
    shop.clock.pass_(HOUR)
    shop.track("s1", view("latest", "latest"))  # the streams have not delivered it yet
    assert traits(shop, "recently_viewed") == {
        "recently_viewed": ["latest", "p4", "p3", "p2"]
    }


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"traits": "orders,colour"},
            "traits: there is no 'colour': use \\*, or recent",
        ),
        (
            {"segments": "rich"},
            "segments: there is no 'rich': use \\*, or buyer, local",
        ),
    ],
)
def test_a_name_that_is_not_declared_is_refused_before_anything_is_read(
    shop: World, query: dict[str, str], message: str
) -> None:
    with pytest.raises(Invalid, match=message.partition(": ")[2]) as raised:
        shop.customer("unknown", **query)
    assert raised.value.field == message.partition(": ")[0]


def test_an_order_that_the_shop_reports_completes_what_the_page_said(
    shop: World,
) -> None:
    ids = {"registered": "gordon"}
    shop.track("s1", {"type": "purchase", "order": {"number": "o1"}}, ids=ids)
    shop.settle()
    assert traits(shop, "orders,revenue") == {"orders": 1, "revenue": {}}
    shop.order("o1", ids=ids, total=20, currency="EUR")
    shop.settle()
    assert traits(shop, "orders,revenue") == {"orders": 1, "revenue": {"EUR": 20}}
    shop.order("o1", ids=ids, total=20, currency="EUR", status="cancelled")
    shop.settle()
    assert traits(shop, "orders,revenue") == {"orders": 0, "revenue": {}}


def test_a_condition_on_what_calls_set_reads_no_event(shop: World) -> None:
    ids = {"registered": "gordon"}
    ahead = to_iso(START + HOUR)
    shop.track("s1", view("1", "p1", time=ahead), ids=ids)
    shop.update("s1", properties={"city": "Oslo"})
    shop.settle()
    found = read(shop, segments="local")
    assert found["segments"] == {"local": True}
    assert found["events"] == 0


def test_customers_whom_the_shop_merged_have_the_traits_of_both(shop: World) -> None:
    for customer, product in (("gordon", "p1"), ("alyx", "p2")):
        shop.track(customer, view(customer, product), ids={"registered": customer})
    shop.settle()
    nodes = (Node("registered", "alyx"), Node("registered", "gordon"))
    shop.administration.merge_customers(SPACE, *nodes, "because")
    shop.settle()
    both = {"recently_viewed": ["p2", "p1"], "visits": 2}
    assert traits(shop, "recently_viewed,visits") == both
    assert traits(shop, "recently_viewed,visits", "alyx") == both


def test_nothing_of_who_was_erased_is_computed(shop: World) -> None:
    shop.track("s1", view("1", "p1"), ids={"registered": "gordon"}, source="split")
    shop.clock.pass_(SECOND)
    shop.track("s1", view("2", "p2"), ids={"registered": "alyx"}, source="split")
    shop.settle()
    shop.erase("gordon")
    assert traits(shop, "recently_viewed,pages", "alyx") == {
        "recently_viewed": ["p2"],
        "pages": 1,
    }
