"""What callers write: IDs, times, clocks, commands."""

from __future__ import annotations

from typing import Any

import pytest

from hardlink.domain import clock_skew, commands, times, values
from hardlink.domain.commands import Consent, Identify, Track, WriteCommand
from hardlink.domain.errors import Invalid, TooLarge
from hardlink.domain.graph import profile_node
from hardlink.domain.identifiers import parse_identifier
from hardlink.domain.records import Clock, Session
from hardlink.domain.times import DAY, HOUR, SECOND

NOON = 1_795_348_800 * SECOND


# -- rule 8: values that identify nobody --------------------------------------------------------


NOBODY = [
    *(
        "undefined",
        "null",
        "none",
        "nil",
        "nan",
        "0",
        "-1",
        "true",
        "false",
        "anonymous",
        "guest",
    ),
    *(
        "unknown",
        "id",
        "user",
        "email",
        "distinct_id",
        "not_authenticated",
        "UNDEFINED",
        "Guest",
    ),
    *("00000000-0000-0000-0000-000000000000", "", "  ", " null ", "[object Object]"),
    *(
        "\u200b",
        "\u2060",
        "\u00ad",
        "\u3164",
        "undefined\u200b",
        "(null)",
        "<null>",
        "0.0",
    ),
    *("{00000000-0000-0000-0000-000000000000}", "[]", "{}", "n/a", "(not set)"),
    *("\u3000", "\uff4e\uff55\uff4c\uff4c"),
]


@pytest.mark.parametrize("value", NOBODY)
def test_a_value_that_identifies_nobody_is_refused(value: str) -> None:
    with pytest.raises(Invalid, match="a placeholder, not an ID") as invalid:
        parse_identifier(value, "ids.registered")
    assert invalid.value.field == "ids.registered"


@pytest.mark.parametrize(
    "value", ["42", "nullable", "gordon@blackmesa.com", "Ünïcode", "a=b/c#d"]
)
def test_a_value_that_identifies_somebody_is_taken(value: str) -> None:
    assert parse_identifier(f" {value} ", "f") == value


def test_a_whole_number_is_an_id() -> None:
    assert parse_identifier(42, "f") == "42"


@pytest.mark.parametrize("value", [0, "email", "null", 7])
def test_an_event_needs_no_name_of_its_own(value: object) -> None:
    found = commands.parse_event({"type": "a", "id": value}, 0)
    assert commands.parse_event_id(found, 0) == str(value)


@pytest.mark.parametrize(
    "value", [True, 1.5, [], {}, "a\x00b", "\ud83d", "x" * 257, "é" * 129]
)
def test_what_can_be_no_id_is_refused(value: object) -> None:
    with pytest.raises(Invalid):
        parse_identifier(value, "f")


# -- times --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-22T12:00:00Z",
        "2026-11-22T12:00:00.000Z",
        "2026-11-22T13:00:00+01:00",
        "2026-11-22 12:00:00",
        " 2026-11-22T12:00 ",
        1795348800,
        1795348800.0,
        1795348800000,
        pytest.param("1795348800", id="T5: seconds as text"),
        pytest.param("1795348800.0", id="T5: seconds with decimals as text"),
        pytest.param("1795348800000", id="T5: milliseconds as text"),
        pytest.param(1795348800000000, id="microseconds"),
        pytest.param(1795348800000000000, id="nanoseconds"),
        pytest.param("2026-11-22 12:00:00 UTC", id="T5: the zone by name"),
        pytest.param("2026-11-22 12:00:00 GMT", id="T5: the zone by its older name"),
        pytest.param("2026-11-22 12:00:00 +0000", id="T5: a space before the zone"),
        pytest.param("2026-11-22t12:00:00z", id="T5: small letters"),
        pytest.param("2026-11-22T12:00:00,000Z", id="a decimal comma"),
        pytest.param("Sun, 22 Nov 2026 12:00:00 GMT", id="toUTCString"),
        pytest.param("Sun Nov 22 2026 13:00:00 GMT+0100 (CET)", id="String(date)"),
    ],
)
def test_a_time_in_each_form(written: object) -> None:
    assert times.parse_time(written, "time") == NOON


