"""The way of an erasure from `associate` to `erase` as it is deployed."""

from __future__ import annotations

import pytest

from infra import topology
from infra.stages import Concurrency
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


def test_a_flood_of_visitors_erasures_takes_no_run_of_the_shops(dev: Template) -> None:
    mappings = dev.properties("Lambda::EventSourceMapping")
    of_visitors = mappings["ErasureVisitorsMapping"]
    queue = describe_reference(of_visitors["EventSourceArn"])
    assert queue == "ErasureVisitorsWaiting.Arn"
    function = describe_reference(of_visitors["FunctionName"])
    assert function == "FunctionsEraseFunction.Arn"
    most = topology.VISITOR_ERASURE_CONCURRENCY
    assert of_visitors["ScalingConfig"] == {"MaximumConcurrency": most}
    assert most < topology.ERASURE_CONCURRENCY
    for name in ("Associate", "Erase"):
        found = dev.properties("Lambda::Function")[f"Functions{name}Function"]
        named = found["Environment"]["Variables"]["HARDLINK_VISITOR_ERASURES"]
        assert describe_reference(named) == "ErasureVisitorsWaiting"


def test_erase_has_runs_for_both_queues() -> None:
    least = topology.ERASURE_CONCURRENCY + topology.VISITOR_ERASURE_CONCURRENCY
    assert Concurrency(account=100 * least, shares={"erase": 1}).reserved("erase")
    with pytest.raises(ValueError, match=f"is less than the {least} runs"):
        Concurrency(account=100 * (least - 1), shares={"erase": 1})


@pytest.mark.parametrize("name", ["ErasureMapping", "ErasureVisitorsMapping"])
def test_the_mapping_is_made_when_its_permissions_hold(
    dev: Template, name: str
) -> None:
    resource = dev.resources("Lambda::EventSourceMapping")[name]
    assert [describe_reference({"Ref": d}) for d in resource["DependsOn"]] == [
        "ErasureTaking"
    ]


@pytest.mark.parametrize("name", ["ErasureWaiting", "ErasureVisitorsWaiting"])
def test_a_run_that_does_not_end_comes_again_and_one_that_fails_to_the_end_is_kept(
    dev: Template, name: str
) -> None:
    waiting = dev.properties("SQS::Queue")[name]
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


def test_the_queues_are_encrypted_and_reached_by_tls_only(dev: Template) -> None:
    for name in ("ErasureWaiting", "ErasureVisitorsWaiting", "ErasureFailed"):
        assert dev.properties("SQS::Queue")[name]["SqsManagedSseEnabled"] is True
        policy = dev.properties("SQS::QueuePolicy")[f"{name}Policy"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert (statement["Effect"], statement["Action"]) == ("Deny", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_outputs_name_them(dev: Template) -> None:
    assert describe_reference(dev.outputs["Erasures"]) == "ErasureWaiting"
    of_visitors = describe_reference(dev.outputs["VisitorErasures"])
    assert of_visitors == "ErasureVisitorsWaiting"
    assert describe_reference(dev.outputs["FailedErasures"]) == "ErasureFailed"
