"""Item shapes of the tables: encodes values as DynamoDB items, and decodes them again.

Attributes are named after the fields of the values. An attribute that holds its field's default is
left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from hardlink.domain import synthetic_ids, values
from hardlink.domain.graph import NOBODY, Entry, Node, State, profile_node
from hardlink.domain.orders.matching import (
    FeedRow,
    Order,
    OrderClaim,
    ShopOrder,
    TrackedOrder,
)
from hardlink.domain.records import (
    Attribute,
    Clock,
    Contribution,
    Erased,
    FirstCall,
    Item,
    Key,
    MergeNotice,
    Note,
    Record,
    RefusedCall,
    Session,
    SessionRow,
)
from hardlink.storage import keys
from hardlink.storage.keys import EXPIRES, split_partition


def encode_session(s: Session) -> Item:
    """Encode a session. Times are microseconds."""
    item: Item = {
        "profile": s.profile.value,
        "source": s.source,
        "created": s.created,
        "latest": s.latest,
    }
    # A session that begins with its first event has all three times in one.
    if s.earliest != s.created:
        item["earliest"] = s.earliest
    if s.last_event_at != s.created:
        item["last_event_at"] = s.last_event_at
    return item | _present(
        offset=s.clock.offset,
        clock=encode_clock_past(s.clock),
        denied=s.denied,
        erased=_json_unless_empty(s.erased),
        late_until=s.late_until,
    )


def encode_first_call(first: FirstCall) -> Item:
    """Encode a browser's first call."""
    item: Item = {
        "opened": first.session,
        "happened": first.happened,
        "sent": first.sent,
        EXPIRES: first.expires,
    }
    return item


def decode_first_call(item: Item) -> FirstCall:
    """Decode a browser's first call."""
    return FirstCall(
        session=str(item["opened"]),
        happened=int(item["happened"]),
        sent=int(item["sent"]),
        expires=int(item[EXPIRES]),
    )


def encode_erased_session(s: Session) -> Item:
    """Encode what is kept of an erased session: nothing earlier is stored in it again.

    `erased_at` is that time as well. A session that begins anew in its place has none, so a writer
    that counts on the erased one can check for it.
    """
    item: Item = {"erased_at": s.erased_at, "erased": values.to_json(s.erased)}
    return item | _present(
        offset=s.clock.offset,
        clock=encode_clock_past(s.clock),
        denied=s.denied,
    )


def decode_session(key: Key, item: Item) -> Session:
    """Decode a session, or what is kept of one that was erased.

    An erased one has `is_erased`, no profile, and the intervals that were erased.
    """
    # What is kept of an erased session lies under the same key, so that no call opens it unaware.
    is_erased = "erased_at" in item
    session = _erased_session(key) if is_erased else _live_session(key, item)
    return session._replace(
        offset=_number(item, "offset"),
        clock=_decode_clock(item),
        denied=_flag(item, "denied"),
        erased=_erased(item),
    )


def encode_clock_past(clock: Clock) -> str:
    """Encode what a clock's offset was and may be; empty for one that never changed."""
    if clock.doubted is None and not clock.used:
        return ""
    return values.to_json([clock.doubted, clock.used])


def _decode_clock(item: Item) -> Clock:
    doubted, used = _json(item, "clock", (None, ()))
    return Clock(
        _number(item, "offset"),
        tuple(doubted) if doubted else None,
        tuple((offset, last_used) for offset, last_used in used),
    )


def _live_session(key: Key, item: Item) -> Session:
    created = int(item["created"])
    return Session(
        id=split_partition(key.partition)[1],
        profile=profile_node(str(item["profile"])),
        source=str(item["source"]),
        created=created,
        latest=int(item["latest"]),
        last_event_at=int(item.get("last_event_at", created)),
        earliest=int(item.get("earliest", created)),
        late_until=_number(item, "late_until"),
    )


def _erased_session(key: Key) -> Session:
    return Session(
        id=split_partition(key.partition)[1],
        profile=NOBODY,
        source="",
        created=0,
        latest=0,
        last_event_at=0,
        is_erased=True,
    )