@pytest.mark.parametrize(
    "written",
    [
        "soon",
        "",
        True,
        [],
        {},
        None,
        -1,
        "-1",
        10**20,
        float("nan"),
        float("inf"),
        "0001-01-01",
        "9999-12-31",
        "9" * 40,
        "29.11.2026",
        "11/29/2026",
        "2026",
        "10:00",
        "Sun, 31 Nov 2026 12:00:00 GMT",
        "2026-11-22 12:00:00 CET",
        1e300,
    ],
)
def test_what_is_no_time_is_refused_and_named(written: object) -> None:
    with pytest.raises(Invalid) as invalid:
        times.parse_time(written, "events[0].time")
    assert invalid.value.field == "events[0].time"


def test_microseconds_survive() -> None:
    text = "2026-11-22T12:00:00.123456Z"
    assert times.to_iso(times.parse_time(text, "time")) == text


# -- rule 10: a device's clock is its own -------------------------------------------------------


RIGHT = Clock()
AHEAD = Clock(-2 * HOUR)
BEGAN = NOON - HOUR
"""When the session began."""


@pytest.mark.parametrize(
    ("sent", "happened", "offset"),
    [
        pytest.param(None, [NOON - 1], 0, id="a clock behind does not show"),
        pytest.param(None, [NOON + HOUR], -HOUR, id="all has yet to happen"),
        pytest.param(None, [], 0, id="nothing to correct"),
        pytest.param(None, [NOON, NOON + 400 * DAY], 0, id="one odd time"),
        pytest.param(None, [None, NOON + 400 * DAY], 0, id="one odd time, and none"),
        pytest.param(None, [NOON + 400 * DAY], -400 * DAY, id="a year ahead"),
        pytest.param(NOON - HOUR, [], HOUR, id="an hour behind"),
        pytest.param(NOON + HOUR, [], -HOUR, id="an hour ahead"),
        pytest.param(NOON - SECOND, [], 0, id="a second on the way"),
        pytest.param(NOON - 3 * DAY, [], 3 * DAY, id="days behind"),
    ],
)
def test_t1_the_first_call_of_a_device(
    sent: int | None, happened: list[int | None], offset: int
) -> None:
    dating = clock_skew.date_first_call(happened, now=NOON, sent=sent)
    assert dating.offset == offset
    # without a sending time it counts for this call alone
    assert dating.clock.offset == (0 if sent is None else offset)


@pytest.mark.parametrize(
    ("clock", "sent", "offset", "changes"),
    [
        pytest.param(RIGHT, NOON - SECOND, 0, False, id="right, and stays so"),
        pytest.param(
            AHEAD, NOON + 2 * HOUR - 1, -2 * HOUR, False, id="ahead as before"
        ),
        pytest.param(Clock(20 * SECOND), NOON, 0, True, id="the first call stalled"),
        pytest.param(
            Clock(-73 * 365 * DAY), NOON, 0, True, id="2099 first, then right"
        ),
        pytest.param(Clock(3 * HOUR), NOON, 0, True, id="behind first, then right"),
        pytest.param(RIGHT, NOON + 2 * HOUR, -2 * HOUR, True, id="set 2 hours ahead"),
        pytest.param(RIGHT, NOON + 2 * DAY, -2 * DAY, True, id="set 2 days ahead"),
        pytest.param(RIGHT, NOON - 2 * DAY, 2 * DAY, True, id="set 2 days back"),
        pytest.param(
            RIGHT, NOON - 2 * HOUR, 0, True, id="2 hours back, or late: doubted"
        ),
        pytest.param(
            Clock(0, (2 * HOUR, NOON - 60 * SECOND)),
            NOON - 2 * HOUR,
            2 * HOUR,
            True,
            id="2 hours back again, a minute later",
        ),
        pytest.param(
            Clock(0, (2 * HOUR, NOON - SECOND)),
            NOON - 2 * HOUR,
            0,
            False,
            id="two calls of one queue",
        ),
        pytest.param(
            Clock(0, (2 * HOUR, NOON - 60 * SECOND)),
            NOON - HOUR,
            0,
            True,
            id="another delay is another doubt",
        ),
        pytest.param(
            Clock(0, (2 * HOUR, NOON - 60 * SECOND)), NOON, 0, True, id="no doubt left"
        ),
    ],
)
def test_t1_a_clock_is_followed(
    clock: Clock, sent: int, offset: int, *, changes: bool
) -> None:
    dating = clock_skew.date_call(clock, BEGAN, [], now=NOON, sent=sent)
    assert dating.offset == dating.clock.offset == offset
    assert (dating.clock != clock) is changes
    # the same call again changes nothing more
    again = clock_skew.date_call(dating.clock, BEGAN, [], now=NOON, sent=sent)
    assert again == dating


