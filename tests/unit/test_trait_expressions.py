"""Conditions over traits and attributes: what they mean, and where an error in one is."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain.traits.expressions import (
    ExpressionError,
    Name,
    find_member,
    parse_expression,
)

VALUES: dict[str, Any] = {
    "orders": 3,
    "nothing": None,
    "zero": 0,
    "empty": [],
    "revenue": {"EUR": 59.9},
    "viewed": ["p1", 2],
    "last_seen": "2026-11-30T10:00:00Z",
    "consents": {"marketing": False},
    "flag": True,
}


def look_up(name: Name) -> Any:
    if name.days:
        return {"orders": 1}.get(str(name))
    return find_member(VALUES, name.path)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("orders >= 3", True),
        ("orders>3", False),
        ("orders = 3.0 and orders == 3 and orders != 4", True),
        ("orders >= 3 within 90 days", False),
        ("orders >= 1 within 1 day", True),
        ("orders within 30 days", True),
        ("3 <= orders", True),
        ("revenue.EUR > 50 and not revenue.DKK > 0", True),
        ("not consents.marketing = false", False),
        ("orders >= 3 within 90 days and not consents.marketing = false", False),
        ("flag = true", True),
        ("flag = 1", False),
        ("orders = '3'", False),
        ("nothing = null", True),
        ("nothing < 1 or nothing >= 0 or nothing <= null", False),
        ("nothing != 3", True),
        ("zero or empty or nothing", False),
        ("not zero and viewed", True),
        ("viewed contains 'p1' and viewed contains 2", True),
        ("viewed contains 'p'", False),
        ('"p1" in viewed and orders in [1, 2, 3]', True),
        ("orders in []", False),
        ("last_seen contains '11-30' and last_seen > '2026-11'", True),
        ("zero and orders or flag", True),
        ("zero and (orders or flag)", False),
        ("not zero = 1 AND Not flag = false", True),
        ("orders > -1", True),
        ("true", True),
    ],
)
def test_what_a_condition_means(text: str, *, holds: bool) -> None:
    assert parse_expression(text).holds(look_up) is holds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "character 1: expected a value, found the end"),
        ("orders >=", "character 10: expected a value, found the end"),
        ("orders >= and", "character 11: expected a value, found 'and'"),
        ("orders 3", "character 8: expected the end, `and` or `or`, found '3'"),
        ("(orders", "character 8: expected `)`, found the end"),
        ("orders in [1 2]", "character 14: expected `,` or `]`, found '2'"),
        ("orders in [1,", "character 14: expected a value, found the end"),
        ("orders within x", "character 15: expected a whole number of days, found 'x'"),
        ("a within 0 days", "character 10: expected a whole number of days, found '0'"),
        ("a within 3 weeks", "character 12: expected `days`, found 'weeks'"),
        ("orders >  $4", "character 11: expected a value, found '$'"),
        ("a = 'open", 'character 5: expected a value, found "\'"'),
        ("not " * 40 + "a", "character 133: more than 32 levels"),
        ("a" * 2001, "character 2001: at most 2000 characters"),
    ],
)
def test_an_error_says_where_it_is(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse_expression(text)
    assert str(raised.value) == message


def test_names_are_listed_in_their_order_with_their_window() -> None:
    found = parse_expression("not a.b > c within 3 days or (d and 2 < e)").names
    assert [(str(name), name.days) for name in found] == [
        ("a.b", 3),
        ("c", 3),
        ("d", None),
        ("e", None),
    ]


@given(st.text(alphabet="ab()<>=!'\" 1.[],-\nnotadrwihu$é", max_size=40))
def test_any_text_is_an_expression_or_an_error_with_its_place(text: str) -> None:
    with suppress(ExpressionError):
        assert parse_expression(text).holds(look_up) in (True, False)
