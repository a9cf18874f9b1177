"""The table of an erasure's states and the code that carries out its steps agree."""

from __future__ import annotations

import inspect
from collections import defaultdict
from types import ModuleType

import pytest

from hardlink.domain.erasure import states
from hardlink.domain.erasure.states import TRANSITIONS, Transition, belongs_to_erased
from hardlink.domain.graph import NOBODY, Node
from hardlink.domain.records import Item
from hardlink.services.erasure import begin, spread, sweep
from hardlink.services.erasure.spread import ErasureSpread
from hardlink.services.erasure.sweep import ErasureSweep
from hardlink.storage import keys

ADA, BOB, MAIL = (
    Node("registered", "ada"),
    Node("registered", "bob"),
    Node("email", "a@x.org"),
)


def list_functions(owner: type | ModuleType) -> set[str]:
    return {name for name, _ in inspect.getmembers(owner, inspect.isfunction)}


@pytest.mark.parametrize(
    "transition", TRANSITIONS, ids=lambda t: f"{t.subject}: {t.before}, {t.step}"
)
def test_every_step_is_a_function_of_its_name(transition: Transition) -> None:
    owners = (ErasureSpread, ErasureSweep, begin, spread, sweep)
    found = {name for owner in owners for name in list_functions(owner)}
    assert {transition.step, f"_{transition.step}"} & found


def test_every_kind_of_task_is_carried_out_by_a_step() -> None:
    carried_out = {transition.task for transition in TRANSITIONS} - {""}
    assert carried_out == set(keys.TASKS)


def test_every_state_can_be_left_or_is_an_end() -> None:
    before, after = defaultdict(set), defaultdict(set)
    for transition in TRANSITIONS:
        before[transition.subject].add(transition.before)
        after[transition.subject].add(transition.after)
    ends = {subject: after[subject] - before[subject] for subject in after}
    assert ends == {
        "node": {"closed"},
        "session": {"closed"},
        "order": set(),
        "receipt": {"done"},
    }


@pytest.mark.parametrize(
    ("receipt", "state"),
    [
        ({"at": 1, "state": "running"}, "running"),
        ({"at": 1, "state": "done", "events": 0, "done": 2}, "done"),
    ],
    ids=["begun", "closed"],
)
def test_a_receipt_tells_its_state(receipt: Item, state: str) -> None:
    assert states.receipt_state(receipt) == state


@pytest.mark.parametrize(
    ("owners", "was_owned", "expected"),
    [
        ({ADA}, False, True),
        ({ADA, MAIL}, False, True),
        ({ADA, BOB}, False, False),
        ({ADA, NOBODY}, False, False),
        ({ADA, NOBODY}, True, True),
        (set(), False, False),
        ({NOBODY}, True, False),
    ],
    ids=[
        "owned by the erased customer",
        "owned by two that are erased",
        "owned by another customer as well",
        "a part without an owner since an erasure before",
        "a part without an owner since this erasure",
        "without any owner",
        "without any owner since this erasure",
    ],
)
def test_a_node_goes_with_its_only_owners(
    owners: set[Node], *, was_owned: bool, expected: bool
) -> None:
    assert belongs_to_erased(owners, {ADA, MAIL}, was_owned=was_owned) == expected
