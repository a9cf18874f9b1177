"""What calls cost at list prices: the arithmetic."""

from __future__ import annotations

import pytest

from tests.bench.prices import (
    MILLION,
    Prices,
    Usage,
    Volume,
    Watched,
    bill_duration,
    item_size,
    load_prices,
    per_million,
    price_month,
    sum_prices,
)

ROUND = Prices(
    date="today",
    region="here",
    million={
        "http_api_request": 1,
        "lambda_request": 2,
        "write_unit": 3,
        "read_unit": 4,
        "infrequent_write_unit": 5,
    },
    gigabyte={
        "lambda_second": 5,
        "log_infrequent": 6,
        "log": 7,
        "log_month": 8,
        "table_month": 9,
        "backup_month": 10,
        "infrequent_table_month": 2,
        "copy_month": 4,
        "transfer_out": 11,
    },
    month={"custom_metric": 1, "alarm_metric": 2, "dashboard": 3, "secret": 4},
)


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(1, api=1), 1),
        (Usage(10, api=1), 0.1),
        (Usage(1, calls=1), 2),
        (Usage(1, writes=2), 6),
        (Usage(2, reads=1), 2),
        (Usage(1, gb_seconds=1e-6), 5),
        (Usage(1, log=1000), 6),
        (Usage(1), 0),
    ],
)
def test_a_million_events_cost_a_million_times_what_one_consumes(
    usage: Usage, usd: float
) -> None:
    assert sum_prices(usage, ROUND) == pytest.approx(usd)


def test_usage_adds_up() -> None:
    both = Usage(1, api=1, writes=2) + Usage(1, writes=1).times(2)
    assert both == Usage(3, api=1, writes=4)


@pytest.mark.parametrize(
    ("cpu", "waited", "memory", "gb_seconds"),
    [
        (0.001, 0, 1769, 0.001 * 1769 / 1024),
        (0.001, 0, 3538, 0.001 * 3538 / 1024),  # one thread has one processor at most
        (0.0011, 0, 1769, 0.002 * 1769 / 1024),
        (0.001, 0.008, 512, 0.012 * 0.5),
        (0, 0.008, 1024, 0.008),
    ],
)
def test_a_call_is_billed_to_the_millisecond_on_its_share_of_a_processor(
    cpu: float, waited: float, memory: int, gb_seconds: float
) -> None:
    assert bill_duration(cpu, waited, memory) == pytest.approx(gb_seconds)


def test_the_table_has_a_price_of_everything_its_date_and_its_region() -> None:
    prices = load_prices()
    assert prices.region == "us-east-1"
    assert prices.date[:2] == "20"
    assert all(
        usd > 0 for usd in per_million(Usage(1, 1, 1, 1, 1, 1, 1), prices).values()
    )


def test_a_month_has_its_calls_its_whole_retention_and_what_is_watched() -> None:
    volume = Volume(
        events=2 * MILLION,
        event_bytes=900,
        visit_bytes=1000,
        answer_bytes=500,
        visit_events=10,
        months=13,
    )
    lines = price_month(Usage(1, api=1), volume, Watched(5, 4, 3, 2), ROUND)
    stored = 13 * 2 * (0.9 + 0.1)  # GB
    assert lines["HTTP API, requests"] == pytest.approx(2)
    assert lines["storage of events"] == pytest.approx(13 * 2 * 0.9 * 9)
    assert lines["storage of the rest"] == pytest.approx(13 * 2 * 0.1 * 9)
    assert lines["copies of events"] == lines["writes of infrequent access"] == 0
    assert lines["DynamoDB, recovery"] == pytest.approx(stored * 10)
    assert lines["transfer out"] == pytest.approx(11)
    assert lines["metrics"] == 5
    assert lines["alarms"] == 8
    assert lines["dashboard"] == 9
    assert lines["keys"] == 8
    without = price_month(
        Usage(1, api=1),
        volume._replace(recovery=False),
        Watched(5, 4, 3, 2),
        ROUND,
    )
    assert without["DynamoDB, recovery"] == 0


def test_events_of_infrequent_access_with_copies_leave_recovery_to_the_rest() -> None:
    volume = Volume(
        events=2 * MILLION,
        event_bytes=1500,
        visit_bytes=1000,
        answer_bytes=0,
        visit_events=10,
        months=13,
        infrequent_events=True,
        event_copies=1.5,
    )
    lines = price_month(Usage(1, api=1), volume, Watched(0, 0, 0, 0), ROUND)
    events, rest = 13 * 2 * 1.5, 13 * 2 * 0.1  # GB
    assert lines["storage of events"] == pytest.approx(events * 2)
    assert lines["copies of events"] == pytest.approx(events * 1.5 * 4)
    assert lines["storage of the rest"] == pytest.approx(rest * 9)
    assert lines["DynamoDB, recovery"] == pytest.approx(rest * 10)
    # two units for each event, at 5 instead of 3
    assert lines["writes of infrequent access"] == pytest.approx(2 * 2 * (5 - 3))


def test_calls_grow_with_events_and_what_is_watched_does_not() -> None:
    small = Volume(MILLION, 500, 500, 500, 20, 13)
    large = small._replace(events=10 * MILLION)
    one, ten = (
        price_month(Usage(1, api=1, log=50), volume, Watched(1, 1, 1, 1), ROUND)
        for volume in (small, large)
    )
    fixed = {"metrics", "alarms", "dashboard", "keys"}
    for name, usd in one.items():
        assert ten[name] == pytest.approx(usd if name in fixed else 10 * usd)


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 100),
        ({"ab": {"S": "xyz"}}, 105),
        ({"a": {"S": "ü"}}, 103),
        ({"a": {"N": "1795319438632000"}}, 100 + 1 + 9),
        ({"a": {"BOOL": True}}, 102),
        ({"a": {"B": b"123"}}, 104),
        ({"a": {"L": [{"S": "x"}]}}, 100 + 1 + 3 + 2),
        ({"a": {"M": {"k": {"S": "x"}}}}, 100 + 1 + 3 + 3),
        ({"a": {"SS": ["x", "yz"]}}, 104),
    ],
)
def test_an_item_weighs_its_names_its_values_and_a_hundred_bytes(
    item: dict[str, dict[str, object]], size: int
) -> None:
    assert item_size(item) == size
