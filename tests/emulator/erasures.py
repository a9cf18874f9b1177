"""Erasures of the deployed stack, and how many wait in its queues."""

from __future__ import annotations

from typing import NamedTuple

from hardlink.storage import keys
from tests.emulator.deployment import Api, Deployment
from tests.http.service import fresh
from tests.support.engines.tables import raw_key

COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


class Erasure(NamedTuple):
    """An erasure in progress. `id`: of its receipt."""

    id: str
    session: str
    customer: str


def begin_erasure(shop: Api) -> Erasure:
    """Erase a customer who has two events."""
    session, customer = fresh(), fresh("c")
    shop.track(session, "a", "b", source="demo")
    shop.identify(session, {"registered": customer}, source="demo")
    shop.settles("registered", customer, "a", "b")
    headers = {"authorization": f"Bearer {shop.key}"}
    reply = shop.send("POST", f"/customers/registered/{customer}/erase", b"", headers)
    assert reply.status == 202, reply.body
    return Erasure(reply.json["erasure"]["id"], session, customer)


def count_events(stack: Deployment, session: str) -> int:
    """Count the events of a session in its table."""
    partition = raw_key(keys.session_event("demo", session, 0, ""))["s"]
    answer = stack.emulator.client("dynamodb").query(
        TableName=stack.name("TablesEvents"),
        KeyConditionExpression="#p = :p AND begins_with(#s, :s)",
        ExpressionAttributeNames={"#p": "s", "#s": "item"},
        ExpressionAttributeValues={":p": partition, ":s": {"S": "e/"}},
        ConsistentRead=True,
    )
    return int(answer["Count"])


def count_waiting(stack: Deployment, queue: str) -> tuple[int, ...]:
    """Count the visible and the hidden messages of a queue."""
    url = stack.name(queue)
    answer = stack.emulator.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=list(COUNTS)
    )
    return tuple(int(answer["Attributes"][name]) for name in COUNTS)
