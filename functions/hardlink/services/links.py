"""Link visitors to customers: plan a decision as actions, and write them in one transaction.

How much is written at once: a link, the session that it is for and a first portion of the values
are one transaction, as each of them alone would break a promise. Further values may follow in
transactions of their own: each value is last-writer-wins by itself, and a call that is sent again
writes what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from hardlink import metrics
from hardlink.domain import identity, synthetic_ids, values
from hardlink.domain.call import Call, Change
from hardlink.domain.changeset import Decision, NewEntry
from hardlink.domain.errors import BeforeErasure, Refused
from hardlink.domain.graph import PROFILE, Entry, Node, State
from hardlink.domain.identity import Claim
from hardlink.domain.records import Record
from hardlink.domain.values import Name, Value, Values
from hardlink.storage import items, keys
from hardlink.storage.node_reader import LivingNodeReader
from hardlink.storage.retries import retry_conflicts
from hardlink.storage.store import (
    MOST_ACTIONS,
    Absent,
    Action,
    Check,
    Delete,
    Patch,
    Present,
    Put,
    Rev,
    Same,
    Store,
)

_SPILLS_AT_ONCE = 30
_BYTES_AT_ONCE = 2_000_000
"""A transaction holds 100 actions and 4 MB, and every value may be a large item of its own."""


class LinkPlan(NamedTuple):
    """The actions of one decision, and the portions of values that are written after them."""

    decision: Decision
    actions: Sequence[Action]
    later_values: Sequence[Values] = ()


class Links:
    """Reads and writes the identity forest."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def reader(self, project_id: str) -> LivingNodeReader:
        """Return a reader for one decision."""
        return LivingNodeReader(self._store, project_id)

    @retry_conflicts
    def identify(self, call: Call, claim: Claim, said: Values) -> Decision:
        """Link, and set these values of the customer; write nothing where all is so already.

        Raises `Refused` where a rule forbids it, and then nothing is changed; `BeforeErasure` where
        the claim was made before the erasure of a node that it names.
        """
        reader = self.reader(call.project_id)
        # before the decision: what predates an erasure is left out, not refused
        check_not_erased(reader, claim.nodes, claim.effective_at)
        plan = plan_identify(call, reader, claim, said)
        self.write(plan.actions)
        self.complete(call, plan, claim.effective_at)
        return plan.decision

    def find_root(self, call: Call, profile: Node, time: int | None = None) -> Node:
        """Find the customer behind a profile at a time (`None`: now), or the profile itself."""
        reader = self.reader(call.project_id)
        if not reader.record(profile).state.rev:
            return profile
        root = identity.find_root(profile, reader, call.project.hard_types, time)
        reader.check(root)
        return root

    def exists(self, call: Call, node: Node) -> bool:
        """Tell whether any call ever named a node."""
        return self.reader(call.project_id).record(node).state.rev > 0

    @retry_conflicts
    def undo(
        self,
        project_id: str,
        profile: Node,
        hard_types: frozenset[str],
        now: int,
        evidence: str | None = None,
    ) -> Decision:
        """Undo the newest link of a profile (rule 11).

        `evidence`: of the link that is meant, so that a repeated call undoes it once.

        Raises `Refused` where nothing is linked, or where the newest link has other evidence.
        """
        reader = self.reader(project_id)
        reader.check(profile)
        decision = identity.undo(profile, reader, hard_types, now, evidence)
        change = Change(project_id, now, evidence or "", "")
        self.write(decision_actions(change, decision, reader.records))
        return decision

    def write(self, actions: Sequence[Action]) -> None:
        """Write the actions of a plan, if there are any. Raises `ConditionFailed`."""
        if not all(isinstance(action, Check) for action in actions):
            self._store.write(actions)

    def complete(self, call: Call, plan: LinkPlan, effective_at: int) -> None:
        """Count the links of a written plan, and write the values for which it had no room.

        Raises `BeforeErasure` where their customer was erased meanwhile.
        """
        metrics.count("links_made", len(plan.decision.entries))
        for portion in plan.later_values:
            self._write_portion(call, plan.decision.customer, portion, effective_at)

    @retry_conflicts
    def _write_portion(
        self, call: Call, root: Node, portion: Values, effective_at: int
    ) -> None:
        reader = self.reader(call.project_id)
        check_not_erased(reader, [root], effective_at)
        if not reader.record(root).state.rev:
            # it was there when the link was written: values must not bring it back (I8)
            raise BeforeErasure(call.now)
        self.write(_with_values(call, root, {}, reader.records, portion, []))


