"""The traits that every project has: each system's own events are understood."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardlink.domain.times import SECOND
from hardlink.domain.traits import cart, shop_events, summaries
from hardlink.domain.traits.built_in import BUILT_IN
from hardlink.domain.traits.selection import SessionEvent
from tests.unit.test_traits import BERLIN, NOON, session_event

Sent = tuple[str, dict[str, Any]]


def sent(*events: Sent, session: str = "s1") -> list[SessionEvent]:
    """Events as they were sent, a second apart; a property `order` is the event's order."""
    found: list[SessionEvent] = []
    for number, (type_, properties) in enumerate(events):
        rest = {name: one for name, one in properties.items() if name != "order"}
        order = properties.get("order")
        at = NOON + number * SECOND
        found.append(session_event(at, type_, session, order, **rest))
    return found


def value_of(name: str, events: list[SessionEvent]) -> Any:
    """The value of a built-in trait, whichever of two halves is summarised first."""
    traits = {name: BUILT_IN[name]}
    middle = len(events) // 2
    parts = [
        summaries.summarise(traits, part, BERLIN)
        for part in (events[middle:], events[:middle])
    ]
    summary = summaries.merge(traits, *parts)
    return summaries.compute(traits[name], summary, NOON, BERLIN).value


def cart_of(*events: Sent) -> dict[Any, int]:
    return {
        line["product"]: line["quantity"] for line in value_of("cart", sent(*events))
    }


VIEWS = [
    pytest.param("pageview", {"productNumber": "p1", "url": "/p"}, id="Hello Retail"),
    pytest.param("view_item", {"product_id": "p1"}, id="Exponea"),
    pytest.param("product_detail", {"product_id": "p1"}, id="enhanced e-commerce"),
    pytest.param("view_item", {"items": [{"item_id": "p1"}]}, id="Google Analytics 4"),
    pytest.param("Product Viewed", {"product_id": "p1", "sku": "x"}, id="Segment"),
    pytest.param("Viewed Product", {"id": "p1"}, id="Segment, version 1"),
    pytest.param("view", {"target": {"product": "p1"}}, id="Attraqt XO"),
]


@pytest.mark.parametrize(("type_", "properties"), VIEWS)
def test_each_systems_views_are_recently_viewed(
    type_: str, properties: dict[str, Any]
) -> None:
    events = sent((type_, properties), ("view_item", {"product_id": "p2"}))
    assert value_of("recently_viewed", events) == ["p2", "p1"]


def test_a_page_view_without_a_product_number_is_of_no_product() -> None:
    events = sent(("pageview", {"url": "/about"}), ("view", {"target": {"page": "/"}}))
    assert value_of("recently_viewed", events) == []


PURCHASES = [
    pytest.param(
        "conversion",
        {"products": [{"productNumber": "p1"}, {"productNumber": "p2"}]},
        id="Hello Retail, and the order feed",
    ),
    pytest.param(
        "conversion", {"productNumbers": ["p1", "p2"]}, id="Hello Retail, older"
    ),
    pytest.param("conversion", {"urls": ["p1", "p2"]}, id="Hello Retail, by URL"),
    pytest.param(
        "purchase",
        {"product_list": [{"product_id": "p1"}, {"product_id": "p2"}]},
        id="Exponea",
    ),
    pytest.param("purchase", {"product_ids": ["p1", "p2"]}, id="Exponea, IDs alone"),
    pytest.param(
        "Order Completed",
        {"products": [{"product_id": "p1"}, {"product_id": "p2"}]},
        id="Segment",
    ),
    pytest.param(
        "Completed Order",
        {"products": [{"id": "p1"}, {"id": "p2"}]},
        id="Segment, version 1",
    ),
]


@pytest.mark.parametrize(("type_", "properties"), PURCHASES)
def test_each_systems_purchases_are_last_purchases(
    type_: str, properties: dict[str, Any]
) -> None:
    assert value_of("last_purchases", sent((type_, properties))) == ["p1", "p2"]


@pytest.mark.parametrize(
    ("type_", "properties"),
    [
        pytest.param("purchase", {"target": {"product": "p1"}}, id="Attraqt XO"),
        pytest.param(
            "product_purchase", {"product_id": "p1"}, id="enhanced e-commerce"
        ),
        pytest.param("purchase_item", {"product_id": "p1"}, id="Exponea, by item"),
    ],
)
def test_a_purchase_that_is_told_by_line_is_a_last_purchase(
    type_: str, properties: dict[str, Any]
) -> None:
    assert value_of("last_purchases", sent((type_, properties))) == ["p1"]


