"""Log lines, and metrics in CloudWatch's embedded format, about once a minute.

A kilobyte of log costs more than a Lambda call, so metrics are not written by every call. What a
process counted since its last line is written by its next call, and lost if there is none.
"""

from __future__ import annotations

import math
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
"""Seconds between two lines of one process: CloudWatch keeps one value a minute."""
logger = Logger(service="hardlink")


class MetricsFlusher:
    """Writes gathered metrics, at most once a minute. `clock` returns seconds, monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -math.inf

    def __call__(self) -> None:
        """Write the metrics if they are due; called at the end of every call of a function.

        The first ones of a process are due at once, and so are those after `PAUSE` seconds.
        """
        now = self._clock()
        if now - self._last < PAUSE:
            return
        snapshot = metrics.take_metrics()
        if snapshot.has_values:
            self._last = now
            _write_metrics(snapshot)


flush_metrics = MetricsFlusher()


def _write_metrics(snapshot: metrics.MetricsSnapshot) -> None:
    """Write a line that CloudWatch turns into metrics, of one deployment and all its functions.

    Source: CloudWatch's embedded metric format.
    """
    # one dimension, the deployment: each further one would be another metric to pay for
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "hardlink")
    line = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service=service)
    line.add_metadata("function", os.environ.get("_HANDLER", "local").partition(".")[0])
    for name, count in snapshot.counts.items():
        line.add_metric(name, MetricUnit.Count, count)
    for duration, values in snapshot.durations.items():
        for milliseconds in values:
            line.add_metric(duration, MetricUnit.Milliseconds, milliseconds)
    line.flush_metrics()
