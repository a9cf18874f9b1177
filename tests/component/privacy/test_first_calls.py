"""A first call that is sent again finds its session, and nobody finds another visitor's."""

from __future__ import annotations

import pytest

from hardlink.domain.records import FirstCall
from hardlink.domain.times import MINUTE, SECOND
from hardlink.services.first_calls import LIFETIME, is_repetition
from tests.support.world import START, World

MILLISECOND = SECOND // 1000
FIRST = FirstCall("s", happened=10 * SECOND, sent=11 * SECOND, expires=1000)


@pytest.mark.parametrize(
    ("happened", "sent", "now", "expected"),
    [
        pytest.param(0, 5 * SECOND, 0, True, id="five seconds later"),
        pytest.param(3 * MILLISECOND, 5 * SECOND, 0, True, id="a clock read anew"),
        pytest.param(-3 * MILLISECOND, 9 * MINUTE, 0, True, id="after many others"),
        pytest.param(0, 0, 0, False, id="at the same moment"),
        pytest.param(0, 3 * SECOND, 0, False, id="sooner than a client repeats"),
        pytest.param(9 * MILLISECOND, 5 * SECOND, 0, False, id="another event"),
        pytest.param(0, -5 * SECOND, 0, False, id="sent before"),
        pytest.param(0, 5 * SECOND, 1000 * SECOND, False, id="long ago"),
    ],
)
def test_a6_a_repetition_is_the_same_event_sent_later(
    happened: int, sent: int, now: int, *, expected: bool
) -> None:
    found = is_repetition(
        FIRST, happened=FIRST.happened + happened, sent=FIRST.sent + sent, now=now
    )
    assert found is expected


def first_session(world: World, waited: int = 0, happened: int = START) -> str:
    return world.service.first_session(
        world.service.call("move"), "browser", happened=happened, sent=START + waited
    )


def test_a6_a_repeated_first_call_has_the_session_of_the_first(world: World) -> None:
    first = first_session(world)
    assert first_session(world, 5 * SECOND, START + 2 * MILLISECOND) == first
    assert first_session(world, 15 * SECOND, START - 2 * MILLISECOND) == first


def test_a6_two_visitors_behind_one_address_have_a_session_each(world: World) -> None:
    assert first_session(world) != first_session(world)


def test_a6_who_guesses_the_time_of_a_visitors_first_call_has_one_guess(
    world: World,
) -> None:
    victim = first_session(world, happened=START + 777 * MILLISECOND)
    guesses = range(START, START + SECOND, 10 * MILLISECOND)
    found = {first_session(world, 5 * SECOND, guess) for guess in guesses}
    assert victim not in found
    assert first_session(world, 9 * SECOND, START + 777 * MILLISECOND) != victim


def test_a6_a_first_call_is_remembered_for_a_quarter_of_an_hour(world: World) -> None:
    first = first_session(world)
    world.clock.pass_(LIFETIME)
    assert first_session(world, 5 * SECOND) != first
