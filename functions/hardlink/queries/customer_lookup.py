"""Find the customer behind an identifier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from hardlink.domain.changeset import MOST_MERGES
from hardlink.domain.errors import UNKNOWN_IDENTIFIER, NotFound
from hardlink.domain.graph import NOBODY, Node, is_own_customer, next_node
from hardlink.domain.records import SessionRow
from hardlink.queries.customer import Customer
from hardlink.storage import items, keys, nodes
from hardlink.storage.sessions import find_sessions
from hardlink.storage.store import Store

_MOST_HOPS = 3 + MOST_MERGES
"""Levels of the identity forest: profile, soft identifier, hard identifier, and merges."""


def find_customer(
    store: Store,
    project_id: str,
    identifier: Node,
    *,
    itself: bool = False,
    with_values: bool = False,
) -> Customer:
    """Find the customer of an identifier, or an anonymous profile. Raises `NotFound`.

    `itself`: the one known by the identifier alone, also where another customer has it by now.
    `with_values`: read the contributed values in the same request, for callers that show them.
    """
    find = partial(_read_customer, store, project_id, with_values=with_values)
    node = identifier
    is_shared = False
    for hop in range(_MOST_HOPS):
        customer = find(node)
        is_named = hop == 0 and not itself
        target = next_node(customer.record.state, is_named=is_named)
        # Answered like one that is erased already: nothing of it is shown any more.
        if target == NOBODY or customer.record.erasing_since:
            break
        if target is None:
            customer = _complete_customer(store, customer, find)
            return replace(customer, is_shared=is_shared)
        is_shared |= is_own_customer(customer.record.state)
        node = target
    raise NotFound(UNKNOWN_IDENTIFIER)


def _complete_customer(
    store: Store, customer: Customer, find: Callable[[Node], Customer]
) -> Customer:
    """Add what stands in other partitions. Raises `NotFound` where it is no customer.

    `find`: the customer of a node.
    """
    project_id = customer.project_id
    if customer.record.state.known:
        return with_merged(customer, find).with_all_identifiers(store)
    if customer.is_anonymous:
        sessions = _profile_sessions(store, project_id, customer.root)
        return replace(customer, sessions=tuple(sessions))
    raise NotFound(UNKNOWN_IDENTIFIER)


def with_merged(
    customer: Customer, find: Callable[[Node], Customer | None]
) -> Customer:
    """Add to a customer those that the shop merged into it, with those merged into them.

    `find`: the customer of a node. One that is being erased is left out.
    """
    for node in customer.merged:
        absorbed = find(node)
        if absorbed and not absorbed.record.erasing_since:
            customer = customer.absorb(with_merged(absorbed, find))
    return customer


def _read_customer(
    store: Store, project_id: str, node: Node, *, with_values: bool
) -> Customer:
    partition = keys.node_head(project_id, node).partition
    last = keys.CONTRIBUTED_VALUES if with_values else keys.ROOT_SESSION
    rows = store.scan("customers", partition, keys.HEAD, keys.end_of_prefix(last))
    return Customer.from_items(project_id, node, rows, has_values=with_values)


def _profile_sessions(store: Store, project_id: str, profile: Node) -> list[SessionRow]:
    """Read the sessions of a profile that is linked to no customer.

    An erased session may have been opened anew by another visitor: then it is not listed.
    """
    ids = nodes.read_session_ids(store, project_id, profile)
    found = find_sessions(store, project_id, ids)
    own = [session for session in found if session.profile == profile]
    return list(map(items.session_row, own))
