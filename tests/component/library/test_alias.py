"""An ID that a client made up turns out to be a customer's: joined where it is nobody's own, refused where it is."""

from __future__ import annotations

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Identify
from hardlink.domain.errors import Invalid, Refused
from tests.support.world import World


def alias(world: World, session: str | None, source: str = "move", **ids: str) -> None:
    body = {"session": {"id": session} if session else None, "ids": ids}
    world.service.alias(world.service.call(source), commands.read(Identify, body))


@pytest.mark.parametrize("seen", [True, False])
def test_a_session_joins_with_all_that_was_done_in_it(
    world: World, *, seen: bool
) -> None:
    if seen:
        world.track("made-up", {"type": "view", "id": "1"})
    alias(world, "made-up", registered="gordon")
    world.settle()
    assert world.sessions("gordon") == {"made-up"}
    assert world.timeline("gordon") == ["1"] * seen


@pytest.mark.parametrize("source", ["move", "split", "refuse"])
def test_a_customer_never_becomes_another_and_nothing_changes(
    world: World, source: str
) -> None:
    for customer in ("gordon", "alyx"):
        world.track(
            f"of-{customer}",
            {"type": "view", "id": customer},
            ids={"registered": customer},
        )
    world.settle()
    before = world.dumped()
    with pytest.raises(Refused, match="never merge") as raised:
        alias(world, " gordon ", source, registered="alyx")
    assert (raised.value.code, raised.value.field) == ("another_customer", "session.id")
    assert world.dumped() == before


@pytest.mark.parametrize(("session", "ids"), [(None, {"registered": "x"}), ("s", {})])
def test_it_says_which_id_is_whose(
    world: World, session: str | None, ids: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as raised:
        alias(world, session, **ids)
    assert raised.value.field == "session.id"
