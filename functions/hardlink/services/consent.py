"""Opting out and in: who denied tracking is not tracked on any session of the profile, from the answer on (I9)."""

from __future__ import annotations

from hardlink.domain import records, values
from hardlink.domain.call import Call
from hardlink.domain.commands import TRACKING
from hardlink.domain.errors import Busy
from hardlink.domain.graph import Node
from hardlink.domain.records import Session
from hardlink.services.links import BEING_ERASED
from hardlink.storage import items, keys, nodes
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.store import Action, Check, ConditionFailed, Patch, Present, Put, Rev, Store


class Consents:
    """Writes the consent of a profile, then of each of its sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def set(self, call: Call, session: Session, *, denied: bool) -> None:
        """Hold from the moment this returns.

        The profile comes first: a session that is opened meanwhile copies its consent from there, or fails and
        reads again; one that was opened before is found among the profile's sessions.
        """
        for _ in optimistic_retries():
            try:
                rev = self._set_profile(call, session.profile, denied=denied)
                self._set_sessions(call, session.profile, rev, denied=denied)
            except ConditionFailed:
                continue
            return

    def _set_profile(self, call: Call, profile: Node, *, denied: bool) -> int:
        """Writes the profile if it says something else, and answers its `rev`. Raises `ConditionFailed`."""
        record = nodes.read_records(self._store, call.project_id, [profile])[profile]
        if not record.exists:
            raise Busy(BEING_ERASED)
        told = values.with_timestamp(
            "consents", {TRACKING: "denied" if denied else "granted"}, call.now
        )
        before = record.values.get(("consents", TRACKING))
        if record.denied == denied and before and before.json == told["consents", TRACKING].json:
            return record.state.rev
        rev = record.state.rev + 1
        fresh = record._replace(
            denied=denied,
            values={**record.values, **told},
            state=record.state._replace(rev=rev),
        )
        self._store.write(
            [
                Put(
                    keys.node_head(call.project_id, profile),
                    items.encode_record(fresh),
                    Rev(rev - 1),
                )
            ]
        )
        return rev

    def _set_sessions(self, call: Call, profile: Node, rev: int, *, denied: bool) -> None:
        """Writes the sessions that say something else, as long as the profile stays. Raises `ConditionFailed`."""
        unchanged = Check(keys.node_head(call.project_id, profile), Rev(rev))
        members = nodes.read_rows(self._store, call.project_id, profile, "m/")
        item_keys = [
            keys.session_head(call.project_id, name.removeprefix("m/")) for name, _ in members
        ]
        for key, item in zip(item_keys, self._store.get(item_keys), strict=True):
            if item and "erased_at" not in item and bool(item.get("denied", False)) != denied:
                self._store.write([unchanged, _consent(key, denied=denied)])


def _consent(key: records.Key, *, denied: bool) -> Action:
    return (
        Patch(key, {"denied": True}, Present())
        if denied
        else Patch(key, {}, Present(), remove=("denied",))
    )