def plan_identify(
    call: Call,
    reader: LivingNodeReader,
    claim: Claim,
    said: Values,
    *,
    reserved: int = 0,
) -> LinkPlan:
    """Plan a claim and the values that come with it.

    `reserved`: how many other actions the same transaction holds. Raises `Refused` where a rule
    forbids it. Values for which the customer has no room are left out, and the decision names them.
    """
    with _counted_refusals():
        reader.check(*claim.nodes)
        decision = identity.decide(claim, reader)
        _check_room_for_profile(call, claim, decision, reader)
    reader.check(decision.customer)
    records = reader.records
    said, left_out = values.keep_with_room(records[decision.customer].values, said)
    decision = decision._replace(left_out=left_out)
    actions = decision_actions(call.change, decision, records)
    # one action is kept for the root, which the values write though the link does not
    first, later = _portions(said, MOST_ACTIONS - reserved - len(actions) - 1)
    combined = _with_values(
        call, decision.customer, decision.states, records, first, actions
    )
    return LinkPlan(decision, combined, later)


def plan_values(
    call: Call,
    reader: LivingNodeReader,
    profile: Node,
    said: Values,
    time: int | None,
    *,
    reserved: int = 0,
) -> LinkPlan:
    """Plan values of the customer behind a profile, else of the profile itself (rule 9).

    `time`: when they were set, if the client names it: another customer may be behind the profile
    by now. Those for which there is no room are left out, and the decision names them.
    """
    root = identity.find_root(profile, reader, call.project.hard_types, time)
    reader.check(root)
    said, left_out = values.keep_with_room(reader.record(root).values, said)
    first, later = _portions(said, MOST_ACTIONS - reserved - 1)
    actions = _with_values(call, root, {}, reader.records, first, [])
    return LinkPlan(Decision(root, left_out=left_out), actions, later)


def last_erasure(
    reader: LivingNodeReader, named: Iterable[Node], effective_at: int
) -> int | None:
    """Return the time of the last erasure of a node that was named before it, if there is one."""
    named = list(named)
    reader.load(named)
    records = {node: reader.record(node) for node in named}
    last = max(map(_erasure_time, records.values()), default=0)
    if effective_at <= last:
        return last
    for node, record in records.items():
        # an identifier that stays names nobody for the time in which it found an erased customer
        if node.type != PROFILE and record.was_erased(effective_at):
            return effective_at
    return None


def _erasure_time(record: Record) -> int:
    """Return when an identifier was erased last, or since when it is being erased; 0 is never."""
    return max(record.last_erased_at, record.erasing_since)


def check_not_erased(
    reader: LivingNodeReader, named: Iterable[Node], effective_at: int
) -> None:
    """Raise `BeforeErasure` for what was said before the erasure of a node that it names."""
    erased_at = last_erasure(reader, named, effective_at)
    if erased_at is not None:
        raise BeforeErasure(erased_at)


_CAPS: Mapping[str, metrics.Name] = {
    "too_many_links": "links_capped",
    "too_many_links_a_day": "links_capped",
    "too_many_profiles": "profiles_capped",
}


@contextmanager
def _counted_refusals() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        metrics.count("links_refused")
        if capped := _CAPS.get(refused.code):
            metrics.count(capped)
        raise


