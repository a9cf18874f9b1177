"""Invariants of the tables, checked against a full dump of them.

Heads and rows are derived anew from the link histories alone, and must equal those in the tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from time import time as real_time
from typing import TypeAlias

from hardlink.domain.graph import (
    NOBODY,
    PROFILE,
    Entry,
    Node,
    current_owner,
    existing,
    fold_spans,
    newest_root,
)
from hardlink.domain.orders.matching import Order
from hardlink.domain.records import (
    Contribution,
    Item,
    Key,
    MergeNotice,
    Record,
    Session,
    stored_was_erased,
)
from hardlink.domain.times import DAY, END, SECOND
from hardlink.storage import event_store, items, keys
from hardlink.storage.keys import HEAD

Dump: TypeAlias = Mapping[Key, Item]
HardTypes: TypeAlias = Mapping[str, frozenset[str]]
Interval: TypeAlias = tuple[int, int]
Happened: TypeAlias = tuple[int, str, str]
"""Position of an event in a timeline: time, ID, session."""


def check(dump: Dump, hard_types: HardTypes, *, drained: bool = True) -> None:
    """Check all invariants. Raises `AssertionError` that lists every violation.

    `drained`: the streams are drained, so that derived rows must agree as well.
    """
    found = broken(dump, hard_types, drained=drained)
    assert not found, "\n".join(found)


def broken(dump: Dump, hard_types: HardTypes, *, drained: bool = True) -> list[str]:
    """List every violated invariant, as a sentence."""
    found: list[str] = []
    for name, world in worlds(dump, hard_types).items():
        found += [f"{name}: {sentence}" for sentence in _check_always(world)]
        if drained:
            found += [f"{name}: {sentence}" for sentence in _check_drained(world)]
    return found


def timelines(
    dump: Dump, hard_types: HardTypes
) -> dict[tuple[str, Node], list[Happened]]:
    """Fold all events by the links alone: project and root (or profile) -> newest first."""
    found: dict[tuple[str, Node], list[Happened]] = defaultdict(list)
    for name, world in worlds(dump, hard_types).items():
        for session in world.sessions.values():
            for time, id_ in world.events[session.id]:
                found[name, world.root_at(session.profile, time)].append(
                    (time, id_, session.id)
                )
    return {whose: sorted(events, reverse=True) for whose, events in found.items()}


@dataclass
class World:
    """The decoded items of one project."""

    hard: frozenset[str]
    nodes: dict[Node, Record] = field(default_factory=dict)
    histories: dict[Node, list[Entry]] = field(
        default_factory=lambda: defaultdict(list)
    )
    sessions: dict[str, Session] = field(default_factory=dict)
    events: dict[str, list[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    received: dict[tuple[str, int, str], int] = field(default_factory=dict)
    """When events came in, by session, time and ID."""
    rows: dict[str, dict[tuple[Node, str], Item]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """Rows under nodes by kind (`s/`, `p/`, `h/`, ...): the node and the rest of the sort key."""
    gone: dict[str, Session] = field(default_factory=dict)
    """Sessions that were erased, and whose visitors did not return."""
    erasures: dict[str, list[tuple[Key, Item]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Receipts (`~`), and the tasks that are left."""
    pieces: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    cut: dict[tuple[str, str], int] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)
    copies: dict[str, Node | None] = field(default_factory=dict)
    summarised: set[str] = field(default_factory=set)
    """Sessions that have a summary."""
    bounds: set[tuple[str, int]] = field(default_factory=set)
    """Sessions with the time until which the live view reads them."""

    @cached_property
    def homes(self) -> dict[Node, dict[Node, list[Interval]]]:
        """Roots of every profile and soft identifier, with its intervals in each."""
        return {
            node: self._fold_homes(node)
            for node in self.nodes
            if node.type not in self.hard
        }

    def root(self, node: Node) -> Node:
        """Follow the links of a node to their end."""
        return newest_root(fold_spans(self.histories.get(node, []))) or node

    def root_at(self, profile: Node, time: int) -> Node:
        """Return the root of a profile's event, or the profile itself where it is not linked."""
        for root, intervals in self.homes.get(profile, {}).items():
            if any(start <= time < end for start, end in intervals):
                return root
        return profile

    def current(self, profile: Node) -> Node | None:
        """Return the root of a profile's next event."""
        homes = self.homes.get(profile, {})
        return next(
            (root for root, found in homes.items() if found[-1][1] == END), None
        )

    @property
    def under_way(self) -> bool:
        """True if an erasure is in progress."""
        return any("done" not in item for _, item in self.erasures[keys.ERASURE])

    def _fold_homes(self, node: Node) -> dict[Node, list[Interval]]:
        found: dict[Node, list[Interval]] = defaultdict(list)
        last: Node | None = None
        for span in fold_spans(self.histories.get(node, [])):
            root = (
                span.target if span.target.type in self.hard else self.root(span.target)
            )
            if root == last and found[root][-1][1] == span.start:
                start, _ = found[root].pop()
                found[root].append((start, span.end))
            else:
                found[root].append((span.start, span.end))
            last = root
        return dict(found)


