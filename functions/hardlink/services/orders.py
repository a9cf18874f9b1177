"""Orders: each is stored once, whether a visitor tracks it first or the shop reports it.

An order's item and the event that stands for it are written in one transaction, so neither ever
exists alone. `domain.orders.matching` decides which event is which order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from hardlink.domain import events, identity, ip_addresses, synthetic_ids
from hardlink.domain.call import Call
from hardlink.domain.errors import Invalid, Refused, TooLarge
from hardlink.domain.events import StoredEvent
from hardlink.domain.graph import NOTHING, Node, fold_spans
from hardlink.domain.identity import Claim
from hardlink.domain.orders import matching
from hardlink.domain.orders.completion import (
    PRODUCTS,
    Completion,
    OrderReport,
    complete_order,
)
from hardlink.domain.orders.matching import (
    FeedRow,
    Match,
    Order,
    OrderClaim,
    Placement,
    ShopOrder,
    TrackedOrder,
    order_event_id,
)
from hardlink.domain.records import Item, Session
from hardlink.services.links import Links
from hardlink.services.sessions import Sessions
from hardlink.services.visitors import Visitors
from hardlink.storage import event_store, items, keys, nodes
from hardlink.storage.node_reader import NodeReader
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.store import (
    Absent,
    Action,
    Check,
    ConditionFailed,
    Present,
    Put,
    Rev,
    Store,
)

CONVERSION = "conversion"
"""The type of an event that is an order, as Hello Retail calls it."""

TRACKED_BY_OTHER_VISITOR = (
    "also tracked by a visitor who is not known to be this customer: "
    "it is kept there too"
)


ROWS_APART = (
    "an earlier row of this file has other lines of this order, and they are kept alone: sort the "
    "file by orderNumber and send it again, which completes the order"
)


class Purchase(NamedTuple):
    """An order as the shop reports it.

    `ids`: the customer's; `properties`: of its event; `details`: `currency` and `status`, where the
    shop reports them. `row`: of the feed, where a feed reports it.
    """

    claim: OrderClaim
    ids: tuple[Node, ...]
    properties: Mapping[str, Any] = NOTHING
    details: Mapping[str, str] = NOTHING
    row: FeedRow | None = None


class Outcome(NamedTuple):
    """The outcome of a report: stored, associated with a visitor who tracked it, or known."""

    status: Literal["stored", "associated", "known"]
    warnings: tuple[str, ...] = ()


class Orders:
    """Tracks and records orders."""

    def __init__(
        self, store: Store, sessions: Sessions, links: Links, visitors: Visitors
    ) -> None:
        self._store = store
        self._sessions = sessions
        self._links = links
        self._visitors = visitors

    def track(
        self, call: Call, session: Session, claim: OrderClaim, event: StoredEvent
    ) -> bool:
        """Store a visitor's conversion; `False` where the order is there already.

        What it says beyond the event that is there is added to that one.
        """
        mine = TrackedOrder(
            session.profile, session.id, event.id, claim._replace(time=event.time)
        )
        for _ in optimistic_retries():
            order = self._read_order(call, claim.number)
            match = self._match_tracked(call, order, mine)
            if match.action == "known" and match.event:
                fresh = _with_completed_claim(order, match.event, mine)
                report = _report_of(event, by_shop=False)
                if self._complete(call, order, fresh, match.event, report) is None:
                    continue
                return False
            if match.action == "link" and order.shop_order:
                # The order is stored in the next attempt: under the customer whom it proved.
                self._link_tracking_visitor(
                    call, order, order.shop_order, session.profile
                )
                continue
            if len(order.tracked) >= matching.MOST_TRACKED:
                return self._store_beside(call, order, mine, event)
            stored = self._store_event(call, order, mine, event, order.shop_order)
            if stored is not None:
                return stored
        raise AssertionError("attempts end in an answer or an error")

    def record(self, call: Call, purchase: Purchase) -> Outcome:
        """Store an order that the shop reports, or link the visitor who tracked it.

        An order that is reported again stays where it is, and is completed. Raises `Invalid`, and
        `Refused` where a rule of identity forbids it, or the order is another customer's.
        """
        for _ in optimistic_retries():
            order = self._read_order(call, purchase.claim.number)
            placement = self._judge_placement(call, order, purchase)
            if placement == "refused":
                raise Refused(
                    "this order was reported of another customer before, and stays there",
                    "orderNumber",
                    code="another_customer",
                )
            kept = order.kept_event
            if kept and placement == "kept":
                outcome = self._confirm(call, order, kept, purchase)
            else:
                kept = kept if placement == "joins" else None
                outcome = self._try_record(call, order, purchase, kept)
            if outcome:
                return outcome
        raise AssertionError("attempts end in an answer or an error")

    # A visitor tracks an order.

    def _match_tracked(self, call: Call, order: Order, mine: TrackedOrder) -> Match:
        roots = {mine.profile: mine.profile}
        if (
            order.tracked or order.shop_order
        ):  # else no other profile is compared with it
            for profile in (mine.profile, *(seen.profile for seen in order.tracked)):
                root = self._links.find_root(call, profile)
                roots[profile] = self._find_survivor(call, root)
        return matching.match_tracked(order, mine, roots, call.project.hard_types)

    def _link_tracking_visitor(
        self, call: Call, order: Order, shop_order: ShopOrder, visitor: Node
    ) -> None:
        """Link the visitor who tracks a reported order; from then on it links no other one."""
        if self._was_erased(call, shop_order):
            self._write_order(call.project_id, order, order._replace(shop_order=None))
            return
        claim = Claim(
            profile=visitor,
            ids=shop_order.ids[:1],
            hard_types=call.project.hard_types,
            policy="refuse",
            effective_at=call.now,
            caps=call.project.caps,
            evidence_only=True,
        )
        if self._has_kept_customer(call, order, shop_order.ids[0]):
            with suppress(Refused):
                self._links.identify(call, claim, {})
        linked = shop_order._replace(visitor=visitor)
        self._write_order(call.project_id, order, order._replace(shop_order=linked))

    def _has_kept_customer(self, call: Call, order: Order, identifier: Node) -> bool:
        """Tell whether an identifier still finds the customer who has the order's event.

        An address may have changed hands: the order proves nothing about its new owner.
        """
        kept = order.kept_event
        if kept is None:
            return True
        customers = self._find_customers(call, [identifier])
        return self._find_owner(call, kept) == customers[identifier]

    def _was_erased(self, call: Call, shop_order: ShopOrder) -> bool:
        """Tell whether the customer of an order was erased since."""
        reader = NodeReader(self._store, call.project_id)
        reader.load(shop_order.ids)
        last = max(record.last_erased_at for record in reader.records.values())
        return last >= shop_order.claim.time

    # The shop reports an order.

    def _judge_placement(
        self, call: Call, order: Order, purchase: Purchase
    ) -> Placement:
        """Judge where a report belongs: see `matching.judge_placement`.

        It is also `refused` where a report before it named another customer.
        """
        hard_types = call.project.hard_types
        hard = _select_hard(purchase.ids, hard_types)
        before = _select_hard(order.reported_ids, hard_types)
        customers = self._find_customers(call, [*hard, *before])
        if matching.names_other_customer(order, hard, customers):
            return "refused"
        # A report names one customer: by its first hard ID, or by none.
        named = customers[hard[0]] if hard else None
        kept = order.kept_event
        if kept is None:
            return "lost"
        owner = self._find_owner(call, kept)
        placement = matching.judge_placement(order, kept, owner, named, hard_types)
        adds_identifiers = matching.adds_identifiers(order, purchase.ids)
        if placement == "kept" and named and adds_identifiers:
            return "joins"
        return placement

    def _find_customers(
        self, call: Call, identifiers: Iterable[Node]
    ) -> dict[Node, Node]:
        """Find the customers of identifiers; an identifier that none has stands for itself."""
        reader = NodeReader(self._store, call.project_id)
        hard_types = call.project.hard_types
        customers: dict[Node, Node] = {}
        wanted = list(identifiers)
        reader.load(wanted)
        for identifier in wanted:
            root = identity.look_up(identifier, reader, hard_types) or identifier
            customers[identifier] = identity.find_survivor(root, reader, hard_types)
        return customers

    def _find_survivor(self, call: Call, root: Node) -> Node:
        """Follow the shop's merges from a root: the orders of merged customers are one's."""
        reader = NodeReader(self._store, call.project_id)
        return identity.find_survivor(root, reader, call.project.hard_types)

    def _confirm(
        self, call: Call, order: Order, kept: TrackedOrder, purchase: Purchase
    ) -> Outcome | None:
        """Complete the event of an order that is reported again; nothing: try again."""
        report = _report_of(_purchase_event(call, purchase), by_shop=True)
        is_apart = matching.stands_apart(order, purchase.row)
        warnings = self._complete(
            call, order, order, kept, report, must_be_whole=is_apart
        )
        return None if warnings is None else Outcome("known", warnings)

    def _try_record(
        self, call: Call, order: Order, purchase: Purchase, kept: TrackedOrder | None
    ) -> Outcome | None:
        """Record a report; nothing where another call wrote meanwhile: another attempt is due.

        `kept`: the event that stays the order's although its address does not come to the customer.
        """
        if not order.tracked:
            return self._store_purchase(call, order, purchase, ())
        match = self._match_purchase(call, order, purchase)
        found, status = match.event, "known"
        if found and match.action == "link":
            status = "associated"
            if not self._link_visitor(call, purchase, found.profile):
                found = None
        found = found or kept
        if found is None:
            return self._store_purchase(
                call, order, purchase, (TRACKED_BY_OTHER_VISITOR,)
            )
        visitor = found.profile if status == "associated" else None
        shop_order = _merge_reports(order, purchase, visitor, found.profile)
        # Without an expiry: the shop may report it again when its event is past its retention.
        fresh = order._replace(shop_order=shop_order, expires=None)
        report = _report_of(_purchase_event(call, purchase), by_shop=True)
        is_apart = matching.stands_apart(order, purchase.row)
        warnings = self._complete(
            call, order, fresh, found, report, must_be_whole=is_apart
        )
        if warnings is None:
            return None
        return Outcome("associated" if visitor else "known", warnings)

    def _match_purchase(self, call: Call, order: Order, purchase: Purchase) -> Match:
        decision = self._links.identify(call, _purchase_claim(call, purchase), {})
        customer = self._find_survivor(call, decision.customer)
        roots = {
            tracked.profile: self._find_owner(call, tracked)
            for tracked in order.tracked
        }
        hard_types = call.project.hard_types
        return matching.match_shop_order(
            order, purchase.claim, customer, roots, hard_types
        )

    def _find_owner(self, call: Call, tracked: TrackedOrder) -> Node:
        """Find the customer of an event at its time: the profile may be another one's by now."""
        history = nodes.read_history(self._store, call.project_id, tracked.profile)
        reader = NodeReader(self._store, call.project_id)
        hard_types = call.project.hard_types
        for span in identity.resolve_spans(fold_spans(history), reader, hard_types):
            if span.start <= tracked.claim.time < span.end:
                return identity.find_survivor(span.target, reader, hard_types)
        return tracked.profile

    def _link_visitor(self, call: Call, purchase: Purchase, visitor: Node) -> bool:
        """Link the visitor who tracked an order; `False` where a rule or an opt-out forbids it."""
        if nodes.read_record(self._store, call.project_id, visitor).denied:
            return False
        claim = _purchase_claim(call, purchase, visitor)
        claim = claim._replace(evidence_only=True, policy="refuse")
        try:
            customer = self._links.identify(call, claim, {}).customer
        except Refused:
            return False
        return (
            self._links.find_root(call, visitor) == customer
        )  # not if it was unlinked since

    def _store_purchase(
        self, call: Call, order: Order, purchase: Purchase, warnings: tuple[str, ...]
    ) -> Outcome | None:
        """Store a reported order as an event of the customer's own session."""
        event = _purchase_event(call, purchase)
        if fault := events.find_storage_fault(event, call.now):
            raise Invalid(*fault)
        session, more = self._open_own_session(call, purchase)
        mine = TrackedOrder(
            session.profile, session.id, event.id, purchase.claim, sent_by_client=False
        )
        shop_order = _merge_reports(order, purchase, None, session.profile)
        stored = self._store_event(call, order, mine, event, shop_order)
        if stored is None:
            return None
        return Outcome("stored" if stored else "known", (*warnings, *more))

    def _open_own_session(
        self, call: Call, purchase: Purchase
    ) -> tuple[Session, tuple[str, ...]]:
        """Open the customer's own session, for what happened on no device; also answers warnings.

        It is linked in a command of its own, by the first identifier alone.
        """
        first = purchase._replace(ids=purchase.ids[:1])
        warnings: tuple[str, ...] = ()
        if first != purchase:
            warnings = self._links.identify(
                call, _purchase_claim(call, purchase), {}
            ).warnings
        own_id = synthetic_ids.customer_session(purchase.ids[0])
        session, decision = self._visitors.open_own_session(
            call,
            own_id,
            _purchase_claim(call, first)._replace(own=True),
            happened=purchase.claim.time,
        )
        return session, tuple(dict.fromkeys((*warnings, *decision.warnings)))

    # Both.

    def _complete(
        self,
        call: Call,
        order: Order,
        fresh: Order,
        kept: TrackedOrder,
        report: OrderReport,
        *,
        must_be_whole: bool = False,
    ) -> tuple[str, ...] | None:
        """Add to the event of an order what a report says beyond it, and write the order.

        Returns warnings about what is not added; `None` where another call wrote the order
        meanwhile. Nothing is written where the report says nothing new. `must_be_whole`: raise
        `Refused` where the report has other lines, as it is a part of the order.
        """
        key = keys.session_event(
            call.project_id, kept.session, kept.claim.time, kept.event
        )
        added_key = keys.order_completion(key)
        item, added = self._store.get([key, added_key])
        actions: list[Action] = []
        warnings: tuple[str, ...] = ()
        if item is not None:
            before = event_store.decode_completion(added)
            event = event_store.read_event(self._store, key, item)
            own = _report_of(event, by_shop=not kept.sent_by_client)
            completion, unchanged = complete_order(own, before, report)
            if must_be_whole and PRODUCTS in unchanged:
                raise Refused(ROWS_APART, PRODUCTS)
            warnings = _warn_of_unchanged(unchanged, report)
            if _adds_values(completion, before):
                try:
                    row = event_store.encode_completion(item, completion)
                except TooLarge as error:
                    warnings = (*warnings, error.message)
                else:
                    place = kept.session, kept.claim.time
                    self._sessions.announce_change(call, *place)
                    # erased meanwhile, the event must not be brought back by half
                    actions = [Put(added_key, row), Check(key, Present())]
        if not actions and fresh == order:
            return warnings
        if self._write_order(call.project_id, order, fresh, *actions):
            return warnings
        return None

    def _widen_bounds(self, call: Call, session: Session, time: int) -> bool:
        """Widen a session's bounds; `False` where its visitor opted out meanwhile."""
        try:
            self._sessions.widen_bounds(call, session, time, time)
        except ConditionFailed:
            return False
        return True

    def _store_event(
        self,
        call: Call,
        order: Order,
        mine: TrackedOrder,
        event: StoredEvent,
        shop_order: ShopOrder | None,
    ) -> bool | None:
        """Store an event and the item that names it.

        `False` where the event is there already, nothing where another call wrote the item
        meanwhile.
        """
        session = self._sessions.read(call.project_id, mine.session)
        if session and not self._widen_bounds(call, session, event.time):
            return None
        put = event_store.put_event(self._store, call.project_id, mine.session, event)
        fresh = order._replace(
            tracked=(*order.tracked, mine),
            shop_order=shop_order,
            expires=_later_expiry(order, event),
        )
        if self._write_order(call.project_id, order, fresh, put):
            return True
        return None if self._store.get([put.key]) == [None] else False

    def _store_beside(
        self, call: Call, order: Order, mine: TrackedOrder, event: StoredEvent
    ) -> bool:
        """Store an event beside its order's full item; `False` where its visitor has one there."""
        row: Item = {"time": event.time}
        if event.expires is not None:
            row[keys.EXPIRES] = event.expires
        line = mine.claim.line
        key = keys.order_visitor(call.project_id, order.number, mine.profile, line)
        put = event_store.put_event(self._store, call.project_id, mine.session, event)
        try:
            self._store.write([Put(key, row, Absent()), put])
        except ConditionFailed:
            return False
        return True

    def _read_order(self, call: Call, number: str) -> Order:
        """Read an order; one past its retention is not known any more."""
        key = keys.order_head(call.project_id, number)
        item = self._store.get([key])[0]
        order = items.decode_order(key, item)
        if item and event_store.is_expired(item, call.now):
            return Order(number, order.rev)
        return order

    def _write_order(
        self, project_id: str, before: Order, after: Order, *more: Action
    ) -> bool:
        """Write an order, and a row under each new identifier; `False` where it changed since."""
        fresh = after._replace(rev=before.rev + 1)
        head = Put(
            keys.order_head(project_id, before.number),
            items.encode_order(fresh),
            Rev(before.rev),
        )
        rows: list[Action] = []
        for node in after.reported_ids:
            if node not in before.reported_ids:
                key = keys.shop_order(project_id, node, before.number)
                rows.append(Put(key, {}))
        try:
            self._store.write([head, *rows, *more])
        except ConditionFailed:
            return False
        return True


