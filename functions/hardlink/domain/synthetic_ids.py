"""IDs that the service makes up, and that no client may send: they begin with `@`.

`@registered=gordon` is the session of a customer, for events that happened on no device. `@web` is
the session of the source `web`, for events without any visitor. Their profiles begin with `@` as
well. The rows of orders, the index of active sessions and the calls that were refused lie in
partitions of such names, so no client's session ever shares one.
"""

from __future__ import annotations

from hardlink.domain.graph import Node

PREFIX = "@"
REFUSED_CALLS = f"{PREFIX}=refused"


def is_synthetic(id_: str) -> bool:
    """Tell whether a session, or a profile, is one that the service made up.

    `parse_session_id` refuses such IDs of clients.
    """
    return id_.startswith(PREFIX)


def customer_session(customer: Node) -> str:
    """The ID of a customer's own session."""
    return f"{PREFIX}{customer}"


def session_customer(session_id: str) -> Node:
    """The customer whose own session has an ID that `customer_session` made."""
    return Node.parse(session_id.removeprefix(PREFIX))


def active_partition(shard: int) -> str:
    """The name under which a part of the index of active sessions lies among the sessions."""
    return f"{PREFIX}=recent/{shard}"


def first_call_partition(fingerprint: str) -> str:
    """The name under which a browser's first call is remembered among the sessions."""
    return f"{PREFIX}=first/{fingerprint}"


def source_session(source: str) -> str:
    """The ID of a source's own session."""
    return f"{PREFIX}{source}"


def order_partition(number: str) -> str:
    """The name under which an order's rows lie among the sessions."""
    return f"{PREFIX}order={number}"


def order_number(partition: str) -> str:
    """The number of the order whose rows lie under a name that `order_partition` made.

    A number may hold `=` itself.
    """
    return partition.partition("=")[2]


def profile_id_like(session_id: str, random_id: str) -> str:
    """The ID of a new profile: a synthetic session's is synthetic as well.

    `random_id`: that cannot be guessed, as whoever knows a profile may join it.
    """
    if is_synthetic(session_id):
        return f"{PREFIX}{random_id}"
    return random_id
