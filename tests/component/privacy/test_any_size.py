"""An erasure of any size: answered after one transaction, hidden from then on, carried out in steps, at linear cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from hardlink.domain.errors import HardlinkError, NotFound
from hardlink.domain.records import Item, Key, Table
from hardlink.domain.times import HOUR, MINUTE, to_iso
from hardlink.queries.export_reader import ExportReader, ExportRequest
from hardlink.services.erasure import sweep
from hardlink.storage import keys
from hardlink.storage.store import Action, Delete
from tests.component.privacy.test_erasure import gone, lived, statuses
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, World, in_memory


class CountingStore(MemoryStore):
    """Counts the items that readers are handed, and those that are deleted, by table."""

    def __init__(self) -> None:
        super().__init__()
        self.reads: Counter[Table] = Counter()
        self.deletions: Counter[Table] = Counter()
        self.writes = 0

    def get(self, keys: Sequence[Key]) -> list[Item | None]:
        self.reads.update(key.table for key in keys)
        return super().get(keys)

    def scan(self, table: Table, *args: Any, **more: Any) -> Iterator[tuple[Key, Item]]:
        for row in super().scan(table, *args, **more):
            self.reads[table] += 1
            yield row

    def write(self, actions: Sequence[Action]) -> None:
        self.writes += 1
        deleted = [action.key for action in actions if isinstance(action, Delete)]
        self.deletions.update(key.table for key in deleted)
        super().write(actions)

    def start(self) -> None:
        """Count anew."""
        self.reads.clear()
        self.deletions.clear()
        self.writes = 0


def _carry_out(world: World, id_: str) -> int:
    """Carry an erasure out to its end; answers how many runs it took."""
    for runs in range(1, 10_000):
        wait = world.sweep.sweep(SPACE, id_)
        if not wait:
            return runs
        world.clock.pass_(wait)
    raise AssertionError("it does not end")


def _with_events(count: int, *, is_shared: bool) -> tuple[CountingStore, World]:
    """A customer with so many events on a device, which another one has before and afterwards."""
    store = CountingStore()
    world = World(store, store.taken, store.dump)
    names = ("alyx", "gordon", "alyx") if is_shared else ("gordon",)
    for turn, name in enumerate(names):
        world.identify("D1", "split", ids={"registered": name})
        for number in range(count // 50):
            time = to_iso(world.clock.now)
            ids = [f"{name}-{turn}-{number}-{n}" for n in range(50)]
            events = [{"type": "view", "id": id_, "time": time} for id_ in ids]
            world.track("D1", *events, source="split")
        world.clock.pass_(MINUTE)
    world.drain()
    return store, world


@pytest.mark.parametrize("is_shared", [False, True], ids=["alone", "shared"])
def test_a_sweep_reads_and_deletes_each_event_once(*, is_shared: bool) -> None:
    reads: dict[int, int] = {}
    for count in (1000, 2000):
        store, world = _with_events(count, is_shared=is_shared)
        id_ = world.erase("gordon")
        store.start()
        _carry_out(world, id_)
        assert world.receipt(id_)["removed"]["events"] == count
        assert count <= store.deletions["events"] <= count + 10
        reads[count] = store.reads.total()
        assert reads[count] <= 1.2 * count + 300
    assert reads[2000] <= 2 * reads[1000]


@pytest.mark.parametrize("count", [40, 80])
def test_erasing_many_visitors_and_sessions_costs_as_much_as_there_are(
    count: int,
) -> None:
    store = CountingStore()
    world = World(store, store.taken, store.dump)
    for number in range(count):
        world.identify(f"S{number}", ids={"registered": "gordon"})
        world.track(f"S{number}", {"type": "view"})
    world.drain()
    id_ = world.erase("gordon")
    store.start()
    _carry_out(world, id_)
    assert world.receipt(id_)["removed"]["sessions"] == count
    assert store.reads.total() <= 60 * count
    assert store.writes <= 25 * count


def test_the_call_is_one_transaction_however_much_there_is() -> None:
    store, world = _with_events(500, is_shared=False)
    store.start()
    world.erase("gordon")
    assert store.writes == 1
    assert store.reads.total() < 20
    store.start()
    world.track("S9")
    world.erase_session("S9")
    assert store.reads.total() < 20


def test_a_run_is_bounded_and_the_next_one_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep, "MOST_STEPS", 3)
    store, world = _with_events(1000, is_shared=True)
    id_ = world.erase("gordon")
    most = 0
    for _ in range(10_000):
        store.start()
        wait = world.sweep.sweep(SPACE, id_)
        most = max(most, store.reads.total())
        if not wait:
            break
        world.clock.pass_(wait)
    assert most < 900, "of 1000 events, none read twice"
    world.drain()
    world.check()
    gone(world, "gordon")
    assert len(world.timeline("alyx")) == 2000
    assert world.receipt(id_)["removed"] == {
        "identifiers": 1,
        "profiles": 0,
        "sessions": 0,
        "events": 1000,
    }


class _Died(Exception):
    pass


@pytest.mark.parametrize("survives", [1, 2, 3, 7])
def test_a_run_that_dies_at_any_write_counts_nothing_twice(survives: int) -> None:
    store, world = _with_events(200, is_shared=True)
    lived(world)
    id_ = world.erase("gordon")
    left = [survives]

    def die(request: str, _: object) -> None:
        if request == "write":
            left[0] -= 1
            if left[0] < 0:
                left[0] = survives
                raise _Died

    store.before = die
    for _ in range(2000):
        if world.receipt(id_)["state"] == "done":
            break
        try:
            world.clock.pass_(world.sweep.sweep(SPACE, id_))
        except _Died:
            continue
    store.before = None
    world.drain()
    world.check()
    gone(world, "gordon", "secret")
    assert world.receipt(id_)["removed"] == {
        "identifiers": 3,
        "profiles": 3,
        "sessions": 3,
        "events": 205,
    }


# -- between the call and the sweep --------------------------------------------------------------------------------


def _everything_shown(world: World, sessions: Sequence[str]) -> str:
    """All that any read call shows of any customer, visitor and session."""
    shown: list[object] = []
    api = world.queries
    reader = ExportReader(world.store, world.clock)
    budget = reader.open_budget(10**8, "")
    for customer, values in reader.read_all_customers(SPACE, budget):
        events = reader.read_events(customer, ExportRequest(), budget)
        shown += [values, events, customer.identifiers]
    nodes = {key.partition for key in world.dumped() if key.table == "customers"}
    for partition in sorted(nodes):
        type_, _, value = keys.split_partition(partition)[1].partition("=")
        for read in (
            lambda t, v: world.customer(v, t),
            lambda t, v: world.events(v, t),
            lambda t, v: api.export_customer(SPACE, t, v, lambda _: None, zipped=True),
        ):
            try:
                shown.append(read(type_, value))
            except HardlinkError:
                continue
    for session in sessions:
        for read_session in (
            world.session,
            world.session_events,
            lambda id_: api.read_verdicts(SPACE, id_),
        ):
            try:
                shown.append(read_session(session))
            except NotFound:
                continue
    shown.append(api.read_live(SPACE, lambda _: None)["events"])
    return repr(shown)


def test_between_the_call_and_the_sweep_nothing_of_the_erased_shows(
    world: World,
) -> None:
    lived(world)
    for name in ("alyx", "gordon", "alyx"):
        world.identify("shared", "split", ids={"registered": name})
        event = {"type": "view", "id": f"of-{name}", "properties": {"q": name}}
        world.track("shared", event, {"type": ""}, source="split")
        world.clock.pass_(MINUTE)
    ahead = to_iso(world.clock.now + HOUR)
    world.identify("left", "split", ids={"registered": "eli"})
    world.identify("left", "split", ids={"registered": "gordon"})
    world.track(
        "left", {"type": "view", "id": "gordon-ahead", "time": ahead}, source="split"
    )
    world.settle()
    sessions = ("S1", "S2", "shared", "left", "@registered=gordon")
    before = _everything_shown(world, sessions)
    assert "gordon" in before
    assert "secret" in before
    world.erase("gordon")
    for _ in range(3):  # at once, spread, and swept
        shown = _everything_shown(world, sessions)
        for text in ("gordon", "secret"):
            at = shown.find(text)
            assert at < 0, shown[max(0, at - 300) : at + 200]
        assert "of-alyx" in shown
        world.spread()
    world.swept()
    world.check()
    gone(world, "gordon", "secret")


def test_a_session_that_is_named_ends_with_the_call(world: World) -> None:
    world.track("S1", {"type": "view", "id": "old"})
    world.settle()
    world.erase_session("S1")
    assert statuses(world.track("S1", {"type": "view", "id": "new"})) == ["stored"]
    world.swept()
    world.check()
    assert [event["id"] for event in world.session_events("S1")] == ["new"]
    gone(world, "old")


# -- afterwards ----------------------------------------------------------------------------------------------------


def _soft_first(world: World) -> None:
    world.identify("S1", ids={"email": "g@x.com"}, properties={"city": "secret-1"})
    world.identify("S1", ids={"registered": "gordon"}, properties={"plan": "secret-2"})


def _both_together(world: World) -> None:
    ids = {"registered": "gordon", "email": "g@x.com", "card": "card-of-g"}
    world.identify(
        "S1", ids=ids, properties={"city": "secret-1"}, traits={"t": "secret-2"}
    )


def _soft_then_both(world: World) -> None:
    world.identify("S1", ids={"email": "g@x.com"}, properties={"city": "secret-1"})
    world.identify("S2", ids={"registered": "gordon", "email": "g@x.com"})


def _by_order(world: World) -> None:
    order = {"number": "secret-77", "total": 5}
    world.track("S1", {"type": "conversion", "order": order})
    world.order("secret-77", ids={"registered": "gordon", "email": "g@x.com"}, total=5)


def _by_order_alone(world: World) -> None:
    world.order("secret-78", ids={"registered": "gordon", "email": "g@x.com"})


def _own_session(world: World) -> None:
    ids = {"registered": "gordon", "email": "g@x.com"}
    event = {"type": "refund", "id": "secret-9", "properties": {"q": "secret-1"}}
    world.track(None, event, server_side=True, ids=ids, attributes={"city": "secret-2"})


def _second_hard_type(world: World) -> None:
    world.identify("S1", ids={"loyalty": "L-gordon"}, properties={"city": "secret-1"})
    world.identify("S2", ids={"registered": "gordon", "loyalty": "L-gordon"})


WAYS = (
    _soft_first,
    _both_together,
    _soft_then_both,
    _by_order,
    _by_order_alone,
    _own_session,
    _second_hard_type,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
@pytest.mark.parametrize("is_unlinked", [False, True], ids=["", "unlinked in between"])
def test_no_table_holds_anything_of_whoever_was_erased(
    way: Any, *, is_unlinked: bool
) -> None:
    world = in_memory()
    way(world)
    large = {f"n{n}": "secret" * 2500 for n in range(3)}
    world.track(
        "S1", {"type": "view", "id": "secret-v", "properties": large}, {"type": ""}
    )
    world.settle()
    if is_unlinked and world.session("S1")["customer"]:
        way(world)
    names = [
        {"registered": "gordon"},
        {"email": "g@x.com"},
        {"card": "card-of-g"},
        {"loyalty": "L-gordon"},
    ]
    for ids in names:
        ((type_, value),) = ids.items()
        try:
            world.erase(value, type_)
        except NotFound:
            continue
        world.swept()
    for session in ("S1", "S2"):
        try:
            world.erase_session(session)
        except NotFound:
            continue
        world.swept()
    world.check()
    gone(world, "gordon", "g@x.com", "card-of-g", "secret")
    left = {key.item.partition("/")[0] for key in world.dumped()}
    assert left <= {"#", "t", "e", "~", "s"}
