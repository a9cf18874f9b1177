"""Orders, each known by its number (seed 003): which event is which order, and whose. Pure: no I/O.

Numbers are easy to guess and write keys are public, so a number alone proves nothing. A visitor is
linked to an order's customer, and an order counts as the same one, by what is claimed about it
besides: an e-mail address, else a total.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from hardlink.domain import synthetic_ids
from hardlink.domain.errors import Invalid
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.identifiers import (
    MOST_BYTES,
    is_placeholder,
    normal_email,
    parse_id,
    parse_identifier,
)
from hardlink.domain.times import DAY

MOST_TRACKED = 50
"""Events that one order's item names: where more visitors track it, the number was made public."""
MATCH_WINDOW = 3 * DAY
"""A conversion is tracked about when the order is placed: one of another day proves nothing."""
MOST_TOTAL = 1e12
"""The largest total."""
MOST_DETAIL = 64
"""Characters of a currency or a status."""
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
        """True if it was tracked by a visitor, who may turn out to be a customer.

        A customer's own session belongs to them for ever.
        """
        is_own_session = synthetic_ids.is_synthetic(self.session)
        return self.sent_by_client and not is_own_session


class FeedRow(NamedTuple):
    """A row of an order feed. `file`: an ID of this version of it; `number`: of the row, from 1."""

    file: str
    number: int


class ShopOrder(NamedTuple):
    """An order as the shop reported it. `ids`: the customer's identifiers, the hard one first.

    - `visitor`: the one who was linked to that customer by this order; it links no other one.
    - `place`: the profile whose event stands for the order in the customer's timeline.
    - `row`: the first one of a feed that reported it.
    """

    ids: tuple[Node, ...]
    claim: OrderClaim
    visitor: Node | None = None
    place: Node | None = None
    row: FeedRow | None = None


class Order(NamedTuple):
    """All that is known of an order. `rev`: +1 with every write; `expires`: in seconds."""

    number: str
    rev: int = 0
    tracked: tuple[TrackedOrder, ...] = ()
    shop_order: ShopOrder | None = None
    expires: int | None = None

    @property
    def kept_event(self) -> TrackedOrder | None:
        """The event that stands for the order that the shop reported, unless it is gone.

        It is the one of the visitor or customer who has the order's place.
        """
        if self.shop_order is None:
            return None
        for tracked in self.tracked:
            if tracked.profile == self.shop_order.place:
                return tracked
        return None

    @property
    def reported_ids(self) -> tuple[Node, ...]:
        """The identifiers that the shop reported the order with, none before its first report."""
        if self.shop_order is None:
            return ()
        return self.shop_order.ids

    @property
    def linked_visitor(self) -> Node | None:
        """The visitor whom the order linked to its customer: it links no other one.

        One who was unlinked since stays unlinked.
        """
        if self.shop_order is None:
            return None
        return self.shop_order.visitor


class Match(NamedTuple):
    """The match of an order and a claim.

    `event`: the one that stands for the order already, or whose visitor is to be linked to the
    order's customer.
    """

    action: Literal["store", "known", "link"]
    event: TrackedOrder | None = None


Placement = Literal["kept", "joins", "lost", "refused"]
"""Where an order that is reported again belongs: see `judge_placement`."""


STORE = Match("store")
Roots = Mapping[Node, Node]
"""The owner of each profile by now: its customer, or itself. Of an identifier: its customer.

Customers whom the shop merged are one: the one that survives.
"""


def parse_claim(
    number: object,
    time: int,
    total: float | None,
    email: str | None,
    field: str = "orderNumber",
) -> OrderClaim:
    """Parse a claim. Raises `Invalid` naming `field`, or `total` or `email` beside it."""
    beside = field.removesuffix(field.rpartition(".")[2])
    hundredths = address = None
    if total is not None:
        hundredths = parse_total(total, f"{beside}total")
    if email is not None:
        address = parse_email(email, f"{beside}email")
    claim = OrderClaim(parse_order_number(number, field), time, hundredths)
    if address is None:
        return claim
    # Hashed with the number: the order keeps the address for comparing, and nobody can list them.
    return claim._replace(email=hash_email(address, claim.number))


def describe_order(claim: OrderClaim, details: Mapping[str, str]) -> dict[str, Any]:
    """Format an order as events answer it: `number`, `total?`, `currency?`, `status?`.

    `details`: `currency` and `status`, where they were sent.
    """
    order: dict[str, Any] = {"number": claim.number}
    if claim.total is not None:
        order["total"] = claim.total / 100
    return {**order, **details}


