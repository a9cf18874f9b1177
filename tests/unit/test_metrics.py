"""What is counted, and when and how it is written to the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import pytest

from hardlink import log, metrics
from hardlink.metrics import Name


@pytest.fixture(autouse=True)
def _nothing_gathered() -> Iterator[None]:
    metrics.take_metrics()
    yield
    metrics.take_metrics()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_counts_add_up_and_are_taken_once() -> None:
    metrics.count("events_stored", 3)
    metrics.count("events_stored")
    metrics.count("events_dropped", 0)
    assert metrics.take_metrics().counts == {"events_stored": 4}
    assert not metrics.take_metrics().has_values


def test_a_name_that_is_not_declared_is_an_error_that_says_which_are() -> None:
    with pytest.raises(
        ValueError, match="'gordon' is not a metric: use one of events_stored"
    ):
        metrics.count(cast("Name", "gordon"))


def test_of_many_durations_as_many_are_kept_as_a_line_has_room_for() -> None:
    for milliseconds in range(1000):
        metrics.record_duration("association_lag", milliseconds)
    metrics.record_duration("association_lag", -5)
    (found,) = metrics.take_metrics().durations.values()
    assert len(found) == metrics.MOST_DURATIONS
    assert min(found) >= 0
    assert max(found) > metrics.MOST_DURATIONS  # not simply the first ones


def test_the_line_is_what_cloudwatch_takes_metrics_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "hardlink-test")
    monkeypatch.setenv("_HANDLER", "track.handler.handler")
    metrics.count("events_stored", 3)
    for milliseconds in range(200):
        metrics.record_duration("association_lag", milliseconds)
    log.MetricsFlusher(lambda: 0.0)()
    (line,) = lines(capsys)
    (told,) = line["_aws"]["CloudWatchMetrics"]
    assert told["Namespace"] == "Hardlink"
    assert told["Dimensions"] == [["service"]]
    assert told["Metrics"] == [
        {"Name": "events_stored", "Unit": "Count"},
        {"Name": "association_lag", "Unit": "Milliseconds"},
    ]
    assert (line["service"], line["function"]) == ("hardlink-test", "track")
    assert line["events_stored"] == [3.0]
    assert len(line["association_lag"]) <= 100


def test_a_process_tells_at_once_and_then_once_a_minute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = [1000.0]
    tell = log.MetricsFlusher(lambda: now[0])
    tell()
    assert lines(capsys) == []  # nothing happened yet
    metrics.count("events_stored")
    tell()
    assert [line["events_stored"] for line in lines(capsys)] == [[1.0]]
    for second in (1, 59):
        now[0] = 1000.0 + second
        metrics.count("events_stored", 2)
        tell()
    assert lines(capsys) == []
    now[0] = 1060.0
    tell()
    assert [line["events_stored"] for line in lines(capsys)] == [[4.0]]
