"""Erasing somebody: first what they are known by, at once, so that nothing comes back; then what they did (`sweeping`).

A node that is to go is *dying* first: from then on nobody links to it, says anything of it or brings rows under it, as
all of them hold its revision. Whoever hangs on it alone dies with it; whoever belongs to somebody else as well stays,
and its history names nobody where it named the dead. All that is left to do stands in rows of the erasure, each written
with the step that makes it so: whoever comes next goes on, however often and wherever the one before ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from hardlink.domain import synthetic_ids
from hardlink.domain.errors import UNKNOWN_IDENTIFIER, NotFound
from hardlink.domain.graph import (
    NOBODY,
    PROFILE,
    Entry,
    Node,
    State,
    current_owner,
    fold_spans,
    newest_root,
)
from hardlink.domain.records import Intervals, Item, Key, Record
from hardlink.domain.times import to_iso
from hardlink.domain.values import to_json
from hardlink.storage import items, keys, nodes
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.store import (
    MOST_ACTIONS,
    Absent,
    Action,
    Check,
    ConditionFailed,
    Delete,
    Patch,
    Put,
    Rev,
    Same,
    Store,
)

_FIRST, _LAST = "!", "~~"
"""Around every sort key there is."""
_ENTRIES_AT_ONCE = 60
_SPILLED_AT_ONCE = 30
"""Of values: more of them than this are let go of with the next portion of entries, or with the profile."""
_DEEPEST = 3


class Erasure:
    """Erases nodes. `clock` answers microseconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], int], new_id: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    def erase_customer(self, project_id: str, identifier: Node) -> str:
        """Erase the customer that an identifier finds, or an anonymous profile; answers the receipt's ID.

        Raises `NotFound` where no customer has it.
        """
        node = identifier
        for hop in range(_DEEPEST):
            record = nodes.read_records(self._store, project_id, [node])[node]
            if record.erasing_since:
                return self.erase_node(project_id, node)
            state = record.state
            onward = (state.owner or state.link) if hop == 0 else state.link
            if onward:
                node = onward
            elif state.known or (node.type == PROFILE and state.rev):
                return self.erase_node(project_id, node)
            else:
                break
        raise NotFound(UNKNOWN_IDENTIFIER)

    def erase_node(self, project_id: str, node: Node) -> str:
        """Erase a customer or a profile; answers the receipt's ID. When it answers, nothing late is taken any more."""
        for _ in optimistic_retries():
            record = nodes.read_records(self._store, project_id, [node])[node]
            if not record.state.rev:
                raise NotFound(UNKNOWN_IDENTIFIER)
            id_ = record.erasure
            if not record.erasing_since:
                id_, now = self._new_id(), self._clock()
                begun = Put(
                    keys.erasure_item(project_id, id_), {"at": now, "state": "running"}, Absent()
                )
                try:
                    self._store.write([begun, *_death(project_id, id_, node, record, now)])
                except ConditionFailed:
                    continue
            self.propagate(project_id, id_)
            return id_
        raise AssertionError("attempts end in an answer or an error")

    def read_receipt(self, project_id: str, id_: str) -> dict[str, Any]:
        """What became of an erasure: `running` or `done`, when, and how much was removed. Raises `NotFound`."""
        item = self._store.get([keys.erasure_item(project_id, id_)])[0]
        if item is None:
            raise NotFound("there is no such erasure")
        done = "done" in item
        return {
            "erasure": {"id": id_},
            "state": item["state"],
            "at": to_iso(int(item["at"])),
            "done": to_iso(int(item["done"])) if done else None,
            "removed": {
                kind: int(item[kind])
                for kind in ("identifiers", "profiles", "sessions", "events")
                if kind in item
            },
        }

    def propagate(self, project_id: str, id_: str) -> None:
        """Erase whoever hangs on the dead alone, and their names everywhere else; again until nothing is left."""
        while True:
            dying = [
                n
                for n, item in read_tasks(self._store, project_id, id_, "n/")
                if "done" not in item
            ]
            for name in dying:
                self._finish(project_id, id_, Node.parse(name))
            freed = read_tasks(self._store, project_id, id_, "u/")
            for name, _ in freed:
                self._free(project_id, id_, Node.parse(name))
            if not dying and not freed:
                break
        for name, _ in read_tasks(self._store, project_id, id_, "r/"):
            self._mark_rest(project_id, id_, Node.parse(name))

    # -- one node that dies ---------------------------------------------------------------------------------------

    def _finish(self, project_id: str, id_: str, node: Node) -> None:
        head = keys.node_head(project_id, node)
        found = list(self._store.scan("customers", head.partition, _FIRST, _LAST))
        record = next((items.decode_record(item) for key, item in found if key == head), None)
        rows = [(key, item) for key, item in found if key != head]
        done = Put(keys.erasure_item(project_id, id_, f"n/{node}"), {"done": True})
        if record is None:
            self._store.write([done])
            return
        for other in _neighbours(node, record, rows):
            self._reach(project_id, id_, other)
        sessions = [key.item[2:] for key, _ in rows if key.item.startswith("m/")]
        for session in sessions:
            self._end(project_id, id_, node, session, denied=record.denied)
        told = [key.item[2:] for key, _ in rows if key.item.startswith("t/")]
        orders = [Put(keys.erasure_item(project_id, id_, f"o/{number}"), {}) for number in told]
        mine = Same("profile", node.value)
        elsewhere = [
            Delete(key, mine if key.item.startswith("s/") else None)
            for key in _elsewhere(project_id, node, rows, sessions)
        ]
        here = [Delete(key) for key, _ in rows]
        held = Check(head, Same("erasing_since", record.erasing_since))
        for action in elsewhere:
            with suppress(ConditionFailed):  # it is not there, or of who came back meanwhile
                self._store.write([held, action])
        try:
            self._in_portions(held, [*orders, *here])
            self._store.write([Delete(head, Same("erasing_since", record.erasing_since)), done])
        except ConditionFailed:
            return  # somebody else was here, and did all of it

    def _free(self, project_id: str, id_: str, soft: Node) -> None:
        """An identifier stays, with another owner: whoever was known by it alone was the customer's who died."""
        profiles = [
            Node(PROFILE, name.removeprefix("c/"))
            for name, _ in nodes.read_rows(self._store, project_id, soft, "c/")
        ]
        found = [
            Node.parse(name.removeprefix("w/"))
            for name, _ in nodes.read_rows(self._store, project_id, soft, "w/")
        ]
        for node in (*profiles, *found):
            self._reach(project_id, id_, node, through=soft)
        self._store.write([Delete(keys.erasure_item(project_id, id_, f"u/{soft}"))])

    def _reach(self, project_id: str, id_: str, node: Node, through: Node | None = None) -> None:
        """What becomes of a node that names a dead one, or is named with it; `through`: what led there, and stays."""
        for _ in optimistic_retries():
            record = nodes.read_records(self._store, project_id, [node])[node]
            if not record.exists:
                return
            history = nodes.read_history(self._store, project_id, node)
            named = {n for e in history for n in (e.link, e.owner, *e.nodes) if n} - {node, NOBODY}
            others = nodes.read_records(self._store, project_id, named)
            dead = {o for o, read in others.items() if o == through or not read.exists}
            if not dead:
                return
            now, hangs_on = self._clock(), _hangs_on(node, history)
            was_somebodys = self._was_somebodys(project_id, id_, node, hangs_on)
            if was_somebodys:  # whom this very erasure left it to, it left it to for a moment
                hangs_on.discard(NOBODY)
            actions = (
                _death(project_id, id_, node, record, now)
                if hangs_on and hangs_on <= dead
                else _redaction(
                    project_id, id_, node, record, history, dead, now, through, whole=was_somebodys
                )
            )
            try:
                self._store.write(actions)
            except ConditionFailed:
                continue

    def _was_somebodys(
        self, project_id: str, id_: str, node: Node, hangs_on: Collection[Node]
    ) -> bool:
        """Whether all of a node belonged to somebody before this erasure named nobody in its history."""
        noted = self._store.get([keys.erasure_item(project_id, id_, f"r/{node}")])[0]
        return NOBODY not in hangs_on if noted is None else bool(noted["whole"])

    def _end(self, project_id: str, id_: str, node: Node, session_id: str, *, denied: bool) -> None:
        """A session ends with its profile: what stays says since when. A customer's own, named after them, goes."""
        key = keys.session_head(project_id, session_id)
        for _ in optimistic_retries():
            item = self._store.get([key])[0]
            session = items.decode_session(key, item) if item else None
            if session is None or session.profile != node:
                return
            now = self._clock()
            gone = session._replace(erased=((0, now + 1),), denied=denied or session.denied)
            same = Same("profile", node.value)
            own = synthetic_ids.is_synthetic(session_id)
            end = Delete(key, same) if own else Put(key, items.encode_erased_session(gone), same)
            row: Item = {"at": now, "floor": now, "events": 0}
            try:
                self._store.write(
                    [end, Put(keys.erasure_item(project_id, id_, f"s/{session_id}"), row)]
                )
            except ConditionFailed:
                continue
            return

    def _mark_rest(self, project_id: str, id_: str, profile: Node) -> None:
        """The sessions of a node that stays say what of them was erased; what it said for who died goes."""
        for _ in optimistic_retries():
            record = nodes.read_records(self._store, project_id, [profile])[profile]
            members = (
                nodes.read_rows(self._store, project_id, profile, "m/") if record.exists else []
            )
            try:
                for name, _ in members:
                    self._mark(project_id, id_, name.removeprefix("m/"), profile, record)
                self._let_go(project_id, profile, record)
            except ConditionFailed:
                continue
            self._store.write([Delete(keys.erasure_item(project_id, id_, f"r/{profile}"))])
            return

    def _let_go(self, project_id: str, node: Node, record: Record) -> None:
        """Large values that a node does not say any more. Raises `ConditionFailed`."""
        if not record.exists:
            return
        held = Check(keys.node_head(project_id, node), Rev(record.state.rev))
        said = {keys.spilled_value(project_id, node, name).item for name in record.values}
        rows = nodes.read_rows(self._store, project_id, node, "v/")
        gone = [
            keys.node_head(project_id, node)._replace(item=name)
            for name, _ in rows
            if name not in said
        ]
        self._in_portions(held, [Delete(key) for key in gone])

    def _mark(
        self, project_id: str, id_: str, session_id: str, profile: Node, record: Record
    ) -> None:
        key = keys.session_head(project_id, session_id)
        row = keys.erasure_item(project_id, id_, f"s/{session_id}")
        item, noted = self._store.get([key, row])
        session = items.decode_session(key, item) if item else None
        if session is None or session.profile != profile:
            return
        erased = _union(session.erased, record.erased)
        if noted and erased == session.erased:
            return
        self._store.write(
            [
                Check(keys.node_head(project_id, profile), Rev(record.state.rev)),
                Patch(key, {"erased": to_json(erased)}, Same("profile", profile.value)),
                Put(row, {"at": self._clock(), "events": 0}),
            ]
        )

    def _in_portions(self, held: Check, actions: Sequence[Action]) -> None:
        """Write these in their order, each of them once, as long as `held` is. Raises `ConditionFailed`."""
        once = list({action.key: action for action in actions}.values())
        for start in range(0, len(once), MOST_ACTIONS - 1):
            self._store.write([held, *once[start : start + MOST_ACTIONS - 1]])


