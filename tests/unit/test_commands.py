"""Bodies of write calls as commands: what is taken, what is refused, and why."""

from __future__ import annotations

import pytest

from hardlink.domain import commands
from hardlink.domain.commands import Anonymize, Identify, Track, Update
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
