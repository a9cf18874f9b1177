"""S3 buckets: private, encrypted, with files that expire; and how a queue is told of new files."""

from __future__ import annotations

from typing import cast

from aws_cdk import Aws, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct


def removal_policy(*, keep: bool) -> RemovalPolicy:
    """Policy of what has data. `keep`: it outlives the stack.

    A first deploy that fails deletes it in any case, as it is empty: what stayed behind would be in
    the way of the next one.
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if keep else RemovalPolicy.DESTROY


def unique_name(scope: Construct, purpose: str) -> str:
    """A name that no other stack has, nor one of the same name that was deleted.

    It is known before the bucket exists, so a queue can allow the bucket to send.
    """
    # arn:aws:cloudformation:<region>:<account>:stack/<name>/<UUID>
    uuid = Fn.select(2, Fn.split("/", Aws.STACK_ID))
    suffix = Fn.select(4, Fn.split("-", uuid))
    return f"{Stack.of(scope).stack_name}-{purpose}-{suffix}"


def create_bucket(scope: Construct, name: str, *, days: int) -> s3.Bucket:
    """Create a bucket whose files expire after `days`.

    It outlives the stack in every stage: CloudFormation cannot delete one that has files, and
    would leave the whole stack undeleted. Once its files have expired, it is empty.
    """
    return s3.Bucket(
        scope,
        "Bucket",
        bucket_name=name,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=Duration.days(days),
                abort_incomplete_multipart_upload_after=Duration.days(1),
            )
        ],
        removal_policy=removal_policy(keep=True),
    )


def notify_queue(bucket: s3.Bucket, name: str, queue: sqs.Queue, prefix: str) -> None:
    """Send a message for each new file below a prefix. `name`: the bucket's, known beforehand."""
    # The CDK's own notifications would add a function that may change any bucket's.
    rule = s3.CfnBucket.FilterRuleProperty(name="prefix", value=prefix)
    created = s3.CfnBucket.QueueConfigurationProperty(
        event="s3:ObjectCreated:*",
        queue=queue.queue_arn,
        filter=s3.CfnBucket.NotificationFilterProperty(
            s3_key=s3.CfnBucket.S3KeyFilterProperty(rules=[rule])
        ),
    )
    cfn_bucket(
        bucket
    ).notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        queue_configurations=[created]
    )
    # S3 sends a test message when the notification is set up, and fails without the right.
    bucket.node.add_dependency(_allow_notifications(queue, name))


def cfn_bucket(bucket: s3.Bucket) -> s3.CfnBucket:
    """The resource of a bucket."""
    return cast("s3.CfnBucket", bucket.node.default_child)


def _allow_notifications(queue: sqs.Queue, name: str) -> Construct:
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            principals=[iam.ServicePrincipal("s3.amazonaws.com")],
            resources=[queue.queue_arn],
            conditions={
                # Bucket names are global: once free, another account may take this one.
                "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                "ArnEquals": {"aws:SourceArn": f"arn:{Aws.PARTITION}:s3:::{name}"},
            },
        )
    )
    return cast("Construct", queue.node.find_child("Policy"))