def read_tasks(store: Store, project_id: str, id_: str, kind: str) -> list[tuple[str, Item]]:
    """What an erasure has to do, of one kind: the rest of the sort key, and the item."""
    partition = keys.erasure_item(project_id, id_).partition
    found = store.scan("customers", partition, kind, keys.end_of_prefix(kind))
    return [(key.item.removeprefix(kind), item) for key, item in found]


def _death(project_id: str, id_: str, node: Node, record: Record, now: int) -> list[Action]:
    """A node begins to die: its values are gone, nothing else may write it, and its tombstone says since when."""
    state = State(rev=record.state.rev + 1, ids=record.state.ids)
    dying = Record(
        state, denied=record.denied, erasing_since=now, erasure=id_
    )  # `created` goes: see `Decision.settled`
    return [
        Put(keys.node_head(project_id, node), items.encode_record(dying), Rev(record.state.rev)),
        Put(keys.tombstone(project_id, node), _stone(id_, node, record, now)),
        Put(keys.erasure_item(project_id, id_, f"n/{node}"), {"at": now}),
    ]


def _stone(id_: str, node: Node, record: Record, now: int) -> Item:
    """Of a profile, `next`: what makes the one that comes after it, and nobody knows who has no table to read."""
    if node.type != PROFILE:
        return {"at": now}
    random = hashlib.sha256(f"{id_}/{node}".encode()).hexdigest()
    return {"at": now, "next": random, **({"denied": True} if record.denied else {})}


