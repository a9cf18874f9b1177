"""Whole customers: everybody of a project and nobody else's, every event and never a part of them in silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from hardlink.domain.errors import Invalid, NotFound, TooLarge
from hardlink.domain.graph import Node, profile_node
from hardlink.domain.records import Key
from hardlink.domain.sources.registry import Sources
from hardlink.domain.times import SECOND, to_iso
from hardlink.queries.customer import Customer
from hardlink.queries.export_budget import LONGEST_READ
from hardlink.queries.export_reader import ExportReader, ExportRequest
from tests.support.memory_store import MemoryStore
from tests.support.world import SPACE, World, in_memory

GORDON = Node("registered", "gordon")
ROOMY = 10**9
EVERYTHING = ExportRequest()


def exports(world: World) -> ExportReader:
    return ExportReader(world.store, world.clock)


def everyone(world: World, project_id: str = SPACE, hint: str = "") -> list[Customer]:
    reads = exports(world)
    found = reads.read_all_customers(project_id, reads.open_budget(ROOMY, hint))
    assert all(values == reads.read_values(customer) for customer, values in found)
    return [customer for customer, _ in found]


def roots(world: World, project_id: str = SPACE) -> list[Node]:
    world.settle()
    return [customer.root for customer in everyone(world, project_id)]


def numbers(
    world: World, asked: ExportRequest = EVERYTHING, most: int = ROOMY
) -> list[int]:
    found = exports(world)
    customer = found.find_customer(SPACE, [GORDON])
    events = found.read_events(customer, asked, found.open_budget(most, "ask for less"))
    return [event["properties"]["n"] for event in events]


def visited(world: World, count: int) -> None:
    for n in range(count):
        event = {"type": "ab"[n % 2], "id": f"{n:04d}", "properties": {"n": n}}
        world.track(f"s{n % 3}", event, ids={"registered": "gordon"})
    world.settle()


# -- everybody ----------------------------------------------------------------------------------------------------


def test_everybody_is_there_once_in_the_order_in_which_they_came(world: World) -> None:
    """Known by a hard ID, by a soft one alone, by nothing; an alias and who was linked are no customers."""
    visitor = world.track("visitor")["profile"]["id"]
    world.identify("reader", ids={"email": "reader@x.org"})
    world.identify(
        "phone", ids={"registered": "gordon", "loyalty": "l1", "email": "g@x.org"}
    )
    world.identify("laptop", ids={"email": "alyx@x.org"})
    world.identify("laptop", ids={"email": "alyx@x.org", "registered": "alyx"})
    assert roots(world) == [
        profile_node(visitor),
        Node("email", "reader@x.org"),
        GORDON,
        Node("registered", "alyx"),
    ]


def test_everybody_reads_as_a_look_up_of_each_does(world: World) -> None:
    world.track("visitor")
    world.update("visitor", properties={"large": "x" * 3000, "small": 1})
    world.identify(
        "phone", ids={"registered": "gordon", "email": "g@x.org"}, segments=["vip"]
    )
    world.track("laptop")
    world.identify("laptop", ids={"email": "g@x.org"}, properties={"from": "soft"})
    world.settle()
    reads = exports(world)
    found = everyone(world)
    assert len(found) == 2
    for customer in found:
        alone = reads.find_customer(SPACE, [customer.root])
        assert reads.read_values(customer) == reads.read_values(alone)
        assert (customer.identifiers, customer.current_sessions) == (
            alone.identifiers,
            alone.current_sessions,
        )


def test_a_project_whose_name_begins_alike_is_another(world: World) -> None:
    for project_id in (SPACE, f"{SPACE}-2", SPACE[:-1]):
        declared = {"write_key": "k", "project": project_id, "policy": "move"}
        types = {"identifiers": {"registered": {"kind": "hard"}}}
        world.sources = Sources.from_declaration(
            {"projects": {project_id: types}, "sources": {"k": declared}}
        )
        elsewhere = World(world.store, list, dict, world.clock, world.sources)
        elsewhere.identify(
            f"s-{project_id}", "k", ids={"registered": f"of-{project_id}"}
        )
    for project_id in (SPACE, f"{SPACE}-2", SPACE[:-1]):
        found = everyone(world, project_id)
        assert [c.root for c in found if c.root.type == "registered"] == [
            Node("registered", f"of-{project_id}")
        ]


def test_a_link_that_is_taken_back_makes_two_customers_of_one(world: World) -> None:
    visitor = world.track("phone")["profile"]["id"]
    world.identify("phone", ids={"registered": "gordon"})
    assert roots(world) == [GORDON]
    world.unlink("phone")
    assert sorted(roots(world)) == sorted([GORDON, profile_node(visitor)])


def test_more_customers_than_there_is_room_for_are_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hardlink.queries.export_reader.MOST_READ", 1_000_000)
    world = in_memory()
    for n in range(30):
        world.update(f"s{n}", properties={f"p{m}": "x" * 1000 for m in range(60)})
    with pytest.raises(TooLarge, match="one by one"):
        everyone(world, hint="ask for them one by one")


@pytest.mark.parametrize("project_id", [SPACE, "nobody"])
def test_a_table_that_takes_too_long_to_read_is_an_error_whoever_is_in_it(
    project_id: str,
) -> None:
    def slow(request: str, _: Sequence[Key]) -> None:
        if request == "scan_all":
            world.clock.pass_(LONGEST_READ)

    world = in_memory(MemoryStore(slow))
    world.track("s")
    with pytest.raises(TooLarge, match="can be read for one answer: ask for less"):
        everyone(world, project_id, hint="ask for less")


def test_large_values_that_take_too_long_to_read_are_an_error() -> None:
    def slow(request: str, keys: Sequence[Key]) -> None:
        if any(key.item.startswith("v/") for key in keys):
            world.clock.pass_(LONGEST_READ)

    world = in_memory(MemoryStore(slow))
    for n in range(2):
        world.update(f"s{n}", properties={"a": "x" * 3000, "b": "x" * 3000})
    with pytest.raises(TooLarge, match="can be read for one answer: ask for less"):
        everyone(world, hint="ask for less")


# -- one customer -------------------------------------------------------------------------------------------------


def test_identifiers_find_one_customer_or_none_or_are_refused(world: World) -> None:
    world.identify("phone", ids={"registered": "gordon", "email": "g@x.org"})
    world.track("stranger")
    world.settle()
    found, email, nobody = exports(world), Node("email", "g@x.org"), Node("order", "1")
    assert found.find_customer(SPACE, [email, nobody, GORDON], "phone").root == GORDON
    assert found.find_customer(SPACE, [], "phone").root == GORDON
    assert found.find_customer(SPACE, [GORDON], "no such session").root == GORDON
    with pytest.raises(Invalid, match="different customers"):
        found.find_customer(SPACE, [GORDON], "stranger")
    for missing in ([], [nobody]):
        with pytest.raises(NotFound):
            found.find_customer(SPACE, missing, "no such session")


def test_devices_are_the_sessions_whose_next_event_is_the_customers(
    world: World,
) -> None:
    world.track("kept", source="split", ids={"registered": "gordon"})
    world.track("given", source="split", ids={"registered": "gordon"})
    world.track("given", source="split", ids={"registered": "alyx"})
    world.track(None, {"type": "order"}, ids={"registered": "gordon"}, server_side=True)
    world.settle()
    gordon = exports(world).find_customer(SPACE, [GORDON])
    assert {row.session for row in gordon.sessions} == {
        "kept",
        "given",
        "@registered=gordon",
    }
    assert gordon.current_sessions == ["kept"]
    assert exports(world).find_customer(SPACE, [], "given").current_sessions == [
        "given"
    ]


# -- events -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (ExportRequest(), list(range(1203))),
        (ExportRequest(newest_first=True), list(range(1202, -1, -1))),
        (ExportRequest(skip=1100, limit=50), list(range(1100, 1150))),
        (ExportRequest(types={"a"}, skip=300, limit=3), [600, 602, 604]),
        (
            ExportRequest(types={"a"}, skip=300, limit=3, newest_first=True),
            [602, 600, 598],
        ),
        (ExportRequest(types=()), []),
        (ExportRequest(limit=0), []),
    ],
)
def test_every_event_beyond_a_page_and_only_what_is_asked_for(
    asked: ExportRequest, expected: list[int]
) -> None:
    world = in_memory()
    visited(world, 1203)
    assert numbers(world, asked) == expected


def test_an_answer_is_whole_or_an_error(world: World) -> None:
    visited(world, 20)
    whole = numbers(world)
    assert whole == list(range(20))
    with pytest.raises(TooLarge, match="more than one answer can hold: ask for less"):
        numbers(world, most=2000)
    assert numbers(world, ExportRequest(skip=10, limit=4), most=2000) == whole[10:14]


def test_a_history_that_takes_too_long_to_read_is_an_error() -> None:
    world = in_memory()
    visited(world, 5)
    found = exports(world)
    customer = found.find_customer(SPACE, [GORDON])
    budget = found.open_budget(ROOMY, "ask for less")
    world.clock.pass_(LONGEST_READ + SECOND)
    with pytest.raises(TooLarge, match="can be read"):
        found.read_events(customer, ExportRequest(), budget)


# -- all that is kept of one --------------------------------------------------------------------------------------


def document(world: World, *, zipped: bool = True, **query: str) -> dict[str, Any]:
    return world.queries.export_customer(
        SPACE, "registered", "gordon", query.get, zipped=zipped
    )


def test_an_export_holds_all_that_is_reachable(world: World) -> None:
    large = "x" * 15_000
    more = {f"n{n}": large for n in range(30)}
    profile_id = world.track("s1", {"type": "view", "id": "1", "properties": more})[
        "profile"
    ]["id"]
    world.identify(
        "s1", ids={"email": "Gordon@blackmesa.com"}, properties={"city": "Tromsø"}
    )
    ids = {"registered": "gordon", "loyalty": "7", "email": "gordon@blackmesa.com"}
    said: dict[str, Any] = {
        "properties": {"bio": large},
        "segments": ["vip"],
        "traits": {"size": "M"},
    }
    world.identify("s2", ids=ids, consents={"newsletter": True}, **said)
    world.track("s2", {"type": "session_ping", "id": "2"})
    world.consent("s2", "denied")
    world.settle()
    found = document(world)
    assert found["customer"] == {"type": "registered", "value": "gordon"}
    assert found["identifiers"] == {
        "registered": ["gordon"],
        "loyalty": ["7"],
        "email": ["gordon@blackmesa.com"],
    }
    assert found["attributes"] == {"city": "Tromsø", "bio": large}
    assert (found["segments"], found["traits"]) == (["vip"], {"size": "M"})
    assert found["consents"] == {"newsletter": True, "tracking": "denied"}
    assert {(s["id"], s["tracking"]) for s in found["sessions"]} == {
        ("s1", "granted"),
        ("s2", "denied"),
    }
    assert [event["id"] for event in found["events"]] == ["1", "2"], (
        "the oldest first, none derived"
    )
    assert found["events"][0]["properties"] == more
    assert ("profile=" + profile_id, "email=gordon@blackmesa.com") in _links(found)
    assert ("email=gordon@blackmesa.com", "registered=gordon") in _links(found)
    assert all(link["evidence"] and link["rule"] for link in found["links"])


def _links(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(link["from"], link["to"]) for link in found["links"]}


def test_a_large_export_is_read_in_parts(world: World) -> None:
    times = [world.clock.now + n * SECOND for n in range(4)]
    for n, time in enumerate(times):
        bulk = {f"n{i}": "x" * 15_000 for i in range(100)}
        event = {"type": "view", "id": f"{n}", "time": to_iso(time), "properties": bulk}
        world.track("s1", event, ids={"registered": "gordon"})
    world.settle()
    with pytest.raises(TooLarge, match="since"):
        document(world, zipped=False)
    assert [event["id"] for event in document(world)["events"]] == ["0", "1", "2", "3"]
    parts = [
        document(world, zipped=False, since=to_iso(time), until=to_iso(time + SECOND))
        for time in times
    ]
    assert [[event["id"] for event in part["events"]] for part in parts] == [
        ["0"],
        ["1"],
        ["2"],
        ["3"],
    ]
    assert {part["customer"]["value"] for part in parts} == {"gordon"}


def test_nobody_has_no_export(world: World) -> None:
    with pytest.raises(NotFound):
        document(world)
