"""Last writer wins, value by value; the limits of seed 004."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain import json_types, values
from hardlink.domain.errors import Invalid
from hardlink.domain.values import Kept, Name, Value

COLOR: Name = ("attributes", "color")
OLD, NEW = Value(1, "1"), Value(2, "2")
ITEM = 400 * 1024
"""Bytes of an item of DynamoDB, with the names of its attributes."""
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("old", "new", "wins"),
    [
        pytest.param(None, Value(1, '"red"'), True, id="a first value"),
        pytest.param(Value(1, '"red"'), Value(2, '"blue"'), True, id="a later value"),
        pytest.param(
            Value(2, '"red"'), Value(1, '"blue"'), False, id="an earlier value"
        ),
        pytest.param(
            Value(1, '"red"'), Value(1, '"red"'), False, id="the same value again"
        ),
        pytest.param(
            Value(1, "", spilled=True), Value(1, '"x"'), False, id="a spilled one again"
        ),
        pytest.param(Value(1, '"red"'), Value(2, "null"), True, id="W12: a removal"),
        pytest.param(Value(2, "null"), Value(1, '"red"'), False, id="W12: too late"),
        pytest.param(Value(1, "null"), Value(2, '"red"'), True, id="W12: set anew"),
        pytest.param(
            Value(1, '"red"'),
            Value(2, '"blue"', once=True),
            False,
            id="W12: set once beside a value",
        ),
        pytest.param(
            Value(2, '"red"', once=True),
            Value(1, '"blue"'),
            True,
            id="W12: an earlier value beside one that is set once",
        ),
        pytest.param(
            Value(1, '"red"', once=True),
            Value(2, '"blue"', once=True),
            False,
            id="W12: set once twice",
        ),
        pytest.param(
            Value(2, '"red"', once=True),
            Value(1, '"blue"', once=True),
            True,
            id="W12: set once, the earlier one comes later",
        ),
        pytest.param(
            Value(1, "", spilled=True, once=True),
            Value(1, '"x"', once=True),
            False,
            id="W12: a spilled one that is set once, again",
        ),
    ],
)
def test_news(old: Value | None, new: Value, *, wins: bool) -> None:
    before = {} if old is None else {COLOR: old}
    assert values.changed(before, {COLOR: new}) == ({COLOR: new} if wins else {})


@given(st.permutations([Value(1, "1"), Value(2, "2"), Value(2, "3")]))
def test_the_same_value_wins_in_whatever_order_they_come(order: list[Value]) -> None:
    known: dict[Name, Value] = {}
    for value in order:
        known |= values.changed(known, {COLOR: value})
    assert known[COLOR] == Value(2, "3")


@given(st.dictionaries(st.tuples(st.sampled_from(values.KINDS), st.text()), JSON))
def test_values_come_back_as_they_were_packed(said: dict[Name, object]) -> None:
    packed = {name: Value(7, values.to_json(value)) for name, value in said.items()}
    assert values.unpack_values(values.pack_values(packed)) == packed


@given(JSON)
def test_json_comes_back_as_it_went(value: object) -> None:
    text = values.to_json(value)
    assert json.loads(text.encode()) == value


def test_half_a_character_is_kept_as_its_escape() -> None:
    assert values.to_json("\ud83d") == '"\\ud83d"'


def test_255_values_of_16_kb_are_kept() -> None:
    sent = {f"a{n}": "x" * 16384 for n in range(255)}
    assert values.keep_storable(sent, "properties") == Kept(sent, ())


ORDER_OF_150_LINES = [{"sku": f"{n:06d}", "name": "x" * 380} for n in range(150)]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"Größe": 42}, id="S1: a name beyond ASCII"),
        pytest.param({"尺寸": 42, "Размер": 42, "a b": 1}, id="S1: other alphabets"),
        pytest.param(
            {"✅ 👩‍👩‍👧 ok": True}, id="S1: emoji, also of several characters"
        ),
        pytest.param({"products": ORDER_OF_150_LINES}, id="S2: an order of 150 lines"),
        pytest.param({"big": "x" * values.MOST_BYTES}, id="S2: the largest value"),
    ],
)
def test_s1_s2_names_and_large_values_are_kept_as_sent(sent: dict[str, object]) -> None:
    assert values.keep_storable(sent, "properties") == Kept(sent, ())


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        pytest.param({"": 1}, "properties.", id="an empty name"),
        pytest.param({"  ": 1}, "properties.  ", id="a blank name"),
        pytest.param({"a\nb": 1}, "properties.a\\u000ab", id="a control character"),
        pytest.param({"a\ud83d": 1}, "properties.a\\ud83d", id="half a character"),
        pytest.param(
            {"n" * 129: 1}, f"properties.{'n' * 128}", id="a name of 129 characters"
        ),
        pytest.param(
            {"尺" * 67: 1}, f"properties.{'尺' * 67}", id="a name of 201 bytes"
        ),
        pytest.param(
            {"big": "x" * (values.MOST_BYTES + 1)}, "properties.big", id="too large"
        ),
        pytest.param(
            {"big": "é" * (values.MOST_BYTES // 2 + 1)},
            "properties.big",
            id="bytes count, not characters",
        ),
        pytest.param({"cart": {"total": float("nan")}}, "properties.cart", id="NaN"),
        pytest.param({"cart": [-float("inf")]}, "properties.cart", id="Infinity"),
    ],
)
def test_s1_s3_what_cannot_be_kept_is_left_out_and_named(
    bad: dict[str, object], field: str
) -> None:
    kept, left_out = values.keep_storable({"a": 1, **bad, "b": 2}, "properties")
    assert kept == {"a": 1, "b": 2}
    assert [part.field for part in left_out] == [field]
    assert left_out[0].reason.endswith(", left out")
    assert left_out[0].warning.encode()
    assert left_out[0].as_json() == {"field": field, "reason": left_out[0].reason}


def test_s1_names_beyond_the_255th_are_left_out() -> None:
    sent = {f"a{n}": n for n in range(257)}
    kept, left_out = values.keep_storable(sent, "properties")
    assert list(kept) == [f"a{n}" for n in range(255)]
    assert [one.field for one in left_out] == ["properties.a255", "properties.a256"]


def test_s1_of_very_many_the_first_are_named_and_the_others_counted() -> None:
    sent = {f"a{n}": n for n in range(1000)}
    *named, rest = values.keep_storable(sent, "properties").left_out
    assert len(named) == 50
    assert rest.warning == "properties: 695 more values cannot be stored, left out"


def test_what_is_no_json_is_never_stored() -> None:
    with pytest.raises(Invalid, match="finite"):
        values.with_timestamp("traits", {"cart": float("nan")}, 1)


def test_small_values_stay_in_their_node_and_large_ones_leave_it() -> None:
    small, large = Value(1, '"x"'), Value(1, '"' + "x" * 5000 + '"')
    assert values.spilled_names({}, {COLOR: small, ("traits", "t"): large}) == {
        ("traits", "t")
    }


def test_a_name_that_was_spilled_once_stays_spilled() -> None:
    before = {COLOR: Value(1, "", spilled=True)}
    assert values.spilled_names(before, {COLOR: Value(2, "1")}) == {COLOR}


def test_many_middling_values_leave_until_the_node_is_small_again() -> None:
    many: dict[Name, Value] = {
        ("attributes", str(n)): Value(1, "x" * 1000) for n in range(255)
    }
    inline = [v for n, v in many.items() if n not in values.spilled_names({}, many)]
    assert 0 < sum(len(v.json) for v in inline) <= 64 * 1024


def test_where_the_node_is_full_every_new_value_is_an_item_of_its_own() -> None:
    full: dict[Name, Value] = {
        ("attributes", f"n{number}"): Value(1, "1" * 1000) for number in range(100)
    }
    new: dict[Name, Value] = {
        ("traits", "large"): Value(2, "2" * 2000),
        ("traits", "small"): Value(2, "2"),
    }
    assert values.spilled_names(full, new) == new.keys()


@pytest.mark.parametrize(
    ("value", "read"), [({"a": 1}, {"a": 1}), ([1], {}), ("a", {}), (None, {})]
)
def test_what_is_no_object_is_read_as_an_empty_one(
    value: object, read: dict[str, int]
) -> None:
    assert json_types.as_object(value) == read


def test_w13_a_customer_has_room_for_255_names_of_each_kind() -> None:
    known: dict[Name, Value] = {("attributes", f"a{n}"): OLD for n in range(254)}
    said: dict[Name, Value] = {
        ("attributes", "a7"): NEW,
        ("attributes", "b"): NEW,
        ("attributes", "c"): NEW,
        ("traits", "c"): NEW,
        ("attributes", "a8"): NEW,
    }
    kept, left_out = values.keep_with_room(known, said)
    assert list(kept) == [name for name in said if name != ("attributes", "c")]
    reason = "the customer has 255 attributes already, left out"
    assert left_out == (values.LeftOut("properties.c", reason),)


NAMES = [
    pytest.param(lambda n: f"{n:0128d}", id="ASCII"),
    pytest.param(lambda n: f"{n:04d}" + "尺" * 65, id="three bytes a character"),
    pytest.param(lambda n: f"{n:04d}" + '"' * 98, id="two bytes in JSON"),
]
TEXTS = ["x", "é", "尺", "😀", '"', "\\", "\x01"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("length", [4, 1000])
def test_a11_values_within_the_limits_fit_an_item(
    name: Callable[[int], str], text: str, length: int
) -> None:
    """DynamoDB counts bytes, and the names; a node has room for its history beside them."""
    held: dict[Name, Value] = {}
    value = text * (length // len(text.encode()))
    for kind in values.SHOWN_KINDS:
        sent = {name(n): value for n in range(255)}
        checked = values.keep_storable(sent, kind, values.MOST_CUSTOMER_BYTES)
        assert len(checked.values) == 255
        said = values.with_timestamp(kind, {name(0): value, **sent}, 10**15)
        spilled = values.spilled_names(held, said)
        for key, one in said.items():
            assert len(one.json.encode()) < ITEM - 10_000
            held[key] = one._replace(json="", spilled=True) if key in spilled else one
    assert len(values.pack_values(held).encode()) < ITEM - 100_000


@pytest.mark.parametrize("text", TEXTS)
def test_a11_the_largest_value_of_a_customer_fits_an_item_of_its_own(text: str) -> None:
    largest = text * (values.MOST_CUSTOMER_BYTES // len(text.encode()))
    values.check_value("a", largest, "traits")
    assert len(values.to_json(largest).encode()) < ITEM - 10_000


def test_w12_what_was_removed_can_be_set_once_and_is_kept_then() -> None:
    removed = {COLOR: Value(2, "null")}
    red = values.changed(removed, {COLOR: Value(3, '"red"', once=True)})
    assert red == {COLOR: Value(3, '"red"')}
    assert not values.changed(red, {COLOR: Value(4, '"blue"', once=True)})
    assert not values.changed(removed, {COLOR: Value(1, '"late"', once=True)})


@pytest.mark.parametrize(
    ("name", "json_", "removed"),
    [
        (COLOR, "null", True),
        (COLOR, "false", False),
        (COLOR, '""', False),
        (("segments", "vip"), "false", True),
        (("segments", "vip"), "true", False),
        (("traits", "size"), "null", True),
    ],
)
def test_w12_null_removes_and_so_does_a_segment_that_does_not_hold(
    name: Name, json_: str, *, removed: bool
) -> None:
    assert values.is_removed(name, Value(1, json_)) is removed


def test_w12_a_removal_gives_back_its_place_among_the_names() -> None:
    full: dict[Name, Value] = {
        ("attributes", f"a{number}"): Value(1, "1") for number in range(255)
    }
    new: Name = ("attributes", "new")
    reason = "the customer has 255 attributes already, left out"
    excess = (values.LeftOut("properties.new", reason),)
    assert values.keep_with_room(full, {new: Value(2, "1")})[1] == excess
    gone = {new: Value(2, "1"), ("attributes", "a7"): Value(2, "null")}
    assert values.keep_with_room(full, gone) == (gone, ())
    late = {new: Value(2, "1"), ("attributes", "a7"): Value(0, "null")}
    assert values.keep_with_room(full, late)[1] == excess
    removed = {**full, ("attributes", "a7"): Value(2, "null")}
    again: dict[Name, Value] = {new: Value(3, "1"), ("attributes", "a7"): Value(3, "1")}
    kept, left_out = values.keep_with_room(removed, again)
    assert (list(kept), [one.field for one in left_out]) == ([new], ["properties.a7"])


def test_w12_the_newest_removals_are_kept() -> None:
    removed: dict[Name, Value] = {
        ("attributes", f"{number:0100d}"): Value(number, "null")
        for number in range(1000)
    }
    kept = values.without_old_removals({COLOR: Value(0, '"red"'), **removed})
    newest = list(removed)[-len(kept) + 1 :]
    assert list(kept) == [COLOR, *newest]
    assert 200 < len(newest) < 300
    assert len(values.pack_values(kept).encode()) < 40_000


# -- lists that replace --------------------------------------------------------------------------

VIP: Name = ("segments", "vip")
NEW_ONES: Name = ("lists", "segments/web")


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        pytest.param({NEW_ONES: (2, '{"vip":true}')}, {VIP: "true"}, id="a list"),
        pytest.param(
            {NEW_ONES: (2, '{"vip":true}'), VIP: (3, "false")},
            {VIP: "false"},
            id="a name that is set later",
        ),
        pytest.param(
            {NEW_ONES: (2, '{"vip":true}'), VIP: (1, "false")},
            {VIP: "true"},
            id="a name that was set before",
        ),
        pytest.param(
            {NEW_ONES: (2, '{"vip":true}'), ("lists", "traits/web"): (1, '{"vip":7}')},
            {VIP: "true", ("traits", "vip"): "7"},
            id="a trait and a segment of one name",
        ),
        pytest.param(
            {
                ("lists", "traits/web"): (2, '{"size":"L"}'),
                ("lists", "traits/app"): (3, '{"size":"M","age":1}'),
            },
            {("traits", "size"): '"M"', ("traits", "age"): "1"},
            id="lists of two sources",
        ),
    ],
)
def test_w6_a_list_counts_by_name_and_time(
    newest: dict[Name, tuple[int, str]], expected: dict[Name, str]
) -> None:
    assert values.with_lists(newest) == expected


def test_w6_a_list_is_one_value_and_an_empty_one_says_nothing() -> None:
    found = values.replacing_lists("web", {"new": True, "old": False}, {}, 7)
    assert found == {NEW_ONES: Value(7, '{"new":true}')}
    assert not values.replacing_lists("web", {}, {}, 7)


def test_of_many_parts_only_those_that_are_named_are_described() -> None:
    described: list[int] = []

    def describe(part: int) -> values.LeftOut:
        described.append(part)
        return values.LeftOut(f"fields.{part}", "not a field")

    named = values.describe_first(range(1000), describe, "fields")
    assert described == list(range(50))
    assert len(named) == 51
    assert named[-1].warning == "fields: 950 more values cannot be stored, left out"
