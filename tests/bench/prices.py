"""Costs of calls at list prices: pure arithmetic."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).with_name("prices.toml")
WHOLE_PROCESSOR = 1769
"""MB of memory that come with one whole processor."""
MILLION = 1_000_000
_GIGABYTE = 1_000_000_000


class Prices(NamedTuple):
    """The table of list prices."""

    date: str
    region: str
    million: Mapping[str, float]
    gigabyte: Mapping[str, float]
    month: Mapping[str, float]


class Usage(NamedTuple):
    """Consumption of some events.

    `log`: bytes of the access log, including the 26 that CloudWatch adds to a line.
    """

    events: float
    api: float = 0
    calls: float = 0
    gb_seconds: float = 0
    reads: float = 0
    writes: float = 0
    log: float = 0

    def __add__(self, other: Usage) -> Usage:  # type: ignore[override]
        return Usage(*(a + b for a, b in zip(self, other, strict=True)))

    def times(self, factor: float) -> Usage:
        """So much of it."""
        return Usage(*(value * factor for value in self))


def load_prices() -> Prices:
    """The table beside this module."""
    return Prices(**tomllib.loads(FILE.read_text(encoding="utf-8")))


def bill_duration(cpu: float, waited: float, memory: int) -> float:
    """GB-seconds of one call: seconds of CPU on the function's share of a processor, and of waiting; to 1 ms."""
    seconds = cpu / min(1, memory / WHOLE_PROCESSOR) + waited
    return math.ceil(round(seconds * 1000, 6)) / 1000 * memory / 1024


def per_million(usage: Usage, prices: Prices) -> dict[str, float]:
    """USD for a million events, by what is paid."""
    a_million = MILLION / usage.events
    million, gigabyte = prices.million, prices.gigabyte
    return {
        "HTTP API, requests": usage.api
        * a_million
        / MILLION
        * million["http_api_request"],
        "Lambda, requests": usage.calls
        * a_million
        / MILLION
        * million["lambda_request"],
        "Lambda, GB-seconds": usage.gb_seconds * a_million * gigabyte["lambda_second"],
        "DynamoDB, writes": usage.writes * a_million / MILLION * million["write_unit"],
        "DynamoDB, reads": usage.reads * a_million / MILLION * million["read_unit"],
        "CloudWatch, access log": usage.log
        * a_million
        / _GIGABYTE
        * gigabyte["log_infrequent"],
    }


def sum_prices(usage: Usage, prices: Prices) -> float:
    """USD for a million events."""
    return sum(per_million(usage, prices).values())