def _merge_reports(
    order: Order, purchase: Purchase, visitor: Node | None, place: Node
) -> ShopOrder:
    """All that the shop reported of an order so far. `place`: the profile that has its event."""
    before = order.shop_order
    if before is None:
        ids = tuple(dict.fromkeys(purchase.ids))
        return ShopOrder(ids, purchase.claim, visitor, place, purchase.row)
    ids = tuple(dict.fromkeys((*purchase.ids, *before.ids)))
    visitor = visitor or before.visitor
    return ShopOrder(ids, purchase.claim, visitor, place, before.row)


def _with_completed_claim(
    order: Order, kept: TrackedOrder, mine: TrackedOrder
) -> Order:
    """Complete what the event of an order claims, if the same visitor tells it again."""
    claim = matching.complete_claim(kept.claim, mine.claim)
    if kept.profile != mine.profile or claim == kept.claim:
        return order
    tracked = list(order.tracked)
    tracked[tracked.index(kept)] = kept._replace(claim=claim)
    return order._replace(tracked=tuple(tracked))


def _report_of(event: StoredEvent, *, by_shop: bool) -> OrderReport:
    body = event.body
    return OrderReport(event.type, body["order"], body["properties"], by_shop)


def _adds_values(completion: Completion, before: Completion) -> bool:
    return (completion.order, completion.properties) != (
        before.order,
        before.properties,
    )


