"""What is stored of an event: its limits, no IP address, and the events that a visit begins with."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain import call, events, ip_addresses
from hardlink.domain.call import Call
from hardlink.domain.events import MOST_CONTEXT, StoredEvent, find_storage_fault
from hardlink.domain.graph import profile_node
from hardlink.domain.records import Session
from hardlink.domain.sources.registry import IdentifierType, Project, Source
from hardlink.domain.times import DAY, END, SECOND
from hardlink.domain.values import MOST_NAMES

NOW = 1_764_000_000 * SECOND
BODY: dict[str, Any] = {"properties": {}, "context": {}}
EVENT = StoredEvent("e1", "view", NOW, NOW, "web", BODY)
SOURCE = Source("key", "shop", retention_days=1)
CALL = Call(
    "web", SOURCE, Project({"registered": IdentifierType("hard")}), NOW, "evidence"
)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        pytest.param(EVENT, None, id="an ordinary one"),
        pytest.param(EVENT._replace(time=-1), "time", id="before 1970"),
        pytest.param(EVENT._replace(time=END), "time", id="after 2286"),
        pytest.param(
            EVENT._replace(expires=NOW // SECOND), "time", id="past its retention"
        ),
        pytest.param(
            EVENT._replace(expires=NOW // SECOND + 1), None, id="within its retention"
        ),
        pytest.param(EVENT._replace(time=NOW + DAY), None, id="a day ahead"),
        pytest.param(EVENT._replace(time=NOW + DAY + 1), "time", id="further ahead"),
    ],
)
def test_an_event_that_cannot_be_stored_has_a_reason_and_a_field(
    event: StoredEvent, field: str | None
) -> None:
    fault = find_storage_fault(event, NOW)
    assert (fault[1] if fault else None) == field


def test_s1_of_too_many_names_an_events_own_come_first_and_the_rest_is_named() -> None:
    own = {f"own{number}": number for number in range(200)}
    shared = {"own3": -1} | {f"shared{number}": number for number in range(60)}
    kept, left_out = events.inherit_properties(own, shared)
    assert len(kept) == MOST_NAMES == 255
    assert kept.items() >= own.items()
    assert [one.field for one in left_out] == [
        f"properties.shared{number}" for number in range(55, 60)
    ]
    assert events.inherit_properties({"a": 1}, {"a": 2, "b": 3})[0] == {"a": 1, "b": 3}


def test_s2_a_context_that_is_too_large_is_left_out_and_named() -> None:
    context, left_out = events.limit_context({"a": "x" * MOST_CONTEXT})
    assert (context, [one.field for one in left_out]) == ({}, ["context"])
    assert events.limit_context({"a": 1}) == ({"a": 1}, ())


def test_as_many_events_fit_into_an_answer_as_it_may_have_bytes() -> None:
    large = EVENT._replace(body={"properties": {"a": "x" * 1_000_000}, "context": {}})
    assert events.count_fitting([EVENT, large, large, large, EVENT]) == 3


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param({"ip": "1.2.3.4", "page": "/"}, {"page": "/"}, id="at the top"),
        pytest.param({"$ip": "1.2.3.4"}, {}, id="PostHog's name"),
        pytest.param({"X-Forwarded-For": "1.2.3.4"}, {}, id="a header"),
        pytest.param({"Remote_Addr": "1.2.3.4"}, {}, id="a CGI variable"),
        pytest.param(
            {"trip": 1, "address": 2, "forwarded": True},
            {"trip": 1, "address": 2, "forwarded": True},
            id="names that only contain such a word",
        ),
        pytest.param(
            {"requests": [{"client_ip": "::1", "path": "/"}, "text"]},
            {"requests": [{"path": "/"}, "text"]},
            id="in a list of objects",
        ),
    ],
)
def test_no_ip_address_is_kept_at_any_depth(
    sent: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert ip_addresses.strip_ip_addresses(sent) == kept


@pytest.mark.parametrize(
    ("new_profile", "types"),
    [
        (True, ["profile-created", "session-opened", "visit-started"]),
        (False, ["session-opened", "visit-started"]),
    ],
)
def test_a_visit_begins_with_events_at_its_creation(
    types: list[str], *, new_profile: bool
) -> None:
    session = Session("s1", profile_node("p"), "web", NOW, NOW - 1, NOW - 1)
    raised = events.raise_bounds(session)
    assert (raised.latest, raised.last_event_at) == (NOW, NOW)
    found = list(events.events_of_opening(CALL, raised, new_profile=new_profile))
    again = list(events.events_of_opening(CALL, raised, new_profile=new_profile))
    assert [event.type for event in found] == types
    assert found == again
    assert {event.time for event in found} == {NOW}
    assert {event.expires for event in found} == {(NOW + DAY) // SECOND}


def test_ids_are_random() -> None:
    assert call.new_id() != call.new_id()
