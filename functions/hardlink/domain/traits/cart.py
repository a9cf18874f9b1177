"""Aggregate of a cart: what is in it after all that was put in and taken out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from hardlink.domain.graph import NOTHING
from hardlink.domain.traits.aggregates import Aggregate
from hardlink.domain.traits.selection import Position, SessionEvent
from hardlink.domain.traits.shop_events import (
    CartChange,
    CartLine,
    read_cart_change,
)

MOST_PRODUCTS = 200
"""Products of a cart, those that changed last. Public keys write events, so a cart has a bound."""
MOST_CHANGED_LINES = 10_000
"""Lines of all changes that are kept, the newest: one for each event that a call reads."""
_BEFORE_ALL: Position = (-1, 0, "", "")
_EMPTY = CartChange(is_whole=True)


class CartHistory(NamedTuple):
    """The newest event that says all of a cart, and the changes since.

    `since`: position of that event, before all without one; `whole`: what it says. `changes`: by
    position. The changes are not added up: taking out more than there is leaves none, so their
    order counts. `cut`: position of the newest change for which there was no room, before all
    if there was room for each; it and older ones are dropped.
    """

    since: Position = _BEFORE_ALL
    whole: CartChange = _EMPTY
    changes: Mapping[Position, CartChange] = NOTHING
    cut: Position = _BEFORE_ALL


def _cart_of(found: SessionEvent, _: object) -> CartHistory | None:
    """Make the history of one event."""
    change = read_cart_change(found)
    if change.is_whole:
        return CartHistory(found.position, change)
    if not change.lines:
        return None
    return CartHistory(changes={found.position: change})


def _combine_carts(one: CartHistory, other: CartHistory) -> CartHistory:
    """Join two histories: the newer cart as a whole, and all changes since.

    Changes before it are dropped, so that a history stays short.
    """
    whole = max(one, other, key=_time_of_whole)
    cut = max(one.cut, other.cut)
    # What was put in before the cart was sent as a whole is part of it, or was taken out.
    oldest = max(whole.since, cut)
    changes = {**one.changes, **other.changes}
    kept = {at: change for at, change in changes.items() if at > oldest}
    return _cut_changes(whole._replace(changes=kept, cut=cut))


def _cut_changes(history: CartHistory) -> CartHistory:
    """Drop the oldest changes for which there is no room.

    Which these are does not depend on how the events were divided: a change without room among
    those of a part has none among those of the whole.
    """
    changes = history.changes
    room = MOST_CHANGED_LINES - sum(len(change.lines) for change in changes.values())
    # Sorting is for the few histories that are too long.
    if room >= 0:
        return history
    by_age = sorted(changes)
    while room < 0:
        cut = by_age.pop(0)
        room += len(changes[cut].lines)
    return history._replace(changes={at: changes[at] for at in by_age}, cut=cut)


def _fill_cart(state: CartHistory) -> dict[str | int, int]:
    """Carry out the changes in their order: product -> quantity, what changed last comes last."""
    cart: dict[str | int, int] = {}
    # The answer is turned around at the end, so that the product that changed last comes first.
    for line in reversed(state.whole.lines):
        _apply_line(cart, line)
    for position in sorted(state.changes):
        for line in state.changes[position].lines:
            _apply_line(cart, line)
    return cart


def _format_cart(state: CartHistory) -> list[dict[str, Any]]:
    """List what is left after all changes, at most `MOST_PRODUCTS`."""
    latest_first = reversed(_fill_cart(state).items())
    return [
        {"product": product, "quantity": quantity}
        for product, quantity in islice(latest_first, MOST_PRODUCTS)
    ]


def _is_settled(state: CartHistory) -> bool:
    """Tell whether older events count: not if the whole cart was sent since."""
    return state.since != _BEFORE_ALL


def _is_cut(state: CartHistory) -> bool:
    """Tell whether lines of an event, changes or products found no room."""
    read = (state.whole, *state.changes.values())
    has_cut_lines = any(change.is_cut for change in read)
    is_short = state.cut > state.since or has_cut_lines
    return is_short or len(_fill_cart(state)) > MOST_PRODUCTS


def _time_of_whole(history: CartHistory) -> Position:
    """Return the key that orders histories by their events that say all of a cart."""
    return history.since


def _apply_line(cart: dict[str | int, int], line: CartLine) -> None:
    """Put a line into a cart; a product of which none is left is taken out of it."""
    # Taken out first, so that it comes last in the cart: the order is that of the changes.
    quantity = cart.pop(line.product, 0) + line.quantity
    if quantity > 0:
        cart[line.product] = quantity


CART = Aggregate(
    _cart_of,
    _combine_carts,
    _format_cart,
    empty=[],
    is_settled=_is_settled,
    is_cut=_is_cut,
)
"""The cart: `[{"product", "quantity"}]`, the product that changed last first."""