def _check_room_for_profile(
    call: Call, claim: Claim, decision: Decision, reader: LivingNodeReader
) -> None:
    """Hold a customer to its number of profiles. Raises `Refused`.

    They are counted as they are associated, a moment after they are linked, and only where a
    profile joins a customer that existed before: so no call writes a count, and calls at once do
    not wait for each other.
    """
    entry = decision.entries.get(claim.profile) if claim.profile else None
    if claim.profile is None or entry is None or entry.link is None:
        return
    is_new = not reader.record(decision.customer).state.rev
    # neither needs the query, which is a request more on every login
    if is_new or synthetic_ids.is_synthetic(
        claim.profile.value
    ):  # a customer has one of those
        return
    most = call.project.profiles_a_customer
    if reader.count_profiles(decision.customer, most) >= most:
        raise Refused(
            f"this customer has {most} profiles already, and may have no more: "
            "raise profiles_a_customer",
            "ids",
            code="too_many_profiles",
        )


def decision_actions(
    change: Change, decision: Decision, records: Mapping[Node, Record]
) -> list[Action]:
    """Return the actions of one transaction that carries out a decision."""
    actions = _link_actions(change, decision, records)
    actions += _mark_actions(change, decision)
    for customer, absorbed, is_merged in decision.merged:
        key = keys.merged_customer(change.project_id, customer, absorbed)
        actions.append(Put(key, {}) if is_merged else Delete(key))
    return actions


def _mark_actions(change: Change, decision: Decision) -> Iterator[Action]:
    """Mark the entries that hold no longer, and unmark those that hold again."""
    for node, entry in decision.undone:
        key = keys.link_entry(change.project_id, node, entry.rev)
        yield Patch(key, {"undone": change.now}, Present())
    for node, entry in decision.restored:
        key = keys.link_entry(change.project_id, node, entry.rev)
        yield Patch(key, {}, Present(), remove=("undone",))


def _link_actions(
    change: Change, decision: Decision, records: Mapping[Node, Record]
) -> list[Action]:
    project_id = change.project_id
    actions = _state_actions(project_id, decision, records, change.now)
    for node, new in decision.entries.items():
        rev = records[node].next_rev
        entry = _entry(change, node, new, rev, decision)
        actions.append(
            Put(keys.link_entry(project_id, node, rev), items.encode_entry(entry))
        )
    actions += _owner_actions(project_id, decision)
    for soft, profile in decision.children:
        key = keys.linked_profile(project_id, soft, profile)
        actions.append(Put(key, {"since": change.now}))
    for node, new in decision.entries.items():
        for target in dict.fromkeys((new.link, new.owner)):
            if target and (target, node) not in decision.children:
                actions.append(Put(keys.back_reference(project_id, target, node), {}))
    return actions


def _state_actions(
    project_id: str,
    decision: Decision,
    records: Mapping[Node, Record],
    created: int = 0,
) -> list[Action]:
    """Return writes of the nodes that change, and checks of those that must not."""
    actions: list[Action] = []
    for node, state in decision.states.items():
        record = records[node]
        actions.append(_put(project_id, node, record._replace(state=state), created))
        if node.type != PROFILE and not record.state.rev:
            # an erasure deletes the node, so only its tombstone tells that one came in between
            actions.append(_check_tombstone(project_id, node, record.last_erased_at))
    for node, rev in decision.checks.items():
        actions.append(Check(keys.node_head(project_id, node), Rev(rev)))
    for node in decision.stable_roots:
        # `created` goes when an erasure begins, and stays whatever else is written
        unchanged = Same("created", records[node].created)
        actions.append(Check(keys.node_head(project_id, node), unchanged))
    return actions


def _check_tombstone(project_id: str, node: Node, erased_at: int) -> Check:
    """Check that an identifier which does not exist was not erased since it was read."""
    condition = Same("at", erased_at) if erased_at else Absent()
    return Check(keys.tombstone(project_id, node), condition)


def _put(project_id: str, node: Node, record: Record, created: int) -> Put:
    fresh = record._replace(
        created=record.created or created,
        state=record.state._replace(rev=record.next_rev),
    )
    head = keys.node_head(project_id, node)
    return Put(head, items.encode_record(fresh), Rev(record.state.rev))


