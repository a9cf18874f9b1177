"""Read sessions as readers may see them: without what is being erased just now.

An erasure begins with one customer. That what this customer did on shared devices goes as well is
found by the links, until the queue has carried it there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hardlink.domain.erasure.redaction import join_parts
from hardlink.domain.errors import NotFound
from hardlink.domain.graph import NOBODY, Entry, Node, fold_spans, newest_root
from hardlink.domain.records import Erased, Record, Session
from hardlink.domain.times import END
from hardlink.storage import nodes
from hardlink.storage.sessions import ERASED_SESSION, read_session
from hardlink.storage.store import Store


def read_visible_session(store: Store, project_id: str, id_: str) -> Session:
    """Read a session of a project. Raises `NotFound` where it does not exist, or goes just now."""
    session = read_session(store, project_id, id_)
    visible = without_erasing(store, project_id, session)
    if visible is None:
        raise NotFound(ERASED_SESSION)
    return visible


def without_erasing(store: Store, project_id: str, session: Session) -> Session | None:
    """Add to a session what of it is being erased; `None` where all of it is.

    Costs one request more than an anonymous visitor's, and two where the visitor is linked.
    """
    record = nodes.read_record(store, project_id, session.profile)
    if not record.exists:
        return None
    if not record.state.links:
        return session
    history = nodes.read_history(store, project_id, session.profile)
    spans = fold_spans(history)
    gone = find_erasing(store, project_id, {span.target for span in spans})
    if spans and newest_root(spans) and all(span.target in gone for span in spans):
        return None  # nobody else had this device
    going = tuple(
        Erased(span.start, span.end, END) for span in spans if span.target in gone
    )
    erased = join_parts(join_parts(session.erased, record.erased), going)
    customer = None if session.customer in gone else session.customer
    return session._replace(erased=erased, customer=customer)


def find_erasing(store: Store, project_id: str, targets: Collection[Node]) -> set[Node]:
    """Find those of these nodes that are being erased, or lead to a customer who is."""
    records = nodes.read_records(store, project_id, targets)
    further = {node: record.state.link for node, record in records.items()}
    roots = nodes.read_records(
        store, project_id, [root for root in further.values() if root]
    )
    return {node for node in records if _is_erasing(records, roots, node)}


def _is_erasing(
    records: Mapping[Node, Record], roots: Mapping[Node, Record], node: Node
) -> bool:
    root = records[node].state.link
    return not records[node].exists or bool(root and not roots[root].exists)


def without_entries_of_erasing(
    store: Store, project_id: str, entries: Sequence[tuple[Node, Entry]]
) -> list[tuple[Node, Entry]]:
    """Leave out the entries of link histories that name a node which is being erased."""
    named = {
        target
        for _, entry in entries
        for target in (entry.link, entry.owner)
        if target and target != NOBODY
    }
    records = nodes.read_records(store, project_id, named)
    gone = {node for node, record in records.items() if not record.exists}
    return [
        (node, entry)
        for node, entry in entries
        if entry.link not in gone and entry.owner not in gone
    ]
