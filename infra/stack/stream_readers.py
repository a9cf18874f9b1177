"""Delivery of the tables' stream records to a function, and the queue of records given up."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra import topology
from infra.stack import buckets, queues
from infra.stack.nag import suppress_nag
from infra.stack.tables import Tables

SourceMapping = lambda_.CfnEventSourceMapping
_READ_ACTIONS = ("DescribeStream", "GetRecords", "GetShardIterator")


class StreamReader(Construct):
    """An event source mapping for each table, and a failure queue.

    `filters`: the record filter of each table that the function follows.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        tables: Tables,
        function: lambda_.Function,
        filters: Mapping[str, topology.StreamFilter],
    ) -> None:
        super().__init__(scope, id_)
        self._function = function
        self.failed = queues.create_failure_queue(self)
        """Names of files in the bucket, one for each batch that was given up."""
        self._bucket = self._create_bucket(id_.lower())
        streams = [_stream_arn(tables[name]) for name in filters]
        permission = self._create_permission(streams)
        for name, stream in zip(filters, streams, strict=True):
            mapping = self._create_mapping(name.capitalize(), stream, filters[name])
            # Lambda checks the permission when the mapping is created.
            mapping.node.add_dependency(permission)

    def _create_bucket(self, purpose: str) -> s3.Bucket:
        """Create the bucket of batches that were given up, each with its records."""
        scope = Construct(self, "Batches")
        name = buckets.unique_name(self, f"failed-{purpose}")
        bucket = buckets.create_bucket(scope, name, days=topology.QUEUE_DAYS)
        suppress_nag(bucket, "S1", "Lambda alone writes here, keys of records only")
        buckets.cfn_bucket(
            bucket
        ).notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                event_bridge_enabled=True
            )
        )
        self._announce_files(name)
        return bucket

    def _announce_files(self, bucket: str) -> None:
        """Send a message for each file of the bucket.

        By EventBridge: S3's own notifications begin with a test message, which would raise the
        alarm of the queue with each deployment.
        """
        rule = events.CfnRule(
            self,
            "Rule",
            description="A batch of stream records was given up",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": [bucket]}},
            },
            targets=[
                events.CfnRule.TargetProperty(arn=self.failed.queue_arn, id="Failed")
            ],
        )
        self.failed.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                resources=[self.failed.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )

    def _create_permission(self, streams: list[str]) -> iam.Policy:
        role = self._function.role
        policy = iam.Policy(
            self,
            "Permission",
            roles=[role] if role else None,
            statements=[
                queues.allow(
                    [f"dynamodb:{action}" for action in _READ_ACTIONS], streams
                ),
                queues.allow(["dynamodb:ListStreams"], ["*"]),
                queues.allow(["s3:PutObject"], [self._bucket.arn_for_objects("*")]),
                # Without it, Lambda cannot tell a missing file from a missing bucket.
                queues.allow(["s3:ListBucket"], [self._bucket.bucket_arn]),
            ],
        )
        suppress_nag(
            policy,
            "IAM5[Resource::*]",
            "to list streams knows no resources: names only",
        )
        bucket = Stack.of(self).get_logical_id(buckets.cfn_bucket(self._bucket))
        suppress_nag(
            policy,
            f"IAM5[Resource::<{bucket}.Arn>/*]",
            "Lambda chooses the names of the files",
        )
        return policy

    def _create_mapping(
        self, id_: str, stream: str, pattern: topology.StreamFilter
    ) -> SourceMapping:
        return SourceMapping(
            self,
            id_,
            function_name=self._function.function_arn,
            event_source_arn=stream,
            # A record that was written before the mapping existed is delivered too.
            starting_position="TRIM_HORIZON",
            filter_criteria=SourceMapping.FilterCriteriaProperty(
                filters=[SourceMapping.FilterProperty(pattern=json.dumps(pattern))]
            ),
            batch_size=topology.STREAM_BATCH,
            maximum_batching_window_in_seconds=topology.STREAM_WINDOW,
            parallelization_factor=topology.STREAM_PARALLEL,
            # The function names the records that failed, and Lambda repeats from the first of them.
            function_response_types=["ReportBatchItemFailures"],
            # One record that fails must not hold up the others of its batch.
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=topology.STREAM_RETRIES,
            # Age ends the retries: a throttled table, say, is mended within hours.
            maximum_record_age_in_seconds=topology.STREAM_MAX_AGE,
            destination_config=SourceMapping.DestinationConfigProperty(
                on_failure=SourceMapping.OnFailureProperty(
                    destination=self._bucket.bucket_arn
                )
            ),
        )


def _stream_arn(table: dynamodb.ITable) -> str:
    if table.table_stream_arn is None:
        raise ValueError(f"{table.node.path} has no stream")
    return table.table_stream_arn
