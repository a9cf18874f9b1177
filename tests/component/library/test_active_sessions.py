"""The index of active sessions: in several partitions, outside of transactions, read as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from hardlink.domain.errors import Refused
from hardlink.domain.records import Key
from hardlink.domain.times import DAY, HOUR, SECOND
from hardlink.storage import activity, keys
from hardlink.storage.keys import ACTIVE_SHARDS, EXPIRES
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, World, in_memory


def shards(world: World) -> Counter[str]:
    """How many rows lie in each partition of the index."""
    rows = (key for key in world.dumped() if key.item.startswith("s/"))
    return Counter(key.partition for key in rows if key.table == "sessions")


def test_b3_sessions_are_spread_over_the_partitions_of_the_index() -> None:
    world = in_memory()
    for number in range(40 * ACTIVE_SHARDS):
        world.track(f"s{number}")
    found = shards(world)
    assert set(found) == set(keys.active_partitions(SPACE))
    assert max(found.values()) < 2 * 40


def test_b3_readers_see_one_list_the_latest_first(world: World) -> None:
    for number in range(20):
        world.clock.pass_(HOUR)
        world.track(f"s{number:02d}")
    now = world.clock.now
    listed = activity.list_active_sessions(world.store, SPACE, now, 100)
    assert listed == ([f"s{number:02d}" for number in reversed(range(20))], False)
    first = activity.list_active_sessions(world.store, SPACE, now, 5)
    assert first == ([f"s{number:02d}" for number in reversed(range(15, 20))], True)


def test_b3_a_row_expires_by_itself_within_a_day_of_its_session() -> None:
    world = in_memory()
    world.track("s1")
    (item,) = (i for key, i in world.dumped().items() if key.item.startswith("s/"))
    assert world.clock.now < int(item[EXPIRES]) * SECOND <= world.clock.now + DAY + HOUR


def test_b3_a_session_is_listed_before_it_is_made() -> None:
    """A function that is killed in between must not hide the events of a session."""
    store = MemoryStore()
    world = in_memory(store)
    written: list[list[str]] = []

    def record(name: str, item_keys: Sequence[Key]) -> None:
        if name == "write":
            written.append([key.item[:2] for key in item_keys])

    store.before = record
    world.identify("s1", ids={"registered": "gordon"})
    assert written[0] == ["s/"]
    assert "s/" not in written[1]


def test_b3_a_call_that_is_refused_lists_nothing() -> None:
    world = in_memory()
    world.identify("s1", ids={"registered": "a"})
    world.identify("s2", ids={"loyalty": "b"})
    before = shards(world)
    with pytest.raises(Refused):
        world.identify("s3", ids={"registered": "a", "loyalty": "b"})
    assert shards(world) == before


def test_b3_a_row_without_its_session_is_one_look_in_vain() -> None:
    world = in_memory()
    world.store.write([activity.put_active_session(SPACE, "s0", world.clock.now)])
    world.track("s1", {"type": "view", "id": "a"})
    shown = world.queries.read_live(SPACE, lambda _: None)
    assert [event["id"] for event in shown["events"]] == ["a"]


def test_b3_an_erasure_reads_one_partition_of_the_index() -> None:
    store = MemoryStore()
    world = in_memory(store)
    world.order("o1", ids={"registered": "gordon"})
    for number in range(30):
        world.track(f"s{number}")
    world.drain()
    world.erase("gordon")
    read: set[str] = set()

    def record(name: str, item_keys: Sequence[Key]) -> None:
        if name == "scan":
            read.update(key.partition for key in item_keys)

    store.before = record
    world.swept()
    indexes = set(keys.active_partitions(SPACE))
    assert len(read & indexes) == 1
    rows = [key for key in world.dumped() if key.partition in indexes]
    assert len(rows) == 30
    assert "gordon" not in str(rows)
