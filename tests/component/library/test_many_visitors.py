"""A soft identifier of many visitors: bounded steps re-home them, and remember where they are."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain.errors import Busy
from hardlink.domain.graph import Node
from hardlink.domain.records import Key
from hardlink.services.association import (
    PROFILES_AT_ONCE,
    Association,
    AssociationFailed,
)
from hardlink.storage import keys
from infra.operations.redrive.recompute import Redrive
from tests.support.memory_store import MemoryStore
from tests.support.world import HARD_TYPES, SPACE, World, in_memory

ADDRESS = "b@x.com"
SOFT = f"{SPACE}/email={ADDRESS}"


def devices(world: World, count: int) -> set[str]:
    """Visitors who are known by one address, and by nothing else yet."""
    sessions = {f"s{number:03d}" for number in range(count)}
    for session in sorted(sessions):
        world.identify(session, ids={"email": ADDRESS})
    world.drain()
    return sessions


def registers(world: World) -> None:
    """Another device joins the address to a customer; what its records ask for is not delivered."""
    world.identify("new", ids={"registered": "barney", "email": ADDRESS})
    for table, partition in list(world.taken()):
        world.association.handle_change(table, partition)


def tasks(world: World) -> list[Key]:
    return [
        key
        for key in world.dumped()
        if keys.is_rehoming_task(keys.split_partition(key.partition)[1])
    ]


def test_b1_as_many_visitors_as_one_record_takes_need_no_task() -> None:
    world = in_memory()
    sessions = devices(world, PROFILES_AT_ONCE)
    registers(world)
    assert tasks(world) == []
    assert world.sessions("barney") == sessions | {"new"}


def test_b1_many_visitors_are_rehomed_by_tasks_of_a_few_each(world: World) -> None:
    sessions = devices(world, 2 * PROFILES_AT_ONCE + 1)
    registers(world)
    assert len(tasks(world)) == 3
    assert world.sessions("barney") == {"new"}
    world.settle()
    assert tasks(world) == []
    assert world.sessions("barney") == sessions | {"new"}


def test_b1_what_a_task_has_done_is_not_done_again() -> None:
    """The record of the address again, before the last task: each task is there once."""
    world = in_memory()
    devices(world, 3 * PROFILES_AT_ONCE)
    registers(world)
    first, *others = sorted(tasks(world))
    world.association.handle_change("customers", first.partition)
    assert sorted(tasks(world)) == others
    world.association.handle_change("customers", first.partition)
    assert sorted(tasks(world)) == others
    world.settle()


def test_b1_an_address_that_cannot_be_rehomed_holds_up_none_of_its_visitors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = in_memory()
    sessions = devices(world, 2 * PROFILES_AT_ONCE)
    whole = world.association.rehome

    def fail_for_address(project_id: str, node: Node, **more: Any) -> None:
        if node.value == ADDRESS:
            raise ValueError(node.type)
        whole(project_id, node, **more)

    monkeypatch.setattr(world.association, "rehome", fail_for_address)
    with pytest.raises(AssociationFailed):
        registers(world)
    monkeypatch.setattr(world.association, "rehome", whole)
    for task in tasks(world):
        world.association.handle_change("customers", task.partition)
    assert sessions <= world.sessions("barney")


def test_b1_a_task_that_fails_holds_up_no_other_and_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = in_memory()
    devices(world, 2 * PROFILES_AT_ONCE)
    registers(world)
    first, *others = sorted(tasks(world))
    rehome = Association.rehome
    broken = world.association.dependent_nodes(SPACE, first.partition[len(SPACE) + 1 :])
    wrong = next(broken)

    def fail(self: Association, project_id: str, node: Node, **more: object) -> None:
        if node == wrong:
            raise Busy("later")
        rehome(self, project_id, node)

    monkeypatch.setattr(Association, "rehome", fail)
    for key in (first, *others):
        try:
            world.association.handle_change("customers", key.partition)
        except Busy:
            assert key == first
    assert tasks(world) == [first]
    monkeypatch.undo()
    world.association.handle_change("customers", first.partition)
    world.settle()


def test_b1_a_change_meanwhile_has_tasks_of_its_own() -> None:
    """A task that ends must not end the one that a later change asks for."""
    world = in_memory()
    devices(world, 2 * PROFILES_AT_ONCE)
    registers(world)
    before = set(tasks(world))
    list(world.taken())
    world.remove_identifier(Node("email", ADDRESS), "barney")
    world.association.handle_change("customers", SOFT)
    assert len(set(tasks(world)) - before) == len(before)
    for key in before:
        world.association.handle_change("customers", key.partition)
    assert set(tasks(world)) - before == set(tasks(world))
    world.settle()
    assert tasks(world) == []


def test_b1_a_task_names_no_customer_and_lasts_no_longer_than_its_visitors() -> None:
    store = MemoryStore()
    world = in_memory(store)
    devices(world, 2 * PROFILES_AT_ONCE)
    registers(world)
    for key in tasks(world):
        assert ADDRESS not in f"{key}{store.get([key])}"
    world.erase("barney")
    world.swept()
    world.settle()
    assert tasks(world) == []


@pytest.mark.parametrize("whole", [True, False], ids=["all", "the task"])
def test_b1_redrive_carries_out_a_task_whose_record_was_given_up(
    *, whole: bool
) -> None:
    world = in_memory()
    sessions = devices(world, 2 * PROFILES_AT_ONCE)
    registers(world)
    list(world.taken())
    redrive = Redrive(world.store, HARD_TYPES)
    if whole:
        list(redrive.run_all())
    for key in tasks(world):
        list(redrive.run_change(key))
    assert tasks(world) == []
    assert world.sessions("barney") == sessions | {"new"}
    assert not any(outcome.written for outcome in redrive.run_all())
    world.check()
