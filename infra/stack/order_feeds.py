"""The bucket of order feeds, and its way to `orders`: a queue, so that a large file comes again until it is done."""

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
    """A bucket, the queue of its files, and the queue of those that failed."""

    def __init__(self, scope: Construct, id_: str, *, orders: lambda_.Function, keep: bool) -> None:
        super().__init__(scope, id_)
        self.name = f"{Stack.of(self).stack_name}-feeds-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        """Known beforehand: the queue allows this bucket before there is one."""
        self.failed = queues.create_failure_queue(self)
        self.waiting = queues.create_work_queue(
            self,
            self.failed,
            runs=topology.FEED_MAX_RUNS,
            hidden=topology.FUNCTIONS_BY_NAME["orders"].timeout,
            retention_period=Duration.days(topology.QUEUE_DAYS),
        )
        self._bucket = self._made(keep=keep)
        self._bucket.node.add_dependency(self._allowed_to_send())
        mapping = queues.subscribe(self, self.waiting, orders, at_once=topology.FEED_CONCURRENCY)
        mapping.node.add_dependency(self._permission(orders))

    def _made(self, *, keep: bool) -> s3.Bucket:
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
            bucket, "S1", "the shop's own files: who put one there is in CloudTrail, if it is on"
        )
        # The CDK's own notifications would bring a function of theirs that may change any bucket's.
        plain = _plain(bucket)
        plain.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*",
                    queue=self.waiting.queue_arn,
                    filter=s3.CfnBucket.NotificationFilterProperty(
                        s3_key=s3.CfnBucket.S3KeyFilterProperty(
                            rules=[
                                s3.CfnBucket.FilterRuleProperty(
                                    name="prefix", value=topology.FEEDS_PREFIX
                                )
                            ]
                        )
                    ),
                )
            ]
        )
        return bucket

    def _allowed_to_send(self) -> Construct:
        self.waiting.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                resources=[self.waiting.queue_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    "ArnEquals": {"aws:SourceArn": f"arn:{Aws.PARTITION}:s3:::{self.name}"},
                },
            )
        )
        return cast("Construct", self.waiting.node.find_child("Policy"))

    def _permission(self, orders: lambda_.Function) -> iam.Policy:
        """Read feeds, read and write results; and what Lambda does with the queue in the function's name."""
        files = self._bucket.arn_for_objects
        feeds, results = files(f"{topology.FEEDS_PREFIX}*"), files(f"{topology.RESULTS_PREFIX}*")
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
        bucket = Stack.of(self).get_logical_id(_plain(self._bucket))
        for prefix in (topology.FEEDS_PREFIX, topology.RESULTS_PREFIX):
            suppress_nag(
                policy,
                f"IAM5[Resource::<{bucket}.Arn>/{prefix}*]",
                "every file below, and no other",
            )
        return policy


def _plain(bucket: s3.Bucket) -> s3.CfnBucket:
    """The bucket as CloudFormation has it."""
    return cast("s3.CfnBucket", bucket.node.default_child)
