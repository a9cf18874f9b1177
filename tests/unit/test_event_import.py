"""Rows of an import: what may stand in a file, and which calls are made of it."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from hardlink.services.answers import BOT, ERASED, OPTED_OUT
from infra.operations.event_import import rows as rows_module
from infra.operations.event_import.calls import plan_calls
from infra.operations.event_import.field_map import FieldMap, Only, Rename
from infra.operations.event_import.importer import read_results
from infra.operations.event_import.rows import (
    MOST_LINE_BYTES,
    Format,
    Refusal,
    Row,
    UnusableFile,
    guess_format,
    open_file,
    read_rows,
)

TIME = "2026-11-01T10:00:00Z"


def read(
    text: str | bytes, file_format: Format = "jsonl", field_map: FieldMap | None = None
) -> list[Row | Refusal]:
    data = text.encode() if isinstance(text, str) else text
    rows = read_rows(io.BytesIO(data), file_format)
    return list((field_map or FieldMap()).apply(rows))


def fields(found: list[Row | Refusal]) -> list[Any]:
    assert all(isinstance(row, Row) for row in found), found
    return [row.fields for row in found if isinstance(row, Row)]


def event(line: int = 1, **given: Any) -> Row:
    return Row(line, {"session": "s", "type": "view", "time": TIME, **given}, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.jsonl", "jsonl"), ("a.NDJSON", "jsonl"), ("a.csv.gz", "csv")],
)
def test_the_format_is_told_by_the_name(name: str, expected: str) -> None:
    assert guess_format(Path(name)) == expected


def test_a_name_that_tells_no_format_says_which_option_to_add() -> None:
    with pytest.raises(UnusableFile, match="--format"):
        guess_format(Path("history.txt"))


def test_lines_are_counted_and_empty_ones_are_no_rows() -> None:
    found = read('{"a": 1}\n\n{"a": 2}')
    assert [row.line for row in found] == [1, 3]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"a": "' + b"x" * (2 * MOST_LINE_BYTES) + b'"}', "more than"),
    ],
    ids=["cut off", "a list", "no UTF-8", "very deep", "very long"],
)
def test_a_line_that_cannot_be_read_refuses_itself_alone(
    line: bytes, reason: str
) -> None:
    refused, after = read(line + b'\n{"a": 1}\n')
    assert isinstance(refused, Refusal)
    assert refused.line == 1
    assert reason in refused.reason
    assert isinstance(after, Row)
    assert after.line == 2


def test_columns_name_fields_by_their_path() -> None:
    text = (
        "session,ids.registered,properties.price:number,properties.n:number,"
        "properties.list:json,properties.zip\n"
        's,gordon,7.99,3,"[1, 2]",00123\n'
        "s,,,,,\n"
    )
    assert fields(read(text, "csv")) == [
        {
            "session": "s",
            "ids": {"registered": "gordon"},
            "properties": {"price": 7.99, "n": 3, "list": [1, 2], "zip": "00123"},
        },
        {"session": "s"},
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a,b\n1\n1,2\n", 2, "1 cells, and 2 in the header"),
        ("a,b:number\n1,x\n1,2\n", 2, "not a number"),
        ("a,b:date\n1,x\n1,\n", 2, ":number or :json"),
        (b"a,b\n\xff,2\n1,2\n", 2, "not a text"),
    ],
    ids=["too few cells", "no number", "no such kind", "no UTF-8"],
)
def test_a_row_of_a_csv_that_cannot_be_read_refuses_itself_alone(
    text: str | bytes, line: int, reason: str
) -> None:
    refused, after = read(text, "csv")
    assert isinstance(refused, Refusal)
    assert refused.line == line
    assert reason in refused.reason
    assert isinstance(after, Row)


def test_a_csv_may_begin_with_a_byte_order_mark_and_have_cells_of_several_lines() -> (
    None
):
    found = read('\ufeffa,b\n"x\ny",2\n3,4\n', "csv")
    assert fields(found) == [{"a": "x\ny", "b": "2"}, {"a": "3", "b": "4"}]
    assert [row.line for row in found] == [2, 4]


def test_a_long_cell_is_read_and_readers_of_other_files_keep_their_limit() -> None:
    before = csv.field_size_limit()
    for row in read_rows(io.BytesIO(b"a,b\n1," + b"x" * (2 * before)), "csv"):
        assert isinstance(row, Row)
        assert csv.field_size_limit() == before


def test_a_header_that_is_no_csv_refuses_the_file() -> None:
    (refused,) = read('"a"b,c\n1,2\n', "csv")
    assert isinstance(refused, Refusal)
    assert refused.line == 1


def test_a_csv_leaves_its_stream_open() -> None:
    stream = io.BytesIO(b"a\n1\n")
    list(read_rows(stream, "csv"))
    assert stream.tell() == 4


def test_fields_are_renamed_by_path_and_missing_ones_are_none() -> None:
    renames = (
        Rename("timestamp", "time"),
        Rename("customer_ids.registered", "ids.registered"),
        Rename("missing.field", "x"),
        Rename("customer_ids.cookie", "session"),
    )
    lines = [
        {"timestamp": 5, "customer_ids": {"registered": "g"}},
        {"timestamp": 6, "customer_ids": {"registered": None, "cookie": ""}},
        {"timestamp": 7, "customer_ids": {"registered": "g", "other": "o"}},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    assert fields(read(text, "jsonl", FieldMap(renames=renames))) == [
        {"time": 5, "ids": {"registered": "g"}},
        {"time": 6},
        {"time": 7, "customer_ids": {"other": "o"}, "ids": {"registered": "g"}},
    ]


def test_rows_are_chosen_and_fields_left_out_before_they_are_renamed() -> None:
    field_map = FieldMap(
        only=[Only("type", "track"), Only("n.a", "1")],
        drops=["n", "type"],
        renames=[Rename("event", "type")],
    )
    lines = (
        '{"type": "track", "n": {"a": 1}, "event": "Viewed"}\n'
        '{"type": "track", "n": {"a": 2}, "event": "Viewed"}\n'
        '{"type": "track", "n": 1}\n'
        '{"type": "identify", "n": {"a": 1}}\n'
        "no row\n"
    )
    found = read(lines, "jsonl", field_map)
    assert isinstance(found[1], Refusal), "what cannot be read is never left out"
    assert fields(found[:1]) == [{"type": "Viewed"}]


def test_fields_without_a_place_are_left_out_where_that_is_asked_and_counted() -> None:
    field_map = FieldMap(drops_unknown=True)
    lines = (
        '{"type": "a", "traits": {}, "v": 1}\n{"traits": {}, "v": 1, "session": "s"}\n'
    )
    assert fields(read(lines, "jsonl", field_map)) == [
        {"type": "a"},
        {"traits": {}, "session": "s"},
    ]
    assert field_map.left_out == {"traits": 1, "v": 2}


def test_a_zipped_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(gzip.compress(b'{"a": 1}\n'))
    raw, stream = open_file(path)
    with raw, stream:
        assert fields(list(read_rows(stream, "jsonl"))) == [{"a": 1}]


def test_a_zipped_file_that_is_cut_off_says_so(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-12])
    raw, stream = open_file(path)
    with raw, stream, pytest.raises(UnusableFile, match="ends too early"):
        list(read_rows(stream, "jsonl"))


def test_rows_are_read_one_at_a_time() -> None:
    """Of a stream that never ends, the first row is there at once."""

    class Endless(io.RawIOBase):
        def readline(self, size: int | None = -1) -> bytes:
            return b'{"a": 1}\n'

    endless: Any = Endless()
    assert isinstance(next(rows_module.read_rows(endless, "jsonl")), Row)


def test_rows_of_one_session_share_a_call_in_their_order() -> None:
    calls, refused = plan_calls(
        [event(1, id="a"), event(2, session="other"), event(3, id="b")], "web"
    )
    assert refused == []
    assert [(call.path, call.lines) for call in calls] == [
        ("/track", [1, 3]),
        ("/track", [2]),
    ]
    assert [sent["id"] for sent in calls[0].body["events"]] == ["a", "b"]
    assert calls[0].body["source"] == {"id": "web"}
    assert calls[0].body["session"] == {"id": "s"}


def test_a_log_in_between_two_events_keeps_them_apart() -> None:
    login = Row(2, {"session": "s", "ids": {"registered": "g"}, "time": TIME}, 1)
    calls, _ = plan_calls([event(1), login, event(3)], "web")
    assert [(call.path, call.lines) for call in calls] == [
        ("/track", [1]),
        ("/identify", [2]),
        ("/track", [3]),
    ]


def test_events_with_other_identifiers_are_calls_of_their_own() -> None:
    """The earliest event of a call dates the link of its identifiers."""
    given = [{"registered": "a"}, {"registered": "b"}, {"registered": "a"}]
    rows = [event(number, ids=ids) for number, ids in enumerate(given)]
    calls, _ = plan_calls(rows, "web")
    assert [call.lines for call in calls] == [[0], [1], [2]]


def test_values_of_a_customer_without_a_session_are_an_update() -> None:
    row = Row(
        1, {"ids": {"registered": "g"}, "time": TIME, "segments": {"vip": True}}, 1
    )
    (call,), _ = plan_calls([row], "web")
    assert call.path == "/update"
    assert call.body["segments"] == {"vip": True}


def test_a_row_without_an_id_gets_one_of_its_contents() -> None:
    (first, again, other), _ = (
        (
            plan_calls([event(1)], "w")[0]
            + plan_calls([event(9)], "w")[0]
            + plan_calls([event(1, type="buy")], "w")[0]
        ),
        None,
    )
    ids = [call.body["events"][0]["id"] for call in (first, again, other)]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        (event(time=None), "time", "send the time"),
        (event(time="yesterday"), "time", "not a valid time"),
        (event(session=None), "session", "nobody's"),
        (event(price=3), "price", "--drop price"),
        (Row(1, {"session": "s", "time": TIME, "tags": []}, 1), "tags", "--drop"),
    ],
    ids=["no time", "no such time", "no visitor", "unknown", "unknown of a log-in"],
)
def test_a_row_that_cannot_be_sent_says_what_to_do(
    row: Row, field: str, reason: str
) -> None:
    calls, (refused,) = plan_calls([row], "web")
    assert calls == []
    assert (refused.status, refused.field) == ("invalid", field)
    assert reason in refused.reason


def test_every_verdict_is_read_to_its_line() -> None:
    calls, _ = plan_calls([event(4), event(7), event(9)], "web")
    answer = {
        "results": [
            {"status": "stored", "left_out": [{"field": "properties.x"}]},
            {"status": "rejected", "reason": "no type", "field": "type"},
            {"status": "duplicate"},
        ],
        "warnings": ["superseded"],
    }
    taken = read_results(calls[0], answer)
    assert dict(taken.counts) == {"stored": 1, "rejected": 1, "duplicate": 1}
    assert taken.refused == [Refusal(7, "rejected", "no type", "type")]
    assert taken.notes == [
        {"line": 4, "status": "stored", "left_out": [{"field": "properties.x"}]},
        {"lines": [4, 7, 9], "warning": "superseded"},
    ]


@pytest.mark.parametrize("session", [None, "s"], ids=["update", "identify"])
@pytest.mark.parametrize("reason", [OPTED_OUT, BOT, ERASED])
def test_values_of_which_nothing_was_stored_are_dropped(
    session: str | None, reason: str
) -> None:
    row = Row(3, {"session": session, "ids": {"registered": "7"}, "time": TIME}, 1)
    calls, _ = plan_calls([row], "web")
    taken = read_results(calls[0], {"customer": None, "warnings": [reason]})
    assert taken.counts == {"dropped": 1}
    assert taken.refused == [Refusal(3, "dropped", reason)]


def test_values_with_another_warning_are_stored() -> None:
    row = Row(3, {"ids": {"registered": "7"}, "time": TIME}, 1)
    calls, _ = plan_calls([row], "web")
    taken = read_results(calls[0], {"warnings": ["superseded"]})
    assert taken.counts == {"stored": 1}
    assert taken.notes == [{"lines": [3], "warning": "superseded"}]
