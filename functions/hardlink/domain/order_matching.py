"""Orders, each known by its number (seed 003): which event is which order, and whose. Pure: no I/O.

Numbers are easy to guess and write keys are public, so a number alone proves nothing: nobody is linked, and no other
visitor's order is taken for told already, but for what is said of the order itself (an e-mail address, a total).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal, NamedTuple

from hardlink.domain import synthetic_ids
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.identifiers import (
    MOST_BYTES,
    is_placeholder,
    parse_id,
    parse_identifier,
)
from hardlink.domain.times import DAY

MOST_TRACKED = 50
"""Events that are kept in view for one order: where more visitors name it, none of the others can be the right one."""
_EVENT = "order="
MATCH_WINDOW = 3 * DAY
"""A conversion is tracked about when the order is placed: one of another day proves nothing."""
MOST_TOTAL = 1e12
"""Beyond this a total is none."""


class OrderClaim(NamedTuple):
    """What somebody says of an order. `time`: microseconds; `total`: in hundredths.

    `email`: a hash of the address and the number, as the order may be kept longer than whoever has the address.
    """

    number: str
    time: int
    total: int | None = None
    email: str | None = None


class TrackedOrder(NamedTuple):
    """An event that stands for an order: it is stored under this profile's session at `said.time`."""

    profile: Node
    session: str
    event: str
    claim: OrderClaim
    sent_by_client: bool = True

    @property
    def by_visitor(self) -> bool:
        """Whether somebody tracked it who may turn out to be a customer: an own session is nobody else's for ever."""
        return self.sent_by_client and not synthetic_ids.is_synthetic(self.session)


class ShopOrder(NamedTuple):
    """What the shop itself told of an order: whose it is (`ids`, the hard one first).

    `visitor`: the one who was found to be that customer by this order; it finds nobody else.
    """

    ids: tuple[Node, ...]
    claim: OrderClaim
    visitor: Node | None = None


class Order(NamedTuple):
    """All that is known of an order. `rev`: +1 with every write; `expires`: seconds, as its events do."""

    number: str
    rev: int = 0
    tracked: tuple[TrackedOrder, ...] = ()
    shop_order: ShopOrder | None = None
    expires: int | None = None


class Match(NamedTuple):
    """What is to be done about an order. `visitor`: who is to be linked to its customer."""

    do: Literal["store", "known", "link"]
    visitor: TrackedOrder | None = None


STORE = Match("store")
KNOWN = Match("known")
Roots = Mapping[Node, Node]
"""Whose each profile is by now: its customer, or itself."""


def parse_claim(
    number_: object, time: int, total: float | None, email: str | None, field: str = "orderNumber"
) -> OrderClaim:
    """What somebody says of an order. Raises `Invalid` naming `field`, or what stands beside it: `total`, `email`."""
    beside = field.removesuffix(field.rpartition(".")[2])
    hundredths = None if total is None else _hundredths(total, f"{beside}total")
    address = None if email is None else parse_email(email, f"{beside}email")
    text = parse_order_number(number_, field)
    return OrderClaim(text, time, hundredths, address and _hashed(address, text))


def parse_order_number(value: object, field: str) -> str:
    """An order's number as text, trimmed. Raises `Invalid` naming `field` where it can't be one, or is many's."""
    text = parse_identifier(value, field)
    if len(text.encode()) > MOST_BYTES - len(_EVENT):
        raise Invalid(f"an order number has at most {MOST_BYTES - len(_EVENT)} bytes", field)
    return text


def parse_email(value: object, field: str) -> str | None:
    """An e-mail address that two may say alike; nothing for a placeholder. Raises `Invalid` naming `field`."""
    text = parse_id(value, field)
    return None if is_placeholder(text) else text.lower()


def _hashed(address: str, number_: str) -> str:
    """Says whether two give one order the same address, and nothing of other orders."""
    return hashlib.sha256(f"{number_}/{address}".encode()).hexdigest()[:32]


def _hundredths(total: float, field: str) -> int:
    if not abs(total) <= MOST_TOTAL:
        raise Invalid(f"a total is between -{MOST_TOTAL:.0f} and {MOST_TOTAL:.0f}", field)
    return round(total * 100)


def order_event_id(number_: str) -> str:
    """The ID of an order's event."""
    return _EVENT + number_


def claims_agree(one: OrderClaim, other: OrderClaim) -> bool | None:
    """Whether two say the same of an order: the same address, or where one says none the same total."""
    if one.email and other.email:
        return one.email == other.email
    if one.total is None or other.total is None:
        return None
    return one.total == other.total


def match_tracked(
    order: Order, mine: TrackedOrder, roots: Roots, hard_types: frozenset[str]
) -> Match:
    """What a visitor's conversion is: a new event, one that is there already, or the proof of who the visitor is."""
    whose = roots[mine.profile]
    for kept in order.tracked:
        if kept.profile == mine.profile or _same(kept, mine.claim, whose, roots):
            return KNOWN
    match_shop_order = order.shop_order
    is_stranger = mine.by_visitor and whose.type not in hard_types
    if (
        match_shop_order
        and match_shop_order.visitor is None
        and is_stranger
        and _proves(match_shop_order.claim, mine.claim)
    ):
        return Match("link", mine)
    return STORE


def match_shop_order(
    order: Order, parse_claim: OrderClaim, customer: Node, roots: Roots, hard_types: frozenset[str]
) -> Match:
    """What an order is that the shop tells of a customer."""
    if any(_same(kept, parse_claim, customer, roots) for kept in order.tracked):
        return KNOWN
    if order.shop_order and order.shop_order.visitor:
        return STORE  # it found somebody before: whoever was unlinked since stays so
    strangers = [
        k for k in order.tracked if k.by_visitor and roots[k.profile].type not in hard_types
    ]
    proven = [kept for kept in strangers if _proves(parse_claim, kept.claim)]
    by_email = [kept for kept in proven if parse_claim.email and kept.claim.email]
    found = by_email or proven
    return Match("link", found[0]) if len(found) == 1 else STORE


def adds_identifiers(order: Order, ids: tuple[Node, ...]) -> bool:
    """Whether the shop says more of an order than it did."""
    return order.shop_order is None or not set(ids) <= set(order.shop_order.ids)


def names_other_customer(order: Order, ids: tuple[Node, ...], hard_types: frozenset[str]) -> bool:
    """Whether the shop told this order of another customer before."""
    before = {n.type: n.value for n in order.shop_order.ids} if order.shop_order else {}
    return any(n.type in hard_types and before.get(n.type, n.value) != n.value for n in ids)


def _same(kept: TrackedOrder, parse_claim: OrderClaim, whose: Node, roots: Roots) -> bool:
    """Whether an event of a customer is the order that is said to be theirs: they may have two devices, or two tabs."""
    return (
        whose.type != PROFILE
        and roots[kept.profile] == whose
        and claims_agree(kept.claim, parse_claim) is not False
    )


def _proves(told_: OrderClaim, parse_claim: OrderClaim) -> bool:
    return (
        bool(claims_agree(told_, parse_claim))
        and abs(told_.time - parse_claim.time) <= MATCH_WINDOW
    )