def _owner_actions(project_id: str, decision: Decision) -> list[Action]:
    actions: list[Action] = []
    for node, before, after in decision.owned:
        if before:
            actions.append(Delete(keys.customer_identifier(project_id, before, node)))
        if after:
            actions.append(Put(keys.customer_identifier(project_id, after, node), {}))
    return actions


def _entry(
    change: Change, node: Node, new: NewEntry, rev: int, decision: Decision
) -> Entry:
    own_profiles = list(filter(_is_own_profile, decision.entries))
    linked_nodes = tuple(one for one in decision.entries if one not in own_profiles)
    evidence = change.evidence
    if node in own_profiles:
        # evidence of its own: a customer's own session stays theirs when a visitor is unlinked
        # whom the same command linked
        evidence, linked_nodes = f"{change.evidence}/own", (node,)
    return Entry(
        rev=rev,
        rule=new.rule,
        evidence=evidence,
        at=change.now,
        effective_at=new.effective_at,
        source=change.source,
        nodes=linked_nodes,
        link=new.link,
        starts_span=new.starts_span,
        owner=new.owner,
    )


def _is_own_profile(node: Node) -> bool:
    """Tell whether a node is the profile of a customer's own session."""
    return node.type == PROFILE and synthetic_ids.is_synthetic(node.value)


def _with_values(
    call: Call,
    root: Node,
    states: Mapping[Node, State],
    records: Mapping[Node, Record],
    said: Values,
    actions: Sequence[Action],
) -> list[Action]:
    """Add to a decision's actions those that write what is new of these values to its root."""
    record = records[root]
    # the nodes between profile and root were read for the decision, so this costs no request
    others = [found.values for node, found in records.items() if node != root]
    changed = values.changed(record.values, _unknown_values(said, others))
    if not changed:
        return list(actions)
    spilled = values.spilled_names(record.values, changed)
    merged = dict(record.values)
    for name, value in changed.items():
        # a removal stands in the node, where names are counted, and in the item of its own, which
        # contributions refer to
        is_apart = name in spilled and not values.is_removed(name, value)
        merged[name] = value._replace(json="", spilled=True) if is_apart else value
    kept = values.without_old_removals(merged)
    full = record._replace(state=states.get(root, record.state), values=kept)
    put = _put(call.project_id, root, full, call.now)
    pieces = [_spill(call.project_id, root, name, changed[name]) for name in spilled]
    return [put, *(action for action in actions if action.key != put.key), *pieces]


def _unknown_values(said: Values, others: Sequence[Values]) -> Values:
    """Leave out what another node has: a call that is repeated after a link changes nothing."""
    unknown = dict(said)
    for known in others:
        for name in known.keys() & unknown.keys():
            if _is_same(known[name], unknown[name]):
                del unknown[name]
    return unknown


def _is_same(known: Value, value: Value) -> bool:
    """Tell whether a value is stored already; of a large one, only its time is at hand."""
    is_equal = known.spilled or known.json == value.json
    return is_equal and known.time == value.time


def _spill(project_id: str, root: Node, name: Name, value: Value) -> Put:
    key = keys.spilled_value(project_id, root, name)
    return Put(key, {"time": value.time, "json": value.json})


def _portions(said: Values, room: int) -> tuple[Values, list[Values]]:
    """Divide values: at most `room` of them now, the others in portions for later."""
    portions: list[dict[Name, Value]] = [{}]
    most = max(0, min(room, _SPILLS_AT_ONCE))
    free_bytes = _BYTES_AT_ONCE
    for name, value in said.items():
        size = len(value.json.encode())
        if len(portions[-1]) >= most or size > free_bytes:
            portions.append({})
            most, free_bytes = _SPILLS_AT_ONCE, _BYTES_AT_ONCE
        portions[-1][name] = value
        free_bytes -= size
    return portions[0], list(portions[1:])
