"""Metrics, gathered in memory: a few fixed names, which cost little and hold no personal data.

`hardlink.log` writes them to the log, at most once a minute per process.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

Name = Literal[
    "events_stored",
    "events_duplicate",
    "events_rejected",
    "events_dropped",
    "links_made",
    "links_refused",
    "links_unproven",
    "links_capped",
    "profiles_capped",
    "calls_failed",
    "calls_throttled",
    "bots_dropped",
    "association_failures",
    "forwarded",
    "forward_failures",
]
Duration = Literal["association_lag"]
"""In milliseconds: from the change of a link to the rows that association derives from it."""
COUNTS: tuple[Name, ...] = get_args(Name)
DURATIONS: tuple[Duration, ...] = get_args(Duration)
MOST_DURATIONS = 99
"""Values of one log line; of more, a random sample."""


class MetricsSnapshot(NamedTuple):
    """Counts and durations since the last snapshot."""

    counts: Mapping[Name, int]
    durations: Mapping[Duration, list[int]]

    @property
    def has_values(self) -> bool:
        """True if anything was counted or measured."""
        return bool(self.counts or self.durations)


_lock = threading.Lock()
_counts: dict[Name, int] = {}
_durations: dict[Duration, list[int]] = {}


def count(name: Name, n: int = 1) -> None:
    """Add `n` to a count. Raises `ValueError` for an undeclared name.

    Nothing is written here: see `hardlink.log`.
    """
    if name not in COUNTS:
        raise ValueError(f"{name!r} is not a metric: use one of {', '.join(COUNTS)}")
    if not n:
        return  # a name that was not counted is no metric of the line
    with _lock:
        _counts[name] = _counts.get(name, 0) + n


def record_duration(name: Duration, milliseconds: int) -> None:
    """Record a duration; a negative one, between two clocks, counts as 0."""
    milliseconds = max(0, milliseconds)
    with _lock:
        values = _durations.setdefault(name, [])
        # CloudWatch takes a hundred values of one metric in a line.
        if len(values) < MOST_DURATIONS:
            values.append(milliseconds)
        else:
            values[random.randrange(MOST_DURATIONS)] = milliseconds


def take_metrics() -> MetricsSnapshot:
    """Return all metrics and clear them, in one step: what is counted meanwhile is kept."""
    with _lock:
        snapshot = MetricsSnapshot(_counts.copy(), _durations.copy())
        _counts.clear()
        _durations.clear()
    return snapshot
