"""Which profile a call gets: every branch that needs no merged profiles, workflows or fingerprints (rule 1)."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.http.service import Client, fresh

BLANK: list[Any] = [None, "", "   ", {}, {"id": None}, {"id": ""}, {"id": "  "}]


def track(
    shop: Client, session: Any, profile: Any = None, source: str = "web-key"
) -> Any:
    """The answer to one event; `None` says nothing."""
    body = {
        "source": {"id": source},
        "events": [{"type": "a"}],
        "session": session,
        "profile": profile,
    }
    reply = shop.post(
        "/track", {name: value for name, value in body.items() if value is not None}
    )
    assert reply.status == 200, reply.body
    return reply.json


def profile_of(
    shop: Client, session: Any, profile: Any = None, source: str = "web-key"
) -> str:
    return str(track(shop, session, profile, source)["profile"]["id"])


def test_a_new_session_without_a_profile_gets_a_new_one(shop: Client) -> None:
    first, second = fresh(), fresh()
    assert profile_of(shop, {"id": first}) != profile_of(shop, {"id": second})
    assert UUID(profile_of(shop, {"id": fresh()}))


def test_a_new_session_of_a_known_profile_is_its(shop: Client) -> None:
    profile = profile_of(shop, {"id": fresh()})
    assert profile_of(shop, {"id": fresh()}, {"id": profile}) == profile


@pytest.mark.parametrize(
    "forged",
    [pytest.param(str(uuid4()), id="an unknown UUID"), "x", "a/b", 12, "profile=x"],
)
def test_a_forged_profile_is_never_adopted(shop: Client, forged: Any) -> None:
    session = fresh()
    made = profile_of(shop, {"id": session}, {"id": forged})
    assert made != str(forged)
    assert UUID(made)
    assert profile_of(shop, {"id": session}, {"id": forged}) == made


def test_a_profile_of_another_project_is_a_forged_one(shop: Client) -> None:
    profile = profile_of(shop, {"id": fresh()})
    assert profile_of(shop, {"id": fresh()}, {"id": profile}, "other-key") != profile


def test_a_known_session_wins_over_another_profile(shop: Client) -> None:
    session = fresh()
    own, other = profile_of(shop, {"id": session}), profile_of(shop, {"id": fresh()})
    assert profile_of(shop, {"id": session}, {"id": other}) == own
    assert profile_of(shop, {"id": session}, {"id": str(uuid4())}) == own
    assert profile_of(shop, {"id": session}) == own


def test_a_lost_profile_is_found_by_its_session(shop: Client) -> None:
    session = fresh()
    own = profile_of(shop, {"id": session})
    for blank in BLANK:
        assert profile_of(shop, {"id": session}, blank) == own


@pytest.mark.parametrize("blank", BLANK)
def test_a_blank_session_is_made_for_the_known_profile(
    shop: Client, blank: Any
) -> None:
    profile = profile_of(shop, {"id": fresh()})
    answer = track(shop, blank, {"id": profile})
    assert answer["profile"]["id"] == profile
    assert UUID(answer["session"]["id"])
    assert (
        shop.get("sessions", answer["session"]["id"]).json["profile"]["id"] == profile
    )


@pytest.mark.parametrize("profile", [None, {"id": str(uuid4())}])
def test_a_blank_session_without_a_known_profile_gets_both(
    shop: Client, profile: Any
) -> None:
    answer = track(shop, None, profile)
    assert UUID(answer["session"]["id"])
    assert answer["profile"] != profile
    again = track(shop, answer["session"])
    assert again["profile"] == answer["profile"]


def test_a_session_is_trimmed(shop: Client) -> None:
    session = fresh()
    answer = track(shop, {"id": f"  {session} "})
    assert answer["session"]["id"] == session
    assert profile_of(shop, {"id": session}) == answer["profile"]["id"]


def test_a_session_may_be_a_number(shop: Client) -> None:
    number = uuid4().int >> 70
    assert track(shop, {"id": number})["session"]["id"] == str(number)
    assert profile_of(shop, {"id": number}) == profile_of(shop, {"id": str(number)})


def test_a_static_source_adopts_the_profile_that_is_named(shop: Client) -> None:
    named = fresh("static")
    assert profile_of(shop, {"id": fresh()}, {"id": named}, "static-key") == named
    assert profile_of(shop, {"id": fresh()}, {"id": named}, "static-key") == named
    assert UUID(profile_of(shop, {"id": fresh()}, None, "static-key"))


def test_a_session_outlives_being_identified(shop: Client) -> None:
    session, who = fresh(), fresh()
    profile = profile_of(shop, {"id": session})
    shop.identify(session, {"registered": who})
    assert profile_of(shop, {"id": session}) == profile
    assert profile_of(shop, {"id": fresh()}, {"id": profile}) == profile
    shop.settles("registered", who, "a", "a", "a")


def test_sessions_are_their_projects_own(shop: Client) -> None:
    session = fresh()
    assert profile_of(shop, {"id": session}) != profile_of(
        shop, {"id": session}, None, "other-key"
    )


@pytest.mark.parametrize("call", ["/identify", "/update", "/consent"])
def test_other_calls_open_sessions_by_the_same_rule(shop: Client, call: str) -> None:
    profile = profile_of(shop, {"id": fresh()})
    body = {
        "source": {"id": "web-key"},
        "session": {"id": fresh()},
        "tracking": "granted",
    }
    named = shop.post(
        call, {**body, "profile": {"id": profile}, "ids": {"registered": fresh()}}
    ).json
    assert named["profile"] == {"id": profile}
    forged = {**body, "session": {"id": fresh()}, "profile": {"id": "forged"}}
    assert shop.post(call, {**forged, "ids": {"registered": fresh()}}).json[
        "profile"
    ] != {"id": "forged"}