def _redaction(
    project_id: str,
    id_: str,
    node: Node,
    record: Record,
    history: Sequence[Entry],
    dead: Collection[Node],
    now: int,
    through: Node | None,
    *,
    whole: bool,
) -> list[Action]:
    """A node stays: its history names nobody where it named the dead, and what it was theirs for goes."""
    naming = [e for e in history if {e.link, e.owner, *e.nodes} & {*dead}]
    touched = naming[:_ENTRIES_AT_ONCE]
    renamed = {e.rev: _redacted(e, dead) for e in touched}
    after = [renamed.get(e.rev, e) for e in history]
    lost = tuple((s.start, min(s.end, now + 1)) for s in fold_spans(history) if s.target in dead)
    if node.type != PROFILE and lost:
        lost = ((0, now + 1),)  # an identifier has one link, and all that it says belongs there
    values = {
        name: value
        for name, value in record.values.items()
        if not any(start <= value.time < end for start, end in lost)
    }
    spilled = [n for n, v in record.values.items() if v.spilled and n not in values]
    state = record.state._replace(
        rev=record.state.rev + 1, link=newest_root(fold_spans(after)), owner=current_owner(after)
    )
    theirs = lost if node.type == PROFILE else _found(history, dead, now)
    erased = _union(record.erased, theirs)
    fresh = record._replace(state=state, values=values, erased=erased)
    kinds = ["r/", *([] if node.type == PROFILE else ["u/"])] if lost else []
    marks = [
        Put(keys.erasure_item(project_id, id_, f"{kind}{node}"), {"whole": whole}) for kind in kinds
    ]
    done = through if touched == naming else None  # from there nothing leads here any more
    return [
        Put(keys.node_head(project_id, node), items.encode_record(fresh), Rev(record.state.rev)),
        *(
            Put(keys.link_entry(project_id, node, e.rev), items.encode_entry(e))
            for e in renamed.values()
        ),
        *(
            Delete(keys.spilled_value(project_id, node, name))
            for name in spilled[:_SPILLED_AT_ONCE]
        ),
        *(Delete(key) for key in (_leading(project_id, done, node) if done else ())),
        *marks,
    ]


