"""The bucket of order feeds and its queue, from which `orders` retries a file until it is done."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import topology
from infra.stack import buckets, queues
from infra.stack.nag import suppress_nag


class OrderFeeds(Construct):
    """A bucket, the queue `waiting` of its files, and the queue `failed` of those given up."""

    def __init__(self, scope: Construct, id_: str, *, orders: lambda_.Function) -> None:
        super().__init__(scope, id_)
        self.name = buckets.unique_name(self, "feeds")
        self.failed = queues.create_failure_queue(self)
        self.waiting = queues.create_work_queue(
            self,
            self.failed,
            max_runs=topology.FEED_MAX_RUNS,
            # Lambda refuses a queue whose messages reappear while the function may still run.
            visibility_timeout=topology.FUNCTIONS_BY_NAME["orders"].timeout,
            retention_period=Duration.days(topology.QUEUE_DAYS),
        )
        self._bucket = buckets.create_bucket(self, self.name, days=topology.FEED_DAYS)
        suppress_nag(
            self._bucket,
            "S1",
            "the shop's own files: who put one there is in CloudTrail, if it is on",
        )
        buckets.notify_queue(
            self._bucket, self.name, self.waiting, topology.FEEDS_PREFIX
        )
        mapping = queues.subscribe(
            self, self.waiting, orders, concurrency=topology.FEED_CONCURRENCY
        )
        mapping.node.add_dependency(self._create_permission(orders))

    def _create_permission(self, orders: lambda_.Function) -> iam.Policy:
        """Permission to read feeds, read and write results, and consume the queue."""
        feeds = self._bucket.arn_for_objects(f"{topology.FEEDS_PREFIX}*")
        results = self._bucket.arn_for_objects(f"{topology.RESULTS_PREFIX}*")
        role = orders.role
        policy = iam.Policy(
            self,
            "Permission",
            roles=[role] if role else None,
            statements=[
                queues.allow(["s3:GetObject"], [feeds, results]),
                queues.allow(["s3:PutObject"], [results]),
                queues.consume_policy(self.waiting),
            ],
        )
        bucket = Stack.of(self).get_logical_id(buckets.cfn_bucket(self._bucket))
        for prefix in (topology.FEEDS_PREFIX, topology.RESULTS_PREFIX):
            suppress_nag(
                policy,
                f"IAM5[Resource::<{bucket}.Arn>/{prefix}*]",
                "every file below, and no other",
            )
        return policy