@pytest.mark.parametrize(
    ("clock", "happened", "offset"),
    [
        pytest.param(RIGHT, [NOON - HOUR, NOON + HOUR], 0, id="one of two is ahead"),
        pytest.param(RIGHT, [NOON + HOUR], -HOUR, id="the only one is ahead"),
        pytest.param(RIGHT, [NOON + HOUR, NOON + 3 * HOUR], -3 * HOUR, id="both are"),
        pytest.param(AHEAD, [NOON + 2 * HOUR - 1], -2 * HOUR, id="the clock is known"),
        pytest.param(RIGHT, [], 0, id="nothing happened"),
        pytest.param(
            Clock(2 * HOUR), [], 2 * HOUR, id="nothing, on a clock that is behind"
        ),
    ],
)
def test_t1_without_a_sending_time_the_session_keeps_its_clock(
    clock: Clock, happened: list[int], offset: int
) -> None:
    dating = clock_skew.date_call(clock, BEGAN, happened, now=NOON, sent=None)
    assert (dating.offset, dating.clock.offset) == (offset, clock.offset)


def test_t1_a_device_ahead_that_never_says_when_it_sends_is_dated_alike() -> None:
    first = clock_skew.date_call(RIGHT, BEGAN, [NOON + HOUR], now=NOON, sent=None)
    later = NOON + 60 * SECOND
    time = later + HOUR - 20 * SECOND
    second = clock_skew.date_call(first.clock, BEGAN, [time], now=later, sent=None)
    assert second == first


def test_t1_an_event_is_looked_for_by_the_offsets_that_dated_events_of_its_time() -> (
    None
):
    used = ((-2 * HOUR, NOON), (-73 * 365 * DAY, NOON))
    session = Session(
        "s", profile_node("p"), "web", BEGAN, NOON, NOON, clock=Clock(0, used=used)
    )
    assert clock_skew.other_times(session, NOON) == [NOON - 2 * HOUR]
    assert clock_skew.other_times(session, NOON + 27 * HOUR) == []
    assert clock_skew.other_times(session._replace(clock=RIGHT), NOON) == []


@pytest.mark.parametrize(
    ("time", "found"),
    [
        pytest.param(NOON + HOUR, [NOON + HOUR], id="it may be stored as it was sent"),
        pytest.param(NOON + 3 * HOUR, [], id="later than all that is stored"),
    ],
)
def test_t1_an_event_dated_by_this_call_alone_is_looked_for_by_the_clock_as_well(
    time: int, found: list[int]
) -> None:
    latest = NOON + 2 * HOUR
    session = Session("s", profile_node("p"), "web", BEGAN, latest, NOON)
    dated = clock_skew.with_clock_offset(session, [time], now=NOON, sent=None)
    assert dated.offset == NOON - time
    assert clock_skew.other_times(dated, time) == found


@pytest.mark.parametrize(
    ("last_used", "noted"),
    [
        pytest.param(NOON - HOUR, NOON - HOUR, id="within the hour: at no cost"),
        pytest.param(NOON - HOUR - 1, NOON, id="longer ago: noted again"),
    ],
)
def test_t1_of_the_offsets_that_dated_ahead_the_one_that_fits_is_used_again(
    last_used: int, noted: int
) -> None:
    clock = Clock(used=((-9 * HOUR, NOON), (-2 * HOUR, last_used)))
    dating = clock_skew.date_call(clock, BEGAN, [NOON + 2 * HOUR], now=NOON, sent=None)
    assert dating.offset == -2 * HOUR
    assert dict(dating.clock.used) == {-9 * HOUR: NOON, -2 * HOUR: noted}


def test_t1_no_more_offsets_are_remembered_than_a_session_has_room_for() -> None:
    clock = RIGHT
    for number in range(1, 20):
        sent = NOON + number * HOUR
        clock = clock_skew.date_call(clock, BEGAN, [], now=NOON, sent=sent).clock
    assert clock.offset == -19 * HOUR
    assert [offset for offset, _ in clock.used] == [-n * HOUR for n in range(18, 8, -1)]


