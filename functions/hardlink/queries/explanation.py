"""Explain which customer a session or an identifier belongs to, link by link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap
from typing import Any, NamedTuple

from hardlink.domain.errors import UNKNOWN_IDENTIFIER, NotFound
from hardlink.domain.graph import (
    Entry,
    Node,
    current_owner,
    existing,
    fold_spans,
    newest_root,
)
from hardlink.domain.records import Session
from hardlink.domain.times import to_iso
from hardlink.queries.visible_session import (
    find_roots,
    without_entries_of_erasing,
)
from hardlink.storage import nodes
from hardlink.storage.store import Store


class NodeEntry(NamedTuple):
    """An entry of a node's link history, with the node."""

    node: Node
    entry: Entry


def explain_session(store: Store, project_id: str, session: Session) -> dict[str, Any]:
    """Answer `GET /sessions/{id}`: the session's customer and all links behind it, newest first.

    Links that were undone or replaced are listed as well.
    """
    histories = _read_histories(store, project_id, session.profile)
    root = _follow(histories, session.profile)
    if root:
        root = find_roots(store, project_id, [root])[root]
    entries = [one for history in histories.values() for one in history]
    shown = filter(_is_shown, _visible_entries(store, project_id, entries))
    return {
        "session": {"id": session.id},
        "profile": {"id": session.profile.value},
        "customer": root._asdict() if root else None,
        "why": list(map(_explain_entry, shown)),
    }


def explain_identifier(store: Store, project_id: str, node: Node) -> dict[str, Any]:
    """Answer `GET /customers/why`: which customer an identifier finds, and each change of that.

    Raises `NotFound` where no call named the identifier.
    """
    read = _read_entries(store, project_id, node)
    entries = _visible_entries(store, project_id, read)
    if not entries:
        raise NotFound(UNKNOWN_IDENTIFIER)
    finds = existing(current_owner(one.entry for one in entries))
    return {
        "identifier": node._asdict(),
        "finds": finds._asdict() if finds else None,
        "why": [
            {**_explain_entry(one), "finds": _shown_node(one.entry.owner)}
            for one in entries
        ],
    }


def _visible_entries(
    store: Store, project_id: str, entries: Sequence[NodeEntry]
) -> list[NodeEntry]:
    """Sort entries, the newest first, without those that name a node which is being erased."""
    visible = without_entries_of_erasing(store, project_id, entries)
    return sorted(starmap(NodeEntry, visible), key=_write_order, reverse=True)


def _is_shown(one: NodeEntry) -> bool:
    """Tell whether a session's explanation shows an entry: it does links to customers."""
    return existing(one.entry.link) is not None


def _shown_node(node: Node | None) -> str | None:
    """Format a node as answers name it: no node, and an erased one, as null."""
    shown = existing(node)
    return str(shown) if shown else None


def describe_entry(node: Node, entry: Entry) -> dict[str, Any]:
    """Describe an entry of a link history as every answer shows it.

    `said`: event time from which it holds. `at`: when it was written. Both are ISO 8601.
    """
    return {
        "from": str(node),
        "to": _shown_node(entry.link),
        "rule": entry.rule,
        "said": to_iso(entry.effective_at),
        "at": to_iso(entry.at),
        "evidence": entry.evidence,
        "source": entry.source,
        "undone": to_iso(entry.undone) if entry.undone else None,
    }


def _explain_entry(one: NodeEntry) -> dict[str, Any]:
    """Describe an entry; `since` is the time from which it begins a span."""
    since = to_iso(one.entry.effective_at) if one.entry.starts_span else None
    return {**describe_entry(one.node, one.entry), "since": since}


def _read_entries(store: Store, project_id: str, node: Node) -> list[NodeEntry]:
    """Read the link history of a node, each entry with the node."""
    history = nodes.read_history(store, project_id, node)
    return [NodeEntry(node, entry) for entry in history]


def _read_histories(
    store: Store, project_id: str, profile: Node
) -> dict[Node, list[NodeEntry]]:
    """Read the histories of a profile and of every node that it ever led to.

    Also of the targets of undone links, because they explain what was so for a time.
    """
    histories: dict[Node, list[NodeEntry]] = {}
    unread = [profile]
    for node in unread:  # a soft identifier leads to a customer, a merge to another one
        if node not in histories:
            histories[node] = _read_entries(store, project_id, node)
            unread += _list_targets(histories[node])
    return histories


def _follow(histories: Mapping[Node, Sequence[NodeEntry]], node: Node) -> Node | None:
    """Follow the current links from a node to their end; `None` where it has none."""
    root: Node | None = None
    for (
        _
    ) in histories:  # never more: links that change meanwhile could read as a circle
        target = _current_target(histories[root or node])
        if target is None:
            break
        root = target
    return root


def _current_target(history: Iterable[NodeEntry]) -> Node | None:
    """Find the node to which the next event belongs."""
    return newest_root(fold_spans(entry for _, entry in history))


def _list_targets(history: Iterable[NodeEntry]) -> list[Node]:
    """List the nodes that a node was ever linked to, each once."""
    links = (existing(one.entry.link) for one in history)
    return list(dict.fromkeys(filter(None, links)))


def _write_order(one: NodeEntry) -> tuple[int, int]:
    return one.entry.at, one.entry.rev
