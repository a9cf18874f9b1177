"""A call that names many visitors: the first ones are served, the others are refused by name."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from dialects.attraqt_xo import answers as xo_answers
from dialects.attraqt_xo import commands as xo_commands
from dialects.attraqt_xo import executor as xo
from dialects.attraqt_xo.requests import read_activities
from dialects.segment import commands as segment
from dialects.segment.executor import Executor as SegmentExecutor
from dialects.segment.requests import Batch
from dialects.segment.translation import translate_batch
from dialects.visitor_budget import split_by_budget
from hardlink.domain.call import Call
from hardlink.domain.commands import Track
from hardlink.services.service import Service
from tests.support.world import SOURCES, SPACE

NAME, SOURCE, PROJECT = SOURCES.resolve_key("move")
CALL = Call(NAME, SOURCE, PROJECT, 0, "e")


class Noting:
    """Stands in for the service: notes the sessions and customers that it is asked for."""

    def __init__(self) -> None:
        self.sessions: list[str] = []

    def track(self, _call: Call, command: Track) -> dict[str, Any]:
        self.sessions.append(command.session or str(command.ids))
        stored = [{"status": "stored"} for _ in command.events]
        return {"results": stored, "warnings": []}

    def identify(self, _call: Call, command: Any) -> dict[str, Any]:
        self.sessions.append(command.session)
        return {"warnings": []}

    def update(self, _call: Call, command: Any) -> dict[str, Any]:
        self.sessions.append(str(command.ids))
        return {"warnings": []}


@given(st.lists(st.sampled_from("abcdef")), st.integers(1, 7))
def test_b4_nothing_is_lost_and_the_first_visitors_are_served_whole(
    calls: list[str], most: int
) -> None:
    numbered = list(enumerate(calls))
    within, beyond = split_by_budget(numbered, lambda one: one[1], most)
    assert sorted(within + beyond) == numbered
    assert within == sorted(within)
    assert beyond == sorted(beyond)
    first = list(dict.fromkeys(calls))[:most]
    assert {visitor for _, visitor in within} == set(first)
    assert not {visitor for _, visitor in beyond} & set(first)


def activity(session: str) -> dict[str, Any]:
    return {
        "action": "click",
        "target": {"product": "p"},
        "user": {"identities": {"sessionId": session}},
    }


def test_b4_xo_names_the_activities_of_visitors_beyond_the_budget() -> None:
    sessions = [f"s{n}" for n in range(xo.MOST_VISITORS + 2)]
    sent = [activity(session) for session in [*sessions, "s0", sessions[-1]]]
    activities, faults = read_activities(sent)
    assert faults == []
    service = Noting()
    executor = xo.Executor(cast("Service", service), CALL)
    outcome = executor.execute(xo_commands.build_commands(activities))
    assert service.sessions == [*sessions[: xo.MOST_VISITORS], "s0"]
    answer = xo_answers.answer_call([], outcome)
    assert answer.status == 422
    assert isinstance(answer.body, dict)
    named = [error["activity"] for error in answer.body["errors"]]
    assert named == [xo.MOST_VISITORS, xo.MOST_VISITORS + 1, xo.MOST_VISITORS + 3]
    assert "send it again in another call" in answer.body["message"]


def batch(*messages: dict[str, Any]) -> list[segment.CommandGroup]:
    found, faults = translate_batch(Batch(messages, {}), SOURCES.projects[SPACE])
    assert faults == []
    return found


def test_b4_segment_names_the_messages_of_visitors_beyond_the_budget() -> None:
    sessions = [f"s{n}" for n in range(segment.MOST_VISITORS + 1)]
    messages = [
        {"type": "track", "event": "A", "anonymousId": session}
        for session in [*sessions, "s0", sessions[-1]]
    ]
    service = Noting()
    outcome = SegmentExecutor(cast("Service", service)).execute(CALL, batch(*messages))
    assert set(service.sessions) == set(sessions[:-1])
    assert [fault.number for fault in outcome.faults] == [
        segment.MOST_VISITORS,
        segment.MOST_VISITORS + 2,
    ]
    assert "at most 250 visitors" in outcome.faults[0].message


def test_b4_a_customer_without_a_device_counts_as_one_visitor() -> None:
    messages = [
        {"type": "track", "event": "A", "userId": f"u{n % segment.MOST_VISITORS}"}
        for n in range(2 * segment.MOST_VISITORS)
    ]
    within, beyond = segment.split_by_visitors(batch(*messages))
    assert (len(within), beyond) == (len(messages), [])


def test_b4_all_commands_of_a_message_are_on_one_side() -> None:
    traits = {"email": "a@b.de", "plan": "x"}
    messages = [
        {
            "type": kind,
            "userId": f"u{n}",
            "anonymousId": f"s{n}",
            "event": "A",
            "traits": traits,
            "groupId": "g",
        }
        for n in range(segment.MOST_VISITORS + 5)
        for kind in ("identify", "track", "group", "page")
    ]
    within, beyond = segment.split_by_visitors(batch(*messages))
    stored = {number for group in within for number in group.numbers}
    refused = {number for group in beyond for number in group.numbers}
    assert not stored & refused
    assert stored | refused == set(range(len(messages)))
    assert len(refused) == 4 * 5
