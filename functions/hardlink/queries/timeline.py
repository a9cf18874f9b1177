"""Reads: a customer's folded view, the merged timeline, and why a session belongs to whom it belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice, takewhile
from typing import Any

from hardlink.domain import derived_events, synthetic_ids
from hardlink.domain.errors import NotFound
from hardlink.domain.events import StoredEvent
from hardlink.domain.graph import NOBODY, PROFILE, Entry, Node, fold_spans, newest_root
from hardlink.domain.records import Item, Key, Session, SessionRow
from hardlink.domain.times import to_iso
from hardlink.queries import paging
from hardlink.queries.customer import Customer, SessionInterval
from hardlink.queries.paging import MOST, EventQuery, Found
from hardlink.storage import event_store, items, keys, nodes
from hardlink.storage.store import Store

_AT_ONCE = 16
_EXACT = 25
"""Sessions whose `last_seen` is read from their events; for older ones it is right to half an hour."""
_DEEPEST = 3
_MORE = 25
"""Items beyond those wanted in one request: what came before says whether a visit ended or began."""
_MANY = 200
"""Items of one request, where most of them are passed over."""

_STARTS = EventQuery(limit=1, type=derived_events.START, derived=True)
"""A customer's visits, one by one."""


class Timeline:
    """Reads what the other parts wrote. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="timeline")

    def customer(self, project_id: str, identifier: Node) -> Customer:
        """The customer that an identifier finds, or an anonymous profile. Raises `NotFound`."""
        node = identifier
        for hop in range(_DEEPEST):
            partition = keys.node_head(project_id, node).partition
            found = list(
                self._store.scan("customers", partition, keys.HEAD, keys.end_of_prefix("s/"))
            )
            customer = Customer.of(project_id, node, found)
            state = customer.record.state
            if customer.record.erasing_since:
                break
            onward = (state.owner or state.link) if hop == 0 else state.link
            if onward:
                node = onward
            elif state.known:
                return customer
            elif node.type == PROFILE and state.rev:
                return replace(customer, sessions=tuple(self._members(project_id, node)))
            else:
                break
        raise NotFound("nobody is known by this identifier")

    def shown(self, customer: Customer) -> dict[str, Any]:
        """`GET /customers/{type}/{value}`."""
        sessions = self._sessions(customer)
        seen = [last for _, last in sessions] + [row.created for row, _ in sessions]
        created = customer.record.created
        return {
            "customer": {"type": customer.root.type, "value": customer.root.value},
            "identifiers": customer.identifiers,
            **customer.values(self._store),
            "sessions": [
                {"id": row.session, "profile": row.profile.value, "last_seen": to_iso(last)}
                for row, last in sessions
            ],
            "visits": sum(not synthetic_ids.is_synthetic(row.session) for row, _ in sessions),
            "first_seen": to_iso(min([created, *seen])),
            "last_seen": to_iso(max(seen, default=created)),
        }

    def events(self, customer: Customer, wanted: EventQuery) -> dict[str, Any]:
        """`GET /customers/{type}/{value}/events`: newest first, and a cursor where there are more."""
        stretches = customer.stretches()
        wanted = replace(wanted, limit=wanted.limit + 1)
        found = self._newest(
            customer.project_id, stretches, wanted, paging.merge_events(customer, wanted)
        )
        return paging.make_page(
            self._with_first(customer.project_id, stretches, wanted, found), wanted
        )

    def session(self, project_id: str, id_: str) -> Session:
        """A session. Raises `NotFound`."""
        key = keys.session_head(project_id, id_)
        item = self._store.get([key])[0]
        if item is None:
            raise NotFound("there is no such session")
        found = items.decode_session(key, item)
        if found.is_erased:
            raise NotFound("this session was erased")
        return found

    def session_events(
        self, project_id: str, session: Session, wanted: EventQuery
    ) -> dict[str, Any]:
        """`GET /sessions/{id}/events`."""
        wanted = replace(wanted, limit=wanted.limit + 1)
        return paging.make_page(
            self._newest(project_id, [paging.whole_session(session)], wanted), wanted
        )

    def why(self, project_id: str, session: Session) -> dict[str, Any]:
        """`GET /sessions/{id}`: whose it is, and every link that made it so or once did, newest first."""
        chain = [
            (session.profile, entry)
            for entry in nodes.read_history(self._store, project_id, session.profile)
        ]
        found = fold_spans(entry for _, entry in chain)
        root = newest_root(found)
        links = (entry.link for _, entry in chain if entry.link not in (None, NOBODY))
        for node in dict.fromkeys(link for link in links if link):
            history = nodes.read_history(self._store, project_id, node)
            onward = fold_spans(history)
            root = (newest_root(onward) or root) if node == root else root
            chain += [(node, entry) for entry in history if entry.link]
        chain = [pair for pair in chain if pair[1].link != NOBODY]
        chain.sort(key=lambda pair: (pair[1].at, pair[1].rev), reverse=True)
        return {
            "session": {"id": session.id},
            "profile": {"id": session.profile.value},
            "customer": {"type": root.type, "value": root.value} if root else None,
            "why": [_explained(node, entry) for node, entry in chain],
        }

    def latest_session(self, customer: Customer) -> tuple[str, str]:
        """Session and profile of the most recent visit (seed 003: newsletter content). Raises `NotFound`.

        What a customer did on no device was no visit.
        """
        visits = [s for s in customer.stretches() if not synthetic_ids.is_synthetic(s.session)]
        newest_root = self._newest(customer.project_id, visits, EventQuery(limit=1))
        if newest_root:
            return newest_root[0].stretch.session, newest_root[0].stretch.profile
        rows = [row for row in customer.sessions if not synthetic_ids.is_synthetic(row.session)]
        if not rows:
            raise NotFound("this customer has no sessions")
        row = max(rows, key=lambda row: (row.created, row.session))
        return row.session, row.profile.value

    def _sessions(self, customer: Customer) -> list[tuple[SessionRow, int]]:
        """Sessions and when they were last seen, the latest first."""
        rows = sorted(customer.sessions, key=lambda row: (row.latest, row.session), reverse=True)
        by_session: dict[str, list[SessionInterval]] = {}
        for stretch in customer.stretches():
            by_session.setdefault(stretch.session, []).append(stretch)
        recent = [by_session.get(row.session, []) for row in rows[:_EXACT]]
        exact = self._threads.map(lambda own: self._last_seen(customer.project_id, own), recent)
        dated = [(row, last or row.created) for row, last in zip(rows, exact, strict=False)]
        dated += [(row, row.last_event_at) for row in rows[_EXACT:]]
        return sorted(dated, key=lambda pair: (pair[1], pair[0].session), reverse=True)

    def _last_seen(self, project_id: str, stretches: Sequence[SessionInterval]) -> int | None:
        times = (
            found.event.time
            for s in stretches
            for found in self._read(project_id, s, EventQuery(limit=1))
        )
        return max(times, default=None)

    def _members(self, project_id: str, profile: Node) -> Iterator[SessionRow]:
        """The sessions of a profile that belongs to nobody yet."""
        rows = nodes.read_rows(self._store, project_id, profile, "m/")
        item_keys = [keys.session_head(project_id, name.removeprefix("m/")) for name, _ in rows]
        for key, item in zip(
            item_keys, self._store.get(item_keys) if item_keys else [], strict=True
        ):
            if item:
                row = items.session_row(items.decode_session(key, item))
                if row.profile == profile:
                    yield row

    def _with_first(
        self,
        project_id: str,
        stretches: Sequence[SessionInterval],
        wanted: EventQuery,
        found: list[Found],
    ) -> list[Found]:
        """With the customer's first session, where the first of all its visits is among these events."""
        if not wanted.derived or wanted.type not in (None, derived_events.FIRST):
            return found
        starts = [one for one in found if one.event.type == derived_events.START]
        earlier = replace(_STARTS, before=starts[-1].place if starts else None)
        if wanted.type is None:
            if not starts or self._newest(project_id, stretches, earlier):
                return found
        else:
            earlier = replace(earlier, limit=MOST)
            while older := self._newest(project_id, stretches, earlier):
                starts, earlier = older, replace(earlier, before=older[-1].place)
        first = [replace(one, event=derived_events.first_session(one.event)) for one in starts[-1:]]
        here = [one for one in first if wanted.takes(derived_events.FIRST, one.place)]
        return sorted([*found, *here], key=lambda one: one.place, reverse=True)[: wanted.limit]

    def _newest(
        self,
        project_id: str,
        stretches: Sequence[SessionInterval],
        wanted: EventQuery,
        beside: Sequence[Found] = (),
    ) -> list[Found]:
        """The newest events of all stretches: read the latest, stop when no unread one can hold a newer event.

        `beside`: events that lie in no stretch.
        """
        waiting = sorted(
            paging.clip_intervals(stretches, wanted), key=lambda s: s.bound, reverse=True
        )
        found = sorted(beside, key=lambda one: one.place, reverse=True)[: wanted.limit]
        total = len(waiting)
        size = sum(1 for s in waiting[:_AT_ONCE] if s.bound >= waiting[0].seen)
        while waiting:
            floor = found[wanted.limit - 1].event.time if len(found) >= wanted.limit else -1
            wave = [s for s in waiting[:size] if s.bound >= floor]
            if not wave:
                break
            waiting = waiting[len(wave) :]
            for some in self._threads.map(lambda s: list(self._read(project_id, s, wanted)), wave):
                found += some
            found = sorted(found, key=lambda one: one.place, reverse=True)[: wanted.limit]
            size = paging.sessions_to_read(wanted.limit, len(found), total - len(waiting), _AT_ONCE)
        return found

    def _read(
        self, project_id: str, stretch: SessionInterval, wanted: EventQuery
    ) -> Iterator[Found]:
        """The newest events of one stretch, as many as are wanted."""
        visits = wanted.derived and (wanted.type is None or wanted.type in derived_events.VISITS)
        read = self._with_visits if visits else self._stored
        found = (
            one
            for one in (Found(event, stretch) for event in read(project_id, stretch, wanted))
            if wanted.takes(one.event.type, one.place)
        )
        return islice(found, wanted.limit)

    def _stored(
        self, project_id: str, stretch: SessionInterval, wanted: EventQuery
    ) -> Iterator[StoredEvent]:
        page = wanted.limit if wanted.type is None else max(wanted.limit, _MANY)
        for key, item in self._items(project_id, stretch.session, stretch.start, stretch.end, page):
            if wanted.type in (None, item["type"]):
                yield event_store.read_event(self._store, key, item)

    def _with_visits(
        self, project_id: str, stretch: SessionInterval, wanted: EventQuery
    ) -> Iterator[StoredEvent]:
        """With the visits that session pings make; those before the stretch say whether one began in it."""
        session, start, end = stretch.session, stretch.start, stretch.end
        page = wanted.limit + _MORE if wanted.type is None else max(wanted.limit, _MANY)
        found_items = self._items(
            project_id, session, max(0, start - derived_events.SILENCE), end, page
        )
        stored = (
            event_store.read_event(self._store, key, item)
            for key, item in found_items
            if keys.event_time(key) >= start or item["type"] == derived_events.PING
        )
        found = derived_events.with_visits(
            stored, self._clock(), lambda ping: self._next_ping(project_id, session, ping, end)
        )
        for event in takewhile(lambda one: one.time >= start, found):
            if event.time < end:
                yield event

    def _next_ping(self, project_id: str, session: str, ping: int, end: int) -> int | None:
        """When the first ping after the stretch was sent, if it is of the same visit."""
        until = ping + derived_events.SILENCE + 1
        times = [
            keys.event_time(key)
            for key, item in self._items(project_id, session, end, until, _MANY)
            if item["type"] == derived_events.PING
        ]
        return min(times, default=None)

    def _items(
        self, project_id: str, session: str, start: int, end: int, page: int
    ) -> Iterator[tuple[Key, Item]]:
        """The events of a session from `start` up to, not including, `end`, newest first."""
        if start >= end:
            return
        now = self._clock()
        partition = keys.session_head(project_id, session).partition
        first, last = f"e/{start:016d}/", f"e/{end:016d}"
        for key, item in self._store.scan(
            "sessions", partition, first, last, newest_first=True, page=page
        ):
            if not event_store.is_expired(item, now):
                yield key, item


def _explained(node: Node, entry: Entry) -> dict[str, Any]:
    return {
        "from": str(node),
        "to": str(entry.link),
        "rule": entry.rule,
        "since": to_iso(entry.effective_at) if entry.starts_span else None,
        "said": to_iso(entry.effective_at),
        "at": to_iso(entry.at),
        "evidence": entry.evidence,
        "source": entry.source,
        "undone": to_iso(entry.undone) if entry.undone else None,
    }
