"""From a call that erases to its receipt: by the stream, through the queue, again until it is done; on moto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest

from hardlink import metrics
from hardlink.domain.times import MINUTE
from hardlink.services.erasure import sweep as erasure_sweep
from hardlink.storage import erasure_queue, keys
from infra import routes, topology
from infra.local import lambda_runtime, moto_engine
from infra.local.api_gateway import Gateway, HttpRequest
from infra.local.dynamodb_streams import Shard
from infra.local.lambda_runtime import Deployment
from infra.local.sqs import QueuePoller
from tests.http.service import eventually
from tests.support.engines import tables

KEY = "server-key-of-this-test"


class Shop:
    """A service whose streams and whose queue are delivered when tests say so."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._gateway = Gateway(routes.ROUTES, deployment.invoke)
        self.runs: list[dict[str, Any]] = []
        """What `erase` answered to each message."""
        self.messages = QueuePoller(deployment.erasures, self._erase)
        self.visitors = QueuePoller(deployment.visitor_erasures, self._erase)
        self.shards = [
            Shard(table, lambda e: deployment.invoke("associate", e), first_pause=0)
            for table in deployment.tables.values()
        ]

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A call with the server key; what it answers."""
        headers = [("authorization", f"Bearer {KEY}")]
        sent = b"" if body is None else json.dumps(body).encode()
        response = self._gateway.answer(HttpRequest(method, path, headers, sent))
        assert response.status in (200, 202), response.body
        return json.loads(response.body)

    def visit(self, session: str, customer: str) -> None:
        """Three events of a customer."""
        sent = {"source": {"id": "demo"}, "session": {"id": session}}
        events = [{"type": "view"}] * 3
        self.call(
            "POST",
            "/track",
            {**sent, "ids": {"registered": customer}, "events": events},
        )
        self.stream()

    def erase(self, customer: str) -> str:
        """Answers the receipt's ID."""
        answer = self.call("POST", f"/customers/registered/{customer}/erase")
        return str(answer["erasure"]["id"])

    def erase_session(self, session: str) -> str:
        """Answers the receipt's ID."""
        answer = self.call("POST", f"/sessions/{session}/erase")
        return str(answer["erasure"]["id"])

    def erase_themselves(self, session: str) -> str:
        """A visitor's own erasure, by the public key; answers the receipt's ID."""
        sent = {"source": {"id": "demo"}, "session": {"id": session}}
        wanted = {"tracking": "denied", "erase": True}
        answer = self.call("POST", "/consent", {**sent, **wanted})
        return str(answer["erasure"]["id"])

    def state(self, erasure: str) -> str:
        """`running` or `done`."""
        return str(self.call("GET", f"/erasures/{erasure}")["state"])

    def events(self, session: str) -> int:
        """How many events of a session there are in its table."""
        client = boto3.client("dynamodb")
        items: Any = client.scan(TableName=self.deployment.tables["events"])["Items"]
        found = [tables.read_key({n: item[n] for n in ("s", "item")}) for item in items]
        return sum(
            key.partition == f"demo/{session}" and key.item.startswith("e/")
            for key in found
        )

    def stream(self) -> None:
        """Whatever the streams have."""
        for shard in self.shards:
            while not shard.idle:
                shard.deliver()

    def bring(self) -> int:
        """Every message that shows; answers how many there were, again and again."""
        runs = 0
        while self.messages.deliver():
            runs += 1
        return runs

    def _erase(self, event: dict[str, Any]) -> Any:
        answer = self.deployment.invoke("erase", event)
        self.runs.append(answer)
        return answer


def waiting(url: str) -> tuple[int, int]:
    """How many messages of a queue show, and how many are hidden."""
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    client = cast("Any", boto3).client("sqs")
    found = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(names))[
        "Attributes"
    ]
    return int(found[names[0]]), int(found[names[1]])


@pytest.fixture
def shop() -> Iterator[Shop]:
    with lambda_runtime.run_deployment(topology.SOURCES, {"demo": KEY}) as deployment:
        metrics.take_metrics()
        yield Shop(deployment)
        metrics.take_metrics()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is put off shows again at once, and no call is under way when it does."""
    put_off = erasure_queue.ErasureQueue.postpone

    def at_once_(self: erasure_queue.ErasureQueue, receipt: str, _: int) -> None:
        put_off(self, receipt, 0)
        monkeypatch.setattr(erasure_sweep, "UNDER_WAY", -1)

    monkeypatch.setattr(erasure_queue.ErasureQueue, "postpone", at_once_)


@pytest.fixture
def put_off(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many microseconds each message was put off; in truth it shows again at once."""
    seen: list[int] = []
    real = erasure_queue.ErasureQueue.postpone

    def note(self: erasure_queue.ErasureQueue, receipt: str, microseconds: int) -> None:
        seen.append(microseconds)
        real(self, receipt, 0)

    monkeypatch.setattr(erasure_queue.ErasureQueue, "postpone", note)
    return seen


