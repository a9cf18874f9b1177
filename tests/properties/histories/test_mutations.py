"""The library broken on purpose, in one place at a time: the exploration of interleavings has to notice each break
of the protocol, and the random histories each break of a rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import pytest

from hardlink.domain import changeset as changeset_module
from hardlink.domain import graph, identity, records
from hardlink.domain.erasure import redaction
from hardlink.domain.errors import HardlinkError
from hardlink.domain.graph import PROFILE, Entry
from hardlink.domain.records import Key
from hardlink.domain.times import END
from hardlink.queries import customer, explanation
from hardlink.services import (
    association,
    consent,
    links,
    sessions,
)
from hardlink.services.erasure import begin, spread
from hardlink.services.erasure import sweep as erasure_sweep
from hardlink.storage import keys
from hardlink.storage.store import (
    Action,
    AtMost,
    Check,
    Condition,
    Delete,
    Put,
    Rev,
)
from tests.properties.histories import test_erasures, test_interleavings
from tests.properties.histories.machine import histories
from tests.properties.histories.test_erasures import Erasures
from tests.properties.histories.test_histories import EXAMPLES, Histories
from tests.properties.histories.test_interleavings import CASES, tried
from tests.support import invariants

Patching = Callable[[pytest.MonkeyPatch], None]
ENOUGH = 100_000
"""Schedules, of which the first that shows a break ends the search."""
BY_NAME = {case.name: case for case in CASES}


class NoCheck(Check):
    """Checks nothing: what it looks at is somewhere where nothing ever is."""

    def __new__(cls, key: Key, when: Condition) -> Self:
        return super().__new__(
            cls, key._replace(partition=f"{key.partition}/nowhere"), Rev(0)
        )


def _without_checks(module: Any) -> Patching:
    return lambda patch: patch.setattr(module, "Check", NoCheck)


def _association_lowers_latest(patch: pytest.MonkeyPatch) -> None:
    """A session's row is written whatever a later reader wrote."""

    def always(key: Key, item: records.Item, when: Condition | None = None) -> Put:
        return Put(key, item, None if isinstance(when, AtMost) else when)

    patch.setattr(
        association, "_session_rows", _with(association._session_rows, always)
    )


def _with(
    rows: Callable[..., Iterator[Action]], put: Callable[..., Put]
) -> Callable[..., Any]:
    def mutated(*args: Any) -> Iterator[Action]:
        for action in rows(*args):
            yield (
                put(action.key, action.item, action.when)
                if isinstance(action, Put)
                else action
            )

    return mutated


def _root_references_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """`h/` is not written, so nobody knows where rows may be that have to go."""
    whole = association._diff_rows

    def mutated(*args: Any, **more: Any) -> Iterator[Action]:
        return (
            action
            for action in whole(*args, **more)
            if isinstance(action, Delete) or not action.key.item.startswith("h/")
        )

    patch.setattr(association, "_diff_rows", mutated)


def _stale_references_go_first(patch: pytest.MonkeyPatch) -> None:
    """`h/` goes before the rows that it leads to, each in a transaction of its own."""
    whole = association._diff_rows

    def mutated(*args: Any, **more: Any) -> Iterator[Action]:
        actions = list(whole(*args, **more))
        gone = [
            a for a in actions if isinstance(a, Delete) and a.key.item.startswith("h/")
        ]
        return iter([*gone, *(action for action in actions if action not in gone)])

    patch.setattr(association, "_diff_rows", mutated)
    _one_at_a_time(patch)


def _one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        association, "_batches", lambda actions, _: ([action] for action in actions)
    )


def _undo_marks_the_profile_alone(patch: pytest.MonkeyPatch) -> None:
    def only_profiles(draft: Any, node: Any, *args: Any) -> None:
        if node.type == PROFILE:
            whole(draft, node, *args)

    whole = changeset_module.ChangeSet.undo_entries
    patch.setattr(changeset_module.ChangeSet, "undo_entries", only_profiles)


def _links_overwrite(patch: pytest.MonkeyPatch) -> None:
    """A node is written whatever was written to it since it was read."""
    whole = links._put
    patch.setattr(links, "_put", lambda *args: whole(*args)._replace(when=None))


