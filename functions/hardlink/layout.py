"""The layout of both tables: every key, and how each item reads and writes. One home for item shapes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from hardlink import values
from hardlink.identifiers import OWN
from hardlink.nodes import NOBODY, NOTHING, PROFILE, Entry, Node, State
from hardlink.orders import Kept, Order, Said, Told
from hardlink.values import Name, Values

Table = Literal["sessions", "customers"]
Attribute: TypeAlias = str | int | bool
Item: TypeAlias = dict[str, Attribute]
Intervals: TypeAlias = tuple[tuple[int, int], ...]
"""Half-open, of event time."""
PARTITION: dict[Table, str] = {"sessions": "session", "customers": "customer"}
SORT = "item"
HEAD = "#"
ERASURE = "~"
"""The sort key of an erasure: that there is one has the rest carried out."""
EXPIRES = "expires"
"""The TTL attribute, in seconds, as DynamoDB wants it."""


class Key(NamedTuple):
    """Where an item lies."""

    table: Table
    partition: str
    item: str


class Session(NamedTuple):
    """`sessions` `#`: a visit. `latest`: an upper bound of its events' times. `offset`: server minus device clock.

    `erased`: what happened then was erased, and is not stored again. `gone`: all else of it was erased as well: whoever
    comes back is new.
    """

    id: str
    profile: Node
    source: str
    created: int
    latest: int
    seen: int
    offset: int = 0
    denied: bool = False
    customer: Node | None = None
    erased: Intervals = ()
    gone: bool = False

    def was_erased(self, time: int) -> bool:
        """Whether what happened at this time was erased, however late it comes."""
        return any(start <= time < end for start, end in self.erased)


class Record(NamedTuple):
    """`customers` `#`: a node, what is said of it, and its own values.

    `erased`: of a profile, what was erased of its history, as its sessions have it; of an identifier, when it found
    somebody who was erased. `dying`: it is being erased, since then, by `erasure`. `before`: when this identifier was
    erased last (read beside it, see `tombstone`).
    """

    state: State = State()
    created: int = 0
    values: Values = NOTHING
    denied: bool = False
    erased: Intervals = ()
    dying: int = 0
    erasure: str = ""
    before: int = 0

    def was_erased(self, time: int) -> bool:
        """Whether what was said of it at this time was said of somebody who was erased."""
        return any(start <= time < end for start, end in self.erased)

    @property
    def is_there(self) -> bool:
        """Whether somebody mentioned it, and nobody erases it."""
        return bool(self.state.rev) and not self.dying

    @property
    def next_rev(self) -> int:
        """The revision that its next write makes it: beyond those that it had before it was erased."""
        return max(self.state.rev, self.before) + 1


class SessionRow(NamedTuple):
    """`s/<session>` under a root: a session that has an interval here."""

    session: str
    profile: Node
    created: int
    latest: int
    seen: int
    since: int = 0
    """What happened before was erased."""


class Joined(NamedTuple):
    """When a visitor's whole history was brought to a customer: said, and written (see `nodes.joined`)."""

    said: int
    at: int
    source: str


class Contribution(NamedTuple):
    """`p/<node>` under a root: the values of a node and the half-open intervals of time in which it belongs here."""

    node: Node
    intervals: tuple[tuple[int, int], ...]
    values: Values
    identifiers: tuple[Node, ...] = ()
    joined: Joined | None = None


class Note(NamedTuple):
    """`n/<time>/<evidence>` under a session: what a call did not store, and what it stored far behind its own time.

    `source`: who called; `verdicts`: of the first of `refused` events; `late`: time and ID of the others.
    """

    source: str
    verdicts: tuple[Mapping[str, Any], ...]
    refused: int
    late: tuple[tuple[int, str], ...] = ()


def head(project: str, node: Node) -> Key:
    """The key of a node."""
    return Key("customers", f"{project}/{node}", HEAD)


def entry(project: str, node: Node, rev: int) -> Key:
    """The key of one entry of a node's link history."""
    return Key("customers", f"{project}/{node}", f"l/{rev:012d}")


def member(project: str, profile: Node, session: str) -> Key:
    """The key that says: this session is of this profile."""
    return Key("customers", f"{project}/{profile}", f"m/{session}")


def child(project: str, soft: Node, profile: Node) -> Key:
    """The key that says: this profile links to this soft identifier, or once did."""
    return Key("customers", f"{project}/{soft}", f"c/{profile.value}")


