"""Carries out what `identity` decides: reads the nodes it asks for, writes the decision in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from hardlink import metrics
from hardlink.domain import identity, synthetic_ids, values
from hardlink.domain.call import Call
from hardlink.domain.changeset import Decision, NeedsRead, NewEntry
from hardlink.domain.errors import BeforeErasure, Busy, Refused
from hardlink.domain.graph import PROFILE, Entry, Node, State, fold_spans, newest_root
from hardlink.domain.identity import Claim
from hardlink.domain.records import Record
from hardlink.domain.values import Name, Values
from hardlink.storage import items, keys, nodes
from hardlink.storage.retries import optimistic_retries
from hardlink.storage.store import (
    Absent,
    Action,
    Check,
    ConditionFailed,
    Delete,
    Patch,
    Present,
    Put,
    Rev,
    Same,
    Store,
    merged_actions,
)

BEING_ERASED = "somebody whom this names is being erased just now: send the call again"
_SPILLS_AT_ONCE = 30
_BYTES_AT_ONCE = 2_000_000
"""A transaction holds 100 actions and 4 MB: a command with more values than this is written in several."""


class NewVisitor(NamedTuple):
    """What makes a session and its profile. `profile`: the one that is made, if it is not there yet."""

    profile: Node | None = None
    actions: Sequence[Action] = ()


NO_VISITOR = NewVisitor()
"""The session is there already, or there is none."""


@dataclass
class _Read:
    """What was read of the forest for one decision. `made`: a profile that this command makes."""

    records: dict[Node, Record] = field(default_factory=dict)
    histories: dict[Node, list[Entry]] = field(default_factory=dict)
    made: Node | None = None

    @property
    def facts(self) -> Mapping[Node, State]:
        return {node: record.state for node, record in self.records.items()}


class Links:
    """Reads and writes the identity forest."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def identify(
        self, call: Call, claim: Claim, said: Values, opening: NewVisitor = NO_VISITOR
    ) -> Decision:
        """Link a profile, and set these values on the customer, all or nothing; writes nothing if all is so already.

        `opening`: what makes the claim's session, in the same transaction. Raises `Refused` where a rule forbids the
        link: then nothing changed, and `ConditionFailed` where the session cannot be made as planned.
        """
        first, *rest = _portions(said)

        def attempt(read: _Read) -> tuple[Decision, list[Action]]:
            decision = identity.decide(claim, read.facts, read.histories)
            self._check_profiles(call, claim, decision, read)
            actions = self._changes(call, decision, read)
            _check_room(read.records[decision.customer], said)
            return decision, _with_values(
                call, decision.customer, decision.states, read, first, actions
            )

        with _counted():
            decision = self._carry_out(
                call.project_id,
                attempt,
                claim.ids + ((claim.profile,) if claim.profile else ()),
                said=claim.effective_at,
                opening=opening,
            )
        metrics.count("links_made", len(decision.entries))
        for portion in rest:
            self._say(call, decision.customer, portion, claim.effective_at)
        return decision

    def root(self, call: Call, profile: Node, said: int | None = None) -> Node:
        """Whoever was behind a profile when something was said (`None`: now): its customer, or itself."""
        found: list[Node] = []

        def attempt(read: _Read) -> tuple[Decision, list[Action]]:
            found[:] = [_root(profile, call.project.hard_types, read, said)]
            return Decision(profile), []

        self._carry_out(call.project_id, attempt, [profile], opening=NewVisitor(profile))
        return found[0]

    def known(self, call: Call, node: Node) -> bool:
        """Whether anything was ever said of a node."""
        return nodes.read_records(self._store, call.project_id, [node])[node].state.rev > 0

    def say(
        self,
        call: Call,
        profile: Node,
        values_said: Values,
        said: int | None,
        opening: NewVisitor = NO_VISITOR,
    ) -> None:
        """Set these values on the root of a profile when it is linked, else on the profile itself (rule 9).

        `said`: when, if the client names a time: the profile may have another root by now. `opening`: what makes the
        profile's session, in the same transaction; raises `ConditionFailed` where it cannot be made as planned.
        """
        for number, portion in enumerate(_portions(values_said)):

            def attempt(read: _Read, portion: Values = portion) -> tuple[Decision, list[Action]]:
                root = _root(profile, call.project.hard_types, read, said)
                _check_room(read.records[root], values_said)
                return Decision(root), _with_values(call, root, {}, read, portion, [])

            made = NO_VISITOR if number else opening
            self._carry_out(call.project_id, attempt, [profile], opening=made)

    def undo(
        self,
        project_id: str,
        profile: Node,
        hard_types: frozenset[str],
        now: int,
        evidence: str | None = None,
    ) -> Decision:
        """Take back the newest link of a profile (rule 11); of this evidence, and so only once, where it is named.

        Raises `Refused` where nothing is linked, or where the evidence is not that of the newest link.
        """

        def attempt(read: _Read) -> tuple[Decision, list[Action]]:
            decision = identity.undo(profile, read.facts, read.histories, hard_types, now, evidence)
            marks: list[Action] = [
                Patch(keys.link_entry(project_id, node, entry.rev), {"undone": now}, Present())
                for node, entry in decision.undone
            ]
            return decision, [
                *_states(project_id, decision, read),
                *_owned(project_id, decision),
                *marks,
            ]

        return self._carry_out(project_id, attempt, [profile])

    def _check_profiles(self, call: Call, claim: Claim, decision: Decision, read: _Read) -> None:
        """Whether a customer may have one more profile. Raises `Refused`.

        They are counted as they are associated, a moment after they are linked, and only for who links another one to a
        customer that was there before: so nobody writes a count, and those who link at once do not wait for each other.
        """
        entry = decision.entries.get(claim.profile) if claim.profile else None
        if claim.profile is None or entry is None or entry.link is None:
            return
        is_new = not read.records[decision.customer].state.rev
        if is_new or synthetic_ids.is_synthetic(claim.profile.value):  # of those a customer has one
            return
        most = call.project.profiles_a_customer
        if nodes.count_profiles(self._store, call.project_id, decision.customer, most) >= most:
            raise Refused(
                f"this customer has {most} profiles already, and may have no more: raise profiles_a_customer",
                "ids",
                code="too_many_profiles",
            )

    def _carry_out(
        self,
        project_id: str,
        attempt: Callable[[_Read], tuple[Decision, list[Action]]],
        first: Iterable[Node],
        *,
        said: int | None = None,
        opening: NewVisitor = NO_VISITOR,
    ) -> Decision:
        """Read, decide and write until no other call wrote in between.

        `said`: when the nodes read first were named, if a command named them. `opening`: what has to be written along.
        Raises `BeforeErasure` where one of these was erased since, `Busy` where one is being erased, and
        `ConditionFailed` where there is something to write along: its plan may be outdated as well.
        """
        for _ in optimistic_retries():
            read = _Read(made=opening.profile)
            read.records.update(self._records(project_id, first, read, said))
            decision, actions = self._decided(project_id, attempt, read)
            together = merged_actions(opening.actions, actions)
            if all(isinstance(action, Check) for action in together):
                return decision
            try:
                self._store.write(together)
            except ConditionFailed:
                if opening.actions:
                    raise
                continue
            return decision
        raise AssertionError("attempts end in an answer or an error")

    def _decided(
        self,
        project_id: str,
        attempt: Callable[[_Read], tuple[Decision, list[Action]]],
        read: _Read,
    ) -> tuple[Decision, list[Action]]:
        while True:
            try:
                return attempt(read)
            except NeedsRead as missing:
                if missing.history:
                    read.histories.update(
                        {
                            node: nodes.read_history(self._store, project_id, node)
                            for node in missing.nodes
                        }
                    )
                else:
                    read.records.update(self._records(project_id, missing.nodes, read))

    def _records(
        self, project_id: str, node_list: Iterable[Node], read: _Read, said: int | None = None
    ) -> Mapping[Node, Record]:
        """Nodes that nobody erases. Raises `Late`, `Busy`."""
        found = nodes.read_claimed_records(self._store, project_id, node_list)
        erased = max(
            (max(record.last_erased_at, record.erasing_since) for record in found.values()),
            default=0,
        )
        if said is not None and said <= erased:
            raise BeforeErasure(erased)
        if said is not None and any(
            n.type != PROFILE and r.was_erased(said) for n, r in found.items()
        ):
            raise BeforeErasure(said)
        for node, record in found.items():
            is_gone = node.type == PROFILE and not record.state.rev and node != read.made
            if record.erasing_since or is_gone:
                raise Busy(BEING_ERASED)
        return found

    def _changes(self, call: Call, decision: Decision, read: _Read) -> list[Action]:
        project_id = call.project_id
        node_list = tuple(decision.entries)
        entries: list[Action] = [
            Put(
                keys.link_entry(project_id, node, rev),
                items.encode_entry(_entry(call, new, rev, node_list)),
            )
            for node, new in decision.entries.items()
            for rev in [read.records[node].next_rev]
        ]
        mentions: list[Action] = [
            Put(keys.back_reference(project_id, target, node), {})
            for node, new in decision.entries.items()
            for target in dict.fromkeys((new.link, new.owner))
            if target and (target, node) not in decision.children
        ]
        children: list[Action] = [
            Put(keys.linked_profile(project_id, soft, profile), {"since": call.now})
            for soft, profile in decision.children
        ]
        return [
            *_states(project_id, decision, read, call.now),
            *entries,
            *_owned(project_id, decision),
            *children,
            *mentions,
        ]

    def _say(self, call: Call, root: Node, portion: Values, said: int) -> None:
        """One more portion of what was said of a root; nothing where the root was erased meanwhile."""

        def attempt(read: _Read) -> tuple[Decision, list[Action]]:
            if not read.records[root].state.rev:
                raise BeforeErasure(call.now)
            return Decision(root), _with_values(call, root, {}, read, portion, [])

        self._carry_out(call.project_id, attempt, [root], said=said)


