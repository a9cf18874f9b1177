"""An erasure that spreads to what another one holds carries that one out as well: it is never done before it."""

from __future__ import annotations

import pytest

from hardlink.domain.times import HOUR
from hardlink.services.erasure import sweep
from hardlink.services.erasure.spread import ErasureSpread
from hardlink.services.erasure.tasks import Tasks
from hardlink.storage import keys
from tests.component.privacy.test_erasure import gone
from tests.support.world import SPACE, World, in_memory


def shop_with_gordon(sessions: int) -> World:
    """Gordon was here on some sessions, from `s0` on."""
    world = in_memory()
    for number in range(sessions):
        event = {"type": "view", "id": f"g{number}"}
        world.track(f"s{number}", event, ids={"registered": "gordon"})
    world.settle()
    world.clock.pass_(HOUR)
    return world


def erase_as_visitor(world: World, session: str) -> str:
    """The erasure that a visitor asks for, which waits in their queue."""
    answer = world.consent(session, "denied", erase=True)
    world.drain()
    return str(answer["erasure"]["id"])


def sweep_alone(world: World, erasure: str) -> None:
    """Carry one erasure out, while the messages of all others wait."""
    for _ in range(10_000):
        wait = world.sweep.sweep(SPACE, erasure)
        if not wait:
            return
        world.clock.pass_(wait)
    raise AssertionError("it is never done")


def stored_events(world: World) -> list[str]:
    return [key.partition for key in world.dumped() if key.table == "events"]


def tasks_left(world: World) -> list[str]:
    """What stands beside receipts."""
    prefix = keys.erasure_item(SPACE, "").partition
    return [
        key.item
        for key in world.dumped()
        if key.partition.startswith(prefix) and key.item != keys.ERASURE
    ]


@pytest.mark.parametrize("steps", [1, 2, 3, 500])
def test_h2_the_shops_erasure_carries_out_what_waits_in_the_visitors_queue(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "MOST_STEPS", steps + 1)
    world = shop_with_gordon(sessions=2)
    visitors = erase_as_visitor(world, "s0")
    shops = world.erase("gordon")
    sweep_alone(world, shops)
    gone(world, "gordon")
    assert stored_events(world) == []
    assert world.receipt(shops)["state"] == "done"
    assert world.receipt(visitors)["state"] == "done"
    assert world.receipt(visitors)["removed"]["events"] == 1
    assert tasks_left(world) == []


@pytest.mark.parametrize("first", [0, 1])
def test_h2_two_that_hold_a_node_of_each_other_are_both_done(first: int) -> None:
    world = in_memory()
    world.identify("s0", ids={"registered": "gordon", "email": "gordon@x.org"})
    world.settle()
    both = [erase_as_visitor(world, "s0"), world.erase("gordon")]
    # Gordon's spreads first, as afterwards nothing of his leads to the visitor any more.
    for id_ in reversed(both):
        tasks = Tasks(world.store, SPACE, id_)
        steps = ErasureSpread(world.store, world.clock).spread(tasks)
        while not tasks.read_names(keys.JOINED_ERASURE):
            next(steps)
    sweep_alone(world, both[first])
    sweep_alone(world, both[1 - first])
    gone(world, "gordon")
    assert [world.receipt(id_)["state"] for id_ in both] == ["done", "done"]
    assert tasks_left(world) == []


def test_h2_of_many_some_are_looked_after_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "_MOST_WAITING", 3)
    world = shop_with_gordon(sessions=8)
    for number in range(7):
        erase_as_visitor(world, f"s{number}")
    sweep_alone(world, world.erase("gordon"))
    gone(world, "gordon")
    assert stored_events(world) == tasks_left(world) == []


def test_h2_an_erasure_that_meets_no_other_one_closes_no_other_one() -> None:
    world = shop_with_gordon(sessions=1)
    world.track("s9", {"type": "view", "id": "alyx1"}, ids={"registered": "alyx"})
    world.settle()
    of_alyx = erase_as_visitor(world, "s9")
    sweep_alone(world, world.erase("gordon"))
    assert world.receipt(of_alyx)["state"] == "running"