def mention(project: str, target: Node, node: Node) -> Key:
    """The key that says: the history of this node names the target, or once did."""
    return Key("customers", f"{project}/{target}", f"w/{node}")


def told(project: str, node: Node, number: str) -> Key:
    """The key that says: the shop told this order of whoever has this identifier."""
    return Key("customers", f"{project}/{node}", f"t/{number}")


def tombstone(project: str, node: Node) -> Key:
    """The key that says when a node was erased, and not which one it was.

    Of a profile also whether it had opted out (`denied`), and what makes the one that comes after it (`next`).
    """
    digest = hashlib.sha256(f"{project}/{node}".encode()).hexdigest()
    return Key("customers", f"{project}/{ERASURE}{digest}", "t")


def erasure(project: str, id_: str, item: str = ERASURE) -> Key:
    """The key of an erasure; until it is done, of what it has to do: `n/<node>`, `r/<profile>`, `s/<session>`."""
    return Key("customers", f"{project}/{ERASURE}/{id_}", item)


def erasure_of(partition: str) -> tuple[str, str]:
    """Project and ID of the erasure whose partition this is."""
    project, rest = project_of(partition)
    return project, rest.removeprefix(f"{ERASURE}/")


def home(project: str, node: Node, root: Node) -> Key:
    """The key that says: this root may hold rows of this node."""
    return Key("customers", f"{project}/{node}", f"h/{root}")


def identifier(project: str, root: Node, soft: Node) -> Key:
    """The key that says: this identifier finds this customer."""
    return Key("customers", f"{project}/{root}", f"i/{soft}")


def contribution(project: str, root: Node, node: Node) -> Key:
    """The key of a node's contribution to a root."""
    return Key("customers", f"{project}/{root}", f"p/{node}")


def of_profiles(project: str, root: Node) -> tuple[Key, str]:
    """Before the keys of all profiles' contributions to a root, and the sort key behind them."""
    return contribution(project, root, Node(PROFILE, "")), f"p/{PROFILE}>"


def session_row(project: str, root: Node, session: str) -> Key:
    """The key of a session under a root."""
    return Key("customers", f"{project}/{root}", f"s/{session}")


def spilled(project: str, node: Node, name: Name) -> Key:
    """The key of a value too large to stand in its node."""
    return Key("customers", f"{project}/{node}", f"v/{name[0]}/{name[1]}")


def session(project: str, id_: str) -> Key:
    """The key of a session."""
    return Key("sessions", f"{project}/{id_}", HEAD)


def event(project: str, session_id: str, time: int, id_: str) -> Key:
    """The key of an event: in order of time, then of ID."""
    return Key("sessions", f"{project}/{session_id}", f"e/{time:016d}/{id_}")


def piece(of: Key, digest: str, number: int) -> Key:
    """The key of one piece of an event larger than an item: outside the range that a timeline reads.

    `digest`: of the whole content, so that another event of this ID and time never overwrites it.
    """
    return of._replace(item=f"x/{of.item[2:]}/{digest}/{number:03d}")


def order(project: str, number: str) -> Key:
    """The key of what is known of an order: beside the sessions, under a name that no client may send for one."""
    return Key("sessions", f"{project}/{OWN}order={number}", "o")


def order_aside(project: str, number: str, profile: Node) -> Key:
    """The key that says: this profile tracked an order of which the row has no room for more."""
    return order(project, number)._replace(item=f"p/{profile.value}")


def recent(project: str, latest: int, session_id: str) -> Key:
    """The key that says: this session may hold events up to `latest`. In a partition that no session can have."""
    return Key("sessions", f"{project}/{OWN}=recent", f"s/{latest:016d}/{session_id}")


def recent_session(key: Key) -> str:
    """The session that `recent` names."""
    return key.item.split("/", 2)[2]


def note(project: str, session_id: str, time: int, evidence: str) -> Key:
    """The key of a note about a call."""
    return Key("sessions", f"{project}/{session_id}", f"n/{time:016d}/{evidence}")


def note_time(key: Key) -> int:
    """When the call came that a note is about."""
    return int(key.item.split("/", 2)[1])


def after(prefix: str) -> str:
    """A sort key behind every one that begins with this prefix, which ends in `/`, and before any other."""
    return prefix.removesuffix("/") + "0"  # the character after the slash


def hidden(partition: str) -> str:
    """A partition's name in logs: it says nobody's, and is the same each time."""
    return hashlib.sha256(partition.encode()).hexdigest()[:16]


