"""Convert rows between values and DynamoDB items. One home for item shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence

from hardlink.domain import synthetic_ids, values
from hardlink.domain.graph import NOBODY, Entry, Node, State
from hardlink.domain.order_matching import Order, OrderClaim, ShopOrder, TrackedOrder
from hardlink.domain.records import (
    Attribute,
    Contribution,
    Intervals,
    Item,
    Key,
    MergeNotice,
    Note,
    Record,
    Session,
    SessionRow,
)
from hardlink.storage.keys import EXPIRES, split_partition


def encode_session(s: Session) -> Item:
    """A session as an item."""
    item: Item = {
        "profile": s.profile.value,
        "source": s.source,
        "created": s.created,
        "latest": s.latest,
        "last_event_at": s.last_event_at,
    }
    if s.offset:
        item["offset"] = s.offset
    if s.denied:
        item["denied"] = True
    if s.customer:
        item["customer"] = str(s.customer)
    if s.erased:
        item["erased"] = values.to_json(s.erased)
    return item


def encode_erased_session(s: Session) -> Item:
    """What stays of a session that was erased: since when, so that nothing earlier is stored again.

    `gone`: that time too. Who came back has none, so whoever counts on this one holds it still.
    """
    since = max(end for _, end in s.erased)
    item: Item = {"erased_at": since, "erased": values.to_json(s.erased)}
    if s.offset:
        item["offset"] = s.offset
    if s.denied:
        item["denied"] = True
    return item


def decode_session(key: Key, item: Item) -> Session:
    """What `write_session` or `write_gone` wrote."""
    if "erased_at" in item:
        return Session(
            id=split_partition(key.partition)[1],
            profile=NOBODY,
            source="",
            created=0,
            latest=0,
            last_event_at=0,
            offset=int(item.get("offset", 0)),
            denied=bool(item.get("denied", False)),
            erased=_intervals(item),
            is_erased=True,
        )
    customer = item.get("customer")
    return Session(
        id=split_partition(key.partition)[1],
        profile=Node("profile", str(item["profile"])),
        source=str(item["source"]),
        created=int(item["created"]),
        latest=int(item["latest"]),
        last_event_at=int(item["last_event_at"]),
        offset=int(item.get("offset", 0)),
        denied=bool(item.get("denied", False)),
        customer=Node.parse(str(customer)) if customer else None,
        erased=_intervals(item),
    )


def encode_record(record: Record) -> Item:
    """A node as an item."""
    s = record.state
    item: Item = {"rev": s.rev, "created": record.created}
    optional: dict[str, Attribute | None] = {
        "known": s.known or None,
        "owner": str(s.owner) if s.owner else None,
        "link": str(s.link) if s.link else None,
        "owner_effective_at": s.owner_effective_at or None,
        "effective_at": s.effective_at or None,
        "undone": s.undone or None,
        "links": s.links or None,
        "soft_links": s.soft_links or None,
        "day": s.day or None,
        "links_that_day": s.links_that_day or None,
        "ids": values.to_json(dict(s.ids)) if s.ids else None,
        "counts": values.to_json(dict(s.counts)) if s.counts else None,
        "values": values.pack_values(record.values) if record.values else None,
        "denied": record.denied or None,
        "erased": values.to_json(record.erased) if record.erased else None,
        "erasing_since": record.erasing_since or None,
        "erasure": record.erasure or None,
    }
    return item | {name: value for name, value in optional.items() if value is not None}


def decode_record(item: Item | None) -> Record:
    """What `write_record` wrote; an absent item is a node that nobody mentioned yet."""
    if item is None:
        return Record()
    state = State(
        rev=int(item["rev"]),
        known=bool(item.get("known", False)),
        owner=_node(item.get("owner")),
        link=_node(item.get("link")),
        owner_effective_at=int(item.get("owner_effective_at", 0)),
        effective_at=int(item.get("effective_at", 0)),
        undone=int(item.get("undone", 0)),
        links=int(item.get("links", 0)),
        soft_links=int(item.get("soft_links", 0)),
        ids=json.loads(str(item.get("ids", "{}"))),
        counts=json.loads(str(item.get("counts", "{}"))),
        day=int(item.get("day", 0)),
        links_that_day=int(item.get("links_that_day", 0)),
    )
    return Record(
        state=state,
        created=int(item["created"]),
        values=values.unpack_values(_text(item.get("values"))),
        denied=bool(item.get("denied", False)),
        erased=_intervals(item),
        erasing_since=int(item.get("erasing_since", 0)),
        erasure=str(item.get("erasure", "")),
    )


def encode_entry(e: Entry) -> Item:
    """A history entry as an item."""
    item: Item = {
        "rule": e.rule,
        "evidence": e.evidence,
        "at": e.at,
        "effective_at": e.effective_at,
        "source": e.source,
        "nodes": values.to_json([str(node) for node in e.nodes]),
    }
    if e.link:
        item["link"] = str(e.link)
    if e.starts_span:
        item["starts_span"] = True
    if e.owner:
        item["owner"] = str(e.owner)
    if e.undone:
        item["undone"] = e.undone
    return item


def decode_entry(key: Key, item: Item) -> Entry:
    """What `write_entry` wrote."""
    return Entry(
        rev=int(key.item.removeprefix("l/")),
        rule=str(item["rule"]),
        evidence=str(item["evidence"]),
        at=int(item["at"]),
        effective_at=int(item["effective_at"]),
        source=str(item["source"]),
        nodes=tuple(Node.parse(text) for text in json.loads(str(item["nodes"]))),
        link=_node(item.get("link")),
        starts_span=bool(item.get("starts_span", False)),
        owner=_node(item.get("owner")),
        undone=int(item.get("undone", 0)),
    )


def encode_session_row(row: SessionRow) -> Item:
    """A session's row under a root as an item."""
    item: Item = {
        "profile": row.profile.value,
        "created": row.created,
        "latest": row.latest,
        "last_event_at": row.last_event_at,
    }
    return item | ({"since": row.since} if row.since else {})


