"""Find the customer behind an identifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hardlink.domain.changeset import MOST_MERGES
from hardlink.domain.errors import UNKNOWN_IDENTIFIER, NotFound
from hardlink.domain.graph import NOBODY, PROFILE, Node, next_node
from hardlink.domain.records import SessionRow
from hardlink.queries.customer import Customer
from hardlink.storage import items, keys, nodes
from hardlink.storage.sessions import find_sessions
from hardlink.storage.store import Store

_MOST_HOPS = 3 + MOST_MERGES
"""Levels of the identity forest: profile, soft identifier, hard identifier, and merges."""


def find_customer(store: Store, project_id: str, identifier: Node) -> Customer:
    """Find the customer of an identifier, or an anonymous profile. Raises `NotFound`."""
    node = identifier
    for hop in range(_MOST_HOPS):
        customer = _read_customer(store, project_id, node)
        state = customer.record.state
        # Answered like one that is erased already: nothing of it is shown any more.
        if customer.record.erasing_since:
            break
        target = next_node(state, is_named=hop == 0)
        if target == NOBODY:
            break
        if target:
            node = target
        elif state.known:
            return _with_merged(store, customer)
        elif node.type == PROFILE and state.rev:
            return replace(
                customer, sessions=tuple(_profile_sessions(store, project_id, node))
            )
        else:
            break
    raise NotFound(UNKNOWN_IDENTIFIER)


def _with_merged(store: Store, customer: Customer) -> Customer:
    """Add the customers that the shop merged into this one."""
    for node in customer.merged:
        absorbed = _read_customer(store, customer.project_id, node)
        if not absorbed.record.erasing_since:
            customer = customer.absorb(_with_merged(store, absorbed))
    return customer


def _read_customer(store: Store, project_id: str, node: Node) -> Customer:
    partition = keys.node_head(project_id, node).partition
    rows = store.scan(
        "customers", partition, keys.HEAD, keys.end_of_prefix(keys.ROOT_SESSION)
    )
    return Customer.from_items(project_id, node, rows)


def _profile_sessions(
    store: Store, project_id: str, profile: Node
) -> Iterator[SessionRow]:
    """Read the sessions of a profile that is linked to no customer."""
    ids = nodes.read_session_ids(store, project_id, profile)
    for session in find_sessions(store, project_id, ids):
        if session.profile == profile:
            yield items.session_row(session)
