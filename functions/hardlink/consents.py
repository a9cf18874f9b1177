"""Opting out and in: who denied tracking is not tracked on any session of the profile, from the answer on (I9)."""

from __future__ import annotations

from hardlink import forest, layout, values
from hardlink.call import Call
from hardlink.commands import TRACKING
from hardlink.contention import attempts
from hardlink.errors import Busy
from hardlink.layout import Session
from hardlink.links import BEING_ERASED
from hardlink.nodes import Node
from hardlink.port import Action, Check, ConditionFailed, Patch, Present, Put, Rev, Store


class Consents:
    """Writes the consent of a profile, then of each of its sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def set(self, call: Call, session: Session, *, denied: bool) -> None:
        """Hold from the moment this returns.

        The profile comes first: a session that is opened meanwhile copies its consent from there, or fails and
        reads again; one that was opened before is found among the profile's sessions.
        """
        for _ in attempts():
            try:
                rev = self._set_profile(call, session.profile, denied=denied)
                self._set_sessions(call, session.profile, rev, denied=denied)
            except ConditionFailed:
                continue
            return

    def _set_profile(self, call: Call, profile: Node, *, denied: bool) -> int:
        """Writes the profile if it says something else, and answers its `rev`. Raises `ConditionFailed`."""
        record = forest.records(self._store, call.space, [profile])[profile]
        if not record.is_there:
            raise Busy(BEING_ERASED)
        told = values.said("consents", {TRACKING: "denied" if denied else "granted"}, call.now)
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
            [Put(layout.head(call.space, profile), layout.write_record(fresh), Rev(rev - 1))]
        )
        return rev

    def _set_sessions(self, call: Call, profile: Node, rev: int, *, denied: bool) -> None:
        """Writes the sessions that say something else, as long as the profile stays. Raises `ConditionFailed`."""
        unchanged = Check(layout.head(call.space, profile), Rev(rev))
        members = forest.rows(self._store, call.space, profile, "m/")
        keys = [layout.session(call.space, name.removeprefix("m/")) for name, _ in members]
        for key, item in zip(keys, self._store.get(keys), strict=True):
            if item and "gone" not in item and bool(item.get("denied", False)) != denied:
                self._store.write([unchanged, _consent(key, denied=denied)])


def _consent(key: layout.Key, *, denied: bool) -> Action:
    return (
        Patch(key, {"denied": True}, Present())
        if denied
        else Patch(key, {}, Present(), remove=("denied",))
    )
