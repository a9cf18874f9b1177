"""SQS queues as the stack has them: encrypted, reached by TLS only; and what Lambda does with one for a function."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import topology
from infra.stack.nag import suppress_nag

_TAKING = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


def create_queue(scope: Construct, id_: str, **more: Any) -> sqs.Queue:
    """A queue; `more`: as the CDK's own has it."""
    return sqs.Queue(
        scope, id_, encryption=sqs.QueueEncryption.SQS_MANAGED, enforce_ssl=True, **more
    )


def create_failure_queue(scope: Construct) -> sqs.Queue:
    """Where what failed to the end waits, until somebody looks."""
    made = create_queue(scope, "Failed", retention_period=Duration.days(topology.QUEUE_DAYS))
    suppress_nag(made, "SQS3", "it is where others' failures end: it has none of its own")
    return made


def create_work_queue(
    scope: Construct, failed: sqs.Queue, *, runs: int, hidden: int, **more: Any
) -> sqs.Queue:
    """Messages that a function is brought: each comes again `hidden` seconds later unless it is done, so many times."""
    return create_queue(
        scope,
        "Waiting",
        visibility_timeout=Duration.seconds(hidden),
        dead_letter_queue=sqs.DeadLetterQueue(queue=failed, max_receive_count=runs),
        **more,
    )


def consume_policy(found: sqs.Queue) -> iam.PolicyStatement:
    """What Lambda itself does with a queue in its function's name, and checks when a mapping is made."""
    return allow([f"sqs:{action}" for action in _TAKING], [found.queue_arn])


def subscribe(
    scope: Construct, found: sqs.Queue, function: lambda_.Function, *, at_once: int
) -> lambda_.CfnEventSourceMapping:
    """Bring a function the messages of a queue, one a call, so many calls at a time."""
    return lambda_.CfnEventSourceMapping(
        scope,
        "Mapping",
        function_name=function.function_arn,
        event_source_arn=found.queue_arn,
        batch_size=1,
        function_response_types=["ReportBatchItemFailures"],
        scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(
            maximum_concurrency=at_once
        ),
    )


def allow(actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    """Allow these actions on these resources."""
    return iam.PolicyStatement(actions=actions, resources=resources)
