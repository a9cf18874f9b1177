"""Read sessions as readers may see them: without what is being erased just now.

An erasure begins with one customer. That what this customer did on shared devices goes as well is
found by the links, until the queue has carried it there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from hardlink.domain.erasure.redaction import join_parts
from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Entry, Node, fold_spans, newest_root
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
    spans = fold_spans(nodes.read_history(store, project_id, session.profile))
    erasing = find_erasing(store, project_id, {span.target for span in spans})
    lost = [span for span in spans if span.target in erasing]
    if newest_root(spans) and len(lost) == len(spans):
        return None  # nobody else had this device
    parts = tuple(Erased(span.start, span.end, END) for span in lost)
    customer = None if session.customer in erasing else session.customer
    return session._replace(
        erased=join_parts(join_parts(session.erased, record.erased), parts),
        customer=customer,
    )


def find_erasing(store: Store, project_id: str, targets: Collection[Node]) -> set[Node]:
    """Find those of these nodes that are being erased, or lead to a customer who is."""
    records = nodes.read_records(store, project_id, targets)
    erased_roots = nodes.find_erased(store, project_id, _list_links(records.values()))
    erasing: set[Node] = set()
    for node, record in records.items():
        if not record.exists or record.state.link in erased_roots:
            erasing.add(node)
    return erasing


def _list_links(records: Iterable[Record]) -> list[Node]:
    """List the nodes that some nodes are linked to."""
    return [record.state.link for record in records if record.state.link]


def without_entries_of_erasing(
    store: Store, project_id: str, entries: Sequence[tuple[Node, Entry]]
) -> list[tuple[Node, Entry]]:
    """Leave out the entries of link histories that name a node which is being erased."""
    named: set[Node] = set()
    for _, entry in entries:
        named |= entry.targets
    erasing = nodes.find_erased(store, project_id, named)
    return [one for one in entries if erasing.isdisjoint(one[1].targets)]
