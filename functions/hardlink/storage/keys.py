"""Keys of the tables: every one, and every prefix of one, is spelled here alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from zlib import crc32

from hardlink.domain import synthetic_ids
from hardlink.domain.graph import PROFILE, Node, profile_node
from hardlink.domain.records import Key, Table
from hardlink.domain.values import Name
from hardlink.storage import packed_keys

PARTITION: dict[Table, str] = {
    "sessions": "session",
    "customers": "customer",
    # One letter, because the name is stored and paid for with every event.
    "events": "s",
}
"""The partition key's attribute. Each has its own name, by which a record tells its table."""

SORT = "item"

EXPIRES = "expires"
"""The TTL attribute, in seconds, as DynamoDB wants it."""

STORED_NAMES: dict[str, str] = {
    "type": "t",
    "delay": "d",
    "source": "f",
    "body": "b",
    "profile": "p",
    "created": "c",
    "earliest": "e",
    "latest": "l",
    "last_event_at": "a",
    "rev": "v",
}
"""Attributes of events, sessions and profiles under the names by which they are stored.

Every letter of a name is stored, and paid for, with every event or visit.
"""

FULL_NAMES: dict[str, str] = {short: name for name, short in STORED_NAMES.items()}

HEAD = "#"

ERASURE = "~"
"""The sort key of an erasure's receipt: the stream reads it to have the rest carried out."""
TOMBSTONE = "t"
"""The sort key of a tombstone: when a node was erased."""
ERASURE_BY_SHOP = "~shop"
"""The sort key of what the shop adds to a visitor's erasure that it asks for too: then it goes to
the shop's queue as well, and waits for no other visitor's."""

SESSION_CUSTOMER = "@"
"""The sort key of a session's copy of its customer.

It is no part of the session's `#`: the stream reports changes of that, and association, which
writes the copy, would wake itself.
"""

# Prefixes of sort keys in a session's partition of `events`. Events sort before notes, and pieces
# lie behind both: a timeline and the live view read one range each.
ORDER_COMPLETION = "c/"
EVENT = "e/"
CALL_NOTE = "n/"
EVENT_PIECE = "x/"
EVENT_RECEIPT = "u/"
SESSION_SUMMARY = "t/"

# Each of these but a receipt has its time next, in a packed form.
_TIME_START = len(EVENT)
_TIME_END = _TIME_START + packed_keys.TIME_LENGTH

# Prefixes of sort keys in partitions of `sessions`, beside the sessions themselves.
ORDER_VISITOR = "p/"
ACTIVE_SESSION = "s/"
REFUSED_CALL = "r/"

ACTIVE_SHARDS = 8
"""Partitions of the index of active sessions: DynamoDB writes a thousand items a second to each."""

# Prefixes of sort keys in a node's partition. A customer's view reads one range, from `#` to the
# end of `s/`: what it shows sorts before what it does not.
LINKED_PROFILE = "c/"
MERGED_CUSTOMER = "g/"
ROOT_REFERENCE = "h/"
CUSTOMER_IDENTIFIER = "i/"
LINK_ENTRY = "l/"
PROFILE_SESSION = "m/"
CONTRIBUTION = "p/"
ROOT_SESSION = "s/"
SHOP_ORDER = "t/"
CONTRIBUTED_VALUES = "u/"
SPILLED_VALUE = "v/"
BACK_REFERENCE = "w/"

# Prefixes of an erasure's tasks, see `hardlink.domain.erasure.states`.
ERASED_NODE = "d/"
JOINED_ERASURE = "j/"
ERASING_NODE = "n/"
ORDER_TASK = "o/"
REDACTED_NODE = "r/"
ERASED_SESSION = "s/"
FREED_IDENTIFIER = "u/"
SWEPT_SESSION = "z/"
TASKS = (
    ERASED_NODE,
    JOINED_ERASURE,
    ERASING_NODE,
    ORDER_TASK,
    REDACTED_NODE,
    ERASED_SESSION,
    FREED_IDENTIFIER,
    SWEPT_SESSION,
)