@pytest.mark.parametrize(
    "taken_back",
    [{"status": "Refunded"}, {"purchase_status": "cancelled"}, {"opposite": True}],
)
def test_a_purchase_that_was_taken_back_is_none_and_empties_no_cart(
    taken_back: dict[str, Any],
) -> None:
    events: list[Sent] = [
        ("product_add_to_cart", {"product_id": "p1"}),
        ("purchase", {"product_ids": ["p1"], **taken_back}),
    ]
    assert value_of("last_purchases", sent(*events)) == []
    assert cart_of(*events) == {"p1": 1}


CHANGES = [
    pytest.param(
        ("product_add_to_cart", {"product_id": "p1", "quantity": 2}),
        ("product_remove_from_cart", {"product_id": "p1"}),
        id="enhanced e-commerce, and the demo shop",
    ),
    pytest.param(
        ("Product Added", {"product_id": "p1", "quantity": "2"}),
        ("Product Removed", {"product_id": "p1", "quantity": 1}),
        id="Segment",
    ),
    pytest.param(
        ("Added Product", {"id": "p1", "quantity": 2}),
        ("Removed Product", {"id": "p1"}),
        id="Segment, version 1",
    ),
    pytest.param(
        ("add-to-cart", {"target": {"product": "p1"}, "metadata": {"quantity": 2}}),
        ("remove-from-cart", {"target": {"product": "p1"}}),
        id="Attraqt XO",
    ),
    pytest.param(
        ("add-to-cart", {"target": {"product": "p1"}, "metadata": {"quantity": 2}}),
        ("add-to-cart", {"target": {"product": "p1"}, "opposite": True}),
        id="Attraqt XO, by its opposite",
    ),
    pytest.param(
        ("product-in-basket", {"product": "p1", "quantity": 2}),
        ("product_remove_from_cart", {"product_id": "p1"}),
        id="Tracardi's sample",
    ),
    pytest.param(
        ("cart_update", {"action": "add", "product_id": "p1", "quantity": 2}),
        ("cart_update", {"action": "remove", "product_id": "p1"}),
        id="Exponea, by product",
    ),
]


@pytest.mark.parametrize(("added", "removed"), CHANGES)
def test_each_systems_cart_is_added_up(added: Sent, removed: Sent) -> None:
    assert cart_of(added) == {"p1": 2}
    assert cart_of(added, removed) == {"p1": 1}
    assert cart_of(added, removed, removed) == {}
    assert cart_of(removed, added) == {"p1": 2}  # none is left to take out


@pytest.mark.parametrize(
    ("whole", "empty"),
    [
        pytest.param(
            ("cart", {"productNumbers": ["p2", "p2", "p1"]}), ("cart", {}), id="HR"
        ),
        pytest.param(
            (
                "cart_update",
                {
                    "product_list": [
                        {"product_id": "p2", "quantity": 2},
                        {"product_id": "p1"},
                    ]
                },
            ),
            ("cart_update", {"action": "empty", "product_id": "p1"}),
            id="Exponea",
        ),
        pytest.param(
            (
                "Cart Viewed",
                {"products": [{"sku": "p2", "quantity": 2}, {"sku": "p1"}]},
            ),
            ("Cart Viewed", {"products": []}),
            id="Segment",
        ),
    ],
)
def test_hr_12_a_cart_that_is_sent_as_a_whole_replaces_the_one_before(
    whole: Sent, empty: Sent
) -> None:
    other = ("product_add_to_cart", {"product_id": "p3"})
    assert cart_of(other, whole) == {"p2": 2, "p1": 1}
    assert cart_of(whole, other) == {"p3": 1, "p2": 2, "p1": 1}
    assert cart_of(whole, empty) == {}
    assert cart_of(whole, empty, other) == {"p3": 1}


@pytest.mark.parametrize(
    "purchase",
    [
        ("transaction", {"transaction_id": "o1"}),
        ("conversion", {}),
        ("bought", {"order": {"number": "o1"}}),
    ],
)
def test_a_purchase_empties_the_cart(purchase: Sent) -> None:
    added = ("product_add_to_cart", {"product_id": "p1"})
    assert cart_of(added, purchase) == {}
    assert cart_of(purchase, added) == {"p1": 1}


def test_an_order_that_the_shop_reports_leaves_the_cart_as_it_is() -> None:
    by_shop = sent(
        ("conversion", {"order": {"number": "o1"}}), session="@email=g@x.com"
    )
    added = session_event(NOON - SECOND, "product_add_to_cart", product_id="p1")
    assert value_of("cart", [added, *by_shop]) == [{"product": "p1", "quantity": 1}]


def test_an_order_counts_once_and_not_if_it_was_taken_back() -> None:
    events = sent(
        ("purchase", {"order": {"number": "o1", "currency": "eur"}}),
        ("conversion", {"order": {"number": "o1", "total": 10.5, "currency": "EUR"}}),
        ("conversion", {"order": {"number": "o2", "total": 1, "currency": "EUR"}}),
        ("conversion", {"order": {"number": "o3", "total": 5, "status": "cancelled"}}),
        ("conversion", {"order": {"number": "o4", "total": 7}}),
    )
    assert value_of("orders", events) == 3
    assert value_of("revenue", events) == {"EUR": 11.5, "": 7}


