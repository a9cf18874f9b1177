"""Last writer wins, value by value; the limits of seed 004."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain import json_types, values
from hardlink.domain.errors import Invalid, TooManyNames
from hardlink.domain.values import Name, Value

COLOR: Name = ("attributes", "color")
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


def test_255_values_of_16_kb_are_taken() -> None:
    values.check_values({f"a{n}": "x" * 16384 for n in range(255)}, "properties")


@pytest.mark.parametrize(
    ("names", "field"),
    [
        pytest.param(
            {f"a{n}": 1 for n in range(256)}, "properties", id="the 256th name"
        ),
        pytest.param({"big": "x" * 16385}, "properties.big", id="one byte above 16 KB"),
        pytest.param(
            {"big": "é" * 8193}, "properties.big", id="bytes count, not characters"
        ),
        pytest.param({"big": ["x" * 16384]}, "properties.big", id="a list above 16 KB"),
        pytest.param(
            {"größe": 1}, "properties.gr\\xf6\\xdfe", id="a name beyond ASCII"
        ),
        pytest.param({"": 1}, "properties.", id="an empty name"),
        pytest.param({"a\nb": 1}, "properties.a\nb", id="a name that can't be printed"),
        pytest.param(
            {"n" * 129: 1}, f"properties.{'n' * 128}", id="a name of 129 characters"
        ),
    ],
)
def test_beyond_the_limits_the_error_names_the_field(
    names: dict[str, object], field: str
) -> None:
    with pytest.raises(Invalid) as invalid:
        values.check_values(names, "properties")
    assert invalid.value.field == field


def test_a_customer_has_room_for_255_attributes_and_255_segments() -> None:
    attributes: list[Name] = [("attributes", str(n)) for n in range(255)]
    segments: list[Name] = [("segments", str(n)) for n in range(255)]
    values.check_name_count([*attributes, *segments])
    with pytest.raises(Invalid, match="255 attributes already") as invalid:
        values.check_name_count([*attributes, ("attributes", "one more")])
    assert invalid.value.field == "properties.one more"


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
    assert 0 < sum(len(v.json) for v in inline) <= 96 * 1024


@pytest.mark.parametrize(
    "number", [float("nan"), float("inf"), [-float("inf")]], ids=repr
)
def test_what_is_no_json_is_named_and_never_stored(number: object) -> None:
    with pytest.raises(Invalid) as raised:
        values.check_values({"a": 1, "cart": {"total": number}}, "traits")
    assert raised.value.field == "traits.cart"
    with pytest.raises(Invalid, match="finite"):
        values.with_timestamp("traits", {"cart": number}, 1)


def test_every_name_that_has_no_room_is_named_at_once() -> None:
    known: list[values.Name] = [("attributes", f"a{n}") for n in range(254)]
    values.check_name_count([*known, ("attributes", "b"), ("traits", "b")])
    with pytest.raises(TooManyNames) as raised:
        values.check_name_count(
            [*known, ("attributes", "b"), ("attributes", "c"), ("attributes", "d")]
        )
    assert raised.value.fields == ("properties.c", "properties.d")
    assert raised.value.field == "properties.c"


def test_what_can_be_stored_is_split_from_the_errors_of_the_rest() -> None:
    sent = {"color": "red", "": 1, "large": "x" * (values.MOST_BYTES + 1)}
    valid, errors = values.split_valid(sent, "traits")
    assert valid == {"color": "red"}
    assert [error.field for error in errors] == ["traits.", "traits.large"]


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