_CAPS: Mapping[str, metrics.Name] = {
    "too_many_links": "links_capped",
    "too_many_links_a_day": "links_capped",
    "too_many_profiles": "profiles_capped",
}


@contextmanager
def _counted() -> Iterator[None]:
    """Counts what a rule of identity refuses."""
    try:
        yield
    except Refused as refused:
        metrics.count("links_refused")
        if capped := _CAPS.get(refused.code):
            metrics.count(capped)
        raise


def _root(profile: Node, hard_types: frozenset[str], read: _Read, said: int | None) -> Node:
    target = _target(profile, read, said)
    if target is None:
        return profile
    if target not in read.records:
        raise NeedsRead([target])
    root = target if target.type in hard_types else read.records[target].state.link or target
    if root not in read.records:
        raise NeedsRead([root])
    return root


def _target(profile: Node, read: _Read, said: int | None) -> Node | None:
    """Whom a profile linked to when something was said: its history is read only where its last link is later."""
    state = read.records[profile].state
    if said is None or not state.links or said >= state.effective_at:
        return state.link
    if profile not in read.histories:
        raise NeedsRead([profile], history=True)
    return newest_root(
        fold_spans(entry for entry in read.histories[profile] if entry.effective_at <= said)
    )


def _states(project_id: str, decision: Decision, read: _Read, created: int = 0) -> list[Action]:
    """The nodes that change, and those that must not have changed."""
    written: list[Action] = [
        _put(project_id, node, read.records[node]._replace(state=state), created)
        for node, state in decision.states.items()
    ]
    held: list[Action] = [
        Check(keys.node_head(project_id, node), Rev(rev)) for node, rev in decision.checks.items()
    ]
    settled: list[Action] = [
        Check(keys.node_head(project_id, node), Same("created", read.records[node].created))
        for node in decision.settled
    ]
    fresh: list[Action] = [
        _still_erased(project_id, node, read.records[node].last_erased_at)
        for node in decision.states
        if node.type != PROFILE and not read.records[node].state.rev
    ]
    return [*written, *held, *settled, *fresh]


