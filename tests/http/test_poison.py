"""A record that can never be carried out stands alone: whatever else came with it is associated, and it is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from hardlink.domain.graph import profile_node
from hardlink.storage import keys
from infra import routes, topology
from infra.local import dynamodb_streams, lambda_runtime, moto_engine
from infra.local.api_gateway import Gateway, HttpRequest
from infra.local.dynamodb_streams import Shard
from infra.local.lambda_runtime import Deployment
from tests.support.engines import tables

KEY = "server-key-of-this-test"
VISITORS = [f"visitor-{number}" for number in range(6)]
POISON = VISITORS[2]
Delivered = dict[str, Any]


class Shop:
    """A service whose streams are delivered when tests say so."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._gateway = Gateway(routes.ROUTES, deployment.invoke)
        self.delivered: list[tuple[int, int]] = []
        """Of each batch, how many records it had and how many of them failed."""
        self.shards = [
            Shard(table, self._associate, first_pause=0)
            for table in deployment.tables.values()
        ]

    def visit(self, session: str, **ids: str) -> str:
        """An event and a login; answers the profile."""
        sent = {"source": {"id": "demo"}, "session": {"id": session}}
        self._call("POST", "/track", {**sent, "events": [{"type": "view"}]})
        answer = self._call("POST", "/identify", {**sent, "ids": ids})
        return str(answer["profile"]["id"])

    def events(self, type_: str, value: str) -> int:
        """Count the events of a customer."""
        return len(self._call("GET", f"/customers/{type_}/{value}/events")["events"])

    def deliver(self, most: int = 10_000) -> None:
        """So many batches of each table."""
        for shard in self.shards:
            for _ in range(most):
                if shard.idle:
                    break
                shard.deliver()

    def failed(self) -> list[str]:
        """The partitions of the records that were given up."""
        item_keys = [
            record["dynamodb"]["Keys"]
            for shard in self.shards
            for record in shard.failed
        ]
        return [tables.read_key(key).partition for key in item_keys]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = [("authorization", f"Bearer {KEY}")]
        sent = b"" if body is None else json.dumps(body).encode()
        response = self._gateway.answer(HttpRequest(method, path, headers, sent))
        assert response.status == 200, response.body
        return json.loads(response.body)

    def _associate(self, event: dict[str, Any]) -> Delivered:
        answer: Delivered = self._deployment.invoke("associate", event)
        self.delivered.append((len(event["Records"]), len(answer["batchItemFailures"])))
        return answer


@pytest.fixture
def shop() -> Iterator[Shop]:
    with lambda_runtime.run_deployment(topology.SOURCES, {"demo": KEY}) as deployment:
        yield Shop(deployment)


def poison(of: str) -> None:
    """Make an item of a profile unreadable."""
    key = keys.link_entry("demo", profile_node(of), 2)
    place = tables.raw_key(key)
    client = boto3.client("dynamodb")
    item = client.get_item(TableName="customers", Key=place)["Item"]
    client.put_item(TableName="customers", Item={**item, "nodes": {"S": "no JSON"}})


def test_all_else_of_its_batch_is_associated_at_the_first_attempt(shop: Shop) -> None:
    profiles = {name: shop.visit(name, registered=f"r-{name}") for name in VISITORS}
    poison(profiles[POISON])
    shop.deliver(most=1)
    assert shop.delivered[0] == (len(VISITORS), 1)
    assert [shop.events("registered", f"r-{name}") for name in VISITORS] == [
        1,
        1,
        0,
        1,
        1,
        1,
    ]


def test_it_is_given_up_after_its_retries_and_kept_and_nothing_else_is(
    shop: Shop,
) -> None:
    profiles = {name: shop.visit(name, registered=f"r-{name}") for name in VISITORS}
    poison(profiles[POISON])
    shop.deliver()
    theirs = {f"demo/profile={profiles[POISON]}", f"demo/{POISON}"}
    assert set(shop.failed()) == theirs
    alone = [batch for batch in shop.delivered if batch == (1, 1)]
    assert len(alone) >= len(shop.failed()) * dynamodb_streams.RETRIES
    shop.visit("later", registered="r-later")
    shop.deliver()
    assert shop.events("registered", "r-later") == 1
    assert set(shop.failed()) == theirs


def test_one_visitor_of_an_address_keeps_none_of_the_others_from_joining(
    shop: Shop,
) -> None:
    profiles = [shop.visit(name, email="all@example.com") for name in VISITORS]
    shop.deliver()
    poison(min(profiles))  # the first of them that is looked at
    shop.visit("another", registered="gordon", email="all@example.com")
    shop.deliver()
    assert shop.events("registered", "gordon") == len(VISITORS)
    assert "demo/email=all@example.com" in shop.failed()


def test_a_record_that_is_none_fails_alone(shop: Shop) -> None:
    shop.visit("s1", registered="gordon")
    records = moto_engine.take_records("customers")
    heads = [
        record for record in records if record["dynamodb"]["Keys"]["item"]["S"] == "#"
    ]
    odd = {
        **heads[0],
        "dynamodb": {"SequenceNumber": "odd", "Keys": {"other": {"S": "x"}}},
    }
    answer = shop._associate({"Records": [odd, *heads]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "odd"}]}
    assert shop.events("registered", "gordon") == 1


def test_a_node_is_looked_at_once_a_batch_however_often_it_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A visitor's first calls come together, and were all written before any of them is read."""
    looked: list[tuple[str, str]] = []
    changed = "hardlink.services.association.Association.handle_change"
    monkeypatch.setattr(changed, lambda _, *node: looked.append(node))
    item_keys = {"session": {"S": "demo/s1"}, "item": {"S": "#"}}
    records = [
        {"dynamodb": {"Keys": item_keys, "SequenceNumber": str(n)}} for n in range(3)
    ]
    with lambda_runtime.run_deployment(topology.SOURCES, {"demo": KEY}) as deployment:
        answer = deployment.invoke("associate", {"Records": records})
    assert answer == {"batchItemFailures": []}
    assert looked == [("sessions", "demo/s1")]