def session_row(s: Session) -> SessionRow:
    """A session as the roots that it has an interval under see it."""
    since = max((end for start, end in s.erased if start == 0), default=0)
    return SessionRow(s.id, s.profile, s.created, s.latest, s.last_event_at, since)


def decode_session_row(key: Key, item: Item) -> SessionRow:
    """What `write_session_row` wrote."""
    return SessionRow(
        session=key.item.removeprefix("s/"),
        profile=Node("profile", str(item["profile"])),
        created=int(item["created"]),
        latest=int(item["latest"]),
        last_event_at=int(item["last_event_at"]),
        since=int(item.get("since", 0)),
    )


def encode_contribution(c: Contribution) -> Item:
    """A contribution as an item."""
    item: Item = {"intervals": values.to_json(c.intervals)}
    if c.values:
        item["values"] = values.pack_values(c.values)
    if c.identifiers:
        item["identifiers"] = values.to_json([str(node) for node in c.identifiers])
    if c.merge_notice:
        item["merge_notice"] = values.to_json(c.merge_notice)
    return item


def decode_contribution(key: Key, item: Item) -> Contribution:
    """What `write_contribution` wrote."""
    intervals: Sequence[Sequence[int]] = json.loads(str(item["intervals"]))
    return Contribution(
        node=Node.parse(key.item.removeprefix("p/")),
        intervals=tuple((start, end) for start, end in intervals),
        values=values.unpack_values(_text(item.get("values"))),
        identifiers=tuple(map(Node.parse, json.loads(str(item.get("identifiers", "[]"))))),
        merge_notice=MergeNotice(*json.loads(str(item["merge_notice"])))
        if "merge_notice" in item
        else None,
    )


def encode_order(order_: Order) -> Item:
    """What is known of an order as an item."""
    item: Item = {"rev": order_.rev}
    if order_.tracked:
        item["tracked"] = values.to_json(
            [
                [k.profile.value, k.session, k.event, k.claim.time, k.claim.total, k.claim.email]
                + ([] if k.sent_by_client else [False])
                for k in order_.tracked
            ]
        )
    if order_.shop_order:
        ids, said, visitor = order_.shop_order
        named = visitor.value if visitor else None
        item["shop_order"] = values.to_json(
            [[str(node) for node in ids], said.time, said.total, said.email, named]
        )
    if order_.expires is not None:
        item[EXPIRES] = order_.expires
    return item


def decode_order(key: Key, item: Item | None) -> Order:
    """What `write_order` wrote; an absent item is an order that nobody mentioned yet."""
    number = synthetic_ids.order_number(split_partition(key.partition)[1])
    if item is None:
        return Order(number)
    kept = (
        TrackedOrder(
            Node("profile", profile), session_, event_, OrderClaim(number, *said), *tracked
        )
        for profile, session_, event_, *said in json.loads(str(item.get("tracked", "[]")))
        for said, tracked in [(said[:3], said[3:])]
    )
    shop_order = None
    if "shop_order" in item:
        ids, time, total, email, visitor = json.loads(str(item["shop_order"]))
        shop_order = ShopOrder(
            tuple(map(Node.parse, ids)),
            OrderClaim(number, time, total, email),
            Node("profile", visitor) if visitor else None,
        )
    expires = int(item[EXPIRES]) if EXPIRES in item else None
    return Order(number, int(item["rev"]), tuple(kept), shop_order, expires)


def encode_note(found: Note) -> Item:
    """A note as an item."""
    item: Item = {"source": found.source, "refused": found.refused}
    if found.verdicts:
        item["verdicts"] = values.to_json(found.verdicts)
    if found.late:
        item["late"] = values.to_json(found.late)
    return item


def decode_note(item: Item) -> Note:
    """What `write_note` wrote."""
    return Note(
        source=str(item["source"]),
        verdicts=tuple(json.loads(str(item.get("verdicts", "[]")))),
        refused=int(item["refused"]),
        late=tuple((time, id_) for time, id_ in json.loads(str(item.get("late", "[]")))),
    )


def _intervals(item: Item) -> Intervals:
    found: Sequence[Sequence[int]] = json.loads(str(item.get("erased", "[]")))
    return tuple((start, end) for start, end in found)


def _node(text: Attribute | None) -> Node | None:
    return Node.parse(str(text)) if text else None


def _text(value: Attribute | None) -> str | None:
    return None if value is None else str(value)
