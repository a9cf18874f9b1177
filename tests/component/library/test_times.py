"""When it was: the order of equal times, events without a time, and clocks that are wrong or change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hardlink.domain import commands, times
from hardlink.domain.commands import Track
from hardlink.domain.errors import Busy
from hardlink.domain.records import Item, Key
from hardlink.domain.times import DAY, HOUR, SECOND, to_iso
from hardlink.storage.store import Action
from tests.support.world import START, World

NAMES = ["search", "view", "add", "cart", "pay", "buy", "leave"]


def at(type_: str, time: int | None = None, **more: Any) -> dict[str, Any]:
    named = {} if time is None else {"time": to_iso(time)}
    return {"type": type_, **named, **more}


def in_order(world: World, session: str, **query: str) -> list[str]:
    """Read the types of a session's events from all pages, the first one first."""
    found: list[str] = []
    while True:
        page = world.queries.read_session_events("shop", session, query.get)
        found += [event["type"] for event in page["events"]]
        if page["cursor"] is None:
            return found[::-1]
        query["cursor"] = page["cursor"]


@pytest.mark.parametrize("limit", ["1", "2", "3", "50"])
def test_t4_equal_times_keep_the_order_of_the_call_on_every_page(
    world: World, limit: str
) -> None:
    time = START - 60 * SECOND
    world.track("s", *[at(name, time) for name in NAMES])
    world.clock.pass_(SECOND)
    world.track("s", at("later in time", time + 1), at("received later", time))
    wanted = [*NAMES, "received later", "later in time"]
    assert in_order(world, "s", limit=limit) == wanted
    assert in_order(world, "s", limit=limit, derived="true") == wanted
    world.identify("s", ids={"registered": "g"})
    world.settle()
    found = world.events("g", limit=limit)
    assert [event["type"] for event in reversed(found)] == wanted


def test_t4_a_call_sent_again_in_other_parts_keeps_order_and_stores_nothing_twice(
    world: World,
) -> None:
    time = START - 60 * SECOND
    events = [at(name, time, id=f"{9 - n}") for n, name in enumerate(NAMES)]
    world.track("s", *events[:4])
    world.clock.pass_(SECOND)
    again = world.track("s", *events[2:])["results"]
    assert [one["status"] for one in again] == ["duplicate"] * 2 + ["stored"] * 3
    assert in_order(world, "s") == NAMES


@pytest.mark.parametrize("time", [0, 0.0, "1970-01-01T00:00:00Z"])
@pytest.mark.parametrize("source", ["move", "split", "refuse"])
def test_t3_a_login_of_1970_is_linked_and_its_values_are_kept(
    world: World, source: str, time: object
) -> None:
    world.track("s", at("view"))
    ids = {"registered": "gordon", "email": "g@x.com"}
    answer = world.identify(
        "s", source, ids=ids, time=time, properties={"color": "red"}
    )
    assert (answer["customer"], answer["warnings"]) == (
        {"type": "registered", "value": "gordon"},
        [],
    )
    world.settle()
    assert world.customer("gordon")["attributes"] == {"color": "red"}
    assert world.sessions("g@x.com", "email") == {"s"}


def test_t3_an_event_of_1970_links_its_visitor(world: World) -> None:
    answer = world.track("s", at("view", 0, id="a"), ids={"registered": "gordon"})
    assert answer["results"] == [{"id": "a", "status": "stored"}]
    assert answer["warnings"] == []
    world.settle()
    assert world.timeline("gordon") == ["a"]


# -- events without a time ------------------------------------------------------------------------


def statuses(answer: dict[str, Any]) -> list[str]:
    return [result["status"] for result in answer["results"]]


def test_t6_an_id_without_a_time_is_one_event(world: World) -> None:
    first = world.track("s", at("view", id="a"), at("cart", id="b"), at("view", id="a"))
    assert statuses(first) == ["stored", "stored", "duplicate"]
    times = [event["time"] for event in world.session_events("s")]
    world.clock.pass_(DAY)
    again = world.track("s", at("new", id="c"), at("cart", id="b"), at("view", id="a"))
    assert statuses(again) == ["stored", "duplicate", "duplicate"]
    assert in_order(world, "s") == ["view", "cart", "new"]
    assert [event["time"] for event in world.session_events("s")][1:] == times


def test_t6_of_another_session_or_with_a_time_it_is_another_event(world: World) -> None:
    world.track("s", at("view", id="a"))
    assert statuses(world.track("s2", at("view", id="a"))) == ["stored"]
    assert statuses(world.track("s", at("view", START, id="a"))) == ["stored"]
    assert statuses(world.track("s", at("view"), at("view"))) == ["stored", "stored"]


