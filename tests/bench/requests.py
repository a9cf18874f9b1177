"""Requests and units of the hot paths, counted on DynamoDB Local."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from dialects.segment.executor import Executor
from dialects.segment.requests import Batch
from dialects.segment.translation import translate_batch
from hardlink.domain.times import to_iso
from tests.support.engines.tables import Engine
from tests.support.world import World

EVENTS = (10, 1_000, 10_000)
SESSIONS = (1, 10, 100, 500)
PROFILES = (10, 100, 300)
_WRITES = ("Put", "Update", "Delete", "Transact", "BatchExecute")
TRAIT_SESSIONS = (1, 10, 100, 1_000)
SIZES = (10, 100, 1_000)
"""Sessions, profiles or events of the rows that show how a request grows."""
_KILOBYTE = "x" * 640
"""With keys, times and names the item comes to a little under a kilobyte."""


@contextmanager
def count_units(engine: Engine) -> Iterator[Counter[str]]:
    """Capacity units that the requests inside the block consume, by operation."""
    found: Counter[str] = Counter()

    def ask(params: dict[str, Any], **_: object) -> dict[str, Any]:
        return {**params, "ReturnConsumedCapacity": "TOTAL"}

    def count(model: Any, parsed: dict[str, Any], **_: object) -> None:
        consumed = parsed.get("ConsumedCapacity", {})
        some = consumed if isinstance(consumed, list) else [consumed]
        found[model.name] += sum(one.get("CapacityUnits", 0) for one in some)

    events = engine.client.meta.events
    events.register("provide-client-params.dynamodb.*", ask)
    events.register("after-call.dynamodb", count)
    try:
        yield found
    finally:
        events.unregister("provide-client-params.dynamodb.*", ask)
        events.unregister("after-call.dynamodb", count)


def measure_steady_track(engine: Engine) -> tuple[Counter[str], Counter[str]]:
    """Requests and units of one `track` call in the middle of a visit, with one event of about 1 KB."""
    world = engine.world()
    world.track("steady")
    with engine.counted() as requests, count_units(engine) as consumed:
        world.track("steady", {"type": "view", "properties": {"text": _KILOBYTE}})
    return requests, consumed


def measure_association(engine: Engine, events: int) -> Counter[str]:
    """Requests with which one association brings a session with so many events to its customer."""
    world = engine.world()
    session = f"with-{events}"
    _fill(world, session, events)
    world.drain()
    world.identify(session, ids={"registered": f"customer-{events}"})
    with engine.counted() as requests:
        world.drain()
    return _without_stream(requests)


def _without_stream(requests: Counter[str]) -> Counter[str]:
    """Leave out the requests by which the engine itself reads the stream."""
    found = Counter(requests)
    for name in ("GetRecords", "DescribeTable"):
        del found[name]
    return found


def measure_association_of_sessions(engine: Engine, sessions: int) -> Counter[str]:
    """Requests that bring so many sessions of one visitor to the customer who logs in."""
    world = engine.world()
    profile = world.track("visit-0")["profile"]
    for number in range(1, sessions):
        world.track(f"visit-{number}", profile=profile)
    world.drain()
    world.identify("visit-0", ids={"registered": "with-sessions"})
    with engine.counted() as requests:
        world.drain()
    return _without_stream(requests)


def measure_opting_out(engine: Engine, sessions: int) -> Counter[str]:
    """Requests with which a visitor with so many sessions, hours apart, opts out."""
    world = engine.world()
    profile = world.track("visit-0")["profile"]
    for number in range(1, sessions):
        world.clock.pass_(3_600_000_000)
        world.track(f"visit-{number}", profile=profile)
    with engine.counted() as requests:
        world.consent(f"visit-{sessions - 1}", "denied")
    return requests


def measure_association_of_visitors(engine: Engine, visitors: int) -> Counter[str]:
    """Requests that bring so many visitors of one address to the customer who has it by now."""
    world = engine.world()
    address = {"email": "many@x.com"}
    for number in range(visitors):
        world.identify(f"visitor-{number}", ids=address)
    world.drain()
    world.identify("new", ids={"registered": "with-visitors", **address})
    with engine.counted() as requests:
        world.drain()
    return _without_stream(requests)


def measure_live(engine: Engine, sessions: int) -> Counter[str]:
    """Requests of a look at the live list, for one new event among so many active sessions."""
    world = engine.world()
    for number in range(sessions):
        world.track(f"active-{number}")
    cursor = None
    # What came in within half a minute before a look is answered once more by the next one.
    for _ in range(2):
        world.clock.pass_(60_000_000)
        _, cursor = _look(world, cursor)
    world.clock.pass_(60_000_000)
    world.track("active-0", {"type": "view", "id": "new"})
    with engine.counted() as requests:
        ids, _ = _look(world, cursor)
    if "new" not in ids:
        raise AssertionError("the new event is not shown")
    return requests


def _look(world: World, cursor: str | None) -> tuple[set[str | None], str]:
    """Look at the live list to its end; returns the IDs that it shows, and the next cursor."""
    ids: set[str | None] = set()
    while True:
        page = world.queries.read_live("shop", {"since": cursor}.get)
        ids.update(event["id"] for event in page["events"])
        cursor = str(page["cursor"])
        if not page["more"]:
            return ids, cursor


def measure_erasing_own_session(
    engine: Engine, sessions: int
) -> tuple[Counter[str], float]:
    """Requests and read units that erase an order's customer, beside so many active sessions."""
    world = engine.world()
    world.order("o1", ids={"registered": "without-device"})
    for number in range(sessions):
        world.track(f"active-{number}")
    world.drain()
    with engine.counted() as requests, count_units(engine) as consumed:
        world.erase("without-device")
        world.swept()
    return _without_stream(requests), _count_read_units(consumed)


