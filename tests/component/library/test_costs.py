"""What calls cost in requests to DynamoDB: counted at the client, not believed."""

from __future__ import annotations

from collections import Counter

import pytest

from dialects.content_ids import ContentIds
from dialects.exponea.answers import Verdict
from dialects.exponea.commands import Context, translate_command
from dialects.exponea.executor import Executor
from dialects.exponea.requests import RawCommand, read_commands
from dialects.exponea.system_commands import BulkCommand
from hardlink.domain.records import Item, Key, Session
from hardlink.domain.times import HOUR, to_iso
from hardlink.services import sessions
from hardlink.storage import dynamodb, event_store, keys
from hardlink.storage.sessions import find_session
from hardlink.storage.store import Store
from tests.support.engines.tables import Engine
from tests.support.world import SPACE, START, World


def view(id_: str) -> dict[str, str]:
    """An event as the SDKs send it: its ID and its time tell whether it is stored already."""
    return {"type": "view", "id": id_, "time": to_iso(START)}


def writes(found: Counter[str]) -> dict[str, int]:
    return {
        name: count
        for name, count in found.items()
        if "Get" not in name and "Query" not in name
    }


def test_a_steady_track_call_is_one_consistent_read_and_one_write(
    engine: Engine,
) -> None:
    world = engine.world()
    world.track("s1", view("first"))
    world.track("s1", view("raises the bound of the visit, once in half an hour"))
    with engine.counted() as found:
        world.track("s1", view("a"))
    assert found == {"ConsistentGetItem": 1, "PutItem": 1}
    with engine.counted() as found:
        world.track("s1", *(view(f"b{number}") for number in range(25)))
    assert found == {"ConsistentGetItem": 1, "BatchExecuteStatement": 1}


def test_an_id_without_a_time_costs_one_write_more(engine: Engine) -> None:
    """It has a row of its own, as nothing else tells at what time it was stored."""
    world = engine.world()
    world.track("s1", view("first"))
    world.track("s1", view("raises the bound of the visit, once in half an hour"))
    event = {"type": "view", "id": "a"}
    with engine.counted() as found:
        assert world.track("s1", event)["results"][0]["status"] == "stored"
    assert found == {"ConsistentGetItem": 1, "PutItem": 2}
    assert world.track("s1", event)["results"][0]["status"] == "duplicate"


BULK = [
    {"name": "crm/customers", "data": {"properties": {"color": "red"}}},
    {"name": "crm/events", "data": {"type": "view", "timestamp": 1764000000}},
    {"name": "crm/customers", "data": {"properties": {"size": 42}}},
    {"name": "crm/events", "data": {"type": "view", "age": 3}},
]
"""Exponea's web SDK: neighbours that differ, so that each is a command of its own."""


def execute_bulk(world: World, cookie: str) -> list[Verdict]:
    """Execute the bulk as `/bulk` does."""
    context = Context(world.clock(), ContentIds(), cookie)

    def translate(raw: RawCommand) -> BulkCommand:
        return BulkCommand(command=translate_command(raw, "split", context))

    executor = Executor(world.service, lambda _: world.service.call("split"))
    return executor.execute(read_commands({"commands": BULK}), translate)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_bulk_of_several_commands_reads_its_session_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, *, is_known: bool
) -> None:
    world = engine.world()
    if is_known:
        world.track("s1", view("a"))
    read: list[str] = []

    def record(store: Store, project: str, id_: str) -> Session | None:
        read.append(id_)
        return find_session(store, project, id_)

    monkeypatch.setattr(sessions, "find_session", record)
    assert [verdict.stored for verdict in execute_bulk(world, "s1")] == [True] * 4
    assert read == ["s1"]
    assert len(world.session_events("s1")) == 2 + is_known


def test_a_command_that_loses_a_race_reads_its_session_anew(engine: Engine) -> None:
    world = engine.world()
    world.track("s1", view("a"))
    call = world.service.call("split")._replace(sessions={})
    reader = sessions.Sessions(world.store, lambda: "id")
    stored = reader.recall(call, "s1")
    assert stored
    remembered = stored._replace(denied=True)
    sessions.remember_session(call, remembered)
    assert reader.recall(call, "s1") == remembered
    assert reader.recall(call, "s1") == stored


def test_the_first_call_of_a_visitor_is_one_transaction_more(engine: Engine) -> None:
    world = engine.world()
    with engine.counted() as found:
        world.track("s1", view("a"))
    assert writes(found) == {"TransactWriteItems": 1, "PutItem": 2}


def test_an_ordinary_update_is_one_write(engine: Engine) -> None:
    world = engine.world()
    world.track("s1", view("a"))
    with engine.counted() as found:
        world.update("s1", properties={"color": "red", "size": 42})
    assert writes(found) == {"PutItem": 1}
    world.identify("s1", ids={"registered": "gordon"})
    with engine.counted() as found:
        world.update("s1", properties={"color": "green"})
    assert sum(writes(found).values()) == 1
    with engine.counted() as found:
        world.update(None, ids={"registered": "gordon"}, properties={"color": "blue"})
    assert sum(writes(found).values()) == 1


def test_identify_is_one_transaction_and_nothing_when_it_says_what_is_so(
    engine: Engine,
) -> None:
    world = engine.world()
    world.track("s1", view("a"))
    for expected in ({"TransactWriteItems": 1}, {}):
        with engine.counted() as found:
            world.identify("s1", ids={"registered": "gordon", "email": "g@x.com"})
        assert writes(found) == expected


