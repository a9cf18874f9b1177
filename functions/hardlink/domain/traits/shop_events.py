"""Events by which each system's client tells of products: views, carts, purchases. Pure.

Sources: Hello Retail's server-side tracking; Bloomreach's recommended events and Exponea's web SDK
3.15.0 (Enhanced Ecommerce, which the browser SDK also makes of Google Analytics 4's events);
Segment's ecommerce spec, version 2 and 1; Attraqt's activities; the sample of Tracardi's payload
(seed 002).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from hardlink.domain.json_types import as_object, is_text_or_integer
from hardlink.domain.orders.purchase_events import PURCHASE_EVENTS, is_reversal
from hardlink.domain.traits.selection import (
    SessionEvent,
    find_value,
    list_elements,
    parse_number,
)

Paths = Sequence[str]
"""Places of a value in an event's properties: the first one that holds something counts."""

VIEWED: Mapping[str, Paths] = {
    # Without a catalogue a URL may be any page, so only a page view with a number is of a product.
    "pageview": ("productNumber",),
    "view_item": ("product_id", "item_id", "items.item_id"),
    "product_detail": ("product_id",),
    "Product Viewed": ("product_id", "sku"),
    "Viewed Product": ("product_id", "id", "sku"),
    "view": ("target.product",),
}
"""Views of a product: event type -> where the product's ID is."""

PURCHASED: Mapping[str, Paths] = {
    "conversion": (
        *("products.productNumber", "productNumbers"),
        *("products.url", "urls"),
    ),
    "purchase": (
        *("product_list.product_id", "product_ids", "product_id"),
        *("items.item_id", "target.product"),
    ),
    "purchase_item": ("product_id", "item_id"),
    "product_purchase": ("product_id",),
    "Order Completed": ("products.product_id", "products.sku"),
    "Completed Order": ("products.product_id", "products.id", "products.sku"),
}
"""Purchases: event type -> where the IDs of the products are."""


MOST_LINES = 200
"""Lines that are read of one event on a cart, the first ones."""


class CartLine(NamedTuple):
    """A product and how many of it: in a cart, put into it, or (negative) taken out of it."""

    product: str | int
    quantity: int


class CartChange(NamedTuple):
    """What one event says of a cart, each product once.

    `is_whole`: the lines replace what was in it before. `is_cut`: the event has more lines
    than are read, `MOST_LINES`.
    """

    is_whole: bool
    lines: tuple[CartLine, ...] = ()
    is_cut: bool = False


class _Lines(NamedTuple):
    """Places of products in a cart event: IDs, and the quantity of each.

    `items`: of a list of objects, in which the other paths begin.
    """

    ids: Paths
    quantity: str = "quantity"
    items: str = ""


_WHOLE_CARTS: Mapping[str, Sequence[_Lines]] = {
    "cart": (_Lines(("productNumbers", "urls")),),
    "cart_update": (
        _Lines(("product_id",), items="product_list"),
        _Lines(("product_ids",), quantity=""),
    ),
    "Cart Viewed": (_Lines(("product_id", "sku"), items="products"),),
}
_ADDED, _REMOVED = 1, -1
_CART_CHANGES: Mapping[str, tuple[int, _Lines]] = {
    "product_add_to_cart": (_ADDED, _Lines(("product_id",))),
    "product_remove_from_cart": (_REMOVED, _Lines(("product_id",))),
    "Product Added": (_ADDED, _Lines(("product_id", "sku"))),
    "Product Removed": (_REMOVED, _Lines(("product_id", "sku"))),
    "Added Product": (_ADDED, _Lines(("product_id", "id", "sku"))),
    "Removed Product": (_REMOVED, _Lines(("product_id", "id", "sku"))),
    "product-in-basket": (_ADDED, _Lines(("product",))),
    "add-to-cart": (_ADDED, _Lines(("target.product",), "metadata.quantity")),
    "remove-from-cart": (_REMOVED, _Lines(("target.product",), "metadata.quantity")),
}
_SIGNS = {"add": _ADDED, "remove": _REMOVED}
"""Actions of `cart_update`. Others, such as `empty`, leave nothing in the cart."""
_ONE_PRODUCT = _Lines(("product_id",))
_ORDER_TYPES = frozenset(purchase.type for purchase in PURCHASE_EVENTS)
_MOST_QUANTITY = 1_000_000
_NO_CHANGE = CartChange(is_whole=False)
_EMPTY_CART = CartChange(is_whole=True)


