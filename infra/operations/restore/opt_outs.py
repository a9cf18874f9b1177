"""Carries opt-outs over to restored tables: who opted out since the time of the backup stays so.

An opt-out is a promise, as an erasure is. It is read in the tables that were restored from: in
profiles, and in what is left of those that were erased. Who opted in since has to do so again:
nobody is tracked against their will.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from hardlink.domain.commands import TRACKING
from hardlink.domain.graph import PROFILE, Node
from hardlink.domain.records import Item, Key, Record, Session
from hardlink.domain.values import Name
from hardlink.storage import activity, items, keys, nodes
from hardlink.storage.retries import retry_conflicts
from hardlink.storage.sessions import consent_patch, find_sessions
from hardlink.storage.store import (
    Absent,
    Check,
    ConditionFailed,
    Put,
    Rev,
    Store,
)

_CONSENT: Name = ("consents", TRACKING)


class OptedOut(NamedTuple):
    """A visitor who opted out. `record`: the profile as it was before the restore."""

    project_id: str
    profile: Node
    record: Record

    @property
    def head(self) -> Key:
        """The key of the profile."""
        return keys.node_head(self.project_id, self.profile)


def deny_again(old: Store, restored: Store) -> int:
    """Opt every visitor out who opted out in the old tables; return how many were not yet.

    Their sessions come along, as a client may name nothing else. It may be repeated: a consent that
    came later stays.
    """
    count = 0
    for visitor in _read_opted_out(old):
        count += _deny_profile(restored, visitor)
        _deny_sessions(old, restored, visitor)
    return count


def keep_erased(old: Store, restored: Store) -> None:
    """Keep what is left of visitors who opted out and were erased, where there is nothing of them.

    It names nobody: their tombstones, and the ends of their sessions.
    """
    for key, item in _read_erased(old):
        with suppress(ConditionFailed):  # erased again, or somebody came anew
            restored.write([Put(key, item, Absent())])


def _read_opted_out(store: Store) -> Iterator[OptedOut]:
    """Read the visitors who opted out, of all projects."""
    for page in store.scan_all("customers", "", [keys.HEAD]):
        for key, item in page:
            project_id, name = keys.split_partition(key.partition)
            if key.item == keys.HEAD and name.startswith(f"{PROFILE}="):
                record = items.decode_record(item)
                if record.denied and record.exists:
                    yield OptedOut(project_id, Node.parse(name), record)


def _read_erased(store: Store) -> Iterator[tuple[Key, Item]]:
    """Read what says of somebody who was erased that they had opted out."""
    for page in store.scan_all("customers", "", [keys.TOMBSTONE]):
        for key, item in page:
            if key.item == keys.TOMBSTONE and "denied" in item:
                yield key, item
    for page in store.scan_all("sessions", "", [keys.HEAD]):
        for key, item in page:
            if "erased_at" in item and "denied" in item:
                yield key, item


@retry_conflicts
def _deny_profile(restored: Store, visitor: OptedOut) -> bool:
    """Write an opt-out into a profile, which is made where it came later; tell whether it was."""
    record = nodes.read_record(restored, visitor.project_id, visitor.profile)
    if record.erasing_since or record.denied or not _is_newer(visitor, record):
        return False
    values = dict(record.values)
    if _CONSENT in visitor.record.values:
        values[_CONSENT] = visitor.record.values[_CONSENT]
    denied = record._replace(
        denied=True,
        created=record.created or visitor.record.created,
        values=values,
        state=record.state._replace(rev=record.state.rev + 1),
    )
    unchanged = Rev(record.state.rev)
    restored.write([Put(visitor.head, items.encode_record(denied), unchanged)])
    return True


def _is_newer(visitor: OptedOut, restored: Record) -> bool:
    """Tell whether no consent came after the opt-out, in the tables that were restored."""
    opt_out = visitor.record.values.get(_CONSENT)
    consent = restored.values.get(_CONSENT)
    return consent is None or (opt_out is not None and opt_out.newer_than(consent))


@retry_conflicts
def _deny_sessions(old: Store, restored: Store, visitor: OptedOut) -> None:
    """Write the opt-out into the visitor's sessions; make those that came later."""
    project_id, profile = visitor.project_id, visitor.profile
    record = nodes.read_record(restored, project_id, profile)
    if not (record.denied and record.exists):
        return
    unchanged = Check(visitor.head, Rev(record.state.rev))
    for session in _read_missing_sessions(old, restored, visitor):
        _make_session(restored, project_id, session._replace(denied=True), unchanged)
    ids = nodes.read_session_ids(restored, project_id, profile)
    for session in find_sessions(restored, project_id, ids):
        if session.profile == profile and not session.denied:
            patch = consent_patch(project_id, session, denied=True)
            restored.write([unchanged, patch])


def _read_missing_sessions(
    old: Store, restored: Store, visitor: OptedOut
) -> Iterator[Session]:
    """Read the sessions of a visitor that came after the time that was restored."""
    ids = nodes.read_session_ids(old, visitor.project_id, visitor.profile)
    there = {one.id for one in find_sessions(restored, visitor.project_id, ids)}
    for session in find_sessions(old, visitor.project_id, ids):
        if session.profile == visitor.profile and session.id not in there:
            yield session


def _make_session(
    restored: Store, project_id: str, session: Session, held: Check
) -> None:
    """Make a session as it was, while its profile is as it was read: `held`."""
    active = activity.put_active_session(project_id, session.id, session.latest)
    restored.write([active])
    head = keys.session_head(project_id, session.id)
    member = keys.profile_session(project_id, session.profile, session.id)
    restored.write(
        [
            held,
            Put(head, items.encode_session(session), Absent()),
            Put(member, items.encode_profile_session(session)),
        ]
    )