def measure_batch(engine: Engine, visitors: int) -> tuple[Counter[str], int]:
    """Requests of a batch about so many new visitors, and how many of its messages were refused."""
    world = engine.world()
    messages = [
        {"type": "track", "event": "A", "anonymousId": f"batch-{number}"}
        for number in range(visitors)
    ]
    call = world.service.call("split")
    groups, _ = translate_batch(Batch(messages, {}), call.project)
    with engine.counted() as requests:
        outcome = Executor(world.service).execute(call, groups)
    return requests, len(outcome.faults)


def measure_newest(engine: Engine) -> Iterator[tuple[int, Counter[str]]]:
    """Requests that read the newest 50 events of a customer, as sessions of 10 events come, hours apart."""
    world = engine.world()
    for number in range(1, max(SESSIONS) + 1):
        world.clock.pass_(3_600_000_000)
        events = ({"type": "view"} for _ in range(10))
        world.track(f"visit-{number}", *events, ids={"registered": "regular"})
        world.drain()
        if number in SESSIONS:
            with engine.counted() as requests:
                page = world.queries.read_customer_events(
                    "shop", "registered", "regular", lambda _: None
                )
            if len(page["events"]) != min(50, 10 * number):
                raise AssertionError(f"{len(page['events'])} events were read")
            yield number, requests


def measure_values(engine: Engine) -> Iterator[tuple[int, dict[str, float]]]:
    """Read units at a customer of so many visitors, each of which has 255 attributes.

    Yields the number of visitors, and the units of a page of the timeline, of the customer's view,
    and of the log-in on one more device.
    """
    world = engine.world()
    for number in range(1, max(PROFILES) + 1):
        world.clock.pass_(3_600_000_000)
        session = f"device-{number}"
        attributes = {f"attribute-{n}": f"{number}-{'x' * 20}" for n in range(255)}
        world.track(session, {"type": "view"})
        world.update(session, properties=attributes)
        with count_units(engine) as login:
            world.identify(session, ids={"registered": "many"})
        world.drain()
        if number in PROFILES:
            with count_units(engine) as page:
                world.queries.read_customer_events(
                    "shop", "registered", "many", {"limit": "1"}.get
                )
            with count_units(engine) as view:
                world.customer("many")
            yield (
                number,
                {
                    "a page of its timeline": _count_read_units(page),
                    "its view": _count_read_units(view),
                    "log-in on one more device": _count_read_units(login),
                },
            )


def _count_read_units(consumed: Counter[str]) -> float:
    reads = [units for name, units in consumed.items() if not name.startswith(_WRITES)]
    return sum(reads)


def measure_whole_timeline(engine: Engine) -> Iterator[tuple[int, dict[str, int]]]:
    """Requests that read all that a customer did, as sessions of 10 events come, hours apart.

    Yields the number of sessions, and the requests of all pages of 50, of the export, and of the
    newest page up to the end of the first session.
    """
    world = engine.world()
    first_end = world.clock.now + 2 * 3_600_000_000
    for number in range(1, max(SIZES) + 1):
        world.clock.pass_(3_600_000_000)
        events = ({"type": "view"} for _ in range(10))
        world.track(f"read-{number}", *events, ids={"registered": "reader"})
        world.drain()
        if number in SIZES:
            until = {"until": to_iso(first_end)}
            yield (
                number,
                {
                    "whole timeline": _count_reads(engine, world.events, "reader"),
                    "export": _count_reads(engine, _export, world, "reader"),
                    "up to the first session": _count_reads(
                        engine, world.events, "reader", **until
                    ),
                },
            )


class TraitReads(NamedTuple):
    """Requests and units that read all traits of a customer after a visit of 20 events.

    `first`: of the call that keeps the visit's summary; `quiet`: of each further one; `in_visit`: of
    one during the next visit.
    """

    requests: dict[str, int]
    units: dict[str, Counter[str]]


def measure_traits(engine: Engine) -> Iterator[tuple[int, TraitReads]]:
    """Read a customer's traits as sessions come, hours apart; yields the number of sessions."""
    world = engine.world()
    for number in range(1, max(TRAIT_SESSIONS) + 1):
        events = ({"type": "view", "properties": {"page": n}} for n in range(20))
        world.track(f"traits-{number}", *events, ids={"registered": "shown"})
        world.drain()
        world.clock.pass_(7_200_000_000)
        if number in TRAIT_SESSIONS:
            yield number, _read_traits(engine, world, f"traits-{number}")
        # Whoever reads now and then has all but the last session summarised.
        elif number % 50 == 0 or number + 1 in TRAIT_SESSIONS:
            world.customer("shown", traits="*")


def _read_traits(engine: Engine, world: World, session: str) -> TraitReads:
    """Read the traits of a customer whose last session has no summary yet."""
    found = TraitReads({}, {})
    for name in ("first", "quiet", "in_visit"):
        if name == "in_visit":
            world.track(session)
        with engine.counted() as requests, count_units(engine) as consumed:
            world.customer("shown", traits="*")
        found.requests[name] = requests.total()
        found.units[name] = consumed
    return found


def _export(world: World, value: str) -> int:
    """Export a customer; returns the number of events."""
    queries = world.queries
    document = queries.export_customer(
        "shop", "registered", value, lambda _: None, zipped=True
    )
    return len(document["events"])


def _count_reads(
    engine: Engine, read: Callable[..., Any], *args: Any, **more: Any
) -> int:
    """Count the requests that a read makes."""
    with engine.counted() as requests:
        read(*args, **more)
    return requests.total()


def _fill(world: World, session: str, events: int) -> None:
    for start in range(0, events, 500):
        some = min(500, events - start)
        world.track(
            session, *({"type": "view", "properties": {"n": n}} for n in range(some))
        )
