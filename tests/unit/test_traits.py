"""Computed traits: every one against a plain computation over all events, however these were divided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain.events import StoredEvent
from hardlink.domain.times import DAY, HOUR, MINUTE, SECOND
from hardlink.domain.traits import summaries
from hardlink.domain.traits.aggregates import (
    AVERAGE,
    COUNT,
    EXISTS,
    FIRST,
    LAST,
    MAXIMUM,
    MINIMUM,
    SUM,
    distinct,
    latest,
)
from hardlink.domain.traits.orders import (
    AVERAGE_ORDER,
    FIRST_ORDER,
    LAST_ORDER,
    ORDER_COUNT,
    REVENUE,
    VISIT_COUNT,
)
from hardlink.domain.traits.selection import SessionEvent, find_value, parse_number
from hardlink.domain.traits.summaries import Computed, Summary
from hardlink.domain.traits.trait import Trait
from hardlink.domain.traits.windows import EVER, Window, parse_window, window_of_days

BERLIN = ZoneInfo("Europe/Berlin")
NOON = 1_900_000_000 * SECOND
PRICE = ("price",)
VISIT = Window("visit")
WEEK = window_of_days(7)
WINDOWS = {"ever": EVER, "a week": WEEK, "a visit": VISIT}


def session_event(
    time: int = NOON,
    type_: str = "view",
    session: str = "s1",
    order: Mapping[str, Any] | None = None,
    **properties: Any,
) -> SessionEvent:
    """An event as it is stored; its ID is its time, so that no two of a session are the same."""
    body: dict[str, Any] = {"properties": properties, "context": {}}
    number = None
    if order:
        body["order"], number = order, str(order["number"])
    stored = StoredEvent(str(time), type_, time, time, "web", body, order=number)
    return SessionEvent(session, stored)


def computed(
    trait: Trait, *events: SessionEvent, now: int = NOON, has_all: bool = True
) -> Computed:
    traits = {trait.name: trait}
    summary = summaries.summarise(traits, events, BERLIN)
    return summaries.compute(trait, summary, now, BERLIN, has_all=has_all)


# -- against a plain computation -------------------------------------------------------------------------------------

prices = st.one_of(
    st.none(),
    st.integers(-5, 5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(("0.1", "0.2", " 3 ", "", "many", "1e999999999")),
    st.lists(st.integers(0, 3), max_size=3),
)
orders = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {"number": st.sampled_from(("o1", "o2", "o3"))},
        optional={
            "total": st.sampled_from((10, 0.1, 0.2)),
            "currency": st.sampled_from(("EUR", "eur", "DKK")),
            "status": st.sampled_from(("paid", "refunded")),
        },
    ),
)


@st.composite
def histories(draw: st.DrawFn) -> list[SessionEvent]:
    """Events of some sessions, some of them the customer's own, around midnights."""
    times = draw(st.lists(st.integers(0, 30), unique=True, max_size=12))
    found: list[SessionEvent] = []
    for time in times:
        at = NOON - time * 12 * HOUR + draw(st.integers(-2, 2)) * MINUTE
        session = draw(st.sampled_from(("s1", "s2", "@registered=gordon")))
        price, order = draw(prices), draw(orders)
        found.append(session_event(at, "view", session, order, price=price))
    return found


def numbers_of(events: Sequence[SessionEvent]) -> list[Fraction]:
    found: list[Fraction] = []
    for one in sorted(events, key=lambda one: one.position):
        price = one.properties["price"]
        listed = price if isinstance(price, list) else [price]
        for number in listed:
            parsed = parse_number(number)
            if parsed is not None:
                found.append(parsed)
    return found


def plain(number: Fraction) -> int | float | None:
    try:
        rounded = float(number)
    except OverflowError:
        return None
    return int(number) if number.denominator == 1 else rounded


def naive_sum(events: Sequence[SessionEvent]) -> Any:
    return plain(sum(numbers_of(events), Fraction(0)))


def naive_average(events: Sequence[SessionEvent]) -> Any:
    found = numbers_of(events)
    return plain(sum(found, Fraction(0)) / len(found)) if found else None


def naive_extreme(choose: Callable[..., Any], events: Sequence[SessionEvent]) -> Any:
    found = numbers_of(events)
    return plain(choose(found)) if found else None


def with_price(events: Sequence[SessionEvent]) -> list[SessionEvent]:
    """Those with a price at all, the oldest first."""
    return sorted(
        (one for one in events if one.properties["price"] not in (None, "", [])),
        key=lambda one: one.position,
    )


def naive_end(place: int, events: Sequence[SessionEvent]) -> Any:
    found = with_price(events)
    return found[place].properties["price"] if found else None


