"""`redrive --failed`: what batches that were given up name is mended, and nothing else is."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from hardlink.domain.graph import Node
from hardlink.domain.records import Key
from infra.local import moto_engine
from infra.operations.redrive import command
from infra.operations.redrive.failed_batches import (
    FailedBatches,
    UnreadableBatch,
    parse_batch,
    parse_message,
)
from infra.operations.redrive.recompute import Outcome, Redrive
from infra.operations.redrive.report import Report
from tests.support.world import HARD_TYPES, SPACE, in_memory

SESSION = Key("sessions", f"{SPACE}/s1", "#")


def record(key: Key) -> dict[str, Any]:
    """A stream record as Lambda hands it to the function."""
    partition = {"sessions": "session", "customers": "customer"}[key.table]
    keys = {partition: {"S": key.partition}, "item": {"S": key.item}}
    return {"eventName": "MODIFY", "dynamodb": {"Keys": keys, "SequenceNumber": "1"}}


def batch(*keys: Key) -> str:
    """An invocation record as Lambda writes it into a bucket."""
    payload = json.dumps({"Records": [record(key) for key in keys]})
    return json.dumps(
        {
            "requestContext": {"condition": "MaxRecordAgeExceeded"},
            "DDBStreamBatchInfo": {"batchSize": len(keys)},
            "payload": payload,
        }
    )


def test_keys_are_read_once_each_in_their_order() -> None:
    node = Key("customers", f"{SPACE}/profile=p", "#")
    assert parse_batch(batch(SESSION, node, SESSION), "a") == (SESSION, node)


@pytest.mark.parametrize("content", ["", "{}", '{"payload": "{}"}', '{"payload": 1}'])
def test_a_file_of_another_form_is_refused(content: str) -> None:
    with pytest.raises(UnreadableBatch, match="no batch of records"):
        parse_batch(content, "a")


@pytest.mark.parametrize("body", ["", "{}", '{"detail": {"bucket": {}}}'])
def test_a_message_of_another_form_is_refused(body: str) -> None:
    with pytest.raises(UnreadableBatch, match="names no file"):
        parse_message(body)


def test_only_what_the_record_named_is_mended() -> None:
    world = in_memory()
    for session, customer in (("s1", "gordon"), ("s2", "alyx")):
        world.track(session, {"type": "view", "id": session})
        world.identify(session, ids={"registered": customer})
    # No record is delivered: nobody has a session yet.
    redrive = Redrive(world.store, HARD_TYPES)
    outcomes = list(redrive.run_change(SESSION))
    assert any(outcome.written for outcome in outcomes)
    assert next(redrive.run_change(SESSION)).written == {}
    other = list(redrive.run_change(Key("sessions", f"{SPACE}/s2", "#")))
    assert any(outcome.written for outcome in other)


def test_a_soft_identifier_asks_for_every_visitor_who_is_known_by_it() -> None:
    world = in_memory()
    for session in ("s1", "s2"):
        world.track(session, {"type": "view", "id": session})
        world.identify(session, ids={"email": "b@x.com"})
    world.drain()
    # Another device joins the address to a customer, and that record is given up.
    world.identify("s3", ids={"registered": "barney", "email": "b@x.com"})
    redrive = Redrive(world.store, HARD_TYPES)
    soft = Key("customers", f"{SPACE}/email=b@x.com", "#")
    mended = list(redrive.run_change(soft))
    # The address itself, and the profiles of the two devices that it knew.
    assert len([outcome for outcome in mended if outcome.written]) == 3
    list(redrive.run_change(Key("sessions", f"{SPACE}/s3", "#")))
    assert not any(outcome.written for outcome in redrive.run_all())


def test_a_hard_identifier_and_what_is_gone_ask_for_nothing() -> None:
    world = in_memory()
    redrive = Redrive(world.store, HARD_TYPES)
    hard = Key("customers", f"{SPACE}/{Node('registered', 'gordon')}", "#")
    gone = Key("sessions", f"{SPACE}/never", "#")
    erased = Key("customers", f"{SPACE}/~/never", "~")
    assert [*redrive.run_change(hard), *redrive.run_change(gone)] == []
    assert list(redrive.run_change(erased)) == []


class Queue:
    """A queue and a bucket with one batch."""

    def __init__(self) -> None:
        self.sqs: Any = boto3.client("sqs")
        self.s3: Any = boto3.client("s3")
        self.url = self.sqs.create_queue(QueueName="failed")["QueueUrl"]
        self.s3.create_bucket(Bucket="batches")
        self.add("aws/a b", batch(SESSION))

    def add(self, file: str, content: str) -> None:
        self.s3.put_object(Bucket="batches", Key=file, Body=content)
        detail = {"bucket": {"name": "batches"}, "object": {"key": file}}
        self.send(json.dumps({"detail": detail}))

    def send(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def batches(self) -> FailedBatches:
        return FailedBatches(self.url, self.sqs, self.s3)

    def waiting(self) -> int:
        """Messages that a run right now would receive."""
        got = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return len(got.get("Messages", ()))

    def files(self) -> int:
        listed = self.s3.list_objects_v2(Bucket="batches")
        return int(listed["KeyCount"])


class Fixed:
    """Stands for `Redrive`: one outcome for each key."""

    def __init__(self, error: Exception | None = None) -> None:
        self.keys: list[Key] = []
        self._error = error

    def run_change(self, key: Key) -> list[Outcome]:
        self.keys.append(key)
        return [Outcome("k", Counter(), self._error)]


@pytest.mark.parametrize(
    ("error", "report", "left"),
    [
        (None, Report(dry_run=False), 0),
        (RuntimeError("still"), Report(dry_run=False), 1),
        (None, Report(dry_run=True), 1),
    ],
)
def test_a_batch_is_deleted_once_all_of_it_is_mended(
    error: Exception | None, report: Report, left: int
) -> None:
    with moto_engine.run_engine():
        queue, redrive = Queue(), Fixed(error)
        run_failed(redrive, queue, report)
        assert redrive.keys == [SESSION]
        assert queue.files() == left
        assert report.finish() == (1 if error else 0)


@pytest.mark.parametrize(
    ("report", "error"),
    [(Report(dry_run=True), None), (Report(dry_run=False), RuntimeError("still"))],
)
def test_what_is_left_is_found_by_a_run_right_after(
    report: Report, error: Exception | None
) -> None:
    with moto_engine.run_engine():
        queue = Queue()
        # More than one request makes visible.
        for number in range(11):
            queue.add(f"aws/{number}", batch(SESSION))
        run_failed(Fixed(error), queue, report)
        again = Fixed()
        run_failed(again, queue, Report(dry_run=False))
        assert len(again.keys) == 12
        assert (queue.files(), queue.waiting()) == (0, 0)


@pytest.mark.parametrize(
    ("report", "left"), [(Report(dry_run=True), 1), (Report(dry_run=False), 0)]
)
def test_a_batch_whose_file_is_gone_is_told_and_deleted(
    report: Report, left: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with moto_engine.run_engine():
        queue = Queue()
        queue.s3.delete_object(Bucket="batches", Key="aws/a b")
        run_failed(Fixed(), queue, report)
        assert "gone: aws/a b is not in batches any more" in capsys.readouterr().out
        assert queue.waiting() == left
        assert report.finish() == 0


def test_a_batch_that_cannot_be_read_stays_and_the_others_are_mended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with moto_engine.run_engine():
        queue, redrive, report = Queue(), Fixed(), Report(dry_run=False)
        queue.send("no message of ours")
        queue.add("aws/other", "{}")
        queue.add("aws/last", batch(SESSION))
        run_failed(redrive, queue, report)
        assert redrive.keys == [SESSION, SESSION]
        assert (queue.files(), queue.waiting()) == (1, 2)
        printed = capsys.readouterr().out
        assert "no message of ours" in printed
        assert "aws/other is no batch of records" in printed
        assert report.finish() == 1


def test_a_batch_whose_file_cannot_be_deleted_is_not_mended_again() -> None:
    with moto_engine.run_engine():
        queue = Queue()
        batches = queue.batches()
        (message,) = batches
        elsewhere = batches.read(message)._replace(bucket="elsewhere")
        with pytest.raises(ClientError):
            batches.delete(message, elsewhere)
        batches.release()
        assert queue.waiting() == 0


def run_failed(redrive: Fixed, queue: Queue, report: Report) -> None:
    """Redrive all batches of a queue."""
    command._run_failed(redrive, queue.batches(), report)  # type: ignore[arg-type]