REHOMING_TASK = f"{ERASURE}a/"
"""What the partitions of tasks to re-home profiles begin with, behind the project."""

FIRST_ITEM, LAST_ITEM = "!", "~~"
"""Sort keys before and behind every other one of a partition."""


def node_head(project: str, node: Node) -> Key:
    """The key of a node."""
    return Key("customers", f"{project}/{node}", HEAD)


def link_entry(project: str, node: Node, rev: int) -> Key:
    """The key of one entry of a node's link history."""
    return _node_item(project, node, f"{LINK_ENTRY}{rev:012d}")


def profile_session(project: str, profile: Node, session_id: str) -> Key:
    """The key of the row that makes a session one of a profile's."""
    return _node_item(project, profile, f"{PROFILE_SESSION}{session_id}")


def linked_profile(project: str, soft: Node, profile: Node) -> Key:
    """The key of a profile that links to a soft identifier, or once did."""
    return _node_item(project, soft, f"{LINKED_PROFILE}{profile.value}")


def merged_customer(project: str, customer: Node, absorbed: Node) -> Key:
    """The key of a customer that the shop made part of another one."""
    return _node_item(project, customer, f"{MERGED_CUSTOMER}{absorbed}")


def back_reference(project: str, target: Node, node: Node) -> Key:
    """The key of a reference from a node to one whose history names it, or once did."""
    return _node_item(project, target, f"{BACK_REFERENCE}{node}")


def shop_order(project: str, node: Node, number: str) -> Key:
    """The key of an order that the shop reported with this identifier."""
    return _node_item(project, node, f"{SHOP_ORDER}{number}")


def root_reference(project: str, node: Node, root: Node) -> Key:
    """The key of a reference to a root that may hold rows of this node."""
    return _node_item(project, node, f"{ROOT_REFERENCE}{root}")


def customer_identifier(project: str, root: Node, soft: Node) -> Key:
    """The key of an identifier that finds this customer."""
    return _node_item(project, root, f"{CUSTOMER_IDENTIFIER}{soft}")


def node_contribution(project: str, root: Node, node: Node) -> Key:
    """The key of a node's contribution to a root."""
    return _node_item(project, root, f"{CONTRIBUTION}{node}")


def contributed_values(project: str, root: Node, node: Node) -> Key:
    """The key of the values of a node's contribution to a root."""
    return _node_item(project, root, f"{CONTRIBUTED_VALUES}{node}")


def profile_contributions(project: str, root: Node) -> tuple[Key, str]:
    """A key before those of all profiles' contributions to a root, and the sort key behind them."""
    return node_contribution(
        project, root, Node(PROFILE, "")
    ), f"{CONTRIBUTION}{PROFILE}>"


def root_session(project: str, root: Node, session_id: str) -> Key:
    """The key of a session under a root."""
    return _node_item(project, root, f"{ROOT_SESSION}{session_id}")


def spilled_value(project: str, node: Node, name: Name) -> Key:
    """The key of a value too large to stand in its node."""
    return _node_item(project, node, f"{SPILLED_VALUE}{name[0]}/{name[1]}")


def tombstone(project: str, node: Node) -> Key:
    """The key of the time at which a node was erased: a digest, so that it does not name the node.

    Of a profile the tombstone also holds its opt-out and the seed of its successor's ID.
    """
    digest = hashlib.sha256(f"{project}/{node}".encode()).hexdigest()
    return Key("customers", f"{project}/{ERASURE}{digest}", TOMBSTONE)


def erasure_note(project: str, named: str) -> Key:
    """The key of the note which erasure a call led to: a digest, so that it names no customer.

    `named`: the identifier or session that the call named, see `Erasure`.
    """
    digest = hashlib.sha256(f"{project}/{named}".encode()).hexdigest()
    return Key("customers", f"{project}/{ERASURE}{digest}", "e")


def erasure_item(project: str, id_: str, item: str = ERASURE) -> Key:
    """The key of an erasure's receipt; with `item`, of one of its tasks (`TASKS`)."""
    return Key("customers", f"{project}/{ERASURE}/{id_}", item)