def encode_record(record: Record) -> Item:
    """Encode a node: its state, its values, and what is kept of erasures."""
    item: Item = {"rev": record.state.rev, "created": record.created}
    return item | _encode_state(record.state) | _encode_contents(record)


def _encode_state(state: State) -> Item:
    return _present(
        known=state.known,
        owner=_node_text(state.owner),
        owner_effective_at=state.owner_effective_at,
        link=_node_text(state.link),
        effective_at=state.effective_at,
        undone=state.undone,
        links=state.links,
        soft_links=state.soft_links,
        day=state.day,
        links_that_day=state.links_that_day,
        merges=state.merges,
        merged=state.merged,
        ids=_json_unless_empty(dict(state.ids)),
        counts=_json_unless_empty(dict(state.counts)),
    )


def _encode_contents(record: Record) -> Item:
    return _present(
        values=values.pack_values(record.values) if record.values else "",
        denied=record.denied,
        erased=_json_unless_empty(record.erased),
        erasing_since=record.erasing_since,
        erasure=record.erasure,
    )


def decode_record(item: Item | None) -> Record:
    """Decode a node; an absent item is a node that no call mentioned yet.

    `last_erased_at` is 0: it stands in the node's tombstone.
    """
    if item is None:
        return Record()
    return Record(
        state=_decode_state(item),
        created=int(item["created"]),
        values=_decode_values(item),
        denied=_flag(item, "denied"),
        erased=_erased(item),
        erasing_since=_number(item, "erasing_since"),
        erasure=str(item.get("erasure", "")),
    )


def _decode_state(item: Item) -> State:
    return State(
        rev=int(item["rev"]),
        known=_flag(item, "known"),
        owner=_node(item, "owner"),
        link=_node(item, "link"),
        owner_effective_at=_number(item, "owner_effective_at"),
        effective_at=_number(item, "effective_at"),
        undone=_number(item, "undone"),
        links=_number(item, "links"),
        soft_links=_number(item, "soft_links"),
        ids=_json(item, "ids", {}),
        counts=_json(item, "counts", {}),
        day=_number(item, "day"),
        links_that_day=_number(item, "links_that_day"),
        merges=_number(item, "merges"),
        merged=_number(item, "merged"),
    )


def encode_entry(e: Entry) -> Item:
    """Encode an entry of a link history."""
    item: Item = {
        "rule": e.rule,
        "evidence": e.evidence,
        "at": e.at,
        "effective_at": e.effective_at,
        "source": e.source,
        "nodes": values.to_json(list(map(str, e.nodes))),
    }
    return item | _present(
        link=_node_text(e.link),
        starts_span=e.starts_span,
        owner=_node_text(e.owner),
        undone=e.undone,
    )


def decode_entry(key: Key, item: Item) -> Entry:
    """Decode an entry of a link history."""
    return Entry(
        rev=int(key.item.removeprefix(keys.LINK_ENTRY)),
        rule=str(item["rule"]),
        evidence=str(item["evidence"]),
        at=int(item["at"]),
        effective_at=int(item["effective_at"]),
        source=str(item["source"]),
        nodes=tuple(map(Node.parse, json.loads(str(item["nodes"])))),
        link=_node(item, "link"),
        starts_span=_flag(item, "starts_span"),
        owner=_node(item, "owner"),
        undone=_number(item, "undone"),
    )


def session_row(s: Session) -> SessionRow:
    """Make the row of a session under the roots that it has an interval under."""
    return SessionRow(
        s.id, s.profile, s.created, s.latest, s.last_event_at, s.erased, s.earliest
    )


def encode_session_customer(customer: Node) -> Item:
    """Encode a session's copy of its customer, which is written beside it."""
    return {"customer": str(customer)}


def decode_session_customer(item: Item | None) -> Node | None:
    """Decode a session's copy of its customer; there is none while its visitor is anonymous."""
    return _node(item, "customer") if item else None


