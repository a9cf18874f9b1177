"""What reads cost in requests, as what they read grows: never more than in proportion."""

from __future__ import annotations

from hardlink.domain.times import HOUR, to_iso
from hardlink.storage.sessions import find_session
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
    sent = visit(world, 40)
    with engine.counted() as found:
        assert world.timeline("ada") == sent
    assert found.total() <= MOST_A_SESSION * 40
    with engine.counted() as found:
        assert world.timeline("ada", limit="10") == sent
    assert found.total() <= MOST_A_SESSION * 40
    with engine.counted() as found:
        assert export(world) == sent[::-1]
    assert found.total() <= MOST_A_SESSION * 40


def test_a_page_of_long_ago_costs_no_more_than_the_newest(engine: Engine) -> None:
    world = engine.world()
    sent = visit(world, 40)
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
