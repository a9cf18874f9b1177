"""Records that `associate` can't carry out end in the failure queue, as far as emulated.

It hands a batch over once it is older than the mapping allows, if the function failed as a whole. It knows no partial
failures, no retries that end and no bisecting: these are shown on the function's answers here, on our own delivery in
`tests/http/test_streams.py`, and on the template in `tests/deploy/test_association.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from infra import topology
from tests.emulator.deployment import Api, Deployment
from tests.emulator.test_association import mapping
from tests.http.service import eventually, fresh


@pytest.fixture
def queue(stack: Deployment) -> str:
    """The URL of the on-failure queue."""
    return stack.name("AssociationFailed")


def test_the_outputs_name_it(stack: Deployment, queue: str) -> None:
    assert stack.outputs["Failed"] == queue


@pytest.mark.parametrize("table", list(topology.STREAM_FILTERS))
def test_it_is_the_destination_of_the_deployed_mapping(
    stack: Deployment, queue: str, table: str
) -> None:
    found = mapping(stack, table)
    destination = found["DestinationConfig"]["OnFailure"]["Destination"]
    assert destination.rpartition(":")[2] == stack.name("AssociationBatchesBucket")
    assert found["MaximumRetryAttempts"] == topology.STREAM_RETRIES
    assert found["BisectBatchOnFunctionError"] is True


def record(number: str, **keys: str) -> dict[str, Any]:
    told = {name: {"S": value} for name, value in keys.items()}
    return {
        "eventID": number,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": told, "SequenceNumber": number},
    }


def test_the_function_names_the_record_that_fails_and_carries_out_the_others(
    stack: Deployment, shop: Api
) -> None:
    """So that Lambda gives up on that one alone, after ten times."""
    shop.track(session := fresh(), "a", source="demo")
    good = record("1", session=f"demo/{session}", item="#")
    bad = record("2", item="#")
    answer = stack.invoke("associate", {"Records": [good, bad]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "2"}]}


def queue_arn(stack: Deployment) -> str:
    attributes = stack.emulator.client("sqs").get_queue_attributes(
        QueueUrl=stack.name("AssociationFailed"), AttributeNames=["QueueArn"]
    )
    return str(attributes["Attributes"]["QueueArn"])


@contextmanager
def failing(stack: Deployment) -> Iterator[None]:
    """`associate` fails as it starts, as one of its variables can't be read; records grow old in a second."""
    functions, name = stack.emulator.client("lambda"), stack.function("associate")
    uuid = stack.name("AssociationSessions")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"][
        "Variables"
    ]
    deployed = mapping(stack, "sessions")
    age = deployed["MaximumRecordAgeInSeconds"]
    kept = deployed["DestinationConfig"]
    assert age == topology.STREAM_MAX_AGE
    broken = {"Variables": {**variables, "HARDLINK_SOURCES": "nowhere.toml"}}
    functions.update_function_configuration(FunctionName=name, Environment=broken)
    functions.update_event_source_mapping(
        UUID=uuid,
        MaximumRecordAgeInSeconds=1,
        # The emulator writes into queues, not into buckets.
        DestinationConfig={"OnFailure": {"Destination": queue_arn(stack)}},
    )
    try:
        yield
    finally:
        functions.update_event_source_mapping(
            UUID=uuid, MaximumRecordAgeInSeconds=age, DestinationConfig=kept
        )
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )


def test_what_always_fails_ends_in_the_queue_and_what_comes_later_is_carried_out(
    stack: Deployment, shop: Api, queue: str
) -> None:
    """The age is shortened for it, as the emulator knows no other end; it takes no permission of the role's for it."""
    sqs = stack.emulator.client("sqs")
    with failing(stack):
        shop.track(fresh(), "lost", source="demo")
        found: list[Any] = []

        def told() -> bool:
            answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            found.extend(json.loads(m["Body"]) for m in answer.get("Messages", ()))
            return bool(found)

        eventually(told, wanted=True, seconds=shop.patience)
    assert (
        found[0]["DDBStreamBatchInfo"]["streamArn"]
        == mapping(stack, "sessions")["EventSourceArn"]
    )
    who = fresh("c")
    shop.track(session := fresh(), "kept", source="demo")
    shop.identify(session, {"registered": who}, source="demo")
    shop.settles("registered", who, "kept")


def test_the_role_may_write_there_and_nowhere_else(stack: Deployment) -> None:
    """Lambda writes in the role's name: IAM's own simulation says whether it may."""
    role = stack.emulator.client("iam").get_role(
        RoleName=stack.name("FunctionsAssociateRole")
    )

    def decision(bucket: str) -> str:
        (found,) = stack.emulator.client("iam").simulate_principal_policy(
            PolicySourceArn=role["Role"]["Arn"],
            ActionNames=["s3:PutObject"],
            ResourceArns=[f"arn:aws:s3:::{stack.name(bucket)}/aws/lambda/batch"],
        )["EvaluationResults"]
        return str(found["EvalDecision"])

    assert decision("AssociationBatchesBucket") == "allowed"
    assert decision("FeedsBucket") == "implicitDeny"
