"""Read a session by its ID."""

from __future__ import annotations

from hardlink.domain.errors import NotFound
from hardlink.domain.records import Session
from hardlink.storage import items, keys
from hardlink.storage.store import Store


def read_session(store: Store, project_id: str, id_: str) -> Session:
    """Read a session of a project. Raises `NotFound` where it does not exist or was erased."""
    key = keys.session_head(project_id, id_)
    item = store.get([key])[0]
    if item is None:
        raise NotFound("there is no such session")
    session = items.decode_session(key, item)
    if session.is_erased:
        raise NotFound("this session was erased")
    return session
