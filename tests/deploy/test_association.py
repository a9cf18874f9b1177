"""The way from the streams to `associate` as it is deployed."""

from __future__ import annotations

import json

import pytest

from tests.deploy.template import Template, said

STREAMS = {
    "AssociationSessions": "TablesSessions.StreamArn",
    "AssociationCustomers": "TablesCustomers.StreamArn",
}
ERASURE = "ErasureCustomers"


def test_associate_reads_both_streams_and_erase_what_it_began(dev: Template) -> None:
    mappings = dict(dev.properties("Lambda::EventSourceMapping"))
    del mappings["FeedsMapping"]
    erasure = mappings.pop(ERASURE)
    assert said(erasure["EventSourceArn"]) == "TablesCustomers.StreamArn"
    assert said(erasure["FunctionName"]) == "FunctionsEraseFunction.Arn"
    (pattern,) = erasure["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"dynamodb": {"Keys": {"item": {"S": ["~"]}}}}
    destination = erasure["DestinationConfig"]["OnFailure"]["Destination"]
    assert said(destination) == "ErasureFailed.Arn"
    assert {name: said(m["EventSourceArn"]) for name, m in mappings.items()} == STREAMS
    assert {said(m["FunctionName"]) for m in mappings.values()} == {
        "FunctionsAssociateFunction.Arn"
    }


@pytest.mark.parametrize("name", STREAMS)
def test_only_changes_of_sessions_and_nodes_reach_it(dev: Template, name: str) -> None:
    mapping = dev.properties("Lambda::EventSourceMapping")[name]
    (pattern,) = mapping["FilterCriteria"]["Filters"]
    assert json.loads(pattern["Pattern"]) == {"dynamodb": {"Keys": {"item": {"S": ["#"]}}}}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"


@pytest.mark.parametrize("name", STREAMS)
def test_one_bad_record_holds_up_nobody_and_is_kept(dev: Template, name: str) -> None:
    mapping = dev.properties("Lambda::EventSourceMapping")[name]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == 10
    assert mapping["MaximumRecordAgeInSeconds"] == 24 * 3600
    destination = mapping["DestinationConfig"]["OnFailure"]["Destination"]
    assert said(destination) == "AssociationFailed.Arn"


@pytest.mark.parametrize("name", STREAMS)
def test_records_come_in_batches_several_at_a_time(dev: Template, name: str) -> None:
    mapping = dev.properties("Lambda::EventSourceMapping")[name]
    assert mapping["BatchSize"] == 100
    assert mapping["MaximumBatchingWindowInSeconds"] == 1
    assert mapping["ParallelizationFactor"] == 4


@pytest.mark.parametrize("name", STREAMS)
def test_it_is_made_when_its_permissions_hold(dev: Template, name: str) -> None:
    resource = dev.resources("Lambda::EventSourceMapping")[name]
    assert [said({"Ref": d}) for d in resource["DependsOn"]] == ["AssociationPermission"]


def test_the_queue_of_failures_is_encrypted_and_kept_for_a_fortnight(dev: Template) -> None:
    queue = dev.properties("SQS::Queue")["AssociationFailed"]
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_queue_of_failures_is_reached_by_tls_only(dev: Template) -> None:
    policy = dev.properties("SQS::QueuePolicy")["AssociationFailedPolicy"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Action"] == "sqs:*"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
