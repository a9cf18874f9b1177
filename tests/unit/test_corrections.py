"""What the shop corrects, as tables: merges, identifiers that are taken off, and undoing either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from hardlink.domain import corrections, identity
from hardlink.domain.changeset import (
    MERGE,
    MOST_MERGES,
    REMOVAL,
    ChangeSet,
    ForestSnapshot,
)
from hardlink.domain.errors import NotFound, Refused
from hardlink.domain.graph import NOBODY, Entry, Node, State
from hardlink.domain.identity import Claim

HARD = frozenset({"registered", "loyalty"})
GORDON, FREEMAN = Node("registered", "gordon"), Node("registered", "freeman")
CARD, MAIL = Node("loyalty", "77"), Node("email", "g@x.com")
ROOT = State(rev=1, known=True)
NOW = 1_000


def reader(
    states: Mapping[Node, State],
    histories: Mapping[Node, Sequence[Entry]] | None = None,
) -> ForestSnapshot:
    """A forest of which every other node is new."""
    nodes = {node: State() for node in (GORDON, FREEMAN, CARD, MAIL)}
    empty: dict[Node, Sequence[Entry]] = dict.fromkeys(nodes, ())
    return ForestSnapshot({**nodes, **states}, {**empty, **(histories or {})})


def entry(
    rev: int,
    rule: str = "known",
    *,
    at: int = 0,
    link: Node | None = None,
    owner: Node | None = None,
    undone: int = 0,
) -> Entry:
    """An entry of the command `e<rev>`, written at `rev` unless `at` says otherwise."""
    written = at or rev
    return Entry(
        rev, rule, f"e{rev}", written, rev, "shop", (), link, owner=owner, undone=undone
    )


# -- W4: two customers are one --------------------------------------------------------------------


@pytest.mark.parametrize("merges", [0, MOST_MERGES - 2])
def test_w4_so_many_merges_may_lie_one_above_the_other(merges: int) -> None:
    states = {GORDON: ROOT, FREEMAN: ROOT._replace(merges=merges)}
    decision = corrections.merge(FREEMAN, GORDON, reader(states), HARD, NOW)
    assert decision.states[GORDON].merges == merges + 1
    assert decision.entries[FREEMAN].link == GORDON


def test_w4_one_merge_more_is_refused() -> None:
    states = {GORDON: ROOT, FREEMAN: ROOT._replace(merges=MOST_MERGES - 1)}
    with pytest.raises(Refused, match="into this one"):
        corrections.merge(FREEMAN, GORDON, reader(states), HARD, NOW)


def test_w4_a_reader_follows_no_more_merges_than_there_may_be() -> None:
    """Even if there were a circle, which no two calls can make."""
    states = {GORDON: ROOT._replace(link=FREEMAN), FREEMAN: ROOT._replace(link=GORDON)}
    changes = ChangeSet(reader(states), HARD, NOW)
    assert changes.survivor(GORDON) == GORDON


def test_w4_identifiers_of_both_stay_with_whom_they_are() -> None:
    """A log-in with the ID of one and the card of the other, since they are one."""
    states = {
        FREEMAN: ROOT._replace(link=GORDON),
        GORDON: ROOT,
        CARD: State(rev=1, owner=FREEMAN),
    }
    claim = Claim(None, (GORDON, CARD), HARD, "split", NOW)
    decision = identity.decide(claim, reader(states))
    assert (decision.customer, decision.states) == (GORDON, {})


def test_w4_a_merge_with_a_customer_who_was_erased_is_taken_back_without_them() -> None:
    merged = entry(2, MERGE, link=NOBODY)
    forest = reader({FREEMAN: ROOT}, {FREEMAN: [merged]})
    decision = corrections.undo_correction(FREEMAN, "e2", forest, HARD, NOW)
    assert (decision.undone, decision.merged) == (((FREEMAN, merged),), ())


# -- W3: an identifier is taken off ---------------------------------------------------------------

OWNED = entry(1, link=GORDON, owner=GORDON)
TAKEN = OWNED._replace(undone=2)
REMOVED = entry(2, REMOVAL)
"""It took `OWNED` back, which became `TAKEN`."""


@pytest.mark.parametrize(
    ("history", "undone"),
    [
        pytest.param([OWNED], [1], id="what leads to the customer"),
        pytest.param([OWNED._replace(undone=9)], [], id="not what an undo took back"),
        pytest.param([TAKEN, REMOVED], [1], id="also what an earlier removal took"),
        pytest.param(
            [TAKEN, REMOVED._replace(undone=3)], [], id="but none that was undone"
        ),
        pytest.param(
            [OWNED, entry(2, owner=FREEMAN)], [1], id="and not another customer's"
        ),
    ],
)
def test_w3_a_removal_marks(history: Sequence[Entry], undone: Sequence[int]) -> None:
    changes = ChangeSet(reader({GORDON: ROOT}, {MAIL: history}), HARD, NOW)
    changes.remove_identifier(MAIL, {GORDON})
    marked = changes.to_decision(GORDON).undone
    assert [entry.rev for _, entry in marked] == undone


@pytest.mark.parametrize(
    ("history", "undone"),
    [
        pytest.param([OWNED], [1], id="what the command linked"),
        pytest.param([OWNED._replace(undone=9)], [], id="not what was undone before"),
        pytest.param([TAKEN, REMOVED], [1], id="also what a removal took back since"),
        pytest.param([entry(3, owner=GORDON)], [], id="not what another one linked"),
    ],
)
def test_w3_undoing_a_command_marks(
    history: Sequence[Entry], undone: Sequence[int]
) -> None:
    changes = ChangeSet(reader({GORDON: ROOT}, {MAIL: history}), HARD, NOW)
    changes.undo_entries(MAIL, "e1")
    marked = changes.to_decision(GORDON).undone
    assert [entry.rev for _, entry in marked] == undone


def test_w3_a_removal_is_undone_by_any_identifier_of_the_customer() -> None:
    """The correction stands in the history of the hard identifier that owns the address."""
    merged = entry(2, MERGE, link=FREEMAN)
    states = {
        GORDON: ROOT._replace(link=FREEMAN),
        FREEMAN: ROOT,
        MAIL: State(rev=1, owner=GORDON, link=GORDON),
    }
    forest = reader(states, {GORDON: [entry(1), merged], MAIL: [OWNED]})
    decision = corrections.undo_correction(MAIL, "e2", forest, HARD, NOW)
    assert decision.merged == ((FREEMAN, GORDON, False),)


@pytest.mark.parametrize("owner", [None, GORDON])
@pytest.mark.parametrize("evidence", ["e1", "e7"])
def test_w3_only_a_correction_is_undone_so(owner: Node | None, evidence: str) -> None:
    """`e1` is a log-in, which `unlink` takes back; nothing has the evidence `e7`."""
    forest = reader({GORDON: ROOT, MAIL: State(rev=1, owner=owner)}, {MAIL: [OWNED]})
    with pytest.raises(NotFound, match="no correction"):
        corrections.undo_correction(MAIL, evidence, forest, HARD, NOW)


def test_w3_an_identifier_of_another_customer_is_refused() -> None:
    forest = reader({GORDON: ROOT, FREEMAN: ROOT, MAIL: State(rev=1, owner=FREEMAN)})
    with pytest.raises(Refused, match="another customer"):
        corrections.remove_identifier(MAIL, GORDON, forest, HARD, NOW)


def test_w3_nothing_is_taken_off_where_the_customer_who_had_it_was_erased() -> None:
    forest = reader({GORDON: ROOT, MAIL: State(rev=1, owner=NOBODY)})
    decision = corrections.remove_identifier(MAIL, GORDON, forest, HARD, NOW)
    assert (decision.customer, decision.states) == (GORDON, {})