def prices_newest_first(events: Sequence[SessionEvent]) -> list[Any]:
    found: list[Any] = []
    for one in reversed(with_price(events)):
        price = one.properties["price"]
        for value in price if isinstance(price, list) else [price]:
            # as they were sent: 0.0 and -0.0 are two values, like 1 and 1.0
            if repr(value) not in map(repr, found):
                found.append(value)
    return found


def orders_of(
    events: Sequence[SessionEvent],
) -> list[tuple[Any, str, Mapping[str, Any]]]:
    """What stands of each order: the newest event with a total, else the newest one."""
    best: dict[str, SessionEvent] = {}
    for one in events:
        if one.order:
            before = best.get(one.order["number"], one)
            best[one.order["number"]] = max(
                (before, one), key=lambda e: ("total" in e.order, e.position)
            )
    standing = [e for e in best.values() if e.order.get("status") != "refunded"]
    return sorted((e.position, e.order["number"], e.order) for e in standing)


def naive_totals(events: Sequence[SessionEvent]) -> dict[str, list[Fraction]]:
    totals: dict[str, list[Fraction]] = {}
    for _, _, order in orders_of(events):
        if "total" in order:
            total = Fraction(str(order["total"]))
            totals.setdefault(order.get("currency", "").upper(), []).append(total)
    return totals


def naive_last_order(place: int, events: Sequence[SessionEvent]) -> Any:
    found = orders_of(events)
    return found[place][1] if found else None


NAIVE: Mapping[str, tuple[Trait, Callable[[Sequence[SessionEvent]], Any]]] = {
    "count": (Trait("t", COUNT, any_paths=()), len),
    "count of a property": (
        Trait("t", COUNT, any_paths=PRICE),
        lambda events: len(with_price(events)),
    ),
    "exists": (Trait("t", EXISTS, any_paths=()), bool),
    "sum": (Trait("t", SUM, any_paths=PRICE), naive_sum),
    "average": (Trait("t", AVERAGE, any_paths=PRICE), naive_average),
    "min": (
        Trait("t", MINIMUM, any_paths=PRICE),
        lambda events: naive_extreme(min, events),
    ),
    "max": (
        Trait("t", MAXIMUM, any_paths=PRICE),
        lambda events: naive_extreme(max, events),
    ),
    "first": (Trait("t", FIRST, any_paths=PRICE), lambda events: naive_end(0, events)),
    "last": (Trait("t", LAST, any_paths=PRICE), lambda events: naive_end(-1, events)),
    "latest 3": (
        Trait("t", latest(3), any_paths=PRICE),
        lambda events: prices_newest_first(events)[:3],
    ),
    "distinct": (
        Trait("t", distinct(50), any_paths=PRICE),
        prices_newest_first,
    ),
    "orders": (
        Trait("t", ORDER_COUNT, any_paths=()),
        lambda events: len(orders_of(events)),
    ),
    "revenue": (
        Trait("t", REVENUE, any_paths=()),
        lambda events: {
            k: plain(sum(v, Fraction(0))) for k, v in naive_totals(events).items()
        },
    ),
    "average order": (
        Trait("t", AVERAGE_ORDER, any_paths=()),
        lambda events: {
            k: plain(sum(v, Fraction(0)) / len(v))
            for k, v in naive_totals(events).items()
        },
    ),
    "first order": (
        Trait("t", FIRST_ORDER, any_paths=()),
        lambda events: naive_last_order(0, events),
    ),
    "last order": (
        Trait("t", LAST_ORDER, any_paths=()),
        lambda events: naive_last_order(-1, events),
    ),
    "visits": (
        Trait("t", VISIT_COUNT, any_paths=()),
        lambda events: len(
            {e.session for e in events if not e.session.startswith("@")}
        ),
    ),
}


def within(window: Window, events: Sequence[SessionEvent]) -> list[SessionEvent]:
    """The events of a window at noon, by the calendar of Berlin."""
    if window.kind == "visit":
        visits = [one for one in events if not one.session.startswith("@")]
        newest = max(visits, key=lambda one: one.position, default=None)
        return [one for one in visits if newest and one.session == newest.session]
    if window.kind == "ever":
        return list(events)
    today = datetime.fromtimestamp(NOON / SECOND, BERLIN).date()
    return [
        one
        for one in events
        if (today - datetime.fromtimestamp(one.event.time / SECOND, BERLIN).date()).days
        < window.days
    ]


def shape(value: Any, name: str) -> Any:
    """Of an order its number; a set in any order."""
    if name in ("first order", "last order") and isinstance(value, Mapping):
        return value["number"]
    return sorted(map(repr, value)) if name == "distinct" else value


