"""Keys of both tables. One home for partition and sort key formats."""

from __future__ import annotations

import hashlib

from hardlink.domain import synthetic_ids
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.records import Key, Table
from hardlink.domain.values import Name

PARTITION: dict[Table, str] = {"sessions": "session", "customers": "customer"}

SORT = "item"

HEAD = "#"

ERASURE = "~"
"""The sort key of an erasure: that there is one has the rest carried out."""

EXPIRES = "expires"
"""The TTL attribute, in seconds, as DynamoDB wants it."""


def node_head(project: str, node: Node) -> Key:
    """The key of a node."""
    return Key("customers", f"{project}/{node}", HEAD)


def link_entry(project: str, node: Node, rev: int) -> Key:
    """The key of one entry of a node's link history."""
    return Key("customers", f"{project}/{node}", f"l/{rev:012d}")


def profile_session(project: str, profile: Node, session_head: str) -> Key:
    """The key that says: this session is of this profile."""
    return Key("customers", f"{project}/{profile}", f"m/{session_head}")


def linked_profile(project: str, soft: Node, profile: Node) -> Key:
    """The key that says: this profile links to this soft identifier, or once did."""
    return Key("customers", f"{project}/{soft}", f"c/{profile.value}")


def back_reference(project: str, target: Node, node: Node) -> Key:
    """The key that says: the history of this node names the target, or once did."""
    return Key("customers", f"{project}/{target}", f"w/{node}")


def shop_order(project: str, node: Node, number: str) -> Key:
    """The key that says: the shop told this order of whoever has this identifier."""
    return Key("customers", f"{project}/{node}", f"t/{number}")


def tombstone(project: str, node: Node) -> Key:
    """The key that says when a node was erased, and not which one it was.

    Of a profile also whether it had opted out (`denied`), and what makes the one that comes after it (`next`).
    """
    digest = hashlib.sha256(f"{project}/{node}".encode()).hexdigest()
    return Key("customers", f"{project}/{ERASURE}{digest}", "t")


def erasure_item(project: str, id_: str, item: str = ERASURE) -> Key:
    """The key of an erasure; until it is done, of what it has to do: `n/<node>`, `r/<profile>`, `s/<session>`."""
    return Key("customers", f"{project}/{ERASURE}/{id_}", item)


def erasure_of_partition(partition: str) -> tuple[str, str]:
    """Project and ID of the erasure whose partition this is."""
    project, rest = split_partition(partition)
    return project, rest.removeprefix(f"{ERASURE}/")


def root_reference(project: str, node: Node, root: Node) -> Key:
    """The key that says: this root may hold rows of this node."""
    return Key("customers", f"{project}/{node}", f"h/{root}")


def customer_identifier(project: str, root: Node, soft: Node) -> Key:
    """The key that says: this identifier finds this customer."""
    return Key("customers", f"{project}/{root}", f"i/{soft}")


def node_contribution(project: str, root: Node, node: Node) -> Key:
    """The key of a node's contribution to a root."""
    return Key("customers", f"{project}/{root}", f"p/{node}")


def profile_contributions(project: str, root: Node) -> tuple[Key, str]:
    """Before the keys of all profiles' contributions to a root, and the sort key behind them."""
    return node_contribution(project, root, Node(PROFILE, "")), f"p/{PROFILE}>"


def root_session(project: str, root: Node, session_head: str) -> Key:
    """The key of a session under a root."""
    return Key("customers", f"{project}/{root}", f"s/{session_head}")


def spilled_value(project: str, node: Node, name: Name) -> Key:
    """The key of a value too large to stand in its node."""
    return Key("customers", f"{project}/{node}", f"v/{name[0]}/{name[1]}")


def session_head(project: str, id_: str) -> Key:
    """The key of a session."""
    return Key("sessions", f"{project}/{id_}", HEAD)


def session_event(project: str, session_id: str, time: int, id_: str) -> Key:
    """The key of an event: in order of time, then of ID."""
    return Key("sessions", f"{project}/{session_id}", f"e/{time:016d}/{id_}")


def event_piece(of: Key, digest: str, number: int) -> Key:
    """The key of one piece of an event larger than an item: outside the range that a timeline reads.

    `digest`: of the whole content, so that another event of this ID and time never overwrites it.
    """
    return of._replace(item=f"x/{of.item[2:]}/{digest}/{number:03d}")


def order_head(project: str, number: str) -> Key:
    """The key of what is known of an order: beside the sessions, under a name that no client may send for one."""
    return Key("sessions", f"{project}/{synthetic_ids.order_partition(number)}", "o")


def order_aside(project: str, number: str, profile: Node) -> Key:
    """The key that says: this profile tracked an order of which the row has no room for more."""
    return order_head(project, number)._replace(item=f"p/{profile.value}")


def active_session(project: str, latest: int, session_id: str) -> Key:
    """The key that says: this session may hold events up to `latest`. In a partition that no session can have."""
    return Key(
        "sessions", f"{project}/{synthetic_ids.ACTIVE_SESSIONS}", f"s/{latest:016d}/{session_id}"
    )


def active_session_id(key: Key) -> str:
    """The session that `recent` names."""
    return key.item.split("/", 2)[2]


def call_note(project: str, session_id: str, time: int, evidence: str) -> Key:
    """The key of a note about a call."""
    return Key("sessions", f"{project}/{session_id}", f"n/{time:016d}/{evidence}")


def note_time(key: Key) -> int:
    """When the call came that a note is about."""
    return int(key.item.split("/", 2)[1])


def end_of_prefix(prefix: str) -> str:
    """A sort key behind every one that begins with this prefix, which ends in `/`, and before any other."""
    return prefix.removesuffix("/") + "0"  # the character after the slash


def hashed_partition(partition: str) -> str:
    """A partition's name in logs: it says nobody's, and is the same each time."""
    return hashlib.sha256(partition.encode()).hexdigest()[:16]


def split_partition(partition: str) -> tuple[str, str]:
    """Project and the rest of a partition key: projects hold no `/`."""
    project, _, rest = partition.partition("/")
    return project, rest


def event_time(key: Key) -> int:
    """The time in an event's key."""
    return int(key.item.split("/", 2)[1])
