"""Erased stays erased (I8): nothing late, repeated or under way brings anything back; nobody else loses anything."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain import commands
from hardlink.domain.errors import Busy, Invalid, NotFound, Refused
from hardlink.domain.graph import Node
from hardlink.domain.times import DAY, HOUR, SECOND, to_iso
from hardlink.queries.export_reader import ExportReader
from hardlink.services.answers import ERASED
from hardlink.services.batch import parse_batch
from hardlink.storage import keys
from hardlink.storage.keys import HEAD
from hardlink.storage.store import Put
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, World

EMAIL = "gordon@blackmesa.com"


def gone(world: World, *texts: str) -> None:
    """Neither table holds any of these, in keys or values."""
    found = [
        (key, item)
        for key, item in world.dumped().items()
        for text in texts
        if text in repr((key, item))
    ]
    assert found == []


def statuses(answer: dict[str, Any]) -> list[str]:
    return [result["status"] for result in answer["results"]]


def lived(world: World) -> str:
    """Gordon: two devices, an address, a card, an order, values large and small. Answers a profile."""
    large = "secret" * 2000
    more = {f"n{n}": "secret" * 2500 for n in range(20)}
    profile: str = world.track(
        "S1", {"type": "view", "id": "v1", "properties": {"q": "secret"}}
    )["profile"]["id"]
    world.track("S1", {"type": "large", "id": "v2", "properties": more})
    world.identify(
        "S1", ids={"email": EMAIL}, properties={"bio": large, "city": "secret"}
    )
    ids = {"registered": "gordon", "loyalty": "L-gordon", "email": EMAIL}
    world.identify("S2", ids=ids, properties={"cv": large})
    world.track(
        "S2", {"type": "conversion", "order": {"number": "order-of-gordon", "total": 5}}
    )
    world.track("S2", {"type": ""}, {"type": "view", "id": "v3"})
    world.order("told-of-gordon", ids={"registered": "gordon", "email": EMAIL})
    world.settle()
    return profile


# -- everything goes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type_", "value"),
    [("registered", "gordon"), ("loyalty", "L-gordon"), ("email", EMAIL)],
)
def test_a_customer_is_erased_by_whatever_finds_them(
    world: World, type_: str, value: str
) -> None:
    profile = lived(world)
    id_ = world.erase(value, type_)
    assert world.receipt(id_)["state"] == "running"
    for name, type_name in (
        ("gordon", "registered"),
        (EMAIL, "email"),
        (profile, "profile"),
    ):
        with pytest.raises(NotFound):
            world.customer(name, type_name)
    for session in ("S1", "S2", "@registered=gordon"):
        with pytest.raises(NotFound):
            world.session(session)
    world.swept()
    world.check()
    gone(world, "gordon", "secret", profile)
    receipt = world.receipt(id_)
    assert receipt["state"] == "done"
    assert receipt["removed"] == {
        "identifiers": 3,
        "profiles": 3,
        "sessions": 3,
        "events": 5,
    }
    # Rows of the live view's index that name a device's session expire within a day.
    left = {key.item for key in world.dumped() if not key.item.startswith("s/")}
    assert left == {HEAD, "t", "e", keys.ERASURE}, (
        "two sessions, and what keeps late things out"
    )


def test_an_address_known_by_itself_alone_is_erased(world: World) -> None:
    world.identify("S1", ids={"email": EMAIL}, properties={"city": "secret"})
    world.settle()
    world.erase(EMAIL, "email")
    world.swept()
    world.check()
    gone(world, EMAIL, "secret")


def test_a_session_is_erased_with_its_visitor_and_the_customer_stays(
    world: World,
) -> None:
    lived(world)
    profile = world.session("S1")["profile"]["id"]
    world.erase_session("S1")
    world.swept()
    world.check()
    gone(world, profile, "v1", "v2")
    assert world.sessions("gordon") == {"S2", "@registered=gordon"}
    assert set(world.customer("gordon")["identifiers"]) == {
        "registered",
        "loyalty",
        "email",
    }


def test_nobody_else_is_touched(world: World) -> None:
    for number, name in enumerate(("alyx", "barney", "eli")):
        world.identify(
            "shared", "split", ids={"registered": name}, properties={"of": name}
        )
        world.track("shared", {"type": "view", "id": name}, source="split")
        world.identify(
            f"own-{number}", ids={"registered": name, "email": f"{name}@x.com"}
        )
        world.track(f"own-{number}", {"type": "view", "id": f"own-{name}"})
    world.settle()
    others = {
        name: (world.customer(name), world.events(name)) for name in ("alyx", "eli")
    }
    world.erase("barney")
    world.swept()
    world.check()
    gone(world, "barney")
    for name, before in others.items():
        assert (world.customer(name), world.events(name)) == before


def test_an_order_that_stays_with_another_names_nobody(world: World) -> None:
    """Gordon's address was said of alyx's orders, and of no visitor."""
    world.identify("S1", ids={"registered": "gordon", "email": EMAIL})
    world.identify("S2", ids={"registered": "alyx"})
    order = {"number": "77", "total": 5, "email": EMAIL.upper()}
    assert statuses(world.track("S2", {"type": "conversion", "order": order})) == [
        "stored"
    ]
    world.order("78", ids={"registered": "alyx"}, email=EMAIL)
    world.settle()
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "gordon", "GORDON")
    assert world.timeline("alyx") == ["order=77", "order=78"]
    known = world.order("77", ids={"registered": "alyx"}, email=EMAIL, total=6)
    assert known.status == "known", "the address still says that it is the same order"


def test_a_name_is_gone_from_the_history_of_who_moved_on_or_was_unlinked(
    world: World,
) -> None:
    world.track("S1", {"type": "view", "id": "v1"})
    world.identify("S1", ids={"registered": "gordon", "email": EMAIL})
    world.identify("S1", ids={"registered": "alyx"})
    world.track("S2", {"type": "view", "id": "v2"})
    world.identify("S2", ids={"registered": "gordon"})
    world.unlink("S2")
    world.identify("S3", ids={"registered": "alyx", "loyalty": "L-gordon"})
    world.unlink("S3")
    world.identify("S4", ids={"registered": "gordon", "loyalty": "L-gordon"})
    world.settle()
    before = world.events("alyx")
    world.erase("gordon")
    world.swept()
    world.check()
    gone(world, "gordon")
    assert world.events("alyx") == before
    assert [event["id"] for event in world.session_events("S2")] == ["v2"]
    assert world.session("S1")["customer"] == {"type": "registered", "value": "alyx"}


def test_who_is_being_erased_is_in_no_export_of_everybody(world: World) -> None:
    lived(world)
    world.identify("S9", ids={"registered": "alyx"})
    world.drain()
    world.erase("gordon")
    exports = ExportReader(world.store, world.clock)
    found = exports.read_all_customers(SPACE, exports.open_budget(10**6, ""))
    assert [customer.root.value for customer, _ in found] == ["alyx"]


# -- nothing comes back -------------------------------------------------------------------------------------------


def test_what_happened_before_is_not_stored_and_what_happens_later_is_new(
    world: World,
) -> None:
    lived(world)
    old = world.session("S1")["profile"]["id"]
    before = to_iso(world.clock.now - HOUR)
    world.erase("gordon")
    world.swept()
    late = {"type": "view", "id": "v1", "time": before}
    calls = [
        world.track("S1", late),
        world.track("S1", late, ids={"registered": "gordon"}),
        world.track("new-1", late, ids={"registered": "gordon"}),
        world.track("new-2", late, ids={"email": EMAIL}),
        world.track("new-3", late, profile={"id": old}),
        world.track(None, late, server_side=True, ids={"registered": "gordon"}),
    ]
    assert [statuses(call) for call in calls] == [["dropped"]] * 6
    assert all(call["results"][0]["reason"] == ERASED for call in calls)
    said: dict[str, Any] = {"properties": {"city": "secret"}, "time": before}
    for ids in ({"registered": "gordon"}, {"loyalty": "L-gordon"}, {"email": EMAIL}):
        for session in ("S1", "S2", "new"):
            answer = world.identify(session, ids=ids, **said)
            assert (answer["customer"], answer["warnings"]) == (None, [ERASED])
        assert world.update(None, ids=ids, **said) == {
            "customer": None,
            "warnings": [ERASED],
        }
    assert world.update("S1", **said)["warnings"] == [ERASED]
    world.swept()
    world.check()
    gone(world, "gordon", "secret", "v1")

    new = world.track(
        "S1", late, {"type": "view", "id": "v9"}, ids={"registered": "gordon"}
    )
    assert statuses(new) == ["dropped", "stored"]
    assert new["profile"]["id"] != old
    world.settle()
    assert world.timeline("gordon") == ["v9"]
    assert world.sessions("gordon") == {"S1"}
    assert world.customer("gordon")["attributes"] == {}
    assert world.customer("gordon")["identifiers"] == {"registered": ["gordon"]}


def test_late_events_of_one_of_two_customers_of_a_device_are_not_stored(
    world: World,
) -> None:
    world.track("S1", {"type": "view", "id": "v1"}, source="split")
    world.identify("S1", "split", ids={"registered": "gordon"})
    middle = to_iso(world.clock.now)
    world.clock.pass_(HOUR)
    world.identify("S1", "split", ids={"registered": "alyx"})
    since = to_iso(world.clock.now)
    world.settle()
    world.erase("gordon")
    world.swept()
    results = world.track(
        "S1",
        {"type": "view", "id": "late-gordon", "time": middle},
        {"type": "view", "id": "late-alyx", "time": since},
        source="split",
    )
    assert statuses(results) == ["dropped", "stored"]
    assert world.update("S1", properties={"a": 1}, time=middle)["warnings"] == [ERASED]
    world.settle()
    assert world.timeline("alyx") == ["late-alyx"]
    gone(world, "gordon")


def test_who_was_erased_last_on_a_shared_device_leaves_it_to_nobody(
    world: World,
) -> None:
    world.identify("S1", "split", ids={"registered": "alyx"})
    world.track("S1", {"type": "view", "id": "of-alyx"}, source="split")
    world.identify("S1", "split", ids={"registered": "gordon"})
    world.track("S1", {"type": "view", "id": "of-gordon"}, source="split")
    world.settle()
    world.erase("gordon")
    world.swept()
    world.track("S1", {"type": "view", "id": "later"}, source="split")
    world.settle()
    assert world.session("S1")["customer"] is None
    assert world.timeline("alyx") == ["of-alyx"]
    world.identify("S1", "split", ids={"registered": "eli"})
    world.settle()
    assert world.timeline("alyx") == ["of-alyx"]
    gone(world, "gordon")


def test_a_feed_that_is_imported_again_brings_nothing_back(world: World) -> None:
    lived(world)
    placed = world.clock.now - 2 * DAY
    ids = {"registered": "gordon", "email": EMAIL}
    world.order("older", ids=ids, time=placed)
    world.settle()
    world.erase("gordon")
    world.spread()
    for number in ("older", "told-of-gordon", "order-of-gordon", "never-seen"):
        with pytest.raises(Refused, match="erased") as refused:
            world.order(number, ids=ids, time=placed)
        assert refused.value.code == "erased"
    world.swept()
    for number in ("older", "never-seen"):
        with pytest.raises(Refused, match="erased"):
            world.order(number, ids=ids, time=placed)
    world.check()
    gone(world, "gordon")
    world.clock.pass_(DAY)
    assert world.order("new", ids=ids).status == "stored"
    world.settle()
    assert world.timeline("gordon") == ["order=new"]


def test_an_order_that_was_told_of_somebody_erased_finds_nobody(world: World) -> None:
    world.order("77", ids={"registered": "gordon", "email": EMAIL}, total=5)
    world.settle()
    world.erase("gordon")
    order = {"number": "77", "total": 5, "email": EMAIL}
    with pytest.raises(Busy):
        world.track("S5", {"type": "conversion", "order": order})
    world.spread()
    assert statuses(world.track("S5", {"type": "conversion", "order": order})) == [
        "stored"
    ]
    assert world.session("S5")["customer"] is None
    world.swept()
    with pytest.raises(NotFound):
        world.customer("gordon")


def test_erasing_twice_is_one_erasure(world: World) -> None:
    lived(world)
    first = world.erase("gordon")
    assert world.erase("gordon") == first
    world.swept()
    assert world.erase("gordon") == first
    with pytest.raises(NotFound):
        world.erase("nobody")
    with pytest.raises(NotFound):
        world.receipt("nothing")


def test_whoever_came_back_can_be_erased_again(world: World) -> None:
    for _ in range(2):
        world.track(
            "S1",
            {"type": "view", "id": "v"},
            ids={"registered": "gordon", "email": EMAIL},
        )
        world.settle()
        world.erase("gordon")
        world.swept()
        world.check()
        gone(world, "gordon")
        world.clock.pass_(SECOND)


def test_an_event_that_was_under_way_is_swept(world: World) -> None:
    """A call had read the session before it ended, and stores its event after the first sweep."""
    lived(world)
    call = world.service.call("move")
    session = world.service._sessions.read(SPACE, "S1")
    assert session
    world.erase("gordon")
    world.drain()
    (id_,) = world._running()
    assert world.sweep.sweep(SPACE, id_) > 0
    body = {"source": {"id": "move"}, "events": [{"type": "view", "id": "under-way"}]}
    command = commands.read(commands.Track, body)
    world.service._writer.store(call, session, command, parse_batch(command))
    assert "under-way" in repr(world.dumped())
    world.swept()
    world.check()
    gone(world, "under-way", "gordon")


# -- opting out ---------------------------------------------------------------------------------------------------


def test_who_opts_out_may_ask_to_be_erased(world: World) -> None:
    lived(world)
    profile = world.session("S1")["profile"]["id"]
    answer = world.consent("S1", "denied", erase=True)
    assert answer["tracking"] == "denied"
    assert world.receipt(answer["erasure"]["id"])["state"] == "running"
    world.swept()
    world.check()
    gone(world, profile, "v1")
    assert world.sessions("gordon") == {"S2", "@registered=gordon"}
    assert statuses(world.track("S1")) == ["dropped"], (
        "they still do not want to be tracked"
    )
    assert world.consent("S1", "denied")["tracking"] == "denied"
    assert statuses(world.track("S1")) == ["dropped"]
    world.consent("S1", "granted")
    assert statuses(world.track("S1")) == ["stored"]
    world.settle()


def test_who_is_tracked_is_not_erased_by_their_consent(world: World) -> None:
    with pytest.raises(Invalid, match="denied"):
        world.consent("S1", "granted", erase=True)


# -- crashes and races --------------------------------------------------------------------------------------------


class _Died(Exception):
    pass


@pytest.mark.parametrize("survives", [1, 2, 3, 5, 8, 12])
def test_wherever_it_dies_it_is_carried_on(survives: int) -> None:
    memory = MemoryStore()
    world = World(memory, memory.taken, memory.dump)
    lived(world)
    world.identify("S2", "split", ids={"registered": "alyx"})
    world.settle()
    alyx = world.customer("alyx")
    left = [survives]

    def die(request: str, _: object) -> None:
        if request == "write":
            left[0] -= 1
            if left[0] < 0:
                left[0] = survives
                raise _Died

    memory.before = die
    for _ in range(200):
        try:
            world.erase("gordon")
        except _Died:
            continue
        break
    memory.before = None
    world.drain()
    (id_,) = world._running()
    memory.before = die
    for _ in range(500):
        if world.receipt(id_)["state"] == "done":
            break
        try:
            world.clock.pass_(world.sweep.sweep(SPACE, id_))
        except _Died:
            continue
    memory.before = None
    world.swept()
    world.check()
    gone(world, "gordon", EMAIL)
    assert world.customer("alyx") == alyx


def test_who_is_being_erased_is_told_to_come_again(world: World) -> None:
    lived(world)
    head = keys.node_head(SPACE, Node("registered", "gordon"))
    item = world.store.get([head])[0]
    assert item
    world.store.write(
        [Put(head, {**item, "erasing_since": world.clock.now, "erasure": "e"})]
    )
    with pytest.raises(Busy):
        world.identify("S9", ids={"registered": "gordon"})
