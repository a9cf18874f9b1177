"""What a deployment tells of itself: every metric that is looked at, and what to be alarmed by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from hardlink.log import NAMESPACE
from hardlink.metrics import Duration as Measured
from hardlink.metrics import Name

MINUTE = Duration.minutes(1)
MOST_METRICS = 10
"""CloudWatch: metrics of one alarm."""
OPERATIONS = ("GetItem", "PutItem", "Query", "TransactWriteItems")
"""DynamoDB's own errors are told by operation: those that everything needs."""
FEW_CALLS, FEW_EVENTS = 20, 50
"""Fewer in five minutes are no share of anything."""
LATE_ERASURE, MANY_ERASURES = 900, 1000
"""Seconds, and how many at once."""


class Alarm(NamedTuple):
    """Above `threshold` in `periods` of the last five minutes.

    `todo`: what it means and what to do. No data is no alarm: nobody called, nothing waited, nothing failed.
    """

    name: str
    metric: cloudwatch.IMetric
    threshold: float
    todo: str
    periods: int = 3


class Observability(NamedTuple):
    """Whatever tells of itself.

    `api`: the ID of the HTTP API; `readers`: functions that read a stream; `erasures`: the queue of those that began;
    `waiting`: the queue of feeds; `onward`: the name of Firehose's stream, where a stage has one.
    """

    scope: Construct
    api: str
    functions: Sequence[lambda_.IFunction]
    readers: Sequence[lambda_.IFunction]
    tables: Sequence[dynamodb.ITable]
    erasures: sqs.IQueue
    failed: Sequence[sqs.IQueue]
    waiting: sqs.IQueue
    onward: str | None = None

    def alarms(self) -> Iterator[Alarm]:
        """Every alarm of a deployment."""
        yield from self._of_streams()
        yield from self._of_erasures()
        yield from self._of_calls()
        yield from self._of_functions()
        yield from self._of_tables()

    def own(self, name: Name | Measured, statistic: str = "Sum") -> cloudwatch.Metric:
        """A metric that the functions write (see `hardlink.log`)."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"service": Stack.of(self.scope).stack_name},
            statistic=statistic,
            period=MINUTE,
        )

    def calls(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        """A metric of the API."""
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiId": self.api},
            statistic=statistic,
            period=MINUTE,
        )

    def rejected_share(self) -> cloudwatch.MathExpression:
        """Per cent of five minutes' events."""
        names: tuple[Name, ...] = (
            "events_stored",
            "events_duplicate",
            "events_rejected",
            "events_dropped",
        )
        using: dict[str, cloudwatch.Metric] = {
            name: self.own(name).with_(period=Duration.minutes(5)) for name in names
        }
        total = " + ".join(f"FILL({name}, 0)" for name in names)
        return _share("FILL(events_rejected, 0)", total, FEW_EVENTS, using)

    def fault_share(self) -> cloudwatch.MathExpression:
        """Per cent of five minutes' calls that were answered 5xx."""
        using = {
            "faults": self.calls("5xx").with_(period=Duration.minutes(5)),
            "calls": self.calls("Count").with_(period=Duration.minutes(5)),
        }
        return _share("FILL(faults, 0)", "FILL(calls, 0)", FEW_CALLS, using)

    def iterator_age(self) -> cloudwatch.MathExpression:
        """Milliseconds that the oldest stream record waited: of each reader, over all streams it reads."""
        return _over("MAX", [_of(f, "IteratorAge", "Maximum") for f in self.readers])

    def throttled(self) -> cloudwatch.MathExpression:
        """Requests to the tables that were throttled."""
        names = ("ReadThrottleEvents", "WriteThrottleEvents")
        return _over("SUM", [_of_table(t, n) for t in self.tables for n in names])

    def erasures_age(self) -> cloudwatch.Metric:
        """Seconds for which the oldest erasure has waited; one that failed thrice is left out by SQS."""
        return self.erasures.metric_approximate_age_of_oldest_message(
            period=MINUTE, statistic="Maximum"
        )

    def erasures_waiting(self) -> cloudwatch.Metric:
        """How many erasures could be carried on."""
        return self.erasures.metric_approximate_number_of_messages_visible(
            period=MINUTE, statistic="Maximum"
        )

    def _of_streams(self) -> Iterator[Alarm]:
        yield Alarm(
            "IteratorAge",
            self.iterator_age(),
            60_000,
            "Stream records wait for more than a minute: history joins customers late. Look at the log of associate "
            "for a record that fails again and again, and at its throttles.",
        )
        yield Alarm(
            "AssociationLag",
            self.own("association_lag", "p95"),
            60_000,
            "One association in twenty takes more than a minute. Look at associate's errors and throttles.",
        )
        for queue in self.failed:
            waiting = queue.metric_approximate_number_of_messages_visible(
                period=MINUTE, statistic="Maximum"
            )
            yield Alarm(
                "".join(part.node.id for part in (queue.node.scope, queue) if part),
                waiting,
                0,
                "Something failed to the end and waits in this queue: the function's log says why; mend it, and "
                "redrive or delete the message.",
                periods=1,
            )

        yield Alarm(
            "FeedsLate",
            self.waiting.metric_approximate_age_of_oldest_message(
                period=MINUTE, statistic="Maximum"
            ),
            24 * 3600,
            "An order feed waits for a day: look at the log of orders, its throttles, and whether its event source "
            "mapping is enabled.",
        )
        if self.onward:
            yield Alarm(
                "ForwardingLate",
                _of_firehose(self.onward),
                1800,
                "Firehose has lines for half an hour that it can't write into the bucket; it drops them after a day. "
                "Look at its role and at the bucket.",
            )

    def _of_erasures(self) -> Iterator[Alarm]:
        yield Alarm(
            "ErasuresAge",
            self.erasures_age(),
            LATE_ERASURE,
            "An erasure began a quarter of an hour ago and is not done, as one is within two minutes. Look at erase's "
            "log, and with infra.operations.doctor whether its queue is read.",
        )
        yield Alarm(
            "ErasuresWaiting",
            self.erasures_waiting(),
            MANY_ERASURES,
            "A thousand erasures wait for their turn. Whoever asked for so many? Look at erase's errors and throttles.",
        )

    def _of_calls(self) -> Iterator[Alarm]:
        yield Alarm(
            "Faults",
            self.fault_share(),
            1,
            "More than one call in a hundred is answered 5xx. Look for status >= 500 in the functions' logs.",
            periods=1,
        )
        yield Alarm(
            "Rejected",
            self.rejected_share(),
            10,
            "More than one event in ten is rejected: a client changed what it sends. "
            "GET /live shows the reasons as they come.",
            periods=1,
        )

    def _of_functions(self) -> Iterator[Alarm]:
        for name, todo in (
            ("Errors", "Functions end with an error: their logs have it at level ERROR."),
            (
                "Throttles",
                "Functions are not let run: ask for more concurrency (Service Quotas, Lambda).",
            ),
        ):
            metrics = [_of(function, name) for function in self.functions]
            for number, some in enumerate(_chunks(metrics), 1):
                yield Alarm(f"{name}{number}", _over("SUM", some), 0, todo)

    def _of_tables(self) -> Iterator[Alarm]:
        yield Alarm(
            "TableThrottles",
            self.throttled(),
            0,
            "DynamoDB throttles: a partition is hot, or the account's table quota is reached.",
        )
        errors = [
            _of_table(t, "SystemErrors", Operation=o) for t in self.tables for o in OPERATIONS
        ]
        yield Alarm(
            "TableErrors",
            _over("SUM", errors),
            0,
            "DynamoDB fails by itself. Calls are answered 503 and sent again; look at AWS Health.",
        )


