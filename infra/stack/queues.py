"""SQS queues, encrypted and reached by TLS only, and how a function consumes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from hardlink.storage import erasure_queue
from infra import topology
from infra.stack.nag import suppress_nag

_CONSUME_ACTIONS = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


def create_queue(scope: Construct, id_: str, **options: Any) -> sqs.Queue:
    """Create a queue. `options` are those of the CDK's `Queue`."""
    return sqs.Queue(
        scope,
        id_,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        **options,
    )


def create_failure_queue(scope: Construct) -> sqs.Queue:
    """Create a dead-letter queue, whose messages wait for an operator."""
    queue = create_queue(
        scope, "Failed", retention_period=Duration.days(topology.QUEUE_DAYS)
    )
    suppress_nag(
        queue, "SQS3", "it is where others' failures end: it has none of its own"
    )
    return queue


def create_work_queue(
    scope: Construct,
    failed: sqs.Queue,
    *,
    max_runs: int,
    visibility_timeout: int,
    **options: Any,
) -> sqs.Queue:
    """Create a queue whose messages are retried until they are done.

    A message becomes visible again after `visibility_timeout` seconds. After `max_runs` deliveries
    it moves to `failed`.
    """
    return create_queue(
        scope,
        "Waiting",
        visibility_timeout=Duration.seconds(visibility_timeout),
        dead_letter_queue=sqs.DeadLetterQueue(queue=failed, max_receive_count=max_runs),
        **options,
    )


def consume_policy(queue: sqs.Queue) -> iam.PolicyStatement:
    """Permission to consume a queue. Lambda checks it when the event source mapping is created."""
    return allow([f"sqs:{action}" for action in _CONSUME_ACTIONS], [queue.queue_arn])


def subscribe(
    scope: Construct, queue: sqs.Queue, function: lambda_.Function, *, concurrency: int
) -> lambda_.CfnEventSourceMapping:
    """Invoke a function for each message of a queue, at most `concurrency` at a time."""
    return lambda_.CfnEventSourceMapping(
        scope,
        "Mapping",
        function_name=function.function_arn,
        event_source_arn=queue.queue_arn,
        # A message is an erasure or a file: each may take a whole run of the function.
        batch_size=1,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(
            maximum_concurrency=concurrency
        ),
    )


def allow(actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    """Allow actions on resources."""
    return iam.PolicyStatement(actions=actions, resources=resources)


class ErasureQueues(Construct):
    """The queues between an erasure that began and `erase`, which retries it until it is done.

    `associate` sends the messages, because it reads the stream of `customers` already and AWS
    advises at most two readers of a stream. `waiting`: the queue of erasures that the shop asked
    for. `visitors`: of those that visitors asked for themselves, who may be many: fewer run at a
    time, and none of the others waits for them. `failed`: the queue of those given up.
    """

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.failed = create_failure_queue(self)
        self.waiting = self._create(self)
        self._visitors_scope = Construct(self, "Visitors")
        self.visitors = self._create(self._visitors_scope)

    @property
    def by_variable(self) -> Mapping[str, sqs.Queue]:
        """The queues by the variables of functions that name them."""
        variables = erasure_queue.VARIABLES
        return {variables["shop"]: self.waiting, variables["visitor"]: self.visitors}

    @property
    def arns(self) -> list[str]:
        """The ARNs of both queues."""
        return [self.waiting.queue_arn, self.visitors.queue_arn]

    def subscribe(self, erase: lambda_.Function) -> None:
        """Let `erase` consume both queues."""
        permission = iam.Policy(
            self,
            "Taking",
            roles=[erase.role] if erase.role else None,
            statements=[consume_policy(self.waiting), consume_policy(self.visitors)],
        )
        of_shop = subscribe(
            self, self.waiting, erase, concurrency=topology.ERASURE_CONCURRENCY
        )
        of_visitors = subscribe(
            self._visitors_scope,
            self.visitors,
            erase,
            concurrency=topology.VISITOR_ERASURE_CONCURRENCY,
        )
        # Lambda checks the permission when a mapping is created.
        of_shop.node.add_dependency(permission)
        of_visitors.node.add_dependency(permission)

    def _create(self, scope: Construct) -> sqs.Queue:
        return create_work_queue(
            scope,
            self.failed,
            max_runs=topology.ERASURE_MAX_RUNS,
            visibility_timeout=topology.ERASURE_VISIBILITY_TIMEOUT,
            retention_period=Duration.days(topology.QUEUE_DAYS),
        )
