"""The log: a line for whoever quotes a request, and metrics (CloudWatch's embedded format) about once a minute.

A kilobyte of log costs more than a Lambda call, so metrics are no line of every call. What a process counted in its
last minute is told by its next call; where none comes before it ends, it is not told.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from hardlink import metrics

NAMESPACE = "Hardlink"
PAUSE = 60.0
"""Seconds between two lines of one process: CloudWatch keeps a value a minute."""
logger = Logger(service="hardlink")


class MetricsFlusher:
    """Writes what was gathered, where the last time is long enough ago. `clock` answers seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None

    def __call__(self) -> None:
        """At the end of every call of a function."""
        now = self._clock()
        if self._last is not None and now - self._last < PAUSE:
            return
        gathered = metrics.take_metrics()
        if gathered.any:
            self._last = now
            _write(gathered)


flush_metrics = MetricsFlusher()


def _write(gathered: metrics.MetricsSnapshot) -> None:
    # one dimension, the deployment: each further one would be a metric more to pay for
    line = AmazonCloudWatchEMFProvider(
        namespace=NAMESPACE, service=os.environ.get("POWERTOOLS_SERVICE_NAME", "hardlink")
    )
    line.add_metadata("function", os.environ.get("_HANDLER", "local").partition(".")[0])
    for name, n in gathered.counts.items():
        line.add_metric(name, MetricUnit.Count, n)
    for duration, some in gathered.durations.items():
        for milliseconds in some:
            line.add_metric(duration, MetricUnit.Milliseconds, milliseconds)
    line.flush_metrics()
