"""What the library may rely on, held by every store alike: memory, moto, and Amazon's own engine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hardlink.domain.records import Attribute, Item, Key
from hardlink.storage.store import (
    Absent,
    Action,
    AtMost,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Lacks,
    Part,
    Patch,
    Present,
    Put,
    Rev,
    Same,
    Store,
)
from tests.support.engines.tables import Engine
from tests.support.memory_store import MemoryStore

HERE = "shop/s1"


def key(item: str, partition: str = HERE) -> Key:
    return Key("sessions", partition, item)


def names(store: Store, first: str, last: str, **how: bool | int) -> list[str]:
    found = store.scan("sessions", HERE, first, last, **how)  # type: ignore[arg-type]
    return [place.item for place, _ in found]


# -- get ----------------------------------------------------------------------------------------------------------


def test_get_answers_in_the_order_asked_for_and_none_for_what_is_missing(
    store: Store,
) -> None:
    for item in "abc":
        store.write([Put(key(item), {"name": item})])
    found = store.get([key("c"), key("nobody"), key("a"), key("c")])
    assert found == [{"name": "c"}, None, {"name": "a"}, {"name": "c"}]


def test_get_of_nothing_is_nothing(store: Store) -> None:
    assert store.get([]) == []


def test_get_reads_both_tables_at_once(store: Store) -> None:
    other = Key("customers", HERE, "a")
    store.write([Put(key("a"), {"in": "sessions"}), Put(other, {"in": "customers"})])
    assert store.get([other, key("a")]) == [{"in": "customers"}, {"in": "sessions"}]


def test_an_event_keeps_its_attributes_and_bytes_under_every_way_to_write_it(
    store: Store,
) -> None:
    item: Item = {
        "type": "view",
        "delay": 7,
        "source": "web",
        "body": b"\x01\x00\xff",
    }
    places = [Key("events", "shop/s1", f"e/{n}") for n in range(4)]
    store.write([Put(places[0], item)])
    store.write([Put(places[1], item), Put(key("a"), {})])
    store.insert([(places[2], item), (places[3], item)])
    assert store.get(places) == [item] * 4
    assert [row for _, row in store.scan("events", "shop/s1", "e/", "e/~")] == [
        item
    ] * 4


UUID = "2fbf0b63-3a4c-4e1c-8f0b-0a8a8c9a2f11"


def test_a_key_with_a_uuid_is_read_as_it_was_written_by_every_way(store: Store) -> None:
    head = Key("sessions", f"shop/{UUID}", "#")
    node = Key("customers", f"shop/profile={UUID}", "#")
    event = Key("events", f"shop/{UUID}", "e/1")
    other = Key("events", f"shop/{UUID}", "e/2")
    bound: Item = {"profile": UUID, "created": 5, "latest": 9}
    store.write([Put(head, bound, Absent()), Put(node, {"rev": 1}, Rev(0))])
    store.insert([(event, {}), (other, {})])
    assert store.get([head, node, event]) == [bound, {"rev": 1}, {}]
    assert store.get([head]) == [bound]
    assert store.insert([(event, {}), (other, {})]) == [False, False]
    found = list(store.scan("events", f"shop/{UUID}", "e/", "e/~"))
    assert found == [(event, {}), (other, {})]
    (page,) = store.scan_all("customers", "shop/", ["#"])
    assert page == [(node, {"rev": 1})]


def test_conditions_and_patches_know_attributes_by_their_stored_names(
    store: Store,
) -> None:
    head = key("#")
    store.write([Put(head, {"profile": UUID, "created": 5, "latest": 9, "rev": 1})])
    store.write([Patch(head, {"latest": 10, "profile": UUID}, Same("profile", UUID))])
    store.write([Patch(head, {}, AtMost("latest", 10), remove=("created",))])
    store.write([Patch(head, {"rev": 2}, Rev(1))])
    store.write([Check(head, Lacks("created")), Put(key("a"), {})])
    assert store.get([head]) == [{"profile": UUID, "latest": 10, "rev": 2}]
    with pytest.raises(ConditionFailed):
        store.write([Patch(head, {"rev": 3}, Same("profile", "another"))])
    with pytest.raises(ConditionFailed):
        store.write([Patch(head, {"rev": 3}, AtMost("latest", 9))])


def test_get_reads_more_than_a_hundred_items(store: Store) -> None:
    keys = [key(f"{number:03d}") for number in range(230)]
    store.insert([(where, {"n": number}) for number, where in enumerate(keys)])
    assert store.get(keys[::-1]) == [{"n": number} for number in reversed(range(230))]


def test_get_tells_an_item_without_attributes_from_a_missing_one(store: Store) -> None:
    store.write([Put(key("empty"), {})])
    assert store.get([key("empty")]) == [{}]
    assert store.get([key("empty"), key("missing")]) == [{}, None]


# -- scan ---------------------------------------------------------------------------------------------------------


def test_scan_answers_a_range_with_both_its_ends_in_order(store: Store) -> None:
    store.insert([(key(item), {}) for item in ("e", "a", "d", "b", "c")])
    assert names(store, "b", "d") == ["b", "c", "d"]
    assert names(store, "b", "d", newest_first=True) == ["d", "c", "b"]
    assert names(store, "bb", "cc") == ["c"]
    assert names(store, "x", "z") == []


def test_scan_orders_by_bytes_of_utf_8_not_by_utf_16(store: Store) -> None:
    ordered = ["#", "A", "a", "é", "\uff5e", "\U0001f600"]
    store.insert([(key(item), {}) for item in reversed(ordered)])
    assert names(store, "!", "\U0010ffff") == ordered
    assert names(store, "!", "\uffff") == ordered[:-1]


def test_scan_stays_in_its_partition_and_its_table(store: Store) -> None:
    elsewhere = [
        key("a", "shop/s10"),
        key("a", "other/s1"),
        Key("customers", HERE, "a"),
    ]
    for place in elsewhere:
        store.write([Put(place, {"where": str(place)})])
    assert names(store, "a", "z") == []
    found = list(store.scan("customers", HERE, "a", "a"))
    assert found == [(elsewhere[2], {"where": str(elsewhere[2])})]


@pytest.mark.parametrize("page", [1, 2, 3, 7, 8])
@pytest.mark.parametrize("newest_first", [False, True])
def test_scan_answers_the_same_whatever_its_pages(
    store: Store, page: int, *, newest_first: bool
) -> None:
    store.insert([(key(item), {"is": item}) for item in "abcdefg"])
    found = list(
        store.scan("sessions", HERE, "a", "g", newest_first=newest_first, page=page)
    )
    expected = sorted("abcdefg", reverse=newest_first)
    assert found == [(key(item), {"is": item}) for item in expected]


def test_scan_reads_on_behind_what_was_deleted_and_sees_what_was_written(
    store: Store,
) -> None:
    store.insert([(key(item), {}) for item in "abd"])
    found = store.scan("sessions", HERE, "a", "z", page=2)
    assert next(found)[0].item == "a"
    assert next(found)[0].item == "b"
    store.write([Delete(key("b"))])
    store.write([Put(key("c"), {})])
    assert [place.item for place, _ in found] == ["c", "d"]


def test_scan_reads_beyond_a_megabyte(store: Store) -> None:
    text = "x" * 300_000
    for number in range(8):
        store.write([Put(key(f"{number}"), {"text": text})])
    assert names(store, "0", "9") == [str(number) for number in range(8)]
    assert names(store, "0", "9", newest_first=True) == [
        str(n) for n in reversed(range(8))
    ]


def test_scan_reads_nothing_until_it_is_asked(store: Store) -> None:
    found = store.scan("sessions", HERE, "a", "z")
    store.write([Put(key("a"), {})])
    assert [place.item for place, _ in found] == ["a"]


# -- scan_all -----------------------------------------------------------------------------------------------------


def everywhere(store: Store, partitions: str, *kinds: str) -> list[tuple[str, str]]:
    pages = store.scan_all("sessions", partitions, kinds)
    return sorted((place.partition, place.item) for page in pages for place, _ in page)


def test_scan_all_answers_the_kinds_asked_for_of_every_partition_that_begins_so(
    store: Store,
) -> None:
    store.insert(
        [
            (key(item, p), {})
            for p in ("shop/a", "shop/b")
            for item in ("#", "m/1", "l/1")
        ]
    )
    store.write([Put(Key("customers", "shop/a", "#"), {"in": "customers"})])
    both = [("shop/a", "#"), ("shop/a", "m/1"), ("shop/b", "#"), ("shop/b", "m/1")]
    assert everywhere(store, "shop/", "#", "m/") == both
    assert everywhere(store, "shop/b", "#") == [("shop/b", "#")]
    assert everywhere(store, "nobody/", "#") == []


def test_scan_all_answers_every_item_in_one_part_of_the_table_and_always_in_that(
    store: Store,
) -> None:
    store.insert([(key("#", f"shop/{n}"), {}) for n in range(40)])
    store.insert([(key("#", "other/1"), {}), (key("m/1", "shop/1"), {})])

    def parts() -> list[list[str]]:
        found = [
            store.scan_all("sessions", "", ["#"], Part(number, 3))
            for number in range(3)
        ]
        return [
            [place.partition for page in pages for place, _ in page] for pages in found
        ]

    every = sorted(partition for part in parts() for partition in part)
    assert every == sorted(["other/1", *(f"shop/{n}" for n in range(40))])
    assert parts() == parts()


def test_scan_all_answers_nothing_of_a_project_whose_name_begins_alike(
    store: Store,
) -> None:
    for partition in ("shop/a", "shop-2/a", "sho/a", "shopx", "other/shop/a"):
        store.write([Put(key("#", partition), {"is": partition})])
    (found,) = (
        row for page in store.scan_all("sessions", "shop/", ["#"]) for row in page
    )
    assert found == (key("#", "shop/a"), {"is": "shop/a"})


def test_scan_all_reads_beyond_a_megabyte_and_past_pages_of_which_it_wants_nothing(
    store: Store,
) -> None:
    text = "x" * 300_000
    for number in range(10):
        partition = f"{'shop' if number in (1, 8) else 'other'}/{number}"
        store.write([Put(key("#", partition), {"text": text})])
    assert everywhere(store, "shop/", "#") == [("shop/1", "#"), ("shop/8", "#")]


def test_scan_all_answers_empty_pages_too_so_that_its_reader_may_stop(
    store: Store,
) -> None:
    for number in range(10):
        store.write([Put(key("#", f"other/{number}"), {"text": "x" * 300_000})])
    pages = list(store.scan_all("sessions", "shop/", ["#"]))
    assert pages == [[]] * len(pages)
    assert len(pages) > 1


def test_scan_all_reads_nothing_until_it_is_asked(store: Store) -> None:
    found = store.scan_all("sessions", "shop/", ["#"])
    store.write([Put(key("#"), {})])
    assert [place.partition for page in found for place, _ in page] == [HERE]


# -- write: conditions --------------------------------------------------------------------------------------------

NONE: Item | None = None
CONDITIONS: list[tuple[Condition, Item | None, bool]] = [
    (Absent(), NONE, True),
    (Absent(), {}, False),
    (Absent(), {"rev": 1}, False),
    (Present(), NONE, False),
    (Present(), {}, True),
    (Rev(0), NONE, True),
    (Rev(0), {"other": 1}, True),
    (Rev(0), {"rev": 1}, False),
    (Rev(3), {"rev": 3}, True),
    (Rev(3), {"rev": 4}, False),
    (Rev(3), {"rev": 2}, False),
    (Rev(3), {}, False),
    (Rev(3), NONE, False),
    (AtMost("latest", 5), NONE, True),
    (AtMost("latest", 5), {}, True),
    (AtMost("latest", 5), {"latest": 5}, True),
    (AtMost("latest", 5), {"latest": 4}, True),
    (AtMost("latest", 5), {"latest": 6}, False),
    (Same("name", "a"), NONE, False),
    (Same("name", "a"), {}, False),
    (Same("name", "a"), {"name": "a"}, True),
    (Same("name", "a"), {"name": "b"}, False),
    (Same("name", 5), {"name": "5"}, False),
    (Lacks("denied"), NONE, True),
    (Lacks("denied"), {}, True),
    (Lacks("denied"), {"denied": True}, False),
]
ACTIONS: dict[str, Callable[[Key, Condition], Action]] = {
    "put": lambda where, when: Put(where, {"new": True}, when),
    "patch": lambda where, when: Patch(where, {"new": True}, when),
    "check": Check,
}


@pytest.mark.parametrize("kind", ACTIONS)
@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a transaction"])
def test_every_action_is_carried_out_exactly_when_its_condition_holds(
    store: Store, kind: str, *, together: bool
) -> None:
    for number, (when, before, holds) in enumerate(CONDITIONS):
        where, beside = key(f"{number}"), key(f"beside {number}")
        if before is not None:
            store.write([Put(where, before)])
        actions = [
            ACTIONS[kind](where, when),
            *([Put(beside, {"n": 1})] if together else []),
        ]
        told = f"{kind} {when} on {before}"
        assert _carried_out(store, actions) is holds, told
        assert store.get([where]) == [_expected(kind, before, holds=holds)], told
        assert store.get([beside]) == [{"n": 1} if holds and together else None], told


def _carried_out(store: Store, actions: list[Action]) -> bool:
    try:
        store.write(actions)
    except ConditionFailed:
        return False
    return True


def _expected(kind: str, before: Item | None, *, holds: bool) -> Item | None:
    if not holds or kind == "check":
        return before
    return {"new": True} if kind == "put" else {**(before or {}), "new": True}


# -- write: actions -----------------------------------------------------------------------------------------------


def test_put_replaces_an_item_whole(store: Store) -> None:
    store.write([Put(key("a"), {"old": 1, "both": 1})])
    store.write([Put(key("a"), {"both": 2})])
    assert store.get([key("a")]) == [{"both": 2}]


def test_patch_sets_and_removes_and_leaves_the_rest(store: Store) -> None:
    store.write([Put(key("a"), {"kept": 1, "changed": 1, "removed": 1})])
    store.write(
        [
            Patch(
                key("a"), {"changed": 2, "new": ""}, Present(), remove=("removed", "no")
            )
        ]
    )
    assert store.get([key("a")]) == [{"kept": 1, "changed": 2, "new": ""}]
    store.write([Patch(key("a"), {}, Present(), remove=("new",))])
    assert store.get([key("a")]) == [{"kept": 1, "changed": 2}]


def test_patch_may_set_and_remove_what_its_condition_reads(store: Store) -> None:
    store.write([Put(key("a"), {"latest": 1, "rev": 7})])
    store.write([Patch(key("a"), {"latest": 9}, Same("latest", 1))])
    assert store.get([key("a")]) == [{"latest": 9, "rev": 7}]
    store.write([Patch(key("a"), {}, Rev(7), remove=("rev",))])
    assert store.get([key("a")]) == [{"latest": 9}]


def test_patch_takes_attributes_named_like_words_of_the_query_language(
    store: Store,
) -> None:
    words: Item = {
        "values": "v",
        "link": "l",
        "created": 1,
        "source": "s",
        "a.b": 1,
        "a-b": 2,
    }
    store.write([Patch(key("a"), words, Absent())])
    store.write([Patch(key("a"), {"name": "n"}, Present(), remove=("values", "a.b"))])
    left = {
        name: value for name, value in words.items() if name not in ("values", "a.b")
    }
    assert store.get([key("a")]) == [{**left, "name": "n"}]


def test_delete_may_say_what_it_deletes(store: Store) -> None:
    for delete in (Delete(key("a"), Same("name", "b")), Delete(key("a"), Absent())):
        store.write([Put(key("a"), {"name": "a"})])
        with pytest.raises(ConditionFailed):
            store.write([delete])
        with pytest.raises(ConditionFailed):
            store.write([delete, Put(key("b"), {})])
        assert store.get([key("a"), key("b")]) == [{"name": "a"}, None]
    store.write([Delete(key("a"), Same("name", "a"))])
    assert store.get([key("a")]) == [None]


def test_delete_deletes_and_does_not_mind_a_missing_item(store: Store) -> None:
    store.write([Put(key("a"), {}), Put(key("b"), {})])
    store.write([Delete(key("a"))])
    store.write([Delete(key("a"))])
    store.write([Delete(key("b")), Delete(key("c"))])
    assert store.get([key("a"), key("b")]) == [None, None]


def test_one_failed_condition_undoes_the_whole_transaction(store: Store) -> None:
    store.write([Put(key("deleted"), {"n": 1}), Put(key("patched"), {"n": 1})])
    actions: list[Action] = [
        Put(key("put"), {"n": 2}),
        Delete(key("deleted")),
        Patch(key("patched"), {"n": 2}, Present()),
        Check(key("not there"), Present()),
    ]
    with pytest.raises(ConditionFailed):
        store.write(actions)
    found = store.get([key("put"), key("deleted"), key("patched")])
    assert found == [None, {"n": 1}, {"n": 1}]


def test_a_transaction_spans_both_tables(store: Store) -> None:
    there = Key("customers", "shop/registered=gordon", "#")
    store.write([Put(key("#"), {"n": 1}, Absent()), Put(there, {"rev": 1}, Rev(0))])
    with pytest.raises(ConditionFailed):
        store.write([Put(key("#"), {"n": 2}), Check(there, Rev(2))])
    assert store.get([key("#"), there]) == [{"n": 1}, {"rev": 1}]


def test_a_transaction_takes_a_hundred_actions_and_no_more(store: Store) -> None:
    hundred = [Put(key(f"{number:03d}"), {"n": number}) for number in range(100)]
    store.write(hundred)
    assert len(names(store, "000", "999")) == 100
    with pytest.raises(Exception, match="100") as rejected:
        store.write([*hundred, Put(key("one more"), {})])
    assert not isinstance(rejected.value, ConditionFailed)


def test_a_transaction_with_two_actions_on_one_item_is_an_error(store: Store) -> None:
    with pytest.raises(Exception, match="one item") as rejected:
        store.write([Put(key("a"), {"n": 1}), Patch(key("a"), {"m": 1}, Present())])
    assert not isinstance(rejected.value, ConditionFailed)
    assert store.get([key("a")]) == [None]


@pytest.mark.parametrize(
    "action",
    [
        Put(key("a"), {"text": "x" * 410_000}),
        Put(key("a" * 1025), {}),
        Put(key("a", "p" * 2049), {}),
        Put(key(""), {}),
        Put(key("a", ""), {}),
    ],
    ids=[
        "item over 400 KB",
        "long sort key",
        "long partition key",
        "no sort key",
        "no partition",
    ],
)
def test_what_dynamodb_can_not_hold_is_an_error_not_a_failed_condition(
    store: Store, action: Put
) -> None:
    with pytest.raises(Exception, match=r".") as rejected:
        store.write([action])
    assert not isinstance(rejected.value, ConditionFailed)


# -- insert -------------------------------------------------------------------------------------------------------


def test_insert_adds_one_item_once_and_keeps_the_first(store: Store) -> None:
    assert store.insert([(key("a"), {"n": 1})]) == [True]
    assert store.insert([(key("a"), {"n": 2})]) == [False]
    assert store.get([key("a")]) == [{"n": 1}]


def test_insert_of_nothing_is_nothing(store: Store) -> None:
    assert store.insert([]) == []


def test_insert_of_many_says_of_each_whether_it_was_added(store: Store) -> None:
    there = [3, 24, 25, 26, 59]
    store.insert([(key(f"{number:02d}"), {"first": number}) for number in there])
    added = store.insert(
        [(key(f"{number:02d}"), {"second": number}) for number in range(60)]
    )
    assert added == [number not in there for number in range(60)]
    found = [item for _, item in store.scan("sessions", HERE, "00", "99")]
    kept = [{"first" if number in there else "second": number} for number in range(60)]
    assert found == kept


def test_insert_sent_again_adds_nothing(store: Store) -> None:
    items: list[tuple[Key, Item]] = [
        (key(f"{number}"), {"n": number}) for number in range(30)
    ]
    assert store.insert(items) == [True] * 30
    assert store.insert(items) == [False] * 30
    assert store.insert(items[::-1]) == [False] * 30


def test_insert_of_one_item_twice_in_different_batches_keeps_the_first(
    store: Store,
) -> None:
    items: list[tuple[Key, Item]] = [
        (key(f"{number:02d}"), {"n": number}) for number in range(25)
    ]
    again: list[tuple[Key, Item]] = [(key("07"), {"n": 99}), (key("new"), {"n": 100})]
    assert store.insert([*items, *again]) == [*[True] * 25, False, True]
    assert store.get([key("07")]) == [{"n": 7}]


def test_one_batch_with_an_item_twice_is_an_error(local: Engine) -> None:
    """DynamoDB says so, hence nobody may rely on more; moto would not mind."""
    twice: list[tuple[Key, Item]] = [(key("a"), {"n": 1}), (key("a"), {"n": 2})]
    for store in (local.store, MemoryStore()):
        with pytest.raises(Exception, match=r"duplicates|on one item"):
            store.insert(twice)
        assert store.get([key("a")]) in ([None], [{"n": 1}])


def test_insert_into_both_tables_at_once(store: Store) -> None:
    other = Key("customers", "shop/registered=gordon", "x")
    assert store.insert([(key("x"), {"n": 1}), (other, {"n": 2})]) == [True, True]
    assert store.get([key("x"), other]) == [{"n": 1}, {"n": 2}]


# -- attributes ---------------------------------------------------------------------------------------------------

VALUES: list[Attribute] = [
    "",
    " ",
    "text",
    "'quoted' \"twice\" \\ `ticks` ? :1 #1",
    "é ß 漢字 \U0001f600 \u200b \ufeff",
    "\x00\x01\t\r\n\x7f",
    "12",
    "true",
    0,
    1,
    -1,
    1_790_000_000_000_000,
    2**53 + 1,
    -(2**63) - 1,
    10**37 + 1,
    True,
    False,
]


@pytest.mark.parametrize("way", ["put", "patch", "insert one", "insert many"])
def test_values_come_back_as_they_were_and_of_their_type(
    store: Store, way: str
) -> None:
    item: Item = {f"a{number}": value for number, value in enumerate(VALUES)}
    match way:
        case "put":
            store.write([Put(key("x"), item)])
        case "patch":
            store.write([Patch(key("x"), item, Absent())])
        case "insert one":
            store.insert([(key("x"), item)])
        case _:
            store.insert([(key("x"), item), (key("y"), item)])
    for found in (
        store.get([key("x")])[0],
        next(store.scan("sessions", HERE, "x", "x"))[1],
    ):
        assert found == item
        assert {name: type(value) for name, value in found.items()} == {
            name: type(value) for name, value in item.items()
        }


def test_keys_take_any_text(store: Store) -> None:
    odd = ["e/0001790000000000/a/b", "e/é'\"漢\U0001f600", "e/ ", "e/?:#%"]
    for item in odd:
        assert store.insert([(key(item, f"shop/{item}"), {"is": item})]) == [True]
    added = store.insert([(key(item, f"shop/{item}"), {"is": "again"}) for item in odd])
    assert added == [False] * len(odd)
    for item in odd:
        assert list(store.scan("sessions", f"shop/{item}", "e/", "e/\uffff")) == [
            (key(item, f"shop/{item}"), {"is": item})
        ]
