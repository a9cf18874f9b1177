"""The protocol broken on purpose, in one place at a time: the exploration of interleavings has to notice each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

from hardlink import association, consents, identity, layout, links, visits
from hardlink.layout import Key
from hardlink.nodes import PROFILE
from hardlink.port import Action, AtMost, Check, Condition, Delete, Put, Rev
from tests.model.test_interleavings import CASES, tried

Patching = Callable[[pytest.MonkeyPatch], None]
BY_NAME = {case.name: case for case in CASES}


class NoCheck(Check):
    """Checks nothing: what it looks at is somewhere where nothing ever is."""

    def __new__(cls, key: Key, when: Condition) -> Self:
        return super().__new__(cls, key._replace(partition=f"{key.partition}/nowhere"), Rev(0))


def _without_checks(module: Any) -> Patching:
    return lambda patch: patch.setattr(module, "Check", NoCheck)


def _association_lowers_latest(patch: pytest.MonkeyPatch) -> None:
    """A session's row is written whatever a later reader wrote."""

    def always(key: Key, item: layout.Item, when: Condition | None = None) -> Put:
        return Put(key, item, None if isinstance(when, AtMost) else when)

    patch.setattr(association, "_session_rows", _with(association._session_rows, always))


def _with(rows: Callable[..., Iterator[Action]], put: Callable[..., Put]) -> Callable[..., Any]:
    def mutated(*args: Any) -> Iterator[Action]:
        for action in rows(*args):
            yield put(action.key, action.item, action.when) if isinstance(action, Put) else action

    return mutated


def _homes_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """`h/` is not written, so nobody knows where rows may be that have to go."""
    whole = association.Association._differences

    def mutated(*args: Any) -> Iterator[Action]:
        return (
            action
            for action in whole(*args)
            if isinstance(action, Delete) or not action.key.item.startswith("h/")
        )

    patch.setattr(association.Association, "_differences", mutated)


def _farewells_come_first(patch: pytest.MonkeyPatch) -> None:
    """`h/` goes before the rows that it leads to, each in a transaction of its own."""
    whole = association.Association._differences

    def mutated(*args: Any) -> Iterator[Action]:
        actions = list(whole(*args))
        gone = [a for a in actions if isinstance(a, Delete) and a.key.item.startswith("h/")]
        return iter([*gone, *(action for action in actions if action not in gone)])

    patch.setattr(association.Association, "_differences", mutated)
    _one_at_a_time(patch)


def _one_at_a_time(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(association, "_batches", lambda actions, _: ([action] for action in actions))


def _undo_marks_the_profile_alone(patch: pytest.MonkeyPatch) -> None:
    def only_profiles(draft: Any, node: Any, *args: Any) -> None:
        if node.type == PROFILE:
            whole(draft, node, *args)

    whole = identity._Draft.take_back
    patch.setattr(identity._Draft, "take_back", only_profiles)


def _links_overwrite(patch: pytest.MonkeyPatch) -> None:
    """A node is written whatever was written to it since it was read."""
    whole = links._put
    patch.setattr(links, "_put", lambda *args: whole(*args)._replace(when=None))


def _children_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity._Draft, "decision", _childless(identity._Draft.decision))


def _childless(whole: Callable[..., identity.Decision]) -> Callable[..., identity.Decision]:
    return lambda *args: whole(*args)._replace(children=())


@pytest.mark.parametrize(
    ("mutation", "case"),
    [
        (
            _without_checks(association),
            "a visitor comes and goes while two workers follow, one dies on the way",
        ),
        (_association_lowers_latest, "a session is raised twice while two workers follow"),
        (_homes_are_forgotten, "two customers log in on one device at once, policy move"),
        (
            _farewells_come_first,
            "a visitor comes and goes while two workers follow, one dies on the way",
        ),
        (_links_overwrite, "two customers log in on one device at once, policy split"),
        (
            _without_checks(links),
            "who is known by an email is unlinked while being identified, policy split",
        ),
        (_children_are_forgotten, "one says an email while another says it with a hard ID"),
        (_without_checks(visits), "a visitor opts out while a session of theirs is opened"),
        (_without_checks(consents), "a visitor opts out while another call opts them in"),
    ],
)
def test_a_broken_protocol_is_noticed(
    mutation: Patching, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutation(monkeypatch)
    with pytest.raises(AssertionError, match="after "):
        tried(BY_NAME[case])
