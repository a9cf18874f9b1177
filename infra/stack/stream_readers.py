"""The way from the tables' streams to a function, and where a record ends up that it can't carry out."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import topology
from infra.stack import queues
from infra.stack.nag import suppress_nag
from infra.stack.tables import Tables

SourceMapping = lambda_.CfnEventSourceMapping


class StreamReader(Construct):
    """An event source mapping for each table, and the queue of what failed to the end.

    `filters`: which records reach the function, by table that it follows.
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
        """What failed: where in the stream it stands, until somebody looks."""
        streams = [_stream(tables[name]) for name in filters]
        permission = self._permission(streams)
        for name, stream in zip(filters, streams, strict=True):
            self._map(name.capitalize(), stream, filters[name]).node.add_dependency(permission)

    def _permission(self, streams: list[str]) -> iam.Policy:
        """What Lambda itself does in the function's name, and checks when a mapping is made."""
        reading = ("DescribeStream", "GetRecords", "GetShardIterator")
        role = self._function.role
        policy = iam.Policy(
            self,
            "Permission",
            roles=[role] if role else None,
            statements=[
                queues.allow([f"dynamodb:{action}" for action in reading], streams),
                queues.allow(["dynamodb:ListStreams"], ["*"]),
                queues.allow(["sqs:SendMessage"], [self.failed.queue_arn]),
            ],
        )
        suppress_nag(policy, "IAM5[Resource::*]", "to list streams knows no resources: names only")
        return policy

    def _map(self, id_: str, stream: str, wanted: topology.StreamFilter) -> SourceMapping:
        return SourceMapping(
            self,
            id_,
            function_name=self._function.function_arn,
            event_source_arn=stream,
            starting_position="TRIM_HORIZON",
            filter_criteria=SourceMapping.FilterCriteriaProperty(
                filters=[SourceMapping.FilterProperty(pattern=json.dumps(wanted))]
            ),
            batch_size=topology.STREAM_BATCH,
            maximum_batching_window_in_seconds=topology.STREAM_WINDOW,
            parallelization_factor=topology.STREAM_PARALLEL,
            function_response_types=["ReportBatchItemFailures"],
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=topology.STREAM_RETRIES,
            maximum_record_age_in_seconds=topology.STREAM_MAX_AGE,
            destination_config=SourceMapping.DestinationConfigProperty(
                on_failure=SourceMapping.OnFailureProperty(destination=self.failed.queue_arn)
            ),
        )


def _stream(table: dynamodb.Table) -> str:
    if table.table_stream_arn is None:
        raise ValueError(f"{table.node.path} has no stream")
    return table.table_stream_arn