def test_t6_an_event_whose_time_cannot_be_read_is_one_event_as_well(
    world: World,
) -> None:
    event = {"type": "view", "id": "a", "time": "soon"}
    assert statuses(world.track("s", event)) == ["stored"]
    world.clock.pass_(SECOND)
    assert statuses(world.track("s", event)) == ["duplicate"]


def test_t6_a_call_that_was_cut_off_before_the_event_is_completed_when_sent_again(
    world: World,
) -> None:
    world.track("s")
    inserts: list[int] = []
    insert = world.store.insert

    def cut_off(items: Sequence[tuple[Key, Item]]) -> list[bool]:
        inserts.append(len(items))
        if len(inserts) == 2:
            raise Busy("cut off")
        return insert(items)

    world.store.insert = cut_off  # type: ignore[method-assign]
    with pytest.raises(Busy):
        world.track("s", at("cart", id="b"))
    assert in_order(world, "s") == ["view"]
    world.clock.pass_(SECOND)
    assert statuses(world.track("s", at("cart", id="b"))) == ["stored"]
    assert statuses(world.track("s", at("cart", id="b"))) == ["duplicate"]
    assert in_order(world, "s") == ["view", "cart"]


def test_t6_what_was_erased_is_not_stored_again(world: World) -> None:
    world.track("s", at("view", id="a"))
    world.identify("s", ids={"registered": "gordon"})
    world.settle()
    world.erase("gordon")
    world.swept()
    world.clock.pass_(DAY)
    answer = world.track("s", at("new", id="n"))
    assert statuses(answer) == ["stored"]
    assert in_order(world, "s") == ["new"]


def test_t6_of_a_part_of_a_session_that_was_erased_nothing_comes_back(
    world: World,
) -> None:
    world.identify("s", "split", ids={"registered": "gordon"})
    world.track("s", at("view", id="a"), source="split")
    world.clock.pass_(SECOND)
    world.identify("s", "split", ids={"registered": "alyx"})
    world.track("s", at("cart", id="b"), source="split")
    world.settle()
    world.erase("gordon")
    world.swept()
    world.clock.pass_(DAY)
    again = world.track("s", at("view", id="a"), at("cart", id="b"), source="split")
    assert statuses(again) == ["dropped", "duplicate"]
    assert in_order(world, "s") == ["cart"]


# -- clocks that are wrong, or change -------------------------------------------------------------


def send(
    world: World,
    *events: dict[str, Any],
    off: int = 0,
    late: int = 0,
    says: bool = True,
) -> dict[str, Any]:
    """Send a call from a device. `off`: its clock's error; `late`: how long the call was delayed."""
    call = world.service.call("move")
    body = {"source": {"id": "move"}, "session": {"id": "s"}, "events": list(events)}
    sent = call.now + off - late if says else None
    track = commands.read(Track, body)
    return world.service.track(call._replace(sent=sent), track)


def stored(world: World) -> dict[str, int]:
    """Read the times of the session's events by ID."""
    events = world.session_events("s")
    return {one["id"]: times.parse_time(one["time"], "time") for one in events}


Call = tuple[str, int, int, bool]
"""ID of the event of a call, the error of the clock, the delay, and if it says when it is sent."""

KINDS = [
    pytest.param([("a", 73 * 365 * DAY, 0, True), ("b", 0, 0, True)], id="2099 first"),
    pytest.param([("a", 2 * HOUR, 0, True), ("b", 0, 0, True)], id="ahead, then right"),
    pytest.param(
        [("a", -2 * HOUR, 0, True), ("b", 0, 0, True)], id="behind, then right"
    ),
    pytest.param([("a", 0, 0, True), ("b", 2 * HOUR, 0, True)], id="set 2 hours ahead"),
    pytest.param([("a", 0, 0, True), ("b", 2 * DAY, 0, True)], id="set 2 days ahead"),
    pytest.param([("a", 0, 0, True), ("b", -2 * DAY, 0, True)], id="set 2 days back"),
    pytest.param(
        [("a", 0, 0, True), ("b", 0, 2 * HOUR, True), ("c", 0, 0, True)],
        id="a queue sent late with a stale sentAt",
    ),
    pytest.param(
        [("a", 2 * HOUR, 0, False), ("b", 0, 0, False)],
        id="one event dated ahead without sent",
    ),
]


@pytest.mark.parametrize("calls", KINDS)
def test_t1_each_event_is_stored_at_its_own_time(
    world: World, calls: list[Call]
) -> None:
    happened: dict[str, int] = {}
    for id_, off, late, says in calls:
        world.clock.pass_(60 * SECOND)
        happened[id_] = world.clock.now - late
        event = at("view", happened[id_] + off, id=id_)
        answer = send(world, event, off=off, late=late, says=says)
        assert statuses(answer) == ["stored"]
    found = stored(world)
    assert found.keys() == happened.keys()
    for id_, time in happened.items():
        assert abs(found[id_] - time) < SECOND, id_