def encode_profile_session(s: Session) -> Item:
    """Encode the row that makes a session one of its profile's."""
    item: Item = {"created": s.created}
    return item | _present(erased=_json_unless_empty(s.erased))


def decode_profile_session(key: Key, item: Item, profile: Node) -> SessionRow:
    """Decode the row that makes a session one of a profile's; its times are not exact."""
    created = int(item["created"])
    session_id = key.item.removeprefix(keys.PROFILE_SESSION)
    erased = _erased(item)
    return SessionRow(session_id, profile, created, created, created, erased)


def encode_rehoming_task(profiles: Sequence[Node]) -> Item:
    """Encode the task to re-home some profiles."""
    return {"profiles": values.to_json([profile.value for profile in profiles])}


def decode_rehoming_task(item: Item) -> list[Node]:
    """Decode the profiles that a task re-homes."""
    return [profile_node(value) for value in _json(item, "profiles", "[]")]


def encode_session_row(row: SessionRow) -> Item:
    """Encode a session's row under a root."""
    item: Item = {
        "profile": row.profile.value,
        "created": row.created,
        "latest": row.latest,
        "last_event_at": row.last_event_at,
    }
    return item | _present(earliest=row.earliest, erased=_json_unless_empty(row.erased))


def decode_session_row(key: Key, item: Item) -> SessionRow:
    """Decode a session's row under a root."""
    return SessionRow(
        session=key.item.removeprefix(keys.ROOT_SESSION),
        profile=profile_node(str(item["profile"])),
        created=int(item["created"]),
        latest=int(item["latest"]),
        last_event_at=int(item["last_event_at"]),
        erased=_erased(item),
        earliest=_number(item, "earliest"),
    )


def encode_contribution(c: Contribution) -> Item:
    """Encode a contribution without its values: a node's intervals under a root."""
    item: Item = {"intervals": values.to_json(c.intervals)}
    return item | _present(
        identifiers=_json_unless_empty(list(map(str, c.identifiers))),
        merge_notice=_json_unless_empty(c.merge_notice),
        erased=_json_unless_empty(c.erased),
        has_more_identifiers=not c.lists_all,
    )


def decode_contribution(key: Key, item: Item) -> Contribution:
    """Decode a contribution; its values stand in another item."""
    notice = _json(item, "merge_notice", ())
    return Contribution(
        node=Node.parse(key.item.removeprefix(keys.CONTRIBUTION)),
        intervals=tuple(
            (start, end) for start, end in json.loads(str(item["intervals"]))
        ),
        identifiers=_nodes(item, "identifiers"),
        merge_notice=MergeNotice(*notice) if notice else None,
        erased=_erased(item),
        lists_all="has_more_identifiers" not in item,
    )


def encode_contributed_values(found: values.Values) -> Item:
    """Encode the values of a contribution."""
    return {"values": values.pack_values(found)}


def decode_contributed_values(key: Key, item: Item) -> tuple[Node, values.Values]:
    """Decode the values of a contribution, and the node whose they are."""
    node = Node.parse(key.item.removeprefix(keys.CONTRIBUTED_VALUES))
    return node, _decode_values(item)


def encode_order(order: Order) -> Item:
    """Encode an order."""
    item: Item = {"rev": order.rev}
    item |= _present(
        tracked=_json_unless_empty(list(map(_tracked_json, order.tracked)))
    )
    if order.shop_order:
        item["shop_order"] = values.to_json(_shop_order_json(order.shop_order))
    # An order that the shop reported is kept, so that a feed that is sent again changes nothing.
    if order.expires is not None:
        item[EXPIRES] = order.expires
    return item


def decode_order(key: Key, item: Item | None) -> Order:
    """Decode an order; an absent item is an order that no call mentioned yet.

    The order's number is part of its key.
    """
    number = synthetic_ids.order_number(split_partition(key.partition)[1])
    if item is None:
        return Order(number)
    shop_order = _json(item, "shop_order", None)
    return Order(
        number=number,
        rev=int(item["rev"]),
        tracked=tuple(map(partial(_tracked_order, number), _json(item, "tracked", ()))),
        shop_order=_shop_order(number, shop_order) if shop_order else None,
        expires=int(item[EXPIRES]) if EXPIRES in item else None,
    )


