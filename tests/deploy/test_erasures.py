"""The way of an erasure from `associate` to `erase` as it is deployed."""

from __future__ import annotations

from infra import topology
from tests.deploy.template import Template, describe_reference

DAY = 24 * 3600


def test_erase_is_brought_what_associate_hands_on_one_at_a_time(dev: Template) -> None:
    mapping = dev.properties("Lambda::EventSourceMapping")["ErasureMapping"]
    assert describe_reference(mapping["EventSourceArn"]) == "ErasureWaiting.Arn"
    assert describe_reference(mapping["FunctionName"]) == "FunctionsEraseFunction.Arn"
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 1  # so none holds up another
    assert mapping["ScalingConfig"] == {
        "MaximumConcurrency": topology.ERASURE_CONCURRENCY
    }
    for name in ("Associate", "Erase"):
        found = dev.properties("Lambda::Function")[f"Functions{name}Function"]
        variables = found["Environment"]["Variables"]
        assert describe_reference(variables["HARDLINK_ERASURES"]) == "ErasureWaiting"


def test_the_mapping_is_made_when_its_permissions_hold(dev: Template) -> None:
    resource = dev.resources("Lambda::EventSourceMapping")["ErasureMapping"]
    assert [describe_reference({"Ref": d}) for d in resource["DependsOn"]] == [
        "ErasureTaking"
    ]


def test_a_run_that_does_not_end_comes_again_and_one_that_fails_to_the_end_is_kept(
    dev: Template,
) -> None:
    waiting = dev.properties("SQS::Queue")["ErasureWaiting"]
    run = dev.properties("Lambda::Function")["FunctionsEraseFunction"]["Timeout"]
    assert waiting["VisibilityTimeout"] >= 6 * run
    assert waiting["MessageRetentionPeriod"] == 14 * DAY
    assert (
        describe_reference(waiting["RedrivePolicy"]["deadLetterTargetArn"])
        == "ErasureFailed.Arn"
    )
    assert waiting["RedrivePolicy"]["maxReceiveCount"] == topology.ERASURE_MAX_RUNS
    assert (
        dev.properties("SQS::Queue")["ErasureFailed"]["MessageRetentionPeriod"]
        == 14 * DAY
    )


def test_both_queues_are_encrypted_and_reached_by_tls_only(dev: Template) -> None:
    for name in ("ErasureWaiting", "ErasureFailed"):
        assert dev.properties("SQS::Queue")[name]["SqsManagedSseEnabled"] is True
        policy = dev.properties("SQS::QueuePolicy")[f"{name}Policy"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Deny", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_outputs_name_both(dev: Template) -> None:
    assert describe_reference(dev.outputs["Erasures"]) == "ErasureWaiting"
    assert describe_reference(dev.outputs["FailedErasures"]) == "ErasureFailed"