def _still_erased(project_id: str, node: Node, before: int) -> Check:
    """That an identifier which is not there was not erased, or erased again, since it was read."""
    return Check(keys.tombstone(project_id, node), Same("at", before) if before else Absent())


def _put(project_id: str, node: Node, record: Record, created: int) -> Put:
    rev = record.state.rev
    fresh = record._replace(
        created=record.created or created, state=record.state._replace(rev=record.next_rev)
    )
    return Put(keys.node_head(project_id, node), items.encode_record(fresh), Rev(rev))


def _owned(project_id: str, decision: Decision) -> Iterator[Action]:
    for node, before, after in decision.owned:
        if before:
            yield Delete(keys.customer_identifier(project_id, before, node))
        if after:
            yield Put(keys.customer_identifier(project_id, after, node), {})


def _entry(call: Call, new: NewEntry, rev: int, node_list: tuple[Node, ...]) -> Entry:
    return Entry(
        rev=rev,
        rule=new.rule,
        evidence=call.evidence,
        at=call.now,
        effective_at=new.effective_at,
        source=call.name,
        nodes=node_list,
        link=new.link,
        starts_span=new.starts_span,
        owner=new.owner,
    )


def _with_values(
    call: Call,
    root: Node,
    states: Mapping[Node, State],
    read: _Read,
    said: Values,
    actions: Sequence[Action],
) -> list[Action]:
    """The actions of a decision, and those that write what is new of these values to its root."""
    record = read.records[root]
    known = [r.values for node, r in read.records.items() if node != root]
    unsaid = {n: v for n, v in said.items() if not any(_says(other, n, v) for other in known)}
    changed = values.changed(record.values, unsaid)
    if not changed:
        return list(actions)
    spilled = values.spilled_names(record.values, changed)
    kept = {
        name: v._replace(json="", spilled=True) if name in spilled else v
        for name, v in changed.items()
    }
    full = record._replace(state=states.get(root, record.state), values={**record.values, **kept})
    head = keys.node_head(call.project_id, root)
    others = [action for action in actions if action.key != head]
    pieces = [_spill(call.project_id, root, name, changed[name]) for name in spilled]
    return [_put(call.project_id, root, full, call.now), *others, *pieces]


def _check_room(record: Record, said: Values) -> None:
    """Whether all that a command says has room, before any of it is written. Raises `Invalid`."""
    values.check_name_count([*record.values, *(name for name in said if name not in record.values)])


def _says(known: Values, name: Name, value: values.Value) -> bool:
    """Whether a node between says this already: a command that is sent again after a link says nothing new."""
    found = known.get(name)
    return (
        found is not None
        and found.time == value.time
        and (found.spilled or found.json == value.json)
    )


def _spill(project_id: str, root: Node, name: Name, value: values.Value) -> Put:
    return Put(keys.spilled_value(project_id, root, name), {"time": value.time, "json": value.json})


def _portions(said: Values) -> list[Values]:
    """Values in portions that fit a transaction; one empty portion where there are none."""
    portions: list[dict[Name, values.Value]] = [{}]
    room = _BYTES_AT_ONCE
    for name, value in said.items():
        if len(portions[-1]) >= _SPILLS_AT_ONCE or len(value.json) > room:
            portions.append({})
            room = _BYTES_AT_ONCE
        portions[-1][name] = value
        room -= len(value.json)
    return list(portions)
