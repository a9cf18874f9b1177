"""The bucket of order feeds and its queue, from which `orders` retries a file until it is done."""

from __future__ import annotations

from typing import cast

from aws_cdk import Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import topology
from infra.stack import queues
from infra.stack.nag import suppress_nag


class OrderFeeds(Construct):
    """A bucket, the queue `waiting` of its files, and the queue `failed` of those given up.

    `keep`: the bucket outlives the stack.
    """

    def __init__(
        self, scope: Construct, id_: str, *, orders: lambda_.Function, keep: bool
    ) -> None:
        super().__init__(scope, id_)
        self.name = f"{Stack.of(self).stack_name}-feeds-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        """Fixed beforehand, because the queue has to allow the bucket before that is created."""
        self.failed = queues.create_failure_queue(self)
        self.waiting = queues.create_work_queue(
            self,
            self.failed,
            max_runs=topology.FEED_MAX_RUNS,
            # Lambda refuses a queue whose messages reappear while the function may still run.
            visibility_timeout=topology.FUNCTIONS_BY_NAME["orders"].timeout,
            retention_period=Duration.days(topology.QUEUE_DAYS),
        )
        self._bucket = self._create_bucket(keep=keep)
        self._notify_queue()
        # S3 sends a test message when the notification is set up, and fails without the right.
        self._bucket.node.add_dependency(self._allow_notifications())
        mapping = queues.subscribe(
            self, self.waiting, orders, concurrency=topology.FEED_CONCURRENCY
        )
        mapping.node.add_dependency(self._create_permission(orders))

    def _create_bucket(self, *, keep: bool) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=self.name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    expiration=Duration.days(topology.FEED_DAYS),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
            ],
            removal_policy=RemovalPolicy.RETAIN if keep else RemovalPolicy.DESTROY,
        )
        suppress_nag(
            bucket,
            "S1",
            "the shop's own files: who put one there is in CloudTrail, if it is on",
        )
        return bucket

    def _notify_queue(self) -> None:
        # The CDK's own notifications would add a function that may change any bucket's.
        prefix = s3.CfnBucket.FilterRuleProperty(
            name="prefix", value=topology.FEEDS_PREFIX
        )
        created = s3.CfnBucket.QueueConfigurationProperty(
            event="s3:ObjectCreated:*",
            queue=self.waiting.queue_arn,
            filter=s3.CfnBucket.NotificationFilterProperty(
                s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[prefix])
            ),
        )
        notifications = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[created]
        )
        _cfn_bucket(self._bucket).notification_configuration = notifications

    def _allow_notifications(self) -> Construct:
        self.waiting.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                resources=[self.waiting.queue_arn],
                conditions={
                    # Bucket names are global: once free, another account may take this one.
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    "ArnEquals": {
                        "aws:SourceArn": f"arn:{Aws.PARTITION}:s3:::{self.name}"
                    },
                },
            )
        )
        return cast("Construct", self.waiting.node.find_child("Policy"))

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
        bucket = Stack.of(self).get_logical_id(_cfn_bucket(self._bucket))
        for prefix in (topology.FEEDS_PREFIX, topology.RESULTS_PREFIX):
            suppress_nag(
                policy,
                f"IAM5[Resource::<{bucket}.Arn>/{prefix}*]",
                "every file below, and no other",
            )
        return policy


def _cfn_bucket(bucket: s3.Bucket) -> s3.CfnBucket:
    return cast("s3.CfnBucket", bucket.node.default_child)
