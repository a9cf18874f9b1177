"""Orders, each known by its number (seed 003): which event is which order, and whose. Pure: no I/O.

Numbers are easy to guess and write keys are public, so a number alone proves nothing. A visitor is
linked to an order's customer, and an order counts as the same one, by what is claimed about it
besides: an e-mail address, else a total.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hardlink.domain import synthetic_ids
from hardlink.domain.errors import Invalid, located_message
from hardlink.domain.graph import NOTHING, PROFILE, Node
from hardlink.domain.identifiers import (
    MOST_BYTES,
    is_placeholder,
    normal_email,
    parse_id,
    parse_identifier,
)
from hardlink.domain.times import DAY
from hardlink.domain.values import to_json

MOST_TRACKED = 50
"""Events that one order's item names: where more visitors track it, the number was made public."""
MATCH_WINDOW = 3 * DAY
"""A conversion is tracked about when the order is placed: one of another day proves nothing."""
MOST_TOTAL = 1e12
"""The largest total."""
MOST_DETAIL = 64
"""Characters of a currency or a status."""
ORDER_PARTS = ("number", "total", "email", "currency", "status", "line")
"""What an event may say of its order. Only purchase events of one line say `line`."""
_EVENT = "order="


class OrderClaim(NamedTuple):
    """A claim about an order. `time`: microseconds; `total`: in hundredths.

    `email`: a hash of the address and the number, as an order may be kept longer than its customer.
    `line`: a hash of the one line of the order that it is about; `None` for a whole order.
    """

    number: str
    time: int
    total: int | None = None
    email: str | None = None
    line: str | None = None


class EventOrder(NamedTuple):
    """The order that an event stands for. `details`: `currency` and `status`, where they are sent.

    `faults`: messages about parts that are no such thing and were left out, each with its field.
    """

    claim: OrderClaim
    details: Mapping[str, str] = NOTHING
    faults: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Format the order as events answer it: `number`, `total?`, `currency?`, `status?`."""
        return describe_order(self.claim, self.details)


class UnusableOrder(NamedTuple):
    """What an event says of an order, but without a number: the event counts as no order."""

    faults: tuple[str, ...]


class TrackedOrder(NamedTuple):
    """An event that stands for an order: it is stored under this profile's session at `claim.time`.

    `sent_by_client`: a visitor's browser or device tracked it; else the shop reported it.
    """

    profile: Node
    session: str
    event: str
    claim: OrderClaim
    sent_by_client: bool = True

    @property
    def by_visitor(self) -> bool:
        """Whether it was tracked by a visitor, who may turn out to be a customer."""
        # A customer's own session belongs to them for ever.
        return self.sent_by_client and not synthetic_ids.is_synthetic(self.session)


class ShopOrder(NamedTuple):
    """An order as the shop reported it. `ids`: the customer's identifiers, the hard one first.

    `visitor`: the one who was linked to that customer by this order; it links no other one.
    """

    ids: tuple[Node, ...]
    claim: OrderClaim
    visitor: Node | None = None


class Order(NamedTuple):
    """All that is known of an order. `rev`: +1 with every write; `expires`: in seconds."""

    number: str
    rev: int = 0
    tracked: tuple[TrackedOrder, ...] = ()
    shop_order: ShopOrder | None = None
    expires: int | None = None


class Match(NamedTuple):
    """The match of an order and a claim. `visitor`: to be linked to the order's customer."""

    action: Literal["store", "known", "link"]
    visitor: TrackedOrder | None = None


