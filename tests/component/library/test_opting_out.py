"""Opting out with many sessions: it holds for all of them at once, and costs as much as a few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hardlink.domain.times import HOUR, to_iso
from hardlink.storage import keys
from tests.support.engines.tables import Engine
from tests.support.world import SPACE, World, in_memory

Call = Callable[[World, str], Any]


def visits(world: World, count: int) -> list[str]:
    """Sessions of one visitor, two hours apart: only the last one is visited still."""
    profile = world.track("s0")["profile"]
    names = [f"s{number}" for number in range(count)]
    for name in names[1:]:
        world.clock.pass_(2 * HOUR)
        world.track(name, profile=profile)
    world.drain()
    return names


def denied(world: World, session: str) -> bool:
    item = world.store.get([keys.session_head(SPACE, session)])[0]
    assert item
    return "denied" in item


def statuses(answer: dict[str, Any]) -> list[str]:
    return [result["status"] for result in answer["results"]]


def test_b2_an_opt_out_holds_at_once_for_every_session(world: World) -> None:
    names = visits(world, 4)
    world.consent("s3", "denied")
    # Its own copy is written later: what was visited long ago has the profile's consent.
    assert [denied(world, name) for name in names] == [False, False, False, True]
    for name in names:
        assert statuses(world.track(name)) == ["dropped"]
    world.settle()
    assert all(denied(world, name) for name in names)


CALLS: dict[str, Call] = {
    "identify": lambda w, s: w.identify(s, ids={"registered": "gordon"})["warnings"],
    "update": lambda w, s: w.update(s, properties={"color": "red"})["warnings"],
    "track with an ID": lambda w, s: w.track(s, ids={"registered": "g"})["warnings"],
    "track without a visitor": lambda w, s: w.track(s, profile_less=True)["warnings"],
}


@pytest.mark.parametrize("name", CALLS)
def test_b2_it_holds_for_every_call_of_a_session_that_was_visited_long_ago(
    name: str,
) -> None:
    world = in_memory()
    visits(world, 2)
    world.consent("s1", "denied")
    assert any("opted out" in warning for warning in CALLS[name](world, "s0"))


def test_b2_who_opted_out_stays_so_after_anonymizing_an_old_session() -> None:
    world = in_memory()
    visits(world, 2)
    world.consent("s1", "denied")
    new = world.anonymize("s0")["session"]["id"]
    assert statuses(world.track(new)) == ["dropped"]


def test_b2_an_opt_in_holds_at_once_for_every_session(world: World) -> None:
    names = visits(world, 3)
    world.consent("s2", "denied")
    world.drain()
    world.clock.pass_(2 * HOUR)
    world.consent("s2", "granted")
    for name in names:
        assert statuses(world.track(name)) == ["stored"]
        assert statuses(world.track(name)) == ["stored"]
    world.settle()
    assert not any(denied(world, name) for name in names)


def test_b2_an_export_shows_the_consent_that_counts(world: World) -> None:
    visits(world, 2)
    world.identify("s1", ids={"registered": "gordon"})
    world.drain()
    world.clock.pass_(2 * HOUR)
    world.consent("s1", "denied")
    everything: dict[str, str] = {}
    document = world.queries.export_customer(
        SPACE, "registered", "gordon", everything.get, zipped=False
    )
    assert {one["tracking"] for one in document["sessions"]} == {"denied"}


def test_b2_an_opt_out_with_an_erasure_holds_until_the_sweep(world: World) -> None:
    visits(world, 3)
    world.consent("s2", "denied", erase=True)
    queued = {"type": "view", "time": to_iso(world.clock() - 4 * HOUR)}
    assert statuses(world.track("s0", queued)) == ["dropped"]
    assert statuses(world.track("s0")) == ["dropped"]
    assert statuses(world.track("s1")) == ["dropped"]


def test_b2_sessions_that_are_visited_at_once_are_all_written_by_the_call() -> None:
    world = in_memory()
    profile = world.track("s0")["profile"]
    names = [f"s{number}" for number in range(120)]
    for name in names[1:]:
        world.track(name, profile=profile)
    world.consent("s0", "denied")
    assert all(denied(world, name) for name in names)
    world.settle()


@pytest.mark.parametrize("count", [2, 20])
def test_b2_opting_out_writes_the_profile_and_one_session_of_any_number(
    engine: Engine, count: int
) -> None:
    world = engine.world()
    visits(world, count)
    with engine.counted() as found:
        world.consent(f"s{count - 1}", "denied")
    writes = {n: c for n, c in found.items() if "Get" not in n and "Query" not in n}
    assert writes == {"PutItem": 1, "TransactWriteItems": 1}


def test_b2_a_call_in_a_visit_reads_no_profile(engine: Engine) -> None:
    world = engine.world()
    visits(world, 2)
    with engine.counted() as found:
        world.track("s1")
    assert found == {"ConsistentGetItem": 1, "PutItem": 1}
    with engine.counted() as found:
        world.track("s0")
    # Visited again: the profile is read, and checked as the bounds are widened.
    assert found["ConsistentGetItem"] == 2
    assert found["TransactWriteItems"] == 1
    with engine.counted() as found:
        world.track("s0")
    assert found == {"ConsistentGetItem": 1, "PutItem": 1}
