"""The traits that every project has, over the events of all systems. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from hardlink.domain.traits.aggregates import FIRST, LAST, latest
from hardlink.domain.traits.cart import CART
from hardlink.domain.traits.orders import ORDER_COUNT, REVENUE, VISIT_COUNT
from hardlink.domain.traits.selection import SessionEvent
from hardlink.domain.traits.shop_events import PURCHASED, VIEWED, takes_order_back
from hardlink.domain.traits.trait import Trait

LISTED = 10
"""Products of `recently_viewed` and of `last_purchases`."""


def _is_purchase(found: SessionEvent) -> bool:
    """Leave out refunds and the like, which have the type of a purchase."""
    return not takes_order_back(found)


_ALL = (
    Trait("recently_viewed", latest(LISTED), paths=VIEWED),
    Trait("cart", CART, any_paths=()),
    Trait("last_purchases", latest(LISTED), paths=PURCHASED, accepts=_is_purchase),
    Trait("orders", ORDER_COUNT, any_paths=()),
    Trait("revenue", REVENUE, any_paths=()),
    Trait("visits", VISIT_COUNT, any_paths=()),
    Trait("first_seen", FIRST, any_paths=()),
    Trait("last_seen", LAST, any_paths=()),
)
BUILT_IN: Mapping[str, Trait] = {trait.name: trait for trait in _ALL}
"""By name. A project may declare one of these names itself, which replaces it."""
