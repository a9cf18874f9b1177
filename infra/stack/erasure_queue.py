"""The way from an erasure that began to `erase`: a queue, so that it comes again until it is done.

`associate` tells it, as it reads the stream of `customers` anyway: a stream has at most two readers.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import topology
from infra.stack import queues


class ErasureQueue(Construct):
    """`waiting`: the queue of erasures that began; `failed`: the queue of those that were not done."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.failed = queues.create_failure_queue(self)
        self.waiting = queues.create_work_queue(
            self,
            self.failed,
            runs=topology.ERASURE_MAX_RUNS,
            hidden=topology.ERASURE_VISIBILITY_TIMEOUT,
            retention_period=Duration.days(topology.QUEUE_DAYS),
        )

    def bring(self, erase: lambda_.Function) -> None:
        """Have them carried out."""
        role = erase.role
        permission = iam.Policy(
            self,
            "Taking",
            roles=[role] if role else None,
            statements=[queues.consume_policy(self.waiting)],
        )
        mapping = queues.subscribe(self, self.waiting, erase, at_once=topology.ERASURE_CONCURRENCY)
        mapping.node.add_dependency(permission)
