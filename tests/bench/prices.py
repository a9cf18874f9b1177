"""Costs of calls at list prices: pure arithmetic."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

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


class Volume(NamedTuple):
    """A month of a shop, and what its data weigh.

    `events`: events of a month. `event_bytes`, `visit_bytes`: stored for an event, and for a visit
    beside its events. `answer_bytes`: sent for an event. `visit_events`: events of a visit.
    `months`: retention. `recovery`: whether the tables can be restored.
    `infrequent_events`: the class of `events`. `event_copies`: copies of that table that are kept
    at a time, in place of its recovery; 0: it has recovery as the others.
    """

    events: float
    event_bytes: float
    visit_bytes: float
    answer_bytes: float
    visit_events: int
    months: int
    recovery: bool = True
    infrequent_events: bool = False
    event_copies: float = 0


class Watched(NamedTuple):
    """What costs the same in every month: numbers of metrics, alarms' metrics, dashboards, keys."""

    metrics: int
    alarm_metrics: int
    dashboards: int
    secrets: int


METRIC_LINE = 700
"""Bytes of a line of metrics, which each process writes once a minute."""
PROCESS_EVENTS = 500_000
"""Events of a month for each running process: a visit lasts, and so does the process."""
_MINUTES = 30 * 24 * 60
_LOG_COMPRESSION = 0.15
_ITEM_OVERHEAD = 100
"""Bytes that DynamoDB bills for each item beside its content."""


def price_month(
    usage: Usage, volume: Volume, watched: Watched, prices: Prices
) -> dict[str, float]:
    """USD of a whole month in the steady state, when as much expires as is stored.

    `usage`: consumption of some events, with their share of visits.
    """
    gigabyte, month = prices.gigabyte, prices.month
    millions = volume.events / MILLION
    lines: dict[str, float] = {}
    for name, usd in per_million(usage, prices).items():
        lines[name] = usd * millions
    lines |= _price_tables(volume, prices)
    processes = max(1.0, volume.events / PROCESS_EVENTS)
    metric_log = processes * _MINUTES * METRIC_LINE / _GIGABYTE
    lines["CloudWatch, metric lines"] = metric_log * gigabyte["log"]
    call_log = usage.log / usage.events * volume.events / _GIGABYTE
    kept = (metric_log + call_log) * _LOG_COMPRESSION
    lines["CloudWatch, logs kept"] = kept * gigabyte["log_month"]
    sent = volume.events * volume.answer_bytes / _GIGABYTE
    lines["transfer out"] = sent * gigabyte["transfer_out"]
    lines["metrics"] = watched.metrics * month["custom_metric"]
    lines["alarms"] = watched.alarm_metrics * month["alarm_metric"]
    lines["dashboard"] = watched.dashboards * month["dashboard"]
    lines["keys"] = watched.secrets * month["secret"]
    return lines


def _price_tables(volume: Volume, prices: Prices) -> dict[str, float]:
    """USD of a month for what is stored, with its backups, and for the class of `events`."""
    gigabyte, million = prices.gigabyte, prices.million
    visits = volume.events / volume.visit_events
    rest = visits * volume.visit_bytes * volume.months / _GIGABYTE
    events = volume.events * volume.event_bytes * volume.months / _GIGABYTE
    event_month, dearer_writes = gigabyte["table_month"], 0.0
    if volume.infrequent_events:
        event_month = gigabyte["infrequent_table_month"]
        units = math.ceil(volume.event_bytes / 1024)
        dearer = million["infrequent_write_unit"] - million["write_unit"]
        dearer_writes = volume.events / MILLION * units * dearer
    recovered = rest if volume.event_copies else rest + events
    copied = events * volume.event_copies * gigabyte["copy_month"]
    recovery = recovered * gigabyte["backup_month"] if volume.recovery else 0.0
    return {
        "writes of infrequent access": dearer_writes,
        "storage of events": events * event_month,
        "storage of the rest": rest * gigabyte["table_month"],
        "DynamoDB, recovery": recovery,
        "copies of events": copied,
    }


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes that DynamoDB bills for a stored item, in its JSON form, overhead included.

    Source: "DynamoDB item sizes and formats" in its developer guide.
    """
    attributes = sum(
        len(name.encode()) + _value_size(value) for name, value in item.items()
    )
    return _ITEM_OVERHEAD + attributes


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        digits = len(content.strip("-").replace(".", ""))
        return (digits + 1) // 2 + 1
    if kind == "B":
        return len(content)
    if kind == "M":
        inner = sum(len(k.encode()) + _value_size(v) + 1 for k, v in content.items())
        return 3 + inner
    if kind == "L":
        return 3 + sum(_value_size(v) + 1 for v in content)
    if kind in ("SS", "NS"):
        return sum(len(entry.encode()) for entry in content)
    return 1  # a boolean or null
