"""Tracardi's dialect: updates by events, payloads as commands, answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dialects.tracardi import answers, profile_updates, requests
from dialects.tracardi import commands as tracardi_commands
from dialects.tracardi.commands import Command
from dialects.tracardi.executor import Part
from hardlink.domain import commands
from hardlink.domain.commands import Track
from hardlink.domain.errors import Invalid, Refused, TooLarge, UnknownSource
from hardlink.domain.sources.registry import Redirect, Sources
from hardlink.web.request import Request
from hardlink.web.response import Answer

SHOP = Sources.from_declaration(
    {
        "projects": {
            "shop": {
                "identifiers": {
                    "registered": {"kind": "hard", "spellings": ["pk", "login"]},
                    "mail": {"kind": "soft", "email": True},
                    "phone": {"kind": "soft"},
                }
            }
        },
        "sources": {},
    }
).projects["shop"]


def update_of(
    type_: str, properties: Mapping[str, Any]
) -> profile_updates.ProfileUpdate:
    return profile_updates.read_profile_update(type_, properties, "p", SHOP)


@pytest.mark.parametrize("type_", ["sign-in", "sign-up", "identification"])
@pytest.mark.parametrize(
    ("properties", "ids", "attributes"),
    [
        pytest.param(
            {"email": "A@B.c "},
            {"mail": "a@b.c"},
            {"contact.email.main": "A@B.c "},
            id="an address as versions before 0.9 write it",
        ),
        pytest.param(
            {"email": {"main": "a@b.c", "business": "b@b.c"}},
            {"mail": "a@b.c"},
            {"contact.email.main": "a@b.c", "contact.email.business": "b@b.c"},
            id="addresses as 0.9 writes them: the main one identifies",
        ),
        pytest.param(
            {"pk": 12, "phone": {"main": "1", "mobile": "2"}},
            {"registered": "12", "phone": "1"},
            {
                "identifier.pk": 12,
                "contact.phone.main": "1",
                "contact.phone.mobile": "2",
            },
            id="a primary key and a phone",
        ),
        pytest.param(
            {"login": "gordon", "firstname": "Gordon", "lastname": "Freeman"},
            {"registered": "gordon"},
            {
                "identifier.token": "gordon",
                "pii.firstname": "Gordon",
                "pii.lastname": "Freeman",
            },
            id="a login and a name",
        ),
        pytest.param(
            {"badge": "7", "whatsapp": "w", "id": None},
            {},
            {"identifier.badge": "7", "contact.app.whatsapp": "w"},
            id="what the project declares no type for is an attribute; null is nothing",
        ),
        pytest.param({"color": "red"}, {}, {}, id="anything else stays in the event"),
    ],
)
def test_a_sign_in_identifies_the_visitor(
    type_: str,
    properties: dict[str, Any],
    ids: dict[str, str],
    attributes: dict[str, Any],
) -> None:
    """TR-19, TR-20."""
    found = update_of(type_, properties)
    assert (found.ids, found.attributes) == (ids, attributes)
    assert (found.consents, found.only_current_customer, found.warnings) == (
        {},
        False,
        (),
    )


def test_a_profile_update_sets_values_and_is_no_log_in() -> None:
    properties = {
        "pii": {"firstname": "Gordon", "language": {"spoken": ["en"]}},
        "identifier": {"pk": "g-1"},
        "contact": {"email": "g@b.c", "address": {"town": "Black Mesa"}},
        "job": {"company": {"size": 100}},
        "other": {"a": 1},
    }
    found = update_of("profile-update", properties)
    assert found.ids == {"registered": "g-1", "mail": "g@b.c"}
    assert found.attributes == {
        "pii.firstname": "Gordon",
        "pii.language.spoken": ["en"],
        "identifier.pk": "g-1",
        "contact.email.main": "g@b.c",
        "contact.address.town": "Black Mesa",
        "job.company.size": 100,
    }
    assert found.only_current_customer


@pytest.mark.parametrize(
    ("type_", "properties", "consents"),
    [
        (
            "consent-granted",
            {"marketing": False, "general": True},
            {"marketing": False, "general": True},
        ),
        ("consent-granted", {}, {}),
        (
            "consent-update",
            {"consents": {"marketing": {"revoke": None}}},
            {"marketing": True},
        ),
        (
            "consent-update",
            {"consents": {"marketing": {"revoke": "2027-01-01"}}},
            {"marketing": {"revoke": "2027-01-01"}},
        ),
        ("consent-update", {"consents": {"a": False}}, {"a": False}),
        ("consent-update", {"consents": ["a", "b"]}, {"a": True, "b": True}),
        (
            "consent-update",
            {"consents": {"consents": ["a"], "revoke": "2027"}},
            {"a": {"revoke": "2027"}},
        ),
        ("consent-update", {}, {}),
        ("consent-update", {"consents": 5}, {}),
    ],
)
def test_consents(
    type_: str, properties: dict[str, Any], consents: dict[str, Any]
) -> None:
    """TR-20."""
    found = update_of(type_, properties)
    assert found.consents == consents
    assert (found.ids, found.attributes, found.warnings) == ({}, {}, ())


@pytest.mark.parametrize(
    ("type_", "properties", "warned"),
    [
        (
            "sign-in",
            {"email": "undefined"},
            "p.contact.email.main: a placeholder, not an ID",
        ),
        ("sign-in", {"pk": ""}, "p.identifier.pk: a placeholder, not an ID"),
        (
            "sign-in",
            {"pk": "a", "login": "b"},
            "another value in this event identifies the visitor",
        ),
        ("sign-in", {"pk": ["a"]}, "p.identifier.pk: must be a string"),
        ("sign-in", {"firstname": "x" * 70_000}, "p.pii.firstname: larger than"),
        ("profile-update", {"pii": {"a\nb": 1}}, "no control characters"),
        (
            "consent-granted",
            {"marketing": "yes"},
            "p.marketing: a consent must be true, false",
        ),
        ("consent-granted", {"tracking": True}, "p.tracking: call /consent"),
        ("consent-granted", {"a\nb": True}, "no control characters"),
    ],
)
def test_what_can_not_be_understood_is_named(
    type_: str, properties: dict[str, Any], warned: str
) -> None:
    found = update_of(type_, {**properties, "phone": "5"})
    assert any(warned in warning for warning in found.warnings)
    assert found.ids.get("phone", "5") == "5"


def test_other_event_types_mean_that_they_happened() -> None:
    assert update_of("page-view", {"email": "a@b.c"}) == profile_updates.ProfileUpdate()


def build(*events: Any, **sent: Any) -> list[Command]:
    body = {"source": {"id": "x"}, "events": list(events), **sent}
    return tracardi_commands.build_commands(body, commands.read(Track, body), SHOP)


VIEW = {"type": "page-view"}
OTHER = {"type": "cart"}
SIGN_IN = {"type": " sign-in ", "properties": {"pk": "gordon"}}
CONSENT = {"type": "consent-granted", "properties": {"general": True}}


@pytest.mark.parametrize(
    ("events", "firsts"),
    [
        pytest.param([VIEW, OTHER, VIEW], [0], id="a payload is one command"),
        pytest.param([], [0], id="so is one without events"),
        pytest.param(
            [VIEW, SIGN_IN, OTHER], [0, 1], id="who signs in did what follows"
        ),
        pytest.param(
            [SIGN_IN, SIGN_IN, VIEW], [0], id="who signs in again is the same"
        ),
        pytest.param(
            [SIGN_IN, {**SIGN_IN, "properties": {"pk": "alyx"}}],
            [0, 1],
            id="another is not",
        ),
        pytest.param(
            [VIEW, CONSENT, VIEW], [0], id="a consent is said with what is there"
        ),
        pytest.param(
            [VIEW, {**CONSENT, "time": 5}], [0, 1], id="unless it has a time of its own"
        ),
        pytest.param(
            [VIEW, {**SIGN_IN, "id": []}], [0], id="what is rejected says nothing"
        ),
        pytest.param(
            [VIEW, {"type": "sign-in", "tags": 5}, 7],
            [0],
            id="what is no event says nothing",
        ),
    ],
)
def test_a_payload_as_commands(events: list[Any], firsts: list[int]) -> None:
    found = build(*events)
    assert [command.first for command in found] == firsts
    assert [event for command in found for event in command.body["events"]] == events


def test_the_payloads_own_values_are_in_every_command() -> None:
    (first, second) = build(
        VIEW,
        SIGN_IN,
        attributes={"a": 1},
        consents={"c": True},
        only_current_customer=True,
    )
    assert (first.body["ids"], first.body["attributes"]) == ({}, {"a": 1})
    assert second.body["ids"] == {"registered": "gordon"}
    assert second.body["attributes"] == {"a": 1, "identifier.pk": "gordon"}
    assert second.body["consents"] == {"c": True}
    assert second.body["only_current_customer"] is True


def test_identifiers_of_the_payload_win_over_those_of_events() -> None:
    (command,) = build(SIGN_IN, ids={"registered": "alyx"})
    assert command.body["ids"] == {"registered": "alyx"}
    assert command.body["attributes"] == {"identifier.pk": "gordon"}


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"options": {"saveProfile": False}}, id="saveProfile false"),
        pytest.param({"profile_less": True}, id="nobody's events"),
    ],
)
def test_events_that_say_nothing_of_a_profile(sent: dict[str, Any]) -> None:
    (command,) = build(SIGN_IN, **sent)
    assert command.body["ids"] == command.body["attributes"] == {}


def test_a_visit_that_ended_does_not_begin() -> None:
    (command,) = build({"type": "visit-ended"}, options={"debugger": True})
    assert command.body["options"] == {"debugger": True, "saveSession": False}
    (command,) = build(VIEW)
    assert "options" not in command.body


def test_a_command_without_its_update_keeps_its_events() -> None:
    (command,) = build(SIGN_IN, attributes={"a": 1})
    without_values = tracardi_commands.drop_update(command, Invalid("m"))
    assert without_values is not None
    body = without_values.body
    assert (body["ids"], body["attributes"]) == ({"registered": "gordon"}, {"a": 1})
    assert body["events"] == [SIGN_IN]
    for before, error in ((command, Refused("m")), (without_values, Invalid("m"))):
        without_ids = tracardi_commands.drop_update(before, error)
        assert without_ids is not None
        assert without_ids.body["ids"] == {}
        assert tracardi_commands.drop_update(without_ids, error) is None


@pytest.mark.parametrize("text", ["true", "1", "True", " yes ", "on"])
def test_profile_less_in_the_query(text: str) -> None:
    assert requests.read_payload({"a": 1}, text) == {"a": 1, "profile_less": True}


@pytest.mark.parametrize("text", [None, "", "false", "0", "no"])
def test_not_profile_less(text: str | None) -> None:
    assert requests.read_payload({"a": 1}, text) == {"a": 1}


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_a_payload_is_an_object(body: Any) -> None:
    with pytest.raises(Invalid):
        requests.read_payload(body, None)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ({"id": " k "}, "k"),
        ("k", "k"),
        ({"id": 5}, "5"),
        ({"id": []}, ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_write_key_of_a_payload(source: Any, key: str) -> None:
    assert requests.read_write_key({"source": source}) == key


@pytest.mark.parametrize(
    ("context", "profile", "warned"),
    [
        ({"tracardi": {"pass": {"profile": "p", "source": "ours"}}}, "p", None),
        (
            {"tracardi": {"pass": {"profile": "p", "source": "theirs"}}},
            None,
            "pass.source",
        ),
        ({"tracardi": {"pass": {"profile": "p"}}}, None, "pass.source"),
        (
            {"tracardi": {"pass": {"profile": "null", "source": "ours"}}},
            None,
            "pass.profile",
        ),
        (
            {"tracardi": {"pass": {"profile": [], "source": "ours"}}},
            None,
            "pass.profile",
        ),
        ({"tracardi": {"pass": "p"}}, None, None),
        ({"tracardi": None}, None, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_a_profile_that_is_passed_on(
    context: Any, profile: str | None, warned: str | None
) -> None:
    """TR-18."""
    found, warning = requests.read_forwarded_profile(
        {"context": context}, lambda key: key == "ours"
    )
    assert found == profile
    assert (warned or "") in (warning or "")
    assert (warning is None) == (warned is None)


def test_the_answers_of_the_commands_are_one() -> None:
    first = {
        "session": {"id": "s"},
        "profile": {"id": None},
        "results": [
            {"id": "a", "status": "rejected", "field": "events[0].type", "reason": "r"}
        ],
        "warnings": ["w"],
        "debug": {"session": 1, "events": ["a"]},
    }
    second = {**first, "profile": {"id": "p"}, "debug": {"session": 2, "events": ["b"]}}
    found = answers.join_results([Part(0, first), Part(3, second)], ["v", "w"])
    assert [r["field"] for r in found["results"]] == [
        "events[0].type",
        "events[3].type",
    ]
    assert found["warnings"] == ["v", "w"]
    assert found["profile"] == {"id": "p"}
    assert found["debug"] == {"session": 2, "events": ["a", "b"]}
    body = answers.answer_track(found, "t").body
    assert body["errors"] == ["events[0].type: r", "events[3].type: r"]


@pytest.mark.parametrize(
    ("errors", "status"), [([], 200), (["events[0].type: field required"], 226)]
)
def test_the_status_says_whether_all_was_stored(errors: list[str], status: int) -> None:
    """TR-16."""
    assert answers.with_tracardi_status(Answer({"errors": errors})).status == status


def test_errors_in_tracardis_words() -> None:
    """TR-02, TR-16."""
    wrong = answers.answer_tracardi_error(Invalid("field required", "events"))
    assert wrong.status == 422
    assert wrong.body["detail"] == [
        {"loc": ["body", "events"], "msg": "field required", "type": "invalid"}
    ]
    assert answers.answer_tracardi_error(Invalid("no JSON")).body["detail"][0][
        "loc"
    ] == ["body"]
    unknown = answers.answer_tracardi_error(UnknownSource("Unauthorized Access"))
    assert (unknown.status, unknown.body["detail"]) == (401, "Unauthorized Access")
    assert answers.answer_tracardi_error(TooLarge("too large")).status == 413


def test_how_long_it_took_is_a_header() -> None:
    found = answers.with_duration(Answer({}, headers={"a": "b"}), 0.25)
    assert found.headers == {"a": "b", "x-process-time": "0.250000"}


TOKEN = "eyJh.eyJz-d.S_ig"


def follow(query: str) -> Request:
    """A redirect with this query."""
    asked = dict(part.split("=", 1) for part in query.split("&") if part)
    return Request(
        {
            "routeKey": "GET /redirect/{redirect_id}",
            "rawQueryString": query,
            "queryStringParameters": asked,
        }
    )


@pytest.mark.parametrize(
    ("url", "query", "leads_to"),
    [
        pytest.param(
            "https://shop.example/sale",
            f"hardlink_recipient={TOKEN}",
            f"https://shop.example/sale?hardlink_recipient={TOKEN}",
            id="a page",
        ),
        pytest.param(
            "https://shop.example/sale?utm_campaign=autumn#top",
            f"a=1&hardlink_recipient={TOKEN}",
            f"https://shop.example/sale?utm_campaign=autumn&hardlink_recipient={TOKEN}#top",
            id="a page with a query and a fragment",
        ),
        pytest.param(
            "https://shop.example/sale", "", "https://shop.example/sale", id="no token"
        ),
        pytest.param(
            "https://shop.example/sale",
            "hardlink_recipient=a&b=c%0d%0a",
            "https://shop.example/sale?hardlink_recipient=a",
            id="nothing else of the query",
        ),
        pytest.param(
            "https://shop.example/sale",
            "hardlink_recipient=a%26url%3Dhttps://evil.example",
            "https://shop.example/sale",
            id="no other characters than those of a token",
        ),
    ],
)
def test_a_redirect_passes_a_newsletters_recipient_on(
    url: str, query: str, leads_to: str
) -> None:
    redirect = Redirect(url, "click", passes_recipient=True)
    assert requests.with_recipient(redirect, follow(query)).url == leads_to


def test_a_redirect_to_another_site_learns_no_recipient() -> None:
    redirect = Redirect("https://partner.example", "click")
    request = follow(f"hardlink_recipient={TOKEN}")
    assert requests.with_recipient(redirect, request) == redirect


def test_no_event_has_the_token_of_a_newsletter() -> None:
    redirect = Redirect("https://shop.example", "click", {"campaign": "autumn"})
    request = follow(f"place=top&hardlink_recipient={TOKEN}")
    found = requests.read_redirect(request, "web", redirect, None)
    (event,) = found.payload["events"]
    assert event["properties"] == {"place": "top", "campaign": "autumn"}
