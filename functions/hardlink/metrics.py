"""What happened, counted: a few fixed names, so that they cost little, and nothing of anybody.

They are gathered in memory; `hardlink.log` writes them to the log, at most once a minute and process.
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
    "calls_throttled",
    "bots_dropped",
    "association_failures",
    "forwarded",
    "forward_failures",
]
Duration = Literal["association_lag"]
"""In milliseconds: from a change that may move history to the rows that follow from it."""
COUNTS: tuple[Name, ...] = get_args(Name)
DURATIONS: tuple[Duration, ...] = get_args(Duration)
MOST_DURATIONS = 99
"""What one line of the log has room for; of more, some by chance."""


class MetricsSnapshot(NamedTuple):
    """What was counted and measured since it was last taken."""

    counts: Mapping[Name, int]
    durations: Mapping[Duration, list[int]]

    @property
    def any(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.counts or self.durations)


_lock = threading.Lock()
_counts: dict[Name, int] = {}
_durations: dict[Duration, list[int]] = {}


def count(name: Name, n: int = 1) -> None:
    """It happened `n` times. Raises `ValueError` for a name that is not one of these."""
    if name not in COUNTS:
        raise ValueError(f"{name!r} is no metric: use one of {', '.join(COUNTS)}")
    if n:
        with _lock:
            _counts[name] = _counts.get(name, 0) + n


def record_duration(name: Duration, milliseconds: int) -> None:
    """It took so long."""
    with _lock:
        found = _durations.setdefault(name, [])
        if len(found) < MOST_DURATIONS:
            found.append(max(0, milliseconds))
        else:
            found[random.randrange(MOST_DURATIONS)] = max(0, milliseconds)


def take_metrics() -> MetricsSnapshot:
    """What was gathered; from now on it is forgotten."""
    with _lock:
        gathered = MetricsSnapshot(
            dict(_counts), {name: list(some) for name, some in _durations.items()}
        )
        _counts.clear()
        _durations.clear()
    return gathered
