"""The alarms of a deployment. Each description says what it means and what to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs

from infra.stack.observability import (
    MINUTE,
    Observability,
    aggregate,
    firehose_age,
    visible_messages,
)

MAX_METRICS = 10
"""CloudWatch allows so many metrics for one alarm."""
MAX_ERASURE_AGE, MAX_ERASURES = 900, 1000
"""Seconds, and how many at once."""
MAX_VISITOR_ERASURE_AGE = 24 * 3600
"""Seconds. A message lives for two weeks, so there is time to look who asks for so many."""
MAX_CLIENT_ERRORS, MAX_CONCURRENCY = 20, 80
"""Per cent."""
MAX_LATENCY = 2000
"""Milliseconds."""
CANARY_FUNCTIONS = ("track", "identify")
"""Functions that a visitor's every page waits for: a new version gets few calls at first."""
CANARY_JUDGES = ("FailedCalls", "Canary")
"""How the names of the alarms begin that judge a new version.

Each can ring within the five minutes in which it gets few calls, and none for what a stranger
sends: calls that are answered 4xx judge nothing.
"""
_CANARY_CALLS = 40
"""Fewer calls in a minute make no meaningful percentile."""
_FUNCTION_ALARMS = (
    ("Errors", "Functions end with an error: their logs have it at level ERROR."),
    (
        "Throttles",
        "Functions are not let run: ask for more concurrency (Service Quotas, Lambda).",
    ),
)


class Alarm(NamedTuple):
    """An alarm on a metric above `threshold` in `periods` of the last `of` periods.

    `todo`: its description. Missing data raises no alarm: there was nothing to measure.
    """

    name: str
    metric: cloudwatch.IMetric
    threshold: float
    todo: str
    periods: int = 3
    of: int = 5


def list_alarms(observed: Observability, account_concurrency: int) -> Iterator[Alarm]:
    """List every alarm of a deployment.

    `account_concurrency`: the account's quota of concurrent runs. No alarm is about a source that
    exceeds its own rate.
    """
    yield from _stream_alarms(observed)
    yield from _failure_queue_alarms(observed.failed)
    yield from _delay_alarms(observed)
    yield from _erasure_alarms(observed)
    yield from _call_alarms(observed)
    yield from _traffic_alarms(observed)
    yield _concurrency_alarm(observed, account_concurrency)
    yield from _function_alarms(observed)
    yield from _table_alarms(observed)


def _stream_alarms(observed: Observability) -> Iterator[Alarm]:
    yield Alarm(
        "IteratorAge",
        observed.iterator_age(),
        60_000,
        "Stream records wait for more than a minute: history joins customers late. Look at the log "
        "of associate for a record that fails again and again, and at its throttles.",
    )
    yield Alarm(
        "AssociationLag",
        observed.service_metric("association_lag", "p95"),
        60_000,
        "One association in twenty takes more than a minute. Look at associate's errors and "
        "throttles.",
    )


def _failure_queue_alarms(queues: Sequence[sqs.IQueue]) -> Iterator[Alarm]:
    for queue in queues:
        scope = queue.node.scope
        yield Alarm(
            f"{scope.node.id if scope else ''}{queue.node.id}",
            visible_messages(queue),
            0,
            "Something failed to the end and waits in this queue: the function's log says why; "
            "mend it, and redrive or delete the message.",
            periods=1,
            of=1,
        )


def _delay_alarms(observed: Observability) -> Iterator[Alarm]:
    yield Alarm(
        "FeedsLate",
        observed.feeds_age(),
        24 * 3600,
        "An order feed waits for a day: look at the log of orders, its throttles, and whether its "
        "event source mapping is enabled.",
    )
    if observed.firehose:
        yield Alarm(
            "ForwardingLate",
            firehose_age(observed.firehose),
            1800,
            "Firehose has lines for half an hour that it can't write into the bucket; it drops "
            "them after a day. Look at its role and at the bucket.",
        )


def _erasure_alarms(observed: Observability) -> Iterator[Alarm]:
    yield Alarm(
        "ErasuresAge",
        observed.erasures_age(),
        MAX_ERASURE_AGE,
        "An erasure began a quarter of an hour ago and is not done, as one is within two minutes. "
        "Look at erase's log, and with infra.operations.doctor whether its queue is read.",
    )
    yield Alarm(
        "VisitorErasuresAge",
        observed.visitor_erasures_age(),
        MAX_VISITOR_ERASURE_AGE,
        "Visitors ask for more erasures than are carried out: one waits for a day. Those that the "
        "shop asks for have another queue. If it is a flood, lower the rate of /consent; after two "
        "weeks in the queue, infra.operations.redrive carries out what is left.",
    )
    yield Alarm(
        "ErasuresWaiting",
        observed.erasures_waiting(),
        MAX_ERASURES,
        "A thousand erasures wait for their turn. Whoever asked for so many? Look at erase's "
        "errors and throttles.",
    )


