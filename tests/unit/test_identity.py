"""The rules of identity as tables: each row is a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from hardlink.domain import identity
from hardlink.domain.changeset import (
    MOST_LINKS,
    MOST_SOFT_LINKS,
    Decision,
    ForestSnapshot,
)
from hardlink.domain.errors import Refused
from hardlink.domain.graph import (
    NOBODY,
    Entry,
    Node,
    Policy,
    Span,
    State,
    current_owner,
    fold_spans,
    profile_node,
    unlinked_intervals,
)
from hardlink.domain.identity import Claim, decide, look_up, undo
from hardlink.domain.times import END

HARD = frozenset({"registered", "loyalty"})
P, Q = profile_node("p"), profile_node("q")
A, B = Node("registered", "a"), Node("registered", "b")
L, M = Node("loyalty", "l"), Node("loyalty", "m")
X, Y = Node("email", "x"), Node("user_id", "y")
NEW = State()
ROOT = State(rev=3, known=True)
PROFILE = State(rev=1)
NOW = 1_000

Facts = Mapping[Node, State]


class Everything(dict[Node, State]):
    """Facts in which a node that nobody mentioned is new."""

    def __contains__(self, node: object) -> bool:
        return True

    def __missing__(self, node: Node) -> State:
        return PROFILE if node.type == "profile" else NEW


def snapshot(
    facts: Facts, histories: Mapping[Node, Sequence[Entry]] | None = None
) -> ForestSnapshot:
    return ForestSnapshot(Everything(facts), histories or {})


def claim(*ids: Node, policy: Policy = "move", said: int = NOW, **more: Any) -> Claim:
    return Claim(P, ids, HARD, policy, said, **more)


def decided(
    facts: Facts,
    *ids: Node,
    histories: Mapping[Node, Sequence[Entry]] | None = None,
    **more: Any,
) -> Decision:
    return decide(claim(*ids, **more), snapshot(facts, histories))


def linked(to: Node, said: int = 10) -> State:
    return State(rev=2, link=to, effective_at=said, links=1)


def entry(rev: int, link: Node | None = None, said: int = 0, **more: Any) -> Entry:
    return Entry(
        rev,
        "r",
        more.pop("evidence", f"e{rev}"),
        rev,
        said or rev,
        "s",
        (P,),
        link,
        **more,
    )


# -- rule 3: the first link ---------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["move", "split", "refuse"])
def test_a_profile_that_was_never_linked_brings_its_whole_history_along(
    policy: Policy,
) -> None:
    decision = decided({}, A, policy=policy)
    assert decision.customer == A
    assert decision.entries[P].rule == "first"
    assert decision.states[P].link == A
    assert decision.states[A].known
    history = [
        entry(
            2,
            decision.entries[P].link,
            NOW,
            starts_span=decision.entries[P].starts_span,
        )
    ]
    assert fold_spans(history)[0].start == 0


# -- rule 4: the second customer ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "starts_span"),
    [
        pytest.param(
            "move",
            False,
            id="move: the newest span belongs to the new customer instead",
        ),
        pytest.param("split", True, id="split: a new span begins, what happened stays"),
    ],
)
def test_a_second_customer_on_a_profile(policy: Policy, *, starts_span: bool) -> None:
    decision = decided({P: linked(A), A: ROOT}, B, policy=policy)
    assert decision.states[P].link == B
    assert (decision.entries[P].rule, decision.entries[P].starts_span) == (
        policy,
        starts_span,
    )


def test_refuse_a_second_customer_changes_nothing_and_says_to_anonymize() -> None:
    with pytest.raises(Refused, match="anonymize") as refused:
        decided({P: linked(A), A: ROOT}, B, policy="refuse")
    assert refused.value.status == 409


@pytest.mark.parametrize("policy", ["move", "split", "refuse"])
def test_the_same_customer_again_changes_nothing(policy: Policy) -> None:
    decision = decided({P: linked(A), A: ROOT}, A, policy=policy)
    assert not decision.states
    assert not decision.entries


@pytest.mark.parametrize("policy", ["move", "split", "refuse"])
def test_w1_who_was_known_by_a_soft_identifier_alone_gets_the_hard_one_whole(
    policy: Policy,
) -> None:
    facts = {P: linked(X), X: ROOT}
    decision = decided(facts, A, policy=policy)
    assert decision.entries[P].rule == "known"
    assert not decision.entries[P].starts_span
    assert (
        decision.states[X].link == A
    )  # so its other profiles and its values come along
    assert decision.states[X].owner == A
    assert decision.owned == ((X, None, A),)


def test_w1_an_identifier_that_another_customer_has_by_now_stays_theirs() -> None:
    facts = {P: linked(X), X: State(rev=4, known=True, owner=B), A: ROOT, B: ROOT}
    decision = decided(facts, A)
    assert decision.states[P].link == A
    assert X not in decision.states


def test_w1_a_cap_keeps_the_identifier_and_refuses_no_log_in() -> None:
    full = State(rev=3, known=True, counts={"email": 2})
    decision = decided({P: linked(X), X: ROOT, A: full}, A, caps={"email": 2})
    assert decision.states[P].link == A
    assert X not in decision.states


def test_w1_a_log_in_that_is_undone_gives_everything_back() -> None:
    both = (P, X)
    histories = {
        P: [entry(2, X), entry(3, A, evidence="e")._replace(nodes=both)],
        X: [entry(5, A, evidence="e", owner=A)._replace(nodes=both)],
    }
    facts = {P: linked(A), X: State(rev=5, known=True, owner=A, link=A), A: ROOT}
    decision = undone(facts, histories)
    assert decision.states[P].link == X
    assert (decision.states[X].link, decision.states[X].owner) == (None, None)


def test_two_soft_customers_one_after_the_other_follow_the_policy() -> None:
    facts = {P: linked(X), X: ROOT}
    with pytest.raises(Refused):
        decided(facts, Y, policy="refuse")
    assert decided(facts, Y, policy="move").entries[P].rule == "move"


# -- rule 6: soft identifiers -------------------------------------------------------------------


def test_a_soft_identifier_nobody_knows_sent_alone_is_a_new_customer() -> None:
    decision = decided({}, X)
    assert decision.customer == X
    assert decision.states[X].known
    assert decision.states[P].link == X
    assert decision.children == ((X, P),)


def test_a_soft_identifier_sent_alone_finds_its_owner_and_links_straight_to_it() -> (
    None
):
    decision = decided({X: State(rev=1, owner=A, link=A), A: ROOT}, X)
    assert decision.customer == A
    assert decision.states[P].link == A
    assert decision.children == ()


@pytest.mark.parametrize("policy", ["move", "split", "refuse"])
@pytest.mark.parametrize(
    "soft", [pytest.param(NEW, id="unknown"), pytest.param(ROOT, id="known alone")]
)
def test_w2_a_soft_identifier_sent_alone_is_the_logged_in_customers(
    policy: Policy, soft: State
) -> None:
    decision = decided({P: linked(A), A: ROOT, X: soft}, X, policy=policy)
    assert decision.customer == A
    assert P not in decision.states
    assert (decision.states[X].owner, decision.states[X].link) == (A, A)
    assert decision.warnings == ()


@pytest.mark.parametrize("policy", ["move", "split"])
def test_w2_a_soft_identifier_of_another_customer_is_a_log_in_and_warns(
    policy: Policy,
) -> None:
    facts = {P: linked(A), A: ROOT, B: ROOT, X: State(rev=1, owner=B, link=B)}
    decision = decided(facts, X, policy=policy)
    assert decision.states[P].link == B
    assert "somebody else" in decision.warnings[0]
    with pytest.raises(Refused):
        decided(facts, X, policy="refuse")


def test_w2_where_soft_identifiers_log_in_an_unknown_one_is_a_new_customer() -> None:
    facts = {P: linked(A), A: ROOT}
    decision = decided(facts, X, policy="split", soft_ids_log_in=True)
    assert decision.customer == X
    assert decision.states[P].link == X
    assert "somebody else" in decision.warnings[0]


def test_w2_a_late_soft_identifier_is_of_the_customer_of_its_time() -> None:
    decision = decided(LATE, X, said=15, timed=True, histories={P: HISTORY})
    assert decision.customer == A
    assert decision.states[X].owner == A
    assert P not in decision.entries


@pytest.mark.parametrize(
    "soft",
    [
        pytest.param(ROOT, id="a customer known by it alone"),
        pytest.param(State(rev=1, owner=B, link=B), id="another customer"),
    ],
)
def test_a5_an_address_that_no_token_proves_takes_nothing_from_anybody(
    soft: State,
) -> None:
    facts = {A: ROOT, B: ROOT, X: soft}
    decision = decided(facts, A, X, proven=frozenset({A}))
    assert decision.customer == A
    assert X not in decision.states
    assert "the token does not claim it" in decision.warnings[0]
    taken = decided(facts, A, X, proven=frozenset({A, X}))
    assert taken.states[X].owner == A


def test_a5_an_address_that_nobody_has_needs_no_proof() -> None:
    decision = decided({A: ROOT}, A, X, proven=frozenset({A}))
    assert decision.states[X].owner == A


def test_a5_a_proven_log_in_takes_no_history_of_an_address_along() -> None:
    facts = {P: linked(X), X: ROOT, A: ROOT}
    decision = decided(facts, A, proven=frozenset({A}))
    assert decision.states[P].link == A  # what this visitor did
    assert X not in decision.states  # what others did who are known by the address


def test_a_soft_identifier_sent_with_a_hard_one_belongs_to_it() -> None:
    decision = decided({}, A, X)
    assert decision.states[X] == State(
        owner=A, owner_effective_at=NOW, link=A, effective_at=NOW, links=1
    )
    assert decision.owned == ((X, None, A),)
    assert decision.states[P].link == A


def test_who_was_known_by_a_soft_identifier_comes_along_when_its_hard_one_comes() -> (
    None
):
    decision = decided({X: ROOT, P: linked(X)}, A, X)
    assert decision.states[X].link == A
    # a link of its own: who takes the identifier off again takes nobody from the customer
    assert decision.entries[P].rule == "known"
    assert decision.entries[P].link == A


def test_a_customer_known_by_two_soft_identifiers_comes_along_by_either() -> None:
    facts = {X: ROOT, Y: State(rev=1, owner=X)}
    decision = decided(facts, A, Y)
    assert decision.states[X].link == A
    assert decision.states[Y].owner == A


def test_a_soft_identifier_of_another_customer_changes_owner_and_moves_no_history() -> (
    None
):
    decision = decided({X: State(rev=1, owner=B, link=B), B: ROOT}, A, X)
    assert decision.states[X].owner == A
    assert decision.states[X].link == B
    assert decision.owned == ((X, B, A),)
    assert "email" in decision.warnings[0]


def test_warnings_name_no_other_customer() -> None:
    decision = decided({X: State(rev=1, owner=B, link=B), B: ROOT}, A, X)
    assert "registered=b" not in decision.warnings[0]


def test_of_several_soft_identifiers_sent_alone_the_first_known_one_says_who_it_is() -> (
    None
):
    decision = decided({Y: State(rev=1, owner=A, link=A), A: ROOT}, X, Y)
    assert decision.customer == A
    assert decision.states[X].owner == A
    assert decision.states[X].link == A


def test_two_soft_customers_sent_together_stay_two_until_a_hard_one_joins_them() -> (
    None
):
    decision = decided({X: ROOT, Y: ROOT}, X, Y)
    assert decision.customer == X
    assert Y not in decision.states
    assert "hard ID" in decision.warnings[0]
    joined = decided({X: ROOT, Y: ROOT}, A, X, Y)
    assert joined.states[X].link == joined.states[Y].link == A


def test_who_was_known_by_a_soft_identifier_comes_along_with_one_that_has_a_hard_one() -> (
    None
):
    decision = decided({X: ROOT, Y: State(rev=1, owner=A, link=A), A: ROOT}, X, Y)
    assert decision.customer == A
    assert decision.states[X].link == A


def test_a_late_word_takes_no_identifier_back() -> None:
    facts = {X: State(rev=2, owner=B, owner_effective_at=20, link=B), A: ROOT, B: ROOT}
    history = {X: [entry(1, B, said=20, owner=B)]}
    decision = decided(facts, A, X, said=10, timed=True, histories=history)
    assert X not in decision.states
    assert "superseded" in decision.warnings[0]


def test_a_late_word_finds_the_owner_of_its_time() -> None:
    facts = {X: State(rev=2, owner=B, owner_effective_at=20, link=A), A: ROOT, B: ROOT}
    history = {X: [entry(1, A, said=5, owner=A), entry(2, said=20, owner=B)]}
    assert decided(facts, X, said=10, timed=True, histories=history).customer == A


def test_a_cap_refuses_one_value_too_many() -> None:
    full = State(rev=3, known=True, counts={"email": 2})
    with pytest.raises(Refused, match="2 values of 'email'"):
        decided({A: full}, A, X, caps={"email": 2})


def test_a_cap_counts_what_is_given_and_what_is_taken() -> None:
    facts = {
        X: State(rev=1, owner=B, link=B),
        A: ROOT,
        B: State(rev=3, known=True, counts={"email": 1}),
    }
    decision = decided(facts, A, X, caps={"email": 2})
    assert decision.states[A].counts == {"email": 1}
    assert decision.states[B].counts == {"email": 0}


# -- rule 6, I7: hard identifiers ---------------------------------------------------------------


def test_a_second_hard_type_nobody_has_becomes_the_customers() -> None:
    decision = decided({A: ROOT}, A, L)
    assert decision.customer == A
    assert decision.states[L].owner == A
    assert decision.states[A].ids == {"loyalty": "l"}


def test_a_second_hard_type_finds_the_customer_alone() -> None:
    facts = {
        L: State(rev=1, owner=A),
        A: State(rev=3, known=True, ids={"loyalty": "l"}),
    }
    assert decided(facts, L).customer == A


@pytest.mark.parametrize(
    ("facts", "ids", "at_fault"),
    [
        pytest.param(
            {A: ROOT, L: ROOT},
            (A, L),
            "loyalty",
            id="two known customers are never merged",
        ),
        pytest.param(
            {A: State(rev=3, known=True, ids={"loyalty": "l"})},
            (A, M),
            "loyalty",
            id="a customer has one value of a hard type",
        ),
        pytest.param(
            {
                L: State(rev=1, owner=A),
                A: State(rev=3, known=True, ids={"loyalty": "l"}),
            },
            (B, L),
            "registered",
            id="two values of one hard type never meet in one customer",
        ),
    ],
)
def test_hard_identifiers_never_merge(
    facts: Facts, ids: tuple[Node, ...], at_fault: str
) -> None:
    with pytest.raises(Refused) as refused:
        decided(facts, *ids)
    assert refused.value.field == f"ids.{at_fault}"
    assert refused.value.code == "identifier_conflict"


# -- late claims --------------------------------------------------------------------------------

HISTORY = [
    entry(2, A, said=10, starts_span=True),
    entry(3, B, said=20, starts_span=True),
]
LATE: dict[Node, State] = {P: linked(B, said=20), A: ROOT, B: ROOT}
C = Node("registered", "c")


@pytest.mark.parametrize(
    ("said", "customer", "expected"),
    [
        pytest.param(
            15, C, [(0, A), (15, C), (20, B)], id="between two links it has its stretch"
        ),
        pytest.param(
            5,
            C,
            [(0, C), (10, A), (20, B)],
            id="before the first it brings the start along",
        ),
        pytest.param(10, A, None, id="said again it changes nothing"),
        pytest.param(15, A, None, id="of who it was then it changes nothing"),
    ],
)
def test_a_late_claim_under_split(
    said: int, customer: Node, expected: list[tuple[int, Node]] | None
) -> None:
    decision = decided(
        LATE, customer, policy="split", said=said, timed=True, histories={P: HISTORY}
    )
    if expected is None:
        assert P not in decision.entries
        return
    new = decision.entries[P]
    found = fold_spans(
        [
            *HISTORY,
            entry(4, new.link, said=new.effective_at, starts_span=new.starts_span),
        ]
    )
    assert [(span.start, span.target) for span in found] == expected
    assert decision.states[P].link == B


def test_a_late_claim_under_move_is_superseded_and_says_so() -> None:
    history = {P: [entry(2, A, said=10), entry(3, B, said=20)]}
    decision = decided(LATE, C, said=15, timed=True, histories=history)
    assert not decision.entries
    assert "superseded" in decision.warnings[0]


def test_a_late_claim_under_refuse_is_refused() -> None:
    with pytest.raises(Refused):
        decided(LATE, C, policy="refuse", said=15, timed=True, histories={P: HISTORY})


def test_a_claim_that_was_undone_and_is_sent_again_changes_nothing() -> None:
    history = {P: [entry(2, A, said=10, undone=11)]}
    facts = {P: State(rev=3, effective_at=10, undone=11, links=1), A: ROOT}
    decision = decided(facts, A, said=10, timed=True, histories=history)
    assert not decision.entries
    assert "superseded" in decision.warnings[0]


def test_without_a_time_a_claim_is_newer_than_all_before() -> None:
    decision = decided({P: linked(A, said=NOW + 500), A: ROOT}, B)
    assert decision.entries[P].effective_at == NOW + 501


def test_who_was_known_by_a_customers_address_alone_gets_a_link_at_the_log_in() -> None:
    facts = {P: linked(X), X: State(rev=7, known=True, link=A, owner=A), A: ROOT}
    decision = decided(facts, A)
    assert decision.entries[P].link == A
    assert decision.entries[P].rule == "known"
    assert not decision.entries[P].starts_span
    assert not decided({**facts, P: linked(A)}, A).entries


# -- what a decision holds still ----------------------------------------------------------------


def test_nodes_that_were_read_must_not_have_changed_but_a_hard_root_may() -> None:
    facts = {P: linked(X), X: State(rev=7, known=True, link=A, owner=A), A: ROOT}
    decision = decided(facts, X)
    assert decision.checks == {P: 2, X: 7}


class Counting(ForestSnapshot):
    """A reader that notes which nodes are asked for in one batch."""

    def load(self, nodes: Iterable[Node], /) -> None:
        batches.append(set(nodes))


batches: list[set[Node]] = []


def test_a_decision_reads_all_nodes_of_its_claim_in_one_batch() -> None:
    batches.clear()
    decide(claim(A, X), Counting(Everything({A: ROOT})))
    assert batches == [{A, X, P}]


def test_the_number_of_links_is_capped() -> None:
    full = State(rev=9, link=A, effective_at=10, links=MOST_LINKS)
    with pytest.raises(Refused, match="200 such links"):
        decided({P: full, A: ROOT}, B)


@pytest.mark.parametrize(
    ("before", "day", "allowed"),
    [
        pytest.param((7, 1), 7, True, id="the second of two"),
        pytest.param((7, 2), 7, False, id="the third of two"),
        pytest.param((7, 2), 8, True, id="the first of another day"),
        pytest.param((0, 0), 7, True, id="the first of all"),
        pytest.param((7, 2), 0, True, id="one that is not counted"),
    ],
)
def test_the_number_of_links_of_a_day_is_capped(
    before: tuple[int, int], day: int, *, allowed: bool
) -> None:
    there = State(
        rev=9, link=A, effective_at=10, links=5, day=before[0], links_that_day=before[1]
    )
    facts = {P: there, A: ROOT}
    if allowed:
        found = decided(facts, B, day=day, links_a_day=2).states[P]
        expected = (day, before[1] + 1 if before[0] == day else 1) if day else before
        assert (found.day, found.links_that_day) == expected
        return
    with pytest.raises(Refused, match="2 times today") as refused:
        decided(facts, B, day=day, links_a_day=2)
    assert refused.value.code == "too_many_links_a_day"


def test_a_late_link_counts_on_the_day_on_which_it_comes() -> None:
    there = State(rev=9, link=B, effective_at=10, links=2, day=7, links_that_day=2)
    history = {
        P: [
            entry(1, A, said=2, starts_span=True),
            entry(2, B, said=10, starts_span=True),
        ]
    }
    other = Node("registered", "c")
    with pytest.raises(Refused, match="2 times today"):
        decided(
            {P: there, A: ROOT, B: ROOT},
            other,
            histories=history,
            policy="split",
            said=5,
            timed=True,
            day=7,
            links_a_day=2,
        )


def test_what_is_so_already_is_no_link_more() -> None:
    there = State(rev=9, link=A, effective_at=10, links=5, day=7, links_that_day=2)
    assert decided({P: there, A: ROOT}, A, day=7, links_a_day=2).states == {}


def test_the_number_of_links_to_soft_identifiers_fits_a_transaction() -> None:
    full = State(rev=9, link=Y, effective_at=10, links=40, soft_links=MOST_SOFT_LINKS)
    with pytest.raises(Refused, match="40 such links"):
        decided({P: full, Y: ROOT}, X)
    assert decided({P: full, Y: ROOT, A: ROOT}, A).states[P].link == A


# -- rule 11: undo ------------------------------------------------------------------------------


def undone(facts: Facts, histories: Mapping[Node, Sequence[Entry]]) -> Decision:
    return undo(P, snapshot(facts, histories), HARD, NOW)


def test_undo_takes_the_newest_link_back_and_the_one_before_stands() -> None:
    history = [entry(2, A), entry(3, B)]
    decision = undone({P: linked(B)}, {P: history})
    assert decision.states[P].link == A
    assert decision.undone == ((P, history[1]),)


def test_undo_of_the_only_link_makes_the_profile_anonymous_again() -> None:
    assert undone({P: linked(A)}, {P: [entry(2, A)]}).states[P].link is None


def test_undo_takes_everything_back_that_the_same_command_linked() -> None:
    both = (P, X)
    mine = entry(2, A, evidence="e")._replace(nodes=both)
    soft = entry(1, A, evidence="e", owner=A)._replace(nodes=both)
    facts = {P: linked(A), X: State(rev=1, owner=A, link=A, links=1), A: ROOT}
    decision = undone(facts, {P: [mine], X: [soft]})
    assert decision.states[P].link is None
    assert (decision.states[X].link, decision.states[X].owner) == (None, None)
    assert decision.owned == ((X, A, None),)


def test_undo_gives_a_soft_identifier_back_to_the_owner_before() -> None:
    both = (P, X)
    histories = {
        P: [entry(2, A, evidence="e")._replace(nodes=both)],
        X: [entry(1, B, owner=B), entry(2, evidence="e", owner=A)._replace(nodes=both)],
    }
    facts = {P: linked(A), X: State(rev=2, owner=A, link=B), A: ROOT, B: ROOT}
    decision = undone(facts, histories)
    assert decision.states[X].owner == B
    assert decision.owned == ((X, A, B),)


def test_undo_takes_a_second_hard_identifier_back() -> None:
    both = (P, L)
    histories = {
        P: [entry(2, A, evidence="e")._replace(nodes=both)],
        L: [entry(1, evidence="e", owner=A)._replace(nodes=both)],
    }
    facts = {
        P: linked(A),
        L: State(rev=1, owner=A),
        A: State(rev=3, known=True, ids={"loyalty": "l"}),
    }
    decision = undone(facts, histories)
    assert decision.states[L].owner is None
    assert decision.states[A].ids == {}


def test_undo_finds_the_link_of_the_soft_identifier_between() -> None:
    histories = {P: [entry(2, X)], X: [entry(5, A, owner=A)._replace(nodes=(X,))]}
    facts = {P: linked(X), X: State(rev=5, known=True, owner=A, link=A), A: ROOT}
    decision = undone(facts, histories)
    assert P not in decision.states
    assert decision.states[X].link is None


def test_undo_of_a_link_that_is_named_is_done_once() -> None:
    history = [entry(2, A), entry(3, B, undone=9)]
    again = undo(P, snapshot({P: linked(A)}, {P: history}), HARD, NOW, "e3")
    assert not again.states
    assert not again.undone


def test_undo_of_a_link_that_is_not_the_newest_is_refused() -> None:
    with pytest.raises(Refused, match="not the newest"):
        undo(
            P,
            snapshot({P: linked(B)}, {P: [entry(2, A), entry(3, B)]}),
            HARD,
            NOW,
            "e2",
        )


def test_undo_where_nothing_is_linked_is_refused() -> None:
    with pytest.raises(Refused, match="nothing is linked"):
        undone({}, {P: [entry(2, A, undone=5)]})


# -- folds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        pytest.param([], [], id="nothing linked, no span"),
        pytest.param(
            [entry(2, A, 10, starts_span=True)],
            [(0, A)],
            id="the first span has no beginning",
        ),
        pytest.param(
            [entry(2, A, 10), entry(3, B, 20)], [(0, B)], id="a move replaces"
        ),
        pytest.param(
            [entry(2, A, 10), entry(3, B, 20, starts_span=True)],
            [(0, A), (20, B)],
            id="a split begins",
        ),
        pytest.param(
            [entry(2, A, 10), entry(3, B, 20, starts_span=True), entry(4, C, 30)],
            [(0, A), (20, C)],
            id="a move after a split replaces only the newest span",
        ),
        pytest.param(
            [entry(3, B, 20, starts_span=True), entry(4, A, 10)],
            [(0, A), (20, B)],
            id="what was said counts, not when it arrived",
        ),
        pytest.param(
            [entry(2, A, 10), entry(3, B, 20, starts_span=True, undone=25)],
            [(0, A)],
            id="what was undone is not there",
        ),
    ],
)
def test_spans(history: list[Entry], expected: list[tuple[int, Node]]) -> None:
    assert [(span.start, span.target) for span in fold_spans(history)] == expected


def test_spans_touch_and_the_last_is_open() -> None:
    first, last = fold_spans([entry(2, A, 10), entry(3, B, 20, starts_span=True)])
    assert first.end == last.start
    assert last.end > 10**15


def test_the_owner_is_the_newest_that_was_not_undone() -> None:
    history = [entry(1, owner=A), entry(2, owner=B), entry(3, owner=C, undone=9)]
    assert current_owner(history) == B


def test_a1_an_owner_who_was_erased_is_followed_by_no_earlier_one() -> None:
    history = [entry(1, owner=A), entry(2, owner=NOBODY)]
    assert current_owner(history) == NOBODY
    facts = {X: State(rev=2, link=A, owner=NOBODY), A: ROOT}
    assert identity.look_up(X, snapshot(facts), HARD) is None


def test_a1_an_identifier_of_nobody_belongs_to_whoever_gives_it_next() -> None:
    facts = {X: State(rev=2, link=A, owner=NOBODY, owner_effective_at=5), A: ROOT}
    decision = decided(facts, B, X)
    assert decision.states[X].owner == B
    assert decision.owned == ((X, None, B),)
    assert decision.warnings == ()


def test_neighbouring_spans_with_one_root_are_one() -> None:
    found = [Span(0, 10, X), Span(10, 20, A), Span(20, 30, B)]
    facts = {X: State(rev=1, link=A)}
    assert identity.resolve_spans(found, snapshot(facts), HARD) == (
        Span(0, 20, A),
        Span(20, 30, B),
    )


def test_a_look_up_finds_nobody_by_an_identifier_that_was_only_mentioned() -> None:
    assert look_up(X, snapshot({X: State(rev=2)}), HARD) is None


def test_a_look_up_follows_a_soft_owner_to_its_customer() -> None:
    facts = {Y: State(rev=1, owner=X), X: State(rev=2, known=True, link=A, owner=A)}
    assert look_up(Y, snapshot(facts), HARD) == A


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("said_before", [10, NOW + 1])
def test_only_a_stranger_is_linked_by_what_is_said_of_strangers_alone(
    said_before: int, *, timed: bool
) -> None:
    """An order proves who somebody is, but takes nobody from the customer that they are."""
    more: dict[str, Any] = {"policy": "refuse", "timed": timed, "evidence_only": True}
    assert decided({A: ROOT}, A, **more).states[P].link == A
    assert decided({A: ROOT, P: linked(A, said_before)}, A, **more).states == {}
    known = decided({A: ROOT, X: ROOT, P: linked(X, said_before)}, A, **more)
    assert (known.states[P].link, known.entries[P].starts_span) == (A, False)
    with pytest.raises(Refused, match="another customer"):
        decided({A: ROOT, B: ROOT, P: linked(B, said_before)}, A, **more)


def test_a_customers_own_profile_is_linked_whatever_was_taken_back() -> None:
    """It is nobody else's: an order of before would stay nobody's for ever."""
    undone = State(rev=3, links=1, effective_at=NOW + 1, undone=NOW + 2)
    history = {P: [entry(1, A, said=NOW, undone=NOW + 2)]}
    taken_back = decided({P: undone}, A, timed=True, histories=history)
    assert taken_back.warnings
    assert P not in taken_back.entries
    own = decided({P: undone}, A, timed=True, own=True, histories=history)
    assert own.states[P].link == A
    assert not own.warnings


# -- late claims and undone ones ----------------------------------------------------------------


def test_a_late_claim_before_the_first_link_gives_way_to_a_later_hard_id() -> None:
    history = [
        entry(2, X, 10, starts_span=True),
        entry(3, A, 20, starts_span=False)._replace(rule="known"),
    ]
    facts = {P: linked(A, 20), X: State(rev=2, known=True, link=A), A: ROOT}
    decision = decided(
        facts, B, policy="split", said=5, timed=True, histories={P: history}
    )
    assert P not in decision.entries
    assert decision.warnings == (
        "superseded: this visitor was identified at a later time, which stands",
    )


def test_a_late_claim_that_is_in_the_history_already_is_not_added_again() -> None:
    history = [
        entry(2, A, 10, starts_span=True),
        entry(3, B, 20, starts_span=True),
        entry(4, C, 20, starts_span=True),
        entry(5, A, 30, starts_span=True),
    ]
    facts = {P: linked(A, 30), A: ROOT, B: ROOT, C: ROOT}
    decision = decided(
        facts, B, policy="split", said=20, timed=True, histories={P: history}
    )
    assert P not in decision.entries


def test_a_late_second_hard_identifier_that_was_unlinked_since_stays_unlinked() -> None:
    facts = {A: ROOT, L: State(rev=3, undone=NOW)}
    decision = decided(facts, A, L, said=NOW, timed=True)
    assert L not in decision.entries
    assert decision.warnings == (
        "superseded: 'loyalty' was unlinked at a later time, which stands",
    )


def test_undoing_a_claim_of_an_erased_customer_gives_it_back_to_who_had_it() -> None:
    erased = entry(3, owner=NOBODY, evidence="e")
    history = {
        P: [entry(2, A, evidence="e")._replace(nodes=(P, L))],
        L: [entry(2, owner=A), erased],
    }
    facts = {P: linked(A), A: ROOT, L: State(rev=3)}
    decision = undo(P, snapshot(facts, history), HARD, NOW)
    assert decision.undone[-1] == (L, erased)
    assert decision.states[L].owner == A
    assert decision.states[A].ids == {"loyalty": "l"}


def test_an_anonymous_time_before_a_link_is_an_interval_of_its_own() -> None:
    assert unlinked_intervals([Span(5, 10, A)]) == ((0, 5), (10, END))
    assert unlinked_intervals([Span(0, END, A)]) == ()