def _found(history: Sequence[Entry], dead: Collection[Node], now: int) -> Intervals:
    """When an identifier found somebody who is dead."""
    said = sorted(
        (e for e in history if e.owner and not e.undone), key=lambda e: (e.effective_at, e.rev)
    )
    ends = [*(e.effective_at for e in said[1:]), now + 1]
    return tuple(
        (e.effective_at, min(end, now + 1))
        for e, end in zip(said, ends, strict=False)
        if e.owner in dead and e.effective_at <= now
    )


def _redacted(entry: Entry, dead: Collection[Node]) -> Entry:
    return entry._replace(
        link=NOBODY if entry.link in dead else entry.link,
        owner=NOBODY if entry.owner in dead else entry.owner,
        nodes=tuple(node for node in entry.nodes if node not in dead),
    )


def _hangs_on(node: Node, history: Sequence[Entry]) -> set[Node]:
    """Whom a node belongs to, by the links and words that stand."""
    found = fold_spans(history)
    if (
        node.type == PROFILE
    ):  # whose last customer was erased before is nobody's since, not the first one's
        return {span.target for span in found} | (
            {NOBODY} if found and not newest_root(found) else set()
        )
    return {other for other in (newest_root(found), current_owner(history)) if other}


def _neighbours(node: Node, record: Record, rows: Iterable[tuple[Key, Item]]) -> list[Node]:
    """Every node whose history may name this one."""
    found = [Node(type_, value) for type_, value in record.state.ids.items()]
    for key, item in rows:
        kind, rest = key.item[:2], key.item[2:]
        if kind in ("w/", "i/", "p/"):
            found.append(Node.parse(rest))
        elif kind == "c/":
            found.append(Node(PROFILE, rest))
        elif kind == "l/":
            found += items.decode_entry(key, item).nodes
    return [other for other in dict.fromkeys(found) if other not in (node, NOBODY)]


def _elsewhere(
    project_id: str, node: Node, rows: Iterable[tuple[Key, Item]], sessions: Sequence[str]
) -> Iterator[Key]:
    """Where rows of a node may lie under others."""
    for key, item in rows:
        if key.item.startswith("h/"):
            root = Node.parse(key.item[2:])
            yield keys.node_contribution(project_id, root, node)
            yield from (keys.root_session(project_id, root, session) for session in sessions)
        elif key.item.startswith("l/"):
            entry = items.decode_entry(key, item)
            for target in {entry.link, entry.owner} - {None, NOBODY}:
                if target:
                    yield from _leading(project_id, target, node)


def _leading(project_id: str, target: Node, node: Node) -> Iterator[Key]:
    """Rows under a node that lead to one whose history names it."""
    yield keys.back_reference(project_id, target, node)
    yield keys.customer_identifier(project_id, target, node)
    if node.type == PROFILE:  # an identifier may have the same value
        yield keys.linked_profile(project_id, target, node)


def _union(one: Intervals, other: Intervals) -> Intervals:
    return tuple(sorted({*one, *other}))