def _children_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        changeset_module.ChangeSet,
        "to_decision",
        _childless(changeset_module.ChangeSet.to_decision),
    )


def _childless(
    whole: Callable[..., changeset_module.Decision],
) -> Callable[..., changeset_module.Decision]:
    return lambda *args: whole(*args)._replace(children=())


def _nothing_is_swept(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(erasure_sweep, "_deletions", lambda *_: [])


@pytest.mark.parametrize(
    ("mutation", "case"),
    [
        (
            _without_checks(association),
            "a visitor comes and goes while two workers follow, one dies on the way",
        ),
        (
            _association_lowers_latest,
            "a session is raised twice while two workers follow",
        ),
        (
            _root_references_are_forgotten,
            "two customers log in on one device at once, policy move",
        ),
        (
            _stale_references_go_first,
            "a visitor comes and goes while two workers follow, one dies on the way",
        ),
        (_links_overwrite, "two customers log in on one device at once, policy split"),
        (
            _without_checks(links),
            "who is known by an email is unlinked while being identified, policy split",
        ),
        (
            _children_are_forgotten,
            "one says an email while another says it with a hard ID",
        ),
        (
            _without_checks(sessions),
            "a visitor opts out while a session of theirs is opened",
        ),
        (
            _without_checks(consent),
            "a visitor opts out while another call opts them in",
        ),
        (_nothing_is_swept, "a customer is erased while their device is tracked"),
    ],
)
def test_a_broken_protocol_is_noticed(
    mutation: Patching, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    monkeypatch.setattr(test_interleavings, "MOST", ENOUGH)
    with pytest.raises(AssertionError, match="after "):
        tried(BY_NAME[case])


def _spans_never_begin(patch: pytest.MonkeyPatch) -> None:
    whole = graph.fold_spans

    def mutated(entries: Iterable[Entry]) -> tuple[graph.Span, ...]:
        return whole(entry._replace(starts_span=False) for entry in entries)

    for module in (graph, identity, association, explanation, invariants):
        patch.setattr(module, "fold_spans", mutated)


def _spans_in_order_of_arrival(patch: pytest.MonkeyPatch) -> None:
    whole = graph.fold_spans

    def mutated(entries: Iterable[Entry]) -> tuple[graph.Span, ...]:
        return whole(entry._replace(effective_at=entry.rev) for entry in entries)

    for module in (graph, identity, association, explanation, invariants):
        patch.setattr(module, "fold_spans", mutated)


def _owners_ignore_time(patch: pytest.MonkeyPatch) -> None:
    """An older word takes an identifier back."""
    whole = changeset_module.ChangeSet.set_owner

    def mutated(draft: Any, *args: Any) -> None:
        timed, draft._timed = draft._timed, False
        whole(draft, *args)
        draft._timed = timed

    patch.setattr(changeset_module.ChangeSet, "set_owner", mutated)


def _look_ups_ignore_time(patch: pytest.MonkeyPatch) -> None:
    whole = changeset_module.ChangeSet.look_up

    def mutated(draft: Any, node: Any) -> Any:
        timed, draft._timed = draft._timed, False
        found = whole(draft, node)
        draft._timed = timed
        return found

    patch.setattr(changeset_module.ChangeSet, "look_up", mutated)


def _undo_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A claim that was said before an undo stands again when it is resent."""
    whole = changeset_module.ChangeSet.undo_entries

    def mutated(draft: Any, node: Any, *args: Any) -> None:
        whole(draft, node, *args)
        draft._states[node] = draft._states[node]._replace(undone=0)

    patch.setattr(changeset_module.ChangeSet, "undo_entries", mutated)


def _the_known_are_split(patch: pytest.MonkeyPatch) -> None:
    """Who was known by a soft identifier alone is treated as somebody else than the hard one."""
    whole = identity._rule
    patch.setattr(
        identity,
        "_rule",
        lambda claim, current, customer: (
            claim.policy
            if whole(claim, current, customer) == "known"
            else whole(claim, current, customer)
        ),
    )


def _history_moves_with_the_owner(patch: pytest.MonkeyPatch) -> None:
    """A soft identifier that changes hands takes along who was identified by it."""
    whole = changeset_module.ChangeSet.set_owner

    def mutated(draft: Any, node: Any, customer: Any) -> None:
        whole(draft, node, customer)
        state = draft.state(node)
        if state.link and state.link != customer and customer.type in draft.hard_types:
            draft.add_link(
                node,
                changeset_module.NewEntry("known", draft._effective_at, customer),
                target=customer,
            )

    patch.setattr(changeset_module.ChangeSet, "set_owner", mutated)


def _caps_are_not_counted_down(patch: pytest.MonkeyPatch) -> None:
    whole = changeset_module.ChangeSet._count_identifier

    def mutated(draft: Any, node: Any, customer: Any, step: int) -> None:
        if step > 0:
            whole(draft, node, customer, step)

    patch.setattr(changeset_module.ChangeSet, "_count_identifier", mutated)


def _customers_merge(patch: pytest.MonkeyPatch) -> None:
    """Of two customers in one call the first is taken."""

    def mutated(draft: Any, hard: Any) -> Any:
        root = draft.look_up(hard[0]) or hard[0]
        draft.mark_known(root)
        return root

    patch.setattr(identity, "_known_customer", mutated)


def _late_claims_come_last(patch: pytest.MonkeyPatch) -> None:
    """A late claim is taken as if it were said now."""

    def mutated(draft: Any, claim: Any, profile: Any, customer: Any) -> None:
        identity._relink(draft, claim._replace(timed=False), profile, customer)

    patch.setattr(identity, "_relink_late", mutated)


def _opting_out_forgets_other_sessions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(consent.Consents, "_set_sessions", lambda *_, **__: None)


@pytest.mark.parametrize(
    "mutation",
    [
        _undo_marks_the_profile_alone,
        _spans_never_begin,
        _spans_in_order_of_arrival,
        _owners_ignore_time,
        _look_ups_ignore_time,
        _undo_is_forgotten,
        _the_known_are_split,
        _history_moves_with_the_owner,
        _caps_are_not_counted_down,
        _customers_merge,
        _late_claims_come_last,
        _opting_out_forgets_other_sessions,
        _root_references_are_forgotten,
        _children_are_forgotten,
        _stale_references_go_first,
    ],
)
def test_a_broken_rule_is_noticed(
    mutation: Patching, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    with pytest.raises((AssertionError, HardlinkError)):
        histories(Histories, EXAMPLES, shrink=False)


def _tombstones_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Whoever is erased may be named again by what was said before."""
    whole = begin.begin_erasure

    def mutated(*args: Any) -> list[Action]:
        return [action for action in whole(*args) if action.key.item != "t"]

    for module in (begin, spread):
        patch.setattr(module, "begin_erasure", mutated)


def _gone_sessions_take_late_events(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(records.Session, "was_erased", lambda *_: False)


def _addresses_keep_their_late_words(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(records.Record, "was_erased", lambda *_: False)


def _who_comes_back_may_be_late(patch: pytest.MonkeyPatch) -> None:
    """A session that begins anew does not know that anything came before."""
    patch.setattr(sessions, "_take_over", lambda session, *_: session)


def _nobody_is_freed(patch: pytest.MonkeyPatch) -> None:
    """Whoever was known by an address that stays is still there."""
    patch.setattr(
        spread.ErasureSpread,
        "_free_identifier",
        lambda self, tasks, soft, _: (
            self._store.write([tasks.delete(keys.FREED_IDENTIFIER, soft)]) or iter(())
        ),
    )


def _who_shares_a_device_goes(patch: pytest.MonkeyPatch) -> None:
    """Of a device or an address that two had the last one's erasure takes all."""
    whole = redaction.find_owners

    def mutated(node: Any, record: Any, history: Any) -> set[Any]:
        last = graph.newest_root(graph.fold_spans(history))
        return {last} if last else whole(node, record, history)

    patch.setattr(redaction, "find_owners", mutated)


def _nobodys_goes_with_the_first(patch: pytest.MonkeyPatch) -> None:
    """What nobody did after one who was erased goes with who was there before."""
    whole = redaction.find_owners
    patch.setattr(redaction, "find_owners", lambda *args: whole(*args) - {graph.NOBODY})


def _who_stays_keeps_its_values(patch: pytest.MonkeyPatch) -> None:
    whole = redaction.redact_node

    def mutated(node: Any, record: records.Record, *args: Any) -> redaction.Redaction:
        change = whole(node, record, *args)
        return change._replace(record=change.record._replace(values=record.values))

    patch.setattr(redaction, "redact_node", mutated)


def _who_stays_keeps_its_events(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(erasure_sweep.SweptSession, "loses", lambda *_: False)


def _everybody_comes_back_as_another(patch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    after = sessions._successor_profile
    patch.setattr(
        sessions,
        "_successor_profile",
        lambda named, _: after(named, str(next(numbers))),
    )


def _names_stay_elsewhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(spread, "_leading_rows", lambda *_: iter(()))


def _only_the_last_erasure_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        redaction, "join_parts", lambda one, other: tuple(sorted(other or one))
    )


def _links_of_the_erased_are_taken_back(patch: pytest.MonkeyPatch) -> None:
    """What the erased were is undone: whoever was there before is there again."""
    whole = redaction.redact_entry

    def mutated(entry: Entry, dead: Any, *args: Any) -> Entry:
        is_named = entry.link in dead or entry.owner in dead
        return whole(entry, dead, *args)._replace(
            undone=entry.at if is_named else entry.undone
        )

    patch.setattr(redaction, "redact_entry", mutated)


def _erased_owners_fall_back(patch: pytest.MonkeyPatch) -> None:
    """Whoever had an address before is erased by it, once its owner was (A1)."""
    whole = graph.next_node

    def mutated(state: graph.State, *, is_named: bool) -> graph.Node | None:
        found = whole(state, is_named=is_named)
        return state.link if found == graph.NOBODY else found

    patch.setattr(begin, "next_node", mutated)


def _spans_of_the_erased_go_on(patch: pytest.MonkeyPatch) -> None:
    """What happens after an erasure is lost with the erased customer's span (A2)."""

    def mutated(starts: Any, entry: Entry) -> int:
        start: int = starts[-1].time if starts else 0
        return max(start, entry.effective_at) if starts and entry.starts_span else start

    patch.setattr(graph, "_span_start", mutated)


def _what_is_dated_ahead_stays(patch: pytest.MonkeyPatch) -> None:
    """What is stored is judged as what comes later: by its time alone (A3)."""

    def mutated(part: records.Erased, time: int, _: int) -> bool:
        return part.includes(time)

    patch.setattr(records.Erased, "includes_stored", mutated)


def _commands_forget_the_freed(patch: pytest.MonkeyPatch) -> None:
    """An undo does not find the identifiers that stay (A10)."""
    whole = redaction.redact_node

    def mutated(*args: Any) -> redaction.Redaction:
        return whole(*args[:5])

    patch.setattr(redaction, "redact_node", mutated)


def _addresses_go_with_their_owners(patch: pytest.MonkeyPatch) -> None:
    """Whoever is known by an address alone goes with a customer who has it by now (A9)."""
    whole = redaction.find_owners

    def mutated(node: Any, record: records.Record, history: Any) -> set[Any]:
        state = record.state._replace(known=False)
        return whole(node, record._replace(state=state), history)

    patch.setattr(redaction, "find_owners", mutated)


def _visitors_show_whose_they_were(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(customer, "unlinked_intervals", lambda _: ((0, END),))


@pytest.mark.parametrize(
    "mutation",
    [
        _tombstones_are_forgotten,
        _gone_sessions_take_late_events,
        _addresses_keep_their_late_words,
        _who_comes_back_may_be_late,
        _nobody_is_freed,
        _who_shares_a_device_goes,
        _nobodys_goes_with_the_first,
        _who_stays_keeps_its_values,
        _who_stays_keeps_its_events,
        _everybody_comes_back_as_another,
        _names_stay_elsewhere,
        _only_the_last_erasure_counts,
        _links_of_the_erased_are_taken_back,
        _visitors_show_whose_they_were,
        _erased_owners_fall_back,
        _spans_of_the_erased_go_on,
        _what_is_dated_ahead_stays,
        _commands_forget_the_freed,
        _addresses_go_with_their_owners,
    ],
)
def test_a_broken_erasure_is_noticed(
    mutation: Patching, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    with pytest.raises((AssertionError, HardlinkError, pytest.fail.Exception)):
        histories(Erasures, 3 * test_erasures.EXAMPLES, shrink=False)