def find_first(properties: object, paths: Paths) -> object:
    """Find the value at the first of some paths that leads to one; `None` if none does.

    A path to an empty list leads to no value, and so the next one is tried.
    """
    for path in paths:
        value = find_value(properties, path)
        if any(True for _ in list_elements(value)):
            return value
    return None


def takes_order_back(found: SessionEvent) -> bool:
    """Tell whether a purchase event takes its order back, such as a refund.

    Bloomreach has `purchase_status`, the others `status`.
    """
    properties = found.properties
    status = properties.get("status") or properties.get("purchase_status")
    return is_reversal({"status": status}, properties)


def read_cart_change(found: SessionEvent) -> CartChange:
    """Read what an event says of the visitor's cart; without lines it says nothing.

    A purchase empties the cart. An order that the shop's backend reports does not: it may have been
    placed by telephone.
    """
    type_ = found.event.type
    if type_ in _CART_CHANGES:
        sign, lines = _CART_CHANGES[type_]
        return _read_change(found, sign, lines)
    if type_ in _WHOLE_CARTS:
        return _read_whole_cart(found)
    is_purchase = type_ in _ORDER_TYPES or bool(found.order)
    if is_purchase and found.is_of_visit and not takes_order_back(found):
        return _EMPTY_CART
    return _NO_CHANGE


def _read_whole_cart(found: SessionEvent) -> CartChange:
    """Read a cart that is sent as a whole; without products it is empty.

    Bloomreach's `cart_update` may name only the product that was added or removed.
    """
    properties = found.properties
    for places in _WHOLE_CARTS[found.event.type]:
        change = _add_up(_list_lines(properties, places))
        if change.lines:
            return change._replace(is_whole=True)
    # Without an action it is empty: pages send no products then.
    sign = _SIGNS.get(str(properties.get("action")), 0)
    return _read_change(found, sign, _ONE_PRODUCT) if sign else _EMPTY_CART


def _read_change(found: SessionEvent, sign: int, places: _Lines) -> CartChange:
    """Read products that were put into a cart or taken out of it."""
    properties = found.properties
    # Attraqt's word for the contrary of an action.
    if properties.get("opposite") is True:
        sign = -sign
    change = _add_up(_list_lines(properties, places))
    signed = [line._replace(quantity=sign * line.quantity) for line in change.lines]
    return change._replace(lines=tuple(signed))


def _add_up(lines: Iterable[CartLine]) -> CartChange:
    """Add up the quantities of equal products, in the order in which these are named first."""
    quantities: dict[str | int, int] = {}
    # Nothing behind these is read: a list may be as long as a call lets in.
    read = list(islice(lines, MOST_LINES + 1))
    for product, quantity in read[:MOST_LINES]:
        quantities[product] = quantities.get(product, 0) + quantity
    added = tuple(CartLine(*one) for one in quantities.items())
    return CartChange(is_whole=False, lines=added, is_cut=len(read) > MOST_LINES)


def _list_lines(properties: Mapping[str, object], places: _Lines) -> Iterator[CartLine]:
    """List the lines of a cart event; one without a usable ID is left out.

    A list of IDs without quantities has an ID as often as the cart has the product.
    """
    items: list[Mapping[str, object]] = [properties]
    if places.items:
        listed = list_elements(properties.get(places.items))
        items = [as_object(item) for item in listed]
    # Without a list of items, the event is the only one.
    for item in items:
        quantity = _read_quantity(find_value(item, places.quantity))
        products = filter(
            is_text_or_integer, list_elements(find_first(item, places.ids))
        )
        for product in products:
            yield CartLine(product, quantity)


def _read_quantity(value: object) -> int:
    """Read how many there are: one, where it is not said or is no such number."""
    number = parse_number(value)
    if number is None or not 0 <= number <= _MOST_QUANTITY:
        return 1
    return int(number)