class PurchaseEvent(NamedTuple):
    """Where an event of another system names its order: dotted paths into its properties.

    `line`: of an event that stands for one line of its order.
    """

    system: str
    type: str
    number: str
    total: str = ""
    email: str = ""
    currency: str = ""
    status: str = ""
    line: str = ""

    @property
    def paths(self) -> Sequence[tuple[str, str]]:
        """Each part of an order that the system knows, and its path."""
        named = zip(ORDER_PARTS, self[2:], strict=True)
        return [(part, path) for part, path in named if path]

    def read_parts(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """Read the parts that an event has."""
        parts: dict[str, Any] = {}
        for part, path in self.paths:
            value = _find_value(properties, path)
            if value is not None:
                parts[part] = value
        return parts


PURCHASE_EVENTS = (
    PurchaseEvent(
        *("hello_retail", "conversion"),
        number="orderNumber",
        total="total",
        email="email",
        currency="currency",
        status="status",
    ),
    PurchaseEvent(
        *("exponea", "purchase"),
        number="purchase_id",
        total="total_price",
        email="email",
        currency="currency",
        status="purchase_status",
    ),
    PurchaseEvent(
        *("exponea", "transaction"),
        number="transaction_id",
        total="revenue",
        currency="currency_code",
    ),
    PurchaseEvent(
        *("segment", "Order Completed"),
        number="order_id",
        total="total",
        email="email",
        currency="currency",
        status="status",
    ),
    PurchaseEvent(
        *("segment", "Completed Order"),
        number="orderId",
        total="total",
        currency="currency",
    ),
    PurchaseEvent(
        *("attraqt_xo", "purchase"),
        number="metadata.orderId",
        currency="metadata.currency",
        line="target",
    ),
    PurchaseEvent(
        *("tracardi", "order-completed"),
        number="id",
        total="income.value",
        currency="income.currency",
        status="status",
    ),
)
"""The purchase events by which a visitor's client tells of an order, in each system's spelling.

One rule for all calls: the browser SDK sends the events of several systems to one route, and a type
together with the place of its number is no other system's. Sources: Hello Retail's conversion
tracking; Exponea's web SDK 3.15.0 (Enhanced Ecommerce) and Bloomreach's custom events; Segment's
ecommerce spec, version 2 and 1; Attraqt's activities, of which a purchase has one for each line;
Tracardi's event types (`order`).
"""
_REVERSALS = frozenset(
    {
        *("cancel", "canceled", "cancelled", "chargeback", "declined", "failed"),
        *("refund", "refunded", "partial refund", "return", "returned", "voided"),
    }
)
"""Statuses of an event that takes an order back or says that there is none."""

STORE = Match("store")
KNOWN = Match("known")
Roots = Mapping[Node, Node]
"""The owner of each profile by now: its customer, or itself."""


def _group_by_type(
    purchases: Sequence[PurchaseEvent],
) -> Mapping[str, Sequence[PurchaseEvent]]:
    grouped: dict[str, list[PurchaseEvent]] = {}
    for purchase in purchases:
        grouped.setdefault(purchase.type, []).append(purchase)
    return grouped


_PURCHASES_OF_TYPE = _group_by_type(PURCHASE_EVENTS)


def parse_claim(
    number: object,
    time: int,
    total: float | None,
    email: str | None,
    field: str = "orderNumber",
) -> OrderClaim:
    """Parse a claim. Raises `Invalid` naming `field`, or `total` or `email` beside it."""
    beside = field.removesuffix(field.rpartition(".")[2])
    hundredths = None if total is None else _parse_total(total, f"{beside}total")
    address = None if email is None else parse_email(email, f"{beside}email")
    text = parse_order_number(number, field)
    return OrderClaim(
        text, time, hundredths, _hash_email(address, text) if address else None
    )


def describe_order(claim: OrderClaim, details: Mapping[str, str]) -> dict[str, Any]:
    """Format an order as events answer it: `number`, `total?`, `currency?`, `status?`."""
    order: dict[str, Any] = {"number": claim.number}
    if claim.total is not None:
        order["total"] = claim.total / 100
    return {**order, **details}


def parse_detail(value: object, field: str) -> str:
    """Parse a currency or a status, trimmed. Raises `Invalid` naming `field`."""
    if not isinstance(value, str):
        raise Invalid("must be a string", field)
    if len(value.strip()) > MOST_DETAIL:
        raise Invalid(f"must have at most {MOST_DETAIL} characters", field)
    return value.strip()


def read_event_order(
    type_: str, properties: Mapping[str, Any], given: object, field: str
) -> EventOrder | UnusableOrder | None:
    """Read which order an event stands for; `None` if it stands for none.

    `given`: the event's own `order`, which comes first; else the purchase events of
    `PURCHASE_EVENTS` name theirs among the properties. `field`: of the event, for messages. A part
    that is not valid costs neither the event nor, unless it is the number, the order.
    """
    if given is not None:
        if not isinstance(given, Mapping):
            message = f"{field}.order: must be an object with a number"
            return UnusableOrder((message,))
        paths = {name: f"order.{name}" for name in ORDER_PARTS}
        return _parse_parts(given, paths, field)
    for purchase in _PURCHASES_OF_TYPE.get(type_, ()):
        parts = purchase.read_parts(properties)
        if parts.get("number") not in (None, ""):
            if is_reversal(parts, properties):
                return None
            paths = {name: f"properties.{path}" for name, path in purchase.paths}
            return _parse_parts(parts, paths, field)
    return None


def is_reversal(parts: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    """Tell whether a purchase event takes an order back, so that it is an event of its own."""
    if (
        properties.get("opposite") is True
    ):  # Attraqt's word for the contrary of an action
        return True
    status = parts.get("status")
    return isinstance(status, str) and status.strip().casefold() in _REVERSALS


def parse_order_number(value: object, field: str) -> str:
    """Parse an order's number, trimmed. Raises `Invalid` naming `field`, also for a placeholder."""
    text = parse_identifier(value, field)
    most = MOST_BYTES - len(_EVENT)
    if len(text.encode()) > most:
        raise Invalid(f"an order number has at most {most} bytes", field)
    return text


def parse_email(value: object, field: str) -> str | None:
    """Parse an address to its normal form; a placeholder is none. Raises `Invalid`."""
    text = parse_id(value, field)
    return None if is_placeholder(text) else normal_email(text)


def order_event_id(claim: OrderClaim) -> str:
    """The ID of an order's event, or of an event of one of its lines."""
    return _EVENT + claim.number + (f"/{claim.line}" if claim.line else "")


def claims_agree(one: OrderClaim, other: OrderClaim) -> bool | None:
    """Compare two claims: by address, else by total; `None` where neither can be compared."""
    if one.email and other.email:
        return one.email == other.email
    if one.total is None or other.total is None:
        return None
    return one.total == other.total


def match_tracked(
    order: Order, mine: TrackedOrder, roots: Roots, hard_types: frozenset[str]
) -> Match:
    """Match a visitor's conversion: a new event, a known one, or a proof of identity."""
    owner = roots[mine.profile]
    for tracked in order.tracked:
        if not _covers(tracked.claim, mine.claim):
            continue
        is_sent_again = tracked.profile == mine.profile
        if is_sent_again or _is_same(tracked, mine.claim, owner, roots):
            return KNOWN
    shop_order = order.shop_order
    if shop_order is None or shop_order.visitor:
        return STORE
    is_unknown_visitor = mine.by_visitor and owner.type not in hard_types
    if is_unknown_visitor and _proves(shop_order.claim, mine.claim):
        return Match("link", mine)
    return STORE


def match_shop_order(
    order: Order,
    claim: OrderClaim,
    customer: Node,
    roots: Roots,
    hard_types: frozenset[str],
) -> Match:
    """Match an order that the shop reports of a customer with the events that were tracked."""
    if any(_is_same(tracked, claim, customer, roots) for tracked in order.tracked):
        return KNOWN
    if order.shop_order and order.shop_order.visitor:
        return STORE  # it linked a visitor before: one who was unlinked since stays unlinked
    proven = []
    for tracked in order.tracked:
        is_unknown_visitor = (
            tracked.by_visitor and roots[tracked.profile].type not in hard_types
        )
        if is_unknown_visitor and _proves(claim, tracked.claim):
            proven.append(tracked)
    visitor = _only_visitor(claim, proven)
    return Match("link", visitor) if visitor else STORE


def adds_identifiers(order: Order, ids: tuple[Node, ...]) -> bool:
    """Tell whether the shop names identifiers of an order that it did not name before."""
    return order.shop_order is None or not set(ids) <= set(order.shop_order.ids)


def names_other_customer(
    order: Order, ids: tuple[Node, ...], hard_types: frozenset[str]
) -> bool:
    """Tell whether the shop reported this order of another customer before."""
    if order.shop_order is None:
        return False
    before = dict(order.shop_order.ids)
    hard = [node for node in ids if node.type in hard_types]
    return any(before.get(node.type, node.value) != node.value for node in hard)


def _parse_parts(
    parts: Mapping[str, Any], paths: Mapping[str, str], field: str
) -> EventOrder | UnusableOrder:
    """Parse the parts of an order one by one. `paths`: of the parts, below `field`."""
    number_field = f"{field}.{paths['number']}"
    try:
        number = parse_order_number(parts.get("number"), number_field)
    except Invalid as error:
        return UnusableOrder((f"{located_message(error)} ({_NO_ORDER})",))
    parsed: dict[str, Any] = {}
    faults: list[str] = []
    for part, parse in _PART_PARSERS.items():
        value = parts.get(part)
        if value is None or value == "":
            continue
        try:
            parsed[part] = parse(value, number, f"{field}.{paths[part]}")
        except Invalid as error:
            faults.append(f"{located_message(error)} (not used to match the order)")
    details = {name: parsed.pop(name) for name in _DETAILS if parsed.get(name)}
    return EventOrder(OrderClaim(number, 0, **parsed), details, tuple(faults))


def _find_value(properties: Mapping[str, Any], path: str) -> object:
    """Find the value at a dotted path, `None` if there is none."""
    value: object = properties
    for name in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _only_visitor(
    claim: OrderClaim, proven: Sequence[TrackedOrder]
) -> TrackedOrder | None:
    """The one visitor whom a claim proves: the same address counts more than the same total."""
    by_email = [tracked for tracked in proven if claim.email and tracked.claim.email]
    candidates = by_email or proven
    return candidates[0] if len(candidates) == 1 else None


def _is_same(
    tracked: TrackedOrder, claim: OrderClaim, owner: Node, roots: Roots
) -> bool:
    """Tell whether an event of a customer is the order that is claimed to be theirs.

    They may have two devices, or two tabs.
    """
    if owner.type == PROFILE or roots[tracked.profile] != owner:
        return False
    return claims_agree(tracked.claim, claim) is not False


def _covers(kept: OrderClaim, claim: OrderClaim) -> bool:
    """Tell whether an event that is kept leaves nothing of a claim's order to be stored.

    A client that tracks each line of an order sends several events for it, all of which are kept.
    """
    return claim.line is None or kept.line in (None, claim.line)


def _proves(reported: OrderClaim, tracked: OrderClaim) -> bool:
    is_near = abs(reported.time - tracked.time) <= MATCH_WINDOW
    return is_near and claims_agree(reported, tracked) is True


def _hash_email(address: str, number: str) -> str:
    """Hash an address with the order's number: it can be compared within this order alone."""
    return hashlib.sha256(f"{number}/{address}".encode()).hexdigest()[:32]


def _parse_total_part(value: object, _: str, field: str) -> int:
    """Parse a total. Tag managers send numbers as text."""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError
        return _parse_total(float(value), field)
    except (ValueError, OverflowError) as error:
        raise Invalid("must be a number", field) from error


def _parse_email_part(value: object, number: str, field: str) -> str | None:
    address = parse_email(value, field)
    return _hash_email(address, number) if address else None


def _parse_detail_part(value: object, _: str, field: str) -> str:
    return parse_detail(value, field)


def _parse_line_part(value: object, number: str, _: str) -> str:
    """Hash what a line is about: the target of an activity, texts by name."""
    target = sorted(value.items()) if isinstance(value, Mapping) else value
    return hashlib.sha256(f"{number}/{to_json(target)}".encode()).hexdigest()[:16]


_DETAILS = ("currency", "status")
_NO_ORDER = "the event is stored, and counts as no order"
_PART_PARSERS: Mapping[str, Callable[[Any, str, str], Any]] = {
    "total": _parse_total_part,
    "email": _parse_email_part,
    "currency": _parse_detail_part,
    "status": _parse_detail_part,
    "line": _parse_line_part,
}


def _parse_total(total: float, field: str) -> int:
    if not abs(total) <= MOST_TOTAL:  # so that "not a number" is refused as well
        raise Invalid(
            f"a total is between -{MOST_TOTAL:.0f} and {MOST_TOTAL:.0f}", field
        )
    return round(total * 100)