def break_(shop: Shop, erasure: str) -> dict[str, Any]:
    """Make an erasure one that can't be carried out; answers the key of what is in its way."""
    key = keys.erasure_item("demo", erasure, "s/broken")
    place = tables.raw_key(key)
    boto3.client("dynamodb").put_item(
        TableName=shop.deployment.tables["customers"], Item=place
    )
    return place


# -- where all is well ----------------------------------------------------------------------------


def test_events_go_at_once_and_the_receipt_is_done_a_minute_later(shop: Shop) -> None:
    shop.visit("s1", "gordon")
    erasure = shop.erase("gordon")
    assert shop.events("s1") == 3
    shop.stream()
    assert shop.bring() == 1
    assert shop.events("s1") == 0
    assert shop.state(erasure) == "running"
    assert waiting(shop.deployment.erasures) == (0, 1)


@pytest.mark.usefixtures("at_once")
def test_it_comes_again_until_it_is_done_and_then_waits_nowhere(shop: Shop) -> None:
    shop.visit("s1", "gordon")
    erasure = shop.erase("gordon")
    shop.stream()
    assert shop.bring() == 2
    assert [len(answer["batchItemFailures"]) for answer in shop.runs] == [1, 0]
    assert shop.state(erasure) == "done"
    shop.stream()  # that it is done is written too, and begins nothing
    assert waiting(shop.deployment.erasures) == (0, 0)


def test_it_is_put_off_for_the_rest_of_the_minute_no_more(
    shop: Shop, put_off: list[int]
) -> None:
    shop.visit("s1", "gordon")
    shop.erase("gordon")
    shop.stream()
    assert shop.messages.deliver()
    (wait,) = put_off
    assert 0 < wait <= MINUTE + 1


def test_a_visitor_who_asked_for_it_is_erased_the_same_way(shop: Shop) -> None:
    shop.visit("s1", "gordon")
    shop.erase_themselves("s1")
    shop.stream()
    assert shop.visitors.deliver()
    assert shop.events("s1") == 0


def test_who_erases_nobody_makes_no_client_of_the_queue(shop: Shop) -> None:
    erasure_queue.open_queue.cache_clear()
    shop.visit("s1", "gordon")
    assert erasure_queue.open_queue.cache_info().currsize == 0


def test_it_is_brought_in_the_background(shop: Shop) -> None:
    shop.visit("s1", "gordon")
    shop.erase("gordon")
    with shop.messages.running():
        shop.stream()
        eventually(lambda: shop.events("s1"), 0)


# -- where it is not ------------------------------------------------------------------------------


