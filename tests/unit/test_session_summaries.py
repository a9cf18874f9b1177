"""Summaries of sessions: what they keep, and the rules by which they may be used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from hardlink.domain.graph import profile_node
from hardlink.domain.records import LATE, UNDER_WAY, Session, erased_before
from hardlink.domain.sources.registry import ComputedSegment, ComputedTrait, Project
from hardlink.domain.times import HOUR, MINUTE, SECOND
from hardlink.domain.traits import summaries
from hardlink.domain.traits.aggregates import latest
from hardlink.domain.traits.built_in import BUILT_IN
from hardlink.domain.traits.declaration import Catalogue
from hardlink.domain.traits.packing import FORMAT, pack_summary, unpack_summary
from hardlink.domain.traits.selection import SessionEvent
from hardlink.domain.traits.session_summary import (
    SessionSummary,
    is_worth_keeping,
    settled_before,
    version_of,
)
from hardlink.domain.traits.summaries import Summary
from hardlink.domain.traits.trait import Trait
from hardlink.domain.traits.windows import Window, window_of_days
from hardlink.domain.values import to_json
from tests.unit.test_traits import BERLIN, NOON, session_event

SESSION = Session("s1", profile_node("p"), "web", NOON, NOON + HOUR, NOON)
MADE = SessionSummary(NOON, "v", NOON + HOUR, NOON + HOUR - 6 * MINUTE)
DECLARED = {
    name: ComputedTrait(compute=name) for name in ("count", "exists", "first", "last")
} | {
    name: ComputedTrait(compute=name, of="price", within="30 days")
    for name in ("sum", "average", "min", "max", "distinct")
}


def events() -> list[SessionEvent]:
    """Events that give every kind of state something to keep."""
    order = {"number": "o1", "total": "19.90", "currency": "eur"}
    return [
        session_event(NOON, price=["0.1", 2], product_id="p1"),
        session_event(NOON + 1, "view_item", product_id="p2"),
        session_event(NOON + 2, "cart", productNumbers=["a", "b", "a"]),
        session_event(NOON + 3, "product_add_to_cart", product_id="p1", price=3.5),
        session_event(NOON + 4, "purchase", order=order, product_id="p1"),
        session_event(NOON + 5, "view", "@registered=gordon", price=7),
    ]


def all_traits() -> dict[str, Trait]:
    traits = dict(Catalogue.of_project(Project({}, traits=DECLARED)).traits)
    traits["here"] = Trait("here", latest(2), Window("visit"), any_paths=("price",))
    traits["dated"] = BUILT_IN["cart"]._replace(name="dated", window=window_of_days(7))
    return traits


def test_a_summary_is_unpacked_as_it_was() -> None:
    traits = all_traits()
    summary = summaries.summarise(traits, events(), BERLIN)
    assert all(summary.states.values()), "each trait has a state to be packed"
    packed = json.loads(to_json(pack_summary(summary)))
    assert unpack_summary(type(pack_summary(summary))(*packed)) == summary
    assert unpack_summary(pack_summary(Summary())) == Summary()


def test_half_of_the_events_packed_and_half_not_give_the_value_of_all() -> None:
    traits = all_traits()
    parts = [
        summaries.summarise(traits, half, BERLIN)
        for half in (events()[::2], events()[1::2])
    ]
    kept = unpack_summary(pack_summary(parts[0]))
    merged = summaries.merge(traits, kept, parts[1])
    whole = summaries.summarise(traits, events(), BERLIN)
    for trait in traits.values():
        assert summaries.compute(trait, merged, NOON, BERLIN) == summaries.compute(
            trait, whole, NOON, BERLIN
        )


def test_the_format_is_raised_where_the_same_events_make_other_states() -> None:
    """Where this fails, raise `FORMAT`: stored summaries have the old states."""
    summary = summaries.summarise(all_traits(), events(), BERLIN)
    digest = hashlib.sha256(to_json(pack_summary(summary)).encode()).hexdigest()[:12]
    assert (FORMAT, digest) == (1, "647afb4970fd")


@pytest.mark.parametrize(
    ("session", "made", "usable"),
    [
        (SESSION, MADE, True),
        (SESSION._replace(late_until=MADE.read_at), MADE, False),
        (SESSION._replace(late_until=MADE.read_at - 1), MADE, True),
        (SESSION._replace(created=NOON - 1), MADE, False),
        (SESSION._replace(erased=(erased_before(NOON),)), MADE, False),
        (SESSION, MADE._replace(expires=(NOON + 2 * HOUR) // SECOND), False),
        (SESSION, MADE._replace(expires=(NOON + 2 * HOUR) // SECOND + 1), True),
    ],
    ids=["as made", "late", "late before", "another", "erased", "expired", "expires"],
)
def test_a_summary_is_used_only_while_it_is_of_all_events(
    session: Session, made: SessionSummary, *, usable: bool
) -> None:
    assert made.is_usable(session, NOON + 2 * HOUR) is usable


@pytest.mark.parametrize(
    ("start", "end", "within"),
    [
        (NOON, NOON + 6, True),
        (NOON + 1, NOON + 6, False),
        (NOON, NOON + 5, False),
        (0, NOON, False),
    ],
)
def test_a_summary_is_used_only_where_its_events_are_all_within_a_span(
    start: int, end: int, *, within: bool
) -> None:
    summary = summaries.summarise(all_traits(), events(), BERLIN)
    made = MADE._replace(summary=summary, events=6, newest=NOON + 5)
    assert made.lies_within(start, end) is within
    assert MADE.lies_within(start, end), "it has no events"


def test_a_summary_is_kept_once_its_session_is_quiet_or_grew() -> None:
    bound = SESSION.latest
    assert is_worth_keeping(SESSION, bound + 1, 0)
    assert not is_worth_keeping(SESSION, bound, 99)
    assert is_worth_keeping(SESSION, bound, 100)


def test_no_event_comes_unannounced_before_the_time_up_to_which_a_summary_holds_all() -> (
    None
):
    made_at = NOON + HOUR
    until = settled_before(made_at)
    for call in (made_at - UNDER_WAY, made_at, made_at + HOUR):
        assert not SESSION.expects(until - 1, call)
        announced = SESSION._replace(late_until=call + UNDER_WAY)
        assert announced.expects(until - 1, call)
        assert SESSION.expects(call - LATE, call)


def test_other_declarations_have_another_version_and_another_order_has_not() -> None:
    project = Project({}, traits=DECLARED)
    version = version_of(project, "sessions")
    count = DECLARED["count"]
    reordered = Project({}, traits=dict(reversed(DECLARED.items())))
    assert version_of(reordered, "sessions") == version
    changed = {**DECLARED, "count": count._replace(where="price > 2")}
    segments = {"regular": ComputedSegment("count > 2 within 7 days")}
    others = {
        version_of(replace(project, traits=changed), "sessions"),
        version_of(replace(project, segments=segments), "sessions"),
        version_of(replace(project, time_zone="Europe/Berlin"), "sessions"),
        version_of(project, "sessions-at-20261130T090000Z"),
    }
    assert len(others - {version}) == 4
