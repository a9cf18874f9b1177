"""Reads and writes the summaries of sessions, which stand beside their events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from hardlink.domain.errors import Busy
from hardlink.domain.records import Item, Session
from hardlink.domain.traits.packing import (
    PackedSummary,
    pack_summary,
    unpack_summary,
)
from hardlink.domain.traits.session_summary import NEVER, SessionSummary
from hardlink.domain.values import to_json
from hardlink.storage import event_bodies, items, keys, nodes
from hardlink.storage.keys import EXPIRES
from hardlink.storage.store import AtMost, ConditionFailed, Put, Store

MOST_BYTES = 32_000
"""Of one summary: a reader may read hundreds at once. A session with a larger one has none."""


def read_with_sessions(
    store: Store, project_id: str, ids: Sequence[str], version: str
) -> dict[str, tuple[Session, SessionSummary | None]]:
    """Read sessions and their summaries, by ID; one that does not exist or was erased is left out.

    `version`: of the traits; summaries of another one are left out, as their form may differ.
    One request reads fifty of them; no IDs cost none.
    """
    heads = {id_: keys.session_head(project_id, id_) for id_ in ids}
    rows = {id_: keys.session_summary(project_id, id_) for id_ in ids}
    found = nodes.read_items(store, [*heads.values(), *rows.values()])
    sessions: dict[str, tuple[Session, SessionSummary | None]] = {}
    for id_, head in heads.items():
        if head in found:
            session = items.decode_session(head, found[head])
            if not session.is_erased:
                sessions[id_] = session, _decode(found.get(rows[id_]), version)
    return sessions


def put_summary(
    store: Store, project_id: str, session_id: str, summary: SessionSummary
) -> None:
    """Store a summary, unless a later one is there, or it is too large.

    It saves reads and nothing depends on it, so a failure is none of its caller's.
    """
    about = [summary.created, summary.until, summary.events, summary.newest]
    text = to_json([*about, *pack_summary(summary.summary)])
    body = event_bodies.compress_body(text)
    if len(body) > MOST_BYTES:
        return
    item: Item = {"read": summary.read_at, "version": summary.version, "body": body}
    # It expires with the first of its events.
    if summary.expires < NEVER:
        item[EXPIRES] = summary.expires
    key = keys.session_summary(project_id, session_id)
    with suppress(ConditionFailed, Busy):
        store.write([Put(key, item, AtMost("read", summary.read_at))])


def _decode(item: Item | None, version: str) -> SessionSummary | None:
    """Decode a summary, if there is one of this version."""
    if item is None or item["version"] != version:
        return None
    fields: list[Any] = json.loads(event_bodies.expand_body(item["body"]))
    created, until, events, newest, *packed = fields
    return SessionSummary(
        created,
        version,
        int(item["read"]),
        until,
        unpack_summary(PackedSummary(*packed)),
        events,
        newest,
        int(item.get(EXPIRES, NEVER)),
    )
