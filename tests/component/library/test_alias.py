"""An ID that a client made up turns out to be a customer's: joined where it is nobody's own, refused where it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Identify
from hardlink.domain.errors import Invalid, NotFound, Refused
from tests.support.world import World


def alias(
    world: World,
    session: str | None,
    source: str = "move",
    **ids: str,
) -> None:
    _alias(world, session, source, ids, either_way=False)


def alias_either_way(world: World, first: str, second: str) -> None:
    _alias(world, first, "move", {"registered": second}, either_way=True)


def _alias(
    world: World,
    session: str | None,
    source: str,
    ids: Mapping[str, str],
    *,
    either_way: bool,
) -> None:
    body = {"session": {"id": session} if session else None, "ids": ids}
    command = commands.read(Identify, body)
    world.service.alias(world.service.call(source), command, either_way=either_way)


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


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("anon", "gordon", id="as posthog-python names them"),
        pytest.param("gordon", "anon", id="as posthog-node names them"),
    ],
)
@pytest.mark.parametrize("seen", [True, False])
def test_p5_the_side_that_is_no_customer_is_the_earlier_one(
    world: World, first: str, second: str, *, seen: bool
) -> None:
    world.track(None, {"type": "order"}, ids={"registered": "gordon"}, server_side=True)
    if seen:
        world.track("anon", {"type": "view", "id": "1"})
    alias_either_way(world, first, second)
    world.settle()
    assert world.sessions("gordon") == {"@registered=gordon", "anon"}
    with pytest.raises(NotFound):
        world.customer("anon")


@pytest.mark.parametrize("first", ["anon", "gordon"])
def test_p5_where_neither_is_a_customer_the_one_with_a_session_is_earlier(
    world: World, first: str
) -> None:
    world.track("anon", {"type": "view", "id": "1"})
    second = {"anon": "gordon", "gordon": "anon"}[first]
    alias_either_way(world, first, second)
    world.settle()
    assert world.sessions("gordon") == {"anon"}


@pytest.mark.parametrize("first", ["alyx", "gordon"])
def test_p5_two_customers_never_merge_either_way(world: World, first: str) -> None:
    for customer in ("gordon", "alyx"):
        world.identify(f"of-{customer}", ids={"registered": customer})
    world.settle()
    before = world.dumped()
    second = {"alyx": "gordon", "gordon": "alyx"}[first]
    with pytest.raises(Refused, match="never merge"):
        alias_either_way(world, first, second)
    assert world.dumped() == before


def test_p5_another_clients_alias_keeps_its_direction(world: World) -> None:
    world.identify("of-gordon", ids={"registered": "gordon"})
    with pytest.raises(Refused, match="never merge"):
        alias(world, "gordon", registered="anon")
