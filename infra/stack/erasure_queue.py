"""The queue between an erasure that began and `erase`, which retries it until it is done.

`associate` sends the messages, because it reads the stream of `customers` already and AWS advises
at most two readers of a stream.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import topology
from infra.stack import queues


class ErasureQueue(Construct):
    """`waiting`: the queue of erasures in progress. `failed`: the queue of those given up."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.failed = queues.create_failure_queue(self)
        self.waiting = queues.create_work_queue(
            self,
            self.failed,
            max_runs=topology.ERASURE_MAX_RUNS,
            visibility_timeout=topology.ERASURE_VISIBILITY_TIMEOUT,
            retention_period=Duration.days(topology.QUEUE_DAYS),
        )

    def subscribe(self, erase: lambda_.Function) -> None:
        """Let `erase` consume the queue."""
        permission = iam.Policy(
            self,
            "Taking",
            roles=[erase.role] if erase.role else None,
            statements=[queues.consume_policy(self.waiting)],
        )
        mapping = queues.subscribe(
            self, self.waiting, erase, concurrency=topology.ERASURE_CONCURRENCY
        )
        # Lambda checks the permission when the mapping is created.
        mapping.node.add_dependency(permission)
