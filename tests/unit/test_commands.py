"""Bodies of write calls as commands: what is taken, what is refused, and why."""

from __future__ import annotations

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import (
    Anonymize,
    Identify,
    Keep,
    Track,
    Update,
    WriteCommand,
)
from hardlink.domain.errors import Invalid, TooLarge


@pytest.mark.parametrize(
    ("source", "write_key"),
    [("key", "key"), (" key ", "key"), (77, "77"), ({"id": "key"}, "key")],
)
def test_a_write_key_is_taken_in_every_form(source: object, write_key: str) -> None:
    assert commands.read(Anonymize, {"source": source}).write_key == write_key


@pytest.mark.parametrize("source", [None, True, 1.5, [], {}, {"id": ""}])
def test_a_call_without_a_write_key_names_the_field(source: object) -> None:
    with pytest.raises(Invalid) as invalid:
        _ = commands.read(Anonymize, {"source": source}).write_key
    assert invalid.value.field == "source.id"


@pytest.mark.parametrize("name", ["segments", "traits", "attributes", "consents"])
def test_a_payload_with_any_value_has_values(name: str) -> None:
    assert not commands.read(Track, {}).has_values
    assert commands.read(Track, {name: {"a": True}}).has_values


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        pytest.param(["vip"], {"vip": True}, id="labels"),
        pytest.param({"vip": False}, {"vip": False}, id="an object"),
        pytest.param(None, {}, id="none"),
    ],
)
def test_segments_are_labels_or_an_object(sent: object, read: dict[str, bool]) -> None:
    assert commands.read(Update, {"segments": sent}).segments == read


def test_a_label_that_is_no_text_is_named() -> None:
    with pytest.raises(Invalid) as invalid:
        commands.read(Update, {"segments": ["vip", 7]})
    assert invalid.value.field == "segments.7"


@pytest.mark.parametrize("command", [Track, Identify, Update])
def test_only_the_call_for_consent_opts_out(command: type[Track | Identify]) -> None:
    with pytest.raises(Invalid, match="/consent") as invalid:
        commands.read(command, {"consents": {"tracking": False}})
    assert invalid.value.field == "consents.tracking"


def test_a_payload_has_at_most_500_events() -> None:
    assert len(commands.read(Track, {"events": [{}] * 500}).events) == 500
    with pytest.raises(TooLarge) as large:
        commands.read(Track, {"events": [{}] * 501})
    assert large.value.field == "events"


@pytest.mark.parametrize(
    ("time", "happened"),
    [
        pytest.param("2026-01-01", "2026-01-01", id="itself"),
        pytest.param({"insert": 7, "create": 8}, 7, id="Tracardi's insert"),
        pytest.param({"insert": None, "create": 8}, 8, id="Tracardi's create"),
        pytest.param({"insert": None}, None, id="none of both"),
        pytest.param({}, None, id="an empty object"),
        pytest.param({"process": 9}, {"process": 9}, id="an object that is no time"),
    ],
)
def test_an_event_happened_at_its_time(time: object, happened: object) -> None:
    event = commands.parse_event({"type": "view", "time": time}, 0)
    assert event.happened == happened


@pytest.mark.parametrize(
    ("session", "id_"),
    [("s1", "s1"), ({"id": "s1"}, "s1"), ({"id": " "}, None), (None, None)],
)
def test_a_session_is_a_reference_or_an_id(session: object, id_: str | None) -> None:
    track = commands.read(Track, {"session": session, "linked_session": session})
    assert (track.session_id, track.linked_session_id) == (id_, id_)


# -- what a backend means -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "server_side"),
    [
        pytest.param({"ids": {"registered": "g"}}, True, id="a customer alone"),
        pytest.param({}, False, id="nobody"),
        pytest.param({"session": "s", "ids": {"registered": "g"}}, False, id="a visit"),
        pytest.param(
            {"profile": "p", "ids": {"registered": "g"}}, False, id="a visitor"
        ),
        pytest.param(
            {"profile_less": True, "ids": {"registered": "g"}},
            False,
            id="events of no visitor",
        ),
    ],
)
def test_w5_what_a_backend_reports_of_a_customer_happened_on_no_device(
    body: dict[str, object], *, server_side: bool
) -> None:
    track = commands.read(Track, body).from_backend()
    assert track.is_server_side is server_side


# -- S4, S6: what is left out is named ------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("evnets", "ignored: did you mean events?", id="misspelled"),
        pytest.param("colour", "not a field of this call, ignored", id="unknown"),
    ],
)
def test_s4_an_unknown_field_is_named(name: str, reason: str) -> None:
    track = commands.read(Track, {name: 1, "ids": {"registered": "g"}})
    (left_out,) = track.left_out
    assert left_out.field == name
    assert left_out.reason.endswith(reason)


def test_s4_a_payload_of_unknown_fields_alone_is_refused() -> None:
    with pytest.raises(Invalid, match="did you mean events") as invalid:
        commands.read(Track, {"evnets": [], "context": {}})
    assert invalid.value.field == "evnets"


def test_s4_what_a_tracker_sends_beside_is_no_unknown_field() -> None:
    assert commands.read(Track, {"device": {}, "events": [{}]}).left_out == ()


@pytest.mark.parametrize("command", [Anonymize, Keep])
def test_s4_the_calls_of_the_sdk_name_unknown_fields_but_not_its_own(
    command: type[WriteCommand],
) -> None:
    body = {"source": "key", "profile": {"id": "p"}, "time": 1, "sent": 1}
    assert commands.read(command, body).left_out == ()
    (unknown,) = commands.read(command, {**body, "colour": 1}).left_out
    assert unknown.field == "colour"


def test_w6_traits_too_large_for_one_value_are_added_to_the_earlier_ones() -> None:
    traits = {"cart": "x" * 60_000, "list": "y" * 60_000}
    track = commands.read(Track, {"traits": traits, "replace_lists": True})
    assert (track.replace_lists, track.traits) == (False, traits)
    assert [one.field for one in track.left_out] == ["replace_lists"]


def test_w6_as_many_segments_as_a_call_may_have_fit_one_value() -> None:
    segments = [f"{number:03}{'x' * 125}" for number in range(255)]
    longest = {"segments": segments, "replace_lists": True}
    track = commands.read(Track, longest)
    assert (track.replace_lists, track.left_out) == (True, ())
    assert len(track.segments) == 255