def _call_alarms(observed: Observability) -> Iterator[Alarm]:
    yield Alarm(
        "FailedCalls",
        observed.service_metric("calls_failed"),
        0,
        "Calls fail in a way that no code expects, and are answered 500. Look for the message "
        "'failed' in the functions' logs: its field `why` has the kind and the place.",
        periods=1,
        of=1,
    )
    yield Alarm(
        "Faults",
        observed.fault_share(),
        1,
        "More than one call in a hundred is answered 5xx. Look for status >= 500 in the "
        "functions' logs.",
        periods=1,
        of=1,
    )
    yield Alarm(
        "Rejected",
        observed.rejected_share(),
        10,
        "More than one event in ten is rejected: a client changed what it sends. "
        "GET /live shows the reasons as they come.",
        periods=1,
        of=1,
    )
    yield Alarm(
        "ClientErrors",
        observed.client_error_share(),
        MAX_CLIENT_ERRORS,
        "More than one call in five is answered 4xx, as where a site's origin or write key is not "
        "declared. The access log has route and status; the functions' logs have the code. Look at "
        "what was deployed, here or in the shop.",
        periods=2,
        of=3,
    )


def _traffic_alarms(observed: Observability) -> Iterator[Alarm]:
    yield Alarm(
        "NoTraffic",
        observed.silence(),
        0,
        "Half an hour without any call, where there were hundreds: do the shop's pages still load "
        "the SDK, and does its domain lead here?",
        periods=2,
        of=8,
    )
    yield Alarm(
        "TrackLatency",
        observed.latency("track"),
        MAX_LATENCY,
        "One `track` call in a hundred takes more than two seconds. Look at throttles of tables, "
        "at cold starts (Init Duration in its log), and at AWS Health.",
        periods=2,
        of=3,
    )


def list_canary_alarms(observed: Observability) -> Iterator[Alarm]:
    """List the alarms of a deployment that exist for its new versions to be judged.

    Theirs is a tenth of the calls for five minutes, so these look at single minutes. Two of them
    ring: in one, a call may fail by chance.
    """
    yield Alarm(
        "CanaryErrors",
        observed.errors(CANARY_FUNCTIONS),
        0,
        "track or identify ends with an error: their logs have it at level ERROR. A deploy that is "
        "under way goes back by itself.",
        periods=2,
    )
    for name in CANARY_FUNCTIONS:
        yield Alarm(
            f"Canary{name.capitalize()}Latency",
            # One call in twenty: the new version's tenth shows, where all of its calls are slow.
            observed.latency(name, "p95", MINUTE, _CANARY_CALLS),
            MAX_LATENCY,
            f"One `{name}` call in twenty takes more than two seconds. A deploy that is under way "
            "goes back by itself.",
            periods=2,
        )


def _concurrency_alarm(observed: Observability, account_concurrency: int) -> Alarm:
    return Alarm(
        "Concurrency",
        observed.concurrency(),
        account_concurrency * MAX_CONCURRENCY // 100,
        "The account's functions, these and all others, use 80 % of their concurrent runs; beyond "
        "100 %, calls fail. Ask for more (Service Quotas, Lambda), or reserve some in stages.toml.",
    )


def _function_alarms(observed: Observability) -> Iterator[Alarm]:
    for name, todo in _FUNCTION_ALARMS:
        metrics = observed.function_metrics(name)
        for number, batch in enumerate(_batches(metrics), 1):
            yield Alarm(f"{name}{number}", aggregate("SUM", batch), 0, todo)


def _table_alarms(observed: Observability) -> Iterator[Alarm]:
    yield Alarm(
        "TableThrottles",
        observed.table_throttles(),
        0,
        "DynamoDB throttles: a partition is hot, or the account's table quota is reached.",
    )
    yield Alarm(
        "TableErrors",
        observed.table_errors(),
        0,
        "DynamoDB fails by itself. Calls are answered 503 and sent again; look at AWS Health.",
    )


def _batches(metrics: list[cloudwatch.Metric]) -> Iterator[list[cloudwatch.Metric]]:
    for start in range(0, len(metrics), MAX_METRICS):
        yield metrics[start : start + MAX_METRICS]