# -- commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        (Track, {"events": {}}, "events"),
        (Track, {"context": []}, "context"),
        (Track, {"properties": "x"}, "properties"),
        (Track, {"options": {"saveEvents": "perhaps"}}, "options.saveEvents"),
        (Identify, {"ids": []}, "ids"),
        (Identify, {"segments": [1]}, "segments.1"),
        (Identify, {"traits": 1}, "traits"),
        (Consent, {}, "tracking"),
        (Consent, {"tracking": "perhaps"}, "tracking"),
    ],
)
def test_what_has_the_wrong_type_is_named(
    command: type[WriteCommand], body: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as invalid:
        commands.read(command, body)
    assert invalid.value.field == field


@pytest.mark.parametrize("body", [None, [], "x", 1])
def test_a_body_is_an_object(body: object) -> None:
    with pytest.raises(Invalid, match="JSON object"):
        commands.read(Track, body)


@pytest.mark.parametrize(
    "source", [None, {}, {"id": None}, {"id": ["x"]}, {"id": True}]
)
def test_a_source_without_a_key_is_named(source: object) -> None:
    with pytest.raises(Invalid) as invalid:
        _ = commands.read(Track, {"source": source}).write_key
    assert invalid.value.field == "source.id"


@pytest.mark.parametrize(
    "session", [None, {}, {"id": ""}, {"id": " "}, "", {"id": None}]
)
def test_a_blank_session_is_no_session(session: object) -> None:
    assert commands.read(Track, {"session": session}).session_id is None


def test_nulls_mean_what_leaving_out_means() -> None:
    names = ("context", "properties", "events", "options", "ids")
    left_out, nulls = (
        commands.read(Track, {}),
        commands.read(Track, dict.fromkeys(names)),
    )
    assert [getattr(left_out, n) for n in names] == [getattr(nulls, n) for n in names]


def test_500_events_are_taken_and_501_are_too_many() -> None:
    commands.read(Track, {"events": [{}] * 500})
    with pytest.raises(TooLarge) as too_large:
        commands.read(Track, {"events": [{}] * 501})
    assert too_large.value.status == 413


def test_segments_come_as_labels_or_as_whether_each_holds() -> None:
    assert commands.read(Identify, {"segments": ["new"]}).segments == {"new": True}
    assert commands.read(Identify, {"segments": {"new": False}}).segments == {
        "new": False
    }


def test_t5_a_time_that_cannot_be_read_is_left_out_and_named() -> None:
    found = commands.read(Identify, {"time": "soon", "properties": {"a": 1}})
    assert (found.time, found.properties) == (None, {"a": 1})
    (left_out,) = found.left_out
    assert left_out.field == "time"
    assert left_out.reason.endswith("; stored with the time of its receipt")


def test_s1_values_that_cannot_be_kept_are_left_out_of_a_command() -> None:
    sent = {"a": 1, "b": "x" * (values.MOST_CUSTOMER_BYTES + 1), "": 3}
    parts = ("properties", "traits", "consents")
    found = commands.read(Identify, dict.fromkeys(parts, sent))
    assert found.properties == found.traits == found.consents == {"a": 1}
    named = [f"{part}.{name}" for part in ("properties", *parts[1:]) for name in "b "]
    assert sorted(one.field for one in found.left_out) == sorted(
        one.strip() for one in named
    )


def test_s2_an_event_is_kept_without_tags_that_are_too_large() -> None:
    tags = ["x" * values.MOST_BYTES]
    found = commands.parse_event({"type": "a", "tags": tags}, 3)
    assert (found.tags, [one.field for one in found.left_out]) == ([], ["tags"])


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (None, "events[3]"),
        ([], "events[3]"),
        ({}, "events[3].type"),
        ({"type": " "}, "events[3].type"),
        ({"type": 5}, "events[3].type"),
        ({"type": "a\nb"}, "events[3].type"),
        ({"type": "x" * 129}, "events[3].type"),
        ({"type": "a", "tags": "x"}, "events[3].tags"),
        ({"type": "a", "options": {"save": 7}}, "events[3].options.save"),
    ],
)
def test_what_is_wrong_with_an_event_is_named(event: object, field: str) -> None:
    with pytest.raises(Invalid) as invalid:
        commands.parse_event(event, 3)
    assert invalid.value.field == field


@pytest.mark.parametrize(
    "time",
    ["2026-11-22", {"insert": "2026-11-22"}, {"create": "2026-11-22", "insert": None}],
)
def test_an_event_says_its_time_plainly_or_as_trackers_do(time: object) -> None:
    assert commands.parse_event({"type": "a", "time": time}, 0).happened == "2026-11-22"


@pytest.mark.parametrize(
    "time", [None, {}, {"insert": None}, {"create": None, "insert": None}]
)
def test_an_event_whose_tracker_says_no_time_happens_now(time: object) -> None:
    assert commands.parse_event({"type": "a", "time": time}, 0).happened is None
