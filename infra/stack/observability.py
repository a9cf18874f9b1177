"""Every metric of a deployment that alarms and the dashboard show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from hardlink.log import NAMESPACE
from hardlink.metrics import Duration as DurationName
from hardlink.metrics import Name

MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)
QUARTER = Duration.minutes(15)
OPERATIONS: Mapping[str, Sequence[str]] = {
    "sessions": ("GetItem", "PutItem", "TransactWriteItems"),
    "customers": ("GetItem", "PutItem", "Query", "TransactWriteItems"),
    "events": ("PutItem", "Query"),
}
"""Operations that calls need of each table: DynamoDB counts its own errors by operation.

An alarm takes ten metrics at most.
"""
MIN_CALLS, MIN_EVENTS = 20, 50
"""Fewer calls or events in five minutes make no meaningful percentage."""
MIN_LATENCIES = 200
"""Fewer calls in five minutes make no meaningful percentile."""
MIN_TRAFFIC = 200
"""Calls in a quarter of an hour, after which a quarter without any is no accident."""


class Observability(NamedTuple):
    """The resources of a deployment that have metrics.

    `api`: the ID of the HTTP API. `readers`: functions that read a stream. `erasures`: the queue of
    erasures that the shop asked for; `visitor_erasures`: of those of visitors. `failed`: failure
    queues. `waiting`: the feed queue. `firehose`: the name of the delivery stream, in a stage that
    forwards events.
    """

    scope: Construct
    api: str
    functions: Sequence[lambda_.IFunction]
    readers: Sequence[lambda_.IFunction]
    tables: Mapping[str, dynamodb.ITable]
    erasures: sqs.IQueue
    visitor_erasures: sqs.IQueue
    failed: Sequence[sqs.IQueue]
    waiting: sqs.IQueue
    firehose: str | None = None

    def service_metric(
        self, name: Name | DurationName, statistic: str = "Sum"
    ) -> cloudwatch.Metric:
        """A metric that the functions write (see `hardlink.log`)."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"service": Stack.of(self.scope).stack_name},
            statistic=statistic,
            period=MINUTE,
        )

    def api_metric(self, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        """A metric of API Gateway."""
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiId": self.api},
            statistic=statistic,
            period=MINUTE,
        )

    def function_metrics(self, name: str) -> list[cloudwatch.Metric]:
        """One metric of each function, such as `Errors`."""
        return [_function_metric(function, name) for function in self.functions]

    def rejected_share(self) -> cloudwatch.MathExpression:
        """Rejected events in per cent of five minutes' events."""
        names: tuple[Name, ...] = (
            "events_stored",
            "events_duplicate",
            "events_rejected",
            "events_dropped",
        )
        metrics: dict[str, cloudwatch.Metric] = {}
        for name in names:
            metrics[name] = self.service_metric(name).with_(period=FIVE_MINUTES)
        total = " + ".join(f"FILL({name}, 0)" for name in names)
        return _share("FILL(events_rejected, 0)", total, MIN_EVENTS, metrics)

    def fault_share(self) -> cloudwatch.MathExpression:
        """Calls answered 5xx in per cent of five minutes' calls."""
        metrics = {
            "faults": self.api_metric("5xx").with_(period=FIVE_MINUTES),
            "calls": self.api_metric("Count").with_(period=FIVE_MINUTES),
        }
        return _share("FILL(faults, 0)", "FILL(calls, 0)", MIN_CALLS, metrics)

    def client_error_share(self) -> cloudwatch.MathExpression:
        """Calls answered 4xx in per cent of five minutes' calls.

        Those over a source's rate are left out: it is the source's own choice, and they are told.
        """
        metrics = {
            "errors": self.api_metric("4xx").with_(period=FIVE_MINUTES),
            "throttled": self.service_metric("calls_throttled").with_(
                period=FIVE_MINUTES
            ),
            "calls": self.api_metric("Count").with_(period=FIVE_MINUTES),
        }
        part = "(FILL(errors, 0) - FILL(throttled, 0))"
        return _share(part, "FILL(calls, 0)", MIN_CALLS, metrics)

    def silence(self) -> cloudwatch.MathExpression:
        """1 for a quarter of an hour without any call, among others that had many; else 0."""
        calls = self.api_metric("Count").with_(period=QUARTER)
        return cloudwatch.MathExpression(
            # MAX is that of all quarters which the alarm looks at.
            expression=f"IF(MAX(FILL(calls, 0)) >= {MIN_TRAFFIC}, FILL(calls, 0) < 1, 0)",
            using_metrics={"calls": calls},
            period=QUARTER,
        )

    def errors(self, functions: Sequence[str]) -> cloudwatch.MathExpression:
        """Calls of some functions that ended with an error, in a minute."""
        found = [self._find(name) for name in functions]
        return aggregate("SUM", [_function_metric(f, "Errors") for f in found])

    def latency(
        self,
        function: str,
        statistic: str = "p99",
        period: Duration = FIVE_MINUTES,
        calls: int = MIN_LATENCIES,
    ) -> cloudwatch.MathExpression:
        """A percentile of the milliseconds that a function's calls take.

        0 where a period has fewer than `calls`.
        """
        found = self._find(function)
        metrics: dict[str, cloudwatch.IMetric] = {
            "calls": _function_metric(found, "Invocations").with_(period=period),
            statistic: _function_metric(found, "Duration", statistic).with_(
                period=period
            ),
        }
        # Of few calls, one cold start would make the percentile.
        return cloudwatch.MathExpression(
            expression=f"IF(FILL(calls, 0) >= {calls}, FILL({statistic}, 0), 0)",
            using_metrics=metrics,
            period=period,
        )

    def _find(self, function: str) -> lambda_.IFunction:
        (found,) = [f for f in self.functions if _is_called(f, function)]
        return found

    def concurrency(self) -> cloudwatch.Metric:
        """Concurrent runs of all functions of the account in this region."""
        return cloudwatch.Metric(
            namespace="AWS/Lambda",
            metric_name="ConcurrentExecutions",
            statistic="Maximum",
            period=MINUTE,
        )

    def iterator_age(self) -> cloudwatch.MathExpression:
        """Age in milliseconds of the oldest stream record that waits, over all readers."""
        ages = [
            _function_metric(reader, "IteratorAge", "Maximum")
            for reader in self.readers
        ]
        return aggregate("MAX", ages)

    def table_throttles(self) -> cloudwatch.MathExpression:
        """Throttled requests to the tables."""
        metrics: list[cloudwatch.Metric] = []
        for table in self.tables.values():
            metrics.append(_table_metric(table, "ReadThrottleEvents"))
            metrics.append(_table_metric(table, "WriteThrottleEvents"))
        return aggregate("SUM", metrics)

    def table_errors(self) -> cloudwatch.MathExpression:
        """Requests to the tables that failed in DynamoDB."""
        metrics: list[cloudwatch.Metric] = []
        for name, table in self.tables.items():
            for operation in OPERATIONS[name]:
                metric = _table_metric(table, "SystemErrors", Operation=operation)
                metrics.append(metric)
        return aggregate("SUM", metrics)

    def erasures_age(self) -> cloudwatch.Metric:
        """Age in seconds of the shop's oldest erasure.

        SQS leaves out messages that failed three times.
        """
        return self.erasures.metric_approximate_age_of_oldest_message(
            period=MINUTE, statistic="Maximum"
        )

    def visitor_erasures_age(self) -> cloudwatch.Metric:
        """Age in seconds of the oldest erasure that a visitor asked for."""
        return self.visitor_erasures.metric_approximate_age_of_oldest_message(
            period=MINUTE, statistic="Maximum"
        )

    def erasures_waiting(self) -> cloudwatch.Metric:
        """Number of erasures that wait for a run."""
        return visible_messages(self.erasures)

    def feeds_age(self) -> cloudwatch.Metric:
        """Age in seconds of the oldest order feed."""
        return self.waiting.metric_approximate_age_of_oldest_message(
            period=MINUTE, statistic="Maximum"
        )