def test_t1_a_first_call_that_stalled_dates_no_later_one(world: World) -> None:
    send(world, at("view", world.clock.now - 20 * SECOND, id="a"), late=20 * SECOND)
    world.clock.pass_(60 * SECOND)
    time = world.clock.now
    send(world, at("view", time, id="b"))
    assert stored(world)["b"] == time


def test_t1_a_clock_set_back_is_believed_when_it_says_so_again(world: World) -> None:
    send(world, at("view", world.clock.now, id="a"))
    for id_ in ("b", "c", "d"):
        world.clock.pass_(60 * SECOND)
        time = world.clock.now
        send(world, at("view", time - 2 * HOUR, id=id_), off=-2 * HOUR)
        happened = stored(world)[id_]
        assert abs(happened - time) < SECOND or id_ == "b"


@pytest.mark.parametrize("calls", KINDS)
def test_t1_an_event_sent_again_after_a_change_is_one_event(
    world: World, calls: list[Call]
) -> None:
    events = []
    for id_, off, late, says in calls:
        world.clock.pass_(60 * SECOND)
        event = at("view", world.clock.now - late + off, id=id_)
        send(world, event, off=off, late=late, says=says)
        events.append(event)
        world.clock.pass_(SECOND)
        again = send(world, *events, off=off, late=late, says=says)
        assert statuses(again) == ["duplicate"] * len(events)
    assert len(world.session_events("s")) == len(events)


@pytest.mark.parametrize("calls", KINDS)
@pytest.mark.parametrize("says", [True, False])
def test_t1_an_event_sent_again_alone_is_one_event(
    world: World, calls: list[Call], *, says: bool
) -> None:
    """Without `sent`, an event dated ahead gets an offset of its own, which dated nothing before."""
    ahead = at("view", world.clock.now + 20 * HOUR, id="ahead")
    assert statuses(send(world, at("view"), ahead, says=says)) == ["stored"] * 2
    events = [ahead]
    for id_, off, late, _ in calls:
        world.clock.pass_(60 * SECOND)
        event = at("view", world.clock.now - late + off, id=id_)
        send(world, event, off=off, late=late, says=says)
        events.append(event)
        for one in events:
            world.clock.pass_(SECOND)
            assert statuses(send(world, one, says=False)) == ["duplicate"]


@pytest.mark.parametrize("off", [0, 2 * HOUR, -2 * HOUR, 3 * DAY])
@pytest.mark.parametrize("says", [True, False])
def test_t1_a_call_keeps_the_order_of_its_events(
    world: World, off: int, *, says: bool
) -> None:
    send(world, at("view", world.clock.now))
    world.clock.pass_(60 * SECOND)
    here = world.clock.now + off
    ages = [5 * HOUR, HOUR, HOUR, 60 * SECOND, 0]
    send(
        world,
        *[at(f"{n}", here - age) for n, age in enumerate(ages)],
        off=off,
        says=says,
    )
    assert [one for one in in_order(world, "s") if one != "view"] == list("01234")


def test_t1_a_steady_clock_costs_no_write(world: World) -> None:
    writes: list[Any] = []
    send(world, at("view", world.clock.now + 2 * HOUR), off=2 * HOUR)
    write = world.store.write

    def counted(actions: Sequence[Action]) -> None:
        writes.append(actions)
        write(actions)

    world.store.write = counted  # type: ignore[method-assign]
    for delay in (0, 3 * SECOND, SECOND):
        world.clock.pass_(60 * SECOND)
        send(world, at("view", world.clock.now + 2 * HOUR), off=2 * HOUR, late=delay)
    assert writes == []


@pytest.mark.parametrize("off", [2 * HOUR, -2 * HOUR])
def test_t1_a_call_without_any_time_is_taken_on_every_clock(
    world: World, off: int
) -> None:
    send(world, at("view", world.clock.now + off), off=off)
    world.clock.pass_(60 * SECOND)
    assert world.track("s", ids={"registered": "gordon"})["warnings"] == []
    track = {"source": {"id": "move"}, "session": {"id": "s"}, "traits": {"a": 1}}
    call = world.service.call("move")
    assert world.service.track(call, commands.read(Track, track))["warnings"] == []
    assert world.update("s", properties={"city": "Ulm"})["warnings"] == []
    world.settle()
    assert world.customer("gordon")["attributes"] == {"city": "Ulm"}
