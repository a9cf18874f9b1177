"""Reads sessions by their IDs."""

from __future__ import annotations

from collections.abc import Sequence

from hardlink.domain.errors import NotFound
from hardlink.domain.records import Session
from hardlink.storage import items, keys, nodes
from hardlink.storage.store import Patch, Same, Store

ERASED_SESSION = "this session was erased"


def read_session(store: Store, project_id: str, id_: str) -> Session:
    """Read a session of a project. Raises `NotFound` where it does not exist or was erased.

    The error says which of both, because only the first may be a mistake of the caller.
    """
    session = find_session(store, project_id, id_)
    if session is None:
        raise NotFound("there is no such session")
    if session.is_erased:
        raise NotFound(ERASED_SESSION)
    return session


def find_session(store: Store, project_id: str, id_: str) -> Session | None:
    """Read a session if it exists, also one that was erased: it says until when.

    The read is consistent, so that an opt-out that was answered holds.
    """
    key = keys.session_head(project_id, id_)
    item = store.get([key])[0]
    if item is None:
        return None
    return items.decode_session(key, item)


def find_living_session(store: Store, project_id: str, id_: str) -> Session | None:
    """Read a session if it exists and was not erased.

    For callers to whom a session that was erased is one that never was.
    """
    session = find_session(store, project_id, id_)
    if session is None or session.is_erased:
        return None
    return session


def find_sessions(store: Store, project_id: str, ids: Sequence[str]) -> list[Session]:
    """Read those sessions that exist, also those that were erased, in the order of the IDs.

    One request reads a hundred of them; no IDs cost none.
    """
    heads = [keys.session_head(project_id, id_) for id_ in ids]
    found = nodes.read_items(store, heads)
    return [items.decode_session(key, item) for key, item in found.items()]


def consent_patch(project_id: str, session: Session, *, denied: bool) -> Patch:
    """Make the action that writes a session's copy of the consent, if it was not erased."""
    key = keys.session_head(project_id, session.id)
    same = Same("profile", session.profile.value)
    if denied:
        return Patch(key, {"denied": True}, same)
    return Patch(key, {}, same, remove=("denied",))
