"""What reads cost in requests, as what they read grows: never more than in proportion."""

from __future__ import annotations

import pytest

from hardlink.domain.times import HOUR, to_iso
from hardlink.storage.sessions import find_session
from hardlink.storage.store import Put
from tests.support.engines.tables import Engine
from tests.support.world import SPACE, START, World

MOST_A_SESSION = 4
"""Requests that read a session of a few events, whichever way its customer is read."""


def visit(world: World, sessions: int) -> list[str]:
    """Let a customer have sessions of ten events, an hour apart; list the events, newest first."""
    sent: list[str] = []
    for number in range(sessions):
        world.clock.pass_(HOUR)
        events = [
            {"type": "view", "id": f"{number}-{place}", "time": to_iso(world.clock())}
            for place in range(10)
        ]
        sent += [str(event["id"]) for event in events]
        world.track(f"s{number}", *events, ids={"registered": "ada"})
        world.drain()
    return sent[::-1]


def export(world: World, **query: str) -> list[str]:
    document = world.queries.export_customer(
        SPACE, "registered", "ada", query.get, zipped=True
    )
    return [event["id"] for event in document["events"]]


def test_a_whole_timeline_asks_no_session_again_that_earlier_pages_answered(
    engine: Engine,
) -> None:
    world = engine.world()
    sent = visit(world, 20)
    with engine.counted() as found:
        assert world.timeline("ada") == sent
    assert found.total() <= MOST_A_SESSION * 20
    with engine.counted() as found:
        assert world.timeline("ada", limit="10") == sent
    assert found.total() <= MOST_A_SESSION * 20
    with engine.counted() as found:
        assert export(world) == sent[::-1]
    assert found.total() <= MOST_A_SESSION * 20


def test_a_page_of_long_ago_costs_no_more_than_the_newest(engine: Engine) -> None:
    world = engine.world()
    sent = visit(world, 20)
    long_ago = to_iso(START + 2 * HOUR)
    with engine.counted() as found:
        assert world.timeline("ada", until=long_ago) == sent[-10:]
    assert found.total() <= MOST_A_SESSION
    with engine.counted() as found:
        assert export(world, until=long_ago) == sent[-10:][::-1]


def test_an_event_of_long_ago_widens_its_session_once_an_hour(engine: Engine) -> None:
    world = engine.world()
    visit(world, 3)
    before = find_session(world.store, SPACE, "s2")
    assert before
    late = [
        {"type": "view", "id": f"late-{n}", "time": to_iso(START - HOUR + n * 1000)}
        for n in range(2)
    ]
    world.track("s2", late[1])
    wider = find_session(world.store, SPACE, "s2")
    assert wider
    assert wider.earliest < START - HOUR < before.earliest
    # the later of two states has the higher bound: an association of the other one changes nothing
    assert wider.latest == before.latest + 1
    with engine.counted() as found:
        world.track("s2", late[0])
    assert (found["PutItem"], found["UpdateItem"]) == (2, 0)  # the event and its note
    world.drain()
    assert world.timeline("ada", limit="5")[-2:] == ["late-1", "late-0"]
    assert world.timeline("ada", until=to_iso(START)) == ["late-1", "late-0"]


def test_neither_a_page_nor_a_log_in_reads_the_values_that_visitors_contribute(
    engine: Engine,
) -> None:
    world = engine.world()
    for number in range(3):
        world.track(f"s{number}", {"type": "view", "id": f"{number}"})
        world.update(f"s{number}", properties={f"color-{number}": "red"})
        world.identify(f"s{number}", ids={"registered": "ada"})
        world.drain()
    view = world.customer("ada")
    assert view["attributes"] == {f"color-{number}": "red" for number in range(3)}
    assert view["contributions"] == 3
    rows = [
        key
        for key in world.dumped()
        if key.table == "customers" and key.item.startswith("u/")
    ]
    assert len(rows) == 3
    for key in rows:
        world.store.write([Put(key, {"values": "not read"})])
    assert world.timeline("ada") == ["2", "1", "0"]
    assert world.identify("s3", ids={"registered": "ada"})["customer"]
    with pytest.raises(ValueError, match="Expecting value"):
        world.customer("ada")


@pytest.mark.parametrize("sessions", [1, 10])
def test_traits_cost_at_most_two_requests_a_session(
    engine: Engine, sessions: int
) -> None:
    world = engine.world()
    visit(world, sessions)
    with engine.counted() as plain:
        world.customer("ada")
    with engine.counted() as found:
        computed = world.customer("ada", traits="*")["computed"]
    assert computed["events"] == 10 * sessions
    assert computed["traits"]["visits"] == sessions
    assert found.total() - plain.total() <= 2 * sessions
