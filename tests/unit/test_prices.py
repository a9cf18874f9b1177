"""What calls cost at list prices: the arithmetic."""

from __future__ import annotations

import pytest

from tests.bench.prices import (
    Prices,
    Usage,
    bill_duration,
    load_prices,
    per_million,
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
    },
    gigabyte={"lambda_second": 5, "log_infrequent": 6},
    month={},
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
