"""`GET /customers/recent`: who was here in the last day, from the live view's rows, at a bounded cost."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.times import DAY, HOUR, MINUTE, to_iso
from hardlink.queries import recent_customers
from hardlink.storage.keys import ACTIVE_SHARDS
from tests.support.engines.tables import Engine
from tests.support.world import SPACE, World


def visit(world: World, session: str, customer: str | None, **values: Any) -> None:
    """Let a visitor view a page, and log in where a customer is given."""
    world.clock.pass_(MINUTE)
    world.track(session, {"type": "view"})
    if customer:
        world.identify(session, ids={"registered": customer}, **values)
    world.drain()


def recent(world: World) -> dict[str, Any]:
    return world.queries.read_recent_customers(SPACE)


def names(world: World) -> list[str]:
    return [one["customer"]["value"] for one in recent(world)["customers"]]


def test_customers_are_listed_with_their_names_the_latest_first(world: World) -> None:
    visit(world, "s1", "ada", properties={"first_name": "Ada", "shoe_size": 38})
    visit(world, "s2", "bob")
    visit(world, "s3", None)
    visit(world, "s4", "ada")
    answer = recent(world)
    assert names(world) == ["ada", "bob"]
    assert (answer["sessions"], answer["more"]) == (4, False)
    ada = answer["customers"][0]
    assert ada["attributes"] == {"first_name": "Ada"}
    assert ada["identifiers"] == {"registered": ["ada"]}
    assert ada["last_seen"] >= to_iso(world.clock() - HOUR)


def test_a_customer_of_two_days_ago_is_not_listed(world: World) -> None:
    visit(world, "s1", "ada")
    world.clock.pass_(2 * DAY)
    visit(world, "s2", "bob")
    assert names(world) == ["bob"]


def test_who_was_erased_is_not_listed(world: World) -> None:
    visit(world, "s1", "ada")
    visit(world, "s2", "bob")
    world.erase("ada")
    assert names(world) == ["bob"]


def test_two_whom_the_shop_merged_are_one(world: World) -> None:
    visit(world, "s1", "ada")
    visit(world, "s2", "lovelace")
    world.merge("lovelace", "ada")
    world.drain()
    assert names(world) == ["ada"]


def test_it_says_when_there_may_be_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        visit(world, f"s{number}", f"c{number}")
    monkeypatch.setattr(recent_customers, "MOST_CUSTOMERS", 2)
    assert (names(world), recent(world)["more"]) == (["c3", "c2"], True)
    monkeypatch.setattr(recent_customers, "MOST_SESSIONS", 1)
    assert (names(world), recent(world)["more"]) == (["c3"], True)


def test_it_says_when_there_may_be_more_though_sessions_have_several_rows(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit(world, "s1", "ada")
    visit(world, "s2", "bob")
    world.clock.pass_(HOUR + 10 * MINUTE)
    visit(world, "s2", None)
    monkeypatch.setattr(recent_customers, "MOST_SESSIONS", 2)
    # The two newest rows are both of the same session.
    answer = recent(world)
    assert (answer["sessions"], answer["more"]) == (1, True)
    monkeypatch.setattr(recent_customers, "MOST_SESSIONS", 3)
    answer = recent(world)
    assert (answer["sessions"], answer["more"]) == (2, False)


def test_its_cost_has_a_bound(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    world = engine.world()
    for number in range(6):
        visit(world, f"s{number}", f"c{number}")
    monkeypatch.setattr(recent_customers, "MOST_CUSTOMERS", 2)
    with engine.counted() as found:
        recent(world)
    # one query of each part of the rows, one request for the copies, two queries a customer
    assert found.total() <= ACTIVE_SHARDS + 1 + 2 * 2