def test_one_that_can_not_be_handed_on_fails_alone_and_is_when_its_record_comes_again(
    shop: Shop,
) -> None:
    shop.visit("s1", "gordon")
    shop.erase("gordon")
    sent = {"source": {"id": "demo"}, "session": {"id": "s2"}}
    shop.call("POST", "/identify", {**sent, "ids": {"registered": "alyx"}})
    client = cast("Any", boto3).client("sqs")
    client.delete_queue(QueueUrl=shop.deployment.erasures)
    records = [
        record
        for record in moto_engine.take_records(shop.deployment.tables["customers"])
        if record["dynamodb"]["Keys"]["item"]["S"] in ("#", "~")
    ]
    (begun,) = [
        r for r in records if r["dynamodb"]["Keys"]["item"]["S"] == keys.ERASURE
    ]
    answer = shop.deployment.invoke("associate", {"Records": records})
    number = begun["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert shop.call("GET", "/customers/registered/alyx")["sessions"]
    client.create_queue(QueueName="erasures")
    answer = shop.deployment.invoke("associate", {"Records": [begun]})
    assert answer == {"batchItemFailures": []}
    assert shop.bring() == 1
    assert shop.events("s1") == 0


def test_erasures_of_visitors_wait_in_a_queue_of_their_own(shop: Shop) -> None:
    for number in range(3):
        shop.visit(f"v{number}", f"visitor-{number}")
        shop.erase_themselves(f"v{number}")
    shop.visit("s1", "gordon")
    shop.erase("gordon")
    shop.stream()
    assert waiting(shop.deployment.visitor_erasures) == (3, 0)
    assert waiting(shop.deployment.erasures) == (1, 0)
    assert shop.bring() == 1
    assert (shop.events("s1"), shop.events("v0")) == (0, 3)  # none was waited for


def test_erasures_of_visitors_are_carried_out_and_put_off_in_their_queue(
    shop: Shop, at_once: None
) -> None:
    shop.visit("v1", "gordon")
    erasure = shop.erase_themselves("v1")
    shop.stream()
    assert shop.visitors.deliver()
    assert shop.state(erasure) == "running"
    assert shop.visitors.deliver()  # it was put off there: that is its own queue
    assert shop.state(erasure) == "done"
    assert waiting(shop.deployment.visitor_erasures) == (0, 0)
    assert waiting(shop.deployment.erasures) == (0, 0)


def test_a_visitors_erasure_that_the_shop_asks_for_too_waits_for_no_visitor(
    shop: Shop, at_once: None
) -> None:
    shop.visit("v1", "gordon")
    erasure = shop.erase_themselves("v1")
    assert shop.erase_session("v1") == erasure
    assert shop.erase_session("v1") == erasure  # asking again sends no second message
    shop.stream()
    assert waiting(shop.deployment.visitor_erasures) == (1, 0)
    assert waiting(shop.deployment.erasures) == (1, 0)
    assert shop.bring() == 2
    assert shop.state(erasure) == "done"
    rows = boto3.client("dynamodb").scan(TableName=shop.deployment.tables["customers"])
    assert keys.ERASURE_BY_SHOP not in {row["item"]["S"] for row in rows["Items"]}


def test_a_poison_erasure_holds_up_nobody_is_kept_and_is_done_once_it_is_mended(
    shop: Shop, put_off: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_sweep, "UNDER_WAY", -1)
    shop.visit("s1", "gordon")
    shop.visit("s2", "alyx")
    poison = shop.erase("gordon")
    place = break_(shop, poison)
    good = shop.erase("alyx")
    shop.stream()
    assert shop.bring() == topology.ERASURE_MAX_RUNS + 1
    assert (shop.state(good), shop.state(poison)) == ("done", "running")
    assert put_off == [n * MINUTE for n in range(1, topology.ERASURE_MAX_RUNS + 1)]
    failed = f"{shop.deployment.erasures}-failed"
    assert waiting(shop.deployment.erasures) == (0, 0)
    assert waiting(failed) == (1, 0)
    boto3.client("dynamodb").delete_item(
        TableName=shop.deployment.tables["customers"], Key=place
    )
    client = cast("Any", boto3).client("sqs")
    (kept,) = client.receive_message(QueueUrl=failed)["Messages"]
    client.send_message(QueueUrl=shop.deployment.erasures, MessageBody=kept["Body"])
    assert shop.bring() == 1
    assert shop.state(poison) == "done"


def test_a_message_that_can_not_be_put_off_comes_again_all_the_same(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.visit("s1", "gordon")
    shop.erase("gordon")
    shop.stream()
    monkeypatch.setattr(erasure_queue.ErasureQueue, "postpone", lambda *_: 1 / 0)
    assert shop.bring() == 1
    assert len(shop.runs[0]["batchItemFailures"]) == 1
    assert waiting(shop.deployment.erasures) == (0, 1)


def test_a_message_that_names_no_erasure_is_kept(
    shop: Shop, put_off: list[int]
) -> None:
    bodies = ["", "[]", "{}", '{"project": "demo"}', '"text"', "7"]
    attributes = {"ApproximateReceiveCount": "1"}
    messages = [
        {
            "messageId": body,
            "receiptHandle": "r",
            "body": body,
            "attributes": attributes,
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:erasures",
        }
        for body in bodies
    ]
    answer = shop.deployment.invoke("erase", {"Records": messages})
    assert answer == {
        "batchItemFailures": [{"itemIdentifier": body} for body in bodies]
    }


def test_it_is_told_of_as_often_as_it_likes(shop: Shop, put_off: list[int]) -> None:
    shop.visit("s1", "gordon")
    erasure = shop.erase("gordon")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erasure_sweep, "UNDER_WAY", -1)
        for _ in range(3):
            erasure_queue.open_queue().send("demo", erasure)
        shop.stream()
        assert shop.bring() == 4
    assert put_off == []
    assert shop.state(erasure) == "done"


def test_a_message_is_hidden_until_the_next_second_after_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params)

    client = cast("Any", boto3).client("sqs")
    erasure_queue.open_queue().send("demo", "any")
    (message,) = client.receive_message(QueueUrl=shop.deployment.erasures)["Messages"]
    monkeypatch.setattr(erasure_queue.open_queue(), "_client", client)
    client.meta.events.register("provide-client-params.sqs", note)
    for microseconds in (1, 60_000_000, 60_000_001):
        erasure_queue.open_queue().postpone(message["ReceiptHandle"], microseconds)
    assert [one["VisibilityTimeout"] for one in asked] == [1, 60, 61]