def _warn_of_unchanged(names: Sequence[str], report: OrderReport) -> tuple[str, ...]:
    """Warn the shop of values that stay as they were; a client's own answer has no room for it."""
    if not (names and report.by_shop):
        return ()
    return (f"{', '.join(names)}: stays as it was reported first",)


def _purchase_claim(
    call: Call, purchase: Purchase, profile: Node | None = None
) -> Claim:
    """The shop's claim, as of the order's date, that this customer ordered."""
    return Claim(
        profile=profile,
        ids=purchase.ids,
        hard_types=call.project.hard_types,
        policy="split",  # an address that changes hands takes no earlier order along
        effective_at=min(purchase.claim.time, call.now),
        timed=True,
        caps=call.project.caps,
    )


def _purchase_event(call: Call, purchase: Purchase) -> StoredEvent:
    properties = ip_addresses.strip_ip_addresses(purchase.properties)
    return StoredEvent(
        id=order_event_id(purchase.claim),
        type=CONVERSION,
        time=purchase.claim.time,
        received=call.now,
        source=call.name,
        body={
            "properties": properties,
            "context": {},
            "order": matching.describe_order(purchase.claim, purchase.details),
        },
        order=purchase.claim.number,
    )


def _later_expiry(order: Order, event: StoredEvent) -> int | None:
    """The time until which an order is kept: as long as any of its events."""
    before = order.expires if order.rev else event.expires
    if before is None or event.expires is None:
        return None
    return max(before, event.expires)


def _select_hard(identifiers: Iterable[Node], hard_types: frozenset[str]) -> list[Node]:
    """Select the hard identifiers among those of an order."""
    return [node for node in identifiers if node.type in hard_types]
