"""The documents that are forwarded: JSON of every stored event and every link, one line each. Pure.

Both have `kind`, `project` and `key`. A document is forwarded at least once, with the same key each
time: keep one.

`event`: `session`, `profile`, `customer` (as far as association came, or null), and the event as
its timeline has it: `id`, `type`, `time`, `received`, `source`, `properties`, `context`, ...
`omitted` names what had no room. `link`: `node` is linked to `link` (null: to no customer) since
`said`, by `rule`, at `at`, of `evidence`; a link that was undone is forwarded again, with `undone`.
Times are ISO 8601, nodes are `type=value`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hardlink.domain.events import StoredEvent
from hardlink.domain.graph import NOBODY, Entry, Node
from hardlink.domain.records import Key, Session
from hardlink.domain.times import to_iso
from hardlink.domain.values import to_json
from hardlink.storage.keys import split_partition

MOST_BYTES = 1_000_000
"""Of a line: Firehose takes 1,000 KiB."""
_LARGE = ("properties", "context")


def write_event(
    key: Key, session: Session, customer: Node | None, event: StoredEvent
) -> dict[str, Any]:
    """Write the document of a stored event.

    `customer` is the one of now, as far as association has come; `null` while the visitor is
    anonymous.
    """
    return {
        "kind": "event",
        "project": split_partition(key.partition)[0],
        "key": f"{key.partition}/{event.time}/{event.id}",
        "customer": customer._asdict() if customer else None,
        **event.as_json(session.id, session.profile.value),
    }


def write_link(key: Key, entry: Entry) -> dict[str, Any]:
    """Write the document of an entry of a node's link history.

    An entry that was undone has a `key` of its own, so that both stay where lines are deduplicated.
    """
    project, node = split_partition(key.partition)
    document = {
        "kind": "link",
        "project": project,
        "key": f"{key.partition}/{entry.rev}",
        "node": node,
        "link": _node_text(entry.link),
        "owner": _node_text(entry.owner),
        "begins": entry.starts_span,
        "rule": entry.rule,
        "evidence": entry.evidence,
        "at": to_iso(entry.at),
        "said": to_iso(entry.effective_at),
        "source": entry.source,
    }
    # An entry never changes, but for being undone.
    if not entry.undone:
        return document
    return {
        **document,
        "key": f"{document['key']}/undone",
        "undone": to_iso(entry.undone),
    }


def _node_text(node: Node | None) -> str | None:
    """Write a node as `type=value`; null for no customer, and for one who was erased."""
    if node in (None, NOBODY):
        return None
    return str(node)


def write_line(document: Mapping[str, Any]) -> bytes:
    """Write a document as a line; one that is too long goes without its largest parts.

    `omitted` names these. The whole event stays in the tables.
    """
    whole = f"{to_json(document)}\n".encode()
    if len(whole) <= MOST_BYTES:
        return whole
    # The type, the time and the customer still say what happened.
    kept = {name: value for name, value in document.items() if name not in _LARGE}
    return f"{to_json({**kept, 'omitted': list(_LARGE)})}\n".encode()