def erasure_of_partition(partition: str) -> tuple[str, str]:
    """Read project and ID of an erasure from its partition key."""
    project, rest = split_partition(partition)
    return project, rest.removeprefix(f"{ERASURE}/")


def rehoming_task(
    project: str, partition: str, rev: int, profiles: Sequence[Node]
) -> Key:
    """The key of the task to re-home some profiles after a node came to this revision.

    A `#`, so that the stream reports it. Its name is a digest, which names no customer; another
    revision or other profiles have a task of their own, so that a finished one ends no other.
    """
    named = "/".join((partition, str(rev), *map(str, profiles)))
    digest = hashlib.sha256(named.encode()).hexdigest()[:32]
    return Key("customers", f"{project}/{REHOMING_TASK}{digest}", HEAD)


def is_rehoming_task(name: str) -> bool:
    """Tell a task from a node, by what stands behind the project in a partition key."""
    return name.startswith(REHOMING_TASK)


def session_head(project: str, id_: str) -> Key:
    """The key of a session."""
    return _session_item(project, id_, HEAD)


def session_customer(project: str, session_id: str) -> Key:
    """The key of a session's copy of its customer."""
    return session_head(project, session_id)._replace(item=SESSION_CUSTOMER)


def session_event(project: str, session_id: str, time: int, id_: str) -> Key:
    """The key of an event: in order of time, then of the ID's packed form."""
    return _event_item(project, session_id, event_item(time, id_))


def event_item(time: int, id_: str) -> str:
    """The sort key of an event."""
    return first_event_item(time) + packed_keys.pack_id(id_)


def session_of_event(event: Key) -> Key:
    """The key of the session whose an event is: it names the partition of both."""
    return Key("sessions", event.partition, HEAD)


def session_partition(project: str, session_id: str) -> str:
    """The partition key of a session, which that of its events equals."""
    return f"{project}/{session_id}"


def first_event_item(time: int) -> str:
    """A sort key before every event of a time, and behind every earlier one."""
    return first_item_at(EVENT, time)


def first_item_at(kind: str, time: int) -> str:
    """A sort key before every one of a kind and a time, and behind every earlier one.

    `kind`: a prefix of sort keys in `events` that have a time.
    """
    return kind + packed_keys.pack_time(time)


def event_piece(of: Key, digest: str, number: int) -> Key:
    """The key of one piece of a large event: outside the range that a timeline reads.

    `digest`: of the whole content, so that another event of this ID and time never overwrites it.
    """
    event = of.item.removeprefix(EVENT)
    return of._replace(item=f"{EVENT_PIECE}{event}/{digest}/{number:03d}")


def order_completion(of: Key) -> Key:
    """The key of what later reports of an order add to its event."""
    return of._replace(item=ORDER_COMPLETION + of.item.removeprefix(EVENT))


def event_receipt(project: str, session_id: str, event_id: str) -> Key:
    """The key of the time that an event without one was given when its ID came first.

    A digest: it stays where a part of the session is erased, and must not tell of what is gone.
    """
    digest = hashlib.sha256(event_id.encode()).hexdigest()[:32]
    return _event_item(project, session_id, f"{EVENT_RECEIPT}{digest}")


def session_summary(project: str, session_id: str) -> Key:
    """The key of the summary of a session's events: outside the ranges that others read."""
    return _event_item(project, session_id, SESSION_SUMMARY)


def event_time(key: Key) -> int:
    """Read the time from the key of an event, of its pieces, or of a note: microseconds."""
    return packed_keys.unpack_time(key.item[_TIME_START:_TIME_END])


def event_id(key: Key) -> str:
    """Read the ID from the key of an event."""
    return packed_keys.unpack_id(key.item[_TIME_END:])


def first_call(project: str, fingerprint: str) -> Key:
    """The key of a browser's first call, under a name that no client may send for a session."""
    partition = synthetic_ids.first_call_partition(fingerprint)
    return _session_item(project, partition, "f")


