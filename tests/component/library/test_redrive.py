"""Redrive: rows that are missing, stale, wrong or too many are as they were, and it says what it did."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.stub import Stubber

from hardlink.domain.errors import Busy
from hardlink.domain.graph import Node, profile_node
from hardlink.domain.records import Item, Key, Table
from hardlink.domain.times import HOUR, to_iso
from hardlink.storage import keys
from hardlink.storage.keys import HEAD, SESSION_CUSTOMER
from hardlink.storage.store import Delete, Part, Put, Store
from infra import topology
from infra.operations.redrive import command
from infra.operations.redrive.command import RedriveTarget, UnusableArguments
from infra.operations.redrive.recompute import NotFound, Outcome, Redrive
from tests.support.engines.tables import Engine
from tests.support.memory_store import Dump, MemoryStore
from tests.support.world import HARD_TYPES, SPACE, START, World, in_memory

SEEDS = range(30)
DERIVED = ("s/", "p/", "u/", "h/")
NOBODY = f"{SPACE}/registered=nobody"
SOURCES = """
[projects.shop.identifiers]
registered = {kind = "hard"}
loyalty = {kind = "hard"}
email = {kind = "soft", email = true}
card = {kind = "soft"}
[sources.web]
write_key = "web-key"
project = "shop"
origins = []
"""


def busy(world: World) -> None:
    """Customers with a split, a soft identifier between, two hard types, several sessions, and who is nobody yet."""
    world.track("s1", {"type": "view", "id": "a"})
    world.identify("s1", "split", ids={"registered": "gordon", "loyalty": "L1"})
    shared = world.track("s1", {"type": "view", "id": "b"})["profile"]["id"]
    world.identify(
        "s1", "split", ids={"registered": "alyx", "card": "C1"}, properties={"a": 1}
    )
    world.track("s2", {"type": "view", "id": "c", "time": to_iso(START - HOUR)})
    world.identify("s2", ids={"email": "b@x.com"})
    world.update("s2", properties={"color": "red"})
    world.drain()
    world.identify("s3", ids={"registered": "barney", "email": "b@x.com"})
    world.track("s4", {"type": "view", "id": "d"})
    world.track("s5", {"type": "view", "id": "e"}, profile={"id": shared})
    world.settle()


def damage(dump: dict[Key, Item], random: Random) -> list[Put | Delete]:
    """List changes that damage derived rows: lost, outdated, wrong or superfluous rows."""
    found: list[Put | Delete] = []
    for key, item in dump.items():
        if key.table == "customers" and key.item[:2] in DERIVED:
            found += random.choice([_kept, _lost, _wrong, _too_many])(key, item)
        elif key.table == "sessions" and key.item == HEAD:
            copy = key._replace(item=SESSION_CUSTOMER)
            found += random.choice([_kept, _says_another, _lost])(copy, item)
    return found


def _kept(key: Key, item: Item) -> list[Put | Delete]:
    return []


def _lost(key: Key, item: Item) -> list[Put | Delete]:
    return [Delete(key)]


def _wrong(key: Key, item: Item) -> list[Put | Delete]:
    """A home says nothing, so it says nothing wrong."""
    changes: dict[str, Item] = {
        "s/": {"latest": 0},
        "p/": {"intervals": "[[5,6]]"},
        "u/": {"values": "[]"},
    }
    change = changes.get(key.item[:2])
    return [Put(key, {**item, **change})] if change else []


def _too_many(key: Key, item: Item) -> list[Put | Delete]:
    if key.item.startswith("h/"):
        return [Put(key._replace(item="h/registered=nobody"), item)]
    return [Put(key._replace(partition=NOBODY), item)]


def _says_another(key: Key, item: Item) -> list[Put | Delete]:
    return [Put(key, {"customer": "registered=nobody"})]


def derived(store: MemoryStore) -> list[Key]:
    """The rows that association writes under customers and profiles."""
    return [k for k in store.dump() if k.table == "customers" and k.item[:2] in DERIVED]


def written(found: list[Outcome]) -> int:
    assert [one.error for one in found] == [None] * len(found)
    return sum(one.written.total() for one in found)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_rows_were_lost_or_changed_all_is_as_it_was(seed: int) -> None:
    store = MemoryStore()
    busy(in_memory(store))
    _all_is_as_it_was(store, store.dump, seed)


def test_so_it_is_on_every_engine(engine: Engine) -> None:
    busy(engine.world())
    _all_is_as_it_was(engine.store, engine.dump, seed=1)


def _all_is_as_it_was(store: Store, dump: Callable[[], Dump], seed: int) -> None:
    before = dump()
    for change in damage(before, Random(seed)):
        store.write([change])
    damaged = dump()
    assert damaged != before
    assert written(list(Redrive(store, HARD_TYPES, dry_run=True).run_all())) > 0
    assert dump() == damaged
    assert written(list(Redrive(store, HARD_TYPES).run_all())) > 0
    assert dump() == before
    assert written(list(Redrive(store, HARD_TYPES).run_all())) == 0


def test_all_that_lost_records_would_have_done_is_done(engine: Engine) -> None:
    world = engine.world()
    world.track("s1", {"type": "view", "id": "a"})
    world.identify("s1", ids={"registered": "gordon"})
    world.track("s2", {"type": "view", "id": "b"})
    world.identify("s2", ids={"registered": "gordon", "email": "g@x.com"})
    list(engine.taken())  # nobody delivers these
    assert world.timeline("gordon") == []
    assert written(list(Redrive(engine.store, HARD_TYPES).run_all())) > 0
    assert set(world.timeline("gordon")) == {"a", "b"}
    world.check()


def test_every_part_together_is_all_and_each_node_is_looked_at_once() -> None:
    store = MemoryStore()
    world = in_memory(store)
    busy(world)
    rows = derived(store)
    before = store.dump()
    for key in rows:
        store.write([Delete(key)])
    work = Redrive(store, HARD_TYPES)
    parts = [list(work.run_all([SPACE], Part(number, 5))) for number in range(5)]
    assert store.dump() == before
    nodes = [key for key in before if key.item == HEAD and key.table == "customers"]
    soft = [key for key in nodes if "registered=" not in key.partition]
    looked = [one.key for part in parts for one in part]
    hidden = {
        keys.hashed_partition(key.partition)
        for key in soft
        if "loyalty=" not in key.partition
    }
    assert sorted(looked) == sorted(hidden)
    assert list(Redrive(store, HARD_TYPES).run_all(["another"])) == []


@pytest.mark.parametrize(
    "choose",
    [
        lambda work: work.run_session(SPACE, "s2"),
        lambda work: work.run_customer(SPACE, Node("email", "b@x.com")),
        lambda work: work.run_customer(SPACE, Node("registered", "barney")),
    ],
)
def test_one_visitor_is_mended_alone(
    choose: Callable[[Redrive], Iterator[Outcome]],
) -> None:
    store = MemoryStore()
    busy(in_memory(store))
    before = store.dump()
    theirs = keys.root_session(SPACE, Node("registered", "barney"), "s2")
    other = keys.root_session(SPACE, Node("registered", "alyx"), "s1")
    for key in (theirs, other):
        store.write([Delete(key)])
    assert written(list(choose(Redrive(store, HARD_TYPES)))) == 1
    assert store.dump() == {key: item for key, item in before.items() if key != other}


def test_who_is_not_there_is_named() -> None:
    work = Redrive(MemoryStore(), HARD_TYPES)
    with pytest.raises(NotFound, match="no session 's1'"):
        list(work.run_session(SPACE, "s1"))
    with pytest.raises(
        NotFound, match="no customer has the identifier registered=gordon"
    ):
        list(work.run_customer(SPACE, Node("registered", "gordon")))


def test_one_that_can_not_be_read_ends_nothing_and_is_told() -> None:
    store = MemoryStore()
    world = in_memory(store)
    busy(world)
    before = store.dump()
    broken = keys.node_head(SPACE, profile_node(world.session("s4")["profile"]["id"]))
    store.write([Put(broken, {"known": True})])
    for key in derived(store):
        store.write([Delete(key)])
    found = list(Redrive(store, HARD_TYPES).run_all())
    (failed,) = (one for one in found if one.error)
    assert failed.key == keys.hashed_partition(broken.partition)
    assert isinstance(failed.error, KeyError)
    assert {**store.dump(), broken: before[broken]} == before


@pytest.mark.parametrize(
    ("ids", "reads"),
    [
        pytest.param({}, 5, id="nobody knows them"),
        pytest.param({"registered": "g{}"}, 7, id="customers"),
        pytest.param(
            {"registered": "g{}", "email": "g{}@x.com"},
            12,
            id="with an address between",
        ),
    ],
)
def test_so_many_reads_a_visitor(ids: dict[str, str], reads: int) -> None:
    store = MemoryStore()
    world = in_memory(store)
    for number in range(20):
        world.track(f"s{number}", {"type": "view", "id": "a"})
        if ids:
            world.identify(
                f"s{number}", ids={t: v.format(number) for t, v in ids.items()}
            )
    world.settle()
    asked: list[str] = []
    store.before = lambda request, _: asked.append(request)
    list(Redrive(store, HARD_TYPES).run_all())
    assert len(asked) // 20 == reads


class Crash(BaseException):
    """The process ends here."""


def test_a_crash_anywhere_leaves_what_the_next_run_finishes() -> None:
    store = MemoryStore()
    busy(in_memory(store))
    before = store.dump()
    for change in damage(before, Random(1)):
        store.write([change])
    damaged = store.snapshot()
    for survived in range(10_000):
        store.restore(damaged)
        left = iter(range(survived))

        def crash(request: str, _: object, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Crash

        store.before = crash
        try:
            list(Redrive(store, HARD_TYPES).run_all())
        except Crash:
            store.before = None
            list(Redrive(store, HARD_TYPES).run_all())
            assert store.dump() == before
        else:
            break
    assert survived > 20


# -- erasures that were begun and whose message was lost ---------------------------------------------------------


def erased(world: World, *customers: str) -> list[str]:
    """Customers whose erasure began and of which nobody heard; answers the receipts."""
    for number, customer in enumerate(customers):
        world.track(f"s{number}", {"type": "view", "id": f"v{number}"})
        world.identify(f"s{number}", ids={"registered": customer})
    world.drain()
    found = [world.erase(customer) for customer in customers]
    world.drain()
    return found


def test_an_erasure_of_which_nobody_heard_is_carried_out(engine: Engine) -> None:
    world = engine.world()
    first, second = erased(world, "gordon", "alyx")
    world.track("s9", {"type": "view", "id": "v9"})
    before = engine.dump()
    dry = Redrive(
        engine.store,
        HARD_TYPES,
        dry_run=True,
        clock=world.clock,
        pause=world.clock.pass_,
    )
    assert written(list(dry.run_all())) == 2
    assert engine.dump() == before
    work = Redrive(engine.store, HARD_TYPES, clock=world.clock, pause=world.clock.pass_)
    told = [one for one in work.run_all() if one.written]
    item_keys = {
        keys.hashed_partition(keys.erasure_item(SPACE, id_).partition)
        for id_ in (first, second)
    }
    assert {one.key for one in told} == item_keys
    assert {str(dict(one.written)) for one in told} == {"{'erasure carried out': 1}"}
    for receipt in map(world.receipt, (first, second)):
        assert receipt["state"] == "done"
        assert receipt["removed"]["events"] == 1
    assert world.session_events("s9")
    world.check()
    assert written(list(work.run_all())) == 0


def test_no_node_is_taken_for_an_erasures_own() -> None:
    store = MemoryStore()
    world = in_memory(store)
    erased(world, "gordon")
    world.identify("~", ids={"registered": "barney"})  # nobody delivers this
    told = [
        one.key
        for one in Redrive(store, HARD_TYPES, dry_run=True).run_all()
        if one.written
    ]
    assert len(told) == len(set(told)) == 2


def test_one_erasure_alone_is_carried_out() -> None:
    store = MemoryStore()
    world = in_memory(store)
    first, second = erased(world, "gordon", "alyx")
    work = Redrive(store, HARD_TYPES, clock=world.clock, pause=world.clock.pass_)
    assert written(list(work.run_erasure(SPACE, first))) == 1
    assert [world.receipt(id_)["state"] for id_ in (first, second)] == [
        "done",
        "running",
    ]
    assert list(work.run_erasure(SPACE, first)) == []
    with pytest.raises(NotFound, match="no erasure 'e1'"):
        list(work.run_erasure(SPACE, "e1"))


def test_an_erasure_that_can_not_be_carried_out_ends_nothing_and_is_told() -> None:
    store = MemoryStore()
    world = in_memory(store)
    first, second = erased(world, "gordon", "alyx")
    store.write([Put(keys.erasure_item(SPACE, first, "s/broken"), {})])
    work = Redrive(store, HARD_TYPES, clock=world.clock, pause=world.clock.pass_)
    (failed,) = (one for one in work.run_all() if one.error)
    assert failed.key == keys.hashed_partition(
        keys.erasure_item(SPACE, first).partition
    )
    assert [world.receipt(id_)["state"] for id_ in (first, second)] == [
        "running",
        "done",
    ]


# -- by hand ------------------------------------------------------------------------------------------------------


@pytest.fixture
def run(local: Engine, tmp_path: Path) -> Callable[..., int]:
    """The command, on the tables of a test."""
    sources = tmp_path / "sources.toml"
    sources.write_text(SOURCES)
    where = [
        *("--sessions-table", local.names["sessions"]),
        *("--customers-table", local.names["customers"]),
        *("--events-table", local.names["events"]),
        *("--endpoint", local.client.meta.endpoint_url),
        *("--sources", str(sources), "--parts", "3"),
    ]
    return lambda *more: command.main([*where, *more])


def test_by_hand(
    local: Engine, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    world = local.world()
    busy(world)
    before = local.dump()
    gone = keys.root_session(SPACE, Node("registered", "barney"), "s2")
    local.store.write([Delete(gone)])
    assert run("--dry-run") == 0
    told = capsys.readouterr().out
    assert re.search(r"would repair [0-9a-f]{16}: 1 x session row written\n", told)
    assert "would repair 1: 1 x session row written" in told
    assert "barney" not in told
    assert gone not in local.dump()
    assert run() == 0
    told = capsys.readouterr().out
    assert re.search(
        r"checked \d+ nodes and erasures, repaired 1: 1 x session row written\n", told
    )
    assert "part 3 of 3 is done" in told
    assert local.dump() == before
    assert run("--from-part", "1") == 0
    assert re.search(
        r"checked \d+ nodes and erasures, repaired 0: nothing to do\n",
        capsys.readouterr().out,
    )
    local.store.write([Delete(gone)])
    assert (
        run("--project", SPACE, "--session", "s2", "--customer", "registered=barney")
        == 0
    )
    assert "repaired 1: 1 x session row written" in capsys.readouterr().out
    assert local.dump() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--session", "s1"], "say in which project"),
        (["--project", "none"], "no project none"),
        (["--project", SPACE, "--customer", "gordon"], "TYPE=VALUE"),
        (["--project", SPACE, "--session", "unknown"], "no session 'unknown'"),
        (["--erasure", "e1"], "say in which project"),
        (["--project", SPACE, "--erasure", "e1"], "no erasure 'e1'"),
        (["--from-part", "4"], "there are 3 parts"),
    ],
)
def test_what_can_not_be_done_is_said(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    assert run(*arguments) == 1
    assert said in capsys.readouterr().err


def test_it_has_to_be_told_where(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 1
    assert "--stack" in capsys.readouterr().err


def test_what_fails_ends_with_1_and_is_told(
    local: Engine, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    profile_ = local.world().track("s1")["profile"]["id"]
    local.store.write(
        [Put(keys.node_head(SPACE, profile_node(profile_)), {"known": True})]
    )
    assert run() == 1
    told = capsys.readouterr().out
    assert "failed" in told
    assert "1 failed" in told


def test_tables_that_do_not_answer_are_told(
    run: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy_(*_: object) -> None:
        raise Busy("too busy")

    monkeypatch.setattr(Redrive, "run_all", busy_)
    assert run() == 1
    assert "too busy" in capsys.readouterr().err


# -- a deployed stack ---------------------------------------------------------------------------------------------


def stack(*resources: tuple[str, str, str]) -> tuple[Any, Any]:
    """Clients of an account with a stack of these resources: logical ID, type, name."""
    session = botocore.session.get_session()
    formation, functions = (
        session.create_client("cloudformation"),
        boto3.client("lambda"),
    )
    listed = [
        {
            "LogicalResourceId": logical,
            "ResourceType": type_,
            "PhysicalResourceId": name,
            "ResourceStatus": "CREATE_COMPLETE",
            "LastUpdatedTimestamp": "2026-01-01T00:00:00Z",
        }
        for logical, type_, name in resources
    ]
    asked = Stubber(formation)
    asked.add_response(
        "list_stack_resources",
        {"StackResourceSummaries": listed},
        {"StackName": "hardlink-dev"},
    )
    asked.activate()
    configured = {
        "HARDLINK_SESSIONS_TABLE": "S",
        "HARDLINK_CUSTOMERS_TABLE": "C",
        "HARDLINK_EVENTS_TABLE": "E",
        "HARDLINK_SOURCES_HASH": topology.hash_sources(topology.SOURCES),
    }
    told = Stubber(functions)
    told.add_response(
        "get_function_configuration",
        {"Environment": {"Variables": configured}},
        {"FunctionName": "associates"},
    )
    told.activate()
    return formation, functions


def test_a_stack_is_looked_at_where_its_function_does() -> None:
    clients = stack(
        ("FunctionsAssociateFunctionLogs1", "AWS::Logs::LogGroup", "logs"),
        ("FunctionsTrackFunction2", "AWS::Lambda::Function", "tracks"),
        ("FunctionsAssociateFunction3", "AWS::Lambda::Function", "associates"),
    )
    names: dict[Table, str] = {"sessions": "S", "customers": "C", "events": "E"}
    expected = RedriveTarget(names, {"demo": frozenset({"registered"})})
    found = command.find_target("hardlink-dev", topology.SOURCES, *clients)
    assert found == expected


def test_other_sources_than_the_deployed_ones_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "sources.toml"
    text = topology.SOURCES.read_text(encoding="utf-8")
    other.write_text(f"{text}\n# changed", encoding="utf-8")
    clients = stack(
        ("FunctionsAssociateFunction3", "AWS::Lambda::Function", "associates"),
    )
    with pytest.raises(UnusableArguments, match="is not the file"):
        command.find_target("hardlink-dev", other, *clients)


def test_another_stack_is_none() -> None:
    with pytest.raises(UnusableArguments, match="is it a Hardlink"):
        command.find_target(
            "hardlink-dev",
            topology.SOURCES,
            *stack(("Other", "AWS::Lambda::Function", "other")),
        )
