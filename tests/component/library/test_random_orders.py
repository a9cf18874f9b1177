"""Random histories of orders: what holds whatever is tracked, told, linked and unlinked in between."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hardlink.domain.errors import HardlinkError
from tests.support import world as worlds
from tests.support.world import World

SESSIONS = st.sampled_from(["s1", "s2", "s3"])
CUSTOMERS = st.sampled_from(["gordon", "alyx"])
EMAILS = st.sampled_from([None, "g@x.org", "a@x.org"])
TOTALS = st.sampled_from([None, 1.0, 2.0])
NUMBERS = st.sampled_from(["7", "8"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("convert"), SESSIONS, NUMBERS, TOTALS, EMAILS),
        st.tuples(st.just("tell"), CUSTOMERS | st.none(), NUMBERS, TOTALS, EMAILS),
        st.tuples(st.just("identify"), SESSIONS, CUSTOMERS),
        st.tuples(st.just("unlink"), SESSIONS),
        st.tuples(st.just("consent"), SESSIONS, st.sampled_from(["granted", "denied"])),
        st.tuples(st.just("drain")),
    ),
    max_size=12,
)


def carry_out(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case ("convert", session, number, total, email):
            order = {"number": number, "total": total, "email": email}
            world.track(session, {"type": "conversion", "order": order})
        case ("tell", customer, number, total, email):
            ids = {"registered": customer, "email": email}
            world.order(number, ids=ids, total=total, time=worlds.START)
        case ("identify", session, customer):
            world.identify(session, ids={"registered": customer})
        case ("unlink", session):
            world.unlink(session)
        case ("consent", session, tracking):
            world.consent(session, tracking)
        case _:
            world.drain()


def customers(world: World) -> dict[str, Any]:
    """Whose the sessions of visitors are that have a customer."""
    found = {}
    for session in ("s1", "s2", "s3"):
        try:
            customer = world.session(session)["customer"]
        except HardlinkError:
            continue
        if customer and customer["type"] == "registered":
            found[session] = customer
    return found


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_no_order_takes_anybody_from_a_customer_and_each_is_told_once(
    steps: list[tuple[Any, ...]],
) -> None:
    world = worlds.in_memory()
    for step in steps:
        before = customers(world)
        if step[0] == "tell" and not (step[1] or step[4]):
            continue
        try:
            carry_out(world, step)
        except HardlinkError:
            world.check(drained=False)
        if step[0] in ("convert", "tell"):
            assert before.items() <= customers(world).items()
    world.settle()
    dump = world.dumped()
    for step in steps:
        if step[0] == "convert" or (step[0] == "tell" and (step[1] or step[4])):
            try:
                carry_out(world, step)
            except HardlinkError:
                continue
    world.settle()
    if all(step[0] in ("convert", "tell", "drain") for step in steps):
        events = [key for key in dump if key.item.startswith("e/")]
        again = [key for key in world.dumped() if key.item.startswith("e/")]
        assert sorted(events) == sorted(again)