def order_head(project: str, number: str) -> Key:
    """The key of an order: beside the sessions, under a name that no client may send for one."""
    return _session_item(project, synthetic_ids.order_partition(number), "o")


def order_visitor(
    project: str, number: str, profile: Node, line: str | None = None
) -> Key:
    """The key of a profile that tracked an order whose item has no room for more.

    `line`: of the order, where its client tracks each line.
    """
    item = f"{ORDER_VISITOR}{line or ''}/{profile.value}"
    return order_head(project, number)._replace(item=item)


def order_visitor_profile(key: Key) -> Node:
    """Read the profile from the key of one that tracked an order."""
    return profile_node(key.item.split("/", 2)[2])


def active_session(project: str, latest: int, session_id: str) -> Key:
    """The key of a session that may hold events up to `latest`, in the live view's index."""
    shard = crc32(session_id.encode()) % ACTIVE_SHARDS
    item = f"{first_active_item(latest)}{session_id}"
    return _session_item(project, synthetic_ids.active_partition(shard), item)


def active_partitions(project: str) -> list[str]:
    """The partitions of the index of active sessions."""
    names = map(synthetic_ids.active_partition, range(ACTIVE_SHARDS))
    return [f"{project}/{name}" for name in names]


def first_active_item(latest: int) -> str:
    """A sort key before every session that is active up to this time, and behind every other."""
    return f"{ACTIVE_SESSION}{latest:016d}/"


def active_session_id(key: Key) -> str:
    """Read the session's ID from the key of an active session."""
    return key.item.split("/", 2)[2]


def refused_call(project: str, time: int, request: str) -> Key:
    """The key of a call that was refused."""
    item = f"{first_refused_item(time)}/{request}"
    return _session_item(project, synthetic_ids.REFUSED_CALLS, item)


def first_refused_item(time: int) -> str:
    """A sort key before every refused call of a time, and behind every earlier one."""
    return first_item_at(REFUSED_CALL, time)


def call_note(project: str, session_id: str, time: int, evidence: str) -> Key:
    """The key of a note about a call."""
    item = f"{first_note_item(time)}/{evidence}"
    return _event_item(project, session_id, item)


def first_note_item(time: int) -> str:
    """A sort key before every note of a time, and behind every earlier one."""
    return first_item_at(CALL_NOTE, time)


def note_time(key: Key) -> int:
    """Read the time of a call from the key of its note: microseconds."""
    return event_time(key)


def end_of_prefix(prefix: str) -> str:
    """A sort key behind all that begin with a prefix, which ends in `/`, and before others."""
    return prefix.removesuffix("/") + "0"  # the character after the slash


def store_key(key: Key) -> dict[str, str]:
    """Return the two attributes of a key, as they are stored."""
    partition = packed_keys.pack_end(key.partition)
    return {PARTITION[key.table]: partition, SORT: key.item}


def parse_stored_key(attributes: Mapping[str, str]) -> Key:
    """Read a key from its two attributes, as a record of a stream has them.

    Raises `ValueError` for those of another table.
    """
    for table, name in PARTITION.items():
        if name in attributes:
            partition = packed_keys.unpack_end(attributes[name])
            return Key(table, partition, attributes[SORT])
    raise ValueError(f"no table of this service has the keys {sorted(attributes)}")


def hashed_partition(partition: str) -> str:
    """The name of a partition in logs: it names no customer, and is the same each time."""
    return hashlib.sha256(partition.encode()).hexdigest()[:16]


def split_partition(partition: str) -> tuple[str, str]:
    """Split a partition key into project and rest: projects hold no `/`."""
    project, _, rest = partition.partition("/")
    return project, rest


def _node_item(project: str, node: Node, item: str) -> Key:
    return Key("customers", f"{project}/{node}", item)


def _session_item(project: str, session_id: str, item: str) -> Key:
    return Key("sessions", session_partition(project, session_id), item)


def _event_item(project: str, session_id: str, item: str) -> Key:
    return Key("events", session_partition(project, session_id), item)