def parse_detail(value: object, field: str) -> str:
    """Parse a currency or a status, trimmed. Raises `Invalid` naming `field`.

    Systems have their own words for both, so any text is one, up to 64 characters.
    """
    if not isinstance(value, str):
        raise Invalid("must be a string", field)
    text = value.strip()
    if len(text) > MOST_DETAIL:
        raise Invalid(f"must have at most {MOST_DETAIL} characters", field)
    return text


def parse_order_number(value: object, field: str) -> str:
    """Parse an order's number, trimmed. Raises `Invalid` naming `field`, also for a placeholder."""
    text = parse_identifier(value, field)
    most = MOST_BYTES - len(_EVENT)
    if len(text.encode()) > most:
        raise Invalid(f"an order number has at most {most} bytes", field)
    return text


def parse_email(value: object, field: str) -> str | None:
    """Parse an address to its normal form; a placeholder is none. Raises `Invalid`.

    It is no identifier, but a part of a claim: any text up to 256 bytes can be compared.
    """
    text = parse_id(value, field)
    if is_placeholder(text):
        return None
    return normal_email(text)


def order_event_id(claim: OrderClaim) -> str:
    """Make the ID of an order's event, or of an event of one of its lines.

    It is the same for every report, so an event without an ID of its own is stored once.
    """
    if claim.line is None:
        return f"{_EVENT}{claim.number}"
    return f"{_EVENT}{claim.number}/{claim.line}"


def claims_agree(one: OrderClaim, other: OrderClaim) -> bool | None:
    """Compare two claims: by address, else by total.

    Returns `None` where neither can be compared, because one of the two does not name it. An
    address counts more: a page may track the total without shipping.
    """
    addresses, totals = (one.email, other.email), (one.total, other.total)
    if None not in addresses:
        return one.email == other.email
    if None not in totals:
        return one.total == other.total
    return None


def match_tracked(
    order: Order, mine: TrackedOrder, roots: Roots, hard_types: frozenset[str]
) -> Match:
    """Match a visitor's conversion: a new event, a known one, or a proof of identity.

    `roots`: of the profiles of all events, and of `mine`. The action is `link` where the order
    proves that the visitor is its customer: the same order is to be matched again after that.
    """
    owner = roots[mine.profile]
    told_before = _find_told_before(order, mine, owner, roots)
    if told_before:
        return Match("known", told_before)
    shop_order = order.shop_order
    if shop_order is None or not _proves(shop_order.claim, mine.claim):
        return STORE
    is_unknown_visitor = mine.by_visitor and owner.type not in hard_types
    if is_unknown_visitor and shop_order.visitor is None:
        return Match("link", mine)
    return _match_place(order, roots)


def _match_place(order: Order, roots: Roots) -> Match:
    """Match what proves to be an order with the event that has its place.

    One order has one place: what proves to be it is no other one, whoever tells it. An event whose
    visitor was unlinked is in no customer's timeline, and so has no place.
    """
    kept = order.kept_event
    if kept is None or roots[kept.profile].type == PROFILE:
        return STORE
    return Match("known", kept)


def match_shop_order(
    order: Order,
    claim: OrderClaim,
    customer: Node,
    roots: Roots,
    hard_types: frozenset[str],
) -> Match:
    """Match an order that the shop reports of a customer with the events that were tracked.

    `roots`: of the profiles of all events. An event of the customer's own is this order, even if
    its client named another total: what the shop reports lies over it, so a forged event hides
    nothing. The action is `link` where the order proves that a visitor is its customer.
    """
    own = _find_own_event(order, claim, customer, roots)
    if own:
        return Match("known", own)
    if order.linked_visitor:
        return STORE
    visitor = _proven_visitor(order, claim, roots, hard_types)
    if visitor is None:
        return STORE
    return Match("link", visitor)


def judge_placement(
    order: Order,
    kept: TrackedOrder,
    owner: Node,
    named: Node | None,
    hard_types: frozenset[str],
) -> Placement:
    """Judge a further report of an order whose event is kept: one order has one place.

    `owner`: the customer of the event; `named`: the customer of the hard ID in the report, if it
    has one. An address alone names no customer here, because it may have changed hands since.

    | the event's owner | the report names | |
    |---|---|---|
    | nobody: its visitor was unlinked | anybody | `lost`: it is stored with the customer anew |
    | a customer | the same one, or an address alone | `kept` |
    | an address | a customer | `joins`: the address comes to the customer, if it is nobody else's |
    | another customer | the customer of the reports before, whose visitor went | `lost` |
    | another customer | a customer | `refused` |
    """
    if owner.type == PROFILE:
        return "lost"
    if named is None or named == owner:
        return "kept"
    if owner.type not in hard_types:
        return "joins"
    if kept.by_visitor and _was_reported_of_customer(order, hard_types):
        return "lost"
    return "refused"