def test_everything_that_decides_is_read_consistently(engine: Engine) -> None:
    world = engine.world()
    with engine.counted() as found:
        world.track("s1", view("a"))
        world.identify("s1", ids={"registered": "gordon", "email": "g@x.com"})
        world.update("s1", properties={"color": "red"})
        world.identify("s1", "split", ids={"registered": "alyx"})
        world.drain()
        world.unlink("s1")
        world.drain()
    assert not found.keys() & {"GetItem", "BatchGetItem", "Query", "Scan"}


def test_what_association_writes_does_not_wake_it_again(engine: Engine) -> None:
    world = engine.world()
    visitor = world.track("s1", view("a"))["profile"]
    world.track("s2", view("b"), profile=visitor)
    world.drain()
    world.identify("s1", ids={"registered": "gordon", "email": "g@x.com"})
    for table, partition in list(world.taken()):
        world.association.handle_change(table, partition)
    assert list(world.taken()) == []
    assert world.sessions("gordon") == {"s1", "s2"}
    world.check()
    world.unlink("s1")
    for table, partition in list(world.taken()):
        world.association.handle_change(table, partition)
    assert list(world.taken()) == []
    world.check()


def test_an_association_costs_the_same_for_ten_events_as_for_a_thousand(
    moto: Engine,
) -> None:
    few, many = (_requests(moto, "split", events) for events in (10, 1000))
    assert few == many
    assert writes(few)["TransactWriteItems"] >= 4


def test_and_the_same_for_five_thousand(local: Engine) -> None:
    few, many, most = (_requests(local, "move", events) for events in (10, 1000, 5000))
    assert few == many == most
    assert writes(few)["TransactWriteItems"] >= 4


def _requests(engine: Engine, policy: str, events: int) -> Counter[str]:
    """All requests of linking a visitor with so many events, of linking it anew, and of associating it twice."""
    world, session = engine.world(), f"{policy}-{events}"
    world.track(session, {"type": "view", "id": "e0", "time": to_iso(START - HOUR)})
    _copy_event(engine, session, events)
    world.drain()
    before = _events(engine, session)
    with engine.counted() as found:
        for customer in ("gordon", "alyx"):
            world.identify(session, policy, ids={"registered": f"{session}-{customer}"})
            world.drain()
    assert len(before) == events
    assert _events(engine, session) == before  # I2: no event is ever rewritten
    return found


def _copy_event(engine: Engine, session: str, events: int) -> None:
    """Give a session as many events as that, past the service, which takes its time for thousands."""
    first = engine.store.scan("events", f"{SPACE}/{session}", "e/", "e/~")
    key, item = next(first)
    time = event_store.received_at(key, item) - HOUR
    table = engine.names["events"]
    item_keys = [
        keys.session_event(SPACE, session, time - number, "copy")
        for number in range(1, events)
    ]
    raws = [dynamodb._encode_key(key) | dynamodb._encode(item) for key in item_keys]
    for start in range(0, len(raws), 25):
        puts = [{"PutRequest": {"Item": raw}} for raw in raws[start : start + 25]]
        engine.client.batch_write_item(RequestItems={table: puts})


def _events(engine: Engine, session: str) -> list[tuple[Key, Item]]:
    return list(engine.store.scan("events", f"{SPACE}/{session}", "e/", "e/~"))


def test_an_identify_of_an_unknown_session_is_one_transaction_and_five_requests_at_most(
    engine: Engine,
) -> None:
    world = engine.world()
    with engine.counted() as found:
        world.identify("s1", ids={"registered": "gordon"})
    assert found == {
        "ConsistentGetItem": 1,
        "ConsistentBatchGetItem": 1,
        "TransactWriteItems": 1,
        "PutItem": 1,  # the index of active sessions, as with every first call
    }
    with engine.counted() as found:
        world.identify(
            "s2", ids={"registered": "gordon", "email": "gordon@blackmesa.com"}
        )
    assert writes(found) == {"TransactWriteItems": 1, "PutItem": 1}
    assert sum(found.values()) <= 5


def test_a_first_track_with_identifiers_reads_its_session_once(engine: Engine) -> None:
    world = engine.world()
    with engine.counted() as found:
        world.track("s1", view("a"), ids={"registered": "gordon"})
    assert writes(found) == {"TransactWriteItems": 1, "PutItem": 2}
    assert found["ConsistentGetItem"] == 1


def test_a_first_track_reads_its_session_once(engine: Engine) -> None:
    world = engine.world()
    with engine.counted() as found:
        world.track("s1", view("a"))
    assert found == {"ConsistentGetItem": 1, "TransactWriteItems": 1, "PutItem": 2}


def test_a_first_consent_is_one_read_and_one_transaction(engine: Engine) -> None:
    world = engine.world()
    with engine.counted() as found:
        world.consent("s1", "denied")
    assert found == {"ConsistentGetItem": 1, "TransactWriteItems": 1, "PutItem": 1}


def test_a_first_update_is_one_read_and_one_transaction(engine: Engine) -> None:
    world = engine.world()
    with engine.counted() as found:
        world.update("s1", properties={"color": "red"})
    assert found == {"ConsistentGetItem": 1, "TransactWriteItems": 1, "PutItem": 1}


def test_a_call_without_a_session_does_not_read_the_one_that_is_made(
    engine: Engine,
) -> None:
    world = engine.world()
    with engine.counted() as found:
        world.track(None, view("a"))
    assert found == {"TransactWriteItems": 1, "PutItem": 2}


def test_an_identify_that_names_a_profile_reads_it_along_with_the_identifiers(
    engine: Engine,
) -> None:
    world = engine.world()
    profile = world.track("s1", view("a"))["profile"]
    with engine.counted() as found:
        world.identify("s2", ids={"registered": "gordon"}, profile=profile)
    assert found == {
        "ConsistentGetItem": 1,
        "ConsistentBatchGetItem": 1,
        "TransactWriteItems": 1,
        "PutItem": 1,  # the index of active sessions, as with every first call
    }
