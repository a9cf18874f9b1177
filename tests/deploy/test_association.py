"""The way from the streams to `associate` as it is deployed."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from infra import topology
from tests.deploy.template import Template, describe_reference

STREAMS = {
    "AssociationSessions": "TablesSessions.StreamArn",
    "AssociationCustomers": "TablesCustomers.StreamArn",
}
ITEMS = {"AssociationSessions": ["#"], "AssociationCustomers": ["#", "~", "~shop"]}
"""The sort keys that matter: of sessions and nodes, and of erasures."""


def test_associate_reads_both_streams_and_nobody_else_does(dev: Template) -> None:
    mappings = dev.properties("Lambda::EventSourceMapping")
    read = {
        name: describe_reference(m["EventSourceArn"]) for name, m in mappings.items()
    }
    assert {name: arn for name, arn in read.items() if "Stream" in arn} == STREAMS
    assert {describe_reference(mappings[name]["FunctionName"]) for name in STREAMS} == {
        "FunctionsAssociateFunction.Arn"
    }


@pytest.mark.parametrize("stage", ["dev", "prod", "onward"])
def test_no_stream_has_more_than_two_readers_in_any_stage(
    stage: str, request: pytest.FixtureRequest
) -> None:
    """So AWS has it: of more, each shard's reads are throttled."""
    template: Template = request.getfixturevalue(stage)
    mappings = template.properties("Lambda::EventSourceMapping").values()
    readers = Counter(describe_reference(m["EventSourceArn"]) for m in mappings)
    streams = {arn: n for arn, n in readers.items() if arn.endswith(".StreamArn")}
    expected = dict.fromkeys(STREAMS.values(), 1)
    if stage == "onward":  # links of `customers` are forwarded too, and all events
        expected |= {"TablesCustomers.StreamArn": 2, "TablesEvents.StreamArn": 1}
    assert streams == expected
    assert max(streams.values()) <= topology.MAX_STREAM_READERS == 2


@pytest.mark.parametrize("name", STREAMS)
def test_only_changes_of_sessions_and_nodes_and_erasures_reach_it(
    dev: Template, name: str
) -> None:
    mapping = dev.properties("Lambda::EventSourceMapping")[name]
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "dynamodb": {"Keys": {"item": {"S": ITEMS[name]}}}
    }
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


@pytest.mark.parametrize("name", STREAMS)
def test_one_bad_record_holds_up_nobody_and_is_kept(dev: Template, name: str) -> None:
    mapping = dev.properties("Lambda::EventSourceMapping")[name]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    # No number of attempts ends the retries, but the age of the record: two hours.
    assert mapping["MaximumRetryAttempts"] == -1
    assert mapping["MaximumRecordAgeInSeconds"] == 2 * 3600
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert describe_reference(destination) == "AssociationBatchesBucket.Arn"


def test_batches_that_were_given_up_are_kept_for_a_fortnight(dev: Template) -> None:
    bucket = dev.properties("S3::Bucket")["AssociationBatchesBucket"]
    name = describe_reference(bucket["BucketName"])
    assert name.startswith("hardlink-dev-failed-association-")
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["ExpirationInDays"] == 14
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_queue_is_told_of_each_batch_by_eventbridge_and_of_nothing_else(
    dev: Template,
) -> None:
    """S3's own notifications begin with a test message, which would raise the alarm."""
    bucket = dev.properties("S3::Bucket")["AssociationBatchesBucket"]
    assert bucket["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }
    rule = dev.properties("Events::Rule")["AssociationRule"]
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket["BucketName"]]}},
    }
    (target,) = rule["Targets"]
    assert describe_reference(target["Arn"]) == "AssociationFailed.Arn"


@pytest.mark.parametrize("name", STREAMS)
def test_records_come_in_batches_several_at_a_time(dev: Template, name: str) -> None:
    mapping = dev.properties("Lambda::EventSourceMapping")[name]
    assert mapping["BatchSize"] == 100
    assert mapping["MaximumBatchingWindowInSeconds"] == 1
    assert mapping["ParallelizationFactor"] == 4


@pytest.mark.parametrize("name", STREAMS)
def test_it_is_made_when_its_permissions_hold(dev: Template, name: str) -> None:
    resource = dev.resources("Lambda::EventSourceMapping")[name]
    assert [describe_reference({"Ref": d}) for d in resource["DependsOn"]] == [
        "AssociationPermission"
    ]


def test_the_queue_of_failures_is_encrypted_and_kept_for_a_fortnight(
    dev: Template,
) -> None:
    queue = dev.properties("SQS::Queue")["AssociationFailed"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_queue_of_failures_is_reached_by_tls_only(dev: Template) -> None:
    policy = dev.properties("SQS::QueuePolicy")["AssociationFailedPolicy"]
    denied, allowed = policy["PolicyDocument"]["Statement"]
    assert denied["Effect"] == "Deny"
    assert denied["Action"] == "sqs:*"
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    (source,) = allowed["Condition"]["ArnEquals"].values()
    assert describe_reference(source) == "AssociationRule.Arn"