def stands_apart(order: Order, row: FeedRow | None) -> bool:
    """Tell whether another row of the same file reported this order before.

    The same row is the same report: a message about a file may come twice. `row`: `None` for an
    order that came by a call.
    """
    if row is None or order.shop_order is None:
        return False
    before = order.shop_order.row
    if before is None:
        return False
    return row.file == before.file and row.number != before.number


def complete_claim(kept: OrderClaim, claim: OrderClaim) -> OrderClaim:
    """Add to a claim what a later one of the same visitor says beyond it.

    What was said first stays: a page that is loaded anew may show another order's total.
    """
    if kept.total is None:
        kept = kept._replace(total=claim.total)
    if kept.email is None:
        kept = kept._replace(email=claim.email)
    return kept


def adds_identifiers(order: Order, ids: tuple[Node, ...]) -> bool:
    """Tell whether the shop names identifiers of an order that it did not name before.

    `ids`: of the report at hand. The first report of an order names all of its own anew.
    """
    return not set(ids) <= set(order.reported_ids)


def names_other_customer(order: Order, hard: Sequence[Node], roots: Roots) -> bool:
    """Tell whether the shop reported this order of another customer before.

    Two hard IDs of one type are two customers, unless the shop merged them. An address names no
    customer here, as it may pass from one to another. `hard`: the hard IDs of this report;
    `roots`: of these and of the order's.
    """
    for node in hard:
        before = [roots[id_] for id_ in order.reported_ids if id_.type == node.type]
        if before and roots[node] not in before:
            return True
    return False


def _find_told_before(
    order: Order, mine: TrackedOrder, owner: Node, roots: Roots
) -> TrackedOrder | None:
    """Find the event by which this visitor, or this customer, told the order before.

    `owner`: of `mine`. The first one counts, because events are in the order of their receipt.
    """
    for tracked in order.tracked:
        if not _covers(tracked.claim, mine.claim):
            continue
        if tracked.profile == mine.profile:
            return tracked
        if _is_same(tracked, mine.claim, owner, roots):
            return tracked
    return None


def _find_own_event(
    order: Order, claim: OrderClaim, customer: Node, roots: Roots
) -> TrackedOrder | None:
    """Find a customer's own event of an order: one that agrees with a claim, else the first.

    A claim that cannot be compared with an event's agrees with it. The number alone is enough
    here: the event is in the customer's timeline already.
    """
    own = [tracked for tracked in order.tracked if roots[tracked.profile] == customer]
    for tracked in own:
        if claims_agree(tracked.claim, claim) is not False:
            return tracked
    return next(iter(own), None)


def _was_reported_of_customer(order: Order, hard_types: frozenset[str]) -> bool:
    """Tell whether a report named a customer, and not an address alone.

    An order that the shop did not report yet names nobody.
    """
    types = {node.type for node in order.reported_ids}
    return not types.isdisjoint(hard_types)


def _proven_visitor(
    order: Order, claim: OrderClaim, roots: Roots, hard_types: frozenset[str]
) -> TrackedOrder | None:
    """Find the one unknown visitor whom a claim proves.

    The same address counts more than the same total. Of two who prove it alike, neither is linked:
    a wrong link moves a whole history.
    """
    by_email: list[TrackedOrder] = []
    by_total: list[TrackedOrder] = []
    for tracked in order.tracked:
        is_known = roots[tracked.profile].type in hard_types
        if is_known or not _proves_visitor(claim, tracked):
            continue
        if None in (claim.email, tracked.claim.email):
            by_total.append(tracked)
        else:
            by_email.append(tracked)
    candidates = by_email or by_total
    if len(candidates) != 1:
        return None
    return candidates[0]


def _proves_visitor(claim: OrderClaim, tracked: TrackedOrder) -> bool:
    """Tell whether a claim proves who tracked an order, who is a visitor.

    A customer's own session, and the shop itself, need no proof.
    """
    return tracked.by_visitor and _proves(claim, tracked.claim)


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
    """Tell whether a report and an event are the same order beyond doubt.

    They are of about the same time, and agree in an address, or else in a total.
    """
    is_near = abs(reported.time - tracked.time) <= MATCH_WINDOW
    return is_near and claims_agree(reported, tracked) is True


def hash_email(address: str, number: str) -> str:
    """Hash an address with the order's number: it can be compared within this order alone."""
    return hashlib.sha256(f"{number}/{address}".encode()).hexdigest()[:32]


def parse_total(total: float, field: str) -> int:
    """Parse a total to hundredths. Raises `Invalid` naming `field`."""
    # Written so that NaN, which compares with nothing, is refused as well.
    if not abs(total) <= MOST_TOTAL:
        raise Invalid(
            f"a total is between -{MOST_TOTAL:.0f} and {MOST_TOTAL:.0f}", field
        )
    return round(total * 100)
