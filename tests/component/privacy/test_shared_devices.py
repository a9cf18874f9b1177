"""A device that several customers shared, of whom one is erased: what is whose before, meanwhile and afterwards."""

from __future__ import annotations

import pytest

from hardlink.domain.times import HOUR, MINUTE, to_iso
from hardlink.queries.export_reader import ExportReader, ExportRequest
from hardlink.storage import event_store, keys
from tests.component.privacy.test_erasure import gone, statuses
from tests.support.world import SPACE, World


def _shared(world: World) -> None:
    """A device of alyx, and then of gordon, by policy `split`."""
    for name in ("alyx", "gordon"):
        world.identify("S1", "split", ids={"registered": name})
        world.track("S1", {"type": "view", "id": f"v-{name}"}, source="split")
        world.clock.pass_(MINUTE)
    world.settle()


def _exported(world: World) -> set[str]:
    """The IDs of all events that an export of the whole project shows."""
    reader = ExportReader(world.store, world.clock)
    budget = reader.open_budget(10**7, "")
    found: list[str] = []
    for customer, _ in reader.read_all_customers(SPACE, budget):
        events = reader.read_events(customer, ExportRequest(), budget)
        found += [e["id"] for e in events if e["id"][:1] != "!"]
    assert len(found) == len(set(found))
    return {id_ for id_ in found if not id_.startswith("beside")}


@pytest.mark.parametrize("policy", ["split", "move", "refuse"])
def test_a2_what_happened_after_an_erasure_is_the_next_customers(
    world: World, policy: str
) -> None:
    _shared(world)
    world.erase("gordon")
    world.swept()
    assert statuses(world.track("S1", {"type": "view", "id": "later"}, source="split"))
    world.settle()
    profile = world.session("S1")["profile"]["id"]
    assert world.timeline(profile, "profile") == ["later"], "nobody is logged in yet"
    world.identify("S1", policy, ids={"registered": "eli"})
    world.track("S1", {"type": "view", "id": "v-eli"}, source="split")
    world.settle()
    assert world.timeline("eli") == ["v-eli", "later"]
    assert world.timeline("alyx") == ["v-alyx"]
    assert _exported(world) == {"v-alyx", "later", "v-eli"}
    gone(world, "gordon")


def test_a2_two_erasures_one_after_the_other_leave_what_came_between_to_the_next(
    world: World,
) -> None:
    _shared(world)
    world.erase("gordon")
    world.swept()
    world.track("S1", {"type": "view", "id": "between"}, source="split")
    world.erase("alyx")
    world.swept()
    world.track("S1", {"type": "view", "id": "later"}, source="split")
    world.identify("S1", "split", ids={"registered": "eli"})
    world.settle()
    assert world.timeline("eli") == ["later", "between"]
    gone(world, "gordon", "alyx")


def test_a2_an_undo_leaves_what_happened_after_an_erasure_to_the_visitor(
    world: World,
) -> None:
    _shared(world)
    world.erase("gordon")
    world.swept()
    world.track("S1", {"type": "view", "id": "later"}, source="split")
    world.identify("S1", "split", ids={"registered": "eli"})
    world.settle()
    world.unlink("S1")
    world.settle()
    profile = world.session("S1")["profile"]["id"]
    assert world.timeline(profile, "profile") == ["later"]
    assert world.timeline("alyx") == ["v-alyx"]


def _track_ahead(world: World, id_: str) -> None:
    """An event that is dated ahead, beside one that is not: so it is no clock that could be corrected."""
    ahead = to_iso(world.clock.now + HOUR)
    beside = {"type": "view", "id": f"beside-{id_}", "time": to_iso(world.clock.now)}
    event = {"type": "view", "id": id_, "time": ahead}
    answer = world.track("S1", beside, event, source="split")
    assert statuses(answer) == ["stored", "stored"]
    found = [key for key in world.dumped() if key.item.endswith(f"/{id_}")]
    assert keys.event_time(found[0]) > world.clock.now + HOUR // 2, (
        "it is not corrected"
    )


def _timeline(world: World, name: str, type_: str = "registered") -> list[str]:
    found = world.timeline(name, type_)
    return [id_ for id_ in found if not id_.startswith("beside")]


@pytest.mark.parametrize("is_swept", [True, False])
def test_a3_what_an_erased_customer_dated_ahead_is_never_the_next_customers(
    world: World, *, is_swept: bool
) -> None:
    _shared(world)
    _track_ahead(world, "ahead")
    world.settle()
    world.erase("gordon")
    if is_swept:
        world.swept()
        gone(world, "ahead")
    world.drain()
    world.spread()
    world.identify("S1", "split", ids={"registered": "eli"})
    _track_ahead(world, "of-eli")
    world.drain()
    assert _timeline(world, "eli") == ["of-eli"]
    shown = [event["id"] for event in world.session_events("S1")]
    assert "ahead" not in shown
    assert "of-eli" in shown
    assert _exported(world) == {"v-alyx", "of-eli"}
    world.swept()
    world.check()
    gone(world, "ahead", "gordon")
    assert _timeline(world, "eli") == ["of-eli"]


@pytest.mark.parametrize("is_swept", [True, False])
def test_a3_what_an_erased_visitor_dated_ahead_is_not_shown_to_who_comes_back(
    world: World, *, is_swept: bool
) -> None:
    world.track("S1", {"type": "view", "id": "first"})
    _track_ahead(world, "ahead")
    world.settle()
    world.erase_session("S1")
    if is_swept:
        world.swept()
    world.drain()
    world.spread()
    profile = world.track("S1", {"type": "view", "id": "new"})["profile"]["id"]
    world.drain()
    shown = [event["id"] for event in world.session_events("S1")]
    assert [id_ for id_ in shown if id_[:1] != "!"] == ["new"]
    assert _timeline(world, profile, "profile") == ["new"]
    assert _exported(world) == {"new"}
    world.swept()
    world.check()
    gone(world, "ahead", "first")


def test_a3_what_comes_later_is_judged_by_its_time_alone(world: World) -> None:
    """The device is eli's by now, and its clock is still ahead."""
    _shared(world)
    world.erase("gordon")
    world.swept()
    world.identify("S1", "split", ids={"registered": "eli"})
    _track_ahead(world, "of-eli")
    world.settle()
    world.erase("alyx")
    world.swept()
    assert _timeline(world, "eli") == ["of-eli"]


def test_a3_a_value_that_was_dated_ahead_goes_as_well(world: World) -> None:
    _shared(world)
    ahead = to_iso(world.clock.now + HOUR)
    world.update("S1", "split", properties={"city": "secret"}, time=ahead)
    world.settle()
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "secret")


def test_a3_events_of_a_session_say_when_they_came_in(world: World) -> None:
    """Of every stored event its receipt is known, by which readers and the sweep judge it."""
    early = {"type": "view", "id": "a", "time": to_iso(world.clock.now - HOUR)}
    world.track("S1", early, source="split")
    first = world.clock.now
    world.track("S1", {"type": "view", "id": "b"}, source="split")
    received = {
        keys.event_id(key): event_store.received_at(key, item)
        for key, item in world.dumped().items()
        if key.item[:2] == keys.EVENT
    }
    assert received == {"a": first, "b": world.clock.now}
