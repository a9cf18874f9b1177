"""Carries out what `orders` decides: an order is stored once, whoever says it first and however often it is said.

The row of an order and the event that stands for it are one transaction, so neither is ever there without the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple, TypeVar

from hardlink.domain import events, identity, ip_addresses, order_matching, records, synthetic_ids
from hardlink.domain.call import Call
from hardlink.domain.errors import Invalid, Refused
from hardlink.domain.events import StoredEvent
from hardlink.domain.graph import NOTHING, Node, fold_spans
from hardlink.domain.identity import Claim
from hardlink.domain.order_matching import (
    Order,
    OrderClaim,
    ShopOrder,
    TrackedOrder,
    order_event_id,
)
from hardlink.domain.records import Session
from hardlink.services.links import Links
from hardlink.services.sessions import Sessions
from hardlink.services.visitors import Visitors
from hardlink.storage import event_store, items, keys, nodes
from hardlink.storage.node_reader import NodeReader
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.store import Absent, Action, ConditionFailed, Put, Rev, Store

CONVERSION = "conversion"
"""The type of an event that is an order, as Hello Retail calls it."""

_Found = TypeVar("_Found")
TRACKED_BY_OTHER_VISITOR = (
    "also tracked by a visitor who is not known to be this customer: it is kept there too"
)


class Purchase(NamedTuple):
    """An order as the shop itself tells it. `ids`: whose it is; `properties`: of its event."""

    claim: OrderClaim
    ids: tuple[Node, ...]
    properties: Mapping[str, Any] = NOTHING


class Outcome(NamedTuple):
    """What became of an order: `stored`; `associated` with who tracked it; or `known` before."""

    status: Literal["stored", "associated", "known"]
    warnings: tuple[str, ...] = ()


class Orders:
    """Reads and writes orders."""

    def __init__(self, store: Store, sessions: Sessions, links: Links, visitors: Visitors) -> None:
        self._store = store
        self._sessions = sessions
        self._links = links
        self._visitors = visitors

    def track(self, call: Call, session: Session, said: OrderClaim, event: StoredEvent) -> bool:
        """Store a visitor's conversion; `False` where the order is there already."""
        mine = TrackedOrder(session.profile, session.id, event.id, said._replace(time=event.time))
        for _ in optimistic_retries():
            order = self._read(call, said.number)
            roots = self._roots(call, order, mine.profile)
            step = order_matching.match_tracked(order, mine, roots, call.project.hard_types)
            if step.do == "known":
                return False
            if step.do == "link" and order.shop_order:
                self._find_out(call, order, order.shop_order, session.profile)
                continue
            if len(order.tracked) >= order_matching.MOST_TRACKED:
                return self._keep_aside(call, order, mine, event)
            stored = self._keep(call, order, mine, event)
            if stored is not None:
                return stored
        raise AssertionError("attempts end in an answer or an error")

    def record(self, call: Call, told: Purchase) -> Outcome:
        """Store an order that the shop tells of a customer, or associate whoever tracked it with them.

        Raises `Refused` where a rule of identity forbids it, or it was told of another customer; `Invalid`.
        """
        said, ids = told.claim, told.ids
        for _ in optimistic_retries():
            order = self._read(call, said.number)
            if not order_matching.adds_identifiers(order, ids) and self._has(call, order):
                return Outcome("known")
            if order_matching.names_other_customer(order, ids, call.project.hard_types):
                raise Refused(
                    "this order was told of another customer before: it stays there",
                    "orderNumber",
                    code="another_customer",
                )
            outcome = self._told(call, order, told)
            if outcome:
                return outcome
        raise AssertionError("attempts end in an answer or an error")

    def _told(self, call: Call, order: Order, told: Purchase) -> Outcome | None:
        """One attempt; nothing where others wrote meanwhile, so that another one is due."""
        if not order.tracked:
            return self._store_told(call, order, told, ())
        customer = self._links.identify(call, _claim(call, told), {}).customer
        roots = {kept.profile: self._whose(call, kept) for kept in order.tracked}
        step = order_matching.match_shop_order(
            order, told.claim, customer, roots, call.project.hard_types
        )
        if step.visitor and self._associate(call, told, step.visitor.profile):
            done, visitor = Outcome("associated"), step.visitor.profile
        elif step.do == "known":
            done, visitor = Outcome("known"), None
        else:
            return self._store_told(call, order, told, (TRACKED_BY_OTHER_VISITOR,))
        return done if self._mark(call.project_id, order, told, visitor) else None

    def _store_told(
        self, call: Call, order: Order, told: Purchase, warnings: tuple[str, ...]
    ) -> Outcome | None:
        said = told.claim
        event = StoredEvent(
            id=order_event_id(said.number),
            type=CONVERSION,
            time=said.time,
            received=call.now,
            source=call.name,
            body={"properties": ip_addresses.strip_ip_addresses(told.properties), "context": {}},
            order=said.number,
        )
        if refused := events.find_storage_fault(event, call.now):
            raise Invalid(*refused)
        session, more = self._own(call, told)
        mine = TrackedOrder(session.profile, session.id, event.id, said, sent_by_client=False)
        stored = self._keep(call, order, mine, event, told=_told(order, told, None))
        if stored is None:
            return None
        return Outcome("stored" if stored else "known", (*warnings, *more))

    def _own(self, call: Call, told: Purchase) -> tuple[Session, tuple[str, ...]]:
        """The customer's own session, for what happened on no device; what the caller may not expect.

        It is linked by itself: whoever was brought along by an address can be unlinked without it.
        """
        first = told._replace(ids=told.ids[:1])
        warnings: tuple[str, ...] = ()
        if first != told:
            warnings = self._links.identify(call, _claim(call, told), {}).warnings
        own_id = synthetic_ids.customer_session(told.ids[0])
        own = call._replace(evidence=f"{call.evidence}/own")
        session, decision = self._visitors.open_own_session(
            own, own_id, _claim(call, first)._replace(own=True), happened=told.claim.time
        )
        return session, tuple(dict.fromkeys((*warnings, *decision.warnings)))

    def _associate(self, call: Call, told: Purchase, visitor: Node) -> bool:
        """Link who tracked an order with its customer; `False` for who has one, or denied being tracked."""
        if nodes.read_records(self._store, call.project_id, [visitor])[visitor].denied:
            return False
        claim = _claim(call, told, visitor)._replace(evidence_only=True, policy="refuse")
        try:
            customer = self._links.identify(call, claim, {}).customer
        except Refused:
            return False
        return self._links.find_root(call, visitor) == customer  # not if it was unlinked since

    def _find_out(self, call: Call, order: Order, told: ShopOrder, visitor: Node) -> None:
        """Link who tracks an order that the shop told before; the order finds nobody else from then on."""
        named = nodes.read_claimed_records(self._store, call.project_id, told.ids)
        if any(record.last_erased_at >= told.claim.time for record in named.values()):
            self._write(
                call.project_id, order, order._replace(shop_order=None)
            )  # it was told of who was erased
            return
        claim = Claim(
            profile=visitor,
            ids=told.ids[:1],
            hard_types=call.project.hard_types,
            policy="refuse",
            effective_at=call.now,
            caps=call.project.caps,
            evidence_only=True,
        )
        with suppress(Refused):
            self._links.identify(call, claim, {})
        self._write(
            call.project_id, order, order._replace(shop_order=told._replace(visitor=visitor))
        )

    def _mark(self, project_id: str, order: Order, told: Purchase, visitor: Node | None) -> bool:
        """Note that the shop told an order of which an event is there already."""
        fresh = order._replace(shop_order=_told(order, told, visitor), expires=None)
        return fresh == order or self._write(project_id, order, fresh)

    def _keep(
        self,
        call: Call,
        order: Order,
        mine: TrackedOrder,
        event: StoredEvent,
        *,
        told: ShopOrder | None = None,
    ) -> bool | None:
        """Store an event and the row that names it; `False` where the event is there, nothing where others wrote."""
        session = self._sessions.read(call.project_id, mine.session)
        if session:
            self._sessions.raise_latest(call, session, event.time)
        before = order.expires if order.rev else event.expires
        expires = None if before is None or event.expires is None else max(before, event.expires)
        put = event_store.put_event(self._store, call.project_id, mine.session, event)
        fresh = order._replace(
            tracked=(*order.tracked, mine), shop_order=told or order.shop_order, expires=expires
        )
        if self._write(call.project_id, order, fresh, put):
            return True
        return None if self._store.get([put.key]) == [None] else False

    def _keep_aside(self, call: Call, order: Order, mine: TrackedOrder, event: StoredEvent) -> bool:
        """Store an event that has no room in its order's row; `False` where its visitor has one there already."""
        lifetime: records.Item = {} if event.expires is None else {keys.EXPIRES: event.expires}
        mark = keys.order_visitor(call.project_id, order.number, mine.profile)
        put = event_store.put_event(self._store, call.project_id, mine.session, event)
        try:
            self._store.write([Put(mark, {"time": event.time, **lifetime}, Absent()), put])
        except ConditionFailed:
            return False
        return True

    def _write(self, project_id: str, before: Order, after: Order, *more: Action) -> bool:
        """Write an order, if nobody else did since it was read."""
        fresh = after._replace(rev=before.rev + 1)
        key = keys.order_head(project_id, before.number)
        known = before.shop_order.ids if before.shop_order else ()
        named = [
            node for node in (after.shop_order.ids if after.shop_order else ()) if node not in known
        ]
        marks = [Put(keys.shop_order(project_id, node, before.number), {}) for node in named]
        try:
            self._store.write([Put(key, items.encode_order(fresh), Rev(before.rev)), *marks, *more])
        except ConditionFailed:
            return False
        return True

    def _read(self, call: Call, number: str) -> Order:
        """What is known of an order; past its retention nothing, though DynamoDB did not delete it yet."""
        key = keys.order_head(call.project_id, number)
        item = self._store.get([key])[0]
        found = items.decode_order(key, item)
        return (
            Order(number, found.rev) if item and event_store.is_expired(item, call.now) else found
        )

    def _has(self, call: Call, order: Order) -> bool:
        """Whether the customer of whom an order was told has it still: the visitor who brought it may be gone."""
        ids = order.shop_order.ids if order.shop_order else ()
        customer = self._known(
            call, next((n for n in ids if n.type in call.project.hard_types), ids[0])
        )
        return any(self._links.find_root(call, kept.profile) == customer for kept in order.tracked)

    def _known(self, call: Call, node: Node) -> Node | None:
        """The customer that an identifier finds now."""
        reader = NodeReader(self._store, call.project_id)
        return identity.look_up(node, reader, call.project.hard_types)

    def _whose(self, call: Call, kept: TrackedOrder) -> Node:
        """Whose an event is: its profile may have become somebody else's later, and left it where it was."""
        hard_types = call.project.hard_types
        found = fold_spans(nodes.read_history(self._store, call.project_id, kept.profile))
        reader = NodeReader(self._store, call.project_id)
        spanned = identity.resolve_spans(found, reader, hard_types)
        at = (span.target for span in spanned if span.start <= kept.claim.time < span.end)
        return next(at, kept.profile)

    def _roots(self, call: Call, order: Order, *more: Node) -> dict[Node, Node]:
        """Whose the profiles are that an order is kept under; one that nobody else mentions need not be asked for."""
        if not (order.tracked or order.shop_order):
            return {profile: profile for profile in more}
        profiles = dict.fromkeys([*(kept.profile for kept in order.tracked), *more])
        return {profile: self._links.find_root(call, profile) for profile in profiles}


def _told(order: Order, told: Purchase, visitor: Node | None) -> ShopOrder:
    """All that the shop told of an order so far."""
    before = order.shop_order
    ids = (*told.ids, *(before.ids if before else ()))
    return ShopOrder(tuple(dict.fromkeys(ids)), told.claim, visitor or (before and before.visitor))


def _claim(call: Call, told: Purchase, profile: Node | None = None) -> Claim:
    """The shop says, as of the order's date: this is who ordered."""
    return Claim(
        profile=profile,
        ids=told.ids,
        hard_types=call.project.hard_types,
        policy="split",  # an address that changes hands takes no earlier order along
        effective_at=min(told.claim.time, call.now),
        timed=True,
        caps=call.project.caps,
    )