def project_of(partition: str) -> tuple[str, str]:
    """Project and the rest of a partition key: projects hold no `/`."""
    project, _, rest = partition.partition("/")
    return project, rest


# -- items --------------------------------------------------------------------------------------------------------


def write_session(s: Session) -> Item:
    """A session as an item."""
    item: Item = {
        "profile": s.profile.value,
        "source": s.source,
        "created": s.created,
        "latest": s.latest,
        "seen": s.seen,
    }
    if s.offset:
        item["offset"] = s.offset
    if s.denied:
        item["denied"] = True
    if s.customer:
        item["customer"] = str(s.customer)
    if s.erased:
        item["erased"] = values.dump(s.erased)
    return item


def write_gone(s: Session) -> Item:
    """What stays of a session that was erased: since when, so that nothing earlier is stored again.

    `gone`: that time too. Who came back has none, so whoever counts on this one holds it still.
    """
    since = max(end for _, end in s.erased)
    item: Item = {"gone": since, "erased": values.dump(s.erased)}
    if s.offset:
        item["offset"] = s.offset
    if s.denied:
        item["denied"] = True
    return item


def read_session(key: Key, item: Item) -> Session:
    """What `write_session` or `write_gone` wrote."""
    if "gone" in item:
        return Session(
            id=project_of(key.partition)[1],
            profile=NOBODY,
            source="",
            created=0,
            latest=0,
            seen=0,
            offset=int(item.get("offset", 0)),
            denied=bool(item.get("denied", False)),
            erased=_intervals(item),
            gone=True,
        )
    customer = item.get("customer")
    return Session(
        id=project_of(key.partition)[1],
        profile=Node("profile", str(item["profile"])),
        source=str(item["source"]),
        created=int(item["created"]),
        latest=int(item["latest"]),
        seen=int(item["seen"]),
        offset=int(item.get("offset", 0)),
        denied=bool(item.get("denied", False)),
        customer=Node.parse(str(customer)) if customer else None,
        erased=_intervals(item),
    )


def write_record(record: Record) -> Item:
    """A node as an item."""
    s = record.state
    item: Item = {"rev": s.rev, "created": record.created}
    optional: dict[str, Attribute | None] = {
        "known": s.known or None,
        "owner": str(s.owner) if s.owner else None,
        "link": str(s.link) if s.link else None,
        "owner_said": s.owner_said or None,
        "said": s.said or None,
        "undone": s.undone or None,
        "links": s.links or None,
        "soft_links": s.soft_links or None,
        "day": s.day or None,
        "today": s.today or None,
        "ids": values.dump(dict(s.ids)) if s.ids else None,
        "counts": values.dump(dict(s.counts)) if s.counts else None,
        "values": values.pack(record.values) if record.values else None,
        "denied": record.denied or None,
        "erased": values.dump(record.erased) if record.erased else None,
        "dying": record.dying or None,
        "erasure": record.erasure or None,
    }
    return item | {name: value for name, value in optional.items() if value is not None}


def read_record(item: Item | None) -> Record:
    """What `write_record` wrote; an absent item is a node that nobody mentioned yet."""
    if item is None:
        return Record()
    state = State(
        rev=int(item["rev"]),
        known=bool(item.get("known", False)),
        owner=_node(item.get("owner")),
        link=_node(item.get("link")),
        owner_said=int(item.get("owner_said", 0)),
        said=int(item.get("said", 0)),
        undone=int(item.get("undone", 0)),
        links=int(item.get("links", 0)),
        soft_links=int(item.get("soft_links", 0)),
        ids=json.loads(str(item.get("ids", "{}"))),
        counts=json.loads(str(item.get("counts", "{}"))),
        day=int(item.get("day", 0)),
        today=int(item.get("today", 0)),
    )
    return Record(
        state=state,
        created=int(item["created"]),
        values=values.unpack(_text(item.get("values"))),
        denied=bool(item.get("denied", False)),
        erased=_intervals(item),
        dying=int(item.get("dying", 0)),
        erasure=str(item.get("erasure", "")),
    )


def write_entry(e: Entry) -> Item:
    """A history entry as an item."""
    item: Item = {
        "rule": e.rule,
        "evidence": e.evidence,
        "at": e.at,
        "said": e.said,
        "source": e.source,
        "nodes": values.dump([str(node) for node in e.nodes]),
    }
    if e.link:
        item["link"] = str(e.link)
    if e.begins:
        item["begins"] = True
    if e.owner:
        item["owner"] = str(e.owner)
    if e.undone:
        item["undone"] = e.undone
    return item