def _of(function: lambda_.IFunction, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
    return function.metric(name, period=MINUTE, statistic=statistic)


def _of_table(table: dynamodb.ITable, name: str, **more: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.table_name, **more},
        statistic="Sum",
        period=MINUTE,
    )


def _of_firehose(stream: str) -> cloudwatch.Metric:
    """Seconds that the oldest line waited."""
    return cloudwatch.Metric(
        namespace="AWS/Firehose",
        metric_name="DeliveryToS3.DataFreshness",
        dimensions_map={"DeliveryStreamName": stream},
        statistic="Maximum",
        period=MINUTE,
    )


def _over(how: str, metrics: Sequence[cloudwatch.Metric]) -> cloudwatch.MathExpression:
    """The sum or the greatest of some metrics; one that is not there counts as nothing."""
    using: dict[str, cloudwatch.IMetric] = {f"m{n}": metric for n, metric in enumerate(metrics)}
    filled = ", ".join(f"FILL({name}, 0)" for name in using)
    return cloudwatch.MathExpression(
        expression=f"{how}([{filled}])", using_metrics=using, period=MINUTE
    )


def _share(
    part: str, total: str, few: int, using: dict[str, cloudwatch.Metric]
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"IF({total} >= {few}, 100 * {part} / ({total}), 0)",
        using_metrics=dict[str, cloudwatch.IMetric](using),
        period=Duration.minutes(5),
    )


def _chunks(metrics: Sequence[cloudwatch.Metric]) -> Iterator[Sequence[cloudwatch.Metric]]:
    return (metrics[at : at + MOST_METRICS] for at in range(0, len(metrics), MOST_METRICS))
