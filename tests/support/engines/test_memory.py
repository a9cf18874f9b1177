"""The store in memory keeps DynamoDB's limits and its stream, and lets tests step in between."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hardlink.domain.records import Key
from hardlink.storage.store import (
    Absent,
    Action,
    Check,
    ConditionFailed,
    Delete,
    Patch,
    Present,
    Put,
)
from tests.support.memory_store import MemoryStore, Rejected

HEAD = Key("sessions", "shop/s1", "#")
EVENT = Key("sessions", "shop/s1", "e/1")


def other(number: int) -> Key:
    return EVENT._replace(item=f"e/{number}")


def test_every_change_of_a_head_is_a_record_and_nothing_else_is() -> None:
    store = MemoryStore()
    store.write([Put(HEAD, {"n": 1}), Put(EVENT, {})])
    store.write([Put(HEAD, {"n": 1})])  # changes nothing
    store.write([Check(HEAD, Present())])
    store.insert([(HEAD, {"n": 2})])  # is there
    assert store.changes == [("sessions", "shop/s1")]
    store.write([Patch(HEAD, {"n": 2}, Present())])
    store.write([Delete(HEAD)])
    store.write([Delete(HEAD)])
    assert store.taken() == [("sessions", "shop/s1")] * 3
    assert store.changes == []


def test_a_failed_transaction_leaves_no_record() -> None:
    store = MemoryStore()
    with pytest.raises(ConditionFailed):
        store.write([Put(HEAD, {}), Check(EVENT, Present())])
    assert store.dump() == {}
    assert store.changes == []


def test_a_snapshot_is_not_changed_by_what_comes_after() -> None:
    store = MemoryStore()
    store.write([Put(HEAD, {"n": 1})])
    before, dump = store.snapshot(), store.dump()
    for _ in range(2):
        store.write([Put(HEAD, {"n": 2}), Put(EVENT, {})])
        store.restore(before)
        assert store.dump() == dump
        assert store.changes == [("sessions", "shop/s1")]


def test_what_is_read_and_what_was_written_may_be_changed_without_harm() -> None:
    store, item = MemoryStore(), {"n": 1}
    store.write([Put(HEAD, {**item})])
    for found in (
        store.get([HEAD])[0],
        next(store.scan("sessions", "shop/s1", "#", "#"))[1],
    ):
        assert found is not None
        found["n"] = 2
    assert store.get([HEAD]) == [item]


def test_a_crash_before_a_request_leaves_the_tables_as_they_were() -> None:
    class Crash(Exception):
        pass

    def crash(request: str, keys: Sequence[Key]) -> None:
        if request == "write":
            raise Crash

    store = MemoryStore(crash)
    with pytest.raises(Crash):
        store.write([Put(HEAD, {})])
    assert store.get([HEAD]) == [None]


def test_somebody_else_may_be_quicker() -> None:
    asked: list[tuple[str, Sequence[Key]]] = []

    def quicker(request: str, keys: Sequence[Key]) -> None:
        asked.append((request, list(keys)))
        if request == "write":
            store.write([Put(HEAD, {"by": "another"})])  # is not told of itself

    store = MemoryStore(quicker)
    with pytest.raises(ConditionFailed):
        store.write([Put(HEAD, {}, Absent())])
    assert store.get([HEAD]) == [{"by": "another"}]
    assert asked == [("write", [HEAD]), ("get", [HEAD])]


def test_a_scan_is_a_request_a_page_and_an_insert_one_for_25_items() -> None:
    asked: list[str] = []
    store = MemoryStore(lambda request, _: asked.append(request))
    store.insert([(other(number), {}) for number in range(60)])
    assert asked == ["insert"] * 3
    asked.clear()
    assert len(list(store.scan("sessions", "shop/s1", "e/", "e/~", page=25))) == 60
    assert asked == ["scan"] * 3


@pytest.mark.parametrize(
    "actions",
    [
        [],
        [Put(other(number), {}) for number in range(101)],
        [Put(EVENT, {}), Delete(EVENT)],
        [Put(EVENT, {"text": "é" * 205_000})],
        [Put(other(number), {"text": "x" * 400_000}) for number in range(11)],
        [Put(EVENT._replace(item=""), {})],
        [Put(EVENT._replace(partition=""), {})],
        [Put(EVENT._replace(item="é" * 513), {})],
        [Put(EVENT._replace(partition="é" * 1025), {})],
        [Put(EVENT, {"item": "x"})],
        [Put(EVENT, {"": "x"})],
        [Put(EVENT, {"n": 10**38 + 1})],
        [Patch(EVENT, {}, Absent())],
        [Patch(EVENT, {"session": "s2"}, Absent())],
        [Patch(EVENT, {"n": 1}, Absent(), remove=("n",))],
    ],
)
def test_what_dynamodb_rejects_is_rejected(actions: list[Action]) -> None:
    store = MemoryStore()
    with pytest.raises(Rejected):
        store.write(actions)
    assert store.dump() == {}


def test_an_update_that_makes_an_item_too_large_is_rejected() -> None:
    store = MemoryStore()
    store.write([Put(EVENT, {"a": "x" * 300_000})])
    with pytest.raises(Rejected):
        store.write([Patch(EVENT, {"b": "x" * 110_000}, Present())])


def test_a_range_that_ends_before_it_begins_is_rejected() -> None:
    with pytest.raises(Rejected):
        MemoryStore().scan("sessions", "shop/s1", "b", "a")