def read_entry(key: Key, item: Item) -> Entry:
    """What `write_entry` wrote."""
    return Entry(
        rev=int(key.item.removeprefix("l/")),
        rule=str(item["rule"]),
        evidence=str(item["evidence"]),
        at=int(item["at"]),
        said=int(item["said"]),
        source=str(item["source"]),
        nodes=tuple(Node.parse(text) for text in json.loads(str(item["nodes"]))),
        link=_node(item.get("link")),
        begins=bool(item.get("begins", False)),
        owner=_node(item.get("owner")),
        undone=int(item.get("undone", 0)),
    )


def write_session_row(row: SessionRow) -> Item:
    """A session's row under a root as an item."""
    item: Item = {
        "profile": row.profile.value,
        "created": row.created,
        "latest": row.latest,
        "seen": row.seen,
    }
    return item | ({"since": row.since} if row.since else {})


def session_row_of(s: Session) -> SessionRow:
    """A session as the roots that it has an interval under see it."""
    since = max((end for start, end in s.erased if start == 0), default=0)
    return SessionRow(s.id, s.profile, s.created, s.latest, s.seen, since)


def read_session_row(key: Key, item: Item) -> SessionRow:
    """What `write_session_row` wrote."""
    return SessionRow(
        session=key.item.removeprefix("s/"),
        profile=Node("profile", str(item["profile"])),
        created=int(item["created"]),
        latest=int(item["latest"]),
        seen=int(item["seen"]),
        since=int(item.get("since", 0)),
    )


def write_contribution(c: Contribution) -> Item:
    """A contribution as an item."""
    item: Item = {"intervals": values.dump(c.intervals)}
    if c.values:
        item["values"] = values.pack(c.values)
    if c.identifiers:
        item["identifiers"] = values.dump([str(node) for node in c.identifiers])
    if c.joined:
        item["joined"] = values.dump(c.joined)
    return item


def read_contribution(key: Key, item: Item) -> Contribution:
    """What `write_contribution` wrote."""
    intervals: Sequence[Sequence[int]] = json.loads(str(item["intervals"]))
    return Contribution(
        node=Node.parse(key.item.removeprefix("p/")),
        intervals=tuple((start, end) for start, end in intervals),
        values=values.unpack(_text(item.get("values"))),
        identifiers=tuple(map(Node.parse, json.loads(str(item.get("identifiers", "[]"))))),
        joined=Joined(*json.loads(str(item["joined"]))) if "joined" in item else None,
    )


def event_time(key: Key) -> int:
    """The time in an event's key."""
    return int(key.item.split("/", 2)[1])


def write_order(order_: Order) -> Item:
    """What is known of an order as an item."""
    item: Item = {"rev": order_.rev}
    if order_.kept:
        item["kept"] = values.dump(
            [
                [k.profile.value, k.session, k.event, k.said.time, k.said.total, k.said.email]
                + ([] if k.tracked else [False])
                for k in order_.kept
            ]
        )
    if order_.told:
        ids, said, visitor = order_.told
        named = visitor.value if visitor else None
        item["told"] = values.dump(
            [[str(node) for node in ids], said.time, said.total, said.email, named]
        )
    if order_.expires is not None:
        item[EXPIRES] = order_.expires
    return item


def read_order(key: Key, item: Item | None) -> Order:
    """What `write_order` wrote; an absent item is an order that nobody mentioned yet."""
    number = project_of(key.partition)[1].partition("=")[2]
    if item is None:
        return Order(number)
    kept = (
        Kept(Node("profile", profile), session_, event_, Said(number, *said), *tracked)
        for profile, session_, event_, *said in json.loads(str(item.get("kept", "[]")))
        for said, tracked in [(said[:3], said[3:])]
    )
    told = None
    if "told" in item:
        ids, time, total, email, visitor = json.loads(str(item["told"]))
        told = Told(
            tuple(map(Node.parse, ids)),
            Said(number, time, total, email),
            Node("profile", visitor) if visitor else None,
        )
    expires = int(item[EXPIRES]) if EXPIRES in item else None
    return Order(number, int(item["rev"]), tuple(kept), told, expires)


def write_note(found: Note) -> Item:
    """A note as an item."""
    item: Item = {"source": found.source, "refused": found.refused}
    if found.verdicts:
        item["verdicts"] = values.dump(found.verdicts)
    if found.late:
        item["late"] = values.dump(found.late)
    return item


def read_note(item: Item) -> Note:
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
