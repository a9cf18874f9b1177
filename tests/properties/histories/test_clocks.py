"""Any clock, set at any time: every event is stored once, and the events of a call keep their order.

The reference knows what the service cannot: when everything truly happened. It says nothing of how
an offset is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from hardlink.domain import commands, times
from hardlink.domain.commands import Track
from hardlink.domain.times import DAY, HOUR, MINUTE, SECOND, to_iso
from tests.support.world import World, in_memory

ERRORS = (0, 2 * HOUR, -2 * HOUR, 2 * DAY, -3 * DAY, 20 * 365 * DAY)
"""How far a clock is off."""


class Sending(NamedTuple):
    """A call of a device.

    `off`: the error of its clock; `late`: how long the call was under way; `says`: it names the
    time of sending; `ages`: how long before that its events happened; `again`: it is sent twice.
    """

    off: int
    late: int
    says: bool
    ages: Sequence[int]
    again: bool


SENDINGS = st.builds(
    Sending,
    off=st.sampled_from(ERRORS),
    late=st.sampled_from((0, 0, 0, SECOND, 20 * SECOND, 2 * HOUR)),
    says=st.booleans(),
    ages=st.lists(
        st.sampled_from((0, 0, SECOND, MINUTE, HOUR)), min_size=1, max_size=4
    ),
    again=st.booleans(),
)
HONEST = st.builds(
    Sending,
    off=st.just(0),
    late=st.sampled_from((0, SECOND)),
    says=st.sampled_from((True,)),
    ages=st.lists(st.sampled_from((0, 0, SECOND, HOUR)), min_size=1, max_size=4),
    again=st.booleans(),
)


def resend(
    world: World, events: Sequence[dict[str, Any]], off: int, *, says: bool
) -> list[str]:
    """Send events again that waited in a queue, after the clock was set."""
    call = world.service.call("move")
    body = {"source": {"id": "move"}, "session": {"id": "s"}, "events": list(events)}
    sent = call.now + off if says else None
    answer = world.service.track(call._replace(sent=sent), commands.read(Track, body))
    return [result["status"] for result in answer["results"]]


def events_of(happened: dict[str, int], off: int) -> list[dict[str, Any]]:
    return [
        {"type": "view", "id": id_, "time": to_iso(time + off)}
        for id_, time in happened.items()
    ]


def send(world: World, number: int, sending: Sending) -> dict[str, tuple[int, str]]:
    """Send a call. Returns the true time and the verdict of each event, by its ID."""
    call = world.service.call("move")
    truly_sent = call.now - sending.late
    happened = {
        f"{number}-{len(sending.ages) - place}": truly_sent - age
        for place, age in enumerate(sending.ages)
    }
    events = events_of(happened, sending.off)
    body = {"source": {"id": "move"}, "session": {"id": "s"}, "events": events}
    sent = truly_sent + sending.off if sending.says else None
    verdicts: list[str] = []
    for _ in range(2 if sending.again else 1):
        answer = world.service.track(
            call._replace(sent=sent), commands.read(Track, body)
        )
        found = [result["status"] for result in answer["results"]]
        if verdicts:
            renamed = [one.replace("stored", "duplicate") for one in verdicts]
            assert found == renamed
        verdicts = verdicts or found
    return dict(
        zip(happened, zip(happened.values(), verdicts, strict=True), strict=True)
    )


@settings(max_examples=100, deadline=None)
@given(st.lists(SENDINGS, min_size=1, max_size=4))
def test_t1_t4_every_event_once_and_in_the_order_of_its_call(
    sendings: list[Sending],
) -> None:
    world = in_memory()
    stored: list[str] = []
    queued: list[list[dict[str, Any]]] = []
    for number, sending in enumerate(sendings):
        world.clock.pass_(MINUTE)
        told = send(world, number, sending)
        kept = {i: time for i, (time, verdict) in told.items() if verdict == "stored"}
        stored += kept
        read = [event["id"] for event in reversed(world.session_events("s"))]
        own = [id_ for id_ in read if id_ in told]
        # by when they truly happened; equal times keep the order of the call
        happened = {id_: time for id_, (time, _) in told.items()}
        wanted = sorted(happened, key=happened.__getitem__)
        assert own == [id_ for id_ in wanted if id_ in own]
        queued.append(events_of(kept, sending.off))
        for waiting in queued:
            verdicts = resend(world, waiting, sending.off, says=sending.says)
            assert verdicts == ["duplicate"] * len(waiting)
    events = [event["id"] for event in world.session_events("s", limit="1000")]
    assert sorted(events) == sorted(stored)


@settings(max_examples=100, deadline=None)
@given(SENDINGS, st.lists(HONEST, min_size=1, max_size=4))
def test_t1_whatever_came_first_a_right_clock_is_believed(
    first: Sending, later: list[Sending]
) -> None:
    world = in_memory()
    send(world, 0, first)
    for number, sending in enumerate(later, start=1):
        world.clock.pass_(MINUTE)
        happened = send(world, number, sending)
        assert {verdict for _, verdict in happened.values()} == {"stored"}
        for event in world.session_events("s"):
            if event["id"] in happened:
                truth = happened[event["id"]][0]
                assert times.parse_time(event["time"], "time") == truth
