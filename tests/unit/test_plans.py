"""What a call is going to write is planned as values: sessions, links, and both in one transaction."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain import commands, times
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.domain.errors import Busy
from hardlink.domain.graph import Node, State, profile_node
from hardlink.domain.records import (
    Erased,
    Item,
    Key,
    Record,
    Session,
    erased_before,
)
from hardlink.domain.sources.registry import Sources
from hardlink.domain.values import Value
from hardlink.services.batch import Batch, parse_batch
from hardlink.services.links import last_erasure, plan_identify
from hardlink.services.sessions import Opening, Sessions, Visit
from hardlink.services.visitors import make_claim
from hardlink.storage import items, keys
from hardlink.storage.node_reader import LivingNodeReader
from hardlink.storage.store import (
    MOST_ACTIONS,
    Absent,
    Action,
    Check,
    ConditionFailed,
    Patch,
    Present,
    Put,
    Rev,
    Same,
    merged_actions,
)
from tests.support.memory_store import MemoryStore

SOURCES = Sources.from_declaration(
    {
        "projects": {
            "shop": {
                "identifiers": {
                    "registered": {"kind": "hard"},
                    "email": {"kind": "soft"},
                }
            }
        },
        "sources": {"web": {"write_key": "key", "project": "shop", "policy": "split"}},
    }
)
NOW = 1_790_000_000 * times.SECOND
CALL = Call(
    "web", SOURCES.sources["web"], SOURCES.projects["shop"], NOW, "evidence", "split"
)
GORDON, EMAIL = Node("registered", "gordon"), Node("email", "g@x.com")
P = profile_node("p")
HEAD = keys.node_head("shop", P)


def opened(
    store: MemoryStore, visit: Visit, replaces: Session | None = None
) -> Opening:
    sessions = Sessions(store, lambda: "made")
    return sessions.plan_opening(CALL, LivingNodeReader(store, "shop"), visit, replaces)


def actions_of(store: MemoryStore, opening: Opening) -> dict[Key, Action]:
    found = Sessions(store, lambda: "made").opening_actions(CALL, opening)
    assert len({action.key for action in found}) == len(found)
    return {action.key: action for action in found}


def given(store: MemoryStore, node: Node, record: Record) -> None:
    store.write([Put(keys.node_head("shop", node), items.encode_record(record))])


# -- sessions -------------------------------------------------------------------------------------


def test_an_unknown_session_is_planned_with_a_new_profile() -> None:
    store = MemoryStore()
    opening = opened(store, Visit("s", profile="never-seen"))
    assert (opening.session.profile, opening.is_new_profile) == (
        profile_node("made"),
        True,
    )
    planned = actions_of(store, opening)
    assert planned[keys.session_head("shop", "s")].when == Absent()
    assert planned[keys.node_head("shop", profile_node("made"))].when == Absent()
    assert store.dump() == {}


def test_a_session_joins_the_profile_that_the_call_names_and_holds_it_still() -> None:
    store = MemoryStore()
    given(store, P, Record(State(rev=3), NOW, denied=False))
    opening = opened(store, Visit("s", profile="p"))
    assert (opening.session.profile, opening.is_new_profile) == (P, False)
    assert actions_of(store, opening)[HEAD] == Check(HEAD, Rev(3))


def test_a_forwarded_profile_counts_before_the_profile_of_the_call_but_only_if_it_exists() -> (
    None
):
    store = MemoryStore()
    given(store, P, Record(State(rev=1), NOW))
    visit = Visit("s", profile="p", forwarded_profile="other")
    assert opened(store, visit).session.profile == P
    given(store, profile_node("other"), Record(State(rev=1), NOW))
    assert opened(store, visit).session.profile == profile_node("other")


def test_the_session_of_a_visitor_who_opted_out_is_planned_as_denied() -> None:
    store = MemoryStore()
    given(store, P, Record(State(rev=1), NOW, denied=True))
    opening = opened(store, Visit("s", profile="p"))
    assert opening.session.denied
    assert opening.without_session().profile == P


def test_a_session_in_place_of_an_erased_one_holds_the_erasure_still() -> None:
    store = MemoryStore()
    erased = Session(
        "s",
        P,
        "web",
        0,
        0,
        0,
        erased=(erased_before(NOW - 5),),
        is_erased=True,
        denied=True,
    )
    opening = opened(store, Visit("s"), erased)
    assert opening.session.erased == (erased_before(NOW - 5),)
    assert opening.session.denied
    assert not opened(store, Visit("s", opts_in=True), erased).session.denied
    head = keys.session_head("shop", "s")
    assert actions_of(store, opening)[head].when == Same("erased_at", NOW - 5)


def test_a_profile_whose_erasure_has_begun_is_joined_by_its_successor_alone() -> None:
    store = MemoryStore()
    given(store, P, Record(State(rev=2), erasing_since=NOW - 9))
    with pytest.raises(Busy):
        opened(store, Visit("s", profile="p"))
    tombstone: Item = {"at": NOW - 9, "successor_seed": "random"}
    store.write([Put(keys.tombstone("shop", P), tombstone)])
    opening = opened(store, Visit("s", profile="p"))
    assert opening.session.profile not in (P, profile_node("made"))
    assert opening.session.erased == (erased_before(NOW - 8),)
    assert opened(store, Visit("s", profile="p")) == opening


# -- links ----------------------------------------------------------------------------------------


def linked(
    reader: LivingNodeReader, values: dict[tuple[Any, str], Value], reserved: int = 0
) -> Any:
    claim = make_claim(CALL, P, (GORDON, EMAIL), None)
    return plan_identify(CALL, reader, claim, values, reserved=reserved)


def with_new_profile(store: MemoryStore) -> LivingNodeReader:
    reader = LivingNodeReader(store, "shop")
    reader.create(P, Record())
    return reader


def test_opening_and_linking_a_session_is_one_transaction_with_every_item_once() -> (
    None
):
    store = MemoryStore()
    sessions = Sessions(store, lambda: "p")
    reader = LivingNodeReader(store, "shop")
    opening = sessions.plan_opening(CALL, reader, Visit("s"), None)
    plan = linked(reader, {("attributes", "color"): Value(NOW, '"red"')})
    together = merged_actions(sessions.opening_actions(CALL, opening), plan.actions)
    assert len({action.key for action in together}) == len(together)
    (head,) = [action for action in together if action.key == HEAD]
    assert isinstance(head, Put)
    record = items.decode_record(head.item)
    assert (record.state.rev, record.state.link, record.created) == (1, GORDON, NOW)
    store.write(together)
    with pytest.raises(ConditionFailed):
        store.write(together)


def test_values_without_room_in_the_transaction_are_written_after_it() -> None:
    values = {
        ("attributes", f"a{n}"): Value(NOW, '"' + "x" * 2000 + '"') for n in range(50)
    }
    plan = linked(with_new_profile(MemoryStore()), values)
    assert len(plan.actions) <= MOST_ACTIONS
    assert [len(portion) for portion in plan.later_values] == [20]
    crowded = linked(with_new_profile(MemoryStore()), values, reserved=85)
    assert len(crowded.actions) + 85 <= MOST_ACTIONS
    assert sum(map(len, crowded.later_values)) > 20
    full = linked(with_new_profile(MemoryStore()), values, reserved=MOST_ACTIONS)
    assert sum(map(len, full.later_values)) == 50


def test_a_name_is_erased_from_the_time_on_at_which_it_was_erased() -> None:
    store = MemoryStore()
    store.write([Put(keys.tombstone("shop", EMAIL), {"at": 50})])
    given(store, GORDON, Record(State(rev=1), 1, erased=(Erased(70, 80, 90),)))
    reader = LivingNodeReader(store, "shop")
    found = [last_erasure(reader, [GORDON, EMAIL], time) for time in (50, 51, 75, 80)]
    assert found == [50, None, 75, None]


# -- both in one transaction ----------------------------------------------------------------------


def test_of_two_actions_on_one_item_the_write_stays() -> None:
    put, check = Put(HEAD, {"rev": 2}, Rev(1)), Check(HEAD, Rev(1))
    assert merged_actions([check], [put]) == [put]
    assert merged_actions([put], [check]) == [put]
    assert merged_actions([check], [check]) == [check]
    new = Put(HEAD, {"rev": 1}, Absent())
    linked_too = Put(HEAD, {"rev": 1, "link": "x=y"}, Rev(0))
    assert merged_actions([new], [linked_too]) == [linked_too]


def test_plans_upon_different_revisions_are_not_merged() -> None:
    with pytest.raises(ConditionFailed):
        merged_actions([Check(HEAD, Rev(1))], [Put(HEAD, {"rev": 3}, Rev(2))])
    with pytest.raises(ConditionFailed):
        merged_actions([Check(HEAD, Rev(1))], [Patch(HEAD, {}, Present())])


# -- a batch goes from value to value -------------------------------------------------------------


def parsed(*events: Any) -> Batch:
    return parse_batch(commands.read(Track, {"source": "web", "events": list(events)}))


def test_a_batch_has_a_verdict_for_every_event_in_order() -> None:
    batch = parsed(
        {"type": "a", "id": "1"},
        {"type": ""},
        5,
        {"type": "b", "options": {"save": False}},
    )
    assert [verdict.status for verdict in batch.verdicts] == [
        "stored",
        "rejected",
        "rejected",
        "dropped",
    ]
    assert [one.number for one in batch.events] == [0]


def test_dropping_makes_another_batch() -> None:
    batch = parsed({"type": "a"}, {"type": "b", "time": times.to_iso(NOW - 100)})
    session = Session("s", P, "web", 0, 0, 0, erased=(erased_before(NOW - 50),))
    rest = batch.without_erased(CALL, session)
    assert [one.number for one in rest.events] == [0]
    assert [verdict.status for verdict in rest.verdicts] == ["stored", "dropped"]
    assert not rest.is_erased
    assert rest.drop("why").verdicts[0].reason == "why"
    assert len(batch.events) == 2


def test_a_batch_that_predates_an_erasure_whole_is_erased() -> None:
    batch = parsed({"type": "b", "time": times.to_iso(NOW - 100)})
    session = Session("s", P, "web", 0, 0, 0, erased=(erased_before(NOW - 50),))
    assert batch.without_erased(CALL, session).is_erased
    assert not parsed().without_erased(CALL, session).is_erased