@pytest.mark.parametrize("window", WINDOWS)
@given(data=st.data())
def test_traits_are_what_a_plain_computation_gives_however_events_are_divided(
    window: str, data: st.DataObject
) -> None:
    traits = {
        name: declared._replace(name=name, window=WINDOWS[window])
        for name, (declared, _) in NAIVE.items()
    }
    events = data.draw(histories())
    shuffled = data.draw(st.permutations(events))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(events)), max_size=3)))
    summary = Summary()
    for start, end in pairwise((0, *cuts, len(events))):
        part = summaries.summarise(traits, shuffled[start:end], BERLIN)
        pair = (part, summary) if start % 2 else (summary, part)
        summary = summaries.merge(traits, *pair)
    whole = summaries.summarise(traits, events, BERLIN)
    assert summary == summaries.merge(traits, Summary(), whole)
    inside = within(WINDOWS[window], events)
    for name, (_, naive) in NAIVE.items():
        value = summaries.compute(traits[name], summary, NOON, BERLIN)
        assert shape(value.value, name) == shape(naive(inside), name), name
        assert value.is_complete


# -- a row a sentence --------------------------------------------------------------------------------------------------


def test_amounts_are_added_exactly() -> None:
    events = [session_event(NOON + n, price=0.1) for n in range(10)]
    assert computed(Trait("t", SUM, any_paths=PRICE), *events).value == 1


def test_a_sum_beyond_the_largest_float_is_null() -> None:
    events = [session_event(NOON + n, price=1.7e308) for n in range(2)]
    assert computed(Trait("t", AVERAGE, any_paths=PRICE), *events).value == 17 * 10**307
    assert computed(Trait("t", SUM, any_paths=PRICE), *events).value is None


def test_what_is_no_number_is_not_added() -> None:
    assert parse_number("1e400") is not None
    assert parse_number("1e4000") is None
    flag: object = True
    assert parse_number(flag) is None
    assert parse_number("9" * 65) is None
    assert parse_number("nan") is None


def test_values_are_listed_newest_first_each_once() -> None:
    seen = ["a", "b", "a", "c", "d"]
    events = [session_event(NOON + n, price=value) for n, value in enumerate(seen)]
    assert computed(Trait("t", latest(3), any_paths=PRICE), *events).value == [
        *("d", "c", "a")
    ]


def test_a_list_of_distinct_values_says_when_it_has_no_room() -> None:
    trait = Trait("t", distinct(2), any_paths=PRICE)
    events = [session_event(NOON + n, price=value) for n, value in enumerate("bca")]
    assert computed(trait, *events[:2]) == Computed(["b", "c"])
    assert computed(trait, *events) == Computed(["a", "b"], is_complete=False)


def test_a_window_of_days_begins_at_midnight_of_the_project_and_moves_by_itself() -> (
    None
):
    trait = Trait("t", COUNT, window_of_days(2), any_paths=())
    midnight = 1_899_932_400 * SECOND  # in Berlin, in March
    assert datetime.fromtimestamp(midnight / SECOND, BERLIN).hour == 0
    events = [session_event(midnight - 1), session_event(midnight)]
    values = [
        computed(trait, *events, now=midnight + day * DAY + HOUR).value
        for day in range(3)
    ]
    assert values == [2, 1, 0]


@pytest.mark.parametrize(
    ("aggregate", "window", "is_complete"),
    [
        pytest.param(COUNT, EVER, False, id="an older event would be counted"),
        pytest.param(
            COUNT, WEEK, True, id="what was read reaches back beyond the week"
        ),
        pytest.param(COUNT, window_of_days(30), False, id="not beyond 30 days"),
        pytest.param(COUNT, VISIT, False, id="the visit may have begun earlier"),
        pytest.param(FIRST, EVER, False, id="the first event is not known"),
        pytest.param(LAST, EVER, True, id="the last one is"),
        pytest.param(EXISTS, EVER, True, id="there is one already"),
        pytest.param(latest(1), EVER, True, id="a full list takes no older value"),
        pytest.param(latest(9), EVER, False, id="one with room does"),
    ],
)
def test_where_older_events_were_not_read_a_value_is_complete_only_if_they_do_not_count(
    aggregate: Any, window: Window, *, is_complete: bool
) -> None:
    events = [session_event(NOON), session_event(NOON - 10 * DAY)]
    trait = Trait("t", aggregate, window, any_paths=())
    assert computed(trait, *events, has_all=False).is_complete is is_complete


def test_a_path_goes_on_in_each_element_of_a_list() -> None:
    properties = {"products": [{"id": "a"}, {"id": "b"}, {}], "flat.name": 1}
    assert find_value(properties, "products.id") == ["a", "b"]
    assert find_value(properties, "products.sku") is None
    assert find_value(properties, "products.id.x") is None
    assert find_value(properties, "flat.name") == 1


@pytest.mark.parametrize("text", ["30", "0 days", "30 hours", "9999 days", ""])
def test_a_text_that_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="window"):
        parse_window(text)
    assert parse_window("1 day") == window_of_days(1)
    assert parse_window("visit") == VISIT