def visible_messages(queue: sqs.IQueue) -> cloudwatch.Metric:
    """Number of messages that wait in a queue."""
    return queue.metric_approximate_number_of_messages_visible(
        period=MINUTE, statistic="Maximum"
    )


def firehose_age(stream: str) -> cloudwatch.Metric:
    """Age in seconds of the oldest line that Firehose has not delivered."""
    return cloudwatch.Metric(
        namespace="AWS/Firehose",
        metric_name="DeliveryToS3.DataFreshness",
        dimensions_map={"DeliveryStreamName": stream},
        statistic="Maximum",
        period=MINUTE,
    )


def aggregate(
    function: str, metrics: Sequence[cloudwatch.Metric]
) -> cloudwatch.MathExpression:
    """The `SUM` or `MAX` of some metrics. Missing data counts as 0."""
    by_name: dict[str, cloudwatch.IMetric] = {}
    for number, metric in enumerate(metrics):
        by_name[f"m{number}"] = metric
    # A minute without calls has no data point, and would leave the whole sum without one.
    filled = ", ".join(f"FILL({name}, 0)" for name in by_name)
    return cloudwatch.MathExpression(
        expression=f"{function}([{filled}])", using_metrics=by_name, period=MINUTE
    )


def _share(
    part: str, total: str, minimum: int, metrics: dict[str, cloudwatch.Metric]
) -> cloudwatch.MathExpression:
    return cloudwatch.MathExpression(
        expression=f"IF({total} >= {minimum}, 100 * {part} / ({total}), 0)",
        using_metrics=dict[str, cloudwatch.IMetric](metrics),
        period=FIVE_MINUTES,
    )


def _is_called(function: lambda_.IFunction, name: str) -> bool:
    scope = function.node.scope
    return scope is not None and scope.node.id == name.capitalize()


def _function_metric(
    function: lambda_.IFunction, name: str, statistic: str = "Sum"
) -> cloudwatch.Metric:
    return function.metric(name, period=MINUTE, statistic=statistic)


def _table_metric(
    table: dynamodb.ITable, name: str, **dimensions: str
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/DynamoDB",
        metric_name=name,
        dimensions_map={"TableName": table.table_name, **dimensions},
        statistic="Sum",
        period=MINUTE,
    )
