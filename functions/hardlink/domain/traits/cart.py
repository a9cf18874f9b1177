"""Aggregate of a cart: what is in it after all that was put in and taken out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hardlink.domain.graph import NOTHING
from hardlink.domain.traits.aggregates import Aggregate
from hardlink.domain.traits.selection import Position, SessionEvent
from hardlink.domain.traits.shop_events import (
    CartLine,
    read_cart_change,
)


class CartHistory(NamedTuple):
    """The newest event that says all of a cart, and the changes since.

    `since`: position of that event, `None` without one; `lines`: what it says. `changes`: by
    position. The changes are not added up: taking out more than there is leaves none, so their
    order counts.
    """

    since: Position | None = None
    lines: tuple[CartLine, ...] = ()
    changes: Mapping[Position, tuple[CartLine, ...]] = NOTHING


def _cart_of(found: SessionEvent, _: object) -> CartHistory | None:
    """Make the history of one event."""
    change = read_cart_change(found)
    if change.is_whole:
        return CartHistory(found.position, change.lines)
    if not change.lines:
        return None
    return CartHistory(changes={found.position: change.lines})


def _combine_carts(one: CartHistory, other: CartHistory) -> CartHistory:
    """Join two histories: the newer cart as a whole, and all changes since.

    Changes before it are dropped, so that a history stays short.
    """
    older, newer = sorted((one, other), key=_order_of_whole)
    changes = {**older.changes, **newer.changes}
    if newer.since is None:
        return newer._replace(changes=changes)
    # What was put in before the cart was sent as a whole is part of it, or was taken out.
    kept = {at: lines for at, lines in changes.items() if at > newer.since}
    return newer._replace(changes=kept)


def _format_cart(state: CartHistory) -> list[dict[str, Any]]:
    """Carry out the changes in their order, and list what is left."""
    cart: dict[str | int, int] = {}
    # The answer is turned around at the end, so that the product that changed last comes first.
    for line in reversed(state.lines):
        _apply_line(cart, line)
    for position in sorted(state.changes):
        for line in state.changes[position]:
            _apply_line(cart, line)
    return [
        {"product": product, "quantity": quantity}
        for product, quantity in reversed(cart.items())
    ]


def _is_settled(state: CartHistory) -> bool:
    """Tell whether older events count: not if the whole cart was sent since."""
    return state.since is not None


def _order_of_whole(history: CartHistory) -> tuple[bool, Position | tuple[()]]:
    """Order histories by their events that say all of a cart; those without one come first."""
    return history.since is not None, history.since or ()


def _apply_line(cart: dict[str | int, int], line: CartLine) -> None:
    """Put a line into a cart; a product of which none is left is taken out of it."""
    # Taken out first, so that it comes last in the cart: the order is that of the changes.
    quantity = cart.pop(line.product, 0) + line.quantity
    if quantity > 0:
        cart[line.product] = quantity


CART = Aggregate(
    _cart_of, _combine_carts, _format_cart, empty=[], is_settled=_is_settled
)
"""The cart: `[{"product", "quantity"}]`, the product that changed last first."""