def worlds(dump: Dump, hard_types: HardTypes) -> dict[str, World]:
    """Decode a dump, project by project."""
    found: dict[str, World] = {}
    for key, item in dump.items():
        name, rest = keys.split_partition(key.partition)
        world = found.setdefault(name, World(hard_types.get(name, frozenset())))
        if rest.startswith(keys.ERASURE):
            _add_to_erasures(world, key, item)
        elif key.table != "customers":
            _add_to_session(world, rest, key, item)
        else:
            _add_to_node(world, Node.parse(rest), key, item)
    return found


def _add_to_erasures(world: World, key: Key, item: Item) -> None:
    if key.item not in ("t", "e"):  # tombstones and notes stay
        world.erasures[key.item.partition("/")[0]].append((key, item))


def _add_to_session(world: World, id_: str, key: Key, item: Item) -> None:
    kind, _, rest = key.item.partition("/")
    if key.item == HEAD:
        session = items.decode_session(key, item)
        (world.gone if session.is_erased else world.sessions)[id_] = session
    elif key.item == keys.SESSION_CUSTOMER:
        world.copies[id_] = items.decode_session_customer(item)
    elif kind == "s":
        world.bounds.add((keys.active_session_id(key), int(rest.partition("/")[0])))
    elif kind == "e":
        time, event = keys.event_time(key), keys.event_id(key)
        world.events[id_].append((time, event))
        world.received[id_, time, event] = event_store.received_at(key, item)
        if "pieces" in item:
            world.cut[id_, rest] = int(item["pieces"])
    elif kind == "o":
        world.orders.append(items.decode_order(key, item))
    elif key.item == keys.SESSION_SUMMARY:
        world.summarised.add(id_)
    elif kind == "x":
        world.pieces[id_, rest.rsplit("/", 2)[0]] += 1


def _add_to_node(world: World, node: Node, key: Key, item: Item) -> None:
    kind, _, rest = key.item.partition("/")
    if key.item == HEAD:
        world.nodes[node] = items.decode_record(item)
    elif kind == "l":
        world.histories[node].append(items.decode_entry(key, item))
    else:
        world.rows[kind][node, rest] = item


# -- invariants at every moment ------------------------------------------------------------------


def _check_always(world: World) -> Iterator[str]:
    for node in sorted(world.histories.keys() - world.nodes.keys()):
        yield f"{node} has a history, but it isn't there"
    for node, record in world.nodes.items():
        yield from _check_head(world, node, record)
        yield from _check_values(world, node, record)
    yield from _check_hard_identifiers(world)
    yield from _compare_rows(
        "identifiers found under a customer",
        _owned_identifiers(world),
        set(world.rows.get("i", {})),
    )
    yield from _compare_rows(
        "sessions of profiles",
        {(s.profile, s.id) for s in world.sessions.values()},
        set(world.rows.get("m", {})),
    )
    yield from _compare_rows(
        "customers merged into others", _merged(world), set(world.rows.get("g", {}))
    )
    missing = _linked_profiles(world) - world.rows.get("c", {}).keys()
    yield from (
        f"{soft} doesn't know that {child} links to it"
        for soft, child in sorted(missing)
    )
    yield from _check_sessions(world)
    yield from _check_orders(world)


def _merged(world: World) -> set[tuple[Node, str]]:
    """Each customer with one that was merged into it."""
    return {
        (record.state.link, str(node))
        for node, record in world.nodes.items()
        if record.state.link and node.type in world.hard
    }


def _check_orders(world: World) -> Iterator[str]:
    """An order has one stored event for each visitor who tracked it, or for each of its lines."""
    for order in world.orders:
        for kept in order.tracked:
            if (kept.claim.time, kept.event) not in world.events[kept.session]:
                yield f"order {order.number} misses its event of session {kept.session}"
        places = [(kept.profile, kept.claim.line) for kept in order.tracked]
        if len(places) != len(set(places)) or not places:
            yield f"order {order.number} is kept under {places}"


def _check_head(world: World, node: Node, record: Record) -> Iterator[str]:
    state, history = record.state, world.histories.get(node, [])
    found = fold_spans(history)
    link = newest_root(found)
    if state.rev < 1:
        yield f"{node} has no revision"
    if state.link != link:
        yield f"{node} says that it links to {state.link}, its history says {link}"
    if state.owner != current_owner(history):
        yield f"{node} says that {state.owner} owns it, its history says {current_owner(history)}"
    if state.links != sum(1 for entry in history if entry.link):
        yield f"{node} says that it has {state.links} links"
    if any(entry.rev > state.rev for entry in history):
        yield f"{node} has an entry newer than itself"
    rules = {entry.rule for entry in history if entry.link}
    if node.type in world.hard and not rules <= {"merge"}:
        yield f"{node} is a hard identifier and links to {link} by {rules}"
    if link and node.type != PROFILE and link.type not in world.hard:
        yield f"{node} is a soft identifier and links to {link}, which is none that is hard"


