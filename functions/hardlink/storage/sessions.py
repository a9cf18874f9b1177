"""Reads sessions by their IDs."""

from __future__ import annotations

from collections.abc import Sequence

from hardlink.domain.errors import NotFound
from hardlink.domain.records import Session
from hardlink.storage import items, keys, nodes
from hardlink.storage.store import Store

ERASED_SESSION = "this session was erased"


def read_session(store: Store, project_id: str, id_: str) -> Session:
    """Read a session of a project. Raises `NotFound` where it does not exist or was erased."""
    session = find_session(store, project_id, id_)
    if session is None:
        raise NotFound("there is no such session")
    if session.is_erased:
        raise NotFound(ERASED_SESSION)
    return session


def find_session(store: Store, project_id: str, id_: str) -> Session | None:
    """Read a session if it exists, also one that was erased."""
    key = keys.session_head(project_id, id_)
    item = store.get([key])[0]
    return items.decode_session(key, item) if item else None


def find_living_session(store: Store, project_id: str, id_: str) -> Session | None:
    """Read a session if it exists and was not erased."""
    session = find_session(store, project_id, id_)
    return None if session is None or session.is_erased else session


def find_sessions(store: Store, project_id: str, ids: Sequence[str]) -> list[Session]:
    """Read those sessions that exist, also those that were erased."""
    found = nodes.read_items(store, [keys.session_head(project_id, id_) for id_ in ids])
    return [items.decode_session(key, item) for key, item in found.items()]