def _tracked_json(tracked: TrackedOrder) -> list[Any]:
    claim = tracked.claim
    return [
        tracked.profile.value,
        tracked.session,
        tracked.event,
        claim.time,
        claim.total,
        claim.email,
        claim.line,
        tracked.sent_by_client,
    ]


def _tracked_order(number: str, row: Sequence[Any]) -> TrackedOrder:
    profile, session, event, time, total, email, line, sent_by_client = row
    claim = OrderClaim(number, time, total, email, line)
    return TrackedOrder(profile_node(profile), session, event, claim, sent_by_client)


def _shop_order_json(order: ShopOrder) -> list[Any]:
    claim = order.claim
    visitor = order.visitor.value if order.visitor else None
    place = order.place.value if order.place else None
    return [
        list(map(str, order.ids)),
        claim.time,
        claim.total,
        claim.email,
        visitor,
        place,
        order.row,
    ]


def _shop_order(number: str, row: Sequence[Any]) -> ShopOrder:
    ids, time, total, email, visitor, place, feed_row = row
    return ShopOrder(
        ids=tuple(map(Node.parse, ids)),
        claim=OrderClaim(number, time, total, email),
        visitor=profile_node(visitor) if visitor else None,
        place=profile_node(place) if place else None,
        row=FeedRow(*feed_row) if feed_row else None,
    )


def encode_refused_call(call: RefusedCall) -> Item:
    """Encode a call that was refused."""
    return _present(
        route=call.route,
        code=call.code,
        field=call.field,
        origin=call.origin,
        source=call.source,
    )


def decode_refused_call(item: Item) -> RefusedCall:
    """Decode a call that was refused."""
    known = {name: str(item[name]) for name in RefusedCall._fields if name in item}
    return RefusedCall(**known)


def encode_note(note: Note) -> Item:
    """Encode a note about a call."""
    item: Item = {"source": note.source, "refused": note.refused}
    return item | _present(
        verdicts=_json_unless_empty(note.verdicts), late=_json_unless_empty(note.late)
    )


def decode_note(item: Item) -> Note:
    """Decode a note about a call."""
    return Note(
        source=str(item["source"]),
        verdicts=tuple(_json(item, "verdicts", ())),
        refused=int(item["refused"]),
        late=tuple((time, id_) for time, id_ in _json(item, "late", ())),
    )


def _present(**attributes: Attribute) -> Item:
    """Those attributes that are neither empty, zero nor false."""
    return {name: value for name, value in attributes.items() if value}


def _json_unless_empty(value: Sequence[Any] | Mapping[str, Any] | None) -> str:
    """Format JSON, and nothing for an empty value, so that `_present` leaves it out."""
    return values.to_json(value) if value else ""


def _node_text(node: Node | None) -> str:
    return str(node) if node else ""


def _json(item: Item, name: str, default: object) -> Any:
    text = item.get(name)
    return default if text is None else json.loads(str(text))


# For optional attributes alone: an item that lacks one that is always written is broken, and must
# not be overwritten.
def _number(item: Item, name: str) -> int:
    return int(item.get(name, 0))


def _flag(item: Item, name: str) -> bool:
    return bool(item.get(name, False))


def _erased(item: Item) -> tuple[Erased, ...]:
    return tuple(Erased(*part) for part in _json(item, "erased", ()))


def _node(item: Item, name: str) -> Node | None:
    text = item.get(name)
    return Node.parse(str(text)) if text else None


def _nodes(item: Item, name: str) -> tuple[Node, ...]:
    return tuple(map(Node.parse, _json(item, name, ())))


def _decode_values(item: Item) -> values.Values:
    text = item.get("values")
    return values.unpack_values(None if text is None else str(text))