def _check_values(world: World, node: Node, record: Record) -> Iterator[str]:
    for (kind, name), value in record.values.items():
        item = world.rows["v"].get((node, f"{kind}/{name}"))
        if value.spilled and (item is None or item["time"] != value.time):
            yield f"{node} misses its value {kind}/{name}"


def _check_hard_identifiers(world: World) -> Iterator[str]:
    """No customer has two hard identifiers of one type (I7)."""
    named: dict[Node, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for node, record in world.nodes.items():
        if node.type in world.hard:
            root = record.state.owner or node
            named[root][node.type].add(node.value)
            if (
                root != node
                and world.nodes.get(root, Record()).state.ids.get(node.type)
                != node.value
            ):
                yield f"{root} doesn't know that it is {node}"
        for type_, value in record.state.ids.items():
            other = world.nodes.get(Node(type_, value))
            if other is None or other.state.owner != node:
                yield f"{node} says that it is {type_}={value}, which says otherwise"
    for root, types in named.items():
        for type_, values in types.items():
            if len(values) > 1:
                yield f"{root} was merged from {sorted(values)}, all of type {type_}"


def _owned_identifiers(world: World) -> set[tuple[Node, str]]:
    return {
        (owner, str(node))
        for node, record in world.nodes.items()
        if (owner := existing(record.state.owner)) and node.type not in world.hard
    }


def _linked_profiles(world: World) -> set[tuple[Node, str]]:
    return {
        (entry.link, node.value)
        for node, history in world.histories.items()
        for entry in history
        if node.type == PROFILE
        and entry.link not in (None, NOBODY)
        and entry.link
        and entry.link.type not in world.hard
    }


def _may_be_deleted(session: Session) -> bool:
    """True if the row that leads to a session has expired.

    Engines delete expired items by the real time, not by a test's clock.
    """
    return session.latest + DAY <= real_time() * SECOND


def _check_sessions(world: World) -> Iterator[str]:
    for id_ in sorted(world.events.keys() - world.sessions.keys() - world.gone.keys()):
        if not world.under_way:
            yield f"session {id_} has events, but it isn't there"
    for session in world.sessions.values():
        if session.profile not in world.nodes:
            yield f"session {session.id} is of {session.profile}, which isn't there"
        if (session.id, session.latest) not in world.bounds and not _may_be_deleted(
            session
        ):
            yield f"the live view misses session {session.id} with events up to {session.latest}"
        bounds = range(session.earliest, session.latest + 1)
        for time, _ in world.events.get(session.id, []):
            if time not in bounds:
                yield f"session {session.id} has an event at {time}, and says {bounds}"
    for (id_, event), count in world.cut.items():
        if world.pieces.get((id_, event), 0) != count:
            yield f"event {event} of session {id_} misses pieces"


# -- invariants when the streams are drained -----------------------------------------------------


def _check_drained(world: World) -> Iterator[str]:
    if not world.under_way:
        yield from _check_erased(world)
    yield from _compare_items(
        "session", _expected_session_rows(world), world.rows.get("s", {})
    )
    yield from _compare_items(
        "contribution", _expected_contributions(world), world.rows.get("p", {})
    )
    yield from _compare_items(
        "contributed values", _expected_values(world), world.rows.get("u", {})
    )
    homes = {(node, str(root)) for node, roots in world.homes.items() for root in roots}
    yield from _compare_rows("homes", homes, set(world.rows.get("h", {})))
    for session in world.sessions.values():
        current, copied = world.current(session.profile), world.copies.get(session.id)
        if copied != current:
            yield f"session {session.id} says {copied}, its links say {current}"
        record = world.nodes.get(session.profile)
        if record and record.denied != session.denied:
            yield f"session {session.id} and its profile differ about consent"
    for id_ in sorted(world.copies.keys() - world.sessions.keys()):
        yield f"session {id_} isn't there, and its copy of {world.copies[id_]} is"
    yield from _check_every_event(world)


def _check_erased(world: World) -> Iterator[str]:
    """Check that erased data is gone, and the tasks of erasures as well (I8)."""
    for kind, rows in world.erasures.items():
        if kind != keys.ERASURE:
            yield from (f"erasures: {key.item} is left" for key, _ in rows)
    for node, record in world.nodes.items():
        if record.erasing_since:
            yield f"{node} is still being erased"
    yield from _check_erased_sessions(world)
    erased = _named_in_histories(world) - {None, NOBODY, *world.nodes}
    yield from (f"a history names {node}, which is not there" for node in erased)


def _check_erased_sessions(world: World) -> Iterator[str]:
    with_pieces = {session for session, _ in world.pieces}
    for id_ in world.gone:
        if world.events.get(id_) or id_ in with_pieces:
            yield f"session {id_} was erased, and has events"
    for id_ in sorted(world.summarised - world.sessions.keys()):
        yield f"session {id_} is not there, and its summary is"
    for session in world.sessions.values():
        if session.erased and session.id in world.summarised:
            yield f"a part of session {session.id} was erased, and its summary is there"
        for time, id_ in world.events.get(session.id, []):
            received = world.received[session.id, time, id_]
            if stored_was_erased(session.erased, time, received):
                yield f"session {session.id} has an event of {time}, which was erased"


def _named_in_histories(world: World) -> set[Node | None]:
    named: set[Node | None] = set()
    for history in world.histories.values():
        for entry in history:
            named.update((entry.link, entry.owner, *entry.nodes))
    return named


def _expected_session_rows(world: World) -> dict[tuple[Node, str], Item]:
    return {
        (root, s.id): items.encode_session_row(items.session_row(s))
        for s in world.sessions.values()
        for root in world.homes.get(s.profile, {})
    }


def _expected_contributions(world: World) -> dict[tuple[Node, str], Item]:
    return {
        (root, str(node)): items.encode_contribution(
            _expected_contribution(world, node, intervals)
        )
        for node, roots in world.homes.items()
        for root, intervals in roots.items()
    }


def _expected_values(world: World) -> dict[tuple[Node, str], Item]:
    return {
        (root, str(node)): items.encode_contributed_values(contribution.values)
        for node, roots in world.homes.items()
        for root, intervals in roots.items()
        if (contribution := _expected_contribution(world, node, intervals)).values
    }


def _expected_contribution(
    world: World, node: Node, intervals: Iterable[Interval]
) -> Contribution:
    found = tuple(intervals)
    return Contribution(
        node,
        found,
        {
            name: value
            for name, value in world.nodes[node].values.items()
            if any(start <= value.time < end for start, end in found)
        },
        tuple(
            sorted(
                Node.parse(rest)
                for whose, rest in world.rows.get("i", {})
                if whose == node
            )
        ),
        _merge_notice(world, node) if found[0][0] == 0 else None,
        world.nodes[node].erased if node.type == PROFILE else (),
    )


def _merge_notice(world: World, node: Node) -> MergeNotice | None:
    """Return the notice of the first link, if it is not undone and was made by policy `split`."""
    live = [
        entry
        for entry in world.histories.get(node, [])
        if entry.link and not entry.undone
    ]
    if not live:
        return None
    first = sorted(live, key=lambda entry: (entry.effective_at, entry.rev))[0]
    tells = first.starts_span and first.rule == "first" and first.link != NOBODY
    return MergeNotice(first.effective_at, first.at, first.source) if tells else None


def _check_every_event(world: World) -> Iterator[str]:
    """Check by the rows alone, as a reader does, that each event has one root (I1)."""
    intervals = {
        (root, Node.parse(rest)): items.decode_contribution(
            Key("customers", "", f"p/{rest}"), item
        )
        for (root, rest), item in world.rows.get("p", {}).items()
    }
    roots: dict[str, list[Node]] = defaultdict(list)
    for root, id_ in world.rows.get("s", {}):
        roots[id_].append(root)
    for session in world.sessions.values():
        for time, id_ in world.events.get(session.id, []):
            shown = [
                root
                for root in roots[session.id]
                if (lent := intervals.get((root, session.profile)))
                and any(start <= time < end for start, end in lent.intervals)
            ]
            expected = world.root_at(session.profile, time)
            if shown != ([] if expected == session.profile else [expected]):
                place = f"event {id_} at {time} of session {session.id}"
                yield f"{place} shows under {shown}, not {expected}"


def _compare_rows(
    what: str, expected: set[tuple[Node, str]], found: set[tuple[Node, str]]
) -> Iterator[str]:
    for node, rest in sorted(expected - found):
        yield f"{what}: {node} misses {rest}"
    for node, rest in sorted(found - expected):
        yield f"{what}: {node} has {rest}, and should not"


def _compare_items(
    what: str,
    expected: Mapping[tuple[Node, str], Item],
    found: Mapping[tuple[Node, str], Item],
) -> Iterator[str]:
    yield from _compare_rows(what, set(expected), set(found))
    for whose, item in expected.items():
        if whose in found and found[whose] != item:
            yield f"{what}: {whose[0]} has {whose[1]} as {found[whose]}, not {item}"
