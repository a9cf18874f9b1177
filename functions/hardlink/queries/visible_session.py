"""Read sessions as readers may see them: without what is being erased just now.

An erasure begins with one customer. That what this customer did on shared devices goes as well is
found by the links, until the queue has carried it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hardlink.domain.erasure.redaction import join_parts
from hardlink.domain.errors import NotFound
from hardlink.domain.graph import Entry, Node, fold_spans, newest_root
from hardlink.domain.records import Erased, Record, Session
from hardlink.domain.times import END
from hardlink.storage import nodes
from hardlink.storage.sessions import ERASED_SESSION, read_session
from hardlink.storage.store import Store


class VisibleSession(NamedTuple):
    """A session that knows what of it is being erased. `customer`: of its next event, if known."""

    session: Session
    customer: Node | None = None


def read_visible_session(store: Store, project_id: str, id_: str) -> VisibleSession:
    """Read a session of a project. Raises `NotFound` where it does not exist, or goes just now."""
    session = read_session(store, project_id, id_)
    visible = without_erasing(store, project_id, session)
    if visible is None:
        raise NotFound(ERASED_SESSION)
    return visible


def without_erasing(
    store: Store, project_id: str, session: Session
) -> VisibleSession | None:
    """Add to a session what of it is being erased; `None` where all of it is.

    The customer is found by the links, and so no later than they are: a session keeps no copy of
    it. Costs one request more than an anonymous visitor's, and two where the visitor is linked.
    """
    record = nodes.read_record(store, project_id, session.profile)
    if not record.exists:
        return None
    if not record.state.links:
        return VisibleSession(session)
    spans = fold_spans(nodes.read_history(store, project_id, session.profile))
    roots = find_roots(store, project_id, [span.target for span in spans])
    lost = [span for span in spans if roots[span.target] is None]
    target = newest_root(spans)
    if target and len(lost) == len(spans):
        return None  # nobody else had this device
    parts = tuple(Erased(span.start, span.end, END) for span in lost)
    erased = join_parts(join_parts(session.erased, record.erased), parts)
    customer = roots[target] if target else None
    return VisibleSession(session._replace(erased=erased), customer)


def find_roots(
    store: Store, project_id: str, starts: Iterable[Node]
) -> dict[Node, Node | None]:
    """Find the customer that each node leads to; `None` where one on the way is being erased.

    Costs a request for each level of the forest, however many nodes there are.
    """
    reached: dict[Node, Node | None] = {node: node for node in starts}
    records: dict[Node, Record] = {}
    while unread := set(filter(None, reached.values())) - records.keys():
        records |= nodes.read_records(store, project_id, sorted(unread))
        for start, node in reached.items():
            reached[start] = _follow_links(records, node)
    return reached


def _follow_links(records: Mapping[Node, Record], node: Node | None) -> Node | None:
    """Follow links as far as nodes were read; `None` where one of them is being erased."""
    while node is not None and node in records:
        record = records[node]
        if not record.exists:
            return None
        if record.state.link is None:
            return node
        node = record.state.link
    return node


def without_entries_of_erasing(
    store: Store, project_id: str, entries: Sequence[tuple[Node, Entry]]
) -> list[tuple[Node, Entry]]:
    """Leave out the entries of link histories that name a node which is being erased."""
    named: set[Node] = set()
    for _, entry in entries:
        named |= entry.targets
    erasing = nodes.find_erased(store, project_id, named)
    return [one for one in entries if erasing.isdisjoint(one[1].targets)]
