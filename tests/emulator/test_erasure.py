"""An erasure of the deployed stack: from the stream by `associate` into the queue, and from there to `erase`.

That it is done a minute later, `test_whole_erasure.py` sees, when all other tests had their time.
"""

from __future__ import annotations

from tests.emulator.deployment import Api, Deployment
from tests.emulator.erasures import Erasure, count_events, count_waiting
from tests.http.service import eventually


def test_events_are_gone_at_once(
    stack: Deployment, shop: Api, erasure: Erasure
) -> None:
    eventually(lambda: count_events(stack, erasure.session), 0, shop.patience)
    assert shop.get("customers", "registered", erasure.customer).status == 404
    assert count_waiting(stack, "ErasureFailed") == (0, 0)


def test_it_was_the_deployed_mapping_of_the_queue_that_brought_it(
    stack: Deployment, shop: Api, erasure: Erasure
) -> None:
    eventually(lambda: count_events(stack, erasure.session), 0, shop.patience)
    mapping = stack.emulator.client("lambda").get_event_source_mapping(
        UUID=stack.name("ErasureMapping")
    )
    assert mapping["FunctionArn"].endswith(f":{stack.function('erase')}")
    queue = stack.name("ErasureWaiting").rpartition("/")[2]
    assert mapping["EventSourceArn"].endswith(f":{queue}")
    assert stack.outputs["Erasures"].endswith(f"/{queue}")


def test_each_role_may_do_its_own_with_this_queue_and_nothing_else(
    stack: Deployment,
) -> None:
    """IAM's own simulation says so."""
    sqs, iam = stack.emulator.client("sqs"), stack.emulator.client("iam")

    def allowed(function: str, queue: str) -> set[str]:
        asked = {"QueueUrl": stack.name(queue), "AttributeNames": ["QueueArn"]}
        arn = sqs.get_queue_attributes(**asked)["Attributes"]["QueueArn"]
        role = iam.get_role(RoleName=stack.name(f"Functions{function}Role"))["Role"][
            "Arn"
        ]
        actions = (
            "SendMessage",
            "ReceiveMessage",
            "DeleteMessage",
            "ChangeMessageVisibility",
        )
        found = iam.simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=[f"sqs:{action}" for action in actions],
            ResourceArns=[arn],
        )["EvaluationResults"]
        return {
            one["EvalActionName"].removeprefix("sqs:")
            for one in found
            if one["EvalDecision"] == "allowed"
        }

    taking = {"ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility"}
    for queue in ("ErasureWaiting", "ErasureVisitorsWaiting"):
        assert allowed("Associate", queue) == {"SendMessage"}
        assert allowed("Erase", queue) == taking
    assert (
        allowed("Associate", "ErasureFailed")
        == allowed("Erase", "ErasureFailed")
        == set()
    )
    assert allowed("Track", "ErasureWaiting") == set()