def test_visits_are_sessions_of_a_device_and_seen_is_any_event() -> None:
    events = [
        session_event(NOON - 2 * SECOND, session="@registered=gordon"),
        session_event(NOON - SECOND),
        session_event(NOON, session="s2"),
    ]
    assert value_of("visits", events) == 2
    assert value_of("first_seen", events) < value_of("last_seen", events)
    assert value_of("last_seen", events).startswith("2030-03-17T17:46:40")
    assert value_of("last_seen", []) is None


# -- against a plain computation -------------------------------------------------------------------------------------

cart_events = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(("product_add_to_cart", "product_remove_from_cart")),
            st.fixed_dictionaries(
                {"product_id": st.sampled_from("abc"), "quantity": st.integers(0, 3)}
            ),
        ),
        st.tuples(
            st.just("cart"),
            st.fixed_dictionaries(
                {"productNumbers": st.lists(st.sampled_from("abc"), max_size=4)}
            ),
        ),
        st.tuples(st.sampled_from(("transaction", "view_item")), st.just({})),
    ),
    max_size=10,
)


def naive_cart(events: list[Sent]) -> Counter[str]:
    """The cart, event by event."""
    cart: Counter[str] = Counter()
    for type_, properties in events:
        if type_ in ("cart", "transaction"):
            cart = Counter(properties.get("productNumbers", ()))
        elif type_ != "view_item":
            sign = 1 if "add" in type_ else -1
            cart[properties["product_id"]] += sign * properties["quantity"]
        cart = +cart  # without what is not in it any more
    return cart


@given(cart_events, st.data())
def test_a_cart_is_what_a_plain_computation_gives_however_events_are_divided(
    told: list[Sent], data: st.DataObject
) -> None:
    events = data.draw(st.permutations(sent(*told)))
    found = {line["product"]: line["quantity"] for line in value_of("cart", events)}
    assert found == naive_cart(told)


def cart_computed(events: list[SessionEvent], *, at: int) -> summaries.Computed:
    """The cart, of which the events behind a place are summarised first."""
    traits = {"cart": BUILT_IN["cart"]}
    newer = summaries.summarise(traits, events[at:], BERLIN)
    older = summaries.summarise(traits, events[:at], BERLIN)
    summary = summaries.merge(traits, newer, older)
    return summaries.compute(traits["cart"], summary, NOON, BERLIN)


def add(*products: str) -> Sent:
    return ("Product Added", {"product_id": list(products)})


def test_equal_products_of_an_event_are_one_line() -> None:
    change = shop_events.read_cart_change(sent(add("a", "b", "a"))[0])
    assert change.lines == (("a", 2), ("b", 1))


def test_an_event_has_a_bound_of_lines_and_the_cart_says_so() -> None:
    names = [f"p{number}" for number in range(shop_events.MOST_LINES + 1)]
    whole = cart_computed(sent(("cart", {"productNumbers": names})), at=0)
    assert [line["product"] for line in whole.value] == names[:-1]
    assert not whole.is_complete
    assert not cart_computed(sent(add(*names)), at=0).is_complete
    assert cart_computed(sent(add(*names[:-1])), at=0).is_complete


def test_a_cart_has_a_bound_of_products_and_says_so() -> None:
    events = sent(*(add(f"p{number}") for number in range(cart.MOST_PRODUCTS + 1)))
    found = cart_computed(events, at=3)
    assert len(found.value) == cart.MOST_PRODUCTS
    assert found.value[0]["product"] == events[-1].properties["product_id"][0]
    assert not found.is_complete
    assert cart_computed(events[1:], at=3).is_complete


@given(st.integers(0, 6))
def test_the_newest_changes_are_kept_however_events_are_divided(at: int) -> None:
    # "e" would have room but for "cd", which is newer and has none.
    events = sent(add("a", "b"), add("e"), add("c", "d"), add("f"), add("g"), add("h"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cart, "MOST_CHANGED_LINES", 4)
        found = cart_computed(events, at=at)
    assert [line["product"] for line in found.value] == ["h", "g", "f"]
    assert not found.is_complete


def test_a_cart_as_a_whole_makes_up_for_changes_that_found_no_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cart, "MOST_CHANGED_LINES", 1)
    whole: Sent = ("cart", {"productNumbers": ["z"]})
    found = cart_computed(sent(add("a"), add("b"), whole, add("c")), at=2)
    assert [line["product"] for line in found.value] == ["c", "z"]
    assert found.is_complete
